//! How a leg behaves.

use core::time::Duration;

use abi::policy::TcpSettings;

/// Congestion control (RFC 5681).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Congestion {
    /// None. Right while the transmit buffer is no larger than the initial window that RFC 6928
    /// allows anyhow, ten segments.
    #[default]
    Off,
    /// Reno.
    Reno,
    /// CUBIC.
    Cubic,
}

/// Buffers, sizes and time limits of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Receive buffer in octets; the window is what is free of it. Held between 536 octets and
    /// 16 MiB; above 64 KiB, window scaling announces it.
    pub rx_buffer: usize,
    /// Transmit buffer in octets: what is not acknowledged yet. Held between 536 octets and
    /// 16 MiB.
    pub tx_buffer: usize,
    /// Largest IP packet in octets.
    pub mtu: u16,
    /// Largest segment in octets that is announced and sent, if less than the MTU allows.
    pub mss_max: Option<u16>,
    /// A connection that is not open after this long is given up.
    pub connect: Duration,
    /// Quiet time before a keepalive is sent, and between two; `None`: never.
    pub keepalive: Option<Duration>,
    /// A peer that is silent for this long, after the first keepalive or while something waits
    /// for its acknowledgement, is gone (RFC 5482). Takes the place of a number of retries.
    pub dead: Duration,
    /// A peer that answers but takes no octet for this long is cut off.
    pub stall: Duration,
    /// A peer that sends nothing for this long after we have finished is cut off.
    pub fin: Duration,
    /// How long a leg that closed first stays to answer the peer's last retransmissions. Much
    /// less than RFC 9293 §3.6.1 wants: what comes later is answered with a reset, which no
    /// longer harms a peer that has closed too.
    pub time_wait: Duration,
    /// Congestion control.
    pub congestion: Congestion,
    /// Hop limit of what is sent, 1 at least.
    pub hop_limit: u8,
}

impl Default for Params {
    fn default() -> Self {
        Self::from_settings(&TcpSettings::default(), 1_500)
    }
}

impl Params {
    /// Parameters from policy, for an interface with the given MTU.
    #[must_use]
    pub fn from_settings(settings: &TcpSettings, mtu: u16) -> Self {
        let ms = |ms: u32| Duration::from_millis(u64::from(ms));
        Self {
            rx_buffer: settings.rx_buffer as usize,
            tx_buffer: settings.tx_buffer as usize,
            mtu,
            mss_max: None,
            connect: ms(settings.connect_ms),
            keepalive: (settings.keepalive_ms > 0).then(|| ms(settings.keepalive_ms)),
            dead: ms(settings.dead_ms),
            stall: ms(settings.stall_ms),
            fin: Duration::from_secs(60),
            time_wait: Duration::from_secs(1),
            congestion: Congestion::Off,
            hop_limit: 64,
        }
    }

    pub(crate) fn rx_buffer(&self) -> usize {
        self.rx_buffer.clamp(BUFFER_MIN, BUFFER_MAX)
    }

    pub(crate) fn tx_buffer(&self) -> usize {
        self.tx_buffer.clamp(BUFFER_MIN, BUFFER_MAX)
    }

    /// Largest IP packet, with the clamp on segments.
    pub(crate) fn mtu(&self, is_ipv6: bool) -> u16 {
        let headers = headers(is_ipv6);
        let clamped = self
            .mss_max
            .map_or(self.mtu, |mss| mss.saturating_add(headers));
        self.mtu.min(clamped).max(headers + MSS_MIN)
    }

    /// Largest segment that this side takes.
    pub(crate) fn mss(&self, is_ipv6: bool) -> u16 {
        self.mtu(is_ipv6) - headers(is_ipv6)
    }

    /// Window scale that is offered (RFC 7323 §2.2), the one that smoltcp computes.
    pub(crate) fn window_shift(&self) -> u8 {
        let bits = usize::BITS - self.rx_buffer().leading_zeros();
        // At most 9, since the buffer is at most 16 MiB.
        (bits.saturating_sub(16) & 0xf) as u8
    }

    /// Window announced before anything has come in, not scaled.
    pub(crate) fn first_window(&self) -> u16 {
        u16::try_from(self.rx_buffer()).unwrap_or(u16::MAX)
    }
}

/// Least segment size that a leg is built with.
pub(crate) const MSS_MIN: u16 = 216;

const BUFFER_MIN: usize = 536;
const BUFFER_MAX: usize = 1 << 24;

/// Octets of the IP and TCP headers without options.
const fn headers(is_ipv6: bool) -> u16 {
    if is_ipv6 { 60 } else { 40 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_defaults_fit_the_memory_of_a_session() {
        let params = Params::default();
        assert!(2 * (params.rx_buffer + params.tx_buffer) <= 24 * 1_024);
        assert_eq!((params.mss(false), params.mss(true)), (1_460, 1_440));
    }

    #[test]
    fn segment_clamp_lowers_the_mtu_and_never_raises_it() {
        let mut params = Params {
            mss_max: Some(1_300),
            ..Params::default()
        };
        assert_eq!((params.mss(false), params.mss(true)), (1_300, 1_300));
        params.mss_max = Some(9_000);
        assert_eq!(params.mss(false), 1_460);
        params.mss_max = Some(1);
        assert_eq!((params.mss(false), params.mss(true)), (MSS_MIN, MSS_MIN));
        params.mtu = 0;
        assert_eq!((params.mss(false), params.mss(true)), (MSS_MIN, MSS_MIN));
    }

    #[test]
    fn only_large_buffers_are_scaled() {
        for (size, shift) in [
            (0, 0),
            (65_535, 0),
            (65_536, 1),
            (1 << 20, 5),
            (usize::MAX, 9),
        ] {
            let params = Params {
                rx_buffer: size,
                ..Params::default()
            };
            assert_eq!(params.window_shift(), shift, "{size}");
            assert!(params.rx_buffer() >> params.window_shift() <= 65_535);
        }
    }
}
