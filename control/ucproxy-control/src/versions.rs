//! The configurations that ran, kept in the state directory: the newest is what the next start
//! takes up.
//!
//! One file each, of the text with one line in front that says who had it taken and when. A file
//! appears whole or not at all, and one that does not read is passed over.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use admin::Version;

use crate::store::{Source, read_bounded};

/// Versions that are kept.
const KEPT: usize = 20;

const FOLDER: &str = "versions";
const SUFFIX: &str = ".yaml";
const STAGED: &str = ".new";
const MARK: &str = "# ";

/// The versions of one state directory.
#[derive(Debug)]
pub(crate) struct Versions {
    folder: PathBuf,
}

impl Versions {
    /// The versions kept in `state_dir`.
    pub(crate) fn of(state_dir: &Path) -> Self {
        Self {
            folder: state_dir.join(FOLDER),
        }
    }

    /// The versions that read, the newest first.
    pub(crate) fn list(&self) -> io::Result<Vec<Version>> {
        let numbers = self.numbers()?;
        let read = |number: &u64| Some(self.read(*number)?.0);
        Ok(numbers.iter().rev().filter_map(read).collect())
    }

    /// The newest that reads and for which `wanted` holds.
    pub(crate) fn newest(
        &self,
        wanted: impl Fn(&Source) -> bool,
    ) -> io::Result<Option<(Version, Source)>> {
        let numbers = self.numbers()?;
        let mut read = numbers.iter().rev().filter_map(|&n| self.read(n));
        Ok(read.find(|(_, source)| wanted(source)))
    }

    /// The version of that number, if it is kept and reads.
    pub(crate) fn read(&self, number: u64) -> Option<(Version, Source)> {
        let kept = read_bounded(&self.path(number)).ok()?;
        let end = kept.iter().position(|&b| b == b'\n')?;
        let (line, text) = kept.split_at_checked(end)?;
        let line = core::str::from_utf8(line).ok()?.strip_prefix(MARK)?;
        let version: Version = admin::from_line(line)?;
        let source = Source {
            path: version.path.clone(),
            text: text.get(1..)?.to_vec(),
        };
        (version.version == number).then_some((version, source))
    }

    /// Keeps `source` as the newest version unless it is that already, and forgets the oldest.
    ///
    /// `about` says who had it taken; its number and path are filled in here.
    pub(crate) fn keep(&self, about: Version, source: &Source) -> io::Result<()> {
        let numbers = self.numbers()?;
        let newest = numbers.last().copied().unwrap_or(0);
        if self.read(newest).is_some_and(|(_, kept)| kept == *source) {
            return Ok(());
        }
        let version = newest + 1;
        let about = Version {
            version,
            path: source.path.clone(),
            ..about
        };
        let line = admin::to_line(&about).ok_or(ErrorKind::InvalidData)?;
        self.write(version, line.as_bytes(), &source.text)?;
        let too_many = (numbers.len() + 1).saturating_sub(KEPT);
        for &old in numbers.iter().take(too_many) {
            fs::remove_file(self.path(old))?;
        }
        Ok(())
    }

    fn write(&self, version: u64, line: &[u8], text: &[u8]) -> io::Result<()> {
        make_folder(&self.folder)?;
        let staged = self.folder.join(STAGED);
        let written = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&staged)
            .and_then(|mut file| {
                file.write_all(&[MARK.as_bytes(), line, b"\n", text].concat())?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&staged, self.path(version)));
        if written.is_err() {
            // What could not be written whole only takes room.
            drop(fs::remove_file(&staged));
        }
        written?;
        File::open(&self.folder)?.sync_all()
    }

    /// Numbers of the files that are there, rising.
    fn numbers(&self) -> io::Result<Vec<u64>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut numbers: Vec<u64> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter_map(|name| name.strip_suffix(SUFFIX)?.parse().ok())
            .collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:08}{SUFFIX}"))
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Lab(PathBuf);

    impl Lab {
        fn new() -> (Self, Versions) {
            static COUNT: AtomicUsize = AtomicUsize::new(0);
            let n = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("ucproxy-versions-{}-{n}", std::process::id());
            let dir = std::env::temp_dir().join(name);
            let _ = fs::remove_dir_all(&dir);
            let versions = Versions::of(&dir);
            (Self(dir), versions)
        }
    }

    impl Drop for Lab {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn source(text: &[u8]) -> Source {
        Source {
            path: "/etc/ucproxy/line\nbreak.yaml".into(),
            text: text.to_vec(),
        }
    }

    fn by(user: &str) -> Version {
        Version {
            user: user.into(),
            ..Version::default()
        }
    }

    #[test]
    fn what_is_kept_reads_back_with_its_origin() {
        let (_lab, versions) = Lab::new();
        assert_eq!(versions.list().unwrap(), []);
        for (i, text) in [&b"a: 1\nb: 2\n"[..], b"", b"\n\xff"].iter().enumerate() {
            versions.keep(by("alice"), &source(text)).unwrap();
            let number = u64::try_from(i).unwrap() + 1;
            let (version, kept) = versions.newest(|_| true).unwrap().unwrap();
            assert_eq!((version.version, version.user.as_str()), (number, "alice"));
            assert_eq!(kept, source(text));
        }
    }

    #[test]
    fn the_last_twenty_stay_and_numbers_go_on() {
        let (_lab, versions) = Lab::new();
        for n in 1..=25 {
            versions.keep(by("a"), &source(&[n])).unwrap();
        }
        let numbers: Vec<_> = versions.list().unwrap().iter().map(|v| v.version).collect();
        assert_eq!(numbers, (6..=25).rev().collect::<Vec<_>>());
        assert!(versions.read(5).is_none());
    }

    #[test]
    fn the_same_again_is_no_new_version() {
        let (_lab, versions) = Lab::new();
        versions.keep(by("a"), &source(b"x")).unwrap();
        versions.keep(by("b"), &source(b"x")).unwrap();
        assert_eq!(versions.list().unwrap().len(), 1);
    }

    #[test]
    fn files_that_do_not_read_are_passed_over() {
        let (lab, versions) = Lab::new();
        versions.keep(by("a"), &source(b"good")).unwrap();
        let folder = lab.0.join(FOLDER);
        for (name, text) in [
            ("00000002.yaml", &b"something else"[..]),
            ("00000003.yaml", b"# {}\n"),
            ("00000004.yaml", b""),
            ("notes.txt", b"x"),
        ] {
            fs::write(folder.join(name), text).unwrap();
        }
        fs::copy(folder.join("00000001.yaml"), folder.join("00000009.yaml")).unwrap();
        assert_eq!(versions.list().unwrap().len(), 1);
        versions.keep(by("a"), &source(b"next")).unwrap();
        assert_eq!(versions.list().unwrap()[0].version, 10);
    }

    #[test]
    fn a_full_disk_leaves_the_versions_before() {
        let (lab, versions) = Lab::new();
        versions.keep(by("a"), &source(b"before")).unwrap();
        let staged = lab.0.join(FOLDER).join(STAGED);
        std::os::unix::fs::symlink("/dev/full", &staged).unwrap();
        let error = versions.keep(by("a"), &source(b"after")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert!(
            fs::symlink_metadata(&staged).is_err(),
            "nothing is left over"
        );
        let (_, newest) = versions.newest(|_| true).unwrap().unwrap();
        assert_eq!(newest, source(b"before"));
        versions.keep(by("a"), &source(b"after")).unwrap();
    }
}
