//! How long things take, as histograms in shared memory.

use abi::histogram::Histogram;
use abi::layout::Layout;

/// One worker's histograms, all in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// Of media packets, from receive burst to transmit burst.
    pub(crate) media_delay: Histogram<'static>,
    /// Of clients, from their connection to the end of their handshake.
    pub(crate) handshake: Histogram<'static>,
    /// Of turns of the loop, idle ones too.
    pub(crate) turn: Histogram<'static>,
}

impl Times {
    /// Those of worker `id`; `None` if the region has none for it.
    pub(crate) fn of(layout: &Layout<'static>, id: usize) -> Option<Self> {
        Some(Self {
            media_delay: layout.media_delay(id)?,
            handshake: layout.handshake_time(id)?,
            turn: layout.turn_time(id)?,
        })
    }
}
