//! Whether a peer whose handshake is done would still pass one.

use std::net::IpAddr;

use abi::Reason;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::time_provider::TimeProvider;
use rustls::{Error, SupportedCipherSuite};

use crate::peer::PeerInfo;
use crate::profile::{ClientProfile, ServerProfile, Versions};
use crate::refusal;

/// The profile that the peer of an open leg is held against.
#[derive(Clone, Debug)]
pub enum Recheck {
    /// The peer is a client.
    Client(ServerProfile),
    /// The peer is the server at this address.
    Server(ClientProfile, IpAddr),
}

impl Recheck {
    /// Whether a handshake in which the peer agreed on what `peer` says, and showed `chain`,
    /// would succeed. Costs as much as the verification of a handshake.
    ///
    /// # Errors
    /// What it would fail for.
    pub(crate) fn judge(
        &self,
        peer: Option<&PeerInfo>,
        chain: &[CertificateDer<'_>],
    ) -> Result<(), Reason> {
        let (versions, provider) = match self {
            Self::Client(profile) => (profile.versions, profile.config.crypto_provider()),
            Self::Server(profile, _) => (profile.versions, profile.config.crypto_provider()),
        };
        if let Some(peer) = peer {
            agreed(peer, versions, &provider.cipher_suites)?;
        }
        match self {
            Self::Client(profile) => profile.verify(chain),
            Self::Server(profile, address) => profile.verify(chain, *address),
        }
        .map_err(|error| refusal::reason(&error))
    }
}

/// Whether what was agreed on is still allowed.
fn agreed(
    peer: &PeerInfo,
    versions: Versions,
    suites: &[SupportedCipherSuite],
) -> Result<(), Reason> {
    if !versions.allow(peer.version) {
        Err(Reason::TlsVersion)
    } else if suites
        .iter()
        .any(|suite| u16::from(suite.suite()) == peer.suite)
    {
        Ok(())
    } else {
        Err(Reason::TlsNoCommonCipher)
    }
}

impl ServerProfile {
    fn verify(&self, chain: &[CertificateDer<'_>]) -> Result<(), Error> {
        let Some(verifier) = &self.verifier else {
            return Ok(());
        };
        match chain {
            [] if verifier.client_auth_mandatory() => Err(Error::NoCertificatesPresented),
            [] => Ok(()),
            [leaf, rest @ ..] => verifier
                .verify_client_cert(leaf, rest, now(&*self.config.time_provider)?)
                .map(|_| ()),
        }
    }
}

impl ClientProfile {
    fn verify(&self, chain: &[CertificateDer<'_>], address: IpAddr) -> Result<(), Error> {
        let [leaf, rest @ ..] = chain else {
            return Err(Error::NoCertificatesPresented);
        };
        let address = ServerName::IpAddress(address.into());
        let name = self.verify_name.as_ref().unwrap_or(&address);
        let at = now(&*self.config.time_provider)?;
        self.verifier
            .verify_server_cert(leaf, rest, name, &[], at)
            .map(|_| ())
    }
}

fn now(clock: &dyn TimeProvider) -> Result<UnixTime, Error> {
    clock.current_time().ok_or(Error::FailedToGetCurrentTime)
}
