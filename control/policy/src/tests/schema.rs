//! The JSON Schema against the reader: what one takes or refuses, the other does.

mod validator;

use std::fs;
use std::path::{Path, PathBuf};

use validator::Validator;

use crate::document::Findings;
use crate::options::{self, APPLICATIONS};
use crate::raw::RawPolicy;
use crate::section::{Kind, Section};
use crate::yaml;

/// Words that some key takes and others do not, as they stand in a file.
const WORDS: &[&str] = &[
    "null",
    "true",
    "false",
    "''",
    "' '",
    "x",
    "5",
    "'5'",
    "0",
    "'0'",
    "-1",
    "1",
    "1.5",
    "256",
    "255",
    "'255'",
    "65535",
    "65536",
    "5000",
    "'5000'",
    "007",
    "1000000000",
    "100000000",
    "100000001",
    "100000000000000000000",
    "{}",
    "[]",
    "[1]",
    "[x]",
    "[x, '?']",
    "1s",
    "10s",
    "1S",
    "'1 s'",
    "1.5s",
    "1h30m",
    "500ms",
    "500us",
    "1500us",
    "100000us",
    "300000000us",
    "0s",
    "1us",
    "100ms",
    "101ms",
    "0100ms",
    "7d",
    "8d",
    "5m",
    "6m",
    "1h",
    "2h",
    "1d",
    "5KiB",
    "4KiB",
    "1023KiB",
    "1MiB",
    "1025KiB",
    "2MiB",
    "4kib",
    "4K",
    "1GiB",
    "1024GiB",
    "1025GiB",
    "'4 KiB'",
    "1-2",
    "16384-32767",
    "'1 - 2'",
    "65535-65535",
    "0-5",
    "5-65536",
    "01-2",
    "10.0.0.1",
    "10.0.0.1/24",
    "10.0.0.0/024",
    "10.0.0.1/33",
    "10.0.0.1/032",
    "10.0.0.1/",
    "010.0.0.1",
    "10.0.0.256",
    "'::1'",
    "'::'",
    "'::ffff:1.2.3.4'",
    "'1:2:3:4:5:6:1.2.3.4'",
    "'1:2:3:4:5:6:7:8'",
    "'1:2:3:4:5:6:7::'",
    "'1::2:3:4:5:6:7:8'",
    "'1:2:3:4:5:6:7'",
    "'1.2.3.4::'",
    "'::12345'",
    "2001:db8::/64",
    "2001:db8::1/129",
    "2001:db8::/128",
    "fe80::1%eth0",
    "default",
    "any",
    "tcp",
    "TCP",
    "icmpv6",
    "encrypted",
    "nonsecure",
    "k8",
    "K8",
    "client",
    "[10.0.0.1]",
    "['10.0.0.1', x]",
    "'0000:3b:00.0'",
    "'3B:00.0'",
    "'3b:00'",
    "'00:3b:00.0'",
    "net_null0",
    "'net_tap0,iface=a'",
    "'net_tap0,mac'",
    "'net_tap0,'",
    "net-x",
    "eth0",
    "é",
    "a b",
    "'.'",
    "'..'",
    "'-'",
    "-a",
    "a.example.com",
    "1.example.com",
    "1.2.3",
    "a..b",
    "'env:X'",
    "'env:'",
    "'env:1X'",
    "'credential:X'",
    "'credential:..'",
    "'credential:...'",
    "'credential:.x'",
    "'credential:a/b'",
    "'file:'",
    "'file:/x'",
    "'other:x'",
    "\"a\\tb\"",
    "'-----BEGIN'",
    "unlimited",
    "busy",
    "Busy",
    "phone-proxy",
    "ASA5520",
    "asa 5520",
    "ASA-5585X SSP 10",
    "ASA552",
    "required",
    "appliance",
    "ring",
    "auto",
    "best-effort",
    "AES_CM_128_HMAC_SHA1_80",
    "[AES_CM_128_HMAC_SHA1_80]",
    "[aead_aes_128_gcm]",
    "[AES_CM_256_HMAC_SHA1_80]",
    "[{real: 10.0.0.1, mapped: '::1'}]",
    "[{real: x, mapped: '::1'}]",
    "[{real: 10.0.0.1}]",
    "0x10",
    "1_000",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

/// What is around a key's value, and its path.
#[derive(Clone)]
struct Around {
    before: String,
    after: String,
    path: String,
}

impl Around {
    fn key(&self, name: &str) -> Self {
        // The options of an application depend on its kind.
        let kind = if name == "options" {
            "kind: phone-proxy, "
        } else {
            ""
        };
        Self {
            before: format!("{}{{{kind}{name}: ", self.before),
            after: format!("}}{}", self.after),
            path: crate::document::join(&self.path, name),
        }
    }

    fn item(&self) -> Self {
        Self {
            before: format!("{}[", self.before),
            after: format!("]{}", self.after),
            path: format!("{}[0]", self.path),
        }
    }
}

/// Every key of `section` and those below.
fn keys(around: &Around, section: &'static Section, all: &mut Vec<Around>) {
    for key in section.keys {
        below(&around.key(key.name), &key.kind, all);
    }
}

fn below(around: &Around, kind: &'static Kind, all: &mut Vec<Around>) {
    all.push(around.clone());
    match kind {
        Kind::Section(section) => keys(around, section, all),
        Kind::List(items) | Kind::Several(items) => below(&around.item(), items, all),
        Kind::Options => APPLICATIONS
            .iter()
            .for_each(|app| keys(around, app.section, all)),
        _ => {}
    }
}

/// Where the reader finds something wrong in `text`, in what a key takes by itself.
fn read(text: &str) -> Vec<String> {
    let (doc, noted) = yaml::read(text.as_bytes()).unwrap();
    assert!(noted.list.is_empty(), "{text}");
    let mut findings = Findings::new(&doc);
    let raw = RawPolicy::load(&mut findings);
    for item in raw.iter().flat_map(|raw| raw.applications.iter()) {
        if let (Some(kind), Some(options)) = (item.kind, item.options) {
            options::read_only(&mut findings, kind.0.name, options.node);
        }
    }
    let told = findings.into_sorted().into_iter();
    told.map(|finding| finding.path).collect()
}

/// Whether any of `paths` is at `path` or below.
fn touches(paths: &[String], path: &str) -> bool {
    let below = |other: &String| {
        let rest = other.strip_prefix(path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    paths.iter().any(below)
}

#[test]
fn every_key_takes_the_same_words_in_the_schema_as_when_it_is_read() {
    let root = Around {
        before: String::new(),
        after: "\n".into(),
        path: String::new(),
    };
    let mut all = Vec::new();
    keys(&root, RawPolicy::SECTION, &mut all);
    assert!(all.len() > 130, "{}", all.len());
    let validator = Validator::of(&crate::schema());
    let mut differ = Vec::new();
    let (mut taken, mut refused) = (0, 0);
    for Around {
        before,
        after,
        path,
    } in &all
    {
        for word in WORDS {
            let text = format!("{before}{word}{after}");
            let reads = !touches(&read(&text), path);
            let fits = !touches(&validator.faults(&text), path);
            *if reads { &mut taken } else { &mut refused } += 1;
            if reads != fits {
                let verdict = if reads { "taken" } else { "refused" };
                differ.push(format!("{path}: {word} is {verdict} when it is read"));
            }
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    assert!(taken > 1_000 && refused > 10_000, "{taken} {refused}");
}

/// What end-to-end tests put into their template, besides addresses.
const BLANKS: &[(&str, &str)] = &[
    ("WORKERS", "1"),
    ("HANDSHAKE_THREADS", "1"),
    ("HUGEPAGES", "false"),
    ("INSIDE_VLAN", "    vlan: 100"),
    ("CA", "ca.pem"),
    ("CRL", "    crl: [crl.pem]"),
    ("CERT", "proxy.pem"),
    ("KEY", "proxy.key"),
    ("SERVER", "      security: nonsecure"),
    ("SOURCE", "client"),
    ("PROVIDER", "ring"),
    ("TLS", "  handshake_timeout: 5s"),
    ("MORE", "tcp: {idle_timeout: 1h}"),
];

#[test]
fn configurations_that_are_right_fit_the_schema() {
    let validator = Validator::of(&crate::schema());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (path, blanks) in [
        ("docs/ucproxy.example.yaml", &[][..]),
        ("tests/e2e/config/ucproxy.yaml", BLANKS),
    ] {
        let mut text = fs::read_to_string(root.join(path)).unwrap();
        for (blank, value) in blanks {
            text = text.replace(&format!("@{blank}@"), value);
        }
        // Addresses are all that is left, of one family by the name.
        let filled = text
            .split('@')
            .enumerate()
            .map(|(at, part)| match (at % 2, part) {
                (0, part) => part,
                (_, name) if name.ends_with('6') => "2001:db8::1",
                _ => "192.0.2.1",
            });
        let text: String = filled.collect();
        assert_eq!(validator.faults(&text), [""; 0], "{path}");
        assert_eq!(read(&text), [""; 0], "{path}");
    }
}

#[test]
fn what_does_not_fit_the_schema_has_errors() {
    let validator = Validator::of(&crate::schema());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad");
    let paths = fs::read_dir(folder).unwrap();
    let paths: Vec<PathBuf> = paths.map(|entry| entry.unwrap().path()).collect();
    let mut unfit = 0;
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        if yaml::read(text.as_bytes()).is_ok() && !validator.faults(&text).is_empty() {
            unfit += 1;
            assert!(super::lab::check(&text).has_errors(), "{}", path.display());
        }
    }
    assert!(unfit > 10, "{unfit}");
}

#[test]
fn mistakes_of_the_review_are_refused_by_the_schema() {
    let validator = Validator::of(&crate::schema());
    let app = |rest: &str| format!("applications: [{{name: a, kind: phone-proxy, {rest}}}]\n");
    let listener = |address: &str| {
        app(&format!(
            "listeners: [{{interface: i, server: s, address: {address}}}]"
        ))
    };
    let here = listener("192.0.2.1");
    assert_eq!(validator.faults(&here), [""; 0]);
    for (text, path) in [
        (listener("x"), "applications[0].listeners[0].address"),
        (app("listeners: []"), "applications[0].listeners"),
        (
            app("options: {colour: 1}"),
            "applications[0].options.colour",
        ),
        (app("options: {fax: maybe}"), "applications[0].options.fax"),
        (
            app("options: {suites: [AES]}"),
            "applications[0].options.suites[0]",
        ),
        (
            "applications: [{kind: phone-poxy}]\n".into(),
            "applications[0].kind",
        ),
        ("license: {model: ASA5521}\n".into(), "license.model"),
        ("runtime: {memory: '5'}\n".into(), "runtime.memory"),
        (
            "tcp: {connect_timeout: 1 s}\n".into(),
            "tcp.connect_timeout",
        ),
        ("tcp: {connect_timeout: 7d}\n".into(), "tcp.connect_timeout"),
    ] {
        assert!(touches(&validator.faults(&text), path), "{text}");
        assert!(touches(&read(&text), path), "{text}");
    }
}
