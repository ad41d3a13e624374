//! Calls: an INVITE, the dialogs that it makes, and the offers and answers in them.

use abi::Now;
use pipeline::{CallId, Leg, PerLeg};
use sip::{CSeq, Method, TransactionId};

use crate::lines::Line;

/// Forks of one INVITE that are followed.
const DIALOGS_MAX: usize = 16;

/// Everything that one INVITE from outside a dialog began.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: CallId,
    call_id: Vec<u8>,
    /// Where the INVITE came from.
    pub(crate) caller: Leg,
    caller_tag: Vec<u8>,
    /// CSeq number of that INVITE; `None` when it began before this session did.
    pub(crate) initial_cseq: Option<u32>,
    /// Its transaction, while more responses to it may come.
    pub(crate) initial_id: Option<TransactionId>,
    /// The offer in that INVITE. All its forks answer it.
    pub(crate) initial: Option<Exchange>,
    pub(crate) dialogs: Vec<Dialog>,
}

/// One fork of a call.
#[derive(Debug)]
pub(crate) struct Dialog {
    /// The callee's tag.
    tag: Vec<u8>,
    /// Whether a 2xx has confirmed it.
    pub(crate) confirmed: bool,
    /// The streams as agreed.
    pub(crate) lines: Vec<Option<Line>>,
    /// The streams as a provisional response answers them; they hold once the INVITE succeeds.
    pub(crate) preview: Option<Vec<Option<Line>>>,
    /// When it ends unless it is refreshed (RFC 4028).
    pub(crate) expires: Option<Now>,
    /// The last offer of each leg.
    pub(crate) open: PerLeg<Option<Exchange>>,
}

/// An offer, for as long as an answer to it may come or be repeated.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) offerer: Leg,
    /// CSeq number and method of the transaction that carries it.
    pub(crate) cseq: u32,
    pub(crate) method: Method,
    /// Whether the response carries the offer, and ACK or PRACK the answer.
    pub(crate) in_response: bool,
    pub(crate) answered: bool,
    pub(crate) lines: Vec<Option<Line>>,
}

/// What names a dialog in a request, as its sender writes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names<'a> {
    pub(crate) call_id: &'a [u8],
    /// Where the request comes from.
    pub(crate) sender: Leg,
    pub(crate) from_tag: &'a [u8],
    pub(crate) to_tag: &'a [u8],
}

impl Call {
    pub(crate) fn new(id: CallId, names: Names<'_>, initial_cseq: Option<u32>) -> Self {
        Self {
            id,
            call_id: names.call_id.to_vec(),
            caller: names.sender,
            caller_tag: names.from_tag.to_vec(),
            initial_cseq,
            initial_id: None,
            initial: None,
            dialogs: Vec::new(),
        }
    }

    /// Whether a request of these names belongs to this call.
    pub(crate) fn is(&self, names: Names<'_>) -> bool {
        self.call_id == names.call_id
            && if names.sender == self.caller {
                self.caller_tag == names.from_tag
            } else {
                !names.to_tag.is_empty() && self.caller_tag == names.to_tag
            }
    }

    pub(crate) fn caller_tag(&self) -> &[u8] {
        &self.caller_tag
    }

    /// Where the dialog of these names is in the list.
    pub(crate) fn position(&self, names: Names<'_>) -> Option<usize> {
        let tag = self.callee_tag(names);
        self.dialogs.iter().position(|d| d.tag == tag)
    }

    pub(crate) fn dialog_mut(&mut self, names: Names<'_>) -> Option<&mut Dialog> {
        let tag = self.callee_tag(names);
        self.dialogs.iter_mut().find(|d| d.tag == tag)
    }

    /// The dialog of these names, made if there is room; `None` without a tag or room.
    pub(crate) fn dialog_or_new(&mut self, names: Names<'_>) -> Option<&mut Dialog> {
        let tag = self.callee_tag(names);
        if tag.is_empty() {
            return None;
        }
        if self.position(names).is_none() {
            if self.dialogs.len() >= DIALOGS_MAX {
                return None;
            }
            self.dialogs.push(Dialog {
                tag: tag.to_vec(),
                confirmed: false,
                lines: Vec::new(),
                preview: None,
                expires: None,
                open: PerLeg::default(),
            });
        }
        self.dialog_mut(names)
    }

    /// Whether another fork than that of these names has won the call, and its media with it.
    pub(crate) fn is_won_by_another(&self, names: Names<'_>) -> bool {
        let tag = self.callee_tag(names);
        self.dialogs.iter().any(|d| d.confirmed && d.tag != tag)
    }

    fn callee_tag<'n>(&self, names: Names<'n>) -> &'n [u8] {
        if names.sender == self.caller {
            names.to_tag
        } else {
            names.from_tag
        }
    }

    /// Every line that media may be pinned for.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &Line> {
        // Once a fork has won, what only others still hope for is closed.
        let initial = self
            .initial
            .iter()
            .filter(|_| !self.dialogs.iter().any(|d| d.confirmed));
        let initial = initial.flat_map(|exchange| &exchange.lines);
        initial
            .chain(self.dialogs.iter().flat_map(Dialog::all_lines))
            .flatten()
    }
}

impl Dialog {
    /// The streams as they are now, agreed or previewed.
    pub(crate) fn current(&self) -> &[Option<Line>] {
        self.preview.as_deref().unwrap_or(&self.lines)
    }

    /// Makes `lines` the agreed ones.
    pub(crate) fn agree(&mut self, mut lines: Vec<Option<Line>>) {
        lines.iter_mut().flatten().for_each(Line::settle);
        self.lines = lines;
        self.preview = None;
    }

    /// Takes back the offer that `offerer` made in the transaction `cseq`, and what it changed.
    pub(crate) fn roll_back(&mut self, offerer: Leg, cseq: CSeq) {
        let failed = |e: &mut Exchange| e.cseq == cseq.number && e.method == cseq.method;
        if self.open[offerer].take_if(failed).is_some() && self.confirmed {
            self.preview = None;
        }
    }

    /// Forgets answered offers, and with them the keys that were not taken.
    pub(crate) fn forget_answered(&mut self) {
        for leg in Leg::BOTH {
            self.open[leg].take_if(|exchange| exchange.answered);
        }
    }

    fn all_lines(&self) -> impl Iterator<Item = &Option<Line>> {
        let open = Leg::BOTH
            .into_iter()
            .filter_map(|leg| self.open[leg].as_ref());
        let open = open
            .filter(|exchange| !exchange.answered)
            .flat_map(|e| &e.lines);
        self.lines
            .iter()
            .chain(self.preview.iter().flatten())
            .chain(open)
    }
}
