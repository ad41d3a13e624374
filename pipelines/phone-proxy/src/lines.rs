//! One stream through offer and answer: who sends where, under which keys.

use core::net::IpAddr;

use abi::{Reason, Suite};
use pipeline::{
    CallId, Endpoint, Entropy, Leg, MediaId, MediaKind, MediaPlan, PerLeg, SidePlan, SrtpParams,
};
use sdp::{Cause, Proto, Sdp, SdpError};

use crate::config::MediaSecurity;
use crate::keys::{OurKey, from_crypto};

/// A stream that is carried. Its place among the m= lines is its identity.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) media: MediaId,
    pub(crate) kind: MediaKind,
    /// Our addresses, once the media is pinned.
    pub(crate) local: Option<PerLeg<Endpoint>>,
    pub(crate) sides: PerLeg<Side>,
}

/// One side of a stream.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    /// An address of the family that is used on this side.
    family_of: IpAddr,
    /// Whether media is SRTP on this side.
    pub(crate) secure: bool,
    /// Whether the profile that this side's peer reads and writes is SAVP. It may be AVP although
    /// keys are exchanged.
    pub(crate) savp: bool,
    remote: Option<Endpoint>,
    peer_sends: bool,
    peer_receives: bool,
    receive: Option<SrtpParams>,
    /// Keys of ours that the peer was told, one of which is chosen by the answer.
    pub(crate) ours: Vec<OurKey>,
    chosen: Option<u32>,
}

/// What a description says about one stream.
#[derive(Debug)]
pub(crate) struct Said {
    kind: MediaKind,
    savp: bool,
    /// `None` on hold by address.
    endpoint: Option<Endpoint>,
    sends: bool,
    receives: bool,
    cryptos: Vec<Result<sdp::Crypto, SdpError>>,
}

/// What decides how a stream is treated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    pub(crate) security: PerLeg<MediaSecurity>,
    pub(crate) suites: &'a [Suite],
    pub(crate) offered_suites: &'a [Suite],
    pub(crate) fax: bool,
    pub(crate) entropy: &'a dyn Entropy,
    /// Addresses of the legs' peers.
    pub(crate) peers: PerLeg<IpAddr>,
}

impl Said {
    /// Reads stream `index`; `None` when it is rejected or switched off.
    pub(crate) fn read(sdp: &Sdp, index: usize) -> Result<Option<Self>, Reason> {
        let media = sdp.media().get(index).ok_or(Reason::SdpMalformed)?;
        if media.is_rejected() {
            return Ok(None);
        }
        let proto = media.proto();
        let kind = match proto {
            Proto::Udptl => MediaKind::Datagram,
            _ if proto.is_sdes() || proto.is_clear_rtp() => MediaKind::Rtp,
            _ => return Err(Reason::SdpUnsupported),
        };
        let endpoint = sdp.endpoint(index).map_err(|error| reason(error.cause))?;
        let direction = sdp.direction(index).map_err(|error| reason(error.cause))?;
        Ok(Some(Self {
            kind,
            savp: proto.is_sdes(),
            endpoint: (!endpoint.rtp.ip().is_unspecified()).then_some(Endpoint {
                rtp: endpoint.rtp,
                rtcp: endpoint.rtcp,
            }),
            sends: direction.sends(),
            receives: direction.receives(),
            cryptos: media.cryptos().map_err(|error| reason(error.cause))?,
        }))
    }

    /// The first attribute by `suites`' preference, `preferred` before all.
    fn choose(&self, suites: &[Suite], preferred: Option<Suite>) -> Result<&sdp::Crypto, Reason> {
        if self.cryptos.is_empty() {
            return Err(Reason::SdpNoCrypto);
        }
        let of = |suite: Suite| {
            self.cryptos
                .iter()
                .flatten()
                .find(move |c| c.suite == suite)
        };
        let mut wanted = preferred.into_iter().chain(suites.iter().copied());
        wanted.find_map(of).ok_or(Reason::SdpBadCrypto)
    }
}

impl Rules<'_> {
    /// The stream as `from` offers it and as it will be offered across. Keys and addresses of
    /// `previous` go on where they still fit.
    pub(crate) fn offered(
        &self,
        said: &Said,
        from: Leg,
        previous: Option<&Line>,
        media: MediaId,
    ) -> Result<Line, Reason> {
        if said.kind == MediaKind::Datagram && !self.fax {
            return Err(Reason::SdpUnsupported);
        }
        let previous = previous.filter(|line| line.kind == said.kind);
        let near = self.offerer(said, from, previous.map(|line| &line.sides[from]))?;
        let to = from.other();
        let far = self.offeree(said.kind, to, previous.map(|line| &line.sides[to]))?;
        let sides = match from {
            Leg::Client => PerLeg {
                client: near,
                server: far,
            },
            Leg::Server => PerLeg {
                client: far,
                server: near,
            },
        };
        Ok(Line {
            media: previous.map_or(media, |line| line.media),
            kind: said.kind,
            local: previous.and_then(|line| line.local),
            sides,
        })
    }

    fn offerer(&self, said: &Said, leg: Leg, previous: Option<&Side>) -> Result<Side, Reason> {
        let has_crypto = !said.cryptos.is_empty();
        let secure = match (said.kind, said.savp, self.security[leg]) {
            (MediaKind::Datagram, ..) => false,
            (_, true, _) => true,
            (_, false, MediaSecurity::Secure) if !has_crypto => return Err(Reason::SdpNoCrypto),
            (_, false, MediaSecurity::Secure | MediaSecurity::BestEffort) => has_crypto,
            (_, false, MediaSecurity::Clear | MediaSecurity::Auto) => false,
        };
        let mut side = self.side(said, leg, previous);
        side.secure = secure;
        side.savp = said.savp;
        (side.receive, side.ours, side.chosen) = (None, Vec::new(), None);
        if secure {
            let ours = previous.and_then(Side::transmit);
            let crypto = said.choose(self.suites, ours.map(|params| params.suite))?;
            side.receive = Some(from_crypto(crypto).ok_or(Reason::SdpBadCrypto)?);
            let suite = crypto.suite;
            let key = match ours.filter(|params| params.suite == suite) {
                Some(params) => OurKey {
                    tag: crypto.tag,
                    params: params.clone(),
                },
                None => self.fresh(crypto.tag, suite)?,
            };
            (side.ours, side.chosen) = (vec![key], Some(crypto.tag));
        }
        Ok(side)
    }

    fn offeree(&self, kind: MediaKind, leg: Leg, previous: Option<&Side>) -> Result<Side, Reason> {
        if let Some(previous) = previous {
            let mut side = previous.clone();
            side.ours
                .retain(|key| side.chosen.is_none_or(|tag| tag == key.tag));
            side.savp = side.secure;
            return Ok(side);
        }
        let wants = matches!(
            self.security[leg],
            MediaSecurity::Secure | MediaSecurity::BestEffort
        );
        let secure = wants && kind == MediaKind::Rtp;
        let suites = if secure { self.offered_suites } else { &[] };
        let keys = (1..)
            .zip(suites)
            .map(|(tag, suite)| self.fresh(tag, *suite));
        Ok(Side {
            family_of: self.peers[leg],
            secure,
            savp: secure,
            remote: None,
            peer_sends: true,
            peer_receives: true,
            receive: None,
            ours: keys.collect::<Result<_, _>>()?,
            chosen: None,
        })
    }

    /// `line` with what `from` answers. `None` when the answer rejects the stream.
    pub(crate) fn answered(&self, line: &Line, said: &Said, from: Leg) -> Result<Line, Reason> {
        let offered = &line.sides[from];
        let mut side = self.side(said, from, Some(offered));
        if said.kind != line.kind {
            return Err(Reason::SdpUnsupported);
        }
        if !offered.secure && said.savp {
            return Err(Reason::SdpUnsupported);
        }
        if offered.secure {
            if said.cryptos.is_empty() {
                if said.savp || self.security[from] != MediaSecurity::BestEffort {
                    return Err(Reason::SdpNoCrypto);
                }
                side.secure = false;
                (side.receive, side.ours, side.chosen) = (None, Vec::new(), None);
            } else {
                let (key, crypto) = accepted(offered, said).ok_or(Reason::SdpBadCrypto)?;
                side.receive = Some(from_crypto(crypto).ok_or(Reason::SdpBadCrypto)?);
                side.chosen = Some(key.tag);
            }
        }
        let mut line = line.clone();
        line.sides[from] = side;
        Ok(line)
    }

    /// A fresh key in the place of the one that `leg`'s peer is to get: another fork has it.
    pub(crate) fn rekey(&self, line: &mut Line, leg: Leg) -> Result<(), Reason> {
        for key in &mut line.sides[leg].ours {
            *key = self.fresh(key.tag, key.params.suite)?;
        }
        Ok(())
    }

    /// Addresses and directions as said; the rest as it was.
    fn side(&self, said: &Said, leg: Leg, previous: Option<&Side>) -> Side {
        let said_ip = said.endpoint.map(|e| e.rtp.ip());
        let before = previous.cloned().unwrap_or_else(|| Side {
            family_of: said_ip.unwrap_or(self.peers[leg]),
            secure: false,
            savp: false,
            remote: None,
            peer_sends: false,
            peer_receives: false,
            receive: None,
            ours: Vec::new(),
            chosen: None,
        });
        Side {
            remote: said.endpoint.or(before.remote),
            peer_sends: said.sends,
            peer_receives: said.receives,
            ..before
        }
    }

    fn fresh(&self, tag: u32, suite: Suite) -> Result<OurKey, Reason> {
        OurKey::fresh(self.entropy, tag, suite).ok_or(Reason::MediaNoKey)
    }
}

impl Side {
    /// The key that we send with.
    fn transmit(&self) -> Option<&SrtpParams> {
        self.ours
            .iter()
            .find(|key| Some(key.tag) == self.chosen)
            .map(|key| &key.params)
    }

    /// Keys to tell the peer: in an offer all of them, in an answer the chosen one.
    pub(crate) fn told(&self) -> impl Iterator<Item = &OurKey> {
        self.ours
            .iter()
            .filter(|key| self.chosen.is_none_or(|tag| tag == key.tag))
    }

    fn plan(&self) -> SidePlan {
        SidePlan {
            family_of: self.family_of,
            remote: self.remote,
            rtcp_mux: false,
            secure: self.secure,
            receive: self.receive.clone().filter(|_| self.secure),
            transmit: self.transmit().cloned().filter(|_| self.secure),
            peer_sends: self.peer_sends,
            peer_receives: self.peer_receives,
        }
    }
}

impl Line {
    /// What media is to do.
    pub(crate) fn plan(&self, call: CallId) -> MediaPlan {
        let sides = PerLeg::from_fn(|leg| self.sides[leg].plan());
        MediaPlan {
            call,
            kind: self.kind,
            sides,
        }
    }

    /// Erases keys that were offered and not taken (RFC 4568 §7.1.4).
    pub(crate) fn settle(&mut self) {
        for leg in Leg::BOTH {
            let side = &mut self.sides[leg];
            let chosen = side.chosen;
            side.ours.retain(|key| Some(key.tag) == chosen);
        }
    }
}

/// The key of ours and the attribute of theirs that an answer puts together: one tag, one suite.
fn accepted<'a>(offered: &'a Side, said: &'a Said) -> Option<(&'a OurKey, &'a sdp::Crypto)> {
    said.cryptos.iter().flatten().find_map(|crypto| {
        let fits = |key: &&OurKey| key.tag == crypto.tag && key.params.suite == crypto.suite;
        offered.ours.iter().find(fits).map(|key| (key, crypto))
    })
}

/// The counter of what is wrong with a description.
pub(crate) const fn reason(cause: Cause) -> Reason {
    match cause {
        Cause::AddressIsName | Cause::Multicast | Cause::PortRange | Cause::NotRtp => {
            Reason::SdpUnsupported
        }
        Cause::TooManyMedia => Reason::SdpTooManyStreams,
        Cause::TooManyCryptos
        | Cause::CryptoSyntax
        | Cause::CryptoTag
        | Cause::CryptoSuite
        | Cause::CryptoKey
        | Cause::CryptoManyKeys
        | Cause::CryptoLifetime
        | Cause::CryptoMki
        | Cause::CryptoParameter => Reason::SdpBadCrypto,
        _ => Reason::SdpMalformed,
    }
}
