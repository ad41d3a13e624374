//! Time without system calls.

use core::mem::MaybeUninit;

/// Length of the calibration, in nanoseconds: two readings, each good to well under a
/// microsecond, give the rate to some parts in a million.
const CALIBRATION_NS: u64 = 50_000_000;

/// Readings of which the least disturbed one counts.
const ATTEMPTS: usize = 16;

/// Bits after the binary point of [`Clock::rate`].
const RATE_BITS: u32 = 32;

/// The monotonic clock, read from the processor's time-stamp counter.
///
/// Counts nanoseconds of the kernel's `CLOCK_MONOTONIC` from calibration on, so readings of
/// two processes compare. Copies of one clock agree between workers; the counter is taken to
/// run at a constant rate and in step on all CPUs, as DPDK does.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    base_ns: u64,
    base_tsc: u64,
    /// Nanoseconds per tick of the counter, in fixed point.
    rate: u64,
}

impl Clock {
    /// Measures the counter's rate against the kernel's clock; takes 50 ms.
    #[must_use]
    pub fn calibrate() -> Self {
        let (base_ns, base_tsc) = reading();
        let (ns, tsc) = loop {
            let now = reading();
            if now.0.saturating_sub(base_ns) >= CALIBRATION_NS {
                break now;
            }
            core::hint::spin_loop();
        };
        let ticks = tsc.saturating_sub(base_tsc).max(1);
        let rate = (u128::from(ns - base_ns) << RATE_BITS) / u128::from(ticks);
        Self {
            base_ns,
            base_tsc,
            rate: u64::try_from(rate).unwrap_or(u64::MAX),
        }
    }

    /// Nanoseconds of `CLOCK_MONOTONIC`.
    #[must_use]
    #[inline]
    pub fn now(&self) -> u64 {
        self.at(ticks())
    }

    #[inline]
    fn at(&self, tsc: u64) -> u64 {
        // A CPU whose counter is a little behind must not make time run backwards.
        let ticks = tsc.saturating_sub(self.base_tsc);
        let ns = (u128::from(ticks) * u128::from(self.rate)) >> RATE_BITS;
        self.base_ns
            .saturating_add(u64::try_from(ns).unwrap_or(u64::MAX))
    }
}

/// The same moment on the kernel's clock and on the counter.
fn reading() -> (u64, u64) {
    let mut best = (0, 0);
    let mut best_width = u64::MAX;
    for _ in 0..ATTEMPTS {
        let before = ticks();
        let ns = kernel_ns();
        let width = ticks().saturating_sub(before);
        if width < best_width {
            best = (ns, before + width / 2);
            best_width = width;
        }
    }
    best
}

fn kernel_ns() -> u64 {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: `time` is writable, and this clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, time.as_mut_ptr()) };
    // SAFETY: zeroes are a valid value, and the call wrote one over them.
    let time = unsafe { time.assume_init() };
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000) + u64::try_from(time.tv_nsec).unwrap_or(0)
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn ticks() -> u64 {
    // SAFETY: every x86-64 processor has the counter, and Linux lets user space read it.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_never_go_backwards() {
        let clock = Clock::calibrate();
        let readings: Vec<u64> = (0..1_000).map(|_| clock.now()).collect();
        assert!(readings.is_sorted());
        assert_eq!(clock.at(0), clock.base_ns);
    }

    #[test]
    fn readings_lie_between_those_of_the_kernel() {
        let clock = Clock::calibrate();
        let before = kernel_ns();
        let now = clock.now();
        let after = kernel_ns();
        // The rate is an estimate: allow a microsecond either way.
        assert!(before.saturating_sub(1_000) <= now && now <= after + 1_000);
    }

    #[test]
    fn rate_holds_over_years() {
        let clock = Clock {
            base_ns: 5,
            base_tsc: 0,
            rate: (1 << RATE_BITS) / 4,
        };
        assert_eq!(
            clock.at(4_000_000_000_000_000_000),
            1_000_000_000_000_000_005
        );
    }
}
