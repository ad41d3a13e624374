//! Remote control of baresip: its `ctrl_tcp` module speaks JSON in netstrings, both ways.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use crate::error::{Failure, Result};
use crate::netns::Netns;
use crate::wait::{Deadline, STEP, until};

/// A connection to one baresip.
#[derive(Debug)]
pub struct Control {
    stream: TcpStream,
    unread: Vec<u8>,
    /// Events in the order of their arrival.
    events: Vec<Event>,
    responses: Vec<Value>,
    token: u32,
}

/// Something that baresip reports, such as `CALL_ESTABLISHED`.
#[derive(Clone, Debug)]
pub struct Event {
    /// What kind of event.
    pub kind: String,
    /// Everything that was said of it.
    pub json: Value,
}

impl Event {
    /// What the event says besides its kind, such as the reason of a call's end.
    #[must_use]
    pub fn param(&self) -> &str {
        text(&self.json, "param")
    }
}

/// The text at `key`, or nothing.
fn text<'j>(json: &'j Value, key: &str) -> &'j str {
    json.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Whether `key` is there and true.
fn is_true(json: &Value, key: &str) -> bool {
    json.get(key).and_then(Value::as_bool) == Some(true)
}

impl Control {
    /// Connects inside the namespace, as soon as baresip listens.
    ///
    /// # Errors
    /// When it does not listen in time.
    pub fn connect(netns: &Netns, tcp_port: u16) -> Result<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], tcp_port));
        let stream = until("baresip's control port", STEP, || {
            netns.enter(|| Ok(TcpStream::connect(address).ok()))
        })?;
        stream.set_nonblocking(true).map_err(io)?;
        Ok(Self {
            stream,
            unread: Vec::new(),
            events: Vec::new(),
            responses: Vec::new(),
            token: 0,
        })
    }

    /// Runs a command of baresip's menu and returns what it printed.
    ///
    /// # Errors
    /// When baresip refuses it or does not answer.
    pub fn command(&mut self, command: &str, params: &str) -> Result<String> {
        self.token += 1;
        let token = self.token.to_string();
        let body = json!({"command": command, "params": params, "token": token}).to_string();
        let framed = format!("{}:{body},", body.len());
        self.stream.write_all(framed.as_bytes()).map_err(io)?;
        let deadline = Deadline::after(STEP);
        loop {
            self.pump()?;
            if let Some(at) = self
                .responses
                .iter()
                .position(|r| text(r, "token") == token)
            {
                let response = self.responses.swap_remove(at);
                let data = text(&response, "data").to_owned();
                if is_true(&response, "ok") {
                    return Ok(data);
                }
                return Err(Failure::Unexpected(format!(
                    "baresip refused {command}: {data}"
                )));
            }
            deadline.pause(&format!("answer to {command}"), String::new)?;
        }
    }

    /// How many events there have been: a place to wait from.
    ///
    /// # Errors
    /// When the connection is lost.
    pub fn mark(&mut self) -> Result<usize> {
        self.pump()?;
        Ok(self.events.len())
    }

    /// Waits for an event of one of `kinds`, `mark` or later.
    ///
    /// # Errors
    /// [`Failure::TimedOut`] with the events that came instead.
    pub fn wait(&mut self, mark: usize, kinds: &[&str], limit: Duration) -> Result<Event> {
        let deadline = Deadline::after(limit);
        loop {
            self.pump()?;
            let later = self.events.iter().skip(mark);
            if let Some(found) = later.clone().find(|e| kinds.contains(&e.kind.as_str())) {
                return Ok(found.clone());
            }
            deadline.pause(&format!("{} from baresip", kinds.join(" or ")), || {
                later
                    .map(|e| format!("{} {}", e.kind, e.param()))
                    .collect::<Vec<_>>()
                    .join("\n")
            })?;
        }
    }

    /// Every event of `kind`, `mark` or later.
    ///
    /// # Errors
    /// When the connection is lost.
    pub fn all(&mut self, mark: usize, kind: &str) -> Result<Vec<Event>> {
        self.pump()?;
        Ok(self
            .events
            .iter()
            .skip(mark)
            .filter(|e| e.kind == kind)
            .cloned()
            .collect())
    }

    /// Takes in what has arrived.
    fn pump(&mut self) -> Result<()> {
        let mut chunk = [0; 4096];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => {
                    return Err(Failure::Unexpected(
                        "baresip closed its control port".to_owned(),
                    ));
                }
                Ok(n) => self.unread.extend(chunk.iter().take(n)),
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) => return Err(io(e)),
            }
        }
        while let Some(message) = take_netstring(&mut self.unread) {
            let json: Value = serde_json::from_slice(&message)
                .map_err(|e| Failure::Unexpected(format!("baresip's control port: {e}")))?;
            if is_true(&json, "event") {
                let kind = text(&json, "type").to_owned();
                self.events.push(Event { kind, json });
            } else {
                self.responses.push(json);
            }
        }
        Ok(())
    }
}

/// Takes one whole netstring (`5:hello,`) off the front of `octets`.
fn take_netstring(octets: &mut Vec<u8>) -> Option<Vec<u8>> {
    let colon = octets.iter().position(|&b| b == b':')?;
    let len: usize = std::str::from_utf8(octets.get(..colon)?)
        .ok()?
        .parse()
        .ok()?;
    let body = octets.get(colon + 1..colon + 1 + len)?.to_vec();
    // The comma at the end must have arrived too.
    octets.get(colon + 1 + len)?;
    octets.drain(..colon + len + 2);
    Some(body)
}

fn io(source: std::io::Error) -> Failure {
    Failure::Io {
        what: "baresip's control port".to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netstrings_are_taken_whole() {
        let mut octets = b"5:hello,2:o".to_vec();
        assert_eq!(take_netstring(&mut octets).unwrap(), b"hello");
        assert_eq!(take_netstring(&mut octets), None);
        octets.extend_from_slice(b"k,");
        assert_eq!(take_netstring(&mut octets).unwrap(), b"ok");
        assert!(octets.is_empty());
    }
}
