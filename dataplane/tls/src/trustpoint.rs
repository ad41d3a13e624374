//! Named certificates and keys.

use std::fmt;
use std::sync::Arc;

use abi::policy::TlsProvider;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, TrustAnchor};
use rustls::sign::{CertifiedKey, SigningKey};

use crate::certificate::Facts;
use crate::verify::Pin;

/// The parts of a trustpoint, all DER. Every part may be empty, but a key goes with its chain.
///
/// Nothing here is copied except certificates: `key` stays the caller's to wipe.
#[derive(Clone, Copy, Default)]
pub struct TrustpointSpec<'a> {
    /// Position in the policy's list, which errors name.
    pub index: u16,
    /// Own certificate chain, leaf first.
    pub chain: &'a [Vec<u8>],
    /// Private key of the leaf: PKCS #8, PKCS #1 or SEC 1.
    pub key: Option<&'a [u8]>,
    /// Certificates of authorities that peers' certificates may chain to.
    pub anchors: &'a [Vec<u8>],
    /// Peers' certificates that are trusted by exact match, without a chain.
    pub pinned: &'a [Vec<u8>],
    /// Revocation lists of the authorities in `anchors` and below them.
    pub crls: &'a [Vec<u8>],
}

impl fmt::Debug for TrustpointSpec<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustpointSpec")
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

/// What is wrong with which trustpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("trustpoint {index}: {fault}")]
pub struct TrustpointError {
    /// Position in the policy's list.
    pub index: u16,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What can be wrong with a trustpoint. Positions count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is a chain but no key, so it cannot be shown to a peer.
    #[error("certificate chain without a private key")]
    KeyMissing,
    /// There is a key but no chain.
    #[error("private key without a certificate chain")]
    ChainMissing,
    /// A certificate of the chain does not parse.
    #[error("certificate {0} of the chain does not parse")]
    Chain(usize),
    /// The key is no PKCS #8, PKCS #1 or SEC 1, or of a kind or size that the library refuses:
    /// RSA under 2048 bits, curves other than P-256, P-384 and P-521.
    #[error("private key does not parse or is of an unsupported kind or size")]
    Key,
    /// The key is not the one in the first certificate of the chain.
    #[error("private key is not that of the certificate")]
    KeyMismatch,
    /// An anchor does not parse.
    #[error("trust anchor {0} does not parse")]
    Anchor(usize),
    /// A pinned certificate does not parse.
    #[error("pinned certificate {0} does not parse")]
    Pinned(usize),
    /// A revocation list does not parse.
    #[error("revocation list {0} does not parse")]
    Crl(usize),
    /// There are revocation lists but no anchors that they could belong to.
    #[error("revocation lists without trust anchors")]
    CrlWithoutAnchor,
    /// The trustpoint has to show an identity and holds none.
    #[error("no certificate chain to show")]
    NoIdentity,
}

/// A named authority, identity, or both, ready for use by any number of profiles.
#[derive(Clone)]
pub struct Trustpoint {
    index: u16,
    identity: Option<Arc<CertifiedKey>>,
    pub(crate) anchors: Vec<TrustAnchor<'static>>,
    pub(crate) pins: Vec<Pin>,
    pub(crate) crls: Vec<CertificateRevocationListDer<'static>>,
}

impl Trustpoint {
    /// Reads every part of `spec` for use with the library `kind`.
    ///
    /// # Errors
    /// The first part that is wrong.
    pub(crate) fn new(
        kind: TlsProvider,
        provider: &Arc<CryptoProvider>,
        spec: &TrustpointSpec<'_>,
    ) -> Result<Self, TrustpointError> {
        Self::read(kind, provider, spec).map_err(|fault| TrustpointError {
            index: spec.index,
            fault,
        })
    }

    fn read(
        kind: TlsProvider,
        provider: &Arc<CryptoProvider>,
        spec: &TrustpointSpec<'_>,
    ) -> Result<Self, Fault> {
        let identity = match (spec.chain, spec.key) {
            ([], None) => None,
            ([], Some(_)) => return Err(Fault::ChainMissing),
            (_, None) => return Err(Fault::KeyMissing),
            (chain, Some(key)) => Some(Arc::new(identity(kind, chain, key)?)),
        };
        let roots = Arc::new(anchors(spec.anchors)?);
        check_crls(&roots, provider, spec.crls)?;
        Ok(Self {
            index: spec.index,
            identity,
            anchors: roots.roots.clone(),
            pins: each(spec.pinned, Pin::new, Fault::Pinned)?,
            crls: spec.crls.iter().map(|crl| crl.clone().into()).collect(),
        })
    }

    /// Position in the policy's list.
    #[must_use]
    pub fn index(&self) -> u16 {
        self.index
    }

    /// The chain and key that it shows.
    pub(crate) fn identity(&self) -> Result<Arc<CertifiedKey>, TrustpointError> {
        self.identity.clone().ok_or(TrustpointError {
            index: self.index,
            fault: Fault::NoIdentity,
        })
    }
}

impl fmt::Debug for Trustpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trustpoint")
            .field("index", &self.index)
            .field("identity", &self.identity.is_some())
            .field("anchors", &self.anchors.len())
            .field("pins", &self.pins.len())
            .field("crls", &self.crls.len())
            .finish()
    }
}

/// Reads every item, or says by its position which one cannot be read.
fn each<T>(
    items: &[Vec<u8>],
    read: impl Fn(&[u8]) -> Option<T>,
    fault: impl Fn(usize) -> Fault,
) -> Result<Vec<T>, Fault> {
    items
        .iter()
        .enumerate()
        .map(|(i, der)| read(der).ok_or_else(|| fault(i)))
        .collect()
}

fn identity(kind: TlsProvider, chain: &[Vec<u8>], key: &[u8]) -> Result<CertifiedKey, Fault> {
    let facts = each(chain, Facts::read, Fault::Chain)?;
    let key = signing_key(kind, key)?;
    let leaf = facts.first().ok_or(Fault::ChainMissing)?;
    // Compared here because rustls compares only with version 3 certificates.
    if key.public_key().is_some_and(|own| *own != *leaf.public_key) {
        return Err(Fault::KeyMismatch);
    }
    let chain = chain.iter().cloned().map(CertificateDer::from).collect();
    Ok(CertifiedKey::new(chain, key))
}

/// Loads a key without taking a copy of it.
fn signing_key(kind: TlsProvider, der: &[u8]) -> Result<Arc<dyn SigningKey>, Fault> {
    let der = PrivateKeyDer::try_from(der).map_err(|_| Fault::Key)?;
    match kind {
        TlsProvider::AwsLcRs => rustls::crypto::aws_lc_rs::sign::any_supported_type(&der),
        TlsProvider::Ring => rustls::crypto::ring::sign::any_supported_type(&der),
    }
    .map_err(|_| Fault::Key)
}

fn anchors(certificates: &[Vec<u8>]) -> Result<RootCertStore, Fault> {
    let mut roots = RootCertStore::empty();
    for (i, der) in certificates.iter().enumerate() {
        roots
            .add(CertificateDer::from(der.as_slice()))
            .map_err(|_| Fault::Anchor(i))?;
    }
    Ok(roots)
}

/// Has rustls read each list by itself, for its own error does not say which one is bad.
fn check_crls(
    roots: &Arc<RootCertStore>,
    provider: &Arc<CryptoProvider>,
    crls: &[Vec<u8>],
) -> Result<(), Fault> {
    if roots.is_empty() && !crls.is_empty() {
        return Err(Fault::CrlWithoutAnchor);
    }
    for (i, crl) in crls.iter().enumerate() {
        WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider))
            .with_crls([crl.clone().into()])
            .build()
            .map_err(|_| Fault::Crl(i))?;
    }
    Ok(())
}

/// An identity whose key is not that of its certificate.
#[cfg(test)]
pub(crate) fn forge(chain: &[Vec<u8>], key: &[u8]) -> Trustpoint {
    let key = signing_key(TlsProvider::AwsLcRs, key).unwrap();
    let chain = chain.iter().cloned().map(CertificateDer::from).collect();
    Trustpoint {
        index: 0,
        identity: Some(Arc::new(CertifiedKey::new(chain, key))),
        anchors: Vec::new(),
        pins: Vec::new(),
        crls: Vec::new(),
    }
}
