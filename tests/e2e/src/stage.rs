//! What most runs need: a lab with the proxy, the call manager, and a phone on each side.

use std::net::SocketAddr;

use crate::baresip::{Answer, Phone, PhoneSpec, TONE_S, Transport};
use crate::call::Party;
use crate::certs::{Identity, Request};
use crate::error::{Result, ensure};
use crate::kamailio::{Kamailio, SIP_PORT, SIPS_PORT};
use crate::lab::{Family, Host, Lab};
use crate::policy::Policy;
use crate::process::Process;
use crate::proxy::Proxy;
use crate::show::{Counters, ensure_all_given_back, streams};
use crate::wait::{STEP, until};

/// Number and tone of the outside phone.
pub const OUTSIDE: (&str, f64) = ("8001", 400.0);
/// Number and tone of the inside phone.
pub const INSIDE: (&str, f64) = ("8002", 1_000.0);

/// Where phones outside look for the call manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// At its own address; the proxy is the router in between.
    Manager,
    /// At an address of the proxy that is mapped to it.
    Mapped,
}

impl Aim {
    /// The address and port.
    #[must_use]
    pub fn address(self, family: Family) -> SocketAddr {
        let host = match self {
            Self::Manager => Host::Manager,
            Self::Mapped => Host::Mapped,
        };
        SocketAddr::new(host.address(family), SIPS_PORT)
    }
}

/// How a stage is set.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The proxy's policy.
    pub policy: Policy,
    /// Where the outside phone looks for its call manager.
    pub aim: Aim,
    /// Address family of phones and call manager.
    pub family: Family,
    /// Whether phones answer by themselves.
    pub answer: Answer,
    /// Seconds that a call can last at most: the phones hang up when their tone ends.
    pub tone_s: u32,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            aim: Aim::Manager,
            family: Family::V4,
            answer: Answer::Auto,
            tone_s: TONE_S,
        }
    }
}

/// A set stage: everything runs, both phones are registered.
#[derive(Debug)]
pub struct Stage<'l> {
    // Phones first: they end before what they talk to.
    /// The phone outside, on TLS and SRTP.
    pub outside: Phone,
    /// The phone inside, on TCP and RTP, or TLS and SRTP in an encrypted cluster.
    pub inside: Phone,
    /// The proxy.
    pub proxy: Proxy<'l>,
    /// The call manager.
    pub manager: Kamailio,
    /// The lab.
    pub lab: &'l Lab,
    /// How the stage is set.
    pub setting: Setting,
    /// Where phones outside find the call manager.
    pub target: SocketAddr,
    /// The outside phone's certificate.
    pub identity: Identity,
    /// Tags the inside network's frames, if they are to be.
    pub trunk: Option<Process>,
}

impl<'l> Stage<'l> {
    /// Starts everything and waits until both phones are registered.
    ///
    /// # Errors
    /// When something does not start, or a phone is refused.
    pub fn set(lab: &'l Lab, setting: &Setting) -> Result<Self> {
        let vlan = setting.policy.inside_vlan;
        let trunk = vlan.map(|vlan| lab.tag_inside(vlan)).transpose()?;
        let manager = Kamailio::start(lab)?;
        let proxy = Proxy::start(lab, &setting.policy)?;
        let stage = Self::with_phones(lab, setting, manager, proxy)?;
        Ok(Self { trunk, ..stage })
    }

    /// As [`Stage::set`], with the call manager and the proxy up already.
    ///
    /// # Errors
    /// When a phone does not start, or is refused.
    pub fn with_phones(
        lab: &'l Lab,
        setting: &Setting,
        manager: Kamailio,
        proxy: Proxy<'l>,
    ) -> Result<Self> {
        let identity = lab.authority.issue(&Request::phone("phone-outside"))?;
        let target = setting.aim.address(setting.family);
        let outside = outside_phone(lab, setting, OUTSIDE, Host::OutsidePhone, &identity)?;
        let inside = inside_phone(lab, setting)?;
        let mut stage = Self {
            outside,
            inside,
            proxy,
            manager,
            lab,
            setting: setting.clone(),
            target,
            identity,
            trunk: None,
        };
        stage.inside.wait_registered()?;
        stage.outside.wait_registered()?;
        Ok(stage)
    }

    /// The phones as parties of a call, the outside one first.
    pub const fn parties(&mut self) -> (Party<'_>, Party<'_>) {
        let outside = Party {
            phone: &mut self.outside,
            user: OUTSIDE.0,
            tone_hz: OUTSIDE.1,
        };
        let inside = Party {
            phone: &mut self.inside,
            user: INSIDE.0,
            tone_hz: INSIDE.1,
        };
        (outside, inside)
    }

    /// Waits until no media stream is open.
    ///
    /// # Errors
    /// When one stays.
    pub fn wait_media_closed(&self) -> Result<()> {
        until("end of the media streams", STEP, || {
            Ok(streams(&self.proxy.show("media")?)?
                .is_empty()
                .then_some(()))
        })
    }

    /// Waits until a counter has grown since `before`.
    ///
    /// # Errors
    /// When it does not; shows which did.
    pub fn wait_counted(&self, before: &Counters, name: &str) -> Result<()> {
        let counted = until(&format!("{name} to be counted"), STEP, || {
            let grown = self.proxy.counters()?.since(before);
            Ok((0 < grown.value(name)).then_some(()))
        });
        counted.map_err(|error| {
            let grown = self.proxy.counters().unwrap_or_default().since(before);
            crate::error::Failure::Unexpected(format!("{error}; counted instead: {grown}"))
        })
    }

    /// Ends the phones and checks that nothing is left of them: no session, no stream, no
    /// licence unit, and as many units given back as taken. Then ends all else; returns the
    /// proxy's last counters.
    ///
    /// # Errors
    /// Says what is left.
    pub fn strike(self) -> Result<Counters> {
        let Self {
            outside,
            inside,
            mut proxy,
            manager,
            trunk: _trunk,
            ..
        } = self;
        outside.stop()?;
        inside.stop()?;
        until("end of the sessions", STEP, || {
            let left = crate::show::sessions(&proxy.show("tls-proxy session")?)?;
            Ok(left.is_empty().then_some(()))
        })?;
        ensure_all_given_back(&proxy.show("license")?)?;
        let counters = proxy.counters()?;
        let taken = counters.value("permits-taken");
        let returned = counters.value("permits-returned");
        ensure(taken == returned, || {
            format!("{taken} units taken, {returned} given back")
        })?;
        proxy.check_running()?;
        proxy.stop()?;
        manager.stop()?;
        Ok(counters)
    }
}

/// A phone outside: TLS with a client certificate, and SRTP or silence.
///
/// # Errors
/// When it does not start.
pub fn outside_phone(
    lab: &Lab,
    setting: &Setting,
    (user, tone_hz): (&str, f64),
    host: Host,
    identity: &Identity,
) -> Result<Phone> {
    let spec = PhoneSpec {
        user,
        address: host.address(setting.family),
        manager: setting.aim.address(setting.family),
        transport: Transport::Tls,
        srtp: true,
        identity,
        tone_hz,
        tone_s: setting.tone_s,
        answer: setting.answer,
    };
    Phone::start(lab, &lab.outside, &spec)
}

fn inside_phone(lab: &Lab, setting: &Setting) -> Result<Phone> {
    let secure = setting.policy.secure;
    let address = Host::InsidePhone.address(setting.family);
    // The call manager connects to this phone, which is a TLS server then.
    let identity = lab
        .authority
        .issue(&Request::server("phone-inside", &[&address.to_string()]))?;
    let port = if secure { SIPS_PORT } else { SIP_PORT };
    let spec = PhoneSpec {
        user: INSIDE.0,
        address,
        manager: SocketAddr::new(Host::Manager.address(setting.family), port),
        transport: if secure {
            Transport::Tls
        } else {
            Transport::Tcp
        },
        srtp: secure,
        identity: &identity,
        tone_hz: INSIDE.1,
        tone_s: setting.tone_s,
        answer: setting.answer,
    };
    Phone::start(lab, &lab.inside, &spec)
}
