//! A proxied signalling conversation.

use core::net::SocketAddr;
use std::sync::Arc;

use abi::Now;

use crate::{Entropy, Input, Output};

/// A state machine over one client leg and one server leg.
///
/// The worker calls [`Session::handle_input`], then drains [`Session::poll_output`] until it is
/// `None`, carrying out each output before it asks for the next. A session is dropped, and all
/// that it pinned is closed, when both legs have ended.
pub trait Session {
    /// Takes in what happened. Never panics, whatever the bytes.
    fn handle_input(&mut self, input: Input<'_>, now: Now);

    /// The next thing to do.
    fn poll_output(&mut self) -> Option<Output>;

    /// When [`Input::Timer`] is wanted; `None` when nothing is waited for.
    fn next_deadline(&self) -> Option<Now>;
}

/// What a session is told when it is made.
#[derive(Clone, Debug)]
pub struct SessionSetup {
    /// Real address and port of the server that the client aimed at, as the server's leg will
    /// reach it.
    pub server: SocketAddr,
    /// Whether the client's leg is TLS.
    pub client_secure: bool,
    /// Whether the server's leg is TLS.
    pub server_secure: bool,
    /// Where keys come from.
    pub entropy: Arc<dyn Entropy>,
}
