//! Licence files on a unit: which are taken, and that limits follow them at once.

use std::fs;

use admin::{Failure, InstalledLicence, Request, Response, Version};
use license::{ExportClass, Grant, GrantError, IssuerKey, Model};

use super::dataplane::DataPlane;
use super::harness::{Lab, SOON, until};
use super::process::Control;

struct Unit {
    dataplane: DataPlane,
    _control: Control,
    key: IssuerKey,
    lab: Lab,
}

impl Unit {
    /// An ASA5520 that takes licences of one issuer.
    fn new(settings: &str) -> Self {
        Self::within(Lab::new(), settings, "")
    }

    /// The same in `lab`, with `more` in its configuration.
    fn within(lab: Lab, settings: &str, more: &str) -> Self {
        let key = IssuerKey::from_pem(&IssuerKey::generate().unwrap()).unwrap();
        fs::write(lab.dir.join("issuer.pub"), key.public_pem()).unwrap();
        lab.write(&format!(
            "license: {{model: ASA5520, issuers: [issuer.pub]{settings}}}\n{more}"
        ));
        let control = lab.start();
        let dataplane = DataPlane::start(&lab.dir);
        dataplane.take(1);
        until("in force", || lab.status().in_force);
        Self {
            dataplane,
            _control: control,
            key,
            lab,
        }
    }

    fn install(&self, grant: &Grant) -> Response {
        self.lab.call(&self.installing(grant))
    }

    fn installing(&self, grant: &Grant) -> Request {
        let text = self.key.issue(grant).unwrap();
        Request::InstallLicence { text }
    }

    /// The answer to a request, while something else happens.
    fn call_while(&self, request: &Request, meanwhile: impl FnOnce()) -> Response {
        let lab = &self.lab;
        std::thread::scope(|scope| {
            let operator = scope.spawn(|| lab.call(request));
            meanwhile();
            operator.join().unwrap()
        })
    }

    /// UC sessions and TLS proxy sessions that are admitted.
    fn limits(&self) -> (u64, u64) {
        let limits = self.dataplane.limits();
        (limits.uc_sessions, limits.tls_sessions)
    }

    fn installed(&self) -> Vec<InstalledLicence> {
        match self.lab.call(&Request::Licences) {
            Response::Licences { licences } => licences,
            other => panic!("{other:?}"),
        }
    }
}

fn grant() -> Grant {
    Grant {
        serial: 17,
        model: Model::by_name("ASA5520").unwrap(),
        tier: Some(750),
        ime: false,
        class: ExportClass::K9,
        expires: None,
    }
}

fn refused(error: GrantError) -> Response {
    let reason = error.to_string();
    Response::Failed(Failure::LicenceRefused { reason })
}

#[test]
fn l11_l24_limits_follow_a_licence_as_it_comes_and_goes() {
    let unit = Unit::new("");
    assert_eq!(unit.limits(), (2, 300));
    assert!(matches!(unit.install(&grant()), Response::Applied(_)));
    assert_eq!(unit.limits(), (750, 750));
    assert_eq!(unit.installed()[0].problem, None);
    assert!(matches!(unit.lab.call(&remove(17)), Response::Applied(_)));
    assert_eq!(unit.limits(), (2, 300));
    assert_eq!(unit.installed(), []);
    let gone = Failure::NoSuchLicence { serial: 17 };
    assert_eq!(unit.lab.call(&remove(17)), Response::Failed(gone));
    assert_eq!(unit.dataplane.generation(), 1, "no policy was published");
}

#[test]
fn l13_a_limit_set_by_hand_is_raised_and_never_lowered() {
    let unit = Unit::new(", tls_max_sessions: 400");
    let response = unit.install(&grant());
    let Response::Applied(applied) = response else {
        panic!("{response:?}")
    };
    assert!(applied.notice.unwrap().contains("raised to 750"));
    assert_eq!(unit.limits(), (750, 750));
    let unit = Unit::new(", tls_max_sessions: 900");
    unit.install(&grant());
    assert_eq!(unit.limits(), (750, 900));
}

#[test]
fn l29_ime_raises_a_limit_set_by_hand_whichever_licence_comes_first() {
    let uc = grant();
    let ime = Grant {
        serial: 18,
        tier: None,
        ime: true,
        ..grant()
    };
    let both = Grant { ime: true, ..uc };
    for files in [&[both][..], &[uc, ime], &[ime, uc]] {
        let unit = Unit::new(", tls_max_sessions: 300");
        for grant in files {
            assert!(matches!(unit.install(grant), Response::Applied(_)));
        }
        assert_eq!(unit.limits(), (750, 950), "{files:?}");
    }
}

#[test]
fn forged_expired_and_other_models_licences_are_refused() {
    let unit = Unit::new("");
    let text = unit.key.issue(&grant()).unwrap();
    let forged = text.replace("tier: 750", "tier: 1000");
    let install = |text: String| unit.lab.call(&Request::InstallLicence { text });
    assert_eq!(install(forged), refused(GrantError::Forged));
    assert_eq!(install("licence".into()), refused(GrantError::Malformed));
    let other = IssuerKey::from_pem(&IssuerKey::generate().unwrap()).unwrap();
    assert_eq!(
        install(other.issue(&grant()).unwrap()),
        refused(GrantError::Forged)
    );
    let expired = Grant {
        expires: Some(86_400),
        ..grant()
    };
    assert_eq!(unit.install(&expired), refused(GrantError::Expired));
    let theirs = Grant {
        model: Model::by_name("ASA5540").unwrap(),
        ..grant()
    };
    let (theirs_name, ours) = ("ASA5540", "ASA5520");
    assert_eq!(
        unit.install(&theirs),
        refused(GrantError::OtherModel {
            theirs: theirs_name,
            ours
        })
    );
    assert_eq!(unit.installed(), []);
    assert_eq!(unit.limits(), (2, 300));
}

#[test]
fn a_serial_number_is_installed_once() {
    let unit = Unit::new("");
    unit.install(&grant());
    let again = Failure::LicenceInstalled { serial: 17 };
    assert_eq!(unit.install(&grant()), Response::Failed(again));
}

fn remove(serial: u64) -> Request {
    Request::RemoveLicence {
        serial,
        enforce: false,
    }
}

/// Names of the files of licences.
fn files(lab: &Lab) -> Vec<String> {
    let entries = fs::read_dir(lab.dir.join("licences")).into_iter().flatten();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A certificate of its own making, and its key.
fn identity(lab: &Lab) {
    let key = rcgen::generate_simple_self_signed(vec!["proxy.example.com".into()]).unwrap();
    fs::write(lab.dir.join("proxy.pem"), key.cert.pem()).unwrap();
    fs::write(lab.dir.join("proxy.key"), key.signing_key.serialize_pem()).unwrap();
}

impl Unit {
    /// One whose policy changes as soon as another [`identity`] lies in its place.
    fn with_identity() -> Self {
        let lab = Lab::new();
        identity(&lab);
        let more = "trustpoints: [{name: t, certificate: proxy.pem, key: proxy.key}]\n";
        Self::within(lab, "", more)
    }
}

#[test]
fn what_is_refused_for_its_configuration_neither_comes_nor_goes() {
    let unit = Unit::with_identity();
    let (key, away) = ["proxy.key", "away.key"]
        .map(|f| unit.lab.dir.join(f))
        .into();
    fs::rename(&key, &away).unwrap();
    assert!(matches!(unit.install(&grant()), Response::Refused { .. }));
    assert_eq!(files(&unit.lab), [""; 0]);
    fs::rename(&away, &key).unwrap();
    assert!(matches!(unit.install(&grant()), Response::Applied(_)));
    fs::rename(&key, &away).unwrap();
    let refused = unit.lab.call(&remove(17));
    assert!(matches!(refused, Response::Refused { .. }));
    assert_eq!(files(&unit.lab), ["17.licence"]);
    assert_eq!(unit.limits(), (750, 750));
}

#[test]
fn without_a_configuration_licences_neither_come_nor_go() {
    let lab = Lab::new();
    fs::create_dir(lab.dir.join("licences")).unwrap();
    fs::write(lab.dir.join("licences/1.licence"), "text").unwrap();
    let _control = lab.start_bare();
    let install = Request::InstallLicence { text: "l".into() };
    for request in [remove(1), remove(2), install] {
        let none = Response::Failed(Failure::NoConfiguration);
        assert_eq!(lab.call(&request), none);
    }
    assert_eq!(files(&lab), ["1.licence"]);
}

#[test]
fn what_the_data_plane_refuses_neither_comes_nor_goes() {
    let unit = Unit::with_identity();
    let while_refused = |request, generation| {
        identity(&unit.lab);
        let response = unit.call_while(request, || {
            unit.dataplane.refuse(generation);
            unit.dataplane.take(generation + 1);
        });
        assert_eq!(response, Response::Failed(Failure::DataPlaneRefused));
        until("in force", || unit.lab.status().in_force);
    };
    let install = unit.installing(&grant());
    while_refused(&install, 2);
    assert_eq!(files(&unit.lab), [""; 0]);
    assert_eq!(unit.limits(), (2, 300));
    unit.call_while(&install, || unit.dataplane.take(4));
    while_refused(&remove(17), 5);
    assert_eq!(files(&unit.lab), ["17.licence"]);
    assert_eq!(unit.limits(), (750, 750));
}

#[test]
fn a_crash_before_the_outcome_leaves_the_licences_of_before() {
    let unit = Unit::with_identity();
    unit.install(&grant());
    identity(&unit.lab);
    let install = unit.installing(&Grant {
        serial: 18,
        ..grant()
    });
    let Unit {
        lab,
        _control,
        dataplane,
        ..
    } = unit;
    std::thread::scope(|scope| {
        let operator = scope.spawn(|| admin::call(&lab.dir, &install, SOON));
        dataplane.wait_generation(2);
        _control.kill();
        assert!(operator.join().unwrap().is_err());
    });
    let _control = lab.start();
    let Response::Licences { licences } = lab.call(&Request::Licences) else {
        panic!("no licences")
    };
    let serials: Vec<_> = licences.iter().map(|licence| licence.serial).collect();
    assert_eq!(serials, [17]);
}

#[test]
fn a_file_that_cannot_go_leaves_everything_as_it_was() {
    let unit = Unit::new("");
    unit.install(&grant());
    let file = unit.lab.dir.join("licences/17.licence");
    let text = fs::read(&file).unwrap();
    // Nobody removes a folder as a file, not even root.
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let failed = unit.lab.call(&remove(17));
    let failed = matches!(failed, Response::Failed(Failure::LicenceFile { .. }));
    assert!(failed);
    fs::remove_dir(&file).unwrap();
    fs::write(&file, text).unwrap();
    assert_eq!(unit.limits(), (750, 750));
    assert!(matches!(unit.lab.call(&remove(17)), Response::Applied(_)));
    assert_eq!(unit.limits(), (2, 300));
}

#[test]
fn a_hangup_waits_for_the_licence_that_is_under_way() {
    let unit = Unit::with_identity();
    identity(&unit.lab);
    let response = unit.call_while(&unit.installing(&grant()), || {
        unit.dataplane.wait_generation(2);
        unit._control.signal("HUP");
        until("told", || unit.lab.try_status().is_some());
        unit.dataplane.take(2);
    });
    assert!(matches!(response, Response::Applied(_)));
    assert_eq!(files(&unit.lab), ["17.licence"]);
    assert_eq!(unit.limits(), (750, 750));
}

#[test]
fn a_file_that_was_changed_where_it_lies_does_not_count() {
    let unit = Unit::new("");
    unit.install(&grant());
    let file = unit.lab.dir.join("licences/17.licence");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("tier: 750", "tier: 1000")).unwrap();
    fs::write(file.with_file_name("18.licence"), text).unwrap();
    let problems: Vec<_> = unit.installed().into_iter().map(|l| l.problem).collect();
    assert_eq!(
        problems,
        [GrantError::Forged, GrantError::Malformed].map(|e| Some(e.to_string()))
    );
    unit.lab.call(&Request::SetTlsLimit {
        sessions: 500,
        enforce: false,
    });
    assert_eq!(unit.limits(), (2, 500));
}

#[test]
fn without_issuers_no_licence_is_taken() {
    let lab = Lab::new();
    lab.write("license: {model: ASA5520}\n");
    let _control = lab.start();
    let key = IssuerKey::from_pem(&IssuerKey::generate().unwrap()).unwrap();
    let text = key.issue(&grant()).unwrap();
    let response = lab.call(&Request::InstallLicence { text });
    assert_eq!(response, Response::Failed(Failure::NoIssuers));
    fs::create_dir(lab.dir.join("licences")).unwrap();
    fs::write(lab.dir.join("licences/17.licence"), "text").unwrap();
    let Response::Licences { licences } = lab.call(&Request::Licences) else {
        panic!("no licences")
    };
    assert_eq!(licences[0].problem, Some(Failure::NoIssuers.to_string()));
}

#[test]
fn a_full_disk_is_told_and_nothing_changes() {
    let unit = Unit::new("");
    let folder = unit.lab.dir.join("licences");
    fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.join(".new")).unwrap();
    let Response::Failed(Failure::LicenceFile { reason }) = unit.install(&grant()) else {
        panic!("taken")
    };
    assert!(reason.contains("No space left"), "{reason}");
    assert_eq!(unit.limits(), (2, 300));
    assert!(matches!(unit.install(&grant()), Response::Applied(_)));
}

/// Has the version of that number be kept at another time.
fn keep_at(lab: &Lab, number: u64, time: u64) {
    let path = lab.dir.join(format!("versions/{number:08}.yaml"));
    let kept = fs::read_to_string(&path).unwrap();
    let (line, text) = kept.split_once('\n').unwrap();
    let mut version: Version = admin::from_line(line.strip_prefix("# ").unwrap()).unwrap();
    version.time = time;
    let line = admin::to_line(&version).unwrap();
    fs::write(&path, format!("# {line}\n{text}")).unwrap();
}

#[test]
fn l30_a_clock_set_back_across_a_restart_revives_nothing() {
    let unit = Unit::new("");
    let end = license::date::parse("2099-01-01").unwrap();
    let expires = Some(end);
    unit.install(&Grant { expires, ..grant() });
    assert_eq!(unit.limits(), (750, 750));
    unit.lab.call(&Request::SetTlsLimit {
        sessions: 400,
        enforce: false,
    });
    let Unit { lab, _control, .. } = unit;
    _control.kill();
    // The clock was ahead while the first version was kept, and is back since.
    keep_at(&lab, 1, end);
    for with_file in [true, false, false] {
        let control = if with_file {
            lab.start()
        } else {
            lab.start_bare()
        };
        assert!(control.log().contains("clock is behind"));
        let Response::Licences { licences } = lab.call(&Request::Licences) else {
            panic!("no licences")
        };
        assert_eq!(licences[0].problem, Some(GrantError::Expired.to_string()));
        // Whatever is kept next is kept no earlier, so that it holds once the first is forgotten.
        lab.apply(&format!(
            "{}# {with_file}\n",
            fs::read_to_string(lab.dir.join("ucproxy.yaml")).unwrap()
        ));
        let Response::History { versions } = lab.call(&Request::History) else {
            panic!("no history")
        };
        assert_eq!(versions[0].time, end);
        control.kill();
        keep_at(&lab, 1, 0);
    }
}

#[test]
fn licences_survive_a_restart_of_control() {
    let unit = Unit::new("");
    unit.install(&grant());
    let Unit { lab, _control, .. } = unit;
    _control.kill();
    let _control = lab.start();
    let dataplane = DataPlane::start(&lab.dir);
    dataplane.take(1);
    assert_eq!(dataplane.limits().uc_sessions, 750);
}
