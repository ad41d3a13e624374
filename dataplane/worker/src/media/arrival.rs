//! The short way from a frame to its media port, past the parser of all packets.

use core::net::SocketAddr;

use ip::Stack;
use wire::udp::{Datagram, PlainV4, PlainV6};
use wire::{Frame, Link, ethernet};

use super::MediaEngine;
use super::terminations::MediaPort;

/// A datagram to one of our media ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The port.
    pub port: MediaPort,
    pub(super) src: SocketAddr,
    pub(super) traffic_class: u8,
    /// Offset of the payload in its frame.
    pub(super) payload: u16,
    pub(super) payload_end: u16,
}

impl Arrival {
    /// Of a datagram to `port`.
    #[inline]
    pub const fn new(port: MediaPort, datagram: &Datagram) -> Self {
        Self {
            port,
            src: datagram.src,
            traffic_class: datagram.traffic_class,
            payload: datagram.payload,
            payload_end: datagram.payload_end,
        }
    }
}

impl<F: Frame> MediaEngine<F> {
    /// What a frame from `port` brings to one of our media ports, where its headers are as nearly
    /// all media has them and nothing is wrong with it.
    ///
    /// `None` says nothing about a frame: `wire::parse` and [`MediaEngine::port`] find out whether
    /// it is media all the same, or what is wrong. Checksums come last, so that they are not
    /// verified here of what is verified there.
    // Called in one place of a loop: so the compiler joins it with what it does for a packet.
    #[inline(always)]
    pub fn recognise(&self, stack: &Stack<F>, port: u16, frame: &F) -> Option<Arrival> {
        let (link, ethertype) = Link::read(frame).ok()?;
        if !stack.is_for_station(port, &link) {
            return None;
        }
        match ethertype {
            ethernet::IPV4 => self.recognise_v4(link.len, frame),
            ethernet::IPV6 => self.recognise_v6(link.len, frame),
            _ => None,
        }
    }

    #[inline(always)]
    fn recognise_v4(&self, l3: u8, frame: &F) -> Option<Arrival> {
        let plain = PlainV4::parse(frame.data(), l3)?;
        let datagram = plain.datagram();
        let port = self.terminations.find(datagram.dst)?;
        let is_valid = plain.has_valid_checksums(frame.rx_ip_checksum(), frame.rx_l4_checksum());
        is_valid.then_some(Arrival::new(port, &datagram))
    }

    // Out of line, so that the two families are not joined octet by octet.
    #[inline(never)]
    fn recognise_v6(&self, l3: u8, frame: &F) -> Option<Arrival> {
        let plain = PlainV6::parse(frame.data(), l3)?;
        let datagram = plain.datagram();
        let port = self.terminations.find(datagram.dst)?;
        let is_valid = plain.has_valid_checksum(frame.rx_l4_checksum());
        is_valid.then_some(Arrival::new(port, &datagram))
    }
}
