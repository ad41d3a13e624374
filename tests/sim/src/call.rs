//! Whole calls, from the INVITE to the ACK, with media ready at both ends.

use std::net::SocketAddr;

use abi::Suite;

use crate::agent::{Agent, Audio, DESK_NUMBER, Dialog, PHONE_NUMBER, endpoint};
use crate::media::{Heard, MediaEnd, Sdes};
use crate::{Cluster, DESK, Lab, Message, PHONE, Place, Random};

/// Port for RTP of the phone outside.
pub const PHONE_RTP: u16 = 40_000;
/// Port for RTP of the phone inside.
pub const DESK_RTP: u16 = 50_000;

/// A call that is up between the phone outside and the phone inside, for whom the call manager
/// speaks.
#[derive(Debug)]
pub struct Call {
    /// The phone outside.
    pub phone: Agent,
    /// The call manager.
    pub manager: Agent,
    /// The dialog as the phone knows it.
    pub phone_dialog: Dialog,
    /// The dialog as the call manager knows it.
    pub manager_dialog: Dialog,
    /// The phone's media.
    pub phone_media: MediaEnd,
    /// The media of the phone inside.
    pub desk_media: MediaEnd,
    /// The phone's own key, if its media is protected.
    pub phone_key: Option<Sdes>,
    /// The key of the phone inside, if its media is protected.
    pub desk_key: Option<Sdes>,
}

/// One party's part in offer and answer.
#[derive(Clone, Debug)]
pub struct Party {
    /// Where it receives RTP.
    pub rtp: SocketAddr,
    /// The key that it sends with; `None` is clear.
    pub key: Option<Sdes>,
}

impl Party {
    /// What it says of its media.
    #[must_use]
    pub fn sdp(&self, direction: &str) -> String {
        let keys: Vec<&Sdes> = self.key.iter().collect();
        Audio {
            address: self.rtp.ip(),
            port: self.rtp.port(),
            profile: if self.key.is_some() {
                "RTP/SAVP"
            } else {
                "RTP/AVP"
            },
            keys: &keys,
            direction,
        }
        .to_sdp()
    }

    /// Its media, when the other party is as it reads in `description`.
    ///
    /// # Panics
    /// When one is protected and the other not.
    #[must_use]
    pub fn media(&self, host: crate::HostId, description: &Message) -> MediaEnd {
        let mut end = MediaEnd::new(host, self.rtp.port(), endpoint(description));
        let theirs = description.sdp("a=crypto:").and_then(Sdes::parse);
        match (&self.key, &theirs) {
            (Some(own), Some(theirs)) => end.protect(own, theirs),
            (None, None) => {}
            _ => panic!("one side is protected: {description}"),
        }
        end
    }
}

impl Lab {
    /// The phone outside as a party of a call.
    #[must_use]
    pub fn phone_party(&self, suite: Suite) -> Party {
        let is_secure = self.setup.client_auth.is_some();
        Party {
            rtp: SocketAddr::new(self.setup.address(Place::Phone), PHONE_RTP),
            key: is_secure.then(|| Sdes::new(suite, &Random::new(self.setup.seed + 7))),
        }
    }

    /// The phone inside as a party of a call.
    #[must_use]
    pub fn desk_party(&self, suite: Suite) -> Party {
        let is_secure = self.setup.cluster == Cluster::Encrypted;
        Party {
            rtp: SocketAddr::new(self.setup.address(Place::Desk), DESK_RTP),
            key: is_secure.then(|| Sdes::new(suite, &Random::new(self.setup.seed + 8))),
        }
    }

    /// Registers the phone, and returns what the call manager was told.
    ///
    /// # Panics
    /// When it is not registered.
    pub fn register(&mut self, phone: &mut Agent, manager: &Agent) -> Message {
        let register = phone.register();
        let heard = self.pass(phone, &register, manager);
        let contact = heard.header("Contact").unwrap().to_owned();
        let ok = heard
            .reply("200 OK", "reg")
            .with("Contact", &contact)
            .with("Expires", "3600");
        assert_eq!(self.pass(manager, &ok, phone).status(), Some(200));
        heard
    }

    /// A call from outside to inside.
    pub fn call_inside(&mut self, suite: Suite) -> Call {
        let (phone, manager) = self.agents();
        self.call_inside_by(phone, manager, suite)
    }

    /// A call from outside to inside in a session that is up.
    ///
    /// # Panics
    /// When it does not succeed.
    pub fn call_inside_by(&mut self, mut phone: Agent, manager: Agent, suite: Suite) -> Call {
        let (caller, callee) = (self.phone_party(suite), self.desk_party(suite));
        let invite = phone.invite(DESK_NUMBER, &caller.sdp("sendrecv"));
        let offered = self.pass(&phone, &invite, &manager);
        assert!(offered.is_request("INVITE"), "{offered}");
        let ok = manager
            .reply(&offered, "200 OK")
            .with_sdp(&callee.sdp("sendrecv"));
        let answered = self.pass(&manager, &ok, &phone);
        assert_eq!(answered.status(), Some(200), "{answered}");
        let mut phone_dialog = Dialog::of_caller(&answered);
        let ack = phone.within(&mut phone_dialog, "ACK");
        assert!(self.pass(&phone, &ack, &manager).is_request("ACK"));
        Call {
            phone_media: caller.media(PHONE, &answered),
            desk_media: callee.media(DESK, &offered),
            manager_dialog: Dialog::of_callee(&offered, &ok),
            phone_key: caller.key,
            desk_key: callee.key,
            phone,
            manager,
            phone_dialog,
        }
    }

    /// A registration, and a call from inside to outside.
    ///
    /// # Panics
    /// When it does not succeed.
    pub fn call_outside(&mut self, suite: Suite) -> Call {
        let (mut phone, mut manager) = self.agents();
        let registered = self.register(&mut phone, &manager);
        let (callee, caller) = (self.phone_party(suite), self.desk_party(suite));
        let target = registered.uri("Contact").unwrap();
        let invite = manager
            .request("INVITE", target, PHONE_NUMBER)
            .with_sdp(&caller.sdp("sendrecv"));
        let offered = self.pass(&manager, &invite, &phone);
        assert!(offered.is_request("INVITE"), "{offered}");
        let ok = phone
            .reply(&offered, "200 OK")
            .with_sdp(&callee.sdp("sendrecv"));
        let answered = self.pass(&phone, &ok, &manager);
        assert_eq!(answered.status(), Some(200), "{answered}");
        let mut manager_dialog = Dialog::of_caller(&answered);
        let ack = manager.within(&mut manager_dialog, "ACK");
        assert!(self.pass(&manager, &ack, &phone).is_request("ACK"));
        Call {
            phone_media: callee.media(PHONE, &offered),
            desk_media: caller.media(DESK, &answered),
            phone_dialog: Dialog::of_callee(&offered, &ok),
            phone_key: callee.key,
            desk_key: caller.key,
            phone,
            manager,
            manager_dialog,
        }
    }

    /// Ends a call by a BYE from outside.
    ///
    /// # Panics
    /// When it does not succeed.
    pub fn hang_up(&mut self, call: &mut Call) {
        let bye = call.phone.within(&mut call.phone_dialog, "BYE");
        let heard = self.pass(&call.phone, &bye, &call.manager);
        assert!(heard.is_request("BYE"), "{heard}");
        let ok = heard.reply("200 OK", "");
        assert_eq!(
            self.pass(&call.manager, &ok, &call.phone).status(),
            Some(200)
        );
        self.settle();
    }

    /// Sends RTP and RTCP both ways and checks that all of it arrives as it was said.
    ///
    /// # Panics
    /// When it does not.
    pub fn talk(&mut self, call: &mut Call, packets: usize) {
        for n in 0..packets {
            let payload = vec![u8::try_from(n % 251).unwrap(); 160];
            let outside = call.phone_media.send_rtp(&mut self.world, &payload);
            let inside = call.desk_media.send_rtp(&mut self.world, &payload);
            self.settle();
            assert_eq!(
                call.desk_media.heard(&mut self.world),
                [Heard::Rtp(outside)]
            );
            assert_eq!(
                call.phone_media.heard(&mut self.world),
                [Heard::Rtp(inside)]
            );
        }
        let outside = call.phone_media.send_rtcp(&mut self.world);
        let inside = call.desk_media.send_rtcp(&mut self.world);
        self.settle();
        assert_eq!(
            call.desk_media.heard(&mut self.world),
            [Heard::Rtcp(outside)]
        );
        assert_eq!(
            call.phone_media.heard(&mut self.world),
            [Heard::Rtcp(inside)]
        );
    }
}
