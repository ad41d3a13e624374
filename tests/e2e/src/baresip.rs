//! Phones: baresip with a tone in place of a microphone and a recorder in place of a loudspeaker.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::certs::Identity;
use crate::ctrl::{Control, Event};
use crate::error::{Failure, Result};
use crate::lab::Lab;
use crate::netns::Netns;
use crate::process::Process;
use crate::template::{fill, write};
use crate::wait::{STEP, until};
use crate::wav;

/// Seconds of tone that a phone has to play where nobody says: longer than most calls.
pub const TONE_S: u32 = 300;

/// How a phone reaches its call manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// SIP over UDP.
    Udp,
    /// SIP over TCP.
    Tcp,
    /// SIP over TLS, with a client certificate.
    Tls,
}

impl Transport {
    const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

/// Whether a phone answers by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// At once.
    Auto,
    /// When told to.
    Manual,
}

/// A phone to start.
#[derive(Clone, Debug)]
pub struct PhoneSpec<'a> {
    /// Its number.
    pub user: &'a str,
    /// Its own address.
    pub address: IpAddr,
    /// Where it looks for its call manager.
    pub manager: SocketAddr,
    /// How it reaches it.
    pub transport: Transport,
    /// SRTP with keys in the SDP (RFC 4568), or it will not talk.
    pub srtp: bool,
    /// Its certificate.
    pub identity: &'a Identity,
    /// What it plays.
    pub tone_hz: f64,
    /// Seconds for which it can play; at the end of them it hangs up.
    pub tone_s: u32,
    /// Whether it answers by itself.
    pub answer: Answer,
}

/// A running phone.
#[derive(Debug)]
pub struct Phone {
    process: Process,
    control: Control,
    dir: PathBuf,
    manager: SocketAddr,
    /// Recordings of calls that are over.
    old_recordings: BTreeSet<PathBuf>,
    /// Events of earlier calls end here.
    mark: usize,
}

impl Phone {
    /// Starts a phone in `netns`; it registers by itself.
    ///
    /// # Errors
    /// When baresip does not start.
    pub fn start(lab: &Lab, netns: &Netns, spec: &PhoneSpec<'_>) -> Result<Self> {
        static CONTROL_PORTS: AtomicU16 = AtomicU16::new(4444);
        let control_port = CONTROL_PORTS.fetch_add(1, Relaxed);
        let dir = lab.subdir(&format!("phone-{}", spec.user))?;
        wav::write_tone(&dir.join("tone.wav"), spec.tone_hz, spec.tone_s)?;
        write(&dir.join("contacts"), "")?;
        write(&dir.join("accounts"), &account(spec))?;
        let config = fill(
            include_str!("../config/baresip.conf"),
            &[
                ("LISTEN", &host(spec.address)),
                ("INTERFACE", &spec.address.to_string()),
                ("IDENTITY", &spec.identity.both.display().to_string()),
                ("CA", &lab.authority.ca().display().to_string()),
                ("DIR", &dir.display().to_string()),
                ("RTP_PORTS", "10000-10998"),
                ("CONTROL_PORT", &control_port.to_string()),
            ],
        )?;
        write(&dir.join("config"), &config)?;
        let config_dir = dir.display().to_string();
        let process = Process::start(
            netns,
            &dir,
            "baresip",
            &["baresip", "-v", "-s", "-f", &config_dir],
        )?;
        let control = Control::connect(netns, control_port)
            .map_err(|e| Failure::Unexpected(format!("{e}\n{}", process.log().tail())))?;
        Ok(Self {
            process,
            control,
            dir,
            manager: spec.manager,
            old_recordings: BTreeSet::new(),
            mark: 0,
        })
    }

    /// Waits until the call manager has accepted its registration.
    ///
    /// # Errors
    /// When it refused, or nothing came in time.
    pub fn wait_registered(&mut self) -> Result<()> {
        // baresip may have registered before the control port was connected.
        let log = self.process.log().clone();
        until("registration", STEP, || {
            if log.text().contains(" 200 OK (") {
                return Ok(Some(()));
            }
            Ok(None)
        })
        .map_err(|e| Failure::Unexpected(format!("{e}\n{}", log.tail())))
    }

    /// Dials a number at its call manager.
    ///
    /// # Errors
    /// When baresip refuses.
    pub fn dial(&mut self, user: &str) -> Result<()> {
        self.new_call()?;
        let uri = format!("sip:{user}@{}", self.manager);
        self.control.command("dial", &uri).map(|_| ())
    }

    /// Forgets the call before, so that the waits below see only the next one.
    ///
    /// # Errors
    /// When the control port is lost.
    pub fn new_call(&mut self) -> Result<()> {
        self.mark = self.control.mark()?;
        self.old_recordings = self.recordings();
        Ok(())
    }

    /// Waits for an event of one of `kinds` in this call.
    ///
    /// # Errors
    /// When it does not come in time; shows what came instead and the end of the phone's log.
    pub fn wait_event(&mut self, kinds: &[&str], limit: Duration) -> Result<Event> {
        self.control
            .wait(self.mark, kinds, limit)
            .map_err(|e| match e {
                Failure::TimedOut {
                    what,
                    limit_s,
                    seen,
                } => Failure::TimedOut {
                    what,
                    limit_s,
                    seen: format!("{seen}\n{}", self.process.log().tail()),
                },
                other => other,
            })
    }

    /// Waits until the call stands. Fails at once when it is refused.
    ///
    /// # Errors
    /// As [`Phone::wait_event`], and [`Failure::Unexpected`] when the call is refused.
    pub fn wait_established(&mut self) -> Result<()> {
        let event = self.wait_event(&["CALL_ESTABLISHED", "CALL_CLOSED"], STEP)?;
        if event.kind == "CALL_ESTABLISHED" {
            return Ok(());
        }
        Err(Failure::Unexpected(format!(
            "call ended before it began: {}",
            event.param()
        )))
    }

    /// Waits until the call is over; returns the reason that the phone gives.
    ///
    /// # Errors
    /// As [`Phone::wait_event`].
    pub fn wait_closed(&mut self) -> Result<String> {
        let event = self.wait_event(&["CALL_CLOSED"], STEP)?;
        Ok(event.param().to_owned())
    }

    /// Waits until it rings, or hears that the other side does.
    ///
    /// # Errors
    /// As [`Phone::wait_event`].
    pub fn wait_ringing(&mut self) -> Result<()> {
        self.wait_event(&["CALL_INCOMING", "CALL_RINGING", "CALL_PROGRESS"], STEP)
            .map(|_| ())
    }

    /// Runs a command of its menu: `accept`, `hangup`, `hold`, `resume`, `callstat`.
    ///
    /// # Errors
    /// When baresip refuses it.
    pub fn command(&mut self, command: &str) -> Result<String> {
        self.control.command(command, "")
    }

    /// What the phone has learnt from RTCP in this call: packets that it sent and received, and
    /// how many it has lost, from the newest report of each kind.
    ///
    /// # Errors
    /// When the control port is lost.
    pub fn rtcp(&mut self) -> Result<Option<Event>> {
        Ok(self.control.all(self.mark, "CALL_RTCP")?.pop())
    }

    /// Samples that it has heard in this call so far.
    ///
    /// # Errors
    /// When the recording cannot be read.
    pub fn heard(&self) -> Result<Vec<i16>> {
        let recordings = self.recordings();
        let newest = recordings
            .into_iter()
            .filter(|r| !self.old_recordings.contains(r))
            .max();
        newest.map_or_else(|| Ok(Vec::new()), |path| wav::read(&path))
    }

    /// Its log.
    #[must_use]
    pub const fn process(&self) -> &Process {
        &self.process
    }

    /// Ends it as an operator would: hangs up and unregisters.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(mut self) -> Result<()> {
        self.process.signal(Signal::SIGTERM);
        self.process.wait_exit(STEP).map(|_| ())
    }

    /// Ends it as a crash would: its kernel resets what it has open.
    ///
    /// # Errors
    /// When it does not end.
    pub fn kill(&mut self) -> Result<()> {
        self.process.signal(Signal::SIGKILL);
        self.process.wait_exit(STEP).map(|_| ())
    }

    /// `sndfile` names a recording `dump-<time>-dec.wav`.
    fn recordings(&self) -> BTreeSet<PathBuf> {
        let is_recording = |path: &Path| path.to_str().is_some_and(|p| p.ends_with("-dec.wav"));
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        entries
            .map(|entry| entry.path())
            .filter(|path| is_recording(path))
            .collect()
    }
}

/// The account as baresip's `accounts` file wants it.
fn account(spec: &PhoneSpec<'_>) -> String {
    let mut line = format!(
        "<sip:{}@{};transport={}>;auth_pass=none;audio_codecs=pcmu;regint=300;mwi=no",
        spec.user,
        spec.manager,
        spec.transport.name()
    );
    line.push_str(match spec.answer {
        Answer::Auto => ";answermode=auto",
        Answer::Manual => ";answermode=manual",
    });
    if spec.srtp {
        line.push_str(";mediaenc=srtp-mand");
    }
    line.push('\n');
    line
}

/// An address as a URI holds it.
fn host(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}
