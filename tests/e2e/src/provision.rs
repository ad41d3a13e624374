//! Streams that no call sets up.

use crate::error::Result;
use crate::lab::{Host, Lab};
use crate::proxy::Proxy;
use crate::template::write;

/// Has the proxy open the streams of `lines`, and none but those; returns them with their ports.
///
/// # Errors
/// When one of them is refused.
pub fn provision(lab: &Lab, proxy: &Proxy<'_>, lines: &str) -> Result<String> {
    let file = lab.dir().join("provisioned.jsonl");
    write(&file, lines)?;
    proxy.ucproxy(&["media", "provision", &file.display().to_string()])
}

/// A stream from SRTP to RTP as `ucproxy media provision` reads it; each has peers of its own.
#[must_use]
pub fn encrypted_stream(number: u16) -> String {
    let [outside, inside, phone, manager] = [
        Host::OutsideMedia,
        Host::InsideMedia,
        Host::OutsidePhone,
        Host::Manager,
    ]
    .map(Host::v4);
    let key = |way: u8| format!("{way:02x}{number:04x}") + &"5a".repeat(27);
    let (receive, transmit) = (key(1), key(2));
    let port = 20_000 + 2 * number;
    format!(
        "{{\"client\":{{\"local\":\"{outside}:0\",\"peer\":\"{phone}:{port}\",\
         \"suite\":\"AES_CM_128_HMAC_SHA1_80\",\"receive\":\"{receive}\",\"transmit\":\"{transmit}\"}},\
         \"server\":{{\"local\":\"{inside}:0\",\"peer\":\"{manager}:{port}\"}}}}\n"
    )
}
