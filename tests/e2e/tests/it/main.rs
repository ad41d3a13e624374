//! Real peers around the real processes, in network namespaces.

#[cfg(test)]
mod addressing;
#[cfg(test)]
mod bad_frames;
#[cfg(test)]
mod bad_media;
#[cfg(test)]
mod bad_sip;
#[cfg(test)]
mod bad_tls;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod dialogs;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod operator;
#[cfg(test)]
mod provisioning;
mod restarts;
#[cfg(test)]
mod rolling;
#[cfg(test)]
mod views;
#[cfg(test)]
mod workers;
