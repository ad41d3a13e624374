//! The SRTP suites, as signalling names them, media uses them and `show` prints them.

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
}

impl Suite {
    /// Every suite.
    pub const ALL: [Self; 8] = [
        Self::AesCm128HmacSha1_80,
        Self::AesCm128HmacSha1_32,
        Self::AesCm192HmacSha1_80,
        Self::AesCm192HmacSha1_32,
        Self::AesCm256HmacSha1_80,
        Self::AesCm256HmacSha1_32,
        Self::AeadAes128Gcm,
        Self::AeadAes256Gcm,
    ];

    /// Octets of the longest master key and salt together.
    pub const KEY_SALT_MAX: usize = 46;

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
        let registered = Self::ALL.into_iter().find(|suite| spelt(suite.name()));
        registered.or_else(|| {
            Self::ALIASES
                .into_iter()
                .find(|&(_, n)| spelt(n))
                .map(|(s, _)| s)
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
        }
    }

    /// Octets of the master key.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 | Self::AeadAes128Gcm => 16,
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

    /// The suite's number in a stream record, from 1; 0 there is clear RTP.
    #[must_use]
    pub const fn id(self) -> u16 {
        self as u16 + 1
    }

    /// The suite with this number in a stream record.
    #[must_use]
    pub fn from_id(id: u16) -> Option<Self> {
        Self::ALL.get(usize::from(id.checked_sub(1)?)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_round_trip() {
        for suite in Suite::ALL {
            assert_eq!(
                Suite::from_name(suite.name().to_lowercase().as_bytes()),
                Some(suite)
            );
            assert_eq!(Suite::from_id(suite.id()), Some(suite));
            assert!(suite.key_salt_len() <= Suite::KEY_SALT_MAX);
        }
        assert_eq!(Suite::from_id(0), None);
        assert_eq!(Suite::from_name(b"F8_128_HMAC_SHA1_80"), None);
    }

    #[test]
    fn field_spellings_name_the_registered_suite() {
        let suite = Suite::from_name(b"AES_CM_256_HMAC_SHA1_80").unwrap();
        assert_eq!(suite.name(), "AES_256_CM_HMAC_SHA1_80");
    }
}
