//! What need not be done every turn: the network's timers, a new policy, records of media.

use std::sync::Arc;

use abi::Now;
use flow::PortSlice;
use wire::Nic;

use crate::Worker;
use crate::policy::Policy;
use crate::setup::{port_map, tcp_params, worker_number};

impl<N: Nic> Worker<N> {
    pub(crate) fn housekeep(&mut self, now: Now) {
        if self.net.stack.next_deadline().is_some_and(|at| now >= at) {
            let (stack, ports) = self.net.parts();
            stack.poll(now, ports);
            self.net.ports.flush();
        }
        if let Some(policy) = self.policies.take() {
            self.obey(policy);
        }
        self.provision(now);
        self.media.publish(&self.layout, self.id, now);
        self.tell_of_itself(now);
    }

    /// Puts a new policy in force. Sessions keep the application that they began under, unless the
    /// policy is enforced; the listeners, routes and settings of the new one hold for what comes
    /// next.
    fn obey(&mut self, policy: Arc<Policy>) {
        let image = &policy.image;
        let infos = self.net.ports.infos();
        if let Err(error) = self
            .net
            .stack
            .configure(&image.interfaces, &image.routes, &infos)
        {
            tracing::error!(%error, generation = policy.generation, "policy refused by a worker");
            self.layout.refuse_generation(policy.generation);
            if let Some(enforcement) = &policy.enforcement {
                enforcement.leave(self.id);
            }
            return;
        }
        // With several workers a port names the owner of a live flow: the cut must not move.
        if image.tcp.ports != self.policy.image.tcp.ports
            && self.workers == 1
            && let Ok(map) = port_map(image, self.workers)
        {
            let seed = self.turns ^ policy.generation;
            self.tcp_ports = PortSlice::new(&map, worker_number(self.id), seed);
            self.tcp_map = map;
        }
        self.tcp_params = tcp_params(image, &infos);
        self.media.configure(&image.media, image.rtp);
        match &policy.enforcement {
            Some(enforcement) => self.begin_sweep(Arc::clone(enforcement), policy.generation),
            None => self.layout.acknowledge(self.id, policy.generation),
        }
        self.policy = policy;
    }
}
