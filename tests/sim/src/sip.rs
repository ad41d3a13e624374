//! SIP, as far as scripted peers need it. Written apart from the proxy's own parser, so that one
//! does not hide the faults of the other.

use std::fmt;

/// A SIP message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Request line or status line.
    pub start: String,
    /// Header fields in order, names as written.
    pub headers: Vec<(String, String)>,
    /// What follows the empty line.
    pub body: String,
}

impl Message {
    /// Reads a message off the front of `octets`; `None` until it is there as a whole.
    ///
    /// # Panics
    /// When it is no SIP message: what the proxy sends is one.
    #[must_use]
    pub fn parse(octets: &[u8]) -> Option<(Self, usize)> {
        let head_len = octets.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = std::str::from_utf8(&octets[..head_len]).unwrap();
        let mut lines = head.trim_start_matches("\r\n").trim_end().split("\r\n");
        let start = lines.next().unwrap().to_owned();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').expect("a header field");
            (name.trim().to_owned(), value.trim().to_owned())
        });
        let mut message = Self {
            start,
            headers: headers.collect(),
            body: String::new(),
        };
        let body_len: usize = message
            .header("Content-Length")
            .map_or(0, |len| len.parse().unwrap());
        let body = octets.get(head_len..head_len + body_len)?;
        message.body = String::from_utf8(body.to_vec()).unwrap();
        Some((message, head_len + body_len))
    }

    /// Whether it is a request for `method`.
    #[must_use]
    pub fn is_request(&self, method: &str) -> bool {
        self.start.split(' ').next() == Some(method)
    }

    /// Its status code, if it is a response.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        let (code, _) = self.start.strip_prefix("SIP/2.0 ")?.split_once(' ')?;
        code.parse().ok()
    }

    /// Request URI of a request.
    #[must_use]
    pub fn target(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    /// The first header field of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every header field of that name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let is_named = move |field: &&(String, String)| field.0.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .filter(is_named)
            .map(|(_, value)| value.as_str())
    }

    /// Puts `value` in the place of the first header field of that name, or adds it.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let field = self
            .headers
            .iter_mut()
            .find(|(n, _)| n.eq_ignore_ascii_case(name));
        match field {
            Some((_, old)) => value.clone_into(old),
            None => self.headers.push((name.to_owned(), value.to_owned())),
        }
        self
    }

    /// Gives it a session description as its body.
    #[must_use]
    pub fn with_sdp(mut self, sdp: &str) -> Self {
        sdp.clone_into(&mut self.body);
        self.with("Content-Type", "application/sdp")
    }

    /// The response to a request (RFC 3261 §8.2.6.2), with the tag `to_tag` where there is none.
    #[must_use]
    pub fn reply(&self, status: &str, to_tag: &str) -> Self {
        let echoed = ["Via", "Record-Route", "From", "To", "Call-ID", "CSeq"];
        let headers = self.headers.iter().filter(|(name, _)| {
            echoed
                .iter()
                .any(|echoed| echoed.eq_ignore_ascii_case(name))
        });
        let headers = headers.map(|(name, value)| {
            let untagged = name.eq_ignore_ascii_case("To") && !value.contains(";tag=");
            let tag = if untagged && !status.starts_with("100") {
                format!(";tag={to_tag}")
            } else {
                String::new()
            };
            (name.clone(), format!("{value}{tag}"))
        });
        Self {
            start: format!("SIP/2.0 {status}"),
            headers: headers.collect(),
            body: String::new(),
        }
    }

    /// The value of the first line of the body that begins with `prefix`.
    #[must_use]
    pub fn sdp(&self, prefix: &str) -> Option<&str> {
        self.body.lines().find_map(|line| line.strip_prefix(prefix))
    }

    /// The tag of a From or To header field.
    #[must_use]
    pub fn tag(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.header(name)?.split_once(";tag=")?;
        rest.split(';').next()
    }

    /// The URI between the angle brackets of a header field.
    #[must_use]
    pub fn uri(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.header(name)?.split_once('<')?;
        rest.split('>').next()
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\r\n", self.start)?;
        let length = |name: &str| name.eq_ignore_ascii_case("Content-Length");
        for (name, value) in self.headers.iter().filter(|(name, _)| !length(name)) {
            write!(f, "{name}: {value}\r\n")?;
        }
        write!(
            f,
            "Content-Length: {}\r\n\r\n{}",
            self.body.len(),
            self.body
        )
    }
}

impl From<&Message> for Vec<u8> {
    fn from(message: &Message) -> Self {
        message.to_string().into_bytes()
    }
}
