//! What goes into a session and what comes out of it.

use core::net::SocketAddr;

use abi::{Counter, Reason};

use crate::{Endpoint, Leg, MediaId, MediaPlan, PerLeg};

/// What happened, told to a session by its worker.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A leg is up, its handshake done. The client's comes first and the server's follows an
    /// [`Output::Open`].
    Opened {
        /// Which.
        leg: Leg,
        /// Our address on the leg: what the peer aims at and what it may see of us.
        local: SocketAddr,
        /// The peer's address as it reached us.
        peer: SocketAddr,
    },
    /// Bytes from a leg, in order. The session takes all of them.
    Data {
        /// From where.
        leg: Leg,
        /// Plaintext.
        bytes: &'a [u8],
    },
    /// Nothing more will come from a leg.
    Closed {
        /// Which.
        leg: Leg,
        /// How.
        how: Closed,
    },
    /// The deadline that the session named has come.
    Timer,
    /// The answer to [`Output::PinMedia`]: our addresses towards each side. They stay the same
    /// for as long as the media is pinned.
    MediaReady {
        /// Which media.
        media: MediaId,
        /// Our addresses.
        local: PerLeg<Endpoint>,
    },
    /// The other answer: the media, new or changed, is not carried. What was pinned before under
    /// this id stays as it was.
    MediaRefused {
        /// Which media.
        media: MediaId,
        /// Why.
        reason: Reason,
    },
}

/// How a leg ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The peer has said all that it had to say, and may still listen.
    Finished,
    /// The leg is gone, both ways.
    Failed(Reason),
}

/// What a session wants done.
#[derive(Debug)]
pub enum Output {
    /// Bytes to a leg, in order.
    Send {
        /// To where.
        leg: Leg,
        /// Plaintext.
        bytes: Vec<u8>,
    },
    /// Open the server's leg as the application's policy says.
    Open,
    /// End what we have to say on a leg.
    Close {
        /// Which.
        leg: Leg,
        /// How.
        how: Closing,
    },
    /// Open media, or change what is open under the same id; answered at once by
    /// [`Input::MediaReady`] or [`Input::MediaRefused`].
    PinMedia {
        /// The session's own number for it.
        media: MediaId,
        /// What is asked for.
        plan: Box<MediaPlan>,
    },
    /// Close media. Unknown ids are ignored.
    UnpinMedia {
        /// Which.
        media: MediaId,
    },
    /// Count or log something; changes nothing.
    Audit(Event),
}

/// How a session ends its part of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// After all that was sent; the peer may go on talking.
    Finish,
    /// At once, both ways, with a reset.
    Abort,
}

/// Something worth counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Something from this leg was refused.
    Refused {
        /// From where.
        leg: Leg,
        /// Why.
        reason: Reason,
    },
    /// Something happened.
    Counted(Counter),
}
