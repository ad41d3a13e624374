//! Which way media may flow.

/// Direction of a stream as its author sees it (RFC 8866 §6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The author sends and receives.
    #[default]
    SendRecv,
    /// The author only sends.
    SendOnly,
    /// The author only receives.
    RecvOnly,
    /// The author does neither.
    Inactive,
}

impl Direction {
    /// The direction called `name`, as an attribute names it.
    pub(crate) fn from_name(name: &[u8]) -> Option<Self> {
        match name {
            b"sendrecv" => Some(Self::SendRecv),
            b"sendonly" => Some(Self::SendOnly),
            b"recvonly" => Some(Self::RecvOnly),
            b"inactive" => Some(Self::Inactive),
            _ => None,
        }
    }

    /// Whether the author sends.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the author wants to receive.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same, but without receiving: what an address of `0.0.0.0` means (RFC 3264 §8.4).
    pub(crate) const fn without_receiving(self) -> Self {
        if self.sends() {
            Self::SendOnly
        } else {
            Self::Inactive
        }
    }
}
