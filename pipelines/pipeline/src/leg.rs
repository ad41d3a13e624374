//! The two sides of a proxied conversation.

use core::ops::{Index, IndexMut};

/// One side of a proxied conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leg {
    /// Towards whoever opened the conversation.
    Client,
    /// Towards the server that it was opened to.
    Server,
}

impl Leg {
    /// Both legs.
    pub const BOTH: [Self; 2] = [Self::Client, Self::Server];

    /// The leg across.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// One value for each leg.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerLeg<T> {
    /// The client's.
    pub client: T,
    /// The server's.
    pub server: T,
}

impl<T> PerLeg<T> {
    /// Makes a value for each leg.
    pub fn from_fn(mut make: impl FnMut(Leg) -> T) -> Self {
        Self {
            client: make(Leg::Client),
            server: make(Leg::Server),
        }
    }
}

impl<T> Index<Leg> for PerLeg<T> {
    type Output = T;

    fn index(&self, leg: Leg) -> &T {
        match leg {
            Leg::Client => &self.client,
            Leg::Server => &self.server,
        }
    }
}

impl<T> IndexMut<Leg> for PerLeg<T> {
    fn index_mut(&mut self, leg: Leg) -> &mut T {
        match leg {
            Leg::Client => &mut self.client,
            Leg::Server => &mut self.server,
        }
    }
}
