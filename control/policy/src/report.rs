//! The outcome of checking a configuration.

use core::fmt;

use abi::policy::PolicyImage;
use abi::secrets::Secret;

use crate::access::Access;
use crate::check::{self, Checked, Licensed};
use crate::compile;
use crate::document::{Content, Document, Findings};
use crate::files::Files;
use crate::finding::{Finding, Problem, Severity};
use crate::raw::RawPolicy;
use crate::yaml::{self, Unreadable};

/// A configuration in which nothing keeps the proxy from working.
pub struct Policy {
    /// What the data plane obeys.
    pub image: PolicyImage,
    /// The private keys that the image names.
    pub secrets: Vec<Secret>,
    /// What is licensed, and the limits in force.
    pub licensed: Licensed,
    /// Who may ask control for what.
    pub access: Access,
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy").finish_non_exhaustive()
    }
}

/// All that was found in a configuration, and the policy it makes.
#[derive(Debug)]
pub struct Report {
    /// Everything found, in the order of the text.
    pub findings: Vec<Finding>,
    /// The policy; `None` when an error keeps it from working.
    ///
    /// A certificate that is out of date is an error, yet keeps nothing else from working: with
    /// errors of that kind alone the policy is there. Whether to take it is for the caller: an
    /// operator's `apply` does not, a restart of control does.
    pub policy: Option<Policy>,
}

impl Report {
    /// Checks the text of a configuration. `files` reads what it names; `now` is the time in
    /// seconds since 1970, which certificates are held against.
    #[must_use]
    pub fn of(text: &[u8], files: &dyn Files, now: u64) -> Self {
        let (doc, found) = match yaml::read(text) {
            Ok(read) => read,
            Err(unreadable) => return Self::unreadable(unreadable),
        };
        let mut findings = Findings::new(&doc);
        findings.extend(found);
        let checked =
            RawPolicy::load(&mut findings).map(|raw| check::check(&mut findings, &raw, files, now));
        let findings = findings.into_sorted();
        let broken = findings
            .iter()
            .any(|f| f.severity == Severity::Error && f.problem != Problem::Validity);
        let policy = checked.filter(|_| !broken).and_then(policy);
        Self { findings, policy }
    }

    /// What there is to say of a text that is no document.
    fn unreadable(Unreadable { fatal, noted }: Unreadable) -> Self {
        let nothing = Document::new(fatal.place, Content::Null);
        let mut findings = Findings::new(&nothing);
        findings.push(fatal);
        findings.extend(noted);
        Self {
            findings: findings.into_sorted(),
            policy: None,
        }
    }

    /// Whether there is an error, of whatever kind.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        let is_error = |finding: &Finding| finding.severity == Severity::Error;
        self.findings.iter().any(is_error)
    }
}

fn policy(checked: Checked) -> Option<Policy> {
    Some(Policy {
        image: compile::image(&checked),
        licensed: checked.licensed?,
        access: checked.access,
        secrets: checked.secrets,
    })
}
