//! The control process as it is started, against a data plane that the test plays.

#[cfg(test)]
mod suite;
