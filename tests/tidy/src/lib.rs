//! Rules of the repository that neither the compiler nor cargo-deny checks.
