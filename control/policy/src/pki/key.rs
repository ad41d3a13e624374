//! Whether a private key belongs to a certificate.

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaKeyPair, RsaPublicKeyComponents,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::public_key::PublicKey;

use super::der;

/// Why a key cannot be used with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("does not read as PKCS #8, PKCS #1 or SEC 1")]
    Malformed,
    #[error("is of another kind than the certificate's")]
    OtherKind,
    #[error("does not belong to the certificate")]
    Mismatch,
    #[error(
        "is of a kind that is not supported: expected RSA of 2048 to 8192 bits, ECDSA on P-256 \
         or P-384, or Ed25519"
    )]
    Unsupported,
}

/// A private key by its encoding.
enum Encoding<'k> {
    /// RFC 5208: the algorithm's identifier and the key inside.
    Pkcs8 { algorithm: &'k [u8], key: &'k [u8] },
    /// RFC 8017: RSA.
    Pkcs1,
    /// RFC 5915: elliptic curves; the private number.
    Sec1 { scalar: &'k [u8] },
}

const OID_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const OID_EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const OID_P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const OID_P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const OID_ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// Checks that `key` (DER) is the private key of `certificate`.
pub(crate) fn matches(certificate: &X509Certificate<'_>, key: &[u8]) -> Result<(), KeyError> {
    let encoding = encoding(key).ok_or(KeyError::Malformed)?;
    let info = certificate.public_key();
    let algorithm = info.algorithm.algorithm.as_bytes();
    if algorithm == OID_RSA {
        return rsa(certificate, key, &encoding);
    }
    if algorithm == OID_EC {
        return ec(certificate, &encoding);
    }
    if algorithm == OID_ED25519 {
        return ed25519(&info.subject_public_key.data, key, &encoding);
    }
    Err(KeyError::Unsupported)
}

fn encoding(key: &[u8]) -> Option<Encoding<'_>> {
    let (body, rest) = der::expect(key, der::SEQUENCE)?;
    let (_version, body) = der::expect(body, der::INTEGER)?;
    if !rest.is_empty() {
        return None;
    }
    match der::split(body)? {
        (der::SEQUENCE, algorithm, rest) => {
            let (key, _) = der::expect(rest, der::OCTET_STRING)?;
            let (_, algorithm, _) = der::split(algorithm)?;
            Some(Encoding::Pkcs8 { algorithm, key })
        }
        (der::OCTET_STRING, scalar, _) => Some(Encoding::Sec1 { scalar }),
        (der::INTEGER, _, _) => Some(Encoding::Pkcs1),
        _ => None,
    }
}

fn rsa(
    certificate: &X509Certificate<'_>,
    key: &[u8],
    encoding: &Encoding<'_>,
) -> Result<(), KeyError> {
    let pair = match *encoding {
        Encoding::Pkcs8 { algorithm, key } if algorithm == OID_RSA => RsaKeyPair::from_der(key),
        Encoding::Pkcs1 => RsaKeyPair::from_der(key),
        Encoding::Pkcs8 { .. } | Encoding::Sec1 { .. } => return Err(KeyError::OtherKind),
    };
    let pair = pair.map_err(|_| KeyError::Unsupported)?;
    let Ok(PublicKey::RSA(public)) = certificate.public_key().parsed() else {
        return Err(KeyError::Malformed);
    };
    let components = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
    let modulus = public.modulus.iter().skip_while(|&&b| b == 0);
    let same = components.n.iter().eq(modulus);
    if same {
        Ok(())
    } else {
        Err(KeyError::Mismatch)
    }
}

fn ec(certificate: &X509Certificate<'_>, encoding: &Encoding<'_>) -> Result<(), KeyError> {
    let scalar = match *encoding {
        Encoding::Pkcs8 { algorithm, key } if algorithm == OID_EC => {
            let (body, _) = der::expect(key, der::SEQUENCE).ok_or(KeyError::Malformed)?;
            let (_version, body) = der::expect(body, der::INTEGER).ok_or(KeyError::Malformed)?;
            der::expect(body, der::OCTET_STRING)
                .ok_or(KeyError::Malformed)?
                .0
        }
        Encoding::Sec1 { scalar } => scalar,
        Encoding::Pkcs8 { .. } | Encoding::Pkcs1 => return Err(KeyError::OtherKind),
    };
    let info = certificate.public_key();
    let curve = info.algorithm.parameters.as_ref().map(|any| any.data);
    let algorithm: &'static EcdsaSigningAlgorithm = match curve {
        Some(oid) if oid == OID_P256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
        Some(oid) if oid == OID_P384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
        _ => return Err(KeyError::Unsupported),
    };
    let public = &info.subject_public_key.data;
    EcdsaKeyPair::from_private_key_and_public_key(algorithm, scalar, public, &SystemRandom::new())
        .map(drop)
        .map_err(|_| KeyError::Mismatch)
}

fn ed25519(public: &[u8], key: &[u8], encoding: &Encoding<'_>) -> Result<(), KeyError> {
    match *encoding {
        Encoding::Pkcs8 { algorithm, .. } if algorithm == OID_ED25519 => {}
        Encoding::Pkcs8 { .. } | Encoding::Pkcs1 | Encoding::Sec1 { .. } => {
            return Err(KeyError::OtherKind);
        }
    }
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(key).map_err(|_| KeyError::Malformed)?;
    if pair.public_key().as_ref() == public {
        Ok(())
    } else {
        Err(KeyError::Mismatch)
    }
}
