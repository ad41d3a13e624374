//! Whether a peer's certificate is good: by chain to an anchor, or by exact match with a pin.

use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, VerifierBuilderError, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};

use crate::certificate::{Facts, Validity};
use crate::trustpoint::Trustpoint;

/// What a certificate is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Client,
    Server,
}

/// A peer's certificate that is trusted by exact match.
///
/// Phones and call managers show self-signed certificates marked as authorities, and rustls's
/// verifier refuses a certificate that is anchor and leaf at once. A pin takes the place of chain
/// and name; the time of validity and the extended key usage still hold.
#[derive(Clone)]
pub(crate) struct Pin {
    der: CertificateDer<'static>,
    facts: Arc<Facts>,
}

impl Pin {
    /// Reads a certificate; `None` when it cannot serve: the signature of a handshake is checked
    /// by rustls, which must be able to read it too.
    pub(crate) fn new(der: &[u8]) -> Option<Self> {
        let der = CertificateDer::from(der.to_vec());
        ParsedCertificate::try_from(&der).ok()?;
        let facts = Arc::new(Facts::read(&der)?);
        Some(Self { der, facts })
    }

    fn check(&self, usage: Use, now: UnixTime) -> Result<(), CertificateError> {
        match self.facts.compare(now) {
            Validity::NotYet => return Err(CertificateError::NotValidYet),
            Validity::Expired => return Err(CertificateError::Expired),
            Validity::Valid => {}
        }
        let allowed = match usage {
            Use::Client => self.facts.client_use,
            Use::Server => self.facts.server_use,
        };
        allowed
            .then_some(())
            .ok_or(CertificateError::InvalidPurpose)
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pin").field("facts", &self.facts).finish()
    }
}

/// Everything that peers of a profile are verified against.
pub(crate) struct Trust {
    roots: Arc<RootCertStore>,
    pins: Vec<Pin>,
    crls: Vec<CertificateRevocationListDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl Trust {
    /// The sum of some trustpoints; `None` when it holds neither anchor nor pin.
    pub(crate) fn new(provider: &Arc<CryptoProvider>, trustpoints: &[&Trustpoint]) -> Option<Self> {
        let of = |t: &&Trustpoint| t.anchors.clone();
        let trust = Self {
            roots: Arc::new(trustpoints.iter().flat_map(of).collect()),
            pins: trustpoints.iter().flat_map(|t| t.pins.clone()).collect(),
            crls: trustpoints.iter().flat_map(|t| t.crls.clone()).collect(),
            provider: Arc::clone(provider),
        };
        (!trust.roots.is_empty() || !trust.pins.is_empty()).then_some(trust)
    }

    /// A verifier of clients' certificates, which `mandatory` says that they must show.
    pub(crate) fn clients(self, mandatory: bool) -> Result<ClientVerifier, VerifierBuilderError> {
        let algorithms = self.provider.signature_verification_algorithms;
        let chain = if self.roots.is_empty() {
            None
        } else {
            // A certificate of which no list says anything is good: lists are optional, and an
            // operator who holds one for one authority has not thereby distrusted the others.
            let builder = WebPkiClientVerifier::builder_with_provider(self.roots, self.provider)
                .with_crls(self.crls)
                .allow_unknown_revocation_status();
            Some(builder.build()?)
        };
        Ok(ClientVerifier {
            chain,
            pins: self.pins,
            mandatory,
            algorithms,
        })
    }

    /// A verifier of servers' certificates, for the name `expected` or else the one that rustls
    /// was given for the connection.
    pub(crate) fn servers(
        self,
        expected: Option<ServerName<'static>>,
    ) -> Result<ServerVerifier, VerifierBuilderError> {
        let algorithms = self.provider.signature_verification_algorithms;
        let chain = if self.roots.is_empty() {
            None
        } else {
            let builder = WebPkiServerVerifier::builder_with_provider(self.roots, self.provider)
                .with_crls(self.crls)
                .allow_unknown_revocation_status();
            Some(builder.build()?)
        };
        Ok(ServerVerifier {
            chain,
            pins: self.pins.into(),
            expected,
            algorithms,
        })
    }
}

/// Verifies clients' certificates.
#[derive(Debug)]
pub(crate) struct ClientVerifier {
    chain: Option<Arc<dyn ClientCertVerifier>>,
    pins: Vec<Pin>,
    mandatory: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    /// The authorities that a client should choose its certificate by. A pinned certificate may
    /// have any issuer, so with pins the choice is left to the client.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        match &self.chain {
            Some(chain) if self.pins.is_empty() => chain.root_hint_subjects(),
            _ => &[],
        }
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Some(pin) = find(&self.pins, end_entity) {
            pin.check(Use::Client, now)?;
            return Ok(ClientCertVerified::assertion());
        }
        self.chain
            .as_ref()
            .ok_or_else(|| CertificateError::UnknownIssuer.into())
            .and_then(|chain| chain.verify_client_cert(end_entity, intermediates, now))
            .map_err(|error| name_self_signed(error, end_entity))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Verifies servers' certificates.
#[derive(Clone, Debug)]
pub(crate) struct ServerVerifier {
    chain: Option<Arc<WebPkiServerVerifier>>,
    pins: Arc<[Pin]>,
    /// Name to verify instead of the one that rustls sends as SNI.
    expected: Option<ServerName<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerVerifier {
    /// The same verifier for the name `expected`.
    pub(crate) fn expecting(&self, expected: ServerName<'static>) -> Self {
        Self {
            expected: Some(expected),
            ..self.clone()
        }
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(pin) = find(&self.pins, end_entity) {
            pin.check(Use::Server, now)?;
            return Ok(ServerCertVerified::assertion());
        }
        let name = self.expected.as_ref().unwrap_or(server_name);
        self.chain
            .as_ref()
            .ok_or_else(|| CertificateError::UnknownIssuer.into())
            .and_then(|chain| {
                chain.verify_server_cert(end_entity, intermediates, name, ocsp_response, now)
            })
            .map_err(|error| name_self_signed(error, end_entity))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn find<'a>(pins: &'a [Pin], end_entity: &CertificateDer<'_>) -> Option<&'a Pin> {
    pins.iter().find(|pin| *pin.der == **end_entity)
}

/// Calls a self-signed certificate by its name.
///
/// rustls's verifier gives up on a leaf that is marked as an authority before it looks for an
/// issuer. What is wrong with a self-signed one is that nobody vouches for it.
fn name_self_signed(error: Error, end_entity: &CertificateDer<'_>) -> Error {
    match error {
        Error::InvalidCertificate(CertificateError::Other(_))
            if Facts::read(end_entity).is_some_and(|facts| facts.self_issued) =>
        {
            CertificateError::UnknownIssuer.into()
        }
        error => error,
    }
}
