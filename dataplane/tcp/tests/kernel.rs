//! Legs against the kernel's TCP, over a TUN interface. `tests/kernel.sh` builds the network
//! namespace that they need.

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::io::{Read, Write};
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
    use std::os::fd::AsRawFd;
    use std::thread;
    use std::time::{Duration, Instant};

    use abi::Now;
    use smoltcp::phy::{Device, Medium, RxToken, TunTapInterface, TxToken, wait};
    use smoltcp::wire::{IpVersion, Ipv4Packet, Ipv6Packet, TcpPacket};
    use tcp::{CloseCause, Cookies, IsnSource, Params, State, TcpLeg, Transmit, reset_for};
    use wire::TxChecksums;
    use wire::offload::complete_tcp;

    const KERNEL: [IpAddr; 2] = [
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)),
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2)),
    ];
    const OURS: [IpAddr; 2] = [
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
    ];
    const PORT: u16 = 5_061;

    /// Our end of the interface, which may lose packets both ways.
    struct Tun {
        device: TunTapInterface,
        loss_in_1000: u32,
        random: u32,
    }

    impl Tun {
        fn loses(&mut self) -> bool {
            self.random = self
                .random
                .wrapping_mul(1_664_525)
                .wrapping_add(1_013_904_223);
            (self.random >> 16) % 1_000 < self.loss_in_1000
        }

        fn receive(&mut self) -> Option<Vec<u8>> {
            loop {
                let (token, _) = self.device.receive(smoltcp::time::Instant::ZERO)?;
                let packet = token.consume(<[u8]>::to_vec);
                if !self.loses() {
                    return Some(packet);
                }
            }
        }
    }

    impl Transmit for Tun {
        fn transmit(&mut self, len: usize, fill: &mut dyn FnMut(&mut [u8])) -> bool {
            if self.loses() {
                fill(&mut vec![0; len]);
                return true;
            }
            let token = self.device.transmit(smoltcp::time::Instant::ZERO).unwrap();
            token.consume(len, |buffer| {
                fill(buffer);
                complete_tcp(buffer, TxChecksums::NONE).unwrap();
            });
            true
        }
    }

    /// A host of many legs, as a worker is.
    struct Host {
        tun: Tun,
        cookies: Cookies,
        isns: IsnSource,
        params: Params,
        legs: HashMap<(SocketAddr, SocketAddr), TcpLeg>,
        begun: Instant,
    }

    impl Host {
        #[expect(
            clippy::disallowed_methods,
            reason = "the kernel's clock is the real one"
        )]
        fn new(params: Params, loss_in_1000: u32) -> Self {
            let device = TunTapInterface::new("ucp0", Medium::Ip).unwrap();
            Self {
                tun: Tun {
                    device,
                    loss_in_1000,
                    random: 1,
                },
                cookies: Cookies::new(&[5; 32], &params, Now::ZERO),
                isns: IsnSource::new(&[6; 32]),
                params,
                legs: HashMap::new(),
                begun: Instant::now(),
            }
        }

        fn now(&self) -> Now {
            Now::ZERO + self.begun.elapsed()
        }

        fn connect(&mut self, local: SocketAddr, remote: SocketAddr) {
            let now = self.now();
            let isn = self.isns.isn(local, remote, now);
            let leg = TcpLeg::connect(local, remote, isn, &self.params, now).unwrap();
            self.legs.insert((local, remote), leg);
        }

        /// Waits for packets and timers until `done`, giving each leg to `serve` at every turn.
        fn run(&mut self, mut serve: impl FnMut(&mut TcpLeg), done: impl Fn(&Self) -> bool) {
            while !done(self) {
                assert!(
                    self.begun.elapsed() < Duration::from_secs(300),
                    "{:?}",
                    self.legs
                );
                wait(
                    self.tun.device.as_raw_fd(),
                    Some(smoltcp::time::Duration::from_millis(1)),
                )
                .unwrap();
                while let Some(packet) = self.tun.receive() {
                    self.on_packet(&packet);
                }
                let now = self.now();
                for leg in self.legs.values_mut() {
                    serve(leg);
                    leg.poll(now, &mut self.tun);
                }
            }
        }

        fn on_packet(&mut self, packet: &[u8]) {
            let now = self.now();
            let Some(flow) = flow_of(packet) else { return };
            if let Some(leg) = self.legs.get_mut(&flow) {
                let _ = leg.on_segment(packet, now, &mut self.tun);
            } else if flow.0.port() == PORT {
                if self.cookies.on_syn(packet, now, &mut self.tun).is_ok() {
                    return;
                }
                if let Ok(accepted) = self.cookies.on_ack(packet, now) {
                    let (params, tun) = (&self.params, &mut self.tun);
                    let leg = TcpLeg::accept(&accepted, packet, params, now, tun).unwrap();
                    self.legs.insert(flow, leg);
                } else {
                    reset_for(packet, &mut self.tun);
                }
            }
        }
    }

    fn flow_of(packet: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
        let (source, destination, bytes): (IpAddr, IpAddr, _) = match IpVersion::of_packet(packet) {
            Ok(IpVersion::Ipv4) => {
                let ip = Ipv4Packet::new_checked(packet).ok()?;
                (ip.src_addr().into(), ip.dst_addr().into(), ip.payload())
            }
            Ok(IpVersion::Ipv6) => {
                let ip = Ipv6Packet::new_checked(packet).ok()?;
                (ip.src_addr().into(), ip.dst_addr().into(), ip.payload())
            }
            Err(_) => return None,
        };
        if destination.is_multicast() {
            return None;
        }
        let tcp = TcpPacket::new_checked(bytes).ok()?;
        Some((
            SocketAddr::new(destination, tcp.dst_port()),
            SocketAddr::new(source, tcp.src_port()),
        ))
    }

    fn pattern(len: usize) -> Vec<u8> {
        (0..len)
            .map(|i| i.wrapping_mul(31).to_le_bytes()[i % 2])
            .collect()
    }

    /// Sends back what it gets, and finishes when its peer has.
    fn echo(leg: &mut TcpLeg) {
        while leg.unread() > 0 && leg.send_room() > 0 {
            let mut held = Vec::new();
            let room = leg.send_room();
            leg.recv(|octets| {
                held.extend_from_slice(&octets[..octets.len().min(room)]);
                held.len()
            });
            assert_eq!(leg.send(&held), held.len());
        }
        if leg.peer_finished() && !leg.is_finished() {
            leg.finish();
        }
    }

    /// Writes all of `data`, finishes, and reads to the end.
    fn exchange(mut stream: TcpStream, data: Vec<u8>) -> Vec<u8> {
        let mut writer = stream.try_clone().unwrap();
        let writing = thread::spawn(move || {
            writer.write_all(&data).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut got = Vec::new();
        stream.read_to_end(&mut got).unwrap();
        writing.join().unwrap();
        got
    }

    /// The usual, but the kernel may take long to bring its device up.
    fn patient() -> Params {
        Params {
            connect: Duration::from_secs(100),
            ..Params::default()
        }
    }

    fn kernel_connects(params: Params, loss_in_1000: u32, len: usize) {
        let mut host = Host::new(params, loss_in_1000);
        let data = pattern(len);
        for ours in OURS {
            let sent = data.clone();
            let kernel =
                thread::spawn(move || exchange(TcpStream::connect((ours, PORT)).unwrap(), sent));
            host.run(echo, |_| kernel.is_finished());
            assert!(kernel.join().unwrap() == data, "{ours}");
            host.run(echo, |host| host.legs.values().all(TcpLeg::is_done));
            let finished = State::Closed(CloseCause::Finished);
            assert!(
                host.legs.values().all(|leg| leg.state() == finished),
                "{:?}",
                host.legs
            );
        }
    }

    fn we_connect(params: Params, loss_in_1000: u32, len: usize) {
        let mut host = Host::new(params, loss_in_1000);
        for (kernel, ours) in KERNEL.into_iter().zip(OURS) {
            let listener = TcpListener::bind((kernel, 0)).unwrap();
            let server = listener.local_addr().unwrap();
            let data = pattern(len);
            let sent = data.clone();
            let thread = thread::spawn(move || exchange(listener.accept().unwrap().0, sent));
            host.connect(SocketAddr::new(ours, 20_001), server);
            host.run(echo, |_| thread.is_finished());
            assert!(thread.join().unwrap() == data, "{kernel}");
            host.run(echo, |host| host.legs.values().all(TcpLeg::is_done));
        }
    }

    #[test]
    #[ignore = "needs root and a network namespace: run tests/kernel.sh"]
    fn kernel_client_is_served() {
        kernel_connects(patient(), 0, 1_000_000);
    }

    #[test]
    #[ignore = "needs root and a network namespace: run tests/kernel.sh"]
    fn kernel_client_is_served_with_scaled_windows() {
        let large = Params {
            rx_buffer: 1 << 20,
            tx_buffer: 1 << 20,
            ..patient()
        };
        kernel_connects(large, 0, 5_000_000);
    }

    #[test]
    #[ignore = "needs root and a network namespace: run tests/kernel.sh"]
    fn kernel_client_is_served_over_a_bad_line() {
        kernel_connects(patient(), 20, 100_000);
    }

    #[test]
    #[ignore = "needs root and a network namespace: run tests/kernel.sh"]
    fn kernel_server_is_reached() {
        we_connect(patient(), 0, 1_000_000);
    }

    #[test]
    #[ignore = "needs root and a network namespace: run tests/kernel.sh"]
    fn kernel_server_is_reached_over_a_bad_line() {
        we_connect(patient(), 20, 100_000);
    }

    #[test]
    #[ignore = "needs root and a network namespace: run tests/kernel.sh"]
    fn kernel_that_does_not_listen_refuses() {
        let mut host = Host::new(patient(), 0);
        host.connect(
            SocketAddr::new(OURS[0], 20_002),
            SocketAddr::new(KERNEL[0], 9),
        );
        host.run(|_| {}, |host| host.legs.values().all(TcpLeg::is_done));
        let refused = State::Closed(CloseCause::Refused);
        assert!(
            host.legs.values().all(|leg| leg.state() == refused),
            "{:?}",
            host.legs
        );
    }

    #[test]
    #[ignore = "needs root and a network namespace: run tests/kernel.sh"]
    fn reset_by_the_kernel_is_noticed_and_ours_is_too() {
        let mut host = Host::new(patient(), 0);
        // A kernel socket that is closed with octets unread resets its peer.
        let kernel = thread::spawn(|| {
            let stream = TcpStream::connect((OURS[0], PORT)).unwrap();
            stream.peek(&mut [0]).unwrap();
        });
        let greet = |leg: &mut TcpLeg| {
            if leg.pending() == 0 && leg.send_room() > 0 {
                leg.send(b"unread");
            }
        };
        host.run(greet, |host| {
            !host.legs.is_empty() && host.legs.values().all(TcpLeg::is_done)
        });
        kernel.join().unwrap();
        let reset = State::Closed(CloseCause::Reset);
        assert!(
            host.legs.values().all(|leg| leg.state() == reset),
            "{:?}",
            host.legs
        );

        let kernel = thread::spawn(|| {
            let mut stream = TcpStream::connect((OURS[0], PORT)).unwrap();
            stream.write_all(b"hello").unwrap();
            stream.read(&mut [0]).unwrap_err().kind()
        });
        let refuse = |leg: &mut TcpLeg| {
            if leg.unread() > 0 {
                leg.abort();
            }
        };
        host.run(refuse, |_| kernel.is_finished());
        assert_eq!(kernel.join().unwrap(), std::io::ErrorKind::ConnectionReset);
    }

    #[test]
    #[ignore = "needs root and a network namespace: run tests/kernel.sh"]
    fn kernel_is_held_back_while_the_owner_does_not_read() {
        let mut host = Host::new(patient(), 0);
        let data = pattern(50_000);
        let sent = data.clone();
        let kernel =
            thread::spawn(move || exchange(TcpStream::connect((OURS[0], PORT)).unwrap(), sent));
        let buffer = host.params.rx_buffer;
        host.run(
            |_| {},
            |host| host.legs.values().any(|leg| leg.unread() == buffer),
        );
        let since = host.now();
        host.run(
            |_| {},
            |host| host.now().since(since) > Duration::from_millis(700),
        );
        assert!(host.legs.values().all(|leg| leg.unread() == buffer));
        host.run(echo, |_| kernel.is_finished());
        assert!(kernel.join().unwrap() == data);
    }
}
