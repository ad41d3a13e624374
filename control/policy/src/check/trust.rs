//! `trustpoints`: reads the files and checks what is in them.

mod key;

use abi::policy::Trustpoint;
use abi::secrets::Secret;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;
use x509_parser::x509::X509Name;

use crate::document::{Findings, NodeId};
use crate::files::Files;
use crate::finding::Problem;
use crate::pki::{self, Item};
use crate::raw::{RawPolicy, RawTrustpoint};
use crate::section::{At, List, quoted};
use crate::value::FilePath;

/// A certificate that ends sooner than this is warned of.
const EXPIRES_SOON_SECONDS: i64 = 30 * 86_400;

/// What trustpoints are checked against.
pub(crate) struct Store<'c> {
    files: &'c dyn Files,
    /// Seconds since 1970.
    now: i64,
}

/// How a certificate is used.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Anchor,
    Pinned,
    Own,
}

impl<'c> Store<'c> {
    /// Reads `files`, at `now` seconds since 1970.
    pub(crate) fn new(files: &'c dyn Files, now: u64) -> Self {
        Self {
            files,
            now: i64::try_from(now).unwrap_or(i64::MAX),
        }
    }

    /// Checks `trustpoints`; private keys are kept apart from the rest.
    pub(crate) fn trustpoints(
        &self,
        findings: &mut Findings<'_>,
        raw: &RawPolicy,
    ) -> (Vec<Trustpoint>, Vec<Secret>) {
        let mut secrets: Vec<Secret> = Vec::new();
        let mut trustpoints = Vec::with_capacity(raw.trustpoints.len());
        for item in raw.trustpoints.iter() {
            let (trustpoint, secret) = self.trustpoint(findings, item);
            let known = |secret: &Secret| secrets.iter().any(|s| s.id == secret.id);
            secrets.extend(secret.filter(|s| !known(s)));
            trustpoints.push(trustpoint);
        }
        (trustpoints, secrets)
    }

    fn trustpoint(
        &self,
        findings: &mut Findings<'_>,
        item: &At<RawTrustpoint>,
    ) -> (Trustpoint, Option<Secret>) {
        let anchors = self.certificates(findings, &item.ca, Use::Anchor);
        let pinned = self.certificates(findings, &item.pinned, Use::Pinned);
        let crls = self.crls(findings, &item.crl);
        let chain = match &item.certificate {
            Some(path) => self.chain(findings, path),
            None => Vec::new(),
        };
        let secret = key::secret(findings, self.files, item, chain.first());
        let gives = |key: &&str| findings.doc.gives(item.node, key);
        if !["ca", "pinned", "certificate", "key"].iter().any(gives) {
            let message = "a trustpoint needs 'ca', 'pinned', or 'certificate' and 'key'";
            findings.error(item.node, Problem::MissingKey, message);
        }
        let name = item.name.as_ref();
        let trustpoint = Trustpoint {
            name: name.map_or_else(String::new, |name| name.0.clone().into()),
            anchors,
            pinned,
            crls,
            chain,
            key: secret.as_ref().map(|secret| secret.id),
        };
        (trustpoint, secret)
    }

    fn certificates(
        &self,
        findings: &mut Findings<'_>,
        paths: &List<FilePath>,
        used: Use,
    ) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        for path in paths.iter() {
            for der in self.items(findings, path, Item::Certificate) {
                self.check_certificate(findings, path, &der, used);
                all.push(der);
            }
        }
        all
    }

    fn crls(&self, findings: &mut Findings<'_>, paths: &List<FilePath>) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        for path in paths.iter() {
            for der in self.items(findings, path, Item::Crl) {
                match CertificateRevocationList::from_der(&der) {
                    Ok(([], crl)) => {
                        if crl
                            .next_update()
                            .is_some_and(|end| end.timestamp() < self.now)
                        {
                            let message = "revocation list is out of date";
                            findings.warning(path.node, Problem::Validity, message);
                        }
                    }
                    _ => {
                        let message =
                            format!("{}: holds a revocation list that does not read", path.0);
                        findings.error(path.node, Problem::Certificate, message);
                    }
                }
                all.push(der);
            }
        }
        all
    }

    /// Our own certificate and those that lead to its authority.
    fn chain(&self, findings: &mut Findings<'_>, path: &At<FilePath>) -> Vec<Vec<u8>> {
        let chain = self.items(findings, path, Item::Certificate);
        for der in &chain {
            self.check_certificate(findings, path, der, Use::Own);
        }
        let parsed: Vec<_> = chain
            .iter()
            .filter_map(|der| X509Certificate::from_der(der).ok())
            .collect();
        for ((_, lower), (_, upper)) in parsed.iter().zip(parsed.iter().skip(1)) {
            if lower.issuer().as_raw() != upper.subject().as_raw() {
                let message = format!(
                    "expected the certificate of {} next, found that of {}",
                    shown(lower.issuer()),
                    shown(upper.subject())
                );
                findings
                    .error(path.node, Problem::Certificate, message)
                    .fix("put the own certificate first, then each one's issuer");
            }
        }
        chain
    }

    fn check_certificate(
        &self,
        findings: &mut Findings<'_>,
        path: &At<FilePath>,
        der: &[u8],
        used: Use,
    ) {
        let Ok(([], certificate)) = X509Certificate::from_der(der) else {
            let message = format!("{}: holds a certificate that does not read", path.0);
            findings.error(path.node, Problem::Certificate, message);
            return;
        };
        self.check_validity(findings, path.node, &certificate);
        let subject = shown(certificate.subject());
        if used == Use::Anchor && certificate.version().0 >= 2 && !certificate.is_ca() {
            let message = format!("{subject} is no certificate of an authority");
            findings
                .error(path.node, Problem::Certificate, message)
                .fix("name its file under 'pinned' to trust exactly this certificate");
        }
    }

    fn check_validity(
        &self,
        findings: &mut Findings<'_>,
        node: NodeId,
        certificate: &X509Certificate<'_>,
    ) {
        let (subject, validity) = (shown(certificate.subject()), certificate.validity());
        let (start, end) = (
            validity.not_before.timestamp(),
            validity.not_after.timestamp(),
        );
        if self.now > end {
            let message = format!("certificate of {subject} expired on {}", validity.not_after);
            findings.error(node, Problem::Validity, message);
        } else if self.now < start {
            let message = format!(
                "certificate of {subject} is not valid before {}",
                validity.not_before
            );
            findings.error(node, Problem::Validity, message);
        } else if end.saturating_sub(self.now) < EXPIRES_SOON_SECONDS {
            let days = end.saturating_sub(self.now) / 86_400;
            let message = format!(
                "certificate of {subject} expires in {days} days, on {}",
                validity.not_after
            );
            findings.warning(node, Problem::Validity, message);
        }
    }

    /// The items of a kind in the file at `path`; none, noted, when they cannot be had.
    fn items(&self, findings: &mut Findings<'_>, path: &At<FilePath>, kind: Item) -> Vec<Vec<u8>> {
        let content = match self.files.read(&path.0) {
            Ok(content) => content,
            Err(error) => {
                findings.unread(path.node, &path.0, error);
                return Vec::new();
            }
        };
        pki::items(&content.octets, kind).unwrap_or_else(|error| {
            let message = format!("{}: expected a {}, it {error}", path.0, kind.name());
            findings.error(path.node, Problem::Certificate, message);
            Vec::new()
        })
    }
}

/// A name out of a certificate, which anybody may have chosen, for messages.
fn shown(name: &X509Name<'_>) -> String {
    quoted(&name.to_string())
}
