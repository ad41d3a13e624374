//! The audit log: every change and every refusal, one line of JSON each, only ever appended to.
//!
//! The file is opened for each record, so that it may be moved away at any time.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use abi::provision::StaticOutcome;
use admin::{AuditRecord, Failure, Request, Response};
use license::Grant;
use policy::{Finding, Severity};

use crate::clock;
use crate::peer::Peer;

const LOG_NAME: &str = "audit.log";

/// The log of one state directory.
#[derive(Clone, Debug)]
pub(crate) struct Audit {
    path: PathBuf,
}

impl Audit {
    /// The log in `state_dir`.
    pub(crate) fn of(state_dir: &Path) -> Self {
        Self {
            path: state_dir.join(LOG_NAME),
        }
    }

    /// Records what became of a request. One that could not be recorded is carried out all the
    /// same, and the answer says so.
    pub(crate) fn answered(&self, peer: &Peer, request: &Request, response: &mut Response) {
        let denied = matches!(response, Response::Failed(Failure::Denied { .. }));
        if request.is_look() && !denied {
            return;
        }
        let (outcome, detail) = told(response);
        let recorded = self.record(peer, &command(request), outcome, detail);
        if let (Err(error), Response::Applied(applied)) = (recorded, response) {
            let text = format!("not recorded in the audit log: {error}");
            applied.notice = Some(match applied.notice.take() {
                Some(notice) => format!("{notice}; {text}"),
                None => text,
            });
        }
    }

    /// Records something; a failure is logged too.
    pub(crate) fn record(
        &self,
        peer: &Peer,
        command: &str,
        outcome: &str,
        detail: Option<String>,
    ) -> io::Result<()> {
        let record = AuditRecord {
            time: clock::wall_seconds(),
            uid: peer.uid,
            user: peer.user.clone(),
            pid: peer.pid,
            command: command.to_owned(),
            outcome: outcome.to_owned(),
            detail,
        };
        let appended = admin::to_line(&record)
            .ok_or_else(|| io::Error::from(ErrorKind::InvalidData))
            .and_then(|line| self.append(&line));
        appended.inspect_err(|error| tracing::error!(%error, "audit log cannot be written"))
    }

    fn append(&self, line: &str) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .mode(0o600)
            .open(&self.path)?;
        // What a full disk cut short must not take this record with it.
        let mut text = String::new();
        if file.seek(SeekFrom::End(-1)).is_ok() {
            let mut last = [b'\n'];
            file.read_exact(&mut last)?;
            text.push_str(if last == *b"\n" { "" } else { "\n" });
        }
        text.push_str(line);
        text.push('\n');
        // In one piece: threads that record at once do not mix their lines.
        file.write_all(text.as_bytes())?;
        file.sync_data()
    }
}

/// One word for an answer, and what there is to say of it.
fn told(response: &Response) -> (&'static str, Option<String>) {
    match response {
        Response::Applied(applied) => {
            let generation = applied.generation;
            ("applied", generation.map(|n| format!("generation {n}")))
        }
        Response::Refused { findings } => ("refused", first_error(findings)),
        Response::Streams { outcomes } => ("applied", open(outcomes)),
        Response::Failed(failure @ Failure::Denied { .. }) => ("denied", Some(failure.to_string())),
        Response::Failed(failure) => ("failed", Some(failure.to_string())),
        _ => ("told", None),
    }
}

/// The first error of a configuration, on one line.
pub(crate) fn first_error(findings: &[Finding]) -> Option<String> {
    let mut errors = findings.iter().filter(|f| f.severity == Severity::Error);
    errors.next().map(|f| f.to_string().replace('\n', ";"))
}

/// The command, with the number that a licence's file bears, whether it is believed or not.
fn command(request: &Request) -> String {
    let serial = match request {
        Request::InstallLicence { text } => Grant::claimed_serial(text),
        _ => None,
    };
    let number = serial.map_or_else(String::new, |serial| format!(" {serial}"));
    request.command() + &number
}

/// How many streams are open of those that were to be opened, if any were.
fn open(outcomes: &[StaticOutcome]) -> Option<String> {
    let is_open = |outcome: &&StaticOutcome| matches!(outcome, StaticOutcome::Open { .. });
    let open = outcomes.iter().filter(is_open).count();
    (!outcomes.is_empty()).then(|| format!("{open} open"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn lab(name: &str) -> (PathBuf, Audit) {
        let dir = std::env::temp_dir().join(format!("ucproxy-audit-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        let audit = Audit::of(&dir);
        (dir, audit)
    }

    #[test]
    fn records_are_lines_and_what_was_cut_short_costs_none() {
        let (dir, audit) = lab("lines");
        let peer = Peer::own();
        audit.record(&peer, "one", "applied", None).unwrap();
        let path = dir.join(LOG_NAME);
        let mut text = fs::read_to_string(&path).unwrap();
        text.push_str("{\"time\":");
        fs::write(&path, text).unwrap();
        audit.record(&peer, "two\nlines", "applied", None).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let read: Vec<Option<AuditRecord>> = text.lines().map(admin::from_line).collect();
        assert_eq!(read.len(), 3);
        assert_eq!(read[0].as_ref().unwrap().command, "one");
        assert_eq!(read[1], None);
        assert_eq!(read[2].as_ref().unwrap().command, "two\nlines");
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_full_disk_is_told_with_the_answer() {
        let (dir, audit) = lab("full");
        std::os::unix::fs::symlink("/dev/full", dir.join(LOG_NAME)).unwrap();
        let mut response = Response::Applied(admin::Applied::default());
        let request = Request::Rollback {
            version: None,
            enforce: false,
        };
        audit.answered(&Peer::own(), &request, &mut response);
        let Response::Applied(applied) = response else {
            panic!("{response:?}")
        };
        assert!(applied.notice.unwrap().contains("audit log: No space left"));
        fs::remove_dir_all(dir).unwrap();
    }
}
