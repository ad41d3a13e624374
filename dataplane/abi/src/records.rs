//! What `show` reads about sessions, media streams, workers, neighbours and ports: fixed-size
//! records in shared memory, each with one writer.

mod machine;
mod neighbor;
mod worker;

use crate::sync::AtomicU64;
use core::net::SocketAddr;

use crate::digest::Field;
use crate::part::{Part, Reader, Writer, part};
use crate::seqlock::SeqRecord;

pub use machine::{
    DEVICE_WORDS, DeviceRecord, PROCESS_WORDS, PortCounts, ProcessRecord, QUEUES_MAX, QueueCounts,
};
pub use neighbor::{NEIGHBOR_WORDS, NeighborRecord, NeighborState};
pub use worker::{Depth, PortQueues, WORKER_WORDS, WorkerRecord};

/// Words of a session's record: the sequence number and what it guards, in whole cache lines.
pub const SESSION_WORDS: usize = guarded::<SessionRecord>();
/// Words of a media stream's record, likewise.
pub const STREAM_WORDS: usize = guarded::<StreamRecord>();
/// What session records consist of.
pub(crate) const SESSION: &[Field] = &fields::<SessionRecord>();
/// What stream records consist of.
pub(crate) const STREAM: &[Field] = &fields::<StreamRecord>();
/// What the other records consist of.
pub(crate) const PROCESS: &[Field] = &fields::<ProcessRecord>();
pub(crate) const DEVICE: &[Field] = &fields::<DeviceRecord>();
pub(crate) const WORKER: &[Field] = &fields::<WorkerRecord>();
pub(crate) const NEIGHBOR: &[Field] = &fields::<NeighborRecord>();

/// The sequence number and what it guards, in whole cache lines.
const fn guarded<T: Part>() -> usize {
    (1 + T::WORDS).next_multiple_of(8)
}

/// The same, described.
const fn fields<T: Part>() -> [Field; 2] {
    [
        Field::word("sequence"),
        Field::area("record", T::WORDS, T::PARTS),
    ]
}

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
    pub(crate) const ALL: &[Self] = &[
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

part! {
    /// A live proxied session.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub SessionRecord {
        /// How far it has come; a free record means nothing.
        state: SessionState,
        /// Identifier, unique since the data plane's start.
        id: u64,
        /// Index of the application in the policy that the session began under.
        app: u16,
        /// When it was accepted, nanoseconds of the data plane's clock.
        opened: u64,
        /// When it last passed anything on, by the same clock.
        active: u64,
        /// Client's address as it reached us.
        client: SocketAddr,
        /// Address that the client aimed at.
        client_local: SocketAddr,
        /// Server's address.
        server: SocketAddr,
        /// Our address towards the server.
        server_local: SocketAddr,
        /// Octets of plaintext from the client.
        from_client: u64,
        /// Octets of plaintext from the server.
        from_server: u64,
        /// TLS version of the client's leg as on the wire (0x0303, 0x0304), 0 when clear.
        client_tls: u16,
        /// TLS version of the server's leg, 0 when clear.
        server_tls: u16,
        /// TLS cipher suite of the client's leg as on the wire.
        client_suite: u16,
        /// TLS cipher suite of the server's leg.
        server_suite: u16,
        /// Common name of the client's certificate.
        name: Text,
    }
}

part! {
    /// Counts of one direction of a media stream.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub StreamFlow {
        /// RTP packets passed on.
        rtp_packets: u64,
        /// Octets of RTP payload and header passed on, without tags.
        rtp_octets: u64,
        /// RTCP packets passed on.
        rtcp_packets: u64,
        /// Octets of RTCP passed on, without tags.
        rtcp_octets: u64,
        /// Packets whose tag did not verify.
        auth_failures: u64,
        /// Packets seen before.
        replays: u64,
        /// Packets refused for any other reason.
        refused: u64,
    }
}

part! {
    /// One side of a media stream.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub StreamSide {
        /// Our RTP address on this side.
        local: SocketAddr,
        /// The peer's RTP address, signalled or learnt; unspecified when unknown.
        remote: SocketAddr,
        /// SRTP suite on this side: 0 is clear, else [`crate::Suite::id`].
        suite: u16,
        /// What came in on this side.
        flow: StreamFlow,
    }
}

part! {
    /// A live media stream.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub StreamRecord {
        /// Whether the record is in use; one that is not means nothing.
        live: bool,
        /// Identifier of the session that the stream belongs to.
        session: u64,
        /// Identifier of the stream within the session.
        media: u32,
        /// When it was pinned, nanoseconds of the data plane's clock.
        opened: u64,
        /// The client's side.
        client: StreamSide,
        /// The server's side.
        server: StreamSide,
    }
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

/// A station address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mac(pub [u8; 6]);

impl core::fmt::Display for Mac {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let [a, b, c, d, e, last] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{last:02x}")
    }
}

impl Part for Mac {
    const WORDS: usize = 1;

    fn put(&self, writer: &mut Writer<'_>) {
        let [a, b, c, d, e, f] = self.0;
        writer.word(u64::from_be_bytes([0, 0, a, b, c, d, e, f]));
    }

    fn take(reader: &mut Reader<'_>) -> Self {
        let [_, _, a, b, c, d, e, f] = reader.word().to_be_bytes();
        Self([a, b, c, d, e, f])
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

impl Part for SessionState {
    const WORDS: usize = 1;

    fn put(&self, writer: &mut Writer<'_>) {
        let position = Self::ALL.iter().position(|state| state == self);
        writer.word(position.unwrap_or(0) as u64);
    }

    fn take(reader: &mut Reader<'_>) -> Self {
        let position = usize::try_from(reader.word()).unwrap_or(usize::MAX);
        Self::ALL.get(position).copied().unwrap_or_default()
    }
}

impl Part for Text {
    const WORDS: usize = TEXT_OCTETS / 8;

    fn put(&self, writer: &mut Writer<'_>) {
        self.0.put(writer);
    }

    fn take(reader: &mut Reader<'_>) -> Self {
        Self(Part::take(reader))
    }
}

impl SessionRecord {
    /// Writes the record to its place. Only the owner may call this.
    pub fn store(&self, words: &[AtomicU64]) {
        store::<{ Self::WORDS }>(self, words);
    }

    /// Marks the record at `words` free.
    pub fn clear(words: &[AtomicU64]) {
        SeqRecord::new(words).write(&[0]);
    }

    /// Reads a record; `None` when it is free or was never left alone for long enough.
    #[must_use]
    pub fn load(words: &[AtomicU64]) -> Option<Self> {
        load::<{ Self::WORDS }, Self>(words).filter(|record| record.state != SessionState::Free)
    }
}

impl StreamRecord {
    /// Writes the record to its place. Only the owner may call this.
    pub fn store(&self, words: &[AtomicU64]) {
        store::<{ Self::WORDS }>(self, words);
    }

    /// Marks the record at `words` free.
    pub fn clear(words: &[AtomicU64]) {
        SeqRecord::new(words).write(&[0]);
    }

    /// Reads a record; `None` when it is free or was never left alone for long enough.
    #[must_use]
    pub fn load(words: &[AtomicU64]) -> Option<Self> {
        load::<{ Self::WORDS }, Self>(words).filter(|record| record.live)
    }
}

fn store<const N: usize>(record: &impl Part, words: &[AtomicU64]) {
    let mut payload = [0; N];
    record.put(&mut Writer::new(&mut payload));
    SeqRecord::new(words).write(&payload);
}

fn load<const N: usize, T: Part>(words: &[AtomicU64]) -> Option<T> {
    let mut payload = [0; N];
    SeqRecord::new(words)
        .read(&mut payload)
        .then(|| T::take(&mut Reader::new(&payload)))
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
            active: 78,
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
