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

    /// Keeps a licence that was checked.
    pub(crate) fn install(&self, grant: &Grant, text: &str) -> Result<(), Failure> {
        let serial = grant.serial;
        if fs::exists(self.path(serial)).map_err(failed)? {
            return Err(Failure::LicenceInstalled { serial });
        }
        self.write(serial, text).map_err(failed)
    }

    /// Forgets a licence.
    pub(crate) fn remove(&self, serial: u64) -> Result<(), Failure> {
        fs::remove_file(self.path(serial)).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Failure::NoSuchLicence { serial },
            _ => failed(error),
        })
    }

    fn write(&self, serial: u64, text: &str) -> io::Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)?;
        let staged = self.folder.join(STAGED);
        let written = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&staged)
            .and_then(|mut file| {
                file.write_all(text.as_bytes())?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&staged, self.path(serial)));
        if written.is_err() {
            // What could not be written whole only takes room.
            drop(fs::remove_file(&staged));
        }
        written?;
        File::open(&self.folder)?.sync_all()
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
