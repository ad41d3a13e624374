//! SRTP keys: ours from the session's entropy, the peers' from their crypto attributes.

use abi::Suite;
use pipeline::{Entropy, MasterKey, SrtpParams};
use sdp::Mki;
use zeroize::Zeroizing;

/// A key of ours and the tag that it goes by in a=crypto.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OurKey {
    pub(crate) tag: u32,
    pub(crate) params: SrtpParams,
}

impl OurKey {
    /// A fresh key; `None` when there is no randomness.
    pub(crate) fn fresh(entropy: &dyn Entropy, tag: u32, suite: Suite) -> Option<Self> {
        let mut octets = Zeroizing::new([0; Suite::KEY_SALT_MAX]);
        let key_salt = octets.get_mut(..suite.key_salt_len())?;
        if !entropy.fill(key_salt) {
            return None;
        }
        let key = MasterKey::new(suite, key_salt)?;
        Some(Self {
            tag,
            params: SrtpParams {
                suite,
                key,
                mki: None,
            },
        })
    }

    /// The attribute that tells the peer this key.
    pub(crate) fn to_crypto(&self) -> Option<sdp::Crypto> {
        let suite = self.params.suite;
        let key = sdp::KeySalt::new(suite, self.params.key.key_salt())?;
        Some(sdp::Crypto::new(self.tag, suite, key))
    }
}

/// The key that a peer sends with; `None` when it does not fit its suite.
pub(crate) fn from_crypto(crypto: &sdp::Crypto) -> Option<SrtpParams> {
    let suite = crypto.suite;
    let key = MasterKey::new(suite, crypto.key.as_bytes())?;
    let mki = crypto
        .mki
        .map(|Mki { value, len }| pipeline::Mki { value, len });
    Some(SrtpParams { suite, key, mki })
}

/// An unguessable word for a tag or branch.
pub(crate) fn token(entropy: &dyn Entropy) -> Option<String> {
    let mut octets = [0; 8];
    entropy
        .fill(&mut octets)
        .then(|| format!("{:016x}", u64::from_be_bytes(octets)))
}
