//! What can be wrong with a message, and where.

/// A refusal: the cause and the octet at which it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("octet {offset}: {cause}")]
pub struct SipError {
    /// Position in the message.
    pub offset: usize,
    /// What is wrong.
    pub cause: Cause,
}

/// The kinds of fault that are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Not SIP, or SIP against its grammar.
    Malformed,
    /// Over a limit.
    TooLarge,
    /// The body's length is not to be known, and with it the start of the next message.
    BadLength,
}

/// Why a message is refused. Every one is the sender's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Cause {
    /// The first line belongs to another protocol.
    #[error("not SIP")]
    NotSip,
    /// The start line is neither a request's nor a status line.
    #[error("start line is malformed")]
    StartLine,
    /// Another version than SIP/2.0.
    #[error("version is not SIP/2.0")]
    Version,
    /// The status code is not 100 to 699.
    #[error("status code is impossible")]
    StatusCode,
    /// A NUL in the header block, or a carriage return or line feed alone.
    #[error("character that a header may not contain")]
    BadCharacter,
    /// A line of the header block is not `name: value`.
    #[error("line is no header field")]
    NotField,
    /// A line is longer than [`Limits::line`](crate::Limits::line).
    #[error("line is too long")]
    LineTooLong,
    /// The header block is longer than [`Limits::header_block`](crate::Limits::header_block).
    #[error("header block is too long")]
    HeaderBlockTooLong,
    /// More header fields than [`Limits::headers`](crate::Limits::headers).
    #[error("too many header fields")]
    TooManyHeaders,
    /// The message is longer than [`Limits::message`](crate::Limits::message).
    #[error("message is too long")]
    MessageTooLong,
    /// No Content-Length on a stream (RFC 3261 §18.3).
    #[error("Content-Length is missing")]
    LengthMissing,
    /// Content-Length occurs twice with different values.
    #[error("Content-Length is doubled")]
    LengthDoubled,
    /// Content-Length is no number below 2^31.
    #[error("Content-Length is impossible")]
    LengthImpossible,
    /// From, To, Call-ID, CSeq or Via is missing.
    #[error("mandatory header field is missing")]
    FieldMissing,
    /// From, To, Call-ID, CSeq, Max-Forwards or Content-Type occurs twice.
    #[error("header field is doubled")]
    FieldDoubled,
    /// CSeq is not a number below 2^31 and a method.
    #[error("CSeq is malformed")]
    CSeq,
    /// CSeq names another method than the request line.
    #[error("CSeq names another method")]
    MethodMismatch,
    /// Max-Forwards is not 0 to 255.
    #[error("Max-Forwards is malformed")]
    MaxForwards,
    /// Call-ID is empty or has white space inside.
    #[error("Call-ID is malformed")]
    CallId,
    /// A Via is malformed.
    #[error("Via is malformed")]
    Via,
    /// A name and address is malformed.
    #[error("address is malformed")]
    Address,
    /// A URI is malformed.
    #[error("URI is malformed")]
    Uri,
    /// A quoted string or angle bracket is not closed.
    #[error("quote or bracket is not closed")]
    Unbalanced,
    /// A parameter is malformed.
    #[error("parameter is malformed")]
    Parameter,
    /// Content-Type is malformed, or multipart without a boundary.
    #[error("Content-Type is malformed")]
    ContentType,
    /// A multipart body does not follow its boundary, or nests too deep.
    #[error("multipart body is malformed")]
    Multipart,
}

impl Cause {
    /// The kind of fault.
    #[must_use]
    pub const fn fault(self) -> Fault {
        match self {
            Self::LineTooLong
            | Self::HeaderBlockTooLong
            | Self::TooManyHeaders
            | Self::MessageTooLong => Fault::TooLarge,
            Self::LengthMissing | Self::LengthDoubled | Self::LengthImpossible => Fault::BadLength,
            _ => Fault::Malformed,
        }
    }

    /// The status that answers a request with this fault, and its phrase (RFC 3261 §21).
    #[must_use]
    pub const fn status(self) -> (u16, &'static str) {
        match self {
            Self::Version => (505, "Version Not Supported"),
            Self::MessageTooLong => (413, "Request Entity Too Large"),
            Self::LineTooLong | Self::HeaderBlockTooLong | Self::TooManyHeaders => {
                (513, "Message Too Large")
            }
            _ => (400, "Bad Request"),
        }
    }

    /// The cause, found at `offset`.
    pub(crate) const fn at(self, offset: usize) -> SipError {
        SipError {
            offset,
            cause: self,
        }
    }
}
