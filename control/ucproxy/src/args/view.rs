//! What `show` is asked for.

use core::net::IpAddr;

use abi::policy::Prefix;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum View {
    /// Processes, workers and policy
    Status,
    /// Limits, units in use, and what may still be admitted
    License,
    /// TLS proxies; their sessions, or counts of them
    TlsProxy {
        #[command(subcommand)]
        what: Option<TlsProxy>,
        #[command(flatten)]
        filter: Filter,
    },
    /// Live media streams, and the delay of media
    Media {
        #[command(flatten)]
        filter: Filter,
    },
    /// TCP connections and media flows, both legs of each
    Conn {
        #[command(flatten)]
        filter: Filter,
    },
    /// Counters and refusals, in all and for each worker
    Counters {
        /// Leave out those that are zero
        #[arg(long)]
        nonzero: bool,
    },
    /// Devices with what they have counted, and the interfaces on them
    Interfaces,
    /// ARP and neighbour discovery
    Neighbors,
    /// How busy workers are, and what they have in hand
    Workers {
        /// Seconds over which the share of busy time is taken; 0 for since the start only
        #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(..=3_600))]
        interval: u16,
    },
    /// Certificates in use, until when they hold, and what uses them
    Certificates,
    /// Versions of the programs and of what lies between them
    Version,
    /// The running configuration as text
    Configuration,
}

/// What `show tls-proxy` is to list.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum TlsProxy {
    /// Live sessions
    Session {
        #[command(subcommand)]
        how: Option<Sessions>,
    },
    /// How many sessions there are, by application and state
    Count,
}

/// How sessions are told.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Sessions {
    /// With ciphers, all addresses and times
    Detail,
}

/// Which sessions, streams and connections are shown; all of these must hold.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Filter {
    /// Only with an address of this network at either end of either leg
    #[arg(long, global = true, value_name = "ADDRESS[/LENGTH]", value_parser = network)]
    address: Option<Prefix>,
    /// Only of clients whose certificate has this common name, in either case
    #[arg(long, global = true, value_name = "NAME")]
    user: Option<String>,
    /// Only of this application
    #[arg(long, global = true, value_name = "NAME")]
    app: Option<String>,
}

impl Filter {
    /// Whether it takes what belongs to this application, as far as that goes.
    pub(crate) fn names(&self, app: &str) -> bool {
        is(self.app.as_ref(), app)
    }

    /// Whether to show what has these addresses, and belongs to this user and application.
    pub(crate) fn takes(
        &self,
        addresses: impl IntoIterator<Item = IpAddr>,
        user: &str,
        app: &str,
    ) -> bool {
        let mut addresses = addresses.into_iter();
        self.address
            .is_none_or(|network| addresses.any(|address| within(network, address)))
            && is(self.user.as_ref(), user)
            && self.names(app)
    }
}

fn is(wanted: Option<&String>, found: &str) -> bool {
    wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(found))
}

fn network(text: &str) -> Result<Prefix, &'static str> {
    const EXPECTED: &str = "expected an address, or a network such as 192.0.2.0/24";
    let (address, len) = match text.split_once('/') {
        Some((address, len)) => (address, Some(len)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| EXPECTED)?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let len = len.map_or(Ok(most), |len| len.parse().map_err(|_| EXPECTED))?;
    if len > most {
        return Err(EXPECTED);
    }
    Ok(Prefix { address, len })
}

fn within(network: Prefix, address: IpAddr) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    };
    let differs = bits(network.address) ^ bits(address);
    let same = u32::from(network.len) <= differs.leading_zeros();
    network.address.is_ipv4() == address.is_ipv4() && same
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses_and_no_others() {
        let holds =
            |text: &str, address: &str| within(network(text).unwrap(), address.parse().unwrap());
        assert!(holds("192.0.2.128/25", "192.0.2.200"));
        assert!(!holds("192.0.2.128/25", "192.0.2.100"));
        assert!(holds("192.0.2.7", "192.0.2.7") && !holds("192.0.2.7", "192.0.2.6"));
        assert!(holds("0.0.0.0/0", "203.0.113.1") && !holds("0.0.0.0/0", "2001:db8::1"));
        assert!(holds("2001:db8::/32", "2001:db8:ffff::1") && !holds("::/0", "192.0.2.1"));
        assert!(holds("2001:db8::1", "2001:db8::1") && !holds("2001:db8::1", "2001:db8::"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "host",
            "192.0.2.0/33",
            "2001:db8::/129",
            "192.0.2.0/",
            "192.0.2.0/-1",
        ] {
            assert!(network(text).is_err(), "{text}");
        }
    }

    #[test]
    fn all_parts_of_a_filter_must_hold() {
        let filter = Filter {
            address: Some(network("192.0.2.0/24").unwrap()),
            user: Some("sep0011".into()),
            app: None,
        };
        let here = || ["192.0.2.1".parse().unwrap()];
        assert!(filter.takes(here(), "SEP0011", "phones"));
        assert!(!filter.takes(here(), "SEP0012", "phones"));
        assert!(!filter.takes([], "SEP0011", "phones"));
        assert!(Filter::default().takes([], "", ""));
    }
}
