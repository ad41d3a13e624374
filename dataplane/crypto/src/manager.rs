//! A worker's ciphers and the keys made for them.

use core::fmt;

use crate::ffi::{Dispatch, GcmData, Library, Room};
use crate::job::End;
use crate::key::{CmKey, Form, PackedKey};
use crate::{BURST, Burst, Cipher, CryptoError, Key};

/// One worker's access to the ciphers. Not shared between threads.
pub struct Manager {
    wide: Library,
    /// For groups too small to fill `wide`; absent without SHA instructions.
    narrow: Option<Library>,
    room: Box<Room>,
    ends: Box<[End; BURST]>,
    /// Where packed GCM keys are expanded.
    unpacked: Box<GcmData>,
}

impl Manager {
    /// Starts the library.
    ///
    /// # Errors
    /// [`CryptoError::Unsupported`], [`CryptoError::SelfTest`] or [`CryptoError::Version`]: SRTP cannot be served.
    pub fn new() -> Result<Self, CryptoError> {
        let wide = Library::new(Dispatch::Widest)?;
        let narrow = if wide.has_sha_instructions() {
            Some(Library::new(Dispatch::ShaInstructions)?)
        } else {
            None
        };
        Ok(Self {
            wide,
            narrow,
            room: Room::new(),
            ends: Box::new([End::NONE; BURST]),
            unpacked: GcmData::zeroed(),
        })
    }

    /// Makes a key ready for many packets. `auth` is the HMAC key, empty for AES-GCM.
    ///
    /// # Errors
    /// [`CryptoError::KeyLength`] if `key` or `auth` is not as long as `cipher` asks for.
    pub fn key(&self, cipher: Cipher, key: &[u8], auth: &[u8]) -> Result<Key, CryptoError> {
        Ok(Key(match cipher {
            Cipher::AesCm128 => Form::Cm128(self.cm_key(key, auth)?),
            Cipher::AesCm192 => Form::Cm192(self.cm_key(key, auth)?),
            Cipher::AesCm256 => Form::Cm256(self.cm_key(key, auth)?),
            Cipher::AesGcm128 => Form::Gcm128(self.gcm_key(cipher, key, auth)?),
            Cipher::AesGcm256 => Form::Gcm256(self.gcm_key(cipher, key, auth)?),
        }))
    }

    /// Makes a key ready for few packets, such as RTCP's, in little memory: an AES-GCM key is
    /// expanded for each packet, which costs 100 ns where keeping it costs a kilobyte.
    ///
    /// # Errors
    /// As [`Manager::key`].
    pub fn packed_key(&self, cipher: Cipher, key: &[u8], auth: &[u8]) -> Result<Key, CryptoError> {
        let packed = |_| CryptoError::KeyLength;
        match cipher {
            Cipher::AesGcm128 if auth.is_empty() => {
                let key = key.try_into().map_err(packed)?;
                Ok(Key(Form::Gcm128Packed(Box::new(PackedKey(key)))))
            }
            Cipher::AesGcm256 if auth.is_empty() => {
                let key = key.try_into().map_err(packed)?;
                Ok(Key(Form::Gcm256Packed(Box::new(PackedKey(key)))))
            }
            _ => self.key(cipher, key, auth),
        }
    }

    fn cm_key<const N: usize>(
        &self,
        key: &[u8],
        auth: &[u8],
    ) -> Result<Box<CmKey<N>>, CryptoError> {
        let schedule = self.wide.expand(key)?;
        let pads = self
            .wide
            .pads(auth.try_into().map_err(|_| CryptoError::KeyLength)?);
        Ok(Box::new(CmKey { schedule, pads }))
    }

    fn gcm_key(
        &self,
        cipher: Cipher,
        key: &[u8],
        auth: &[u8],
    ) -> Result<Box<GcmData>, CryptoError> {
        if key.len() != cipher.key_len() || !auth.is_empty() {
            return Err(CryptoError::KeyLength);
        }
        let mut data = GcmData::zeroed();
        self.wide.expand_gcm(key, &mut data)?;
        Ok(data)
    }

    /// Begins a burst.
    #[inline]
    pub fn burst<'p>(&mut self) -> Burst<'_, 'p> {
        Burst::new(
            &mut self.wide,
            self.narrow.as_mut(),
            &mut self.unpacked,
            &mut self.ends,
            self.room.fill(),
        )
    }
}

impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manager")
            .field("narrow", &self.narrow.is_some())
            .finish_non_exhaustive()
    }
}
