//! Generates the bindings of the installed intel-ipsec-mb, so that structure layouts are those
//! of the library that is linked.

use std::env;
use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rustc-link-lib=IPSec_MB");
    println!("cargo::rerun-if-changed=build.rs");
    let bindings = bindgen::Builder::default()
        .header_contents("ipsec_mb.h", "#include <intel-ipsec-mb.h>\n")
        // Without this the header defines short names of its older interface.
        .clang_arg("-DNO_COMPAT_IMB_API_053")
        .allowlist_function("alloc_mb_mgr|free_mb_mgr|init_mb_mgr_auto|init_mb_mgr_sse")
        .allowlist_function("imb_get_version")
        .allowlist_type("IMB_MGR|IMB_JOB|gcm_key_data|gcm_context_data")
        .allowlist_type("IMB_CIPHER_MODE|IMB_CIPHER_DIRECTION|IMB_HASH_ALG|IMB_KEY_SIZE_BYTES")
        .allowlist_var("IMB_VERSION_NUM|IMB_FEATURE_SHANI|IMB_FEATURE_SELF_TEST.*")
        .prepend_enum_name(false)
        .derive_debug(false)
        .layout_tests(false)
        .generate()
        .map_err(|e| format!("{e}; is libipsec-mb-dev installed?"))?;
    let out = PathBuf::from(env::var("OUT_DIR")?).join("ipsec_mb.rs");
    bindings.write_to_file(out)?;
    Ok(())
}
