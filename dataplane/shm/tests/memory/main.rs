//! Shared and locked memory, as the kernel and other processes see it.

#[cfg(test)]
mod locked;
#[cfg(test)]
mod region;
