//! What network ports are called.

use super::{Scalar, Wrong};
use crate::form::Form;
use crate::section::Kind;

/// A virtual device in DPDK's words: its name, then arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Vdev(pub(crate) Box<str>);

/// Longest text, in octets.
const VDEV_OCTETS_MAX: usize = 255;

impl Scalar for Vdev {
    const KIND: Kind = Kind::Text("a virtual device such as net_af_packet0,iface=eth1", || {
        Form {
            longest: Some(VDEV_OCTETS_MAX),
            ..Form::of("net_[A-Za-z0-9_]*(,[^,=]*=[^,]*)*")
        }
    });

    fn parse(text: &str, _: bool) -> Result<Self, Wrong> {
        let mut parts = text.split(',');
        let name = parts.next().unwrap_or_default();
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.starts_with("net_") || !name.chars().all(word) || text.len() > VDEV_OCTETS_MAX {
            return Err(Wrong::default());
        }
        match parts.find(|part| !part.contains('=')) {
            Some("") => Err(Wrong::with_fix("leave the empty argument out")),
            Some(part) => Err(Wrong::with_fix(format!("write {part}=VALUE"))),
            None => Ok(Self(text.into())),
        }
    }
}

/// `[domain:]bus:device.function`, all hexadecimal, with the domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PciAddress(pub(crate) Box<str>);

impl Scalar for PciAddress {
    const KIND: Kind = Kind::Text("a PCI address such as 0000:3b:00.0", || {
        let hex = "[0-9a-fA-F]";
        Form::of(&format!("({hex}{{4}}:)?{hex}{{2}}:{hex}{{2}}\\.{hex}"))
    });

    fn parse(text: &str, _: bool) -> Result<Self, Wrong> {
        let hex = |text: &str, digits: usize| {
            text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit())
        };
        let (domain, address) = match text.matches(':').count() {
            2 => text.split_once(':').unwrap_or_default(),
            _ => ("0000", text),
        };
        let (bus, rest) = address.split_once(':').ok_or_else(Wrong::default)?;
        let (device, function) = rest.split_once('.').ok_or_else(Wrong::default)?;
        if hex(domain, 4) && hex(bus, 2) && hex(device, 2) && hex(function, 1) {
            let full = format!("{domain}:{address}").to_ascii_lowercase();
            return Ok(Self(full.into()));
        }
        Err(Wrong::default())
    }
}
