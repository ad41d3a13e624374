//! Who may ask for what.

use std::path::Path;

use admin::{Failure, Request};
use policy::Role;

use super::Controller;
use super::change::Proposal;
use crate::peer::Peer;
use crate::server;

impl Controller {
    /// Whether `peer` may ask `request` at all.
    pub(super) fn may_ask(&self, peer: &Peer, request: &Request) -> Result<(), Failure> {
        let role = if request.is_look() {
            Role::View
        } else {
            Role::Operate
        };
        self.require(peer, role)?;
        if matches!(request, Request::ProvisionStreams { .. }) {
            // They are keys.
            self.require(peer, Role::Secrets)?;
        }
        Ok(())
    }

    /// Whether `peer` may have `proposal` run: control opens the files that it names.
    pub(super) fn may_propose(&self, peer: &Peer, proposal: &Proposal) -> Result<(), Failure> {
        let source = &proposal.source;
        let folder = |path: &str| Path::new(path).parent().map(Path::to_owned);
        let touches = self.wanted.as_ref().is_none_or(|running| {
            folder(&running.source.path) != folder(&source.path)
                || policy::touches_secrets(&running.source.text, &source.text)
        });
        if touches {
            self.require(peer, Role::Secrets)
        } else {
            Ok(())
        }
    }

    fn require(&self, peer: &Peer, role: Role) -> Result<(), Failure> {
        let access = self.wanted.as_ref().map(|wanted| &wanted.policy.access);
        let allowed = access.is_some_and(|access| access.allows(&peer.groups, role));
        if peer.is_master() || allowed {
            return Ok(());
        }
        tracing::warn!(user = peer.user, role = role.name(), "request denied");
        Err(Failure::Denied {
            role: role.name().to_owned(),
        })
    }

    /// Lets those connect who may ask anything.
    pub(super) fn open_socket(&self) {
        let access = self.wanted.as_ref().map(|wanted| &wanted.policy.access);
        let open = access.is_some_and(|access| !access.is_empty());
        if let Err(error) = server::open_to_others(&self.args.runtime_dir, open) {
            tracing::error!(%error, "admin socket");
        }
    }
}

#[cfg(test)]
mod tests {
    use abi::provision::Step;
    use policy::{Folder, Report};

    use super::*;
    use crate::store::Source;

    const TEXT: &str = "access: {view: [noc], operate: [ops], secrets: [pki]}\n";

    fn controller() -> Controller {
        let args = clap::Parser::parse_from(["ucproxy-control", "--runtime-dir", "/nowhere"]);
        let mut controller = Controller::new(args, 0);
        let report = Report::of(TEXT.as_bytes(), &Folder::of("/ucproxy.yaml".as_ref()), 0);
        let about = super::super::wanted::about("start", &Peer::own(), 0);
        let source = source(TEXT, "/etc/a.yaml");
        let wanted = controller.wanted_of(source, about, report.policy.unwrap());
        controller.wanted = Some(wanted.unwrap());
        controller
    }

    fn source(text: &str, path: &str) -> Source {
        Source {
            path: path.into(),
            text: text.into(),
        }
    }

    fn member(group: &str) -> Peer {
        Peer {
            uid: u32::MAX - 1,
            user: "somebody".into(),
            pid: 1,
            groups: vec!["users".into(), group.into()],
        }
    }

    fn denied(role: Role) -> Result<(), Failure> {
        let role = role.name().to_owned();
        Err(Failure::Denied { role })
    }

    #[test]
    fn looking_takes_view_and_changing_takes_operate() {
        let controller = controller();
        let (look, change) = (
            Request::Status,
            Request::Rollback {
                version: None,
                enforce: false,
            },
        );
        assert_eq!(controller.may_ask(&member("noc"), &look), Ok(()));
        assert_eq!(controller.may_ask(&member("ops"), &look), Ok(()));
        assert_eq!(controller.may_ask(&member("ops"), &change), Ok(()));
        let noc = controller.may_ask(&member("noc"), &change);
        assert_eq!(noc, denied(Role::Operate));
        let nobody = controller.may_ask(&member("cdrom"), &look);
        assert_eq!(nobody, denied(Role::View));
        assert_eq!(controller.may_ask(&Peer::own(), &change), Ok(()));
    }

    #[test]
    fn changes_to_what_control_reads_take_secrets() {
        let controller = controller();
        let propose = |group: &str, text: &str, path: &str| {
            let proposal = Proposal {
                source: source(text, path),
                change: "apply".into(),
                notice: None,
                strict: true,
                enforce: false,
                licence: None,
            };
            controller.may_propose(&member(group), &proposal)
        };
        let keys = format!("{TEXT}trustpoints: [{{name: t, ca: [/etc/shadow]}}]\n");
        let harmless = format!("{TEXT}tcp: {{keepalive: 2m}}\n");
        assert_eq!(propose("ops", &harmless, "/etc/b.yaml"), Ok(()));
        assert_eq!(propose("ops", &keys, "/etc/b.yaml"), denied(Role::Secrets));
        assert_eq!(
            propose("ops", &harmless, "/tmp/b.yaml"),
            denied(Role::Secrets),
            "relative paths would start elsewhere"
        );
        assert_eq!(
            propose("ops", "tcp: {}\n", "/etc/b.yaml"),
            denied(Role::Secrets)
        );
        assert_eq!(propose("pki", &keys, "/tmp/b.yaml"), Ok(()));
    }

    #[test]
    fn streams_take_operate_and_secrets() {
        let controller = controller();
        let open = Request::ProvisionStreams {
            list: 1,
            step: Step::Open,
            streams: Vec::new(),
        };
        assert_eq!(
            controller.may_ask(&member("ops"), &open),
            denied(Role::Secrets)
        );
        assert_eq!(
            controller.may_ask(&member("pki"), &open),
            denied(Role::Operate)
        );
        let mut both = member("ops");
        both.groups.push("pki".into());
        assert_eq!(controller.may_ask(&both, &open), Ok(()));
    }

    #[test]
    fn without_a_configuration_only_the_owner_may_ask() {
        let args = clap::Parser::parse_from(["ucproxy-control"]);
        let controller = Controller::new(args, 0);
        let look = controller.may_ask(&member("noc"), &Request::Status);
        assert_eq!(look, denied(Role::View));
        assert_eq!(controller.may_ask(&Peer::own(), &Request::Status), Ok(()));
    }
}
