//! Registrations, and reaching what is registered.

use pipeline::Leg;

use super::Lab;

const REGISTER: &str = "\
REGISTER sip:198.51.100.1 SIP/2.0
Via: SIP/2.0/TLS 192.168.1.50:51234;branch=z9hG4bKreg
From: <sip:1001@198.51.100.1>;tag=r1
To: <sip:1001@198.51.100.1>
Call-ID: reg
CSeq: 1 REGISTER
Contact: <sip:1001@192.168.1.50:5061;transport=tls;x=1>;expires=3600;+sip.instance=\"<urn:uuid:1>\"
Content-Length: 0

";

const OK: &str = "\
SIP/2.0 200 OK
Via: SIP/2.0/TCP 10.10.0.5:32768;branch=z9hG4bKreg
From: <sip:1001@10.10.0.10>;tag=r1
To: <sip:1001@10.10.0.10>;tag=r2
Call-ID: reg
CSeq: 1 REGISTER
Contact: <sip:1001@10.10.0.99:5060>;expires=60, <sip:1001@10.10.0.5:32768;transport=tcp;x=1>;expires=3600
Service-Route: <sip:10.10.0.10;lr>
Content-Length: 0

";

/// A call to `uri`, named after it.
fn invite(uri: &str) -> String {
    format!(
        "INVITE {uri} SIP/2.0\nVia: SIP/2.0/TCP 10.10.0.10;branch=z9hG4bKin\n\
         From: <sip:2001@10.10.0.10>;tag=c\nTo: <sip:1001@10.10.0.10>\nCall-ID: {uri}\n\
         CSeq: 1 INVITE\nContact: <sip:2001@10.10.0.77>\nContent-Length: 0\n\n"
    )
}

#[test]
fn contact_is_registered_as_ours_and_echoed_as_the_phones() {
    let mut lab = Lab::new();
    let inside = lab.phone(REGISTER);
    assert!(inside.starts_with("REGISTER sip:10.10.0.10 SIP/2.0\n"));
    assert!(inside.contains(
        "Contact: <sip:1001@10.10.0.5:32768;transport=tcp;x=1>;expires=3600;\
         +sip.instance=\"<urn:uuid:1>\"\n"
    ));
    let outside = lab.server(OK);
    assert!(outside.contains(
        "Contact: <sip:1001@198.51.100.1:5061;transport=tls;hidden=1>;expires=60, \
         <sip:1001@192.168.1.50:5061;transport=tls;x=1>;expires=3600\n"
    ));
    lab.assert_quiet();
}

#[test]
fn bindings_of_others_are_hidden_and_found_again() {
    let mut lab = Lab::new();
    lab.phone(REGISTER);
    lab.server(OK);
    let hidden = "<sip:1001@198.51.100.1:5061;transport=tls;hidden=1>";
    let own = REGISTER.lines().find(|l| l.starts_with("Contact")).unwrap();
    let removal = REGISTER.replace(own, &format!("Contact: {hidden};expires=0"));
    let inside = lab.phone(&removal.replace("CSeq: 1", "CSeq: 2"));
    assert!(
        inside.contains("Contact: <sip:1001@10.10.0.99:5060>;expires=0\n"),
        "{inside}"
    );
    let call = "OPTIONS sip:1001@198.51.100.1:5061;hidden=1 SIP/2.0\n\
                Via: SIP/2.0/TLS 192.168.1.50;branch=z9hG4bKo\nFrom: <sip:1001@198.51.100.1>;tag=o\n\
                To: <sip:1001@198.51.100.1>\nCall-ID: o\nCSeq: 1 OPTIONS\nContent-Length: 0\n\n";
    assert!(
        lab.phone(call)
            .starts_with("OPTIONS sip:1001@10.10.0.99:5060 SIP/2.0\n")
    );
    let stranger = call.replace("hidden=1", "hidden=9").replace("4bKo", "4bKp");
    assert!(
        lab.phone(&stranger)
            .starts_with("OPTIONS sip:1001@10.10.0.10:5060;hidden=9 SIP/2.0\n")
    );
}

#[test]
fn uris_that_a_registrar_adds_to_a_binding_show_no_inside() {
    let mut lab = Lab::new();
    lab.phone(REGISTER);
    let ok = OK.replace(
        ";expires=3600\n",
        ";expires=3600;received=\"sip:10.10.0.5:32768;transport=tcp\"\
         ;pub-gruu=\"sip:1001@10.10.0.10;gr=urn:uuid:1\"\n",
    );
    let outside = lab.server(&ok);
    assert!(
        outside.contains(";x=1>;expires=3600;pub-gruu=\"sip:1001@198.51.100.1;gr=urn:uuid:1\"\n"),
        "{outside}"
    );
    assert!(!outside.contains("10.10.0."), "{outside}");
}

#[test]
fn service_route_leads_here_and_is_undone() {
    let mut lab = Lab::new();
    lab.phone(REGISTER);
    let route = "<sip:198.51.100.1:5061;lr;transport=tls>";
    assert!(
        lab.server(OK)
            .contains(&format!("Service-Route: {route}\n"))
    );
    let message = lab.phone(&format!(
        "MESSAGE sip:2001@198.51.100.1 SIP/2.0\nVia: SIP/2.0/TLS 192.168.1.50;branch=z9hG4bKm\n\
         Route: {route}\nFrom: <sip:1001@198.51.100.1>;tag=m\nTo: <sip:2001@198.51.100.1>\n\
         Call-ID: m\nCSeq: 1 MESSAGE\nContent-Length: 0\n\n"
    ));
    assert!(
        message.contains("Route: <sip:10.10.0.10;lr>\n"),
        "{message}"
    );
}

#[test]
fn calls_to_the_registered_contact_reach_the_phones_own() {
    let mut lab = Lab::new();
    lab.phone(REGISTER);
    lab.server(OK);
    for (inside, outside) in [
        (
            "sip:1001@10.10.0.5:32768;transport=tcp;x=1",
            "sip:1001@192.168.1.50:5061;transport=tls;x=1",
        ),
        (
            "sip:1001@10.10.0.5:32768;x=1",
            "sip:1001@192.168.1.50:5061;transport=tls;x=1",
        ),
        (
            "sip:1002@10.10.0.5:32768",
            "sip:1002@192.168.1.50:5061;transport=tls;x=1",
        ),
    ] {
        let request = lab.server(&invite(inside));
        assert!(
            request.starts_with(&format!("INVITE {outside} SIP/2.0\n")),
            "{request}"
        );
    }
}

#[test]
fn several_users_of_one_phone_are_told_apart() {
    let mut lab = Lab::new();
    lab.phone(REGISTER);
    let second = REGISTER
        .replace("1001", "1002")
        .replace("192.168.1.50:5061", "192.168.1.50:5071")
        .replace("Call-ID: reg", "Call-ID: reg2");
    lab.phone(&second);
    let to = |lab: &mut Lab, user: &str| {
        let request = lab.server(&invite(&format!(
            "sip:{user}@10.10.0.5:32768;transport=tcp;x=1"
        )));
        request.lines().next().unwrap().to_owned()
    };
    assert_eq!(
        to(&mut lab, "1001"),
        "INVITE sip:1001@192.168.1.50:5061;transport=tls;x=1 SIP/2.0"
    );
    assert_eq!(
        to(&mut lab, "1002"),
        "INVITE sip:1002@192.168.1.50:5071;transport=tls;x=1 SIP/2.0"
    );
}

#[test]
fn unregistering_everything_and_challenges_pass() {
    let mut lab = Lab::new();
    let contact = REGISTER.lines().find(|l| l.starts_with("Contact")).unwrap();
    let star = REGISTER.replace(contact, "Contact: *\nExpires: 0");
    let inside = lab.phone(&star);
    assert!(inside.contains("Contact: *\nExpires: 0\n"));
    let challenge = OK.replace("200 OK", "401 Unauthorized").replace(
        "Service-Route: <sip:10.10.0.10;lr>",
        "WWW-Authenticate: Digest realm=\"10.10.0.10\"",
    );
    assert!(
        lab.server(&challenge)
            .contains("WWW-Authenticate: Digest realm=\"10.10.0.10\"\n")
    );
    lab.assert_quiet();
}

#[test]
fn bare_contact_gets_brackets_with_its_transport() {
    let mut lab = Lab::new();
    let contact = REGISTER.lines().find(|l| l.starts_with("Contact")).unwrap();
    let bare = REGISTER.replace(contact, "m: sip:1001@192.168.1.50:5061;expires=60");
    let inside = lab.phone(&bare);
    assert!(
        inside.contains("m: <sip:1001@10.10.0.5:32768;transport=tcp>;expires=60\n"),
        "{inside}"
    );
}

#[test]
fn gruu_stays_what_its_server_made_it() {
    let mut lab = Lab::new();
    let contact = REGISTER.lines().find(|l| l.starts_with("Contact")).unwrap();
    let gruu = "Contact: <sip:1001@example.com;gr=urn:uuid:1>";
    let inside = lab.phone(&REGISTER.replace(contact, gruu));
    assert!(inside.contains(gruu), "{inside}");
}

#[test]
fn alarms_before_registration_keep_their_bodies() {
    let mut lab = Lab::new();
    let body = "<x-cisco-alarm><IPv4Address>192.168.1.50</IPv4Address>\n</x-cisco-alarm>\n";
    let refer = format!(
        "REFER sip:198.51.100.1 SIP/2.0\nVia: SIP/2.0/TLS 192.168.1.50:51234;branch=z9hG4bKa\n\
         From: <sip:1001@198.51.100.1>;tag=a\nTo: <sip:198.51.100.1>\nCall-ID: a\nCSeq: 1 REFER\n\
         Contact: <sip:1001@192.168.1.50:51234;transport=tls>\n\
         Refer-To: cid:1@192.168.1.50\nRequire: norefersub\n\
         Content-Type: application/x-cisco-alarm+xml\nContent-Length: @\n\n{body}"
    );
    let inside = lab.phone(&refer);
    assert!(inside.contains("Refer-To: cid:1@192.168.1.50\n") && inside.ends_with(body));
    lab.assert_quiet();
}

#[test]
fn octets_that_come_before_the_server_is_up_wait() {
    let setup = super::Setup::default();
    let mut lab = Lab::unopened(&setup);
    lab.open(Leg::Client, setup.client);
    assert_eq!(lab.opened, 1);
    assert_eq!(lab.phone(REGISTER), "");
    lab.open(Leg::Server, setup.server);
    assert!(
        lab.heard(Leg::Server)
            .starts_with("REGISTER sip:10.10.0.10 SIP/2.0\n")
    );
    lab.assert_quiet();
}
