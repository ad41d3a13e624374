//! Why a leg failed, in the words of [`Reason`].

use abi::Reason;
use rustls::{CertificateError, Error, InvalidMessage, PeerIncompatible, ProtocolVersion};

/// Alert protocol_version (RFC 8446 §6.2).
const PROTOCOL_VERSION: u8 = 70;

/// Alert handshake_failure, for a missing certificate too (RFC 5246 §7.4.6).
const HANDSHAKE_FAILURE: u8 = 40;

/// The reason that an `error` of a handshake is counted under.
pub(crate) fn reason(error: &Error) -> Reason {
    match error {
        Error::InvalidMessage(_) => Reason::TlsMalformed,
        Error::DecryptError | Error::PeerSentOversizedRecord => Reason::TlsRecord,
        Error::NoCertificatesPresented => Reason::TlsNoCertificate,
        Error::InvalidCertificate(error) => certificate(error),
        Error::InvalidCertRevocationList(_) => Reason::TlsCertificateBad,
        Error::UnsupportedNameType => Reason::TlsCertificateName,
        Error::AlertReceived(_) => Reason::TlsPeerAlert,
        Error::PeerIncompatible(what) => incompatible(what),
        _ => Reason::TlsHandshakeOther,
    }
}

/// The alert that answers a client of an older version, if that is what `error` is about and
/// `hello` begins with.
///
/// rustls looks for extensions that came with TLS 1.2 before it looks at the version, and answers
/// their absence with handshake_failure, from which no client learns what to change. The alert
/// goes out in a record of the client's own version, for OpenSSL reads no other.
pub(crate) fn old_version_alert(error: &Error, hello: &[u8]) -> Option<[u8; 7]> {
    let minor = match (error, hello) {
        // Record header, handshake header, client_version (RFC 5246 §7.4.1.2).
        (Error::PeerIncompatible(_), &[22, 3, _, _, _, 1, _, _, _, 3, minor @ 0..3, ..]) => minor,
        // The SSL 2.0 form, whatever version it offers (RFC 5246 appendix E.2).
        (
            Error::InvalidMessage(InvalidMessage::InvalidContentType),
            &[0x80..=0xff, _, 1, 3, minor, ..],
        ) => minor.min(3),
        _ => return None,
    };
    Some([21, 3, minor, 0, 2, 2, PROTOCOL_VERSION])
}

/// The alert that answers a client of TLS 1.2 without a certificate, if that is what `error` says.
///
/// rustls sends certificate_required, which only TLS 1.3 knows. The record is in the clear, as
/// all are before the client's ChangeCipherSpec.
pub(crate) fn no_certificate_alert(
    error: &Error,
    version: Option<ProtocolVersion>,
) -> Option<[u8; 7]> {
    let known = (error, version);
    matches!(
        known,
        (
            Error::NoCertificatesPresented,
            Some(ProtocolVersion::TLSv1_2)
        )
    )
    .then_some([21, 3, 3, 0, 2, 2, HANDSHAKE_FAILURE])
}

fn certificate(error: &CertificateError) -> Reason {
    use CertificateError as E;
    match error {
        E::Expired | E::ExpiredContext { .. } | E::NotValidYet | E::NotValidYetContext { .. } => {
            Reason::TlsCertificateExpired
        }
        E::UnknownIssuer => Reason::TlsCertificateUnknown,
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => Reason::TlsCertificatePurpose,
        E::Revoked => Reason::TlsCertificateRevoked,
        E::NotValidForName | E::NotValidForNameContext { .. } => Reason::TlsCertificateName,
        _ => Reason::TlsCertificateBad,
    }
}

fn incompatible(what: &PeerIncompatible) -> Reason {
    use PeerIncompatible as P;
    match what {
        P::ServerDoesNotSupportTls12Or13
        | P::ServerTlsVersionIsDisabledByOurConfig
        | P::SupportedVersionsExtensionRequired
        | P::Tls12NotOffered
        | P::Tls12NotOfferedOrEnabled => Reason::TlsVersion,
        P::NoCipherSuitesInCommon
        | P::NoKxGroupsInCommon
        | P::NoSignatureSchemesInCommon
        | P::NoCertificateRequestSignatureSchemesInCommon
        | P::NoEcPointFormatsInCommon
        | P::NamedGroupsExtensionRequired => Reason::TlsNoCommonCipher,
        _ => Reason::TlsHandshakeOther,
    }
}
