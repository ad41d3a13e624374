//! The files that a configuration names, and the other places that a secret may be in.

use core::fmt;
use std::env;
use std::fs::{self, File, Metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Longest certificate, key or revocation list file, in octets.
pub const FILE_OCTETS_MAX: u64 = 16 << 20;

/// Why a file cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// There is none.
    #[error("no such file")]
    NotFound,
    /// This process may not read it.
    #[error("no permission to read it")]
    Denied,
    /// It is a folder, a pipe or a device.
    #[error("not a regular file")]
    NotRegular,
    /// It is larger than any certificate or key.
    #[error("larger than {FILE_OCTETS_MAX} octets")]
    TooLarge,
    /// The system said something else.
    #[error("cannot be read ({0})")]
    Other(ErrorKind),
    /// The environment has no such variable.
    #[error("no such variable in this process's environment")]
    NoVariable,
    /// There is no such credential, or systemd passed none at all.
    #[error("no such credential, expected a file of that name in $CREDENTIALS_DIRECTORY")]
    NoCredential,
    /// It is not here, but may be where it counts: in control's environment or credentials.
    #[error("not checked, because only control's own environment and credentials count")]
    Elsewhere,
    /// This process may not read it, but control may: it reads with its own rights.
    #[error("not checked, because you may not read it; control will, with its own rights")]
    Hidden,
}

impl FileError {
    /// Whether it says nothing about what control will find.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Elsewhere | Self::Hidden)
    }
}

impl From<std::io::Error> for FileError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Self::NotFound,
            ErrorKind::PermissionDenied => Self::Denied,
            kind => Self::Other(kind),
        }
    }
}

/// A file's content, and whether others than its owner and group may read it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct FileContent {
    /// The octets, which may be secret: wiped when dropped, and not shown by `Debug`.
    pub octets: Zeroizing<Vec<u8>>,
    /// Anybody on this machine may read it.
    pub world_readable: bool,
}

impl fmt::Debug for FileContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileContent").finish_non_exhaustive()
    }
}

/// Reads the files that a configuration names, and the secrets that it names otherwise.
pub trait Files {
    /// The content of the file at `path`.
    ///
    /// # Errors
    /// See [`FileError`].
    fn read(&self, path: &str) -> Result<FileContent, FileError>;

    /// The value of the environment variable `name`.
    ///
    /// # Errors
    /// See [`FileError`]. Without an environment there is no variable.
    fn variable(&self, name: &str) -> Result<FileContent, FileError> {
        let _ = name;
        Err(FileError::NoVariable)
    }

    /// The systemd credential `name` (systemd.exec(5), `LoadCredential=`).
    ///
    /// # Errors
    /// See [`FileError`]. Outside a service there is no credential.
    fn credential(&self, name: &str) -> Result<FileContent, FileError> {
        let _ = name;
        Err(FileError::NoCredential)
    }
}

/// Files on disk, and the environment and credentials of this process; relative paths start from
/// one folder.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    reader: Reader,
}

/// Whether this process's rights, environment and credentials are those that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    /// They are: what it cannot have is an error.
    User,
    /// They are not: control may have it.
    Onlooker,
}

impl Folder {
    /// Relative paths start from the folder of the configuration file at `path`; this process is
    /// the one that uses the secrets.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        Self {
            path: path.parent().map_or_else(PathBuf::new, Path::to_owned),
            reader: Reader::User,
        }
    }

    /// The same for a process that only looks: that it lacks a variable or a credential, or may
    /// not read a file, says nothing about control.
    #[must_use]
    pub fn of_onlooker(path: &Path) -> Self {
        Self {
            reader: Reader::Onlooker,
            ..Self::of(path)
        }
    }

    fn absent(&self, missing: FileError) -> FileError {
        match self.reader {
            Reader::User => missing,
            Reader::Onlooker => FileError::Elsewhere,
        }
    }

    /// What `found` is to this reader: whoever uses a file must be able to read it.
    fn seen(&self, found: Result<FileContent, FileError>) -> Result<FileContent, FileError> {
        match (found, self.reader) {
            (Err(FileError::Denied), Reader::Onlooker) => Err(FileError::Hidden),
            (found, _) => found,
        }
    }
}

impl Files for Folder {
    fn read(&self, path: &str) -> Result<FileContent, FileError> {
        self.seen(read(&self.path.join(path)))
    }

    fn variable(&self, name: &str) -> Result<FileContent, FileError> {
        let value = env::var_os(name).ok_or_else(|| self.absent(FileError::NoVariable))?;
        Ok(FileContent {
            octets: Zeroizing::new(value.into_vec()),
            world_readable: false,
        })
    }

    fn credential(&self, name: &str) -> Result<FileContent, FileError> {
        let missing = || self.absent(FileError::NoCredential);
        let folder = env::var_os("CREDENTIALS_DIRECTORY").ok_or_else(missing)?;
        match read(&Path::new(&folder).join(name)) {
            Err(FileError::NotFound) => Err(missing()),
            other => self.seen(other),
        }
    }
}

fn read(path: &Path) -> Result<FileContent, FileError> {
    // Looked at before it is opened: opening a pipe waits for a writer.
    check(&fs::metadata(path)?)?;
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    check(&metadata)?;
    // Of its full size from the start: growing would leave copies behind that nobody wipes.
    let size = usize::try_from(metadata.len()).map_err(|_| FileError::TooLarge)?;
    let mut octets = Zeroizing::new(Vec::with_capacity(size + 1));
    file.take(FILE_OCTETS_MAX + 1).read_to_end(&mut octets)?;
    if octets.len() as u64 > FILE_OCTETS_MAX {
        return Err(FileError::TooLarge);
    }
    Ok(FileContent {
        octets,
        world_readable: is_world_readable(&metadata),
    })
}

fn check(metadata: &Metadata) -> Result<(), FileError> {
    if !metadata.is_file() {
        return Err(FileError::NotRegular);
    }
    if metadata.len() > FILE_OCTETS_MAX {
        return Err(FileError::TooLarge);
    }
    Ok(())
}

fn is_world_readable(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o004 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_onlooker_may_not_read_is_open_and_what_is_wrong_stays_wrong() {
        let (user, onlooker) = (
            Folder::of(Path::new("f")),
            Folder::of_onlooker(Path::new("f")),
        );
        let seen = |folder: &Folder, error| folder.seen(Err(error)).unwrap_err();
        assert_eq!(seen(&user, FileError::Denied), FileError::Denied);
        assert_eq!(seen(&onlooker, FileError::Denied), FileError::Hidden);
        for error in [
            FileError::NotFound,
            FileError::NotRegular,
            FileError::TooLarge,
        ] {
            assert_eq!(seen(&onlooker, error), error);
            assert!(!error.is_open());
        }
        assert!(FileError::Hidden.is_open() && !FileError::Denied.is_open());
    }
}
