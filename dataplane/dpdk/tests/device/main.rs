//! The safe API against a real EAL and software devices.

#[cfg(test)]
mod checksums;
#[cfg(test)]
mod common;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod ports;
