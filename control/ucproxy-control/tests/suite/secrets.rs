//! Secrets out of the environment and the credentials of the control process.

use std::fs;
use std::path::Path;

use admin::{Request, Response};

use super::dataplane::DataPlane;
use super::harness::Lab;

const PASSPHRASE: &str = "swordfish";

/// Where the tests of `policy` keep certificates and keys.
fn data(name: &str) -> String {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policy/tests/data");
    data.join(name).display().to_string()
}

fn config() -> String {
    let (own, encrypted) = (data("ed25519.pem"), data("encrypted.key"));
    format!(
        "trustpoints:\n\
         - {{name: a, certificate: {own}, key: env:PROXY_KEY}}\n\
         - {{name: b, certificate: {}, key: {encrypted}, passphrase: credential:phrase}}\n",
        data("rsa.pem")
    )
}

/// Everything that control wrote in its directory, as text.
fn written(dir: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("credentials") {
            text += &written(&path);
        } else if path.is_file() {
            text += &String::from_utf8_lossy(&fs::read(path).unwrap());
        }
    }
    text
}

#[test]
fn apply_reads_the_environment_and_the_credentials_of_control() {
    let lab = Lab::new();
    let credentials = lab.dir.join("credentials");
    fs::create_dir(&credentials).unwrap();
    fs::write(credentials.join("phrase"), PASSPHRASE).unwrap();
    let key = fs::read_to_string(data("ed25519.key")).unwrap();
    let folder = credentials.display().to_string();
    let control = lab.start_in(&[("PROXY_KEY", &key), ("CREDENTIALS_DIRECTORY", &folder)]);

    // No data plane runs yet: it is taken, and kept for the next start.
    let applied = lab.apply(&config());
    assert!(matches!(applied, Response::Applied(_)), "{applied:?}");
    let dataplane = DataPlane::start(&lab.dir);
    let keys = dataplane.keys();
    dataplane.take(1);
    let trustpoints = dataplane.image().trustpoints;
    for trustpoint in &trustpoints {
        let key = keys.iter().find(|key| Some(key.id) == trustpoint.key);
        assert!(key.is_some_and(|key| key.der.starts_with(&[0x30])));
    }
    assert_eq!((keys.len(), trustpoints.len()), (2, 2));

    // Told in no answer, and written to no file: versions, audit log and log.
    let line = key.lines().nth(1).unwrap();
    let running = format!("{:?}", lab.call(&Request::Configuration));
    for secret in [line, PASSPHRASE] {
        assert!(!running.contains(secret));
        assert!(!written(&lab.dir).contains(secret));
    }
    assert!(running.contains("env:PROXY_KEY") && control.log().contains("configuration taken"));
}

#[test]
fn what_control_lacks_is_an_error_with_its_place() {
    let lab = Lab::new();
    let _control = lab.start_bare();
    let Response::Refused { findings } = lab.apply(&config()) else {
        panic!("taken")
    };
    let texts: Vec<_> = findings.iter().map(ToString::to_string).collect();
    for expected in [
        "error: trustpoints[0].key: env:PROXY_KEY: no such variable",
        "error: trustpoints[1].passphrase: credential:phrase: no such credential",
    ] {
        assert!(
            texts.iter().any(|text| text.contains(expected)),
            "{texts:?}"
        );
    }
}
