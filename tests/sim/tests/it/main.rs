//! Stories of calls, faults and attacks, each told to the real workers in virtual time.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod common;
#[cfg(test)]
mod sessions;
