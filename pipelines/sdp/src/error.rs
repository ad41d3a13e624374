//! What can be wrong with a description, and on which line.

/// A refusal: the cause and the line that it was found on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {cause}")]
pub struct SdpError {
    /// Number of the line in the description as received, from 1; 0 when no line is to blame.
    pub line: u32,
    /// What is wrong.
    pub cause: Cause,
}

/// Why a description, or a part of it, cannot be used. Every one is the sender's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Cause {
    /// More than [`MAX_LEN`](crate::MAX_LEN) octets.
    #[error("description is too long")]
    TooLong,
    /// More than [`MAX_LINES`](crate::MAX_LINES) lines.
    #[error("too many lines")]
    TooManyLines,
    /// More than [`MAX_LINE_LEN`](crate::MAX_LINE_LEN) octets in one line.
    #[error("line is too long")]
    LineTooLong,
    /// Not `<letter>=<value>`.
    #[error("not a type, an equals sign and a value")]
    NotTypeValue,
    /// A NUL, or a carriage return that ends no line.
    #[error("character that a line may not contain")]
    BadCharacter,
    /// The first line is not `v=0`.
    #[error("does not begin with v=0")]
    Version,
    /// `o=` is missing, repeated, or not six fields.
    #[error("o= is missing, repeated or malformed")]
    Origin,
    /// `c=` is repeated or not `IN IP4|IP6 <address>`.
    #[error("c= is repeated or malformed")]
    Connection,
    /// `m=` is not `<media> <port>[/<count>] <proto> <fmt>…`.
    #[error("m= is malformed")]
    MediaLine,
    /// More than [`MAX_MEDIA`](crate::MAX_MEDIA) m= lines.
    #[error("too many media streams")]
    TooManyMedia,
    /// `a=rtcp` is malformed, or the RTCP port would be above 65535.
    #[error("RTCP port is malformed or out of range")]
    RtcpPort,
    /// Neither the stream nor the session has a `c=`.
    #[error("stream has no connection address")]
    NoConnection,
    /// The address is a host name.
    #[error("address is a host name")]
    AddressIsName,
    /// The address is a multicast group.
    #[error("address is a multicast group")]
    Multicast,
    /// `m=` asks for several ports.
    #[error("stream asks for a range of ports")]
    PortRange,
    /// The stream's port is 0.
    #[error("stream is rejected")]
    Rejected,
    /// The description has no stream of that index.
    #[error("no such stream")]
    NoSuchStream,
    /// The transport is not RTP/AVP, AVPF, SAVP or SAVPF.
    #[error("transport is not plain RTP or SDES-keyed SRTP")]
    NotRtp,
    /// More than [`MAX_CRYPTO`](crate::MAX_CRYPTO) a=crypto lines in one stream.
    #[error("too many crypto attributes")]
    TooManyCryptos,
    /// `a=crypto` is not `<tag> <suite> <key-params> [<session-params>]`.
    #[error("crypto attribute is malformed")]
    CryptoSyntax,
    /// The tag is not 1 to 9 digits without a leading zero, or is used twice in the stream.
    #[error("crypto tag is malformed or repeated")]
    CryptoTag,
    /// A suite that this crate does not know.
    #[error("crypto suite is unknown")]
    CryptoSuite,
    /// The key is not base64 or not of the suite's length.
    #[error("crypto key does not fit its suite")]
    CryptoKey,
    /// Several keys in one attribute.
    #[error("crypto attribute has several keys")]
    CryptoManyKeys,
    /// The lifetime is malformed, zero or above 2^48 packets.
    #[error("crypto lifetime is out of range")]
    CryptoLifetime,
    /// The MKI is malformed, or longer than this crate carries.
    #[error("crypto MKI is malformed or too long")]
    CryptoMki,
    /// A session parameter that asks for less protection, for key derivation at a rate, or for
    /// something unknown that the offerer insists on.
    #[error("crypto session parameter is not acceptable")]
    CryptoParameter,
}

impl Cause {
    /// The cause, found on `line`.
    pub(crate) const fn at(self, line: u32) -> SdpError {
        SdpError { line, cause: self }
    }
}
