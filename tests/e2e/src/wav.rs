//! WAV files: 16-bit PCM, one channel, 8,000 samples a second, as G.711 carries it.

use std::f64::consts::TAU;
use std::fs;
use std::path::Path;

use crate::error::{Failure, Result};

/// Samples a second.
pub const RATE_HZ: u32 = 8_000;

/// Peak of the tones that phones play: loud, without clipping.
const AMPLITUDE: f64 = 9_000.0;

/// Writes a sine tone.
///
/// # Errors
/// When the file cannot be written.
pub fn write_tone(path: &Path, hz: f64, seconds: u32) -> Result<()> {
    let samples = RATE_HZ * seconds;
    let data_len = samples * 2;
    let mut octets = Vec::new();
    octets.extend_from_slice(b"RIFF");
    octets.extend_from_slice(&(36 + data_len).to_le_bytes());
    octets.extend_from_slice(b"WAVEfmt ");
    octets.extend_from_slice(&16u32.to_le_bytes());
    octets.extend_from_slice(&1u16.to_le_bytes()); // PCM
    octets.extend_from_slice(&1u16.to_le_bytes()); // one channel
    octets.extend_from_slice(&RATE_HZ.to_le_bytes());
    octets.extend_from_slice(&(RATE_HZ * 2).to_le_bytes());
    octets.extend_from_slice(&2u16.to_le_bytes());
    octets.extend_from_slice(&16u16.to_le_bytes());
    octets.extend_from_slice(b"data");
    octets.extend_from_slice(&data_len.to_le_bytes());
    for n in 0..samples {
        let value = AMPLITUDE * (TAU * hz * f64::from(n) / f64::from(RATE_HZ)).sin();
        #[expect(clippy::cast_possible_truncation, reason = "the amplitude fits")]
        let sample = value as i16;
        octets.extend_from_slice(&sample.to_le_bytes());
    }
    fs::write(path, octets).map_err(|e| Failure::io("write", path, e))
}

/// Reads the samples of a recording.
///
/// The length in the header is not believed: a recorder that was killed leaves it at zero.
///
/// # Errors
/// When the file cannot be read or is no such WAV file.
pub fn read(path: &Path) -> Result<Vec<i16>> {
    let octets = fs::read(path).map_err(|e| Failure::io("read", path, e))?;
    let marker = octets.windows(4).position(|w| w == b"data");
    let samples = marker
        .and_then(|at| octets.get(at + 8..))
        .ok_or_else(|| Failure::Unexpected(format!("{} is no WAV file", path.display())))?;
    Ok(samples
        .as_chunks()
        .0
        .iter()
        .map(|&sample| i16::from_le_bytes(sample))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tone_reads_back() {
        let path = std::env::temp_dir().join(format!("ucp-tone-{}.wav", std::process::id()));
        write_tone(&path, 440.0, 1).unwrap();
        let samples = read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(samples.len(), 8_000);
        assert!(samples.iter().any(|&s| s > 8_900));
    }
}
