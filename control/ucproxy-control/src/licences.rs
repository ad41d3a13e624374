//! The licence files that are installed, in the state directory, one file each.
//!
//! What they grant is never believed for being here: the signature is checked against the
//! issuers of each configuration that is taken.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use admin::{Failure, Granted, InstalledLicence};
use license::{Grant, GrantError, Issuer, LICENCE_OCTETS_MAX, Model};

use crate::store::read_bounded;

const FOLDER: &str = "licences";
const SUFFIX: &str = ".licence";
const STAGED: &str = ".new";
/// Keeps the latest end of a licence that has passed.
const END: &str = ".ended";
const STAGED_END: &str = ".ended.new";
/// Licences that are read; a unit has a handful.
const LICENCES_MAX: usize = 256;

/// The licences of one state directory.
#[derive(Debug)]
pub(crate) struct Licences {
    folder: PathBuf,
}

impl Licences {
    /// The licences installed in `state_dir`.
    pub(crate) fn of(state_dir: &Path) -> Self {
        Self {
            folder: state_dir.join(FOLDER),
        }
    }

    /// What the licences grant that one of `issuers` signed.
    pub(crate) fn grants(&self, issuers: &[Issuer]) -> Vec<Grant> {
        if issuers.is_empty() {
            return Vec::new();
        }
        let read = |serial| self.read(serial, issuers).ok();
        self.serials().into_iter().filter_map(read).collect()
    }

    /// Every licence, and why it does not count on a unit of `model` at `now`.
    pub(crate) fn list(
        &self,
        issuers: &[Issuer],
        model: Option<&'static Model>,
        now: u64,
    ) -> Vec<InstalledLicence> {
        let look = |serial| {
            let grant = self.read(serial, issuers);
            let problem = match (&grant, model) {
                _ if issuers.is_empty() => Some(Failure::NoIssuers.to_string()),
                (Err(error), _) => Some(error.to_string()),
                (Ok(_), None) => Some(Failure::NoModel.to_string()),
                (Ok(grant), Some(model)) => grant.check(model, now).err().map(|e| e.to_string()),
            };
            InstalledLicence {
                serial,
                grant: grant.ok().map(|grant| granted(&grant)),
                problem,
            }
        };
        self.serials().into_iter().map(look).collect()
    }

    /// Whether `change` is one.
    ///
    /// # Errors
    /// If the licence is there already, or is not there.
    pub(crate) fn check(&self, change: &Change) -> Result<(), Failure> {
        let serial = change.serial();
        match (change, fs::exists(self.path(serial)).map_err(failed)?) {
            (Change::Install { .. }, true) => Err(Failure::LicenceInstalled { serial }),
            (Change::Remove { .. }, false) => Err(Failure::NoSuchLicence { serial }),
            _ => Ok(()),
        }
    }

    /// Makes ready for `change` what takes room; what is installed stays as it is.
    pub(crate) fn stage(&self, change: &Change) -> Result<Staged, Failure> {
        let mut staged = Staged {
            new: None,
            path: self.path(change.serial()),
            folder: self.folder.clone(),
        };
        if let Change::Install { text, .. } = change {
            staged.new = Some(self.folder.join(STAGED));
            self.write(STAGED, text).map_err(failed)?;
        }
        Ok(staged)
    }

    /// The latest end of a licence that has passed, as far as it was kept; seconds since 1970.
    pub(crate) fn latest_end(&self) -> u64 {
        let kept = fs::read_to_string(self.folder.join(END));
        kept.map_or(0, |text| text.trim().parse().unwrap_or(0))
    }

    /// Keeps that the end of a licence has passed.
    pub(crate) fn keep_end(&self, end: u64) -> io::Result<()> {
        self.write(STAGED_END, &format!("{end}\n"))?;
        fs::rename(self.folder.join(STAGED_END), self.folder.join(END))?;
        File::open(&self.folder)?.sync_all()
    }

    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)?;
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(self.folder.join(name))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }

    fn read(&self, serial: u64, issuers: &[Issuer]) -> Result<Grant, GrantError> {
        let octets = read_bounded(&self.path(serial)).map_err(|_| GrantError::Malformed)?;
        if octets.len() > LICENCE_OCTETS_MAX {
            return Err(GrantError::Malformed);
        }
        let text = core::str::from_utf8(&octets).map_err(|_| GrantError::Malformed)?;
        let grant = Grant::read(text, issuers)?;
        // One licence under several names would outlive its removal.
        if grant.serial != serial {
            return Err(GrantError::Malformed);
        }
        Ok(grant)
    }

    /// Serial numbers of the files that are there, rising.
    fn serials(&self) -> Vec<u64> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                tracing::error!(%error, "licences cannot be read");
                return Vec::new();
            }
        };
        let mut serials: Vec<u64> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter_map(|name| name.strip_suffix(SUFFIX)?.parse().ok())
            .take(LICENCES_MAX)
            .collect();
        serials.sort_unstable();
        serials
    }

    fn path(&self, serial: u64) -> PathBuf {
        self.folder.join(format!("{serial}{SUFFIX}"))
    }
}

/// A change to what is installed.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// A licence comes.
    Install {
        /// Its serial number.
        serial: u64,
        /// Its file.
        text: String,
    },
    /// A licence goes.
    Remove {
        /// Its serial number.
        serial: u64,
    },
}

impl Change {
    const fn serial(&self) -> u64 {
        match self {
            Self::Install { serial, .. } | Self::Remove { serial } => *serial,
        }
    }

    /// Makes of `grants`, signed by `issuers`, those after the change.
    ///
    /// # Errors
    /// If none of `issuers` signed the licence that comes.
    pub(crate) fn alter(&self, grants: &mut Vec<Grant>, issuers: &[Issuer]) -> Result<(), Failure> {
        match self {
            Self::Install { text, .. } => grants.push(Grant::read(text, issuers).map_err(refused)?),
            Self::Remove { serial } => grants.retain(|grant| grant.serial != *serial),
        }
        Ok(())
    }
}

/// A change that waits to be carried out; forgotten if it is not.
#[derive(Debug)]
pub(crate) struct Staged {
    /// The file that is to be at `path`; `None` when none is.
    new: Option<PathBuf>,
    path: PathBuf,
    folder: PathBuf,
}

impl Staged {
    /// Carries it out, all or nothing.
    pub(crate) fn commit(mut self) -> Result<(), Failure> {
        let done = match self.new.take() {
            Some(new) => fs::rename(new, &self.path),
            None => fs::remove_file(&self.path),
        };
        done.map_err(failed)?;
        // It is done, though it might not outlive a loss of power.
        if let Err(error) = File::open(&self.folder).and_then(|folder| folder.sync_all()) {
            tracing::warn!(%error, "licences cannot be written through to the disk");
        }
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(new) = &self.new {
            // What is left over only takes room.
            drop(fs::remove_file(new));
        }
    }
}

/// Why a licence is not taken.
pub(crate) fn refused(error: GrantError) -> Failure {
    Failure::LicenceRefused {
        reason: error.to_string(),
    }
}

fn granted(grant: &Grant) -> Granted {
    Granted {
        model: grant.model.name.to_owned(),
        uc_sessions: grant.tier,
        ime: grant.ime,
        class: grant.class.name().to_owned(),
        expires: grant.expires,
    }
}

fn failed(error: io::Error) -> Failure {
    Failure::LicenceFile {
        reason: error.to_string(),
    }
}
