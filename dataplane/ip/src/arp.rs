//! ARP: asking, answering, and whom to believe.

use core::net::{IpAddr, Ipv4Addr};

use abi::{Counter, Now, Reason};
use wire::{
    Frame, Link, MacAddr,
    arp::{self, ArpRepr, Operation},
    ethernet::{self, EthernetRepr},
};

use crate::{Egress, InterfaceId, Stack, interface::Interface};

impl Interface {
    /// Asks for the station address of `address`: `station` alone, or everyone.
    pub(crate) fn ask<F: Frame>(
        &self,
        address: IpAddr,
        station: Option<MacAddr>,
        out: &mut impl Egress<F>,
    ) {
        out.count(Counter::ArpRequests);
        match address {
            IpAddr::V4(target) => self.send_arp_request(target, station, out),
            IpAddr::V6(target) => self.send_solicitation(target, station, out),
        }
    }

    fn send_arp_request<F: Frame>(
        &self,
        target: Ipv4Addr,
        station: Option<MacAddr>,
        out: &mut impl Egress<F>,
    ) {
        let Some(sender_ip) = self.ipv4_source(target) else {
            return out.refuse(Reason::NeighborUnresolved);
        };
        let request = ArpRepr {
            operation: Operation::Request,
            sender_mac: self.mac,
            sender_ip,
            target_mac: station.unwrap_or_default(),
            target_ip: target,
        };
        let dst = station.unwrap_or(MacAddr::BROADCAST);
        self.send_new(
            dst,
            ethernet::ARP,
            arp::LEN,
            |packet| request.emit(packet),
            out,
        );
    }

    /// Tells everyone that `address` is at this station (RFC 5227 §3).
    pub(crate) fn send_gratuitous_arp<F: Frame>(
        &self,
        address: Ipv4Addr,
        out: &mut impl Egress<F>,
    ) {
        let announcement = ArpRepr {
            operation: Operation::Request,
            sender_mac: self.mac,
            sender_ip: address,
            target_mac: MacAddr::default(),
            target_ip: address,
        };
        let write = |packet: &mut [u8]| announcement.emit(packet);
        self.send_new(MacAddr::BROADCAST, ethernet::ARP, arp::LEN, write, out);
    }

    /// Sends a new frame with a packet of `len` octets that `write` fills in.
    pub(crate) fn send_new<F: Frame>(
        &self,
        dst: MacAddr,
        ethertype: u16,
        len: usize,
        write: impl FnOnce(&mut [u8]) -> Option<()>,
        out: &mut impl Egress<F>,
    ) {
        let header = EthernetRepr {
            dst,
            src: self.mac,
            vlan: self.vlan,
            ethertype,
        };
        let Some(mut frame) = out.alloc(self.port) else {
            return out.refuse(Reason::NoBuffer);
        };
        let header_len = header.header_len();
        if !frame.append(header_len + len) {
            return out.refuse(Reason::NoBuffer);
        }
        let data = frame.data_mut();
        let written = header
            .emit(data)
            .and_then(|()| write(data.get_mut(header_len..)?));
        match written {
            Some(()) => out.send(self.port, frame),
            None => out.refuse(Reason::NoBuffer),
        }
    }
}

impl<F: Frame> Stack<F> {
    /// Takes in an ARP packet that came by `port`: answers questions about our addresses, and
    /// believes answers to our own questions.
    pub fn on_arp(&mut self, port: u16, frame: F, link: &Link, now: Now, out: &mut impl Egress<F>) {
        if let Err(reason) = self.take_arp(port, frame, link, now, out) {
            out.refuse(reason);
        }
    }

    fn take_arp(
        &mut self,
        port: u16,
        frame: F,
        link: &Link,
        now: Now,
        out: &mut impl Egress<F>,
    ) -> Result<(), Reason> {
        let (id, interface) = self.link_interface(port, link)?;
        if link.dst != interface.mac && !link.dst.is_multicast() {
            return Err(Reason::EthNotForUs);
        }
        let packet = frame.data().get(link.len.into()..).unwrap_or_default();
        let repr = ArpRepr::parse(packet)?;
        check_sender(&repr)?;
        let asks_us = interface.answers_for(repr.target_ip.into());
        if interface.answers_for(repr.sender_ip.into()) {
            // Somebody claims an address of ours, or sends our own words back to us.
            return Err(Reason::IpBadSource);
        }
        let header = interface.link_header(repr.sender_mac, ethernet::IPV4);
        let key = (id, IpAddr::V4(repr.sender_ip));
        let to_us_alone = asks_us && link.dst == interface.mac;
        let is_neighbor = self.is_neighbor(id, key.1);
        let learned = match repr.operation {
            _ if !is_neighbor => None,
            Operation::Request if asks_us => self.neighbors.learn_from_question(key, header, now),
            Operation::Reply if to_us_alone => self.neighbors.learn(key, header, now),
            _ => None,
        };
        match learned {
            Some(learned) => Self::settle(key, learned, out),
            None if self.neighbors.contradicts(key, repr.sender_mac) => {
                self.neighbors.dispute(key, now);
                self.poll(now, out);
            }
            None => {}
        }
        if asks_us && repr.operation == Operation::Request {
            self.answer_arp(id, frame, link, &repr, out);
        }
        Ok(())
    }

    /// Turns the request in `frame` into its reply.
    fn answer_arp(
        &self,
        id: InterfaceId,
        mut frame: F,
        link: &Link,
        request: &ArpRepr,
        out: &mut impl Egress<F>,
    ) {
        let Some(interface) = self.interface(id) else {
            return;
        };
        let reply = ArpRepr {
            operation: Operation::Reply,
            sender_mac: interface.mac,
            sender_ip: request.target_ip,
            target_mac: request.sender_mac,
            target_ip: request.sender_ip,
        };
        let at = usize::from(link.len);
        frame.truncate(at + arp::LEN);
        let data = frame.data_mut();
        let written = data.get_mut(at..).and_then(|packet| reply.emit(packet));
        match written.and_then(|()| interface.readdress(data, request.sender_mac)) {
            Some(()) => out.send(interface.port, frame),
            None => out.refuse(Reason::NoBuffer),
        }
    }
}

impl Interface {
    /// Sends a received frame back: to `station`, from us. Its tag stays as it is.
    pub(crate) fn readdress(&self, frame: &mut [u8], station: MacAddr) -> Option<()> {
        let (dst, rest) = frame.split_first_chunk_mut::<6>()?;
        *dst = station.0;
        *rest.first_chunk_mut()? = self.mac.0;
        Some(())
    }
}

/// A sender that cannot be one station with one address.
fn check_sender(repr: &ArpRepr) -> Result<(), Reason> {
    let ArpRepr {
        sender_mac,
        sender_ip,
        ..
    } = *repr;
    let bad_mac = sender_mac.is_multicast() || sender_mac == MacAddr::default();
    let bad_ip = sender_ip.is_multicast() || sender_ip.is_broadcast() || sender_ip.is_loopback();
    if bad_mac || bad_ip {
        Err(Reason::ArpMalformed)
    } else {
        Ok(())
    }
}
