//! Why memory was not to be had, or not to be trusted.

use std::io;

use thiserror::Error;

/// Why a region or locked memory could not be made or mapped.
#[derive(Debug, Error)]
pub enum ShmError {
    /// The file could not be created.
    #[error("cannot create the region: {0}")]
    Create(#[source] io::Error),
    /// The file could not be opened; a symbolic link is refused.
    #[error("cannot open the region: {0}")]
    Open(#[source] io::Error),
    /// The file could not be renamed into place.
    #[error("cannot publish the region: {0}")]
    Publish(#[source] io::Error),
    /// The path names a directory or device.
    #[error("the region is not a regular file")]
    NotAFile,
    /// The file belongs to someone else, who could shrink it under us.
    #[error("the region belongs to user {owner}, not to user {us}")]
    Owner {
        /// User that owns the file.
        owner: u32,
        /// User that this process runs as.
        us: u32,
    },
    /// Others than the owner may open the file.
    #[error("the region has mode {0:04o} instead of 0600")]
    Mode(u32),
    /// The size is zero, no multiple of eight, or over the limit.
    #[error("a region cannot have {0} octets")]
    Size(u64),
    /// The file's size changed while it was mapped.
    #[error("the region changed its size from {before} to {after} octets")]
    Resized {
        /// Octets before.
        before: u64,
        /// Octets after.
        after: u64,
    },
    /// The kernel did not map the memory.
    #[error("cannot map memory: {0}")]
    Map(#[source] io::Error),
    /// The kernel did not lock the memory: see `ulimit -l`.
    #[error("cannot lock memory: {0}")]
    Lock(#[source] io::Error),
}
