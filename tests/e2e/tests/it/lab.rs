//! The lab carries calls without the proxy: when these pass and others fail, the proxy is at
//! fault.

use std::net::SocketAddr;
use std::time::Duration;

use e2e::baresip::{Answer, Phone, PhoneSpec, TONE_S, Transport};
use e2e::call::{Party, whole};
use e2e::certs::Request;
use e2e::error::Result;
use e2e::kamailio::{Kamailio, SIP_PORT, SIPS_PORT};
use e2e::lab::{Family, Host, Lab, Router};

const TALK: Duration = Duration::from_secs(2);

fn call_without_proxy(family: Family, transport: Transport, srtp: bool) -> Result<()> {
    Lab::run(Router::Kernel, |lab| {
        let manager = Kamailio::start(lab)?;
        let port = if transport == Transport::Tls {
            SIPS_PORT
        } else {
            SIP_PORT
        };
        // Here the manager connects to the phones, whose certificates serve for that too.
        let identity = lab.authority.issue(&Request::server("phone", &[]))?;
        let spec = |user: &'static str, host: Host, tone_hz| PhoneSpec {
            user,
            address: host.address(family),
            manager: SocketAddr::new(Host::Manager.address(family), port),
            transport,
            srtp,
            identity: &identity,
            tone_hz,
            tone_s: TONE_S,
            answer: Answer::Auto,
        };
        let mut outside =
            Phone::start(lab, &lab.outside, &spec("8001", Host::OutsidePhone, 400.0))?;
        let mut inside = Phone::start(lab, &lab.inside, &spec("8002", Host::InsidePhone, 1_000.0))?;
        outside.wait_registered()?;
        inside.wait_registered()?;
        manager.wait_registered("8001")?;
        let mut outside = Party {
            phone: &mut outside,
            user: "8001",
            tone_hz: 400.0,
        };
        let mut inside = Party {
            phone: &mut inside,
            user: "8002",
            tone_hz: 1_000.0,
        };
        whole(&mut outside, &mut inside, TALK)?;
        whole(&mut inside, &mut outside, TALK)?;
        manager.stop()
    })
}

#[test]
fn clear_calls_over_udp() -> Result<()> {
    call_without_proxy(Family::V4, Transport::Udp, false)
}

#[test]
fn encrypted_calls_over_tls() -> Result<()> {
    call_without_proxy(Family::V4, Transport::Tls, true)
}

#[test]
fn clear_calls_over_tcp_and_ipv6() -> Result<()> {
    call_without_proxy(Family::V6, Transport::Tcp, false)
}
