//! Private keys on their way from control to the data plane, and static media streams, which
//! hold keys too.
//!
//! They travel over the data plane's socket (`dataplane.sock` in the runtime directory, mode
//! 0600), never through memory that a reader of statistics can map. A message is its length as
//! four octets, big-endian, then the postcard encoding; control pushes all keys that a policy
//! names before it publishes that policy.

use core::fmt;

use postcard_schema::Schema;
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use crate::boot::BootId;
use crate::id::LayoutId;
use crate::policy::KeyId;
use crate::provision::{StaticOutcome, StaticStream, Step};

/// File name of the data plane's socket in the runtime directory.
pub const SOCKET_NAME: &str = "dataplane.sock";

/// Longest message either way, in octets.
pub const MESSAGE_MAX: usize = 1 << 20;

/// A private key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Secret {
    /// The certificate that the key belongs to.
    pub id: KeyId,
    /// The key, DER (PKCS #8, PKCS #1 or SEC 1).
    pub der: Vec<u8>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.der.zeroize();
    }
}

/// What control says to the data plane.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum Request {
    /// Holds these keys from now on, and none but these once a policy without the others is in
    /// force.
    PutKeys {
        /// Layout of the sender.
        layout: LayoutId,
        /// The start of the data plane that they are meant for.
        boot: BootId,
        /// The keys.
        keys: Vec<Secret>,
    },
    /// Opens or closes media streams that no signalling sets up; answered by [`Provisioned`].
    PutStreams {
        /// Layout of the sender.
        layout: LayoutId,
        /// The list that the streams are of.
        list: u64,
        /// What is to be done with them.
        step: Step,
        /// The streams, as many as fit a message.
        streams: Vec<StaticStream>,
    },
}

/// What the data plane answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum Response {
    /// Done.
    Ok,
    /// Layouts differ; the data plane's is given.
    WrongLayout(LayoutId),
    /// The data plane has been started again; this start is given.
    WrongBoot(BootId),
    /// The message does not decode or is too long.
    Malformed,
}

/// What became of static streams.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum Provisioned {
    /// Of each, in order; none unless they were to be opened.
    Done(Vec<StaticOutcome>),
    /// No worker runs yet, or they take too long.
    NotNow,
    /// Another list has begun since.
    Overtaken,
    /// Layouts differ; the data plane's is given.
    WrongLayout(LayoutId),
}

/// Encodes a message with its length in front; the caller wipes the result.
#[must_use]
pub fn encode<T: Serialize>(message: &T) -> Option<Vec<u8>> {
    let size = postcard::experimental::serialized_size(message).ok()?;
    let len = u32::try_from(size).ok().filter(|_| size <= MESSAGE_MAX)?;
    // Of its full size from the start: growing would leave copies behind that nobody wipes.
    let mut framed = Vec::with_capacity(4 + size);
    framed.extend_from_slice(&len.to_be_bytes());
    postcard::to_extend(message, framed).ok()
}

/// Decodes the body of a message.
#[must_use]
pub fn decode<T: for<'a> Deserialize<'a>>(body: &[u8]) -> Option<T> {
    match postcard::take_from_bytes(body) {
        Ok((message, [])) => Some(message),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        Request::PutKeys {
            layout: LayoutId::OURS,
            boot: BootId(7),
            keys: vec![Secret {
                id: KeyId([7; 32]),
                der: vec![1, 2, 3],
            }],
        }
    }

    #[test]
    fn message_round_trips() {
        let framed = encode(&request()).unwrap();
        assert_eq!(
            usize::try_from(u32::from_be_bytes(framed[..4].try_into().unwrap())).unwrap(),
            framed.len() - 4
        );
        assert_eq!(decode::<Request>(&framed[4..]), Some(request()));
    }

    #[test]
    fn debug_output_shows_no_key() {
        let text = format!(
            "{:?}",
            Secret {
                id: KeyId([0; 32]),
                der: vec![0xaa; 4]
            }
        );
        assert!(!text.contains("170") && !text.contains("aa"), "{text}");
    }
}
