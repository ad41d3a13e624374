//! The files that a configuration names.

use std::fs::{self, File, Metadata};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileContent {
    /// The octets.
    pub octets: Vec<u8>,
    /// Anybody on this machine may read it.
    pub world_readable: bool,
}

/// Reads the files that a configuration names.
pub trait Files {
    /// The content of the file at `path`.
    ///
    /// # Errors
    /// See [`FileError`].
    fn read(&self, path: &str) -> Result<FileContent, FileError>;
}

/// Files on disk; relative paths start from one folder.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Relative paths start from `folder`.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// Relative paths start from the folder of the configuration file at `path`.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        Self(path.parent().map_or_else(PathBuf::new, Path::to_owned))
    }
}

impl Files for Folder {
    fn read(&self, path: &str) -> Result<FileContent, FileError> {
        let path = self.0.join(path);
        // Looked at before it is opened: opening a pipe waits for a writer.
        check(&fs::metadata(&path)?)?;
        let file = File::open(&path)?;
        let metadata = file.metadata()?;
        check(&metadata)?;
        let mut octets = Vec::new();
        file.take(FILE_OCTETS_MAX + 1).read_to_end(&mut octets)?;
        if octets.len() as u64 > FILE_OCTETS_MAX {
            return Err(FileError::TooLarge);
        }
        Ok(FileContent {
            octets,
            world_readable: is_world_readable(&metadata),
        })
    }
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
