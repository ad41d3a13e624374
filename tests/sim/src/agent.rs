//! Scripted parties of SIP: what a phone and a call manager say.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::media::Sdes;
use crate::{ConnId, HostId, Lab, MANAGER, Message, PHONE};

/// Number of the phone outside.
pub const PHONE_NUMBER: &str = "1001";
/// Number of the phone inside.
pub const DESK_NUMBER: &str = "2002";

/// Somebody who speaks SIP over one connection.
#[derive(Clone, Debug)]
pub struct Agent {
    /// Its host.
    pub host: HostId,
    /// Its connection.
    pub conn: ConnId,
    number: &'static str,
    /// Where it wants to be reached.
    own: SocketAddr,
    transport: &'static str,
    /// The call manager as it knows it.
    manager: SocketAddr,
    serial: u32,
}

/// A dialog as one of its parties knows it (RFC 3261 §12).
#[derive(Clone, Debug)]
pub struct Dialog {
    call_id: String,
    local: String,
    remote: String,
    target: String,
    routes: Vec<String>,
    cseq: u32,
}

impl Dialog {
    /// The dialog that a response to its request made for the caller.
    ///
    /// # Panics
    /// When the response does not make one.
    #[must_use]
    pub fn of_caller(response: &Message) -> Self {
        let cseq = response.header("CSeq").unwrap().split(' ').next().unwrap();
        let mut routes: Vec<String> = response.all("Record-Route").map(str::to_owned).collect();
        routes.reverse();
        Self {
            call_id: response.header("Call-ID").unwrap().to_owned(),
            local: response.header("From").unwrap().to_owned(),
            remote: response.header("To").unwrap().to_owned(),
            target: response.uri("Contact").unwrap().to_owned(),
            routes,
            cseq: cseq.parse().unwrap(),
        }
    }

    /// The dialog that a response of its own made for the callee.
    ///
    /// # Panics
    /// When the response does not make one.
    #[must_use]
    pub fn of_callee(request: &Message, response: &Message) -> Self {
        Self {
            call_id: request.header("Call-ID").unwrap().to_owned(),
            local: response.header("To").unwrap().to_owned(),
            remote: request.header("From").unwrap().to_owned(),
            target: request.uri("Contact").unwrap().to_owned(),
            routes: request.all("Record-Route").map(str::to_owned).collect(),
            cseq: 100,
        }
    }
}

impl Agent {
    /// A request outside of any dialog.
    pub fn request(&mut self, method: &str, target: &str, to: &str) -> Message {
        self.serial += 1;
        let Self {
            number,
            manager,
            serial,
            ..
        } = *self;
        let domain = host_of(manager.ip());
        let headers = [
            ("Max-Forwards", "70".to_owned()),
            (
                "From",
                format!("<sip:{number}@{domain}>;tag={number}t{serial}"),
            ),
            ("To", format!("<sip:{to}@{domain}>")),
            (
                "Call-ID",
                format!("{number}-{serial}@{}", host_of(self.own.ip())),
            ),
            ("CSeq", format!("1 {method}")),
        ];
        self.message(method, target, &headers)
    }

    /// A request within a dialog.
    pub fn within(&mut self, dialog: &mut Dialog, method: &str) -> Message {
        self.serial += 1;
        if method != "ACK" {
            dialog.cseq += 1;
        }
        let mut headers = vec![("Max-Forwards", "70".to_owned())];
        headers.extend(dialog.routes.iter().map(|route| ("Route", route.clone())));
        headers.extend([
            ("From", dialog.local.clone()),
            ("To", dialog.remote.clone()),
            ("Call-ID", dialog.call_id.clone()),
            ("CSeq", format!("{} {method}", dialog.cseq)),
        ]);
        let target = dialog.target.clone();
        self.message(method, &target, &headers)
    }

    fn message(&self, method: &str, target: &str, headers: &[(&str, String)]) -> Message {
        let Self {
            own,
            transport,
            number,
            serial,
            ..
        } = self;
        let mut message = Message {
            start: format!("{method} {target} SIP/2.0"),
            headers: vec![(
                "Via".to_owned(),
                format!("SIP/2.0/{transport} {own};branch=z9hG4bK{number}b{serial}"),
            )],
            body: String::new(),
        };
        let named = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        message.headers.extend(named);
        message.with("Contact", &self.contact())
    }

    /// Where it wants to be reached, as a Contact header field.
    #[must_use]
    pub fn contact(&self) -> String {
        let transport = self.transport.to_ascii_lowercase();
        format!("<sip:{}@{};transport={transport}>", self.number, self.own)
    }

    /// A registration.
    pub fn register(&mut self) -> Message {
        let target = format!("sip:{}", host_of(self.manager.ip()));
        self.request("REGISTER", &target, self.number)
            .with("Expires", "3600")
    }

    /// An INVITE to a number, by way of the call manager.
    pub fn invite(&mut self, to: &str, sdp: &str) -> Message {
        let target = format!("sip:{to}@{}", host_of(self.manager.ip()));
        self.request("INVITE", &target, to).with_sdp(sdp)
    }

    /// A response to a request, with a Contact.
    #[must_use]
    pub fn reply(&self, request: &Message, status: &str) -> Message {
        let tag = format!("{}r", self.number);
        request.reply(status, &tag).with("Contact", &self.contact())
    }
}

/// A CANCEL for an INVITE (RFC 3261 §9.1).
///
/// # Panics
/// When the INVITE lacks a field.
#[must_use]
pub fn cancel(invite: &Message) -> Message {
    hop(invite, "CANCEL")
}

/// The ACK for a refusal (RFC 3261 §17.1.1.3).
///
/// # Panics
/// When the refusal lacks a field.
#[must_use]
pub fn ack_refusal(invite: &Message, refusal: &Message) -> Message {
    hop(invite, "ACK").with("To", refusal.header("To").unwrap())
}

fn hop(invite: &Message, method: &str) -> Message {
    let copied = ["Via", "From", "To", "Call-ID", "Max-Forwards"];
    let fields = invite
        .headers
        .iter()
        .filter(|(name, _)| copied.contains(&name.as_str()));
    let cseq = invite.header("CSeq").unwrap().replace("INVITE", method);
    Message {
        start: format!("{method} {} SIP/2.0", invite.target()),
        headers: fields.cloned().collect(),
        body: String::new(),
    }
    .with("CSeq", &cseq)
}

/// A description of one audio stream.
#[derive(Clone, Debug)]
pub struct Audio<'a> {
    /// Where it is received.
    pub address: IpAddr,
    /// The port for RTP; 0 rejects the stream.
    pub port: u16,
    /// The profile, such as `RTP/AVP`.
    pub profile: &'a str,
    /// Keys offered, the preferred one first.
    pub keys: &'a [&'a Sdes],
    /// `sendrecv`, `sendonly` and so on.
    pub direction: &'a str,
}

impl Audio<'_> {
    /// The session description.
    #[must_use]
    pub fn to_sdp(&self) -> String {
        let Self {
            address,
            port,
            profile,
            keys,
            direction,
        } = self;
        let family = if address.is_ipv4() { "IP4" } else { "IP6" };
        let mut sdp = format!(
            "v=0\r\no=- 1 1 IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\n\
             m=audio {port} {profile} 0\r\na=rtpmap:0 PCMU/8000\r\n"
        );
        for (tag, key) in (1..).zip(*keys) {
            let _ = write!(sdp, "a=crypto:{}\r\n", key.attribute(tag));
        }
        let _ = write!(sdp, "a={direction}\r\n");
        sdp
    }
}

/// Where a description says that its first stream is received.
///
/// # Panics
/// When it does not say so.
#[must_use]
pub fn endpoint(message: &Message) -> SocketAddr {
    let address = message.sdp("c=").unwrap().split(' ').nth(2).unwrap();
    let port = message.sdp("m=audio ").unwrap().split(' ').next().unwrap();
    SocketAddr::new(address.parse().unwrap(), port.parse().unwrap())
}

/// An address as a URI has it.
fn host_of(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}

impl Lab {
    /// A session with someone who speaks SIP at either end.
    pub fn agents(&mut self) -> (Agent, Agent) {
        let (phone, manager) = self.open();
        let (target, setup) = (self.setup.target(), &self.setup);
        let transport = |is_tls| if is_tls { "TLS" } else { "TCP" };
        let phone_transport = transport(setup.client_auth.is_some());
        let manager_transport = transport(setup.cluster == crate::Cluster::Encrypted);
        let phone_own = self.host(PHONE).conn(phone).local();
        let manager_own = self.host(MANAGER).conn(manager).local();
        let agent = |host, conn, number, own, transport, manager| Agent {
            host,
            conn,
            number,
            own,
            transport,
            manager,
            serial: 0,
        };
        (
            agent(
                PHONE,
                phone,
                PHONE_NUMBER,
                phone_own,
                phone_transport,
                target,
            ),
            agent(
                MANAGER,
                manager,
                DESK_NUMBER,
                manager_own,
                manager_transport,
                manager_own,
            ),
        )
    }

    /// Has someone say something.
    pub fn say(&mut self, agent: &Agent, message: &Message) {
        self.host(agent.host).send(agent.conn, Vec::from(message));
    }

    /// Waits for what someone is told next.
    pub fn hear(&mut self, agent: &Agent) -> Message {
        let mut heard = None;
        self.world.run_until("somebody hears something", |world| {
            heard = world.host(agent.host).conn(agent.conn).take_message();
            heard.is_some()
        });
        heard.unwrap()
    }

    /// Checks that someone is told nothing for a while.
    ///
    /// # Panics
    /// When they are.
    pub fn hears_nothing(&mut self, agent: &Agent) {
        self.run_for(Duration::from_secs(1));
        let heard = self.host(agent.host).conn(agent.conn).take_message();
        assert_eq!(heard, None);
    }

    /// Has one say something and waits until the other hears it.
    pub fn pass(&mut self, from: &Agent, message: &Message, to: &Agent) -> Message {
        self.say(from, message);
        self.hear(to)
    }
}
