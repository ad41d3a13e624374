//! A whole description: reading, writing and what concerns every stream.

use core::net::SocketAddr;

use zeroize::Zeroizing;

use crate::{
    Cause, Connection, Direction, Endpoint, MAX_LEN, MAX_LINE_LEN, MAX_LINES, MAX_MEDIA, Media,
    Origin, SdpError, address,
    line::{Line, Section},
    media::direction_of,
};

/// A session description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sdp {
    pub(crate) session: Section,
    pub(crate) media: Vec<Media>,
}

impl Sdp {
    /// Reads a description. Lines may end in CRLF or LF, the last one in nothing.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub fn parse(text: &[u8]) -> Result<Self, SdpError> {
        if text.len() > MAX_LEN {
            return Err(Cause::TooLong.at(0));
        }
        let mut sdp = Self {
            session: Section::default(),
            media: Vec::new(),
        };
        for (line, number) in split_lines(text).zip(1..) {
            sdp.push_line(line, number)
                .map_err(|cause| cause.at(number))?;
        }
        sdp.check_session()?;
        Ok(sdp)
    }

    fn push_line(&mut self, line: &[u8], number: u32) -> Result<(), Cause> {
        if usize::try_from(number).unwrap_or(usize::MAX) > MAX_LINES {
            return Err(Cause::TooManyLines);
        }
        let line = check_line(line, number)?;
        if number == 1 && (line.kind() != b'v' || line.value() != b"0") {
            return Err(Cause::Version);
        }
        if line.kind() == b'm' {
            if self.media.len() == MAX_MEDIA {
                return Err(Cause::TooManyMedia);
            }
            self.media.push(Media::parse(line)?);
            return Ok(());
        }
        let in_media = !self.media.is_empty();
        let section = self
            .media
            .last_mut()
            .map_or(&mut self.session, |m| &mut m.section);
        match line.kind() {
            b'c' => {
                Connection::parse(line.value())?;
                if section.first(b'c').is_some() {
                    return Err(Cause::Connection);
                }
            }
            b'o' => {
                Origin::parse(line.value())?;
                if in_media || section.first(b'o').is_some() {
                    return Err(Cause::Origin);
                }
            }
            b'v' if number != 1 => return Err(Cause::Version),
            _ => {}
        }
        section.push(line);
        Ok(())
    }

    /// What only the whole session part can show.
    fn check_session(&self) -> Result<(), SdpError> {
        match (self.session.first(b'v'), self.session.first(b'o')) {
            (None, _) => Err(Cause::Version.at(1)),
            (_, None) => Err(Cause::Origin.at(0)),
            _ => Ok(()),
        }
    }

    /// Writes the description, every line ended by CRLF.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        // The exact size at once: growth would leave a copy of the keys behind.
        let mut out = Zeroizing::new(Vec::with_capacity(self.encoded_len()));
        self.session.write(&mut out);
        for media in &self.media {
            media.write(&mut out);
        }
        out
    }

    /// Octets that [`to_bytes`](Self::to_bytes) gives.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.session.encoded_len() + self.media.iter().map(Media::encoded_len).sum::<usize>()
    }

    /// The streams, in order. A stream's place is its identity in offer and answer.
    #[must_use]
    pub fn media(&self) -> &[Media] {
        &self.media
    }

    /// The streams, to change.
    #[must_use]
    pub fn media_mut(&mut self) -> &mut [Media] {
        &mut self.media
    }

    /// The o= line.
    ///
    /// # Errors
    /// None for a description that [`parse`](Self::parse) returned.
    pub fn origin(&self) -> Result<Origin<'_>, SdpError> {
        let line = self.session.first(b'o').ok_or(Cause::Origin.at(0))?;
        Origin::parse(line.value()).map_err(|cause| cause.at(line.number()))
    }

    /// The values of the session-level attributes called `name`; empty for one without a value.
    pub fn attributes<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let value = |l: &'a Line| l.attribute().and_then(|(_, v)| v).unwrap_or_default();
        self.session.attributes(name).map(value)
    }

    /// The connection that holds for stream `index`: its own c= or else the session's.
    ///
    /// # Errors
    /// [`Cause::NoSuchStream`], [`Cause::NoConnection`].
    pub fn connection(&self, index: usize) -> Result<Connection, SdpError> {
        self.connection_line(index)
            .map(|(connection, _)| connection)
    }

    fn connection_line(&self, index: usize) -> Result<(Connection, u32), SdpError> {
        let media = self.stream(index)?;
        let line = media
            .section
            .first(b'c')
            .or_else(|| self.session.first(b'c'))
            .ok_or_else(|| Cause::NoConnection.at(media.line_number()))?;
        let connection =
            Connection::parse(line.value()).map_err(|cause| cause.at(line.number()))?;
        Ok((connection, line.number()))
    }

    /// Where the author receives stream `index`. RTCP is where a=rtcp says, or at the port after
    /// RTP's; whether it may also come to RTP's port is [`Media::has_rtcp_mux`].
    ///
    /// An address of `0.0.0.0` is returned as such: the stream is on hold, see
    /// [`direction`](Self::direction).
    ///
    /// # Errors
    /// [`Cause::Rejected`] for port 0, and whatever keeps the stream from being relayed:
    /// no address, a name, a group, a port range, a bad a=rtcp.
    pub fn endpoint(&self, index: usize) -> Result<Endpoint, SdpError> {
        let media = self.stream(index)?;
        let refuse = |cause: Cause| cause.at(media.line_number());
        if media.is_rejected() {
            return Err(refuse(Cause::Rejected));
        }
        if media.port_count() != 1 {
            return Err(refuse(Cause::PortRange));
        }
        let (connection, line) = self.connection_line(index)?;
        let address = match connection {
            Connection::Unicast(address) => address,
            Connection::Unspecified => core::net::Ipv4Addr::UNSPECIFIED.into(),
            Connection::Multicast => return Err(Cause::Multicast.at(line)),
            Connection::Name => return Err(Cause::AddressIsName.at(line)),
        };
        let rtp = SocketAddr::new(address, media.udp_port());
        let rtcp = rtcp_address(media, rtp)?;
        Ok(Endpoint { rtp, rtcp })
    }

    /// Which way stream `index` may flow, as its author sees it: its own attribute, else the
    /// session's, else both ways. With an address of `0.0.0.0` the author does not receive.
    ///
    /// # Errors
    /// [`Cause::NoSuchStream`].
    pub fn direction(&self, index: usize) -> Result<Direction, SdpError> {
        let said = self
            .stream(index)?
            .own_direction()
            .or_else(|| direction_of(&self.session))
            .unwrap_or_default();
        let mute = matches!(self.connection(index), Ok(Connection::Unspecified));
        Ok(if mute { said.without_receiving() } else { said })
    }

    fn stream(&self, index: usize) -> Result<&Media, SdpError> {
        self.media.get(index).ok_or(Cause::NoSuchStream.at(0))
    }
}

fn rtcp_address(media: &Media, rtp: SocketAddr) -> Result<SocketAddr, SdpError> {
    if let Some(line) = media.section.attributes("rtcp").next() {
        let value = line.attribute().and_then(|(_, v)| v).unwrap_or_default();
        let (port, address) = address::parse_rtcp(value).map_err(|c| c.at(line.number()))?;
        if port != 0 {
            return Ok(SocketAddr::new(address.unwrap_or_else(|| rtp.ip()), port));
        }
    }
    if let Some(endpoint) = Endpoint::with_next_port(rtp) {
        return Ok(endpoint.rtcp);
    }
    if media.has_rtcp_mux() {
        return Ok(rtp);
    }
    Err(Cause::RtcpPort.at(media.line_number()))
}

/// Lines without their endings; empty ones after the last are not there.
fn split_lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let end = text
        .iter()
        .rposition(|b| !matches!(b, b'\r' | b'\n'))
        .map_or(0, |i| i + 1);
    let lines = text.get(..end).unwrap_or_default().split(|&b| b == b'\n');
    lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

fn check_line(line: &[u8], number: u32) -> Result<Line, Cause> {
    if line.len() > MAX_LINE_LEN {
        return Err(Cause::LineTooLong);
    }
    let [kind @ (b'a'..=b'z' | b'A'..=b'Z'), b'=', value @ ..] = line else {
        return Err(Cause::NotTypeValue);
    };
    if value.iter().any(|b| matches!(b, 0 | b'\r')) {
        return Err(Cause::BadCharacter);
    }
    Ok(Line::new(number, *kind, value.to_vec()))
}
