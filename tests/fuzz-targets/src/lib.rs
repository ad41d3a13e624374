//! What the fuzzer feeds: one function for every parser that reads what we did not write.
//!
//! `tests/fuzz` wraps each in a libFuzzer target; `cargo test` replays the inputs that once broke
//! something, kept in `tests/fuzz/regressions`, and the seeds. A target fails by a panic: the
//! code's own, or that of an assertion here about what must hold whatever comes in.
#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "a target says by a panic what is wrong"
)]

mod control;
mod frames;
mod input;
mod media;
mod phone;
mod seeds;
mod shared;
mod stack;
mod tcp;
mod text;
mod tls;

pub use seeds::seeds;

/// A parser under test.
pub type Target = fn(&[u8]);

/// Every target by name.
pub const TARGETS: &[(&str, Target)] = &[
    ("admin_frame", control::admin_frame),
    ("certificate", tls::certificate),
    ("icmp", frames::icmp),
    ("ip_stack", stack::ip_stack),
    ("layout", shared::layout),
    ("media_stream", media::media_stream),
    ("packet", frames::packet),
    ("phone_proxy", phone::phone_proxy),
    ("policy_image", shared::policy_image),
    ("policy_yaml", control::policy_yaml),
    ("publish", shared::publish),
    ("reassembly", stack::reassembly),
    ("records", shared::records),
    ("rtp", media::rtp),
    ("sdp", text::sdp),
    ("secrets", shared::secrets),
    ("sip", text::sip),
    ("srtp", media::srtp),
    ("tcp_cookies", tcp::cookies),
    ("tcp_legs", tcp::legs),
    ("tls_client", tls::client),
    ("tls_handshake", tls::handshake),
    ("tls_server", tls::server),
];

/// Runs the target called `name` on `data`.
///
/// # Panics
/// When there is no such target, and when the target finds something.
pub fn run(name: &str, data: &[u8]) {
    let found = TARGETS.iter().find(|(target, _)| *target == name);
    let (_, target) = found.expect("a target of that name");
    target(data);
}
