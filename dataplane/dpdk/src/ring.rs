//! Two ports joined back to back in memory, for benchmarks and tests.

use core::ffi::{c_int, c_uint};
use std::ffi::CString;

use dpdk_sys as sys;

use crate::error::PortStep;
use crate::{Eal, Errno, PortError};

/// The name under which DPDK knows a port that [`cross`] made.
#[must_use]
pub fn port_name(name: &str) -> String {
    format!("net_ring_{name}")
}

/// Makes ports `a` and `b` of `queues` queues each; what one sends, the other receives.
///
/// Frames are handed over without a copy. `size` is a power of two: frames that each direction
/// of a queue holds, plus one. The rings live as long as the EAL, with the frames left in them.
///
/// # Errors
/// If a name is taken or too long, or the size is no power of two.
pub fn cross(eal: &Eal, a: &str, b: &str, queues: u16, size: u32) -> Result<(), PortError> {
    let _control = eal.state().control();
    let (mut there, mut back) = (Vec::new(), Vec::new());
    for queue in 0..queues {
        there.push(create(&format!("{a}-{queue}"), size)?);
        back.push(create(&format!("{b}-{queue}"), size)?);
    }
    attach(a, &back, &there)?;
    attach(b, &there, &back)
}

fn create(name: &str, size: u32) -> Result<*mut sys::rte_ring, PortError> {
    let name = CString::new(name).map_err(|_| PortError::Nul)?;
    // SAFETY: the EAL runs; the name is NUL-terminated and copied. A queue has one user on either
    // side by type, so single producer and consumer will do.
    let ring = unsafe {
        sys::rte_ring_create(
            name.as_ptr(),
            size,
            sys::UCP_SOCKET_ID_ANY,
            sys::UCP_RING_SP_SC,
        )
    };
    if ring.is_null() {
        Err(PortStep::Ring.refused()(Errno::last()))
    } else {
        Ok(ring)
    }
}

fn attach(
    name: &str,
    rx: &[*mut sys::rte_ring],
    tx: &[*mut sys::rte_ring],
) -> Result<(), PortError> {
    let name = CString::new(name).map_err(|_| PortError::Nul)?;
    let count = |rings: &[_]| c_uint::try_from(rings.len()).unwrap_or(c_uint::MAX);
    // SAFETY: the EAL runs, the arrays hold as many live rings as is said, and both they and the
    // name are copied.
    let port: c_int = unsafe {
        sys::rte_eth_from_rings(
            name.as_ptr(),
            rx.as_ptr(),
            count(rx),
            tx.as_ptr(),
            count(tx),
            0,
        )
    };
    if port < 0 {
        Err(PortStep::Ring.refused()(Errno::last()))
    } else {
        Ok(())
    }
}
