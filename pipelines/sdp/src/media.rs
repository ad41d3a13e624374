//! One stream: an m= line and what follows it.

use crate::{
    Cause, Crypto, Direction, MAX_CRYPTO, SdpError,
    address::port,
    crypto::number,
    line::{Line, Section},
};

/// Transport of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Proto {
    /// `RTP/AVP`: RTP in clear.
    RtpAvp,
    /// `RTP/AVPF`: RTP in clear, with early feedback (RFC 4585).
    RtpAvpf,
    /// `RTP/SAVP`: SRTP with keys in a=crypto.
    RtpSavp,
    /// `RTP/SAVPF`: SRTP with keys in a=crypto, with early feedback.
    RtpSavpf,
    /// `UDP/TLS/RTP/SAVP` or `SAVPF`: SRTP keyed by DTLS.
    DtlsSrtp,
    /// `udptl`: T.38 fax.
    Udptl,
    /// Anything else; see [`Media::proto_text`].
    Other,
}

impl Proto {
    /// The transport that an m= line names by `text`, in any case.
    fn from_text(text: &[u8]) -> Self {
        let is = |name: &str| text.eq_ignore_ascii_case(name.as_bytes());
        match () {
            () if is("RTP/AVP") => Self::RtpAvp,
            () if is("RTP/AVPF") => Self::RtpAvpf,
            () if is("RTP/SAVP") => Self::RtpSavp,
            () if is("RTP/SAVPF") => Self::RtpSavpf,
            () if is("UDP/TLS/RTP/SAVP") || is("UDP/TLS/RTP/SAVPF") => Self::DtlsSrtp,
            () if is("udptl") => Self::Udptl,
            () => Self::Other,
        }
    }

    /// Whether a=crypto attributes key the stream.
    #[must_use]
    pub const fn is_sdes(self) -> bool {
        matches!(self, Self::RtpSavp | Self::RtpSavpf)
    }

    /// Whether the stream is RTP in clear.
    #[must_use]
    pub const fn is_clear_rtp(self) -> bool {
        matches!(self, Self::RtpAvp | Self::RtpAvpf)
    }

    /// The same profile with or without SRTP, as text; `None` for what is neither.
    const fn secured(self, secure: bool) -> Option<&'static str> {
        match (self, secure) {
            (Self::RtpAvp | Self::RtpSavp, true) => Some("RTP/SAVP"),
            (Self::RtpAvp | Self::RtpSavp, false) => Some("RTP/AVP"),
            (Self::RtpAvpf | Self::RtpSavpf, true) => Some("RTP/SAVPF"),
            (Self::RtpAvpf | Self::RtpSavpf, false) => Some("RTP/AVPF"),
            _ => None,
        }
    }
}

/// A stream. [`Sdp::media`](crate::Sdp::media) lists them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    line: Line,
    port: u16,
    port_count: u16,
    proto: Proto,
    pub(crate) section: Section,
}

impl Media {
    /// Begins a stream with its m= line (RFC 8866 §5.14).
    pub(crate) fn parse(line: Line) -> Result<Self, Cause> {
        let (port, port_count, proto) = parse_fields(line.value()).ok_or(Cause::MediaLine)?;
        Ok(Self {
            line,
            port,
            port_count,
            proto,
            section: Section::default(),
        })
    }

    /// Number of the m= line in the description as received.
    #[must_use]
    pub const fn line_number(&self) -> u32 {
        self.line.number()
    }

    /// What the stream carries: `audio`, `video`, `image`, …
    #[must_use]
    pub fn kind(&self) -> &[u8] {
        self.token(0)
    }

    /// The UDP port; 0 when the stream is rejected or switched off.
    #[must_use]
    pub const fn udp_port(&self) -> u16 {
        self.port
    }

    /// Whether the stream is rejected or switched off (RFC 3264 §6).
    #[must_use]
    pub const fn is_rejected(&self) -> bool {
        self.port == 0
    }

    /// How many ports the stream asks for; 1 unless the m= line says otherwise.
    #[must_use]
    pub const fn port_count(&self) -> u16 {
        self.port_count
    }

    /// The transport.
    #[must_use]
    pub const fn proto(&self) -> Proto {
        self.proto
    }

    /// The transport as written.
    #[must_use]
    pub fn proto_text(&self) -> &[u8] {
        self.token(2)
    }

    /// The formats, for RTP the payload types.
    pub fn formats(&self) -> impl Iterator<Item = &[u8]> {
        tokens(self.line.value()).skip(3)
    }

    /// The values of the attributes called `name`; empty for one without a value.
    pub fn attributes<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let value = |l: &'a Line| l.attribute().and_then(|(_, v)| v).unwrap_or_default();
        self.section.attributes(name).map(value)
    }

    /// Whether the author can receive RTCP on the RTP port (RFC 5761).
    #[must_use]
    pub fn has_rtcp_mux(&self) -> bool {
        self.section.has_attribute("rtcp-mux")
    }

    /// Whether the stream has an a=crypto attribute, usable or not.
    #[must_use]
    pub fn has_crypto(&self) -> bool {
        self.section.has_attribute("crypto")
    }

    /// The a=crypto attributes, in the author's order of preference.
    ///
    /// Those that cannot be used are reported in their place, so that the caller may pass over
    /// them and still say why when none is left.
    ///
    /// # Errors
    /// [`Cause::TooManyCryptos`] beyond [`MAX_CRYPTO`] attributes.
    pub fn cryptos(&self) -> Result<Vec<Result<Crypto, SdpError>>, SdpError> {
        let mut found: Vec<Result<Crypto, SdpError>> = Vec::new();
        for line in self.section.attributes("crypto") {
            if found.len() == MAX_CRYPTO {
                return Err(Cause::TooManyCryptos.at(line.number()));
            }
            let value = line.attribute().and_then(|(_, v)| v).unwrap_or_default();
            let crypto = Crypto::parse(value).and_then(|new| {
                let repeated = found.iter().flatten().any(|c| c.tag == new.tag);
                if repeated {
                    Err(Cause::CryptoTag)
                } else {
                    Ok(new)
                }
            });
            found.push(crypto.map_err(|cause| cause.at(line.number())));
        }
        Ok(found)
    }

    /// Adds `crypto` behind those that are there.
    pub fn push_crypto(&mut self, crypto: &Crypto) {
        self.section.insert_attribute("crypto", crypto.to_value());
    }

    /// Removes every a=crypto attribute and returns how many there were.
    pub fn remove_cryptos(&mut self) -> usize {
        self.section.remove(|l| l.is_attribute("crypto"))
    }

    /// Removes a=rtcp-mux, and the demand for it (RFC 8858).
    pub fn remove_rtcp_mux(&mut self) {
        self.section
            .remove(|l| l.is_attribute("rtcp-mux") || l.is_attribute("rtcp-mux-only"));
    }

    /// Turns the profile into its secure or its clear form: AVP and SAVP, AVPF and SAVPF.
    ///
    /// The a=crypto attributes stay as they are.
    ///
    /// # Errors
    /// [`Cause::NotRtp`] for any other transport; nothing changes then.
    pub fn set_secure(&mut self, secure: bool) -> Result<(), SdpError> {
        let text = self
            .proto
            .secured(secure)
            .ok_or_else(|| Cause::NotRtp.at(self.line_number()))?;
        if self.proto.is_sdes() != secure {
            self.set_token(2, text.as_bytes());
            self.proto = Proto::from_text(text.as_bytes());
        }
        Ok(())
    }

    /// Rejects the stream: port 0 (RFC 3264 §6), without keys, feedback ports or ICE.
    pub fn reject(&mut self) {
        self.set_port(0);
        self.remove_cryptos();
        self.remove_rtcp_mux();
        self.section
            .remove(|l| l.is_attribute("rtcp") || l.kind() == b'k');
    }

    /// Sets the port. One that already holds is left as it is written.
    pub(crate) fn set_port(&mut self, port: u16) {
        if self.port != port || self.port_count != 1 {
            self.set_token(1, port.to_string().as_bytes());
            (self.port, self.port_count) = (port, 1);
        }
    }

    /// The stream's own direction attribute, if it has one.
    pub(crate) fn own_direction(&self) -> Option<Direction> {
        direction_of(&self.section)
    }

    pub(crate) fn encoded_len(&self) -> usize {
        self.line.encoded_len() + self.section.encoded_len()
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        self.line.write(out);
        self.section.write(out);
    }

    fn token(&self, index: usize) -> &[u8] {
        tokens(self.line.value()).nth(index).unwrap_or_default()
    }

    fn set_token(&mut self, index: usize, text: &[u8]) {
        let parts: Vec<&[u8]> = tokens(self.line.value())
            .enumerate()
            .map(|(i, token)| if i == index { text } else { token })
            .collect();
        let value = parts.join(&b' ');
        self.line.set_value(value);
    }
}

/// Port, port count and transport of an m= line.
fn parse_fields(value: &[u8]) -> Option<(u16, u16, Proto)> {
    let mut tokens = tokens(value);
    let (_media, ports, proto) = (tokens.next()?, tokens.next()?, tokens.next()?);
    let has_format = tokens.next().is_some();
    let mut halves = ports.splitn(2, |&b| b == b'/');
    let port = port(halves.next()?)?;
    let port_count = match halves.next() {
        Some(count) => u16::try_from(number(count)?).ok().filter(|&n| n > 0)?,
        None => 1,
    };
    // A stream that is rejected has no use for a format, and some leave it out.
    (has_format || port == 0).then(|| (port, port_count, Proto::from_text(proto)))
}

/// The first direction attribute of a section.
pub(crate) fn direction_of(section: &Section) -> Option<Direction> {
    section.lines().iter().find_map(|l| match l.attribute() {
        Some((name, None)) => Direction::from_name(name),
        _ => None,
    })
}

fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&b| b == b' ').filter(|t| !t.is_empty())
}
