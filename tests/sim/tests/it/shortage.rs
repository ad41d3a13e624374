//! No buffers, no room in the port: calls suffer for the moment, and nothing leaks.

use std::time::Duration;

use abi::{Reason, Suite};
use sim::{Call, Lab, Setup};

use crate::common::each_way;

const SUITE: Suite = Suite::AesCm128HmacSha1_80;

/// Sends media and messages both ways, whatever becomes of them.
fn chatter(lab: &mut Lab, call: &mut Call) {
    for n in 0..20 {
        call.phone_media.send_rtp(&mut lab.world, &[n; 160]);
        call.desk_media.send_rtp(&mut lab.world, &[n; 160]);
        let mut message = call.phone.request("MESSAGE", "sip:2002@192.0.2.10", "2002");
        message.body = "x".repeat(3_000);
        lab.say(&call.phone, &message);
        lab.run_for(Duration::from_millis(20));
    }
}

/// Waits until everything that was said has been heard, and forgets the media.
fn catch_up(lab: &mut Lab, call: &mut Call) {
    for _ in 0..20 {
        assert!(lab.hear(&call.manager).is_request("MESSAGE"));
    }
    call.phone_media.heard(&mut lab.world);
    call.desk_media.heard(&mut lab.world);
    lab.settle();
}

#[test]
fn empty_pool_is_survived() {
    each_way(&Setup::default(), |mut lab| {
        let mut call = lab.call_inside(SUITE);
        for cable in lab.proxy().cables().to_vec() {
            cable.set_pool_len(0);
        }
        chatter(&mut lab, &mut call);
        assert!(lab.refused(Reason::NoBuffer) > 0);
        for cable in lab.proxy().cables().to_vec() {
            cable.set_pool_len(usize::MAX);
        }
        catch_up(&mut lab, &mut call);
        lab.talk(&mut call, 1);
        lab.hang_up(&mut call);
    });
}

#[test]
fn port_that_never_took_a_frame_is_told_from_a_full_one() {
    let mut lab = Lab::new(Setup::default());
    for cable in lab.proxy().cables().to_vec() {
        cable.set_tx_max(0);
    }
    lab.dial();
    lab.run_for(Duration::from_secs(1));
    let refused = lab.refused(Reason::TxClosed);
    assert!(refused > 0);
    assert_eq!(lab.refused(Reason::TxFull), 0);
    let told = lab.proxy().worker(0).ports.map(|port| port.tx_refused);
    assert_eq!(told.iter().sum::<u64>(), refused);
}

#[test]
fn full_transmit_ring_is_survived() {
    each_way(&Setup::default(), |mut lab| {
        let mut call = lab.call_inside(SUITE);
        for cable in lab.proxy().cables().to_vec() {
            cable.set_tx_max(0);
        }
        chatter(&mut lab, &mut call);
        assert!(lab.refused(Reason::TxFull) > 0);
        for cable in lab.proxy().cables().to_vec() {
            cable.set_tx_max(32);
        }
        catch_up(&mut lab, &mut call);
        lab.talk(&mut call, 1);
        lab.hang_up(&mut call);
    });
}
