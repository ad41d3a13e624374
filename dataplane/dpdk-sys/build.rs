//! Finds the system's DPDK, compiles the shim and generates the bindings.

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::process::Command;

/// Oldest DPDK that the shim is written for.
const MIN_VERSION: &str = "22.11";

/// Only what is called in Rust or in the shim. The drivers are plugins that the EAL loads at
/// start from the directory compiled into it; `net_ring` is also called by name.
const LIBRARIES: [&str; 6] = [
    "rte_eal",
    "rte_ethdev",
    "rte_mbuf",
    "rte_mempool",
    "rte_ring",
    "rte_net_ring",
];

const FUNCTIONS: [&str; 29] = [
    "ucp_.*",
    "rte_dev_probe",
    "rte_eal_cleanup",
    "rte_eal_get_lcore_state",
    "rte_eal_init",
    "rte_eal_remote_launch",
    "rte_eal_wait_lcore",
    "rte_eth_allmulticast_enable",
    "rte_eth_dev_adjust_nb_rx_tx_desc",
    "rte_eth_dev_close",
    "rte_eth_dev_get_mtu",
    "rte_eth_dev_get_port_by_name",
    "rte_eth_dev_set_mtu",
    "rte_eth_dev_socket_id",
    "rte_eth_dev_start",
    "rte_eth_dev_stop",
    "rte_eth_from_rings",
    "rte_eth_promiscuous_enable",
    "rte_eth_rx_queue_setup",
    "rte_eth_tx_queue_setup",
    "rte_lcore_id",
    "rte_lcore_to_socket_id",
    "rte_mempool_avail_count",
    "rte_mempool_free",
    "rte_pktmbuf_free_bulk",
    "rte_pktmbuf_pool_create",
    "rte_ring_create",
    "rte_ring_free",
    "rte_version",
];

/// Structures that Rust holds only by pointer.
const OPAQUE: [&str; 5] = [
    "rte_mbuf",
    "rte_mempool",
    "rte_ring",
    "rte_eth_rxconf",
    "rte_eth_txconf",
];

fn main() -> Result<(), Box<dyn Error>> {
    for input in ["shim.c", "shim.h"] {
        println!("cargo:rerun-if-changed={input}");
    }
    println!("cargo:rerun-if-env-changed=PKG_CONFIG_PATH");
    let cflags = pkg_config(&["--cflags"])?;
    link()?;
    compile_shim(&cflags);
    generate(&cflags)
}

/// Asks pkg-config about libdpdk. The raw flags are needed, since `-march` and `-include` are
/// among them and DPDK's inline code does not compile without.
fn pkg_config(question: &[&str]) -> Result<Vec<String>, Box<dyn Error>> {
    let program = env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    let wanted = format!("libdpdk >= {MIN_VERSION}");
    let out = Command::new(program).args(question).arg(&wanted).output()?;
    if !out.status.success() {
        let why = String::from_utf8_lossy(&out.stderr).into_owned();
        return Err(format!("{wanted} is needed (Debian: libdpdk-dev): {why}").into());
    }
    Ok(String::from_utf8(out.stdout)?
        .split_whitespace()
        .map(str::to_owned)
        .collect())
}

fn link() -> Result<(), Box<dyn Error>> {
    for flag in pkg_config(&["--libs-only-L"])? {
        if let Some(dir) = flag.strip_prefix("-L") {
            println!("cargo:rustc-link-search=native={dir}");
        }
    }
    let libdir = pkg_config(&["--variable=libdir"])?.join(" ");
    println!("cargo:rustc-link-search=native={libdir}");
    for library in LIBRARIES {
        println!("cargo:rustc-link-lib=dylib={library}");
    }
    Ok(())
}

fn compile_shim(cflags: &[String]) {
    let mut shim = cc::Build::new();
    shim.file("shim.c").opt_level(3);
    for flag in cflags {
        shim.flag(flag);
    }
    shim.compile("ucpshim");
}

fn generate(cflags: &[String]) -> Result<(), Box<dyn Error>> {
    let mut bindings = bindgen::Builder::default()
        .header("shim.h")
        .clang_args(cflags)
        .allowlist_recursively(false)
        .allowlist_var("UCP_.*")
        .allowlist_type("ucp_.*|rte_lcore_state_t|lcore_function_t")
        .prepend_enum_name(false)
        .layout_tests(false)
        .generate_comments(false);
    for function in FUNCTIONS {
        bindings = bindings.allowlist_function(function);
    }
    for name in OPAQUE {
        bindings = bindings.raw_line(format!(
            "#[repr(C)] #[derive(Debug)] pub struct {name} {{ _opaque: [u8; 0] }}"
        ));
    }
    let out = PathBuf::from(env::var("OUT_DIR")?).join("bindings.rs");
    bindings.generate()?.write_to_file(out)?;
    Ok(())
}
