//! The metrics' endpoint: as much of HTTP/1.1 (RFC 9112) as a scraper needs. One request a
//! connection, whose headers are read and not looked at.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use crate::Event;
use crate::clients::{BeforeDeadline, Client, Clients};

/// Connections served at once. One more takes the place of the one that has owed its request for
/// longest.
const CLIENTS_MAX: usize = 16;
/// Longest request, in octets.
const REQUEST_MAX: usize = 8 << 10;
/// A request that has not arrived whole by then is given up, and so is a client that does not
/// take its answer whole in as long.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A request for the page.
pub(crate) type Scrape = Sender<String>;

/// Starts serving at `address`; returns the one that it is really at.
pub(crate) fn serve(address: SocketAddr, events: Sender<Event>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    let local = listener.local_addr()?;
    std::thread::Builder::new()
        .name("metrics".into())
        .spawn(move || accept(&listener, &events))?;
    Ok(local)
}

fn accept(listener: &TcpListener, events: &Sender<Event>) {
    let mut clients = Clients::new("scraper", CLIENTS_MAX);
    for accepted in listener.incoming() {
        let events = events.clone();
        // Whoever leaves early is not answered, and neither is one more than are served, who
        // comes again by itself.
        clients.admit(accepted, move |client| drop(answer(client, &events)));
    }
}

fn answer(client: &Client<TcpStream>, events: &Sender<Event>) -> io::Result<()> {
    let head = read_head(&mut BeforeDeadline::within(TIMEOUT, &client.stream));
    if !client.take() {
        return Ok(());
    }
    let head = head?;
    let (status, body) = match asked(&head) {
        Asked::Page => {
            let (reply, page) = mpsc::channel();
            let sent = events.send(Event::Scrape(reply)).is_ok();
            match page.recv() {
                Ok(page) if sent => ("200 OK", page),
                _ => ("503 Service Unavailable", "control is ending\n".to_owned()),
            }
        }
        Asked::Elsewhere => ("404 Not Found", "see /metrics\n".to_owned()),
        Asked::Otherwise => ("405 Method Not Allowed", "only GET\n".to_owned()),
        Asked::Nonsense => ("400 Bad Request", "no HTTP request\n".to_owned()),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
         Content-Length: {length}\r\nAllow: GET\r\nConnection: close\r\n\r\n"
    );
    let mut stream = BeforeDeadline::within(TIMEOUT, &client.stream);
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    stream.flush()
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Page,
    Elsewhere,
    Otherwise,
    Nonsense,
}

fn asked(head: &[u8]) -> Asked {
    let line = head.split(|&b| b == b'\r').next().unwrap_or_default();
    let words: Vec<_> = line.split(|&b| b == b' ').collect();
    let [method, target, b"HTTP/1.1" | b"HTTP/1.0"] = words.as_slice() else {
        return Asked::Nonsense;
    };
    let path = target.split(|&b| b == b'?').next().unwrap_or_default();
    match (*method, path) {
        (b"GET", b"/metrics") => Asked::Page,
        (b"GET", _) => Asked::Elsewhere,
        _ => Asked::Otherwise,
    }
}

/// Reads up to the empty line that ends the headers, or as much as a request may have.
fn read_head(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    const END: &[u8] = b"\r\n\r\n";
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    while !head.windows(END.len()).any(|w| w == END) && head.len() < REQUEST_MAX {
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(n) => head.extend(chunk.iter().take(n)),
            // SIGHUP is no reason to give up a scraper.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart() {
        for (head, expected) in [
            (
                &b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"[..],
                Asked::Page,
            ),
            (b"GET /metrics?name[]=a HTTP/1.0\r\n\r\n", Asked::Page),
            (b"GET / HTTP/1.1\r\n\r\n", Asked::Elsewhere),
            (b"POST /metrics HTTP/1.1\r\n\r\n", Asked::Otherwise),
            (b"GET /metrics\r\n\r\n", Asked::Nonsense),
            (b"GET  /metrics HTTP/1.1\r\n", Asked::Nonsense),
            (b"\x16\x03\x01\x02", Asked::Nonsense),
            (b"", Asked::Nonsense),
        ] {
            assert_eq!(asked(head), expected, "{head:?}");
        }
    }
}
