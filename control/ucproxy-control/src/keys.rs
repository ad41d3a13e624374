//! Private keys, for as long as the configuration that they belong to may run.

use abi::policy::KeyId;
use abi::secrets::Secret;
use shm::{LockedBytes, ShmError};

/// Private keys in memory that is never swapped out or dumped, and wiped when dropped.
#[derive(Debug)]
pub(crate) struct Keys(Vec<(KeyId, LockedBytes)>);

impl Keys {
    /// Takes the keys over; what they were in is wiped.
    ///
    /// # Errors
    /// If the limit on locked memory is reached.
    pub(crate) fn lock(secrets: Vec<Secret>) -> Result<Self, ShmError> {
        let locked = |secret: Secret| Ok((secret.id, LockedBytes::new(&secret.der)?));
        secrets
            .into_iter()
            .map(locked)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Copies to be sent, each wiped when dropped.
    pub(crate) fn to_send(&self) -> Vec<Secret> {
        let copy = |(id, der): &(KeyId, LockedBytes)| Secret {
            id: *id,
            der: der.as_slice().to_vec(),
        };
        self.0.iter().map(copy).collect()
    }
}

impl PartialEq for Keys {
    fn eq(&self, other: &Self) -> bool {
        let same =
            |((id, der), (other_id, other)): (&(KeyId, LockedBytes), &(KeyId, LockedBytes))| {
                id == other_id && der.as_slice() == other.as_slice()
            };
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(same)
    }
}
