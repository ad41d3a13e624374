//! The file that control and data plane share.

use core::ptr::NonNull;
use core::slice;
use core::sync::atomic::AtomicU64;
use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::ShmError;
use crate::map::{self, Access};

/// Octets of one word.
const WORD: u64 = 8;

/// Largest region. Far more than any layout needs; keeps a damaged file from taking the address
/// space.
const SIZE_MAX: u64 = 16 << 30;

/// Only the owner reads and writes: the region steers the proxy.
const MODE: u32 = 0o600;

/// A file mapped as words.
///
/// The words stay mapped until the process ends or [`Region::release`]s them; dropping a region
/// forgets only its path. Should the file's owner shrink it, or its file system fill up, touching
/// the words ends the process with `SIGBUS`; nobody but the owner can do either.
#[derive(Debug)]
pub struct Region {
    words: &'static [AtomicU64],
    path: PathBuf,
    /// Device and inode: which file this is, whatever its name.
    identity: (u64, u64),
    /// Where the file is until it is published.
    staged: Option<Staged>,
}

/// A file that nobody has seen yet; dropping this removes it, if it is still there.
#[derive(Debug)]
struct Staged(PathBuf);

impl Drop for Staged {
    fn drop(&mut self) {
        // Published by now, or of no use to anyone.
        let _ = fs::remove_file(&self.0);
    }
}

impl Region {
    /// Creates a region of zeroes that will be at `path` once it is published.
    ///
    /// The file is sparse: words that nobody writes take no memory.
    ///
    /// # Errors
    /// If the size is impossible or the file cannot be created beside `path`.
    pub fn create(path: &Path, words: usize) -> Result<Self, ShmError> {
        let size = u64::try_from(words)
            .unwrap_or(u64::MAX)
            .saturating_mul(WORD);
        check_size(size)?;
        let staged = staging_path(path).ok_or_else(|| {
            ShmError::Create(io::Error::new(io::ErrorKind::InvalidInput, "no file name"))
        })?;
        let file = create_file(&staged.0, size).map_err(ShmError::Create)?;
        let region = Self::map(&file, path, size, Access::Shared)?;
        Ok(Self {
            staged: Some(staged),
            ..region
        })
    }

    /// Maps the region at `path` to read and write.
    ///
    /// # Errors
    /// If there is none, or if it is not a file of ours that only we can open.
    pub fn open(path: &Path) -> Result<Self, ShmError> {
        Self::open_as(
            path,
            OpenOptions::new().read(true).write(true),
            Access::Shared,
        )
    }

    /// Maps the region at `path` so that nothing written to the words reaches it.
    ///
    /// A store into a word is harmless but pointless: it stays in this process, and hides the
    /// other side's later changes near it.
    ///
    /// # Errors
    /// As [`Region::open`].
    pub fn open_read_only(path: &Path) -> Result<Self, ShmError> {
        Self::open_as(path, OpenOptions::new().read(true), Access::Snooping)
    }

    /// Puts the region in the place of any older one, at once.
    ///
    /// # Errors
    /// If the rename fails; the region is then gone. One that was opened is published already.
    pub fn publish(mut self) -> Result<Self, ShmError> {
        if let Some(staged) = self.staged.take() {
            fs::rename(&staged.0, &self.path).map_err(ShmError::Publish)?;
        }
        Ok(self)
    }

    /// The words, for as long as the process lives.
    #[must_use]
    pub const fn words(&self) -> &'static [AtomicU64] {
        self.words
    }

    /// Whether the path now names another file, or none: the data plane has restarted.
    #[must_use]
    pub fn replaced(&self) -> bool {
        fs::symlink_metadata(&self.path).map_or(true, |now| identity(&now) != self.identity)
    }

    /// Gives the memory back. Whoever still holds the words finds zeroes in them.
    ///
    /// # Errors
    /// If the kernel refuses; the region stays mapped.
    pub fn release(self) -> Result<(), ShmError> {
        let at = NonNull::from(self.words).cast();
        // SAFETY: this is the mapping that `map` made, all of it, and atomic words may change
        // under their readers at any time.
        unsafe { map::hollow(at, size_of_val(self.words)) }.map_err(ShmError::Map)
    }

    fn open_as(path: &Path, options: &mut OpenOptions, access: Access) -> Result<Self, ShmError> {
        let file = options
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(path)
            .map_err(ShmError::Open)?;
        let metadata = file.metadata().map_err(ShmError::Open)?;
        check_trust(&metadata)?;
        check_size(metadata.size())?;
        Self::map(&file, path, metadata.size(), access)
    }

    fn map(file: &File, path: &Path, size: u64, access: Access) -> Result<Self, ShmError> {
        let len = usize::try_from(size).map_err(|_| ShmError::Size(size))?;
        let at = map::file(file, len, access).map_err(ShmError::Map)?;
        // SAFETY: the mapping is page-aligned, `len` octets long and never unmapped. Any bits are
        // a valid `AtomicU64`, and both sides touch the words by atomic operations only.
        let words = unsafe { slice::from_raw_parts(at.cast().as_ptr(), len / size_of::<u64>()) };
        let metadata = file.metadata().map_err(ShmError::Open)?;
        let identity = identity(&metadata);
        let region = Self {
            words,
            path: path.to_owned(),
            identity,
            staged: None,
        };
        if metadata.size() == size {
            return Ok(region);
        }
        region.release()?;
        Err(ShmError::Resized {
            before: size,
            after: metadata.size(),
        })
    }
}

/// A hidden name in the same directory, since a rename must not leave the file system.
fn staging_path(path: &Path) -> Option<Staged> {
    let mut name = OsString::from(".");
    name.push(path.file_name()?);
    name.push(format!(".{}", std::process::id()));
    Some(Staged(path.with_file_name(name)))
}

fn create_file(staged: &Path, size: u64) -> io::Result<File> {
    match fs::remove_file(staged) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(MODE)
        .custom_flags(libc::O_NOFOLLOW)
        .open(staged)?;
    // Whatever the umask took away.
    file.set_permissions(Permissions::from_mode(MODE))?;
    file.set_len(size)?;
    Ok(file)
}

const fn check_size(size: u64) -> Result<(), ShmError> {
    if size == 0 || !size.is_multiple_of(WORD) || size > SIZE_MAX {
        return Err(ShmError::Size(size));
    }
    Ok(())
}

fn check_trust(metadata: &Metadata) -> Result<(), ShmError> {
    if !metadata.is_file() {
        return Err(ShmError::NotAFile);
    }
    // SAFETY: always succeeds.
    let us = unsafe { libc::geteuid() };
    if metadata.uid() != us {
        return Err(ShmError::Owner {
            owner: metadata.uid(),
            us,
        });
    }
    let mode = metadata.mode() & 0o7777;
    if mode == MODE {
        Ok(())
    } else {
        Err(ShmError::Mode(mode))
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}
