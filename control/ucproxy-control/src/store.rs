//! The configuration that was applied last, kept in the runtime directory.
//!
//! A file of the same text with one line in front that says where it came from, so that
//! relative paths in it go on to work.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Name of the file.
const STORE_NAME: &str = "applied.yaml";

/// Longest configuration file that is read, in octets; `policy` refuses less.
const TEXT_OCTETS_MAX: u64 = 16 << 20;

const ORIGIN: &str = "# applied from ";

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

    /// Reads what was kept in `runtime_dir`; `None` when nothing was.
    pub(crate) fn recall(runtime_dir: &Path) -> io::Result<Option<Self>> {
        let kept = match read_bounded(&runtime_dir.join(STORE_NAME)) {
            Ok(kept) => kept,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut parts = kept.splitn(2, |&b| b == b'\n');
        let (first, text) = (parts.next(), parts.next());
        let path = first
            .and_then(|line| core::str::from_utf8(line).ok())
            .and_then(|line| line.strip_prefix(ORIGIN));
        Ok(path.zip(text).map(|(path, text)| Self {
            path: path.to_owned(),
            text: text.to_vec(),
        }))
    }

    /// Keeps it in `runtime_dir`, in the place of what was kept before, at once.
    pub(crate) fn keep(&self, runtime_dir: &Path) -> io::Result<()> {
        let staged = runtime_dir.join(format!(".{STORE_NAME}.new"));
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&staged)?;
        // A path with a line break would end the line that it is on.
        let path = self.path.replace('\n', "?");
        file.write_all(format!("{ORIGIN}{path}\n").as_bytes())?;
        file.write_all(&self.text)?;
        file.sync_all()?;
        fs::rename(staged, runtime_dir.join(STORE_NAME))
    }
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_recalled_with_its_origin() {
        let dir = std::env::temp_dir().join(format!("ucproxy-store-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        assert_eq!(Source::recall(&dir).unwrap(), None);
        for text in [&b"a: 1\nb: 2\n"[..], b"", b"\n\xff"] {
            let source = Source {
                path: "/etc/ucproxy/ucproxy.yaml".into(),
                text: text.to_vec(),
            };
            source.keep(&dir).unwrap();
            assert_eq!(Source::recall(&dir).unwrap(), Some(source));
        }
        fs::write(dir.join(STORE_NAME), b"something else").unwrap();
        assert_eq!(Source::recall(&dir).unwrap(), None);
        fs::remove_dir_all(&dir).unwrap();
    }
}
