//! The policy as it crosses shared memory: compiled, checked, and free of secrets.
//!
//! `control/policy` builds a [`PolicyImage`] from YAML; the data plane's management thread turns
//! it into the tables that workers use. Indices (`u16`) name entries of the lists in the same
//! image; [`PolicyImage::decode`] refuses an image in which one points nowhere. Keys are named by
//! [`KeyId`] and travel beside the image (see [`crate::secrets`]).

mod application;
mod boot;
mod network;
mod settings;

use core::hash::Hasher;
use std::hash::DefaultHasher;

use postcard_schema::Schema;
use serde::{Deserialize, Serialize};

pub use application::{
    Application, ClientAuth, ClientTls, KeyId, Listener, MediaTermination, ServerTls, Source,
    Trustpoint, UcServer,
};
pub use boot::{Boot, Device, DeviceKind, Idle, Memory};
pub use network::{ForwardRule, Interface, Prefix, Route};
pub use settings::{RtpSettings, TcpSettings, TlsProvider, TlsSettings};

/// Everything that workers obey. See the module's head.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct PolicyImage {
    /// What is read once, when the data plane starts.
    pub boot: Boot,
    /// Layer 3 interfaces.
    pub interfaces: Vec<Interface>,
    /// Static routes; connected prefixes are implied.
    pub routes: Vec<Route>,
    /// What may be routed from one interface to another; anything else is dropped.
    pub forward: Vec<ForwardRule>,
    /// Certificates.
    pub trustpoints: Vec<Trustpoint>,
    /// Call managers and their like.
    pub servers: Vec<UcServer>,
    /// Addresses and ports that media ends at.
    pub media: Vec<MediaTermination>,
    /// Proxy applications.
    pub apps: Vec<Application>,
    /// TCP settings.
    pub tcp: TcpSettings,
    /// TLS settings that hold for every application.
    pub tls: TlsSettings,
    /// Media settings.
    pub rtp: RtpSettings,
}

/// Why an image cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// The octets are no image of this layout version.
    #[error("policy image does not decode")]
    Malformed,
    /// An index points past the end of its list.
    #[error("policy image: {0} names an entry that is not there")]
    DanglingIndex(&'static str),
}

impl PolicyImage {
    /// The image as octets for [`crate::publish::PolicySlots::publish`].
    ///
    /// # Errors
    /// [`ImageError::Malformed`] when a length does not fit; cannot happen to an image that fits
    /// in memory.
    pub fn encode(&self) -> Result<Vec<u8>, ImageError> {
        postcard::to_allocvec(self).map_err(|_| ImageError::Malformed)
    }

    /// Reads an image and checks every index in it.
    ///
    /// # Errors
    /// See [`ImageError`].
    pub fn decode(octets: &[u8]) -> Result<Self, ImageError> {
        let (image, rest) =
            postcard::take_from_bytes::<Self>(octets).map_err(|_| ImageError::Malformed)?;
        if !rest.is_empty() {
            return Err(ImageError::Malformed);
        }
        image.check_indices()?;
        Ok(image)
    }

    /// A hash of what takes a restart of the data plane to change: the boot section and, where
    /// several workers divide the local TCP ports among them, those ports.
    #[must_use]
    pub fn restart_hash(&self) -> u64 {
        let ports = (self.boot.workers > 1).then_some(self.tcp.ports);
        let octets = postcard::to_allocvec(&(&self.boot, ports)).unwrap_or_default();
        let mut hasher = DefaultHasher::new();
        hasher.write(&octets);
        hasher.finish()
    }

    fn check_indices(&self) -> Result<(), ImageError> {
        let check = |index: u16, len: usize, what| {
            if usize::from(index) < len {
                Ok(())
            } else {
                Err(ImageError::DanglingIndex(what))
            }
        };
        let interfaces = self.interfaces.len();
        for interface in &self.interfaces {
            check(
                interface.device,
                self.boot.devices.len(),
                "interface device",
            )?;
        }
        for route in &self.routes {
            check(route.interface, interfaces, "route interface")?;
        }
        for rule in &self.forward {
            check(rule.from, interfaces, "forward rule interface")?;
            check(rule.to, interfaces, "forward rule interface")?;
        }
        for media in &self.media {
            check(media.interface, interfaces, "media interface")?;
        }
        for app in &self.apps {
            for listener in &app.listeners {
                check(listener.interface, interfaces, "listener interface")?;
                check(listener.server, self.servers.len(), "listener server")?;
            }
            for &media in app.client_media.iter().chain(&app.server_media) {
                check(media, self.media.len(), "application media")?;
            }
            for trustpoint in app.trustpoints() {
                check(trustpoint, self.trustpoints.len(), "application trustpoint")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use core::net::IpAddr;

    use super::*;

    #[test]
    fn image_round_trips_and_refuses_rest() {
        let image = PolicyImage::default();
        let mut octets = image.encode().unwrap();
        assert_eq!(PolicyImage::decode(&octets), Ok(image));
        octets.push(0);
        assert_eq!(PolicyImage::decode(&octets), Err(ImageError::Malformed));
    }

    #[test]
    fn dangling_index_is_refused() {
        let image = PolicyImage {
            media: vec![MediaTermination {
                name: "m".into(),
                interface: 3,
                address: IpAddr::from([192, 0, 2, 1]),
                udp_port_min: 2,
                udp_port_max: 5,
            }],
            ..PolicyImage::default()
        };
        let octets = image.encode().unwrap();
        assert_eq!(
            PolicyImage::decode(&octets),
            Err(ImageError::DanglingIndex("media interface"))
        );
    }

    #[test]
    fn truncated_image_is_refused_at_every_length() {
        let octets = PolicyImage::default().encode().unwrap();
        for len in 0..octets.len() {
            assert!(PolicyImage::decode(&octets[..len]).is_err(), "{len}");
        }
    }
}
