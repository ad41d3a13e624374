//! Proof that a recording holds a given tone, by Goertzel's algorithm.

use std::f64::consts::TAU;

use crate::wav::RATE_HZ;

/// Samples looked at together: 100 ms, so that whole hundreds of hertz fall on a bin.
const BLOCK: usize = 800;

/// What a recording holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heard {
    /// Length of the recording, in milliseconds.
    pub length_ms: u64,
    /// Part of its blocks in which the expected tone makes up nearly all of the sound, 0 to 1.
    pub expected: f64,
    /// Part of its blocks in which the other tone can be made out, 0 to 1.
    pub other: f64,
}

impl Heard {
    /// Seconds in which the expected tone was heard.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a few minutes at most")]
    pub fn seconds(&self) -> f64 {
        self.length_ms as f64 / 1_000.0 * self.expected
    }

    /// Whether this is the expected tone and nothing else, for at least `min_ms`.
    ///
    /// One block in twenty may be spoiled, by the beginning and the end of the call.
    #[must_use]
    pub fn is_clean(&self, min_ms: u64) -> bool {
        min_ms <= self.length_ms && 0.95 <= self.expected && self.other == 0.0
    }
}

/// Looks for the tone that the far phone plays and for the one that the near phone plays.
#[must_use]
pub fn listen(samples: &[i16], expected_hz: f64, other_hz: f64) -> Heard {
    let blocks = samples.chunks_exact(BLOCK);
    let (mut all, mut with_expected, mut with_other) = (0u32, 0u32, 0u32);
    for block in blocks {
        all += 1;
        with_expected += u32::from(0.9 <= share(block, expected_hz));
        with_other += u32::from(0.2 <= share(block, other_hz));
    }
    let part = |n: u32| {
        if all == 0 {
            0.0
        } else {
            f64::from(n) / f64::from(all)
        }
    };
    Heard {
        length_ms: samples.len() as u64 * 1_000 / u64::from(RATE_HZ),
        expected: part(with_expected),
        other: part(with_other),
    }
}

/// Part of the block's energy that lies at `hz`, 0 to 1; 0 for silence.
fn share(block: &[i16], hz: f64) -> f64 {
    let coefficient = 2.0 * (TAU * hz / f64::from(RATE_HZ)).cos();
    let (mut before, mut last, mut energy) = (0.0, 0.0, 0.0);
    for &sample in block {
        let x = f64::from(sample);
        energy += x * x;
        (before, last) = (last, coefficient.mul_add(last, x - before));
    }
    let power = last.mul_add(last, before.mul_add(before, -(coefficient * last * before)));
    #[expect(clippy::cast_precision_loss, reason = "a few hundred samples")]
    let full = energy * block.len() as f64 / 2.0;
    // Below one unit of amplitude a sample there is nothing to be heard.
    if full <= (BLOCK * BLOCK) as f64 {
        0.0
    } else {
        power / full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::cast_possible_truncation, reason = "the amplitudes below fit")]
    fn sine(hz: f64, amplitude: f64, n: u32) -> Vec<i16> {
        (0..n)
            .map(|i| (amplitude * (TAU * hz * f64::from(i) / 8_000.0).sin()) as i16)
            .collect()
    }

    #[test]
    fn pure_tone_is_clean() {
        let heard = listen(&sine(440.0, 9_000.0, 16_000), 440.0, 1_000.0);
        assert_eq!(heard.length_ms, 2_000);
        assert!(heard.is_clean(2_000), "{heard:?}");
        assert!(!heard.is_clean(2_001));
    }

    #[test]
    fn wrong_tone_silence_and_noise_are_not() {
        assert!(!listen(&sine(1_000.0, 9_000.0, 16_000), 440.0, 1_000.0).is_clean(0));
        assert!(!listen(&[0; 16_000], 440.0, 1_000.0).is_clean(0));
        let mut state = 1u32;
        let noise: Vec<i16> = (0..16_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 16) as i16
            })
            .collect();
        assert!(!listen(&noise, 440.0, 1_000.0).is_clean(0));
    }

    #[test]
    fn echo_of_the_own_tone_is_noticed() {
        let own = sine(1_000.0, 6_000.0, 16_000);
        let mixed: Vec<i16> = sine(440.0, 9_000.0, 16_000)
            .iter()
            .zip(own)
            .map(|(&a, b)| a + b)
            .collect();
        assert!(!listen(&mixed, 440.0, 1_000.0).is_clean(0));
    }

    #[test]
    fn gaps_are_noticed() {
        let mut samples = sine(440.0, 9_000.0, 16_000);
        samples[4_000..8_000].fill(0);
        assert!(!listen(&samples, 440.0, 1_000.0).is_clean(0));
    }
}
