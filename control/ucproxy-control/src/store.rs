//! Where configurations come from: the file that the operator names.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// Longest configuration file that is read, in octets; `policy` refuses less.
const TEXT_OCTETS_MAX: u64 = 16 << 20;

/// A configuration's text and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// Absolute path of the file.
    pub(crate) path: String,
    /// Its octets.
    pub(crate) text: Vec<u8>,
}

impl Source {
    /// Reads the configuration file at `path`.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let absolute = std::path::absolute(path)?;
        Ok(Self {
            text: read_bounded(path)?,
            path: absolute.display().to_string(),
        })
    }
}

/// Reads a regular file, as much of it as could be a configuration.
pub(crate) fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ));
    }
    let mut octets = Vec::new();
    File::open(path)?
        .take(TEXT_OCTETS_MAX)
        .read_to_end(&mut octets)?;
    Ok(octets)
}
