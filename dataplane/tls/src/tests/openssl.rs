//! The `openssl` command on the other end, over TCP on loopback.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use abi::Reason;

use super::*;
use crate::{Fault, TrustpointSpec};

/// A directory that goes away with its owner.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tls-openssl-{}-{n}", std::process::id()));
        // Of a run that was killed and had the same number.
        fs::remove_dir_all(&path).ok();
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// Runs `openssl` here, with arguments that hold no spaces.
    fn openssl(&self, line: &str) -> Child {
        // An openssl that hangs ends and fails its test.
        Command::new("timeout")
            .args(["60", "openssl"])
            .args(line.split_whitespace())
            .current_dir(&self.0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn run(&self, line: &str) {
        let output = self.openssl(line).wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {line}: {said}");
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap()
    }

    /// Writes `name.crt`, `name.key` and `name.chain` for openssl.
    fn put(&self, name: &str, identity: &Identity) {
        fs::write(self.path("der"), &identity.key).unwrap();
        self.run(&format!("pkey -inform DER -in der -out {name}.key"));
        self.put_certificate(&format!("{name}.crt"), &identity.chain[0]);
    }

    fn put_certificate(&self, name: &str, der: &[u8]) {
        fs::write(self.path("der"), der).unwrap();
        self.run(&format!("x509 -inform DER -in der -out {name}"));
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(&self.0).join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// A leg with a kernel socket under it.
struct Wire {
    leg: TlsLeg,
    socket: TcpStream,
}

impl Wire {
    fn new(leg: TlsLeg, socket: TcpStream) -> Self {
        socket
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        Self { leg, socket }
    }

    fn flush(&mut self) {
        step(&mut self.leg);
        let octets = output_of(&mut self.leg);
        // A peer that has closed already is no concern of these tests.
        let _ = self.socket.write_all(&octets);
    }

    /// Goes on until `done` holds or the peer has ended; returns the plaintext that came.
    fn until(&mut self, done: impl Fn(&TlsLeg, &[u8]) -> bool) -> Vec<u8> {
        let (mut plaintext, mut buffer) = (Vec::new(), [0; 4096]);
        self.flush();
        while !done(&self.leg, &plaintext) {
            let n = self.socket.read(&mut buffer).unwrap_or(0);
            if n == 0 {
                self.leg.feed_end();
                self.flush();
                break;
            }
            let mut fed = 0;
            while fed < n {
                fed += self.leg.feed(&buffer[fed..n]);
                self.flush();
                plaintext.extend(plaintext_of(&mut self.leg));
            }
        }
        plaintext
    }
}

fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp_port = listener.local_addr().unwrap().port();
    (listener, tcp_port)
}

/// Reads lines until one contains `what`, and returns that one.
fn read_until(lines: &mut impl BufRead, what: &str) -> String {
    loop {
        let mut line = String::new();
        assert_ne!(lines.read_line(&mut line).unwrap(), 0, "no {what}");
        if line.contains(what) {
            return line;
        }
    }
}

const CASES: [(TlsProvider, bool, &str, u16); 4] = [
    (TlsProvider::AwsLcRs, false, "-tls1_2", 0x0303),
    (TlsProvider::AwsLcRs, true, "-tls1_3", 0x0304),
    (TlsProvider::Ring, true, "-tls1_2", 0x0303),
    (TlsProvider::Ring, false, "-tls1_3", 0x0304),
];

fn world(provider: TlsProvider, rsa: bool, folder: &Folder) -> World {
    let mut world = World::of(provider);
    if rsa {
        let server = Leaf::server("ucm.example.com").rsa();
        world.server = world.server_ca.issue(&server);
        world.client = world.client_ca.issue(&Leaf::phone("SEP0").rsa());
    }
    folder.put("server", &world.server);
    folder.put("client", &world.client);
    folder.put_certificate("server-ca.crt", &world.server_ca.spec().anchors[0]);
    folder.put_certificate("client-ca.crt", &world.client_ca.spec().anchors[0]);
    world
}

#[test]
fn openssl_clients_are_served() {
    for (provider, rsa, version, wire) in CASES {
        let folder = Folder::new();
        let world = world(provider, rsa, &folder);
        let (listener, tcp_port) = listen();
        let mut client = folder.openssl(&format!(
            "s_client -connect 127.0.0.1:{tcp_port} {version} -quiet -verify_return_error \
             -CAfile server-ca.crt -cert client.crt -key client.key -servername ucm.example.com"
        ));
        let mut stdin = client.stdin.take().unwrap();
        stdin.write_all(b"REGISTER\n").unwrap();

        let leg = TlsLeg::server(&world.server().profile());
        let mut server = Wire::new(leg, listener.accept().unwrap().0);
        let request = server.until(|_, plaintext| plaintext.ends_with(b"\n"));
        assert_eq!(request, b"REGISTER\n");
        let peer = server.leg.peer().unwrap();
        assert_eq!(peer.version, wire);
        assert_eq!(peer.sni.as_deref(), Some("ucm.example.com"));
        assert!(peer.common_name.as_deref().unwrap().starts_with("SEP0"));

        server.leg.write(b"200 OK\n");
        server.leg.close();
        server.until(|leg, _| leg.state() != State::Open);
        drop(server);
        drop(stdin);
        let output = client.wait_with_output().unwrap();
        assert_eq!(output.stdout, b"200 OK\n");
    }
}

#[test]
fn every_suite_carries_records_of_all_sizes() {
    let suites = [
        "-tls1_3 -ciphersuites TLS_AES_128_GCM_SHA256",
        "-tls1_3 -ciphersuites TLS_AES_256_GCM_SHA384",
        "-tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256",
        "-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256",
        "-tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384",
        "-tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305",
    ];
    let folder = Folder::new();
    let world = world(TlsProvider::AwsLcRs, false, &folder);
    for suite in suites {
        let (listener, tcp_port) = listen();
        let mut client = folder.openssl(&format!(
            "s_client -connect 127.0.0.1:{tcp_port} {suite} -quiet -CAfile server-ca.crt \
             -cert client.crt -key client.key"
        ));
        let mut stdin = client.stdin.take().unwrap();
        let leg = TlsLeg::server(&world.server().profile());
        let mut server = Wire::new(leg, listener.accept().unwrap().0);
        for len in [1_usize, 15, 16, 17, 4000, 40_000] {
            let line = [vec![b'a'; len - 1], vec![b'\n']].concat();
            stdin.write_all(&line).unwrap();
            assert_eq!(
                server.until(|_, plaintext| plaintext.len() >= len),
                line,
                "{suite}"
            );
            let mut written = 0;
            while written < len {
                written += server.leg.write(&line[written..]);
                server.flush();
            }
        }
        server.leg.close();
        server.until(|leg, _| leg.state() != State::Open);
        drop((server, stdin));
        let output = client.wait_with_output().unwrap();
        assert_eq!(
            output.stdout.len(),
            1 + 15 + 16 + 17 + 4000 + 40_000,
            "{suite}"
        );
    }
}

#[test]
fn openssl_servers_are_reached() {
    for (provider, rsa, version, wire) in CASES {
        let folder = Folder::new();
        let world = world(provider, rsa, &folder);
        let mut server = folder.openssl(&format!(
            "s_server -accept 127.0.0.1:0 {version} -cert server.crt -key server.key \
             -CAfile client-ca.crt -Verify 3 -verify_return_error -naccept 1"
        ));
        let mut stdin = server.stdin.take().unwrap();
        let mut stdout = BufReader::new(server.stdout.take().unwrap());
        let accept = read_until(&mut stdout, "ACCEPT");
        let socket = TcpStream::connect(accept.trim().trim_start_matches("ACCEPT ")).unwrap();

        let leg = TlsLeg::client(&world.client().profile(), &TARGET);
        let mut client = Wire::new(leg, socket);
        client.until(|leg, _| leg.state() != State::Handshaking);
        assert_eq!(client.leg.state(), State::Open);
        assert_eq!(client.leg.peer().unwrap().version, wire);
        client.leg.write(b"INVITE sip:7001\n");
        client.flush();
        read_until(&mut stdout, "INVITE sip:7001");

        stdin.write_all(b"180 Ringing\n").unwrap();
        let answer = client.until(|_, plaintext| plaintext.ends_with(b"\n"));
        assert_eq!(answer, b"180 Ringing\n");
        client.leg.close();
        client.until(|leg, _| leg.state() != State::Open);
        assert_eq!(client.leg.state(), State::PeerClosed);
        server.wait().unwrap();
    }
}

#[test]
fn openssl_clients_of_old_versions_read_protocol_version() {
    let folder = Folder::new();
    let world = world(TlsProvider::AwsLcRs, true, &folder);
    for version in ["-tls1", "-tls1_1"] {
        let (listener, tcp_port) = listen();
        let client = folder.openssl(&format!(
            "s_client -connect 127.0.0.1:{tcp_port} {version} -cipher DEFAULT@SECLEVEL=0"
        ));
        let leg = TlsLeg::server(&world.server().profile());
        let mut server = Wire::new(leg, listener.accept().unwrap().0);
        server.until(|leg, _| leg.state() != State::Handshaking);
        assert_eq!(server.leg.state(), State::Failed(Reason::TlsVersion));
        drop(server);
        let output = client.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("alert protocol version"), "{said}");
    }
}

#[test]
fn openssl_client_without_certificate_reads_why() {
    let folder = Folder::new();
    let world = world(TlsProvider::AwsLcRs, false, &folder);
    for (version, alert) in [
        ("-tls1_2", "alert handshake failure"),
        ("-tls1_3", "alert certificate required"),
    ] {
        let (listener, tcp_port) = listen();
        let client = folder.openssl(&format!("s_client -connect 127.0.0.1:{tcp_port} {version}"));
        let leg = TlsLeg::server(&world.server().profile());
        let mut server = Wire::new(leg, listener.accept().unwrap().0);
        server.until(|leg, _| leg.state() != State::Handshaking);
        assert_eq!(server.leg.state(), State::Failed(Reason::TlsNoCertificate));
        server.socket.shutdown(Shutdown::Write).unwrap();
        let output = client.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(alert), "{said}");
    }
}

#[test]
fn keys_and_self_signed_certificates_of_openssl_are_read() {
    let folder = Folder::new();
    for (key, encode) in [
        ("genrsa -out key.pem 2048", "rsa -traditional"),
        ("genrsa -out key.pem 2048", "pkcs8 -topk8 -nocrypt"),
        ("ecparam -name prime256v1 -genkey -out key.pem", "ec"),
        ("ecparam -name secp384r1 -genkey -out key.pem", "ec"),
        (
            "ecparam -name prime256v1 -genkey -out key.pem",
            "pkcs8 -topk8 -nocrypt",
        ),
    ] {
        folder.run(key);
        folder.run(&format!("{encode} -in key.pem -outform DER -out key.der"));
        folder.run("req -x509 -key key.pem -subj /CN=ucm -days 1 -outform DER -out cert.der");
        let identity = Identity {
            chain: vec![folder.read("cert.der")],
            key: folder.read("key.der"),
        };
        for provider in PROVIDERS {
            let mut world = World::of(provider);
            world.server = identity.clone();
            let (server, mut client) = (world.server(), world.client());
            let pin = TrustpointSpec {
                pinned: &identity.chain,
                ..TrustpointSpec::default()
            };
            client.trust = vec![client.tls.trustpoint(&pin).unwrap()];
            let mut pair = Pair::new(&server, &client);
            // Made today, verified in 2033.
            assert_eq!(pair.run().0, State::Failed(Reason::TlsCertificateExpired));
            client.tls = TlsContext::new(provider, WallClock::System, LegLimits::default());
            let mut pair = Pair::new(&server, &client);
            assert_eq!(pair.run(), (State::Open, State::Open), "{key} {encode}");
        }
    }
}

#[test]
fn version_1_certificate_is_an_anchor_or_an_identity_but_no_pin() {
    let folder = Folder::new();
    folder.run("req -newkey rsa:2048 -nodes -keyout key.pem -subj /CN=lab -out csr.pem");
    folder.run("x509 -req -in csr.pem -signkey key.pem -outform DER -out cert.der");
    folder.run("pkcs8 -topk8 -nocrypt -in key.pem -outform DER -out key.der");
    let identity = Identity {
        chain: vec![folder.read("cert.der")],
        key: folder.read("key.der"),
    };
    let tls = context(TlsProvider::AwsLcRs);
    tls.trustpoint(&identity.spec()).unwrap();
    let mut spec = TrustpointSpec {
        anchors: &identity.chain,
        ..TrustpointSpec::default()
    };
    tls.trustpoint(&spec).unwrap();
    spec.pinned = &identity.chain;
    assert_eq!(tls.trustpoint(&spec).unwrap_err().fault, Fault::Pinned(0));
}
