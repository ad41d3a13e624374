//! `perf-loadgen pcap`.

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;

use perf_loadgen::{Pcap, Source, Stations, Store};
use wire::MacAddr;

use crate::args::Capture;

/// Nanoseconds between two frames of the capture. Who replays it sets the rate.
const STEP: u64 = 1_000;

/// Writes the capture.
pub(crate) fn write(capture: &Capture) -> Result<(), Box<dyn Error>> {
    let streams = perf_loadgen::read(&capture.streams)?;
    let own = station(&capture.source_mac)?;
    let proxy = station(&capture.destination_mac)?;
    let mut stations = Stations::new(own, own);
    for stream in &streams {
        stations.learn(capture.end, capture.end.side(stream).local.ip(), proxy);
    }
    let mut source = Source::new(&streams, &capture.traffics)?;
    source.set_stations(&stations);
    let mut store = Store::make(&mut source, capture.packets)?;
    let mut pcap = Pcap::begin(BufWriter::new(File::create(&capture.to)?))?;
    let mut nanos = 0;
    while let Some(ready) = store.ready() {
        pcap.frame(nanos, ready.octets)?;
        nanos += STEP;
        store.advance();
    }
    pcap.end()?;
    Ok(())
}

/// Six octets in hexadecimal with colons between.
fn station(text: &str) -> Result<MacAddr, String> {
    let wrong = || format!("{text} is no station address");
    let mut station = MacAddr::default();
    let mut parts = text.split(':');
    for octet in &mut station.0 {
        let part = parts.next().ok_or_else(wrong)?;
        *octet = u8::from_str_radix(part, 16).map_err(|_| wrong())?;
    }
    if parts.next().is_some() {
        return Err(wrong());
    }
    Ok(station)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stations_have_six_octets() {
        assert_eq!(
            station("02:00:00:00:00:0a").unwrap(),
            MacAddr([2, 0, 0, 0, 0, 10])
        );
        for text in [
            "02:00:00:00:00",
            "02:00:00:00:00:00:00",
            "02:00:00:00:00:0g",
            "",
        ] {
            assert!(station(text).is_err(), "{text}");
        }
    }
}
