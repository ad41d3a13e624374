//! The SRTP suites that SDES names.

/// An SRTP crypto suite (RFC 4568 §6.2, RFC 6188, RFC 7714).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Suite {
    /// `AES_CM_128_HMAC_SHA1_80`.
    AesCm128HmacSha1_80,
    /// `AES_CM_128_HMAC_SHA1_32`; its SRTCP tag has 80 bits all the same.
    AesCm128HmacSha1_32,
    /// `AES_192_CM_HMAC_SHA1_80`.
    AesCm192HmacSha1_80,
    /// `AES_192_CM_HMAC_SHA1_32`.
    AesCm192HmacSha1_32,
    /// `AES_256_CM_HMAC_SHA1_80`.
    AesCm256HmacSha1_80,
    /// `AES_256_CM_HMAC_SHA1_32`.
    AesCm256HmacSha1_32,
    /// `AEAD_AES_128_GCM`.
    AeadAes128Gcm,
    /// `AEAD_AES_256_GCM`.
    AeadAes256Gcm,
    /// `F8_128_HMAC_SHA1_80`: known so that it can be refused by name; nothing here ciphers it.
    F8_128HmacSha1_80,
}

/// Octets of the longest key and salt together.
pub(crate) const MAX_KEY_SALT: usize = 46;

impl Suite {
    /// Every suite.
    pub const ALL: [Self; 9] = [
        Self::AesCm128HmacSha1_80,
        Self::AesCm128HmacSha1_32,
        Self::AesCm192HmacSha1_80,
        Self::AesCm192HmacSha1_32,
        Self::AesCm256HmacSha1_80,
        Self::AesCm256HmacSha1_32,
        Self::AeadAes128Gcm,
        Self::AeadAes256Gcm,
        Self::F8_128HmacSha1_80,
    ];

    /// Spellings that stacks in the field use instead of the registered name.
    const ALIASES: [(Self, &'static str); 5] = [
        (Self::AesCm192HmacSha1_80, "AES_CM_192_HMAC_SHA1_80"),
        (Self::AesCm192HmacSha1_32, "AES_CM_192_HMAC_SHA1_32"),
        (Self::AesCm256HmacSha1_80, "AES_CM_256_HMAC_SHA1_80"),
        (Self::AesCm256HmacSha1_32, "AES_CM_256_HMAC_SHA1_32"),
        (Self::AesCm128HmacSha1_80, "AES_128_CM_HMAC_SHA1_80"),
    ];

    /// The suite called `name`, in any case and in any spelling met in the field.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        let spelt = |n: &str| n.as_bytes().eq_ignore_ascii_case(name);
        Self::ALL
            .into_iter()
            .find(|suite| spelt(suite.name()))
            .or_else(|| {
                Self::ALIASES
                    .into_iter()
                    .find(|&(_, n)| spelt(n))
                    .map(|(suite, _)| suite)
            })
    }

    /// The registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
            Self::AesCm192HmacSha1_80 => "AES_192_CM_HMAC_SHA1_80",
            Self::AesCm192HmacSha1_32 => "AES_192_CM_HMAC_SHA1_32",
            Self::AesCm256HmacSha1_80 => "AES_256_CM_HMAC_SHA1_80",
            Self::AesCm256HmacSha1_32 => "AES_256_CM_HMAC_SHA1_32",
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
            Self::F8_128HmacSha1_80 => "F8_128_HMAC_SHA1_80",
        }
    }

    /// Octets of the master key.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80
            | Self::AesCm128HmacSha1_32
            | Self::AeadAes128Gcm
            | Self::F8_128HmacSha1_80 => 16,
            Self::AesCm192HmacSha1_80 | Self::AesCm192HmacSha1_32 => 24,
            Self::AesCm256HmacSha1_80 | Self::AesCm256HmacSha1_32 | Self::AeadAes256Gcm => 32,
        }
    }

    /// Octets of the master salt.
    #[must_use]
    pub const fn salt_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
            _ => 14,
        }
    }

    /// Octets of key and salt together, as an `inline:` parameter carries them.
    #[must_use]
    pub const fn key_salt_len(self) -> usize {
        self.key_len() + self.salt_len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_in_any_case() {
        for suite in Suite::ALL {
            assert_eq!(Suite::from_name(suite.name().as_bytes()), Some(suite));
            assert_eq!(
                Suite::from_name(suite.name().to_lowercase().as_bytes()),
                Some(suite)
            );
        }
    }

    #[test]
    fn field_spellings_name_the_registered_suite() {
        let suite = Suite::from_name(b"AES_CM_256_HMAC_SHA1_80").unwrap();
        assert_eq!(suite.name(), "AES_256_CM_HMAC_SHA1_80");
        assert_eq!(Suite::from_name(b"AES_CM_512_HMAC_SHA1_80"), None);
        assert_eq!(Suite::from_name(b""), None);
    }

    #[test]
    fn lengths_are_those_of_the_registry() {
        let lens: Vec<_> = Suite::ALL.iter().map(|s| s.key_salt_len()).collect();
        assert_eq!(lens, [30, 30, 38, 38, 46, 46, 28, 44, 30]);
        assert!(lens.iter().all(|&l| l <= MAX_KEY_SALT));
    }
}
