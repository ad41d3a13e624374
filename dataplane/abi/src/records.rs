//! What `show` reads about live sessions and media streams: fixed-size records in shared memory,
//! each written by the worker that owns it.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use core::sync::atomic::AtomicU64;

use crate::seqlock::SeqRecord;

/// Words of a session's record, with the sequence number.
pub const SESSION_WORDS: usize = 40;
/// Words of a media stream's record, with the sequence number.
pub const STREAM_WORDS: usize = 56;
/// Octets of a text in a record; longer ones are cut.
pub const TEXT_OCTETS: usize = 40;

/// How far a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SessionState {
    /// The record is free.
    #[default]
    Free,
    /// The client's handshake runs.
    ClientHandshake,
    /// The connection to the server is being made.
    ServerConnect,
    /// Both legs are up.
    Open,
    /// One leg has finished, the other drains.
    Closing,
}

impl SessionState {
    const ALL: [Self; 5] = [
        Self::Free,
        Self::ClientHandshake,
        Self::ServerConnect,
        Self::Open,
        Self::Closing,
    ];

    /// One word for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::ClientHandshake => "client-handshake",
            Self::ServerConnect => "server-connect",
            Self::Open => "open",
            Self::Closing => "closing",
        }
    }
}

/// A live proxied session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// How far it has come; a free record means nothing.
    pub state: SessionState,
    /// Identifier, unique since the data plane's start.
    pub id: u64,
    /// Index of the application in the policy that the session began under.
    pub app: u16,
    /// When it was accepted, nanoseconds of the data plane's clock.
    pub opened: u64,
    /// Client's address as it reached us.
    pub client: SocketAddr,
    /// Address that the client aimed at.
    pub client_local: SocketAddr,
    /// Server's address.
    pub server: SocketAddr,
    /// Our address towards the server.
    pub server_local: SocketAddr,
    /// Octets of plaintext from the client.
    pub from_client: u64,
    /// Octets of plaintext from the server.
    pub from_server: u64,
    /// TLS version of the client's leg as on the wire (0x0303, 0x0304), 0 when clear.
    pub client_tls: u16,
    /// TLS version of the server's leg, 0 when clear.
    pub server_tls: u16,
    /// TLS cipher suite of the client's leg as on the wire.
    pub client_suite: u16,
    /// TLS cipher suite of the server's leg.
    pub server_suite: u16,
    /// Common name of the client's certificate.
    pub name: Text,
}

/// Counts of one direction of a media stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamFlow {
    /// RTP packets passed on.
    pub rtp_packets: u64,
    /// Octets of RTP payload and header passed on, without tags.
    pub rtp_octets: u64,
    /// RTCP packets passed on.
    pub rtcp_packets: u64,
    /// Octets of RTCP passed on, without tags.
    pub rtcp_octets: u64,
    /// Packets whose tag did not verify.
    pub auth_failures: u64,
    /// Packets seen before.
    pub replays: u64,
    /// Packets refused for any other reason.
    pub refused: u64,
}

/// One side of a media stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamSide {
    /// Our RTP address on this side.
    pub local: SocketAddr,
    /// The peer's RTP address, signalled or learnt; unspecified when unknown.
    pub remote: SocketAddr,
    /// SRTP suite on this side: 0 is clear, else [`crate::Suite::id`].
    pub suite: u16,
    /// What came in on this side.
    pub flow: StreamFlow,
}

/// A live media stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamRecord {
    /// Whether the record is in use; one that is not means nothing.
    pub live: bool,
    /// Identifier of the session that the stream belongs to.
    pub session: u64,
    /// Identifier of the stream within the session.
    pub media: u32,
    /// When it was pinned, nanoseconds of the data plane's clock.
    pub opened: u64,
    /// The client's side.
    pub client: StreamSide,
    /// The server's side.
    pub server: StreamSide,
}

/// A short text in a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Text([u64; TEXT_OCTETS / 8]);

impl Text {
    /// The first [`TEXT_OCTETS`] octets of `text`, cut at a character.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let end = (0..=TEXT_OCTETS.min(text.len()))
            .rev()
            .find(|&i| text.is_char_boundary(i))
            .unwrap_or(0);
        let mut words = [0; TEXT_OCTETS / 8];
        let octets = text.as_bytes().get(..end).unwrap_or(&[]);
        for (word, chunk) in words.iter_mut().zip(octets.chunks(8)) {
            let mut bytes = [0; 8];
            for (to, from) in bytes.iter_mut().zip(chunk) {
                *to = *from;
            }
            *word = u64::from_le_bytes(bytes);
        }
        Self(words)
    }
}

impl core::fmt::Display for Text {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let octets: Vec<u8> = self
            .0
            .iter()
            .flat_map(|w| w.to_le_bytes())
            .take_while(|&b| b != 0)
            .collect();
        f.write_str(&String::from_utf8_lossy(&octets))
    }
}

/// Fills a record's words one after another.
struct Writer<'a> {
    words: core::slice::IterMut<'a, u64>,
}

impl Writer<'_> {
    fn put(&mut self, value: u64) {
        if let Some(word) = self.words.next() {
            *word = value;
        }
    }

    fn put_addr(&mut self, addr: SocketAddr) {
        let ip = match addr.ip() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        let bits = u128::from(ip);
        self.put(u64::try_from(bits >> 64).unwrap_or(0));
        self.put(u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(0));
        self.put(u64::from(addr.port()));
    }

    fn put_side(&mut self, side: &StreamSide) {
        self.put_addr(side.local);
        self.put_addr(side.remote);
        self.put(u64::from(side.suite));
        for value in side.flow.values() {
            self.put(value);
        }
    }
}

/// Takes a record's words one after another.
struct Reader<'a> {
    words: core::slice::Iter<'a, u64>,
}

impl Reader<'_> {
    fn take(&mut self) -> u64 {
        self.words.next().copied().unwrap_or(0)
    }

    fn take_u16(&mut self) -> u16 {
        u16::try_from(self.take() & 0xffff).unwrap_or(0)
    }

    fn take_addr(&mut self) -> SocketAddr {
        let (high, low) = (self.take(), self.take());
        let ip = Ipv6Addr::from((u128::from(high) << 64) | u128::from(low));
        let ip = ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4);
        SocketAddr::new(ip, self.take_u16())
    }

    fn take_side(&mut self) -> StreamSide {
        StreamSide {
            local: self.take_addr(),
            remote: self.take_addr(),
            suite: self.take_u16(),
            flow: StreamFlow {
                rtp_packets: self.take(),
                rtp_octets: self.take(),
                rtcp_packets: self.take(),
                rtcp_octets: self.take(),
                auth_failures: self.take(),
                replays: self.take(),
                refused: self.take(),
            },
        }
    }
}

impl StreamFlow {
    const fn values(&self) -> [u64; 7] {
        [
            self.rtp_packets,
            self.rtp_octets,
            self.rtcp_packets,
            self.rtcp_octets,
            self.auth_failures,
            self.replays,
            self.refused,
        ]
    }
}

impl SessionRecord {
    /// Writes the record to its place. Only the owner may call this.
    pub fn store(&self, words: &[AtomicU64]) {
        let mut payload = [0; SESSION_WORDS - 1];
        let mut w = Writer {
            words: payload.iter_mut(),
        };
        let position = SessionState::ALL
            .iter()
            .position(|&s| s == self.state)
            .unwrap_or(0);
        w.put(position as u64);
        w.put(self.id);
        w.put(u64::from(self.app));
        w.put(self.opened);
        for addr in [
            self.client,
            self.client_local,
            self.server,
            self.server_local,
        ] {
            w.put_addr(addr);
        }
        w.put(self.from_client);
        w.put(self.from_server);
        for value in [
            self.client_tls,
            self.server_tls,
            self.client_suite,
            self.server_suite,
        ] {
            w.put(u64::from(value));
        }
        for word in self.name.0 {
            w.put(word);
        }
        SeqRecord::new(words).write(&payload);
    }

    /// Marks the record at `words` free.
    pub fn clear(words: &[AtomicU64]) {
        SeqRecord::new(words).write(&[0]);
    }

    /// Reads a record; `None` when it is free or was never left alone for long enough.
    #[must_use]
    pub fn load(words: &[AtomicU64]) -> Option<Self> {
        let mut payload = [0; SESSION_WORDS - 1];
        if !SeqRecord::new(words).read(&mut payload) {
            return None;
        }
        let mut r = Reader {
            words: payload.iter(),
        };
        let state = usize::try_from(r.take())
            .ok()
            .and_then(|i| SessionState::ALL.get(i).copied());
        let state = state.filter(|&s| s != SessionState::Free)?;
        Some(Self {
            state,
            id: r.take(),
            app: r.take_u16(),
            opened: r.take(),
            client: r.take_addr(),
            client_local: r.take_addr(),
            server: r.take_addr(),
            server_local: r.take_addr(),
            from_client: r.take(),
            from_server: r.take(),
            client_tls: r.take_u16(),
            server_tls: r.take_u16(),
            client_suite: r.take_u16(),
            server_suite: r.take_u16(),
            name: Text(core::array::from_fn(|_| r.take())),
        })
    }
}

impl StreamRecord {
    /// Writes the record to its place. Only the owner may call this.
    pub fn store(&self, words: &[AtomicU64]) {
        let mut payload = [0; STREAM_WORDS - 1];
        let mut w = Writer {
            words: payload.iter_mut(),
        };
        w.put(u64::from(self.live));
        w.put(self.session);
        w.put(u64::from(self.media));
        w.put(self.opened);
        w.put_side(&self.client);
        w.put_side(&self.server);
        SeqRecord::new(words).write(&payload);
    }

    /// Marks the record at `words` free.
    pub fn clear(words: &[AtomicU64]) {
        SeqRecord::new(words).write(&[0]);
    }

    /// Reads a record; `None` when it is free or was never left alone for long enough.
    #[must_use]
    pub fn load(words: &[AtomicU64]) -> Option<Self> {
        let mut payload = [0; STREAM_WORDS - 1];
        if !SeqRecord::new(words).read(&mut payload) {
            return None;
        }
        let mut r = Reader {
            words: payload.iter(),
        };
        let live = r.take() != 0;
        live.then(|| Self {
            live,
            session: r.take(),
            media: u32::try_from(r.take() & 0xffff_ffff).unwrap_or(0),
            opened: r.take(),
            client: r.take_side(),
            server: r.take_side(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn words(n: usize) -> Vec<AtomicU64> {
        (0..n).map(|_| AtomicU64::new(0)).collect()
    }

    #[test]
    fn session_record_round_trips() {
        let record = SessionRecord {
            state: SessionState::Open,
            id: 9,
            app: 2,
            opened: 77,
            client: addr("198.51.100.7:40000"),
            client_local: addr("[2001:db8::1]:5061"),
            server: addr("192.0.2.10:5060"),
            server_local: addr("192.0.2.1:20001"),
            from_client: 1,
            from_server: u64::MAX,
            client_tls: 0x0304,
            server_tls: 0,
            client_suite: 0x1302,
            server_suite: 0,
            name: Text::new("SEP001122334455"),
        };
        let words = words(SESSION_WORDS);
        assert_eq!(SessionRecord::load(&words), None);
        record.store(&words);
        assert_eq!(SessionRecord::load(&words), Some(record));
        SessionRecord::clear(&words);
        assert_eq!(SessionRecord::load(&words), None);
    }

    #[test]
    fn stream_record_round_trips() {
        let side = |n: u64| StreamSide {
            local: addr("198.51.100.1:16384"),
            remote: addr("198.51.100.7:4000"),
            suite: 3,
            flow: StreamFlow {
                rtp_packets: n,
                replays: n + 1,
                refused: n + 2,
                ..StreamFlow::default()
            },
        };
        let record = StreamRecord {
            live: true,
            session: 4,
            media: 1,
            opened: 5,
            client: side(10),
            server: side(20),
        };
        let words = words(STREAM_WORDS);
        record.store(&words);
        assert_eq!(StreamRecord::load(&words), Some(record));
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        let text = Text::new(&"é".repeat(TEXT_OCTETS)).to_string();
        assert_eq!(text.chars().count(), TEXT_OCTETS / 2);
        assert_eq!(Text::new("short").to_string(), "short");
    }
}
