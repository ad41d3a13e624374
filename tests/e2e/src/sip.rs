//! SIP messages as text, for scripted peers: correct ones, to be spoilt by the caller.

use std::net::SocketAddr;

/// Who speaks to whom.
#[derive(Clone, Copy, Debug)]
pub struct Script<'a> {
    /// Own number.
    pub user: &'a str,
    /// Own address, as the Via and Contact lines give it.
    pub own: SocketAddr,
    /// The call manager as the client knows it.
    pub manager: SocketAddr,
    /// Makes Call-ID, tags and branches unique.
    pub unique: &'a str,
}

impl Script<'_> {
    /// A request without a body, with `more` header lines (each with its line end).
    #[must_use]
    pub fn request(&self, method: &str, to: &str, more: &str, body: &str) -> String {
        let Self {
            user,
            own,
            manager,
            unique,
        } = self;
        let target = if method == "REGISTER" {
            format!("sip:{}", manager.ip())
        } else {
            format!("sip:{to}@{manager};transport=tls")
        };
        format!(
            "{method} {target} SIP/2.0\r\n\
             Via: SIP/2.0/TLS {own};branch=z9hG4bK{unique}{method};rport\r\n\
             Max-Forwards: 70\r\n\
             To: <sip:{to}@{manager}>\r\n\
             From: <sip:{user}@{manager}>;tag={unique}\r\n\
             Call-ID: {unique}@lab\r\n\
             CSeq: 1 {method}\r\n\
             Contact: <sip:{user}@{own};transport=tls>\r\n\
             {more}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// A registration for ten minutes.
    #[must_use]
    pub fn register(&self) -> String {
        self.request("REGISTER", self.user, "Expires: 600\r\n", "")
    }

    /// An INVITE with an audio offer.
    #[must_use]
    pub fn invite(&self, to: &str, offer: &str) -> String {
        self.request("INVITE", to, "Content-Type: application/sdp\r\n", offer)
    }

    /// An audio offer; `profile` is `RTP/AVP` or `RTP/SAVP`, `attributes` whole lines.
    #[must_use]
    pub fn offer(&self, profile: &str, attributes: &str) -> String {
        let family = if self.own.is_ipv4() { "IP4" } else { "IP6" };
        let address = self.own.ip();
        format!(
            "v=0\r\no=- 1 1 IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\n\
             m=audio 30000 {profile} 0\r\na=rtpmap:0 PCMU/8000\r\n{attributes}a=sendrecv\r\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invite_is_well_formed() {
        let script = Script {
            user: "1",
            own: "198.51.100.66:5061".parse().unwrap(),
            manager: "192.0.2.10:5061".parse().unwrap(),
            unique: "u",
        };
        let message = script.invite("2", &script.offer("RTP/AVP", ""));
        let (head, body) = message.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("\r\nContent-Length: {}", body.len())));
        assert!(head.starts_with("INVITE sip:2@192.0.2.10:5061;transport=tls SIP/2.0\r\n"));
    }
}
