//! rtpengine in userspace, between two veth pairs, with the streams that the generator has.

use std::net::UdpSocket;
use std::time::Duration;

use e2e::error::Failure;
use e2e::netns::{Netns, run};
use e2e::process::Process;
use e2e::wait::until;
use perf_loadgen::Stream;
use perf_loadgen::synth::Network;

use crate::bench::{Bench, Generator, MEASURED_CPU};
use crate::error::{Result, require};
use crate::ng::Ng;

/// Time that it takes to start at most.
const PATIENCE: Duration = Duration::from_secs(30);

const CONTROL: &str = "127.0.0.1:22222";

/// A running rtpengine with its two networks; ends with this value.
#[derive(Debug)]
pub(crate) struct Rtpengine {
    control: Ng,
    // Processes go before the namespaces that they live in.
    _process: Process,
    generator: Netns,
    _netns: Netns,
}

/// Interfaces: the end in rtpengine's namespace, and the generator's.
const PAIRS: [(Network, &str, &str); 2] = [
    (Network::Outside, "outside", "gen-outside"),
    (Network::Inside, "inside", "gen-inside"),
];

impl Rtpengine {
    /// Starts it on one CPU, with one thread that forwards.
    pub(crate) fn start(bench: &Bench) -> Result<Self> {
        require("rtpengine", "rtpengine-daemon")?;
        require("ethtool", "ethtool")?;
        let netns = Netns::create(&bench.id(), "rtpengine")?;
        let generator = Netns::create(&bench.id(), "generator")?;
        for (network, here, there) in PAIRS {
            connect(&netns, &generator, network, here, there)?;
        }
        let cpu = MEASURED_CPU.to_string();
        let interfaces = PAIRS
            .map(|(network, name, _)| format!("--interface={name}/{}", network.host(1, false)));
        let [outside, inside] = &interfaces;
        let control = format!("--listen-ng={CONTROL}");
        let command = [
            "taskset",
            "--cpu-list",
            &cpu,
            "rtpengine",
            "--config-file=none",
            "--foreground",
            "--log-stderr",
            "--log-level=4",
            // No kernel module: packets pass through the process.
            "--table=-1",
            "--num-threads=1",
            "--port-min=20000",
            "--port-max=59999",
            "--timeout=3600",
            outside,
            inside,
            &control,
        ];
        let mut process = Process::start(&netns, bench.folder(), "rtpengine", &command)?;
        let control = until("answer of rtpengine", PATIENCE, || {
            process.check_running()?;
            let socket = netns.enter(|| {
                let socket = UdpSocket::bind("127.0.0.1:0")
                    .and_then(|socket| socket.connect(CONTROL).map(|()| socket));
                socket.map_err(|e| Failure::Io {
                    what: "socket to rtpengine".to_owned(),
                    source: e,
                })
            })?;
            let mut control = Ng::new(socket).ok();
            let answers = control.as_mut().is_some_and(|ng| ng.ping().is_ok());
            Ok(control.filter(|_| answers))
        })?;
        Ok(Self {
            control,
            _process: process,
            generator,
            _netns: netns,
        })
    }

    /// Sets every stream up as a call, and puts rtpengine's addresses and keys into them.
    pub(crate) fn call(&mut self, streams: &mut [Stream]) -> Result<()> {
        for (number, stream) in streams.iter_mut().enumerate() {
            self.control.call(number, stream)?;
        }
        Ok(())
    }

    /// The generator at the other ends of the veth pairs.
    pub(crate) fn generator<'b>(&'b self, bench: &'b Bench, streams: &str) -> Generator<'b> {
        let mut ends = 0..;
        let [outside, inside] = PAIRS.map(|(.., name)| {
            let end = ends.next().unwrap_or_default();
            format!(
                "net_af_packet{end},iface={name},qpairs=1,framesz=2048,framecnt=1024,blocksz=65536"
            )
        });
        bench
            .generator(streams)
            .within(&self.generator)
            .set("outside", &outside)
            .set("inside", &inside)
    }
}

/// Joins the two namespaces, and gives rtpengine its address.
fn connect(
    netns: &Netns,
    generator: &Netns,
    network: Network,
    here: &str,
    there: &str,
) -> Result<()> {
    run(&[
        "ip",
        "link",
        "add",
        here,
        "netns",
        netns.name(),
        "type",
        "veth",
        "peer",
        "name",
        there,
        "netns",
        generator.name(),
    ])?;
    let address = format!("{}/24", network.host(1, false));
    netns.ip(&["address", "add", &address, "dev", here])?;
    for (netns, name) in [(netns, here), (generator, there)] {
        // Frames between the kernel and a packet socket need whole checksums.
        netns.exec(&["ethtool", "-K", name, "tx", "off"])?;
        netns.ip(&["link", "set", name, "up"])?;
    }
    Ok(())
}
