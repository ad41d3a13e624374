//! What a figure counts.

use core::fmt;

use serde::{Deserialize, Serialize};

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Packets a second.
    PacketsPerSecond,
    /// Anything else that happens so often a second.
    PerSecond,
    /// Nanoseconds a packet.
    NsPerPacket,
    /// Nanoseconds.
    Ns,
    /// Microseconds.
    Us,
    /// Milliseconds.
    Ms,
    /// Instructions a packet.
    InstructionsPerPacket,
    /// Octets.
    Octets,
    /// A part of a whole, 0 to 1.
    Share,
    /// A plain number.
    Count,
}

impl Unit {
    /// The unit in a heading.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PacketsPerSecond => "packets/s",
            Self::PerSecond => "a second",
            Self::NsPerPacket => "ns a packet",
            Self::Ns => "ns",
            Self::Us => "us",
            Self::Ms => "ms",
            Self::InstructionsPerPacket => "instructions a packet",
            Self::Octets => "octets",
            Self::Share => "share",
            Self::Count => "number",
        }
    }

    /// `value` as a reader wants it: three or four digits that mean something.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        let magnitude = value.abs();
        if magnitude >= 1e6 {
            format!("{:.3} M", value / 1e6)
        } else if magnitude >= 1e4 {
            format!("{:.1} k", value / 1e3)
        } else if magnitude >= 100.0 || magnitude == 0.0 {
            format!("{value:.0}")
        } else if magnitude >= 10.0 {
            format!("{value:.1}")
        } else {
            format!("{value:.3}")
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_the_digits_that_mean_something() {
        let shown =
            [3_216_789.0, 125_432.0, 312.4, 35.26, 0.8512, 0.0].map(|v| Unit::Count.show(v));
        assert_eq!(shown, ["3.217 M", "125.4 k", "312", "35.3", "0.851", "0"]);
    }
}
