//! How far a connection has come, and why it ended.

use abi::Reason;

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No answer to our SYN yet.
    Connecting,
    /// Open, if perhaps for one direction only.
    Open,
    /// At its end. What was received can still be read.
    Closed(CloseCause),
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCause {
    /// Both sides finished, and each has what the other sent.
    Finished,
    /// The peer reset it.
    Reset,
    /// The peer refused the connection or did not answer in time.
    Refused,
    /// The peer has gone silent.
    TimedOut,
    /// The peer answers and takes nothing.
    Stalled,
    /// We gave it up.
    Aborted,
}

impl CloseCause {
    /// The reason to count it under; an orderly end and our own decision have none.
    #[must_use]
    pub const fn reason(self) -> Option<Reason> {
        match self {
            Self::Finished | Self::Aborted => None,
            Self::Reset => Some(Reason::TcpReset),
            Self::Refused => Some(Reason::TcpConnectFailed),
            Self::TimedOut => Some(Reason::TcpTimeout),
            Self::Stalled => Some(Reason::PeerStalled),
        }
    }
}
