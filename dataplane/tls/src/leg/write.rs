//! Plaintext for the peer, and the octets that come of it.

use super::{Engine, RECORD_PLAINTEXT_MAX, State, TlsLeg};
/// Room in the output below which a longer plaintext waits, so that a peer who reads a little at
/// a time does not make records of a few octets.
const RECORD_WORTHWHILE: usize = 1024;

impl TlsLeg {
    /// Accepts plaintext for the peer and returns how much; the rest stays with the caller.
    ///
    /// Accepts nothing during the handshake, after [`close`](Self::close) or a failure, and while
    /// [`output_max`](super::LegLimits::output_max) or nearly so much waits to be sent.
    pub fn write(&mut self, plaintext: &[u8]) -> usize {
        let mut used = 0;
        while self.may_write() {
            let rest = plaintext.get(used..).unwrap_or_default();
            let room = self
                .limits
                .output_max
                .saturating_sub(self.octets.output.len());
            if room < rest.len().min(RECORD_WORTHWHILE) && !self.octets.output.is_empty() {
                break;
            }
            let len = rest.len().min(room).min(RECORD_PLAINTEXT_MAX);
            let (chunk, _) = rest.split_at(len);
            if chunk.is_empty() || !self.send(chunk) {
                break;
            }
            used += len;
        }
        used
    }

    fn may_write(&self) -> bool {
        matches!(self.state, State::Open | State::PeerClosed) && !self.closed
    }

    fn send(&mut self, chunk: &[u8]) -> bool {
        let output = &mut self.octets.output;
        let result = match &mut self.engine {
            Engine::Clear => {
                output.push(chunk);
                return true;
            }
            Engine::Open(records) => records.write(chunk, output),
            Engine::Server(_) | Engine::Client(_) | Engine::Ended => return false,
        };
        self.accepted(result).is_some()
    }

    /// Ends our direction: close_notify goes to the output, and nothing more is accepted. The
    /// other direction goes on. In clear, and during a handshake, there is nothing to send.
    pub fn close(&mut self) {
        if self.may_write()
            && let Engine::Open(records) = &mut self.engine
        {
            let result = records.close(&mut self.octets.output);
            self.accepted(result);
        }
        self.closed = true;
    }

    /// Offers the ciphertext that waits to `take`, which returns how much it took, until it takes
    /// nothing or nothing is left. Returns how much was taken in all.
    pub fn take_output(&mut self, mut take: impl FnMut(&[u8]) -> usize) -> usize {
        self.octets.output.drain_to(&mut take)
    }

    /// Octets of ciphertext that wait to be sent.
    #[must_use]
    pub fn pending_output(&self) -> usize {
        self.octets.output.len()
    }
}
