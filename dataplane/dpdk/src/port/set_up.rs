//! The steps from a probed port to a started one.

use core::ffi::c_int;
use core::mem::MaybeUninit;
use core::ptr;

use dpdk_sys as sys;
use wire::{MacAddr, TxChecksums};

use super::{FRAME_OVERHEAD, PortConfig, Queues, SYMMETRIC_RSS_KEY};
use crate::error::{PortStep, check};
use crate::{Errno, Pool, PortError};

/// Octets of an RSS key where the port does not say.
const RSS_KEY_LEN: u8 = 40;

/// Checksums that a port is to fill in on the way out, as far as it can.
const TX_CKSUM: u64 =
    sys::UCP_TX_OFFLOAD_IPV4_CKSUM | sys::UCP_TX_OFFLOAD_UDP_CKSUM | sys::UCP_TX_OFFLOAD_TCP_CKSUM;

/// Configures a probed port and sets up its queues.
pub(super) fn set_up(port: u16, config: &PortConfig, pool: &Pool) -> Result<Queues, PortError> {
    let caps = capabilities(port)?;
    check_mtu(config.mtu, &caps, pool.data_room())?;
    let mut queues = configure(port, config, &caps)?;
    let (mut rx_desc, mut tx_desc) = (config.rx_descriptors, config.tx_descriptors);
    // SAFETY: the port is configured, and both numbers are writable.
    check(unsafe {
        sys::rte_eth_dev_adjust_nb_rx_tx_desc(port, &raw mut rx_desc, &raw mut tx_desc)
    })
    .map_err(PortStep::Descriptors.refused())?;
    queues.rx_descriptors = rx_desc;
    // SAFETY: the port exists; minus one, "any node", is kept in the conversion.
    let socket = unsafe { sys::rte_eth_dev_socket_id(port) }.cast_unsigned();
    for queue in 0..queues.rx {
        let defaults = ptr::null();
        // SAFETY: the port is configured for this queue, null means the driver's defaults, and
        // the pool outlives the port: it lives as long as the EAL.
        check(unsafe {
            sys::rte_eth_rx_queue_setup(port, queue, rx_desc, socket, defaults, pool.as_ptr())
        })
        .map_err(PortStep::RxQueue.refused())?;
    }
    for queue in 0..queues.tx {
        let defaults = ptr::null();
        // SAFETY: the port is configured for this queue; null means the driver's defaults.
        check(unsafe { sys::rte_eth_tx_queue_setup(port, queue, tx_desc, socket, defaults) })
            .map_err(PortStep::TxQueue.refused())?;
    }
    Ok(queues)
}

fn capabilities(port: u16) -> Result<sys::ucp_port_caps, PortError> {
    let mut caps = MaybeUninit::<sys::ucp_port_caps>::zeroed();
    // SAFETY: the port exists, and `caps` is writable.
    check(unsafe { sys::ucp_eth_caps(port, caps.as_mut_ptr()) })
        .map_err(PortStep::Capabilities.refused())?;
    // SAFETY: plain numbers, zeroed and then written.
    Ok(unsafe { caps.assume_init() })
}

/// A frame must fit one buffer: no stage above handles frames in several.
fn check_mtu(mtu: u16, caps: &sys::ucp_port_caps, data_room: u16) -> Result<(), PortError> {
    if mtu < caps.mtu_min || mtu > caps.mtu_max {
        let (least, most) = (caps.mtu_min, caps.mtu_max);
        return Err(PortError::MtuOutOfRange { mtu, least, most });
    }
    let need = u32::from(mtu) + u32::from(FRAME_OVERHEAD);
    if need > u32::from(data_room) {
        return Err(PortError::BufferTooSmall {
            mtu,
            need,
            have: data_room,
        });
    }
    Ok(())
}

fn configure(
    port: u16,
    config: &PortConfig,
    caps: &sys::ucp_port_caps,
) -> Result<Queues, PortError> {
    let rx = config.workers.min(caps.rx_queues_max);
    let tx = config.workers.min(caps.tx_queues_max);
    let mut key = SYMMETRIC_RSS_KEY;
    let key_len = if caps.rss_key_len == 0 {
        RSS_KEY_LEN
    } else {
        caps.rss_key_len
    };
    let key_fits = usize::from(key_len) <= key.len();
    let rss_types = if rx > 1 && key_fits {
        caps.rss_types & sys::UCP_RSS_L3_L4
    } else {
        0
    };
    let conf = sys::ucp_port_conf {
        rx_offloads: caps.rx_offloads & sys::UCP_RX_OFFLOAD_CKSUM,
        tx_offloads: caps.tx_offloads & TX_CKSUM,
        rss_types,
        rss_key: key.as_mut_ptr(),
        rss_key_len: key_len,
        rx_queues: rx,
        tx_queues: tx,
        mtu: config.mtu,
    };
    // SAFETY: the port exists and is not started; `conf` and the key that it points to, of at
    // least the length it says, outlive the call, which copies them.
    check(unsafe { sys::ucp_eth_configure(port, &raw const conf) })
        .map_err(PortStep::Configure.refused())?;
    Ok(Queues {
        rx,
        tx,
        rx_descriptors: config.rx_descriptors,
        rss: rss_types != 0,
        tx_checksums: tx_checksums(conf.tx_offloads),
    })
}

const fn tx_checksums(offloads: u64) -> TxChecksums {
    TxChecksums {
        ipv4: offloads & sys::UCP_TX_OFFLOAD_IPV4_CKSUM != 0,
        udp: offloads & sys::UCP_TX_OFFLOAD_UDP_CKSUM != 0,
        tcp: offloads & sys::UCP_TX_OFFLOAD_TCP_CKSUM != 0,
    }
}

/// Starts a port that is set up.
pub(super) fn start(port: u16, config: &PortConfig) -> Result<(), PortError> {
    // Most drivers took the MTU with the configuration; some have to tell the kernel.
    // SAFETY: the port is configured.
    optional(unsafe { sys::rte_eth_dev_set_mtu(port, config.mtu) })
        .map_err(PortStep::Mtu.refused())?;
    // SAFETY: the port and all of its queues are set up.
    check(unsafe { sys::rte_eth_dev_start(port) }).map_err(PortStep::Start.refused())?;
    if config.promiscuous {
        // SAFETY: the port is started.
        optional(unsafe { sys::rte_eth_promiscuous_enable(port) })
            .map_err(PortStep::Promiscuous.refused())?;
    }
    if config.allmulticast {
        // SAFETY: the port is started.
        optional(unsafe { sys::rte_eth_allmulticast_enable(port) })
            .map_err(PortStep::AllMulticast.refused())?;
    }
    Ok(())
}

/// Virtual devices without an operation need none: they pass every frame of any size.
fn optional(rc: c_int) -> Result<(), Errno> {
    match check(rc) {
        Err(Errno::ENOTSUP) => Ok(()),
        other => other,
    }
}

/// The station address of a started port.
pub(super) fn read_mac(port: u16) -> Result<MacAddr, PortError> {
    let mut mac = [0; 6];
    // SAFETY: the port is started, and `mac` has room for the six octets.
    check(unsafe { sys::ucp_eth_mac(port, mac.as_mut_ptr()) }).map_err(PortStep::Mac.refused())?;
    Ok(MacAddr(mac))
}
