//! The policy that the workers run under: two interfaces with addresses for media.

use abi::policy::{Boot, Idle, Interface, MediaTermination, PolicyImage, Prefix};
use perf_loadgen::synth::{FIRST_PORT, LOCALS_FROM, Network, PAIRS_PER_ADDRESS};

/// Room for sessions, of which there are none.
const SESSIONS: u32 = 16;

/// The policy for `workers` workers with `streams` streams among them.
pub(crate) fn image(workers: u16, streams: u32) -> PolicyImage {
    let networks = [(0, Network::Outside), (1, Network::Inside)];
    PolicyImage {
        boot: Boot {
            workers,
            idle: Idle::Busy,
            sessions_max: SESSIONS,
            streams_max: streams,
            ..Boot::default()
        },
        interfaces: networks
            .map(|(device, network)| interface(device, network, streams))
            .to_vec(),
        media: networks
            .into_iter()
            .flat_map(|(device, network)| terminations(device, network, streams))
            .collect(),
        ..PolicyImage::default()
    }
}

/// Host numbers of our media addresses.
fn hosts(streams: u32) -> impl Iterator<Item = u8> {
    let count = u8::try_from(streams.div_ceil(PAIRS_PER_ADDRESS)).unwrap_or(u8::MAX);
    LOCALS_FROM..LOCALS_FROM.saturating_add(count)
}

fn interface(device: u16, network: Network, streams: u32) -> Interface {
    Interface {
        name: String::new(),
        device,
        vlan: None,
        addresses: vec![Prefix {
            address: network.host(1, false),
            len: 24,
        }],
        owned: hosts(streams)
            .map(|host| network.host(host, false))
            .collect(),
        reassemble: false,
    }
}

fn terminations(
    interface: u16,
    network: Network,
    streams: u32,
) -> impl Iterator<Item = MediaTermination> {
    let ports = u16::try_from(2 * PAIRS_PER_ADDRESS - 1).unwrap_or(u16::MAX);
    hosts(streams).map(move |host| MediaTermination {
        name: String::new(),
        interface,
        address: network.host(host, false),
        udp_port_min: FIRST_PORT,
        udp_port_max: FIRST_PORT.saturating_add(ports),
    })
}
