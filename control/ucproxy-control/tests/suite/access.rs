//! Roles by groups, and the audit log.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use admin::{AuditRecord, Failure, Request, Response, SOCKET_NAME};

use super::harness::{Lab, config, until};

fn log(lab: &Lab) -> Vec<AuditRecord> {
    let text = fs::read_to_string(lab.dir.join("audit.log")).unwrap();
    let lines = text.lines().map(|line| admin::from_line(line).unwrap());
    lines.collect()
}

#[test]
fn every_change_and_refusal_is_recorded_with_who_asked() {
    let lab = Lab::new();
    lab.write(&config(1));
    let _control = lab.start();
    lab.apply(&config(2));
    lab.apply("colour: blue\n");
    lab.call(&Request::Rollback {
        version: Some(99),
        enforce: false,
    });
    lab.status();
    let log = log(&lab);
    let outcomes: Vec<_> = log.iter().map(|r| r.outcome.as_str()).collect();
    assert_eq!(outcomes, ["applied", "applied", "refused", "failed"]);
    let last = &log[3];
    assert_eq!(last.command, "rollback 99");
    assert_eq!(last.pid, i32::try_from(std::process::id()).unwrap());
    assert_eq!(last.detail, Some(Failure::NoSuchVersion.to_string()));
    assert!(log[1].command.starts_with("apply /"));
    assert!(log[2].detail.as_ref().unwrap().contains("colour"));
    let mode = fs::metadata(lab.dir.join("audit.log"))
        .unwrap()
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
}

#[test]
fn a_hangup_is_recorded_with_what_came_of_it() {
    let lab = Lab::new();
    let path = lab.write(&config(1));
    let control = lab.start();
    let hang_up = |outcome: &str, reason: &str| {
        let before = log(&lab).len();
        control.signal("HUP");
        until("recorded", || log(&lab).len() > before);
        let log = log(&lab);
        let last = log.last().unwrap();
        assert_eq!(
            (last.command.as_str(), last.outcome.as_str()),
            ("reload", outcome)
        );
        let detail = last.detail.as_ref().unwrap();
        assert!(detail.starts_with(&path.display().to_string()), "{detail}");
        assert!(detail.contains(reason), "{detail}");
    };
    hang_up("applied", "ucproxy.yaml");
    lab.write("colour: blue\n");
    hang_up("refused", "ucproxy.yaml:1:1: error: colour: unknown key");
    fs::remove_file(&path).unwrap();
    hang_up("failed", "No such file or directory (os error 2)");
    assert!(
        Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    hang_up("failed", "not a regular file");
}

#[test]
fn a_licence_is_recorded_with_the_number_that_it_bears() {
    let lab = Lab::new();
    let _control = lab.start_bare();
    for (text, command) in [
        ("ucproxy licence 1\nserial: 17\n", "license install 17"),
        ("nonsense", "license install"),
    ] {
        lab.call(&Request::InstallLicence { text: text.into() });
        let log = log(&lab);
        let last = log.last().unwrap();
        assert_eq!(
            (last.command.as_str(), last.outcome.as_str()),
            (command, "failed")
        );
    }
}

#[test]
fn the_log_is_only_appended_to_and_may_be_moved_away() {
    let lab = Lab::new();
    let control = lab.start_bare();
    lab.apply(&config(1));
    control.kill();
    let _control = lab.start_bare();
    lab.apply(&config(2));
    assert!(log(&lab).len() >= 3, "a restart keeps what is there");
    fs::rename(lab.dir.join("audit.log"), lab.dir.join("old.log")).unwrap();
    lab.apply(&config(3));
    assert_eq!(log(&lab).len(), 1);
}

#[test]
fn a_log_on_a_full_disk_is_told_and_the_change_holds() {
    let lab = Lab::new();
    let _control = lab.start_bare();
    std::os::unix::fs::symlink("/dev/full", lab.dir.join("audit.log")).unwrap();
    let Response::Applied(applied) = lab.apply(&config(1)) else {
        panic!("refused")
    };
    assert!(applied.notice.unwrap().contains("No space left"));
    assert!(lab.status().config.is_some());
}

#[test]
fn the_socket_opens_to_others_only_when_groups_are_named() {
    let lab = Lab::new();
    let _control = lab.start_bare();
    let mode = || {
        let socket = fs::metadata(lab.dir.join(SOCKET_NAME)).unwrap();
        socket.permissions().mode() & 0o777
    };
    lab.apply("access: {view: [noc]}\n");
    assert_eq!(mode(), 0o666);
    lab.apply("tcp: {}\n");
    assert_eq!(mode(), 0o600);
}

/// The octets of a request on the wire.
fn octets(request: &Request) -> Vec<u8> {
    let mut octets = Vec::new();
    admin::write(&mut octets, request).unwrap();
    octets
}

#[test]
fn another_user_is_known_by_the_kernel_and_gets_what_its_group_may() {
    // Only root can become somebody else.
    if fs::metadata("/proc/self")
        .map(|m| std::os::unix::fs::MetadataExt::uid(&m))
        .unwrap()
        != 0
    {
        return;
    }
    let lab = Lab::new();
    let _control = lab.start_bare();
    fs::set_permissions(&lab.dir, fs::Permissions::from_mode(0o711)).unwrap();
    lab.apply("access: {view: [daemon]}\n");
    let status = lab.dir.join("status");
    let clear = lab.dir.join("clear");
    fs::write(&status, octets(&Request::Status)).unwrap();
    let change = Request::ClearConfiguration { standby: false };
    fs::write(&clear, octets(&change)).unwrap();
    let ask = |group: &str, file| {
        let script = "use Socket; socket(S, PF_UNIX, SOCK_STREAM, 0); \
                      connect(S, sockaddr_un($ARGV[0])) or die; local $/; \
                      syswrite(S, <STDIN>); print <S>";
        let output = Command::new("setpriv")
            .args(["--reuid", "nobody", "--regid", group, "--clear-groups"])
            .args(["perl", "-e", script])
            .arg(lab.dir.join(SOCKET_NAME))
            .stdin(Stdio::from(fs::File::open(file).unwrap()))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        admin::read::<Response>(&mut &output.stdout[..]).unwrap()
    };
    let denied = |role: &str| Response::Failed(Failure::Denied { role: role.into() });
    assert!(matches!(ask("daemon", &status), Response::Status(_)));
    assert_eq!(ask("daemon", &clear), denied("operate"));
    assert_eq!(ask("nogroup", &status), denied("view"));
    let log = log(&lab);
    let records: Vec<_> = log.iter().filter(|r| r.outcome == "denied").collect();
    assert_eq!(records.len(), 2);
    assert!(records.iter().all(|r| r.user == "nobody"));
}
