//! `runtime`.

use crate::section::{List, section};
use crate::value::{Flag, Int, Micros, Octets, choice};

choice! {
    /// What an idle worker does.
    IdleMode {
        Busy "busy",
        Backoff "backoff",
    }
}

section! {
    /// Threads, memory and table sizes. Takes a restart of the data plane to change.
    RawRuntime {
        /// Poll-mode workers. Each owns its flows for life.
        workers: Int<1, 64>, default = "1";
        /// CPUs that workers are pinned to, one each, in order. Empty: those that the process may use, in turn.
        cpus: List<Int<0, 65_535>>, nested;
        /// Threads for TLS handshakes, so that media never waits for one. 0 runs them on the
        /// workers.
        handshake_threads: Int<0, 64>, default = "1";
        /// What a worker does that finds no work: poll on (`busy`), or pause and then sleep
        /// (`backoff`), which suits small and shared machines.
        idle: IdleMode, default = "busy";
        /// Longest sleep of a worker that backs off.
        idle_sleep_max: Micros<1, 100_000>, default = "200us";
        /// Take packet memory from hugepages. `hugepages-setup.sh` provides them.
        hugepages: Flag, default = "true";
        /// Packet memory to take at start. 0 grows as needed.
        memory: Octets<0, 0x100_0000_0000>, default = "0";
        /// Proxied sessions that one worker has room for.
        sessions_max: Int<1, 4_194_304>, default = "16384";
        /// Media streams that one worker has room for.
        streams_max: Int<1, 4_194_304>, default = "16384";
        /// Packet buffers of all workers together.
        mbufs: Int<1_024, 16_777_216>, default = "32768";
    }
}
