//! The media path's part of a worker's turn.

use abi::Now;
use wire::Nic;

use crate::Worker;
use crate::media::Arrival;

impl<N: Nic> Worker<N> {
    /// Puts a datagram to one of this worker's media ports in line for the burst.
    #[inline]
    pub(crate) fn queue_media(&mut self, frame: N::Frame, arrival: &Arrival, now: Now) {
        if self.media.is_full() {
            self.run_line(now);
        }
        self.media.queue(frame, arrival, &self.counters);
    }

    /// Runs the burst that is in line; returns how many packets were passed on.
    pub(crate) fn run_media(&mut self, now: Now) -> u64 {
        self.run_line(now);
        self.media.take_passed()
    }

    fn run_line(&mut self, now: Now) {
        let (stack, ports) = self.net.parts();
        self.media.run(stack, ports, &self.counters, now, &mut ());
    }
}
