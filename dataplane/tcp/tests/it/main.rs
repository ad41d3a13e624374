//! Two ends of TCP against each other, in memory, with a virtual clock and a bad network.

#[cfg(test)]
mod close;
#[cfg(test)]
mod handshake;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod sim;
#[cfg(test)]
mod transfer;
