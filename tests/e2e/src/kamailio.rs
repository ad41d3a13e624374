//! Kamailio in place of a call manager: registrar and proxy on the inside network.

use std::net::{IpAddr, SocketAddr, TcpStream};

use nix::sys::signal::Signal;

use crate::certs::Request;
use crate::error::Result;
use crate::lab::{Host, Lab};
use crate::process::{Log, Process};
use crate::template::{fill, write};
use crate::wait::{STEP, until};

/// TCP and UDP port for clear signalling.
pub const SIP_PORT: u16 = 5060;
/// TCP port for TLS.
pub const SIPS_PORT: u16 = 5061;

/// A running Kamailio.
#[derive(Debug)]
pub struct Kamailio {
    process: Process,
}

/// A SIP message that Kamailio received.
#[derive(Clone, Debug)]
pub struct Received {
    /// Transport, address and port that it came from, such as `tcp:192.0.2.7:20001`.
    pub from: String,
    /// The message.
    pub text: String,
}

impl Kamailio {
    /// Starts Kamailio in the inside namespace and waits until it listens.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(lab: &Lab) -> Result<Self> {
        let dir = lab.subdir("manager")?;
        let (v4, v6) = (
            Host::Manager.v4().to_string(),
            Host::Manager.v6().to_string(),
        );
        let identity = lab
            .authority
            .issue(&Request::server("manager", &[&v4, &v6]))?;
        let text = fill(
            include_str!("../config/kamailio.cfg"),
            &[
                ("MANAGER4", &v4),
                ("MANAGER6", &v6),
                ("KEY", &identity.key.display().to_string()),
                ("CERT", &identity.cert.display().to_string()),
                ("CA", &lab.authority.ca().display().to_string()),
            ],
        )?;
        let config = write(&dir.join("kamailio.cfg"), &text)?;
        let run_dir = dir.display().to_string();
        let pid_file = dir.join("pid").display().to_string();
        let command = [
            "kamailio", "-DD", "-E", "-f", &config, "-P", &pid_file, "-Y", &run_dir, "-m", "64",
            "-M", "8",
        ];
        let mut process = Process::start(&lab.inside, &dir, "kamailio", &command)?;
        let address = SocketAddr::new(Host::Manager.v4(), SIPS_PORT);
        until("Kamailio's TLS port", STEP, || {
            process.check_running()?;
            lab.inside
                .enter(|| Ok(TcpStream::connect(address).ok().map(drop)))
        })?;
        Ok(Self { process })
    }

    /// What it logged.
    #[must_use]
    pub const fn log(&self) -> &Log {
        self.process.log()
    }

    /// Waits until `user` is registered; returns where the request came from, such as
    /// `tcp:192.0.2.7:20001`.
    ///
    /// # Errors
    /// When that does not happen in time.
    pub fn wait_registered(&self, user: &str) -> Result<String> {
        let line = self.log().wait(&format!("REGISTERED {user} "), STEP)?;
        Ok(line.rsplit(' ').next().unwrap_or_default().to_owned())
    }

    /// Every message received since `log` was marked, in order.
    #[must_use]
    pub fn received(log: &Log) -> Vec<Received> {
        let text = log.text();
        text.split("RECEIVED from ")
            .skip(1)
            .filter_map(|part| {
                let (from, rest) = part.split_once('\n')?;
                let (message, _) = rest.split_once("\nEND OF MESSAGE")?;
                Some(Received {
                    from: from.trim().to_owned(),
                    text: message.to_owned(),
                })
            })
            .collect()
    }

    /// Ends it as an operator would.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(mut self) -> Result<()> {
        self.process.signal(Signal::SIGTERM);
        self.process.wait_exit(STEP).map(|_| ())
    }

    /// The address that phones on its own network use.
    #[must_use]
    pub fn address(family: crate::lab::Family) -> IpAddr {
        Host::Manager.address(family)
    }
}
