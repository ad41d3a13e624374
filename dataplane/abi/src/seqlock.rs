//! A record that one thread writes and any other reads whole, without stopping the writer.

use crate::sync::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
    fence, spin_loop,
};

/// A record of words guarded by a sequence number in its first word.
///
/// The number is odd while the writer is at work. Readers retry a bounded number of times.
#[derive(Clone, Copy, Debug)]
pub struct SeqRecord<'r> {
    words: &'r [AtomicU64],
}

/// Attempts after which a reader gives up on a record that changes all the time.
const READ_ATTEMPTS: usize = if cfg!(loom) { 1 } else { 64 };

impl<'r> SeqRecord<'r> {
    /// A view over `words`: the sequence number, then the payload.
    #[must_use]
    pub const fn new(words: &'r [AtomicU64]) -> Self {
        Self { words }
    }

    /// Writes `payload` over the record. Only the record's owner may call this. What does not
    /// fit is left out.
    pub fn write(&self, payload: &[u64]) {
        let Some((seq, body)) = self.words.split_first() else {
            return;
        };
        let even = seq.load(Relaxed) & !1;
        seq.store(even.wrapping_add(1), Relaxed);
        fence(Release);
        for (word, &value) in body.iter().zip(payload) {
            word.store(value, Relaxed);
        }
        seq.store(even.wrapping_add(2), Release);
    }

    /// Reads the payload into `out`; `false` if the writer never left it alone for long enough,
    /// or died in mid-write.
    #[must_use]
    pub fn read(&self, out: &mut [u64]) -> bool {
        let Some((seq, body)) = self.words.split_first() else {
            return false;
        };
        for _ in 0..READ_ATTEMPTS {
            let before = seq.load(Acquire);
            if before & 1 == 0 {
                for (value, word) in out.iter_mut().zip(body) {
                    *value = word.load(Relaxed);
                }
                fence(Acquire);
                if seq.load(Relaxed) == before {
                    return true;
                }
            }
            spin_loop();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reader_never_sees_half_a_write() {
        let words: Vec<AtomicU64> = (0..9).map(|_| AtomicU64::new(0)).collect();
        std::thread::scope(|scope| {
            let writer = SeqRecord::new(&words);
            scope.spawn(move || {
                for n in 0..200_000u64 {
                    writer.write(&[n; 8]);
                }
            });
            let reader = SeqRecord::new(&words);
            for _ in 0..50_000 {
                let mut out = [0; 8];
                if reader.read(&mut out) {
                    assert!(out.iter().all(|&w| w == out[0]), "{out:?}");
                }
            }
        });
    }

    #[test]
    fn a_writer_that_died_in_mid_write_is_noticed() {
        let words: Vec<AtomicU64> = (0..3).map(|_| AtomicU64::new(0)).collect();
        words[0].store(7, Relaxed);
        assert!(!SeqRecord::new(&words).read(&mut [0; 2]));
        SeqRecord::new(&words).write(&[1, 2]);
        let mut out = [0; 2];
        assert!(SeqRecord::new(&words).read(&mut out));
        assert_eq!(out, [1, 2]);
    }
}
