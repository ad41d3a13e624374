//! The operator's tool as it is run, against shared memory that the test fills.

#[cfg(test)]
mod suite;
