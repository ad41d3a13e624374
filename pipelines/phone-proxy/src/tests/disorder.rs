//! Well-formed messages in any order at all: what holds whatever the peers do.

use std::time::Duration;

use abi::Reason;
use pipeline::{Closed, Input, Leg, MediaKind};
use proptest::prelude::*;

use super::Lab;
use super::lab::wire;
use super::peers::{
    by_phone, by_server, clear_answer, from_phone, from_server, secure_offer, with_sdp,
};
use super::{crypto_line, sdp};

const METHODS: [&str; 9] = [
    "INVITE", "ACK", "BYE", "CANCEL", "PRACK", "UPDATE", "OPTIONS", "REGISTER", "REFER",
];
const STATUSES: [&str; 9] = [
    "100 Trying",
    "180 Ringing",
    "183 Progress",
    "200 OK",
    "302 Moved",
    "404 Not Found",
    "481 Gone",
    "487 Terminated",
    "491 Pending",
];

/// One thing that happens.
#[derive(Clone, Debug)]
struct Step {
    kind: usize,
    method: usize,
    status: usize,
    number: usize,
    tag: usize,
    body: usize,
}

fn step() -> impl Strategy<Value = Step> {
    (
        0usize..6,
        0usize..9,
        0usize..9,
        1usize..4,
        0usize..3,
        0usize..5,
    )
        .prop_map(|(kind, method, status, number, tag, body)| Step {
            kind,
            method,
            status,
            number,
            tag,
            body,
        })
}

impl Step {
    fn phones_body(&self) -> String {
        match self.body {
            0 | 1 => String::new(),
            2 => secure_offer(4000 + 2 * u16::try_from(self.number).unwrap(), 'A'),
            3 => {
                let crypto = crypto_line(2, "AES_CM_128_HMAC_SHA1_32", 'B');
                with_sdp(&sdp(
                    "192.168.1.50",
                    4100,
                    "SAVP",
                    &format!("a=inactive\n{crypto}"),
                ))
            }
            _ => with_sdp(&sdp("192.168.1.50", 4200, "AVP", "")),
        }
    }

    fn servers_body(&self) -> String {
        match self.body {
            0 | 1 => String::new(),
            2 => clear_answer(5000),
            3 => with_sdp(&sdp("10.10.0.77", 0, "AVP", "")),
            _ => with_sdp(&sdp("10.10.0.77", 5200, "AVP", "m=video 5300 RTP/AVP 96\n")),
        }
    }

    /// Lets it happen; what each side then hears is left with the lab.
    fn play(&self, lab: &mut Lab) {
        let (method, status) = (METHODS[self.method], STATUSES[self.status]);
        let transaction = |tag: &str| {
            let tag = ["", tag, " other"][self.tag];
            format!("{method} {} {method}{}{tag}", self.number, self.number)
        };
        let (leg, text) = match self.kind {
            0 => (
                Leg::Client,
                from_phone(&transaction(" s"), &self.phones_body()),
            ),
            1 => (
                Leg::Server,
                by_server(status, &transaction(" s"), &self.servers_body()),
            ),
            2 => (
                Leg::Server,
                from_server(&transaction(" p"), &self.servers_body()),
            ),
            3 => (
                Leg::Client,
                by_phone(status, &transaction(" p"), &self.phones_body()),
            ),
            4 => return lab.pass(Duration::from_secs(20)),
            _ => {
                let is_full = self.number == 1;
                lab.refuse_media = is_full.then_some(Reason::MediaPortsExhausted);
                return;
            }
        };
        lab.input(Input::Data {
            leg,
            bytes: &wire(&text),
        });
    }
}

/// Whether a description in `text` has a stream with this transport that is not rejected.
fn opens(text: &str, transport: &str) -> bool {
    let mut streams = text.lines().filter(|line| line.starts_with("m="));
    streams.any(|line| line.contains(transport) && line.split(' ').nth(1) != Some("0"))
}

proptest! {
    #[test]
    fn no_order_of_messages_opens_clear_media_or_leaves_any_behind(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let mut lab = Lab::new();
        for step in &steps {
            step.play(&mut lab);
            for plan in lab.pins.values() {
                prop_assert!(plan.kind == MediaKind::Datagram || plan.sides.client.secure);
                prop_assert!(!plan.sides.server.secure);
            }
            let inside = lab.heard(Leg::Server);
            prop_assert!(!inside.contains("inline:") && !opens(&inside, "RTP/SAVP"), "{}", inside);
            let outside = lab.heard(Leg::Client);
            prop_assert!(!opens(&outside, "RTP/AVP"), "{}", outside);
            prop_assert!(!outside.contains("IN IP4 10.10."), "{}", outside);
        }
        // Whatever hangs is given up in time, and what was agreed lives on only in dialogs.
        lab.refuse_media = None;
        lab.pass(Duration::from_secs(400));
        prop_assert_eq!(pipeline::Session::next_deadline(&lab.session), None);
        lab.close(Leg::Server, Closed::Finished);
        prop_assert!(lab.pins.is_empty());
    }
}
