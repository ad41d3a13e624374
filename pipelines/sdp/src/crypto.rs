//! The a=crypto attribute (RFC 4568): reading one that a peer sent, writing one of ours.

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{Cause, Suite, base64};

/// Octets of the longest MKI that is carried.
const MAX_MKI_LEN: u8 = 8;

/// Packets that one master key may protect at most (RFC 3711 §9.2).
const MAX_LIFETIME: u64 = 1 << 48;

/// Smallest window size hint that RFC 4568 §6.3.7 allows.
const MIN_WINDOW: u32 = 64;

/// A master key and salt, wiped on drop and absent from `Debug` output.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct KeySalt {
    bytes: [u8; Suite::KEY_SALT_MAX],
    #[zeroize(skip)]
    key_len: usize,
    #[zeroize(skip)]
    len: usize,
}

impl KeySalt {
    /// Key and salt for `suite`; `None` unless `bytes` has exactly
    /// [`Suite::key_salt_len`] octets.
    #[must_use]
    pub fn new(suite: Suite, bytes: &[u8]) -> Option<Self> {
        let len = suite.key_salt_len();
        if bytes.len() != len {
            return None;
        }
        let mut held = [0; Suite::KEY_SALT_MAX];
        held.get_mut(..len)?.copy_from_slice(bytes);
        let new = Self {
            bytes: held,
            key_len: suite.key_len(),
            len,
        };
        held.zeroize();
        Some(new)
    }

    fn from_base64(suite: Suite, text: &[u8]) -> Option<Self> {
        let mut bytes = Zeroizing::new([0u8; Suite::KEY_SALT_MAX]);
        let len = base64::decode(text, bytes.as_mut_slice())?;
        Self::new(suite, bytes.get(..len)?)
    }

    /// The master key.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        self.bytes.get(..self.key_len).unwrap_or_default()
    }

    /// The master salt.
    #[must_use]
    pub fn salt(&self) -> &[u8] {
        self.bytes.get(self.key_len..self.len).unwrap_or_default()
    }

    /// Key and salt, one behind the other.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl fmt::Debug for KeySalt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeySalt([redacted; {}])", self.len)
    }
}

/// A master key identifier: `value` in `len` octets, 1 to 8, between payload and tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mki {
    /// The number, as signalled.
    pub value: u64,
    /// Octets that it takes in a packet.
    pub len: u8,
}

/// One usable a=crypto attribute. Its key is the one that the description's author sends with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crypto {
    /// Names the attribute within its stream; an answer repeats the tag that it accepts.
    pub tag: u32,
    /// The suite.
    pub suite: Suite,
    /// Master key and salt.
    pub key: KeySalt,
    /// Packets that the key may protect, if said.
    pub lifetime: Option<u64>,
    /// Master key identifier that every packet carries, if any.
    pub mki: Option<Mki>,
    /// Replay window that the author asks for (`WSH=`), in packets, if said.
    pub window: Option<u32>,
}

impl Crypto {
    /// An attribute with `key` and nothing optional.
    #[must_use]
    pub const fn new(tag: u32, suite: Suite, key: KeySalt) -> Self {
        Self {
            tag,
            suite,
            key,
            lifetime: None,
            mki: None,
            window: None,
        }
    }

    /// Reads the value of an a=crypto attribute. `Err` says why the attribute is of no use.
    pub(crate) fn parse(value: &[u8]) -> Result<Self, Cause> {
        let mut fields = value
            .split(|&b| b == b' ' || b == b'\t')
            .filter(|f| !f.is_empty());
        let tag = parse_tag(fields.next().unwrap_or_default())?;
        let suite = fields.next().ok_or(Cause::CryptoSyntax)?;
        let keys = fields.next().ok_or(Cause::CryptoSyntax)?;
        let suite = Suite::from_name(suite).ok_or(Cause::CryptoSuite)?;
        if keys.contains(&b';') {
            return Err(Cause::CryptoManyKeys);
        }
        let (method, info) = split_at_byte(keys, b':').ok_or(Cause::CryptoSyntax)?;
        if !method.eq_ignore_ascii_case(b"inline") {
            return Err(Cause::CryptoSyntax);
        }
        let mut crypto = parse_inline(tag, suite, info)?;
        for param in fields {
            parse_param(param, &mut crypto)?;
        }
        Ok(crypto)
    }

    /// The attribute as a line's value, `crypto:` included.
    pub(crate) fn to_value(&self) -> Vec<u8> {
        // Room for everything at once: growth would leave a copy of the key behind.
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(
            format!("crypto:{} {} inline:", self.tag, self.suite.name()).as_bytes(),
        );
        base64::encode(self.key.as_bytes(), &mut out);
        match self.lifetime {
            Some(packets) if packets.is_power_of_two() => {
                out.extend_from_slice(format!("|2^{}", packets.trailing_zeros()).as_bytes());
            }
            Some(packets) => out.extend_from_slice(format!("|{packets}").as_bytes()),
            None => {}
        }
        if let Some(Mki { value, len }) = self.mki {
            out.extend_from_slice(format!("|{value}:{len}").as_bytes());
        }
        if let Some(window) = self.window {
            out.extend_from_slice(format!(" WSH={window}").as_bytes());
        }
        out
    }
}

/// RFC 4568 §4.1: one to nine digits, no leading zero.
fn parse_tag(text: &[u8]) -> Result<u32, Cause> {
    if text.is_empty() || text.len() > 9 || text.starts_with(b"0") {
        return Err(Cause::CryptoTag);
    }
    number(text)
        .and_then(|n| u32::try_from(n).ok())
        .ok_or(Cause::CryptoTag)
}

/// `<key||salt>["|" lifetime]["|" mki ":" length]`.
fn parse_inline(tag: u32, suite: Suite, info: &[u8]) -> Result<Crypto, Cause> {
    let mut parts = info.split(|&b| b == b'|');
    let text = parts.next().unwrap_or_default();
    let key = KeySalt::from_base64(suite, text).ok_or(Cause::CryptoKey)?;
    let mut crypto = Crypto::new(tag, suite, key);
    let mut next = parts.next();
    if let Some(part) = next.filter(|p| !p.contains(&b':')) {
        crypto.lifetime = Some(parse_lifetime(part).ok_or(Cause::CryptoLifetime)?);
        next = parts.next();
    }
    if let Some(part) = next {
        crypto.mki = Some(parse_mki(part).ok_or(Cause::CryptoMki)?);
    }
    if parts.next().is_some() {
        return Err(Cause::CryptoSyntax);
    }
    Ok(crypto)
}

fn parse_lifetime(text: &[u8]) -> Option<u64> {
    let packets = match text.strip_prefix(b"2^") {
        Some(exponent) => 1u64.checked_shl(u32::try_from(number(exponent)?).ok()?)?,
        None => number(text)?,
    };
    (1..=MAX_LIFETIME).contains(&packets).then_some(packets)
}

fn parse_mki(text: &[u8]) -> Option<Mki> {
    let (value, len) = split_at_byte(text, b':')?;
    let (value, len) = (number(value)?, u8::try_from(number(len)?).ok()?);
    let fits = len == MAX_MKI_LEN || value < 1u64.checked_shl(u32::from(len) * 8)?;
    ((1..=MAX_MKI_LEN).contains(&len) && fits).then_some(Mki { value, len })
}

/// RFC 4568 §6.3. A parameter is mandatory to understand unless it begins with a dash.
fn parse_param(param: &[u8], crypto: &mut Crypto) -> Result<(), Cause> {
    let (name, value) = split_at_byte(param, b'=').unwrap_or((param, b""));
    if name.starts_with(b"-") {
        return Ok(());
    }
    match name {
        b"KDR" if value == b"0" => Ok(()),
        b"WSH" => {
            let window = number(value).and_then(|n| u32::try_from(n).ok());
            let window = window
                .filter(|&w| w >= MIN_WINDOW)
                .ok_or(Cause::CryptoParameter)?;
            crypto.window = Some(window);
            Ok(())
        }
        _ => Err(Cause::CryptoParameter),
    }
}

/// A run of digits that fits.
pub(crate) fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(text).ok()?.parse().ok()
}

fn split_at_byte(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let mut halves = text.splitn(2, |&b| b == byte);
    Some((halves.next()?, halves.next()?))
}
