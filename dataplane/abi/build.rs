//! Tells the compiler that there is a configuration called `loom`, which `.ci/loom` sets.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(loom)");
    println!("cargo::rerun-if-changed=build.rs");
}
