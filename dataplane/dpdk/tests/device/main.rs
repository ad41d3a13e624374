//! The safe API against a real EAL and software devices.

mod common;
mod lifecycle;
mod memory;
mod ports;
