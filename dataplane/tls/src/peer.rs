//! Who is on the other end, for session records.

use rustls::unbuffered::UnbufferedConnectionCommon;
use rustls::{CipherSuite, HandshakeKind};

use crate::certificate::Facts;

/// What a finished handshake agreed on and with whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// Protocol version as on the wire: 0x0303 is TLS 1.2, 0x0304 TLS 1.3.
    pub version: u16,
    /// Cipher suite as on the wire.
    pub suite: u16,
    /// IANA name of the cipher suite.
    pub suite_name: &'static str,
    /// Common name of the peer's certificate, if it showed one that has one: at most 64
    /// characters, none of them a control character.
    pub common_name: Option<Box<str>>,
    /// Server name that the client asked for; server legs only.
    pub sni: Option<Box<str>>,
    /// An earlier session was resumed, so no certificate crossed the wire this time.
    pub resumed: bool,
}

impl PeerInfo {
    pub(crate) fn new<S>(
        connection: &UnbufferedConnectionCommon<S>,
        sni: Option<Box<str>>,
    ) -> Self {
        let suite = connection.negotiated_cipher_suite().map(|s| s.suite());
        Self {
            version: connection.protocol_version().map_or(0, u16::from),
            suite: suite.map_or(0, u16::from),
            suite_name: suite.map_or("", suite_name),
            common_name: connection
                .peer_certificates()
                .and_then(|chain| Facts::read(chain.first()?)?.common_name),
            sni,
            resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
        }
    }
}

/// rustls sets the suites of TLS 1.3 apart by a prefix that IANA does not know.
fn suite_name(suite: CipherSuite) -> &'static str {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        other => other.as_str().unwrap_or(""),
    }
}
