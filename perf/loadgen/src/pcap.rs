//! Captures, for generators that can only replay.

use std::io::{self, Write};

/// Written at the head of a file whose times have nanoseconds, in our byte order.
const MAGIC: u32 = 0xa1b2_3c4d;
const VERSION: (u16, u16) = (2, 4);
const SNAP_LEN: u32 = 65_535;
const ETHERNET: u32 = 1;

/// Writes frames to a capture file.
#[derive(Debug)]
pub struct Pcap<W> {
    to: W,
}

impl<W: Write> Pcap<W> {
    /// Begins a capture.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin(mut to: W) -> io::Result<Self> {
        to.write_all(&MAGIC.to_ne_bytes())?;
        to.write_all(&VERSION.0.to_ne_bytes())?;
        to.write_all(&VERSION.1.to_ne_bytes())?;
        // Time zone and accuracy of the times: none are given any more.
        to.write_all(&[0; 8])?;
        to.write_all(&SNAP_LEN.to_ne_bytes())?;
        to.write_all(&ETHERNET.to_ne_bytes())?;
        Ok(Self { to })
    }

    /// Adds a frame that left `nanos` after the first.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn frame(&mut self, nanos: u64, octets: &[u8]) -> io::Result<()> {
        let narrow = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        let len = narrow(octets.len() as u64);
        for field in [
            narrow(nanos / 1_000_000_000),
            narrow(nanos % 1_000_000_000),
            len,
            len,
        ] {
            self.to.write_all(&field.to_ne_bytes())?;
        }
        self.to.write_all(octets)
    }

    /// Ends the capture.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn end(mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_follow_the_file_header() {
        let mut octets = Vec::new();
        let mut pcap = Pcap::begin(&mut octets).unwrap();
        pcap.frame(1_000_000_007, &[0xaa; 60]).unwrap();
        pcap.end().unwrap();
        assert_eq!(octets.len(), 24 + 16 + 60);
        assert_eq!(octets[..4], 0xa1b2_3c4d_u32.to_ne_bytes());
        assert_eq!(octets[24..28], 1_u32.to_ne_bytes());
        assert_eq!(octets[28..32], 7_u32.to_ne_bytes());
        assert_eq!(octets[36..40], 60_u32.to_ne_bytes());
    }
}
