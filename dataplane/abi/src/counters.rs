//! Counters that are not refusals, and the block that holds both kinds for one worker.

use crate::sync::{AtomicU64, Ordering::Relaxed};

use crate::Reason;

macro_rules! counters {
    ($($variant:ident $name:literal $phrase:literal;)*) => {
        /// Something that a worker counts and that is no refusal (see [`Reason`] for those).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Counter {
            $(#[doc = $phrase] $variant,)*
        }

        impl Counter {
            /// Every counter, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The counter's name, stable across releases.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// One phrase for people.
            #[must_use]
            pub const fn phrase(self) -> &'static str {
                match self { $(Self::$variant => $phrase,)* }
            }
        }
    };
}

counters! {
    RxFrames "rx-frames" "frames received";
    RxBytes "rx-bytes" "bytes received";
    TxFrames "tx-frames" "frames sent";
    TxBytes "tx-bytes" "bytes sent";
    Loops "loops" "turns of the poll loop";
    BusyLoops "busy-loops" "turns that found work";
    Sleeps "sleeps" "times that the idle back-off slept";
    BusyNanos "busy-nanos" "nanoseconds spent in turns that found work";
    HandoffIn "handoff-in" "frames taken over from other workers";
    HandoffOut "handoff-out" "frames handed to their owner";
    Forwarded "forwarded" "packets routed from one interface to another";
    ArpRequests "arp-requests" "address resolutions begun";
    EchoReplies "echo-replies" "ICMP echo requests answered";
    TcpAccepted "tcp-accepted" "connections accepted from clients";
    TcpConnected "tcp-connected" "connections opened to servers";
    TcpCookiesSent "tcp-cookies-sent" "SYN cookies sent";
    TlsHandshakesServer "tls-handshakes-server" "handshakes finished with clients";
    TlsHandshakesClient "tls-handshakes-client" "handshakes finished with servers";
    TlsResumed "tls-resumed" "handshakes that resumed an earlier session";
    SessionsOpened "sessions-opened" "proxied sessions opened";
    SessionsClosed "sessions-closed" "proxied sessions ended";
    SipMessages "sip-messages" "SIP messages inspected";
    SipKeepalives "sip-keepalives" "SIP keepalive pings seen";
    CallsStarted "calls-started" "calls whose media was opened";
    CallsEnded "calls-ended" "calls whose media was closed";
    MediaPackets "media-packets" "media packets translated or relayed";
    MediaBytes "media-bytes" "bytes of those packets";
    MediaDecrypted "media-decrypted" "SRTP and SRTCP packets decrypted";
    MediaEncrypted "media-encrypted" "SRTP and SRTCP packets encrypted";
    MediaLatched "media-latched" "times that a media source address was learnt";
    PermitsTaken "permits-taken" "licence units taken";
    PermitsReturned "permits-returned" "licence units given back";
}

impl Counter {
    /// Number of counters.
    pub const COUNT: usize = Self::ALL.len();

    /// Position of this counter.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// Words of one worker's block: refusals first, then counters.
pub const BLOCK_WORDS: usize = (Reason::COUNT + Counter::COUNT).next_multiple_of(8);

/// One worker's counters in shared memory. One thread writes; anyone reads.
#[derive(Clone, Copy, Debug)]
pub struct Counters<'r> {
    words: &'r [AtomicU64],
}

impl<'r> Counters<'r> {
    /// A view over a block of [`BLOCK_WORDS`]; `None` if `words` is shorter.
    #[must_use]
    pub fn new(words: &'r [AtomicU64]) -> Option<Self> {
        Some(Self {
            words: words.get(..BLOCK_WORDS)?,
        })
    }

    /// Adds one to the counter of `reason`. Only the block's owner may call this.
    #[inline]
    pub fn refuse(&self, reason: Reason) {
        self.bump(reason.index(), 1);
    }

    /// Adds `n` to `counter`. Only the block's owner may call this.
    #[inline]
    pub fn add(&self, counter: Counter, n: u64) {
        self.bump(Reason::COUNT + counter.index(), n);
    }

    /// Value of the counter of `reason`.
    #[must_use]
    pub fn refused(&self, reason: Reason) -> u64 {
        self.read(reason.index())
    }

    /// Value of `counter`.
    #[must_use]
    pub fn count(&self, counter: Counter) -> u64 {
        self.read(Reason::COUNT + counter.index())
    }

    /// A load and a store instead of a locked add: the block has one writer.
    #[inline]
    fn bump(&self, index: usize, n: u64) {
        if let Some(word) = self.words.get(index) {
            word.store(word.load(Relaxed).wrapping_add(n), Relaxed);
        }
    }

    fn read(&self, index: usize) -> u64 {
        self.words.get(index).map_or(0, |w| w.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_counter_has_its_own_word() {
        let words: Vec<AtomicU64> = (0..BLOCK_WORDS).map(|_| AtomicU64::new(0)).collect();
        let block = Counters::new(&words).unwrap();
        for &r in Reason::ALL {
            block.refuse(r);
        }
        for &c in Counter::ALL {
            block.add(c, 2);
        }
        assert!(Reason::ALL.iter().all(|&r| block.refused(r) == 1));
        assert!(Counter::ALL.iter().all(|&c| block.count(c) == 2));
    }

    #[test]
    fn short_block_is_refused() {
        assert!(Counters::new(&[]).is_none());
    }
}
