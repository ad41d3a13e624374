//! Addresses, networks, ports and protocols.

use core::net::IpAddr;

use abi::policy::Prefix;

use super::{Int, Scalar, Wrong, unknown_word};
use crate::form::{Form, ipv4, ipv6, padded};
use crate::section::Kind;

/// An IP address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Address(pub(crate) IpAddr);

impl Scalar for Address {
    const KIND: Kind = Kind::Text(
        "an IPv4 or IPv6 address, such as 192.0.2.1 or 2001:db8::1",
        || Form::of(&format!("{}|{}", ipv4(), ipv6())),
    );

    fn parse(text: &str, _: bool) -> Result<Self, Wrong> {
        if let Ok(address) = text.parse() {
            return Ok(Self(address));
        }
        Err(match text.split_once('/') {
            Some((address, _)) if address.parse::<IpAddr>().is_ok() => {
                Wrong::with_fix(format!("write {address}"))
            }
            _ => Wrong::default(),
        })
    }
}

/// An address with a prefix length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network(pub(crate) Prefix);

impl Scalar for Network {
    const KIND: Kind = Kind::Text(
        "an address and a prefix length, such as 192.0.2.1/24 or 2001:db8::1/64",
        || Form::of(&networks()),
    );

    fn parse(text: &str, _: bool) -> Result<Self, Wrong> {
        let Some((address, len)) = text.split_once('/') else {
            let address = text.parse::<IpAddr>();
            return Err(address.map_or_else(
                |_| Wrong::default(),
                |a| Wrong::with_fix(format!("write {a}/{}", if a.is_ipv4() { 24 } else { 64 })),
            ));
        };
        let address: IpAddr = address.parse().map_err(|_| Wrong::default())?;
        let digits = len.len() <= 3 && len.bytes().all(|b| b.is_ascii_digit());
        let len: u8 = len.parse().map_err(|_| Wrong::default())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        if digits && len <= most {
            Ok(Self(Prefix { address, len }))
        } else {
            Err(Wrong::default())
        }
    }
}

/// What networks look like; prefix lengths have up to three digits.
fn networks() -> String {
    let v4 = "(0{0,2}[0-9]|0?[12][0-9]|0?3[0-2])";
    let v6 = "(0{0,2}[0-9]|0?[1-9][0-9]|1[01][0-9]|12[0-8])";
    format!("{}/{v4}|({})/{v6}", ipv4(), ipv6())
}

/// Destinations of a route: a network, or `default` for everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// Every address of the next router's family.
    Default,
    /// A network.
    Network(Prefix),
}

impl Scalar for Destination {
    const KIND: Kind = Kind::Text("a network, such as 192.0.2.0/24, or 'default'", || {
        Form::of(&format!("default|{}", networks()))
    });

    fn parse(text: &str, plain: bool) -> Result<Self, Wrong> {
        if text == "default" {
            return Ok(Self::Default);
        }
        Network::parse(text, plain).map(|Network(prefix)| Self::Network(prefix))
    }
}

/// Ports from one to another, both included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PortRange {
    pub(crate) first: u16,
    pub(crate) last: u16,
}

impl Scalar for PortRange {
    const KIND: Kind = Kind::Text("a port or a range of ports, such as 16384-32767", || {
        let port = padded(1, 65_535);
        Form {
            bare: &["integer"],
            range: (Some(1), Some(65_535)),
            ..Form::of(&format!("{port}-{port}"))
        }
    });

    fn parse(text: &str, plain: bool) -> Result<Self, Wrong> {
        let (first, last) = match text.split_once('-') {
            Some(ends) => ends,
            None if plain => (text, text),
            None => return Err(Wrong::quoted(text)),
        };
        let port = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| text.parse::<u16>().ok()).flatten()
        };
        match (port(first), port(last)) {
            (None, _) | (_, None) if text.contains(' ') => {
                Err(Wrong::with_fix(format!("write {}", text.replace(' ', ""))))
            }
            (Some(0), _) => Err(Wrong::RANGE),
            (Some(first), Some(last)) if first <= last => Ok(Self { first, last }),
            (Some(first), Some(last)) => Err(Wrong::with_fix(format!("write {last}-{first}"))),
            _ => Err(Wrong::default()),
        }
    }
}

/// An IP protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Protocol(pub(crate) u8);

const PROTOCOLS: [&str; 6] = ["tcp", "udp", "icmp", "icmpv6", "esp", "gre"];
const NUMBERS: [u8; 6] = [6, 17, 1, 58, 50, 47];

impl Scalar for Protocol {
    const KIND: Kind = Kind::Either(
        &Kind::Choice(&PROTOCOLS),
        &Kind::Integer { min: 0, max: 255 },
    );

    fn parse(text: &str, plain: bool) -> Result<Self, Wrong> {
        let mut known = PROTOCOLS.iter().zip(NUMBERS);
        if let Some((_, number)) = known.find(|(name, _)| **name == text) {
            return Ok(Self(number));
        }
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            return Int::<0, 255>::parse(text, plain).map(|n| Self(n.to()));
        }
        Err(unknown_word(text, &PROTOCOLS))
    }
}
