//! Private keys that a passphrase protects: PKCS #8 (RFC 5958) with PBES2 (RFC 8018).

use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::Kdf;
use zeroize::Zeroizing;

/// Most rounds of PBKDF2: some seconds of work.
const ROUNDS_MAX: u32 = 5_000_000;
/// Most memory that scrypt may take, in octets; its default in OpenSSL is 16 MiB.
const SCRYPT_OCTETS_MAX: u64 = 64 << 20;
/// Most passes of scrypt over that memory.
const SCRYPT_PASSES_MAX: u16 = 16;

/// Why an encrypted key cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecryptError {
    #[error("is encrypted in a way that is not supported: expected PBES2 with AES")]
    Unsupported,
    #[error(
        "takes too much work to decrypt: expected at most {ROUNDS_MAX} rounds of PBKDF2, or \
         {} MiB of scrypt",
        SCRYPT_OCTETS_MAX >> 20
    )]
    TooCostly,
    #[error("does not decrypt with this passphrase")]
    WrongPassphrase,
}

/// Whether `der` is an encrypted key.
pub(super) fn is_encrypted(der: &[u8]) -> bool {
    EncryptedPrivateKeyInfoRef::try_from(der).is_ok()
}

/// The key inside `der`.
pub(crate) fn decrypt(der: &[u8], passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
    let key = EncryptedPrivateKeyInfoRef::try_from(der).map_err(|_| DecryptError::Unsupported)?;
    let EncryptionScheme::Pbes2(parameters) = &key.encryption_algorithm else {
        return Err(DecryptError::Unsupported);
    };
    if !is_affordable(&parameters.kdf) {
        return Err(DecryptError::TooCostly);
    }
    // In place: the library's own buffer would not be wiped when it fails.
    let mut buffer = Zeroizing::new(key.encrypted_data.as_bytes().to_vec());
    let clear = parameters
        .decrypt_in_place(passphrase, &mut buffer)
        .map_err(|error| match error {
            pkcs8::pkcs5::Error::DecryptFailed => DecryptError::WrongPassphrase,
            _ => DecryptError::Unsupported,
        })?;
    // A wrong passphrase leaves sound padding once in 256 times, but hardly ever a sound key.
    if pkcs8::PrivateKeyInfoRef::try_from(clear).is_err() {
        return Err(DecryptError::WrongPassphrase);
    }
    Ok(Zeroizing::new(clear.to_vec()))
}

/// Whoever made the file chose what it costs to read it.
fn is_affordable(kdf: &Kdf) -> bool {
    match kdf {
        Kdf::Pbkdf2(kdf) => kdf.iteration_count <= ROUNDS_MAX,
        Kdf::Scrypt(kdf) => {
            let octets = kdf
                .cost_parameter
                .saturating_mul(128)
                .saturating_mul(kdf.block_size.into());
            // The library takes any power of two, and trusts that it is one.
            kdf.cost_parameter.is_power_of_two()
                && kdf.cost_parameter > 1
                && octets <= SCRYPT_OCTETS_MAX
                && kdf.parallelization <= SCRYPT_PASSES_MAX
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use pkcs8::pkcs5::pbes2::{Pbkdf2Params, ScryptParams};

    use super::*;

    #[test]
    fn a_key_that_costs_too_much_to_read_is_refused_unread() {
        let rounds = |n| Kdf::Pbkdf2(Pbkdf2Params::hmac_sha256(n, &[0; 8]).unwrap());
        assert!(is_affordable(&rounds(2_048)) && is_affordable(&rounds(ROUNDS_MAX)));
        assert!(!is_affordable(&rounds(ROUNDS_MAX + 1)));
        let Kdf::Pbkdf2(Pbkdf2Params { salt, .. }) = rounds(1) else {
            panic!("PBKDF2")
        };
        let scrypt = |cost_parameter, block_size, parallelization| {
            Kdf::Scrypt(ScryptParams {
                salt,
                cost_parameter,
                block_size,
                parallelization,
                key_length: None,
            })
        };
        assert!(is_affordable(&scrypt(1 << 14, 8, 1)));
        for (cost, block, passes) in [
            (0, 8, 1),
            (1, 8, 1),
            (3, 8, 1),
            (1 << 20, 8, 1),
            (1 << 63, u16::MAX, 1),
            (1 << 14, 8, u16::MAX),
        ] {
            assert!(!is_affordable(&scrypt(cost, block, passes)), "{cost}");
        }
    }
}
