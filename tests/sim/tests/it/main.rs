//! Stories of calls, faults and attacks, each told to the real workers in virtual time.

#[cfg(test)]
mod admission;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod chaos;
#[cfg(test)]
mod common;
#[cfg(test)]
mod dialogs;
#[cfg(test)]
mod enforce;
#[cfg(test)]
mod media;
#[cfg(test)]
mod network;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod pressure;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod shortage;
#[cfg(test)]
mod storms;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod weather;
#[cfg(test)]
mod workers;
