//! What holds only once the data plane is started again.

use super::{Controller, check};

/// Whether something waits for a restart, and which keys, as far as it can be told.
#[derive(Debug, Default)]
pub(super) struct AfterRestart {
    pub(super) needed: bool,
    pub(super) keys: Vec<String>,
}

impl Controller {
    /// What of the wanted configuration the data plane does not run with. The keys are told by the
    /// version that it was started with, if that is still kept.
    pub(super) fn after_restart(&self) -> AfterRestart {
        let (Some(link), Some(wanted)) = (&self.link, &self.wanted) else {
            return AfterRestart::default();
        };
        if link.runs_as(&wanted.policy.image) {
            return AfterRestart::default();
        }
        let started_with = self.versions.newest(|source| {
            let policy = check(source).policy;
            policy.is_some_and(|policy| link.runs_as(&policy.image))
        });
        let keys = match started_with {
            Ok(Some((_, source))) => policy::restart_keys(&source.text, &wanted.source.text),
            Ok(None) => Vec::new(),
            Err(error) => {
                tracing::warn!(%error, "versions cannot be read");
                Vec::new()
            }
        };
        AfterRestart { needed: true, keys }
    }
}
