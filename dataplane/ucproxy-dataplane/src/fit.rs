//! A later policy on the ports that run: what takes a restart stays as it is, and the rest of the
//! policy holds as far as those ports carry it.

use abi::policy::{Device, Interface, PolicyImage};

/// The port of an interface that is on none.
const NOWHERE: u16 = u16::MAX;

/// The ports that run, and which interface is on which.
#[derive(Debug)]
pub(crate) struct Fitting {
    /// The devices that were opened at the start, in the order of the workers' ports.
    devices: Vec<Device>,
    /// Interfaces of the policy in force, on ports.
    interfaces: Vec<Interface>,
}

impl Fitting {
    /// What runs once the devices of `image` are open.
    pub(crate) fn of(image: &PolicyImage) -> Self {
        Self {
            devices: image.boot.devices.clone(),
            interfaces: image.interfaces.clone(),
        }
    }

    /// The devices of the ports.
    pub(crate) fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// Has the interfaces of `image` number the ports that run, and leaves out those that no port
    /// carries, with all that needs them. Returns the names of those left out.
    pub(crate) fn fit(&self, image: &mut PolicyImage) -> Vec<String> {
        let mut placed = vec![None; image.interfaces.len()];
        // Its own device first: no interface is pushed off it by one that only stays behind.
        for place in [Self::by_device, Self::as_before] {
            for (at, interface) in image.interfaces.iter().enumerate() {
                let free = |&port: &u16| {
                    let mut links = image.interfaces.iter().zip(&placed);
                    !links.any(|(i, p)| (i.vlan, *p) == (interface.vlan, Some(port)))
                };
                let port = place(self, image, interface).filter(free);
                if let Some(slot @ None) = placed.get_mut(at) {
                    *slot = port;
                }
            }
        }
        for (interface, port) in image.interfaces.iter_mut().zip(placed) {
            interface.device = port.unwrap_or(NOWHERE);
        }
        leave_out(image)
    }

    /// The policy that [`Self::fit`] made of an image is in force.
    pub(crate) fn note(&mut self, image: &PolicyImage) {
        self.interfaces.clone_from(&image.interfaces);
    }

    /// The port of its device, which may have been given other settings or another name.
    fn by_device(&self, image: &PolicyImage, interface: &Interface) -> Option<u16> {
        let wanted = image.boot.devices.get(usize::from(interface.device))?;
        let named = self.position(|device| device.name == wanted.name);
        named.or_else(|| self.position(|device| device.kind == wanted.kind))
    }

    /// The port that it is on now: its new device does not run yet.
    fn as_before(&self, _: &PolicyImage, interface: &Interface) -> Option<u16> {
        let mut before = self.interfaces.iter();
        before
            .find(|other| other.name == interface.name)
            .map(|other| other.device)
    }

    fn position(&self, is_it: impl Fn(&Device) -> bool) -> Option<u16> {
        let mut ports = (0..).zip(&self.devices);
        ports.find(|(_, device)| is_it(device)).map(|(at, _)| at)
    }
}

/// Leaves out the interfaces that are on no port, with the routes, rules, terminations and
/// listeners on them; what names others by position follows. Returns the names of the interfaces.
fn leave_out(image: &mut PolicyImage) -> Vec<String> {
    let is_out = |interface: &Interface| interface.device == NOWHERE;
    let out = image.interfaces.iter().filter(|i| is_out(i));
    let names = out.map(|interface| interface.name.clone()).collect();
    let interfaces = Moves::of(image.interfaces.iter().map(|i| !is_out(i)));
    image.interfaces.retain(|i| !is_out(i));
    image
        .routes
        .retain_mut(|route| interfaces.follow(&mut route.interface));
    image
        .forward
        .retain_mut(|rule| interfaces.follow(&mut rule.from) && interfaces.follow(&mut rule.to));
    let mut stays = Vec::with_capacity(image.media.len());
    for media in &mut image.media {
        stays.push(interfaces.follow(&mut media.interface));
    }
    let media = Moves::of(stays.iter().copied());
    let mut stays = stays.into_iter();
    image.media.retain(|_| stays.next().unwrap_or(false));
    for app in &mut image.apps {
        app.listeners
            .retain_mut(|listener| interfaces.follow(&mut listener.interface));
        app.client_media.retain_mut(|at| media.follow(at));
        app.server_media.retain_mut(|at| media.follow(at));
    }
    names
}

/// Where the entries of a list are once some are left out; `None` is left out.
struct Moves(Vec<Option<u16>>);

impl Moves {
    /// Of a list whose entries stay or not.
    fn of(stays: impl Iterator<Item = bool>) -> Self {
        let mut next = 0..;
        let moved = |stays: bool| if stays { next.next() } else { None };
        Self(stays.map(moved).collect())
    }

    /// Changes `position` to the new one; `false` when the entry is left out.
    fn follow(&self, position: &mut u16) -> bool {
        let new = self.0.get(usize::from(*position)).copied().flatten();
        *position = new.unwrap_or(*position);
        new.is_some()
    }
}

#[cfg(test)]
mod tests {
    use abi::policy::{
        Application, DeviceKind, ForwardRule, Listener, MediaTermination, Prefix, Route, Source,
    };

    use super::*;

    fn device(name: &str, kind: &str) -> Device {
        Device {
            name: name.into(),
            kind: DeviceKind::Vdev(kind.into()),
            mtu: 1_500,
            descriptors: 1_024,
        }
    }

    fn interface(name: &str, device: u16) -> Interface {
        Interface {
            name: name.into(),
            device,
            vlan: None,
            addresses: Vec::new(),
            owned: Vec::new(),
            reassemble: false,
        }
    }

    /// A policy with these devices, and an interface `i0`, `i1`, … on each.
    fn image(devices: &[(&str, &str)]) -> PolicyImage {
        let mut image = PolicyImage::default();
        image.boot.devices = devices.iter().map(|(n, k)| device(n, k)).collect();
        let interfaces = (0..).zip(devices);
        image.interfaces = interfaces
            .map(|(at, _)| interface(&format!("i{at}"), at))
            .collect();
        image
    }

    fn ports(image: &PolicyImage) -> Vec<(&str, u16)> {
        let interfaces = image.interfaces.iter();
        interfaces.map(|i| (i.name.as_str(), i.device)).collect()
    }

    #[test]
    fn interfaces_stay_on_their_ports_when_devices_change_places_settings_or_names() {
        let running = Fitting::of(&image(&[("out", "a,qpairs=2"), ("in", "b,qpairs=2")]));
        for devices in [
            [("in", "b,qpairs=2"), ("out", "a,qpairs=2")],
            [("in", "b,qpairs=1"), ("out", "a,qpairs=1")],
            [("lan", "b,qpairs=2"), ("wan", "a,qpairs=2")],
        ] {
            let mut changed = image(&devices);
            assert_eq!(running.fit(&mut changed), [""; 0]);
            assert_eq!(ports(&changed), [("i0", 1), ("i1", 0)]);
        }
    }

    #[test]
    fn an_interface_that_moves_to_a_device_to_come_stays_where_it_is() {
        let running = Fitting::of(&image(&[("out", "a"), ("in", "b")]));
        let mut changed = image(&[("out", "a"), ("new", "c")]);
        assert_eq!(running.fit(&mut changed), [""; 0]);
        assert_eq!(ports(&changed), [("i0", 0), ("i1", 1)]);
        // Not if another interface takes that place.
        let mut changed = image(&[("new", "c"), ("out", "a")]);
        assert_eq!(running.fit(&mut changed), ["i0"]);
        assert_eq!(ports(&changed), [("i1", 0)]);
    }

    #[test]
    fn what_is_on_no_port_is_left_out_with_all_that_needs_it() {
        let running = Fitting::of(&image(&[("out", "a")]));
        let mut changed = image(&[("new", "c"), ("out", "a")]);
        let prefix = Prefix {
            address: [10, 0, 0, 0].into(),
            len: 8,
        };
        let route = |interface| Route {
            prefix,
            via: None,
            interface,
        };
        changed.routes = vec![route(0), route(1)];
        changed.forward = [(0, 1), (1, 1)]
            .map(|(from, to)| ForwardRule {
                from,
                to,
                source: None,
                destination: None,
                protocol: None,
                ports: None,
            })
            .to_vec();
        let media = |interface| MediaTermination {
            name: format!("on-{interface}"),
            interface,
            address: prefix.address,
            udp_port_min: 2,
            udp_port_max: 3,
        };
        changed.media = vec![media(0), media(1)];
        let listener = |interface| Listener {
            interface,
            address: prefix.address,
            tcp_port: 5_061,
            server: 0,
        };
        changed.apps = vec![Application {
            name: "phones".into(),
            kind: "phone-proxy".into(),
            listeners: vec![listener(0), listener(1)],
            client_tls: None,
            server_tls: None,
            source: Source::Client,
            client_media: vec![0],
            server_media: vec![1],
            config: Vec::new(),
        }];
        // `i0` was never on a port; `i1` takes the place that it would have.
        assert_eq!(running.fit(&mut changed), ["i0"]);
        assert_eq!(changed.routes, [route(0)]);
        assert_eq!(changed.forward.len(), 1);
        assert_eq!((changed.forward[0].from, changed.forward[0].to), (0, 0));
        assert_eq!(changed.media[0].name, "on-1");
        assert_eq!(changed.media[0].interface, 0);
        let app = &changed.apps[0];
        assert_eq!(app.listeners, [listener(0)]);
        assert_eq!(
            (&app.client_media[..], &app.server_media[..]),
            (&[][..], &[0][..])
        );
    }
}
