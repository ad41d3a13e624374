//! What holds only once the data plane is started again.

use super::Controller;
use super::wanted::check;

impl Controller {
    /// Notes what of the wanted configuration the data plane does not run with, once for each
    /// configuration: the versions that are kept have to be read for it.
    pub(super) fn look_for_what_waits(&mut self) {
        let (Some(link), Some(wanted)) = (&self.link, &self.wanted) else {
            self.after_restart = None;
            return;
        };
        if link.runs_as(&wanted.policy.image) {
            self.after_restart = None;
        } else if self.after_restart.is_none() {
            self.after_restart = Some(self.keys_that_wait());
        }
    }

    /// The keys that wait, as the version tells them that the data plane was started with; none if
    /// that is not kept any more.
    fn keys_that_wait(&self) -> Vec<String> {
        let (Some(link), Some(wanted)) = (&self.link, &self.wanted) else {
            return Vec::new();
        };
        let started_with = self.versions.newest(|source| {
            let policy = check(source).policy;
            policy.is_some_and(|policy| link.runs_as(&policy.image))
        });
        match started_with {
            Ok(Some((_, source))) => policy::restart_keys(&source.text, &wanted.source.text),
            Ok(None) => Vec::new(),
            Err(error) => {
                tracing::warn!(%error, "versions cannot be read");
                Vec::new()
            }
        }
    }
}
