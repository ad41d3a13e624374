//! Transmit queues from which nothing leaves although the link is up: a peer that is connected with
//! fewer queues than there are workers, or one that reads no more. DPDK says nothing of either.
//!
//! A memif in particular shows the queues that were asked for, not those that its peer agreed to,
//! and takes one that it has no ring for to be the first of all: what is sent by it may seem to be
//! taken. The driver counts only the queues that were agreed to.

use std::time::Duration;

use abi::Now;
use abi::policy::{Device, DeviceKind};
use abi::records::{DeviceRecord, PortQueues};

/// How long nothing leaves before it is told. A peer may well pause for less.
const LONG: Duration = Duration::from_secs(1);

/// What was seen of one worker's transmit queue on one port.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stall {
    /// Frames that were put into the queue, or were to be.
    offered: u64,
    /// Frames that left by it.
    left: u64,
    /// When it was first offered a frame since the last one left.
    since: Option<Now>,
    told: bool,
}

impl Stall {
    /// Looks at the queue of `worker` on a port; `true` once a stall, when it is time to tell of it.
    pub(crate) fn look(
        &mut self,
        (device, port): (&Device, &DeviceRecord),
        (worker, queues): (usize, &PortQueues),
        now: Now,
    ) -> bool {
        let left = counted(device, port, worker).unwrap_or(queues.tx_taken);
        let offered = queues.tx_taken.saturating_add(queues.tx_refused);
        self.note(offered, left, port.link_up, now)
    }

    fn note(&mut self, offered: u64, left: u64, link_up: bool, now: Now) -> bool {
        if !link_up || left != self.left {
            *self = Self {
                offered,
                left,
                ..Self::default()
            };
            return false;
        }
        if offered == self.offered {
            return false;
        }
        self.offered = offered;
        let since = *self.since.get_or_insert(now);
        let due = !self.told && now.since(since) >= LONG;
        self.told |= due;
        due
    }
}

/// What a driver has counted by the queue of `worker`, if it is to be believed. That of memif is;
/// those of NICs may count all queues as the first.
fn counted(device: &Device, port: &DeviceRecord, worker: usize) -> Option<u64> {
    let DeviceKind::Vdev(vdev) = &device.kind else {
        return None;
    };
    let queue = port.queues.get(worker)?;
    vdev.starts_with("net_memif").then_some(queue.tx_packets)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks every half second at a queue that was offered so many frames, of which so many left.
    fn told(looks: &[(u64, u64, bool)]) -> Vec<usize> {
        let mut stall = Stall::default();
        let looks = (0_u64..).zip(looks);
        let due = looks.filter(|&(at, &(offered, left, link_up))| {
            let now = Now::from_nanos(at * 500_000_000);
            stall.note(offered, left, link_up, now)
        });
        due.map(|(at, _)| usize::try_from(at).unwrap()).collect()
    }

    #[test]
    fn a_queue_from_which_nothing_leaves_is_told_of_once() {
        let never = [1, 2, 3, 4, 5].map(|offered| (offered, 0, true));
        assert_eq!(told(&never), [2]);
        let not_any_more = [(9, 9, true), (10, 9, true), (14, 9, true), (16, 9, true)];
        assert_eq!(told(&not_any_more), [3]);
    }

    #[test]
    fn a_queue_from_which_some_leave_or_that_is_offered_none_is_not() {
        let some_leave = [1, 2, 3, 4].map(|frames| (2 * frames, frames, true));
        assert!(told(&some_leave).is_empty());
        assert!(told(&[(1, 0, true); 5]).is_empty());
    }

    #[test]
    fn without_a_link_nothing_is_expected() {
        let mut looks = [1, 2, 3, 4].map(|offered| (offered, 0, false)).to_vec();
        assert!(told(&looks).is_empty());
        looks.extend([5, 6, 7].map(|offered| (offered, 0, true)));
        assert_eq!(told(&looks), [6], "the time runs from the link on");
    }

    #[test]
    fn what_a_memif_only_seems_to_take_does_not_leave() {
        let device = |vdev: &str| Device {
            name: "wan".into(),
            kind: DeviceKind::Vdev(vdev.into()),
            mtu: 1_500,
            descriptors: 512,
        };
        let port = DeviceRecord {
            link_up: true,
            ..DeviceRecord::default()
        };
        let tells = |vdev: &str| {
            let (device, mut stall) = (device(vdev), Stall::default());
            (1..5).any(|second| {
                let queues = PortQueues {
                    tx_taken: second,
                    ..PortQueues::default()
                };
                let now = Now::from_nanos(second * 1_000_000_000);
                stall.look((&device, &port), (1, &queues), now)
            })
        };
        assert!(tells("net_memif0,role=server"));
        assert!(!tells("net_af_packet0,iface=eth1"));
    }
}
