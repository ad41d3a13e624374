//! Session keys from master keys (RFC 3711 §4.3, with a key derivation rate of zero).

use core::fmt;

use abi::Suite;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256, Block};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{AUTH_KEY_LEN, Traffic, is_aead};

/// Octets that a salt is derived in; AEAD suites take the first twelve.
const SALT_LEN: usize = 14;

/// What one direction of one protocol is protected with. Wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SessionKey {
    cipher: [u8; 32],
    auth: [u8; AUTH_KEY_LEN],
    salt: [u8; SALT_LEN],
    #[zeroize(skip)]
    suite: Suite,
}

impl SessionKey {
    /// The suite that the key is for.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// The cipher key.
    #[must_use]
    pub fn cipher(&self) -> &[u8] {
        self.cipher.get(..self.suite.key_len()).unwrap_or_default()
    }

    /// The HMAC key; empty if the suite is AEAD.
    #[must_use]
    pub fn auth(&self) -> &[u8] {
        if is_aead(self.suite) { &[] } else { &self.auth }
    }

    /// The salt.
    #[must_use]
    pub fn salt(&self) -> &[u8] {
        self.salt.get(..self.suite.salt_len()).unwrap_or_default()
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(..)")
    }
}

/// The session keys of one direction.
#[derive(Debug)]
pub struct SessionKeys {
    /// For RTP.
    pub rtp: SessionKey,
    /// For RTCP.
    pub rtcp: SessionKey,
}

impl SessionKeys {
    /// Derives the keys; `None` if `key` or `salt` is not as long as the suite asks for.
    #[must_use]
    pub fn derive(suite: Suite, key: &[u8], salt: &[u8]) -> Option<Self> {
        let prf = Prf::new(suite, key, salt)?;
        Some(Self {
            rtp: prf.session_key(Traffic::Rtp),
            rtcp: prf.session_key(Traffic::Rtcp),
        })
    }
}

/// The pseudo-random function: AES in counter mode under the master key.
struct Prf {
    suite: Suite,
    cipher: MasterCipher,
    salt: [u8; SALT_LEN],
}

enum MasterCipher {
    Aes128(Aes128),
    Aes192(Aes192),
    Aes256(Aes256),
}

impl Prf {
    fn new(suite: Suite, key: &[u8], salt: &[u8]) -> Option<Self> {
        if key.len() != suite.key_len() || salt.len() != suite.salt_len() {
            return None;
        }
        let cipher = match key.len() {
            16 => MasterCipher::Aes128(Aes128::new_from_slice(key).ok()?),
            24 => MasterCipher::Aes192(Aes192::new_from_slice(key).ok()?),
            _ => MasterCipher::Aes256(Aes256::new_from_slice(key).ok()?),
        };
        // A salt of 96 bits is extended by zeros on the right (RFC 7714 §11).
        let mut extended = [0; SALT_LEN];
        extended.get_mut(..salt.len())?.copy_from_slice(salt);
        Some(Self {
            suite,
            cipher,
            salt: extended,
        })
    }

    fn session_key(&self, traffic: Traffic) -> SessionKey {
        let base = match traffic {
            Traffic::Rtp => 0,
            Traffic::Rtcp => 3,
        };
        let mut key = SessionKey {
            cipher: [0; 32],
            auth: [0; AUTH_KEY_LEN],
            salt: [0; SALT_LEN],
            suite: self.suite,
        };
        self.fill(base, &mut key.cipher);
        self.fill(base + 1, &mut key.auth);
        self.fill(base + 2, &mut key.salt);
        key
    }

    /// Fills `out` with the key stream of a label (RFC 3711 §4.3.1, §4.3.3).
    fn fill(&self, label: u8, out: &mut [u8]) {
        let mut counter = [0; 16];
        for (to, from) in counter.iter_mut().zip(&self.salt) {
            *to = *from;
        }
        // The label stands 48 bits before the end of the 112-bit salt.
        counter[7] ^= label;
        let start = u128::from_be_bytes(counter);
        for (block, chunk) in (start..).zip(out.chunks_mut(16)) {
            let mut stream = Block::from(block.to_be_bytes());
            match &self.cipher {
                MasterCipher::Aes128(aes) => aes.encrypt_block(&mut stream),
                MasterCipher::Aes192(aes) => aes.encrypt_block(&mut stream),
                MasterCipher::Aes256(aes) => aes.encrypt_block(&mut stream),
            }
            for (to, from) in chunk.iter_mut().zip(&stream) {
                *to = *from;
            }
            stream.as_mut_slice().zeroize();
        }
    }
}

impl Drop for Prf {
    fn drop(&mut self) {
        self.salt.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derive(name: &str, suite: Suite) -> (SessionKeys, vectors::Case) {
        let case = vectors::srtp(name);
        (
            SessionKeys::derive(suite, case.get("key"), case.get("salt")).unwrap(),
            case,
        )
    }

    #[test]
    fn rfc_3711_and_6188_keys_are_derived() {
        for (name, suite) in [
            ("rfc3711-b3", Suite::AesCm128HmacSha1_80),
            ("rfc6188-kdf-192", Suite::AesCm192HmacSha1_80),
            ("kdf-192", Suite::AesCm192HmacSha1_80),
            ("rfc6188-kdf-256", Suite::AesCm256HmacSha1_32),
        ] {
            let (keys, case) = derive(name, suite);
            assert_eq!(keys.rtp.cipher(), case.get("rtp_key"));
            assert_eq!(keys.rtp.auth(), case.get("auth"));
            assert_eq!(keys.rtp.salt(), case.get("rtp_salt"));
        }
    }

    #[test]
    fn rtcp_has_keys_of_its_own() {
        let (keys, case) = derive("rfc3711-b3", Suite::AesCm128HmacSha1_80);
        assert_eq!(keys.rtcp.cipher(), case.get("rtcp_key"));
        assert_eq!(keys.rtcp.auth(), case.get("rtcp_auth"));
        assert_eq!(keys.rtcp.salt(), case.get("rtcp_salt"));
    }

    #[test]
    fn aead_salt_is_extended_on_the_right() {
        for (name, suite) in [
            ("packet-gcm128", Suite::AeadAes128Gcm),
            ("packet-gcm256", Suite::AeadAes256Gcm),
        ] {
            let (keys, case) = derive(name, suite);
            assert_eq!(keys.rtp.cipher(), case.get("rtp_key"));
            assert_eq!(keys.rtp.salt(), case.get("rtp_salt"));
            assert_eq!(keys.rtcp.cipher(), case.get("rtcp_key"));
            assert_eq!(keys.rtcp.salt(), case.get("rtcp_salt"));
            assert!(keys.rtp.auth().is_empty());
        }
    }

    #[test]
    fn lengths_that_do_not_fit_the_suite_are_refused() {
        for suite in Suite::ALL {
            let (key, salt) = (vec![1; suite.key_len()], vec![2; suite.salt_len()]);
            assert!(SessionKeys::derive(suite, &key, &salt).is_some());
            assert!(SessionKeys::derive(suite, &key[1..], &salt).is_none());
            assert!(SessionKeys::derive(suite, &key, &salt[1..]).is_none());
        }
    }

    #[test]
    fn debug_output_shows_no_key() {
        let (keys, _) = derive("rfc3711-b3", Suite::AesCm128HmacSha1_80);
        let shown = "SessionKeys { rtp: SessionKey(..), rtcp: SessionKey(..) }";
        assert_eq!(format!("{keys:?}"), shown);
    }
}
