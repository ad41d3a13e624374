//! Steady media: numbered packets through the proxy both ways, every one of which must arrive.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};

use crate::error::{Failure, Result, ensure};
use crate::lab::{Host, Lab};
use crate::provision::provision;
use crate::proxy::Proxy;
use crate::wait::sleep;

/// Port of the peers of the first stream; each further one has the next even port.
const PORT: u16 = 40_000;
/// Time between two packets of a stream, as speech has it.
const EVERY: Duration = Duration::from_millis(20);
/// Silence after which nothing more is on its way.
const SILENCE: Duration = Duration::from_secs(2);

/// Streams in clear that run until they are stopped.
#[derive(Debug)]
pub struct Steady {
    lines: String,
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU32>,
    sender: JoinHandle<io::Result<()>>,
    receivers: Vec<JoinHandle<io::Result<Received>>>,
}

/// What has come out of the proxy at one end of a stream.
#[derive(Clone, Copy, Debug, Default)]
struct Received {
    packets: u32,
    /// First number that was not the one after the number before.
    astray: Option<(u32, u32)>,
}

/// One end of a stream.
#[derive(Debug)]
struct End {
    socket: UdpSocket,
    /// The proxy's address that it sends to.
    proxy: SocketAddr,
}

impl Steady {
    /// Has the proxy open `streams` streams and begins to send.
    ///
    /// # Errors
    /// When the proxy does not open them.
    pub fn start(lab: &Lab, proxy: &Proxy<'_>, streams: u16) -> Result<Self> {
        let peers: Vec<[SocketAddr; 2]> = (0..streams)
            .map(|n| {
                [Host::OutsidePhone, Host::InsidePhone]
                    .map(|host| SocketAddr::new(host.v4(), PORT + 2 * n))
            })
            .collect();
        let lines = list(&peers);
        let opened = open(lab, proxy, &lines)?;
        let mut ends = Vec::new();
        for (peers, proxies) in peers.into_iter().zip(opened) {
            let netns = [&lab.outside, &lab.inside];
            for ((netns, peer), proxy) in netns.into_iter().zip(peers).zip(proxies) {
                let socket = netns.enter(|| bind(peer).map_err(|e| failed("bind", e)))?;
                ends.push(End { socket, proxy });
            }
        }
        Self::run(ends, lines).map_err(|e| failed("start", e))
    }

    fn run(ends: Vec<End>, lines: String) -> io::Result<Self> {
        let (stop, sent) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU32::new(0)),
        );
        let mut receivers = Vec::new();
        for end in &ends {
            let (socket, stop) = (end.socket.try_clone()?, Arc::clone(&stop));
            receivers.push(thread::spawn(move || receive(&socket, &stop)));
        }
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&sent));
        let sender = thread::spawn(move || send(&ends, &count, &stopped));
        Ok(Self {
            lines,
            stop,
            sent,
            sender,
            receivers,
        })
    }

    /// The list that has its streams and no others.
    #[must_use]
    pub fn lines(&self) -> &str {
        &self.lines
    }

    /// Packets sent so far, by each end.
    #[must_use]
    pub fn sent(&self) -> u32 {
        self.sent.load(Relaxed)
    }

    /// Stops sending, and waits for what is on its way.
    ///
    /// # Errors
    /// When a packet was lost, doubled or overtaken, at any end.
    pub fn stop(self) -> Result<u32> {
        self.stop.store(true, Relaxed);
        join(self.sender)?;
        let sent = self.sent.load(Relaxed);
        for (end, receiver) in self.receivers.into_iter().enumerate() {
            let received = join(receiver)?;
            ensure(
                received.packets == sent && received.astray.is_none(),
                || format!("end {end}: {sent} packets sent to it, {received:?}"),
            )?;
        }
        Ok(sent)
    }
}

fn failed(what: &str, source: io::Error) -> Failure {
    let what = format!("{what} steady media");
    Failure::Io { what, source }
}

fn join<T>(thread: JoinHandle<io::Result<T>>) -> Result<T> {
    let panicked = || Failure::Unexpected("a media thread panicked".to_owned());
    let ended = thread.join().map_err(|_| panicked())?;
    ended.map_err(|e| failed("run", e))
}

/// A stream between each pair of peers.
fn list(peers: &[[SocketAddr; 2]]) -> String {
    let [outside, inside] =
        [Host::OutsideMedia, Host::InsideMedia].map(|host| SocketAddr::new(host.v4(), 0));
    let lines = peers.iter().map(|[client, server]| {
        let line = json!({
            "client": {"local": outside, "peer": client},
            "server": {"local": inside, "peer": server},
        });
        format!("{line}\n")
    });
    lines.collect()
}

/// Opens the streams of a list; returns where each pair of peers is to send.
fn open(lab: &Lab, proxy: &Proxy<'_>, lines: &str) -> Result<Vec<[SocketAddr; 2]>> {
    let printed = provision(lab, proxy, lines)?;
    let opened = printed.lines().map(|line| {
        let unreadable = || Failure::Unexpected(format!("provisioned: {line}"));
        let json: Value = serde_json::from_str(line).map_err(|_| unreadable())?;
        let local = |side: &str| {
            let text = json.get(side)?.get("local")?.as_str()?;
            text.parse().ok()
        };
        let both = local("client")
            .zip(local("server"))
            .ok_or_else(unreadable)?;
        Ok([both.0, both.1])
    });
    opened.collect()
}

fn bind(own: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(own)?;
    socket.set_read_timeout(Some(SILENCE))?;
    Ok(socket)
}

/// An RTP packet of PCMU that bears `number` in its header and, whole, in its payload.
fn packet(number: u32) -> Vec<u8> {
    let [_, _, high, low] = number.to_be_bytes();
    let mut packet = vec![0x80, 0, high, low];
    packet.extend_from_slice(&number.wrapping_mul(160).to_be_bytes());
    packet.extend_from_slice(&0x5eed_0001_u32.to_be_bytes());
    packet.extend_from_slice(&number.to_be_bytes());
    packet.resize(12 + 160, 0x55);
    packet
}

fn send(ends: &[End], sent: &AtomicU32, stop: &AtomicBool) -> io::Result<()> {
    while !stop.load(Relaxed) {
        let packet = packet(sent.load(Relaxed));
        for end in ends {
            end.socket.send_to(&packet, end.proxy)?;
        }
        sent.fetch_add(1, Relaxed);
        sleep(EVERY);
    }
    Ok(())
}

fn receive(socket: &UdpSocket, stop: &AtomicBool) -> io::Result<Received> {
    let mut received = Received::default();
    let mut octets = [0; 2_048];
    loop {
        match socket.recv(&mut octets) {
            Ok(_) => {
                let [.., a, b, c, d] = *octets.first_chunk::<16>().unwrap_or(&[0; 16]);
                let number = u32::from_be_bytes([a, b, c, d]);
                if number != received.packets {
                    received.astray.get_or_insert((received.packets, number));
                }
                received.packets += 1;
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if stop.load(Relaxed) {
                    return Ok(received);
                }
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cabled() -> (Steady, SocketAddr) {
        let sockets = [(); 2].map(|()| bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap());
        let [first, second] = [0, 1].map(|n: usize| sockets[n].local_addr().unwrap());
        let ends = sockets.into_iter().zip([second, first]);
        let ends = ends.map(|(socket, proxy)| End { socket, proxy });
        (Steady::run(ends.collect(), String::new()).unwrap(), first)
    }

    #[test]
    fn a_cable_loses_nothing() {
        let (steady, _) = cabled();
        while steady.sent() < 10 {
            sleep(EVERY);
        }
        assert!(10 <= steady.stop().unwrap());
    }

    #[test]
    fn a_packet_too_many_is_noticed() {
        let (steady, end) = cabled();
        let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
        stranger.send_to(&packet(0), end).unwrap();
        assert!(steady.stop().is_err());
    }
}
