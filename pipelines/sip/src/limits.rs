//! How large a message may be.

/// Bounds on what a peer may send. A message over one of them is refused before more of it is
/// kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of the start line and all header fields, the empty line included.
    pub header_block: usize,
    /// Octets of one line, its ending included.
    pub line: usize,
    /// Header fields.
    pub headers: usize,
    /// Octets of a whole message.
    pub message: usize,
    /// Takes a lone line feed for a line's end, writing it as CRLF, and a missing Content-Length
    /// for 0. Off, both are refused: peers that disagree on where a message ends can be made to
    /// see a message that this proxy did not.
    pub lenient: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_block: 16 * 1024,
            line: 8 * 1024,
            headers: 256,
            message: 64 * 1024,
            lenient: false,
        }
    }
}
