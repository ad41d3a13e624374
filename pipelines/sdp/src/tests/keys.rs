use super::*;
use crate::{Cause, Crypto, KeySalt, Mki, SdpError, Suite};

const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

fn crypto(value: &str) -> Result<Crypto, Cause> {
    Crypto::parse(value.as_bytes())
}

#[test]
fn phone_offer_carries_two_keys_in_order() {
    let sdp = parse(PHONE_OFFER);
    let cryptos = sdp.media()[0].cryptos().unwrap();
    let [Ok(first), Ok(second)] = &cryptos[..] else {
        panic!("two usable")
    };
    assert_eq!((first.tag, first.suite), (1, Suite::AesCm128HmacSha1_80));
    assert_eq!(first.key.key(), b"YS___semctl () {");
    assert_eq!(first.key.salt(), b"\t220;}\n}\nunles");
    assert_eq!((second.tag, second.suite), (2, Suite::AesCm128HmacSha1_32));
    assert!(first.lifetime.is_none() && first.mki.is_none() && first.window.is_none());
}

#[test]
fn optional_parts_are_read() {
    let full = crypto(&format!(
        "7 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4 WSH=128 -NEW=1"
    ));
    let full = full.unwrap();
    assert_eq!(full.lifetime, Some(1 << 20));
    assert_eq!(full.mki, Some(Mki { value: 1, len: 4 }));
    assert_eq!(full.window, Some(128));
    let mki = crypto(&format!("1 AES_CM_128_HMAC_SHA1_32 inline:{KEY}|1066:4")).unwrap();
    assert_eq!(
        (mki.lifetime, mki.mki),
        (
            None,
            Some(Mki {
                value: 1066,
                len: 4
            })
        )
    );
    let decimal = crypto(&format!(
        "1 AES_CM_128_HMAC_SHA1_32 INLINE:{KEY}|1048577 KDR=0"
    ));
    assert_eq!(decimal.unwrap().lifetime, Some(1_048_577));
}

#[test]
fn every_suite_reads_its_key_with_and_without_padding() {
    for suite in Suite::ALL {
        let bytes: Vec<u8> = (0u8..).take(suite.key_salt_len()).collect();
        let key = KeySalt::new(suite, &bytes).unwrap();
        let ours = Crypto::new(3, suite, key);
        let value = String::from_utf8(ours.to_value()).unwrap();
        let value = value.strip_prefix("crypto:").unwrap();
        assert_eq!(crypto(value), Ok(ours.clone()));
        assert_eq!(crypto(value.trim_end_matches('=')), Ok(ours.clone()));
        assert_eq!(ours.key.key().len(), suite.key_len());
        assert_eq!(ours.key.salt().len(), suite.salt_len());
    }
}

#[test]
fn optional_parts_are_written() {
    for value in [
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
        format!("2 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^31|5:4 WSH=64"),
        format!("999999999 AES_CM_128_HMAC_SHA1_32 inline:{KEY}|1000003"),
        format!("4 AES_CM_128_HMAC_SHA1_32 inline:{KEY}|1:1"),
    ] {
        let written = crypto(&value).unwrap().to_value();
        assert_eq!(
            String::from_utf8(written).unwrap(),
            format!("crypto:{value}")
        );
    }
}

#[test]
fn unusable_attributes_say_why() {
    let suite = "AES_CM_128_HMAC_SHA1_80";
    let good = format!("inline:{KEY}");
    let cases: Vec<(String, Cause)> = vec![
        (String::new(), Cause::CryptoTag),
        (format!("0 {suite} {good}"), Cause::CryptoTag),
        (format!("01 {suite} {good}"), Cause::CryptoTag),
        (format!("1234567890 {suite} {good}"), Cause::CryptoTag),
        (format!("x {suite} {good}"), Cause::CryptoTag),
        ("1".into(), Cause::CryptoSyntax),
        (format!("1 {suite}"), Cause::CryptoSyntax),
        (format!("1 {suite} {KEY}"), Cause::CryptoSyntax),
        (format!("1 {suite} uri:{KEY}"), Cause::CryptoSyntax),
        (format!("1 NULL_CIPHER {good}"), Cause::CryptoSuite),
        (format!("1 F8_128_HMAC_SHA1_80 {good}"), Cause::CryptoSuite),
        (format!("1 {suite} inline:"), Cause::CryptoKey),
        (format!("1 {suite} inline:{}", &KEY[1..]), Cause::CryptoKey),
        (format!("1 {suite} inline:{KEY}AAAA"), Cause::CryptoKey),
        (format!("1 {suite} inline:{}!", &KEY[1..]), Cause::CryptoKey),
        (format!("1 AEAD_AES_128_GCM {good}"), Cause::CryptoKey),
        (
            format!("1 {suite} {good}|1:4;{good}|2:4"),
            Cause::CryptoManyKeys,
        ),
        (format!("1 {suite} {good}|0"), Cause::CryptoLifetime),
        (format!("1 {suite} {good}|2^49"), Cause::CryptoLifetime),
        (
            format!("1 {suite} {good}|2^99999999999"),
            Cause::CryptoLifetime,
        ),
        (format!("1 {suite} {good}|"), Cause::CryptoLifetime),
        (format!("1 {suite} {good}|1:0"), Cause::CryptoMki),
        (format!("1 {suite} {good}|1:9"), Cause::CryptoMki),
        (format!("1 {suite} {good}|256:1"), Cause::CryptoMki),
        (format!("1 {suite} {good}|a:1"), Cause::CryptoMki),
        (format!("1 {suite} {good}|2^20|9"), Cause::CryptoMki),
        (format!("1 {suite} {good}|2^20|1:4|x"), Cause::CryptoSyntax),
        (format!("1 {suite} {good} KDR=1"), Cause::CryptoParameter),
        (
            format!("1 {suite} {good} UNENCRYPTED_SRTP"),
            Cause::CryptoParameter,
        ),
        (
            format!("1 {suite} {good} UNENCRYPTED_SRTCP"),
            Cause::CryptoParameter,
        ),
        (
            format!("1 {suite} {good} UNAUTHENTICATED_SRTP"),
            Cause::CryptoParameter,
        ),
        (
            format!("1 {suite} {good} FEC_ORDER=FEC_SRTP"),
            Cause::CryptoParameter,
        ),
        (format!("1 {suite} {good} WSH=63"), Cause::CryptoParameter),
        (format!("1 {suite} {good} FUTURE"), Cause::CryptoParameter),
    ];
    for (value, cause) in cases {
        assert_eq!(crypto(&value), Err(cause), "{value}");
    }
}

#[test]
fn unusable_attribute_keeps_its_place_and_its_line() {
    let sdp = with_head(&format!(
        "m=audio 1 RTP/SAVP 0\r\n\
         a=crypto:1 NEW_SUITE inline:{KEY}\r\n\
         a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n\
         a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:{KEY}\r\n"
    ));
    let cryptos = sdp.media()[0].cryptos().unwrap();
    assert_eq!(
        cryptos[0],
        Err(SdpError {
            line: 7,
            cause: Cause::CryptoSuite
        })
    );
    assert_eq!(cryptos[1].as_ref().unwrap().tag, 2);
    assert_eq!(
        cryptos[2],
        Err(SdpError {
            line: 9,
            cause: Cause::CryptoTag
        })
    );
}

#[test]
fn crypto_attributes_are_bounded() {
    let many = "a=crypto:1 X inline:y\r\n".repeat(17);
    let sdp = with_head(&format!("m=audio 1 RTP/SAVP 0\r\n{many}"));
    assert_eq!(
        sdp.media()[0].cryptos(),
        Err(SdpError {
            line: 23,
            cause: Cause::TooManyCryptos
        })
    );
}

#[test]
fn debug_output_shows_no_key() {
    let sdp = with_head(&format!(
        "m=audio 1 RTP/SAVP 0\r\nk=base64:{KEY}\r\n\
         a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n\
         a=acap:1 crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\na=ptime:20\r\n"
    ));
    let shown = format!("{sdp:?} {:?}", sdp.media()[0].cryptos());
    assert!(!shown.contains(KEY) && !shown.contains("semctl"), "{shown}");
    assert!(shown.contains("a=ptime:20"));
}
