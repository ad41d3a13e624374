//! What licences entitle to now: as they come, go and expire, limits follow (L24, L30).

use abi::Limits;
use admin::{Failure, Response, Version};
use license::{Grant, Licence, date};
use policy::{Appliance, Policy};

use super::Controller;
use super::publish::Stage;
use super::wanted::Wanted;
use crate::clock;
use crate::keys::Keys;
use crate::licences::Change;
use crate::store::Source;

impl Wanted {
    /// The model, what it is entitled to at `now`, and the limits of that.
    pub(super) fn entitled(&self, now: u64) -> (Option<Appliance>, Limits) {
        let licensed = &self.policy.licensed;
        let Some((model, _)) = licensed.appliance else {
            return (None, licensed.limits);
        };
        let holds = |grant: &&Grant| grant.check(model, now).is_ok();
        let licences: Vec<Licence> = self
            .grants
            .iter()
            .filter(holds)
            .flat_map(Grant::licences)
            .collect();
        // Each was checked against its own model, which is this one.
        licensed
            .with(&licences)
            .unwrap_or((licensed.appliance, licensed.limits))
    }

    /// The limits at `now`.
    pub(super) fn limits(&self, now: u64) -> Limits {
        self.entitled(now).1
    }
}

impl Controller {
    /// The time, which never goes back.
    pub(super) fn now(&mut self) -> u64 {
        self.latest = self.latest.max(clock::wall_seconds());
        self.latest
    }

    /// Takes up the latest time that was kept, of whichever version, or of the end of a licence: a
    /// clock set back before this start revives no licence either (L30).
    pub(super) fn look_for_later_times(&mut self) {
        let versions = self.versions.list().unwrap_or_else(|error| {
            tracing::error!(%error, "versions cannot be read");
            Vec::new()
        });
        self.latest_end = self.licences.latest_end();
        let times = versions.iter().map(|version| version.time);
        let kept = times.fold(self.latest_end, u64::max);
        if kept > self.latest {
            let (now, kept_at) = (date::shown(self.latest), date::shown(kept));
            tracing::warn!(
                now,
                kept_at,
                "clock is behind what was kept: licences go by that"
            );
            self.latest = kept;
        }
    }

    /// Keeps that a licence has ended, once for each end.
    fn keep_ends(&mut self, now: u64) {
        let grants = self.wanted.iter().flat_map(|wanted| &wanted.grants);
        let ends = grants.filter_map(|grant| grant.expires);
        let passed = ends.filter(|&end| end <= now).max().unwrap_or(0);
        if passed <= self.latest_end {
            return;
        }
        self.latest_end = passed;
        if let Err(error) = self.licences.keep_end(passed) {
            tracing::error!(%error, "the end of a licence cannot be kept");
        }
    }

    /// Has the data plane follow the licences, once it has the configuration.
    pub(super) fn refresh_limits(&mut self) {
        let now = self.now();
        self.keep_ends(now);
        let (Some(link), Some(wanted), Stage::InForce(_)) = (&self.link, &self.wanted, self.stage)
        else {
            return;
        };
        let limits = wanted.limits(now);
        if self.told != Some(limits) {
            link.set_limits(&limits);
            self.told = Some(limits);
            tracing::info!(?limits, "limits set");
        }
    }

    /// The licences that are installed.
    pub(super) fn installed(&mut self) -> Response {
        let now = self.now();
        let licensed = self.wanted.as_ref().map(|wanted| &wanted.policy.licensed);
        let issuers = licensed.map_or(&[][..], |licensed| &licensed.issuers);
        let model = licensed.and_then(|licensed| licensed.appliance);
        Response::Licences {
            licences: self.licences.list(issuers, model.map(|(m, _)| m), now),
        }
    }

    /// What `policy` makes of `source`, with the licences that are installed.
    ///
    /// # Errors
    /// If its private keys do not fit locked memory.
    pub(super) fn wanted_of(
        &self,
        source: Source,
        about: Version,
        mut policy: Policy,
    ) -> Result<Wanted, Failure> {
        let unusable = |reason: String| Failure::Unusable { reason };
        let keys = Keys::lock(core::mem::take(&mut policy.secrets))
            .map_err(|error| unusable(format!("private keys: {error}")))?;
        let image = policy.image.encode();
        Ok(Wanted {
            grants: self.licences.grants(&policy.licensed.issuers),
            source,
            keys,
            image: image.map_err(|error| unusable(error.to_string()))?,
            policy,
            enforce: false,
            to_keep: Some(about),
            licence: None,
        })
    }

    /// `wanted` with the licence that comes or goes with it.
    ///
    /// # Errors
    /// If its file cannot be written, or does not count under the issuers as they are now.
    pub(super) fn with_licence(
        &self,
        mut wanted: Wanted,
        change: Option<Change>,
    ) -> Result<Wanted, Failure> {
        if let Some(change) = change {
            change.alter(&mut wanted.grants, &wanted.policy.licensed.issuers)?;
            wanted.licence = Some(self.licences.stage(&change)?);
        }
        Ok(wanted)
    }
}

#[cfg(test)]
mod tests {
    use abi::policy::PolicyImage;
    use license::{ExportClass, IssuerKey, Model};
    use policy::{FileContent, FileError, Files, Report};

    use super::*;

    /// Whatever is asked for is the issuer's public key.
    struct Issuer(String);

    impl Files for Issuer {
        fn read(&self, _: &str) -> Result<FileContent, FileError> {
            Ok(FileContent {
                octets: self.0.clone().into_bytes().into(),
                world_readable: true,
            })
        }
    }

    /// An ASA5520 with these grants.
    fn wanted(grants: Vec<Grant>) -> Wanted {
        let key = IssuerKey::from_pem(&IssuerKey::generate().unwrap()).unwrap();
        let text = "license: {model: ASA5520, issuers: [x]}\n";
        let report = Report::of(text.as_bytes(), &Issuer(key.public_pem()), 0);
        Wanted {
            source: Source {
                path: String::new(),
                text: Vec::new(),
            },
            policy: report.policy.unwrap(),
            keys: Keys::lock(Vec::new()).unwrap(),
            grants,
            image: PolicyImage::default().encode().unwrap(),
            enforce: false,
            to_keep: None,
            licence: None,
        }
    }

    fn grant(serial: u64, tier: Option<u32>, expires: Option<u64>) -> Grant {
        Grant {
            serial,
            model: Model::by_name("ASA5520").unwrap(),
            tier,
            ime: tier.is_none(),
            class: ExportClass::K9,
            expires,
        }
    }

    #[test]
    fn l30_a_licence_ends_with_its_last_second() {
        let wanted = wanted(vec![
            grant(1, Some(1_000), Some(86_400)),
            grant(2, None, Some(172_800)),
        ]);
        let at = |now| {
            let limits = wanted.limits(now);
            (limits.uc_sessions, limits.tls_sessions, limits.ime_licensed)
        };
        assert_eq!(at(86_399), (1_000, 1_200, true));
        assert_eq!(at(86_400), (2, 300, true));
        assert_eq!(at(172_800), (2, 300, false));
    }

    #[test]
    fn l30_an_end_that_has_passed_is_known_after_a_restart() {
        let name = format!("ucproxy-entitled-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        let start = |now| {
            let args = ["ucproxy-control", "--runtime-dir", dir.to_str().unwrap()];
            let mut controller = Controller::new(clap::Parser::parse_from(args), now);
            controller.look_for_later_times();
            controller
        };
        let end = date::parse("2099-01-01").unwrap();
        let later = end + 86_400;
        let mut controller = start(later - 1);
        controller.wanted = Some(wanted(vec![
            grant(1, Some(24), Some(end)),
            grant(2, Some(50), Some(later)),
            grant(3, None, None),
        ]));
        controller.refresh_limits();
        assert_eq!(start(0).now(), end, "no later than it takes");
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_clock_that_is_set_back_revives_nothing() {
        let args = clap::Parser::parse_from(["ucproxy-control"]);
        let mut controller = Controller::new(args, u64::MAX);
        assert_eq!(controller.now(), u64::MAX);
    }
}
