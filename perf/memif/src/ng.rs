//! rtpengine's control protocol: a cookie and a bencoded dictionary in a datagram.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use perf_loadgen::{Side, Stream};

use crate::bencode::Value;
use crate::error::{BenchError, Result, io};

/// Longest answer.
const ANSWER_MAX: usize = 65_536;
/// rtpengine answers in well under this.
const PATIENCE: Duration = Duration::from_secs(10);

/// A way to tell rtpengine what to do.
#[derive(Debug)]
pub(crate) struct Ng {
    socket: UdpSocket,
    cookies: u64,
}

impl Ng {
    /// Over a socket that is connected to rtpengine's.
    ///
    /// # Errors
    /// When the socket refuses a time limit.
    pub(crate) fn new(socket: UdpSocket) -> Result<Self> {
        socket
            .set_read_timeout(Some(PATIENCE))
            .map_err(io("socket to rtpengine"))?;
        Ok(Self { socket, cookies: 0 })
    }

    /// Whether rtpengine answers.
    pub(crate) fn ping(&mut self) -> Result<()> {
        let answer = self.ask(&Value::dictionary([("command", Value::text("ping"))]))?;
        expect(&answer, "pong")
    }

    /// Sets `stream` up between its peers, and puts rtpengine's addresses and keys into it.
    pub(crate) fn call(&mut self, number: usize, stream: &mut Stream) -> Result<()> {
        let (client, server) = (&mut stream.client, &mut stream.server);
        let offer = self.negotiate("offer", number, client, server)?;
        read(&offer, server)?;
        let answer = self.negotiate("answer", number, server, client)?;
        read(&answer, client)
    }

    /// Says what `from` offers or answers, and returns what rtpengine makes of it for `to`.
    fn negotiate(
        &mut self,
        command: &str,
        number: usize,
        from: &Side,
        to: &Side,
    ) -> Result<String> {
        let profile = |side: &Side| {
            if side.suite.is_some() {
                "RTP/SAVP"
            } else {
                "RTP/AVP"
            }
        };
        let list = |items: [&str; 2]| Value::List(items.map(Value::text).to_vec());
        let mut request = vec![
            ("command", Value::text(command)),
            ("call-id", Value::text(&format!("call-{number}"))),
            ("from-tag", Value::text("client")),
            ("sdp", Value::text(&sdp(from))),
            ("transport-protocol", Value::text(profile(to))),
            ("ICE", Value::text("remove")),
        ];
        if command == "offer" {
            request.push(("direction", list(["outside", "inside"])));
        } else {
            request.push(("to-tag", Value::text("server")));
        }
        let entries = request.into_iter();
        let entries = entries.map(|(key, value)| (key.as_bytes().to_vec(), value));
        let answer = self.ask(&Value::Dictionary(entries.collect()))?;
        expect(&answer, "ok")?;
        let sdp = answer.get("sdp");
        sdp.ok_or_else(|| BenchError::Rtpengine("no SDP in the answer".to_owned()))
    }

    fn ask(&mut self, request: &Value) -> Result<Value> {
        self.cookies += 1;
        let cookie = format!("perf{} ", self.cookies);
        let mut message = cookie.clone().into_bytes();
        message.extend(request.encode());
        let failed = io("rtpengine's control socket");
        self.socket.send(&message).map_err(&failed)?;
        let mut answer = vec![0; ANSWER_MAX];
        let len = self.socket.recv(&mut answer).map_err(&failed)?;
        let answer = answer.get(..len).unwrap_or_default();
        let body = answer.strip_prefix(cookie.as_bytes());
        body.and_then(Value::decode)
            .ok_or_else(|| BenchError::Rtpengine("answer that does not decode".to_owned()))
    }
}

fn expect(answer: &Value, wanted: &str) -> Result<()> {
    match answer.get("result") {
        Some(result) if result == wanted => Ok(()),
        _ => {
            let reason = answer.get("error-reason").unwrap_or_default();
            Err(BenchError::Rtpengine(format!("refuses: {reason}")))
        }
    }
}

/// What the peer of `side` says of itself.
fn sdp(side: &Side) -> String {
    let address = side.peer.ip();
    let family = if address.is_ipv4() { "IP4" } else { "IP6" };
    let (profile, crypto) = match side.suite {
        None => ("RTP/AVP", String::new()),
        Some(suite) => {
            let key = STANDARD.encode(&side.receive);
            let line = format!("a=crypto:1 {} inline:{key}\r\n", suite.name());
            ("RTP/SAVP", line)
        }
    };
    format!(
        "v=0\r\no=- 1 1 IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\n\
         m=audio {} {profile} 0\r\na=rtpmap:0 PCMU/8000\r\n{crypto}a=sendrecv\r\n",
        side.peer.port()
    )
}

/// Takes rtpengine's address and key towards the peer of `side`.
fn read(sdp: &str, side: &mut Side) -> Result<()> {
    let wrong = |what: &str| BenchError::Rtpengine(format!("{what} in {sdp:?}"));
    let line = |prefix: &str| sdp.lines().find_map(|line| line.strip_prefix(prefix));
    let address = line("c=IN IP4 ").or_else(|| line("c=IN IP6 "));
    let address = address.and_then(|text| text.trim().parse().ok());
    let port = line("m=audio ").and_then(|text| text.split(' ').next()?.parse().ok());
    let (Some(address), Some(port)) = (address, port) else {
        return Err(wrong("no address"));
    };
    side.local = SocketAddr::new(address, port);
    if let Some(suite) = side.suite {
        let crypto = sdp
            .lines()
            .filter_map(|line| line.strip_prefix("a=crypto:"))
            .find(|line| line.split(' ').nth(1) == Some(suite.name()));
        let key = crypto.and_then(|line| line.split_once("inline:")?.1.split(['|', ' ']).next());
        let key = key.and_then(|text| STANDARD.decode(text.trim()).ok());
        side.transmit = key.ok_or_else(|| wrong("no key"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use abi::Suite;

    use super::*;

    fn side(suite: Option<Suite>) -> Side {
        Side {
            local: "192.0.2.1:2".parse().unwrap(),
            peer: "192.0.2.9:5004".parse().unwrap(),
            rtcp_mux: false,
            suite,
            receive: vec![1; 30],
            transmit: Vec::new(),
        }
    }

    #[test]
    fn addresses_and_keys_survive_the_description() {
        let ours = side(Some(Suite::AesCm128HmacSha1_80));
        let mut theirs = side(Some(Suite::AesCm128HmacSha1_80));
        read(&sdp(&ours), &mut theirs).unwrap();
        assert_eq!(theirs.local, ours.peer);
        assert_eq!(theirs.transmit, ours.receive);
    }

    #[test]
    fn clear_descriptions_have_no_key() {
        assert!(!sdp(&side(None)).contains("crypto"));
        let mut secure = side(Some(Suite::AesCm128HmacSha1_80));
        assert!(read(&sdp(&side(None)), &mut secure).is_err());
    }
}
