//! A message that has passed the checks that every element makes.

use crate::{
    CSeq, Cause, Frame, Method, Name, NameAddr, SipError, Span, Start, Uri, Via, scan::number,
};

/// A message, and what any element needs of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    frame: Frame,
    start: Start,
    uri: Option<Uri>,
    cseq: CSeq,
    from: NameAddr,
    to: NameAddr,
    vias: Vec<Span>,
    via: Via,
    call_id: Span,
}

/// A message that has not passed, to be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Rejected {
    /// What is wrong.
    pub error: SipError,
    /// The message.
    pub frame: Frame,
}

/// What the checks find, before it is put beside the frame.
struct Checked {
    start: Start,
    uri: Option<Uri>,
    cseq: CSeq,
    from: NameAddr,
    to: NameAddr,
    vias: Vec<Span>,
    via: Via,
    call_id: Span,
}

impl Message {
    /// Checks `frame`: the start line, the fields that every message has exactly once (RFC 3261
    /// §8.1.1), and that CSeq agrees with the request line.
    ///
    /// # Errors
    /// The first fault, with the frame handed back.
    pub fn parse(frame: Frame) -> Result<Self, Box<Rejected>> {
        match check(&frame) {
            Ok(Checked {
                start,
                uri,
                cseq,
                from,
                to,
                vias,
                via,
                call_id,
            }) => Ok(Self {
                frame,
                start,
                uri,
                cseq,
                from,
                to,
                vias,
                via,
                call_id,
            }),
            Err(error) => Err(Box::new(Rejected { error, frame })),
        }
    }

    /// The message as it came.
    #[must_use]
    pub const fn frame(&self) -> &Frame {
        &self.frame
    }

    /// The octets of the whole message, which spans refer to.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.frame.bytes
    }

    /// What the start line says.
    #[must_use]
    pub const fn start(&self) -> Start {
        self.start
    }

    /// The method of the request, or of the request that is answered.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.cseq.method
    }

    /// Whether this is a request.
    #[must_use]
    pub const fn is_request(&self) -> bool {
        matches!(self.start, Start::Request { .. })
    }

    /// The status code of a response.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self.start {
            Start::Response { status } => Some(status),
            Start::Request { .. } => None,
        }
    }

    /// The Request-URI of a request.
    #[must_use]
    pub const fn uri(&self) -> Option<&Uri> {
        self.uri.as_ref()
    }

    /// CSeq.
    #[must_use]
    pub const fn cseq(&self) -> CSeq {
        self.cseq
    }

    /// From.
    #[must_use]
    pub const fn from(&self) -> &NameAddr {
        &self.from
    }

    /// To.
    #[must_use]
    pub const fn to(&self) -> &NameAddr {
        &self.to
    }

    /// The tag of From; empty for a peer older than RFC 3261.
    #[must_use]
    pub fn from_tag(&self) -> &[u8] {
        self.from.tag(self.bytes()).unwrap_or_default()
    }

    /// The tag of To; empty outside a dialog.
    #[must_use]
    pub fn to_tag(&self) -> &[u8] {
        self.to.tag(self.bytes()).unwrap_or_default()
    }

    /// Call-ID.
    #[must_use]
    pub fn call_id(&self) -> &[u8] {
        self.call_id.of(self.bytes())
    }

    /// The topmost Via.
    #[must_use]
    pub const fn via(&self) -> &Via {
        &self.via
    }

    /// All Via values, topmost first.
    #[must_use]
    pub fn vias(&self) -> &[Span] {
        &self.vias
    }

    /// The branch of the topmost Via; empty when it has none.
    #[must_use]
    pub fn branch(&self) -> &[u8] {
        self.via.branch(self.bytes())
    }

    /// The names and addresses of all fields called `name`.
    ///
    /// # Errors
    /// The first value that is none.
    pub fn addresses(&self, name: Name) -> Result<Vec<NameAddr>, SipError> {
        let values = self.frame.values(name)?;
        values
            .into_iter()
            .map(|value| NameAddr::parse(self.bytes(), value))
            .collect()
    }

    /// Whether the field called `name`, a list of tokens, has `token` among them, in any case.
    #[must_use]
    pub fn has_token(&self, name: Name, token: &str) -> bool {
        let values = self.frame.values(name).unwrap_or_default();
        values
            .iter()
            .any(|v| v.of(self.bytes()).eq_ignore_ascii_case(token.as_bytes()))
    }

    /// Max-Forwards, if there is one.
    #[must_use]
    pub fn max_forwards(&self) -> Option<u8> {
        let text = self.frame.text(Name::MaxForwards)?;
        number(text).and_then(|n| u8::try_from(n).ok())
    }
}

fn check(frame: &Frame) -> Result<Checked, SipError> {
    let bytes = &frame.bytes;
    let start = Start::parse(bytes, frame.start)?;
    let uri = match start {
        Start::Request { uri, .. } => Some(Uri::parse(bytes, uri)?),
        Start::Response { .. } => None,
    };
    let cseq = CSeq::parse(bytes, only(frame, Name::CSeq)?)?;
    if let Start::Request { method_span, .. } = start
        && method_span.of(bytes) != cseq.method_span.of(bytes)
    {
        return Err(Cause::MethodMismatch.at(cseq.method_span.start));
    }
    let call_id = only(frame, Name::CallId)?;
    if call_id.is_empty() || call_id.of(bytes).iter().any(|b| crate::span::is_lws(*b)) {
        return Err(Cause::CallId.at(call_id.start));
    }
    let vias = frame.values(Name::Via)?;
    let top = vias
        .first()
        .ok_or_else(|| Cause::FieldMissing.at(frame.body_at))?;
    let via = Via::parse(bytes, *top)?;
    let from = NameAddr::parse(bytes, only(frame, Name::From)?)?;
    let to = NameAddr::parse(bytes, only(frame, Name::To)?)?;
    check_max_forwards(frame)?;
    // Two would tell two readers two things about the body.
    if frame.value(Name::ContentType).is_some() {
        only(frame, Name::ContentType)?;
    }
    Ok(Checked {
        start,
        uri,
        cseq,
        from,
        to,
        vias,
        via,
        call_id,
    })
}

/// The value of a field that occurs exactly once.
fn only(frame: &Frame, name: Name) -> Result<Span, SipError> {
    let mut fields = frame.fields_named(name);
    let first = fields
        .next()
        .ok_or_else(|| Cause::FieldMissing.at(frame.body_at))?;
    match fields.next() {
        Some(second) => Err(Cause::FieldDoubled.at(second.line.start)),
        None => Ok(first.value),
    }
}

/// Peers older than RFC 3261 send none; it says 0 to 255 once where it is.
fn check_max_forwards(frame: &Frame) -> Result<(), SipError> {
    if frame.value(Name::MaxForwards).is_none() {
        return Ok(());
    }
    let value = only(frame, Name::MaxForwards)?;
    match number(value.of(&frame.bytes)) {
        Some(0..=255) => Ok(()),
        _ => Err(Cause::MaxForwards.at(value.start)),
    }
}
