//! Raw bindings to the system's DPDK, 22.11 or newer.
//!
//! Generated from DPDK's own headers at build time, together with `shim.c`: DPDK has its fast
//! path only as inline functions and many constants only as macros. Mbuf fields are reached by
//! offset ([`field`]), because their enclosing anonymous structures differ between releases.
//!
//! Deliberately absent: any logic. The safe API is the crate `dpdk`, the only one to use this.

mod generated {
    #![expect(
        missing_docs,
        non_camel_case_types,
        reason = "names and documentation are DPDK's"
    )]
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}

pub mod field;

pub use generated::*;
