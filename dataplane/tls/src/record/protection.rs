//! Sealing and opening the records of one direction.

use abi::Reason;
use ring::aead::{
    AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};
use rustls::ConnectionTrafficSecrets as Secrets;
use rustls::ProtocolVersion;

use super::{APPLICATION_DATA, Refused, alert};
use crate::buffer::Pending;

/// Octets of a record's header.
const HEADER: usize = 5;
/// Octets of every suite's tag.
const TAG: usize = 16;
/// Octets of the nonce that AES-GCM of TLS 1.2 sends along (RFC 5288 §3).
const EXPLICIT: usize = 8;
/// Longest plaintext of one record (RFC 8446 §5.1).
const PLAINTEXT_MAX: usize = 1 << 14;

/// Why a record was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordRefused {
    /// It is not under the key, or not the next.
    Forged,
    /// It holds more than a record may.
    Oversized,
    /// It is in the clear, or of an older version.
    Unprotected,
    /// It is all padding.
    Untyped,
}

/// How a version's records are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// The type is at the end of the ciphertext, before padding (RFC 8446 §5.2).
    Tls13,
    /// Part of the nonce goes before the ciphertext (RFC 5288 §3).
    Tls12Explicit,
    /// The nonce is that of TLS 1.3 (RFC 7905 §2).
    Tls12,
}

/// The key of one direction and the number of its next record.
pub(super) struct Direction {
    key: LessSafeKey,
    iv: [u8; 12],
    layout: Layout,
    seq: u64,
    /// Records that one key may protect (RFC 8446 §5.5).
    limit: u64,
}

impl Direction {
    /// A direction whose next record is number `seq` under `secrets`; `None` for a cipher that
    /// is not known here.
    pub(super) fn new(
        version: ProtocolVersion,
        secrets: &Secrets,
        seq: u64,
        limit: u64,
    ) -> Option<Self> {
        let layout = match (version, secrets) {
            (ProtocolVersion::TLSv1_3, _) => Layout::Tls13,
            (_, Secrets::Chacha20Poly1305 { .. }) => Layout::Tls12,
            _ => Layout::Tls12Explicit,
        };
        let (key, iv) = key(secrets)?;
        Some(Self {
            key,
            iv,
            layout,
            seq,
            limit,
        })
    }

    /// Goes on under the next key.
    pub(super) fn rekey(&mut self, secrets: &Secrets) -> Result<(), Refused> {
        let internal = Refused::new(alert::INTERNAL_ERROR, Reason::TlsRecord);
        (self.key, self.iv) = key(secrets).ok_or(internal)?;
        self.seq = 0;
        Ok(())
    }

    /// Whether the key has protected all but one of the records that it may; the last is left for
    /// a key update or an alert.
    pub(super) const fn is_worn(&self) -> bool {
        self.seq.saturating_add(1) >= self.limit
    }

    #[cfg(test)]
    pub(super) const fn wear_after(&mut self, records: u64) {
        self.limit = self.seq + records;
    }

    /// The initialisation vector and the record's number (RFC 8446 §5.3).
    fn nonce(&self) -> [u8; 12] {
        let mut nonce = self.iv;
        let [_, _, _, _, low @ ..] = &mut nonce;
        for (octet, seq) in low.iter_mut().zip(self.seq.to_be_bytes()) {
            *octet ^= seq;
        }
        nonce
    }

    /// What TLS 1.2 authenticates beside the ciphertext of `len` octets (RFC 5246 §6.2.3.3).
    fn tls12_aad(&self, kind: u8, len: usize) -> [u8; 13] {
        let mut aad = [0; 13];
        let (seq, rest) = aad.split_at_mut(8);
        seq.copy_from_slice(&self.seq.to_be_bytes());
        rest.copy_from_slice(&header(kind, len));
        aad
    }

    /// Opens a whole record in place; returns its type and its plaintext.
    pub(super) fn open<'r>(
        &mut self,
        record: &'r mut [u8],
    ) -> Result<(u8, &'r [u8]), RecordRefused> {
        let Some((header, body)) = record.split_first_chunk_mut::<HEADER>() else {
            return Err(RecordRefused::Forged);
        };
        let kind = header[0];
        let opened = match self.layout {
            Layout::Tls13 if kind != APPLICATION_DATA => Err(RecordRefused::Unprotected),
            Layout::Tls13 => self
                .open_with(self.nonce(), header, body)
                .and_then(unpadded),
            Layout::Tls12 => {
                let aad = self.tls12_aad(kind, body.len().saturating_sub(TAG));
                let body = self.open_with(self.nonce(), &aad, body)?;
                Ok((kind, body))
            }
            Layout::Tls12Explicit => {
                let (explicit, body) = body
                    .split_first_chunk_mut::<EXPLICIT>()
                    .ok_or(RecordRefused::Forged)?;
                let mut nonce = self.iv;
                nonce[4..].copy_from_slice(explicit);
                let aad = self.tls12_aad(kind, body.len().saturating_sub(TAG));
                let body = self.open_with(nonce, &aad, body)?;
                Ok((kind, body))
            }
        };
        let (kind, plaintext) = opened?;
        if plaintext.len() > PLAINTEXT_MAX {
            return Err(RecordRefused::Oversized);
        }
        self.seq = self.seq.checked_add(1).ok_or(RecordRefused::Forged)?;
        Ok((kind, plaintext))
    }

    fn open_with<'r>(
        &self,
        nonce: [u8; 12],
        aad: &[u8],
        body: &'r mut [u8],
    ) -> Result<&'r [u8], RecordRefused> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        match self.key.open_in_place(nonce, Aad::from(aad), body) {
            Ok(plaintext) => Ok(plaintext),
            Err(_) => Err(RecordRefused::Forged),
        }
    }

    /// Appends `plaintext` to `output` as a record of type `kind`.
    pub(super) fn seal(
        &mut self,
        kind: u8,
        plaintext: &[u8],
        output: &mut Pending,
    ) -> Result<(), Refused> {
        if self.seq >= self.limit {
            return Err(Refused::exhausted());
        }
        let nonce = self.nonce();
        let tag = match self.layout {
            Layout::Tls13 => {
                let header = header(APPLICATION_DATA, plaintext.len() + 1 + TAG);
                output.push(&header);
                output.push(plaintext);
                output.push(&[kind]);
                self.seal_with(nonce, &header, output.last_mut(plaintext.len() + 1))
            }
            Layout::Tls12 => {
                output.push(&header(kind, plaintext.len() + TAG));
                output.push(plaintext);
                let aad = self.tls12_aad(kind, plaintext.len());
                self.seal_with(nonce, &aad, output.last_mut(plaintext.len()))
            }
            Layout::Tls12Explicit => {
                output.push(&header(kind, EXPLICIT + plaintext.len() + TAG));
                output.push(&nonce[12 - EXPLICIT..]);
                output.push(plaintext);
                let aad = self.tls12_aad(kind, plaintext.len());
                self.seal_with(nonce, &aad, output.last_mut(plaintext.len()))
            }
        }?;
        output.push(&tag);
        self.seq += 1;
        Ok(())
    }

    fn seal_with(
        &self,
        nonce: [u8; 12],
        aad: &[u8],
        body: &mut [u8],
    ) -> Result<[u8; TAG], Refused> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_in_place_separate_tag(nonce, Aad::from(aad), body)
            .ok()
            .and_then(|tag| tag.as_ref().try_into().ok())
            .ok_or(Refused::new(alert::INTERNAL_ERROR, Reason::TlsRecord))
    }
}

fn key(secrets: &Secrets) -> Option<(LessSafeKey, [u8; 12])> {
    let (algorithm, key, iv) = match secrets {
        Secrets::Aes128Gcm { key, iv } => (&AES_128_GCM, key, iv),
        Secrets::Aes256Gcm { key, iv } => (&AES_256_GCM, key, iv),
        Secrets::Chacha20Poly1305 { key, iv } => (&CHACHA20_POLY1305, key, iv),
        _ => return None,
    };
    let key = UnboundKey::new(algorithm, key.as_ref()).ok()?;
    Some((LessSafeKey::new(key), iv.as_ref().try_into().ok()?))
}

/// A header of the version that both name (RFC 8446 §5.1).
fn header(kind: u8, len: usize) -> [u8; HEADER] {
    // No record is longer than `PLAINTEXT_MAX` and what protects it.
    let [high, low] = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
    [kind, 3, 3, high, low]
}

/// Takes type and padding off (RFC 8446 §5.4).
fn unpadded(inner: &[u8]) -> Result<(u8, &[u8]), RecordRefused> {
    let end = inner.iter().rposition(|&octet| octet != 0);
    let (&kind, plaintext) = end
        .and_then(|end| inner.get(..=end))
        .and_then(<[u8]>::split_last)
        .ok_or(RecordRefused::Untyped)?;
    Ok((kind, plaintext))
}
