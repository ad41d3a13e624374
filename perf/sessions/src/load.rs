//! Both ends of all sessions, driven by one thread.

use abi::Now;
use wire::{Frame, Nic};

use crate::manager::Manager;
use crate::phones::Phones;
use crate::side::Side;

/// Phones outside, the call manager inside, and a port to each.
pub(crate) struct Load<N: Nic> {
    pub(crate) outside: Side<N>,
    pub(crate) inside: Side<N>,
    pub(crate) phones: Phones,
    pub(crate) manager: Manager,
}

impl<N: Nic> Load<N> {
    /// Takes what has come in, wakes whom it is time for, and sends. Returns whether there was
    /// anything to do.
    pub(crate) fn turn(&mut self, now: Now) -> bool {
        let from_outside = self.outside.receive(now);
        let from_inside = self.inside.receive(now);
        let received = from_outside.len() + from_inside.len();
        for (frame, packet) in from_outside {
            if let Some(segment) = frame.data().get(packet.ip_range()) {
                self.phones
                    .on_segment(&packet, segment, &mut self.outside, now);
            }
        }
        for (frame, packet) in from_inside {
            let header = frame.data().get(packet.transport_range());
            let segment = frame.data().get(packet.ip_range());
            if let (Some(header), Some(segment)) = (header, segment) {
                self.manager
                    .on_segment(&packet, header, segment, &mut self.inside, now);
            }
        }
        self.phones.fire_timers(&mut self.outside, now);
        self.manager.fire_timers(&mut self.inside, now);
        let sent = self.outside.flush(now) + self.inside.flush(now);
        received + sent > 0
    }

    /// Lets the next phone connect.
    pub(crate) fn start_next(&mut self, now: Now) {
        self.phones.start_next(&mut self.outside, now);
    }

    /// Lets phones connect until `to` did, as long as fewer than `window` are busy with it.
    pub(crate) fn start_some(&mut self, window: usize, to: usize, now: Now) {
        while self.phones.tally.started < to && self.phones.tally.pending < window {
            self.start_next(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use core::net::IpAddr;
    use core::time::Duration;

    use tcp::Params;
    use wire::sim::SimNic;
    use wire::{MacAddr, NicInfo};

    use super::*;
    use crate::phones::Tally;
    use crate::side::Place;

    const PHONES: usize = 600;

    fn nic(last: u8) -> NicInfo {
        NicInfo {
            mac: MacAddr([2, 0, 0, 0, 0, last]),
            mtu: 1_500,
            has_rx: true,
            has_tx: true,
            tx_checksums: wire::TxChecksums::NONE,
        }
    }

    /// Phones that are cabled straight to the call manager, in clear.
    fn back_to_back() -> Load<SimNic> {
        let (outside, inside) = SimNic::pair(nic(1), nic(2));
        let place = |address, router| Place {
            address: IpAddr::from(address),
            router: IpAddr::from(router),
        };
        let (near, far) = ([192, 0, 2, 1], [192, 0, 2, 10]);
        let params = Params::default();
        let target = (IpAddr::from(far), 5_060).into();
        Load {
            outside: Side::new(outside, place(near, far)),
            inside: Side::new(inside, place(far, near)),
            phones: Phones::new(PHONES, target, None, params, Now::ZERO),
            manager: Manager::new(2 * PHONES, params, Now::ZERO),
        }
    }

    fn turn_until(load: &mut Load<SimNic>, now: &mut Now, done: impl Fn(&Load<SimNic>) -> bool) {
        for _ in 0..100_000 {
            load.turn(*now);
            *now = *now + Duration::from_millis(1);
            if done(load) {
                return;
            }
        }
        panic!("not done: {:?}", load.phones.tally);
    }

    #[test]
    fn all_phones_register_stay_and_hang_up() {
        let mut load = back_to_back();
        let mut now = Now::ZERO;
        for _ in 0..PHONES {
            load.start_some(50, PHONES, now);
            turn_until(&mut load, &mut now, |load| load.phones.tally.pending < 50);
        }
        turn_until(&mut load, &mut now, |load| load.phones.tally.pending == 0);
        let all = Tally {
            started: PHONES,
            established: PHONES,
            ever_established: PHONES,
            ..Tally::default()
        };
        assert_eq!(load.phones.tally, all, "{:?}", load.phones.fates);
        assert_eq!(
            (load.manager.open(), load.manager.registered),
            (PHONES, PHONES)
        );
        let later = now + Duration::from_secs(600);
        while now < later {
            now = now + Duration::from_secs(1);
            load.turn(now);
        }
        turn_until(&mut load, &mut now, |load| load.phones.tally.started > 0);
        assert_eq!(load.phones.tally, all, "keepalives keep them");

        for index in 0..PHONES {
            load.phones.hang_up(index, &mut load.outside, now);
            load.turn(now);
        }
        turn_until(&mut load, &mut now, |load| load.manager.open() == 0);
        assert_eq!(load.phones.tally.gone, PHONES);
        assert_eq!((load.manager.broken, load.phones.tally.lost), (0, 0));
    }
}
