//! The options of a phone proxy.

use super::options;
use crate::section::{List, Several};
use crate::value::{Flag, Int, SuiteName, choice};
use server::RawServerAddress;

choice! {
    /// How the media of one side is protected.
    MediaSecurity {
        Auto "auto",
        Clear "clear",
        Secure "secure",
        BestEffort "best-effort",
    }
}

#[expect(
    dead_code,
    reason = "read to be checked; the application reads it for itself"
)]
mod server {
    use crate::section::section;
    use crate::value::Address;

    section! {
        /// A UC server besides the listeners' own.
        RawServerAddress {
            /// The address that it has.
            real: Address, required;
            /// The address that phones know it by.
            mapped: Address, required;
        }
    }
}

options! {
    /// What a phone proxy may be told besides.
    OPTIONS, "phone-proxy" {
        /// Media towards phones: as their signalling (`auto`), RTP offered (`clear`), SRTP or
        /// nothing (`secure`), SRTP offered and RTP taken where the peer wants it
        /// (`best-effort`).
        client_media: MediaSecurity = "auto";
        /// Media towards the servers, likewise.
        server_media: MediaSecurity = "auto";
        /// SRTP suites that are accepted, the preferred one first.
        suites: Several<SuiteName> = "AES_CM_128_HMAC_SHA1_80, AES_CM_128_HMAC_SHA1_32, AES_256_CM_HMAC_SHA1_80, AES_256_CM_HMAC_SHA1_32, AEAD_AES_256_GCM, AEAD_AES_128_GCM";
        /// SRTP suites that are offered, in order; each is also one of `suites`.
        offered_suites: Several<SuiteName> = "AES_CM_128_HMAC_SHA1_80, AES_CM_128_HMAC_SHA1_32";
        /// Further UC servers whose addresses turn up in messages, and how phones know them.
        servers: List<RawServerAddress>;
        /// Carry T.38 fax, which is never encrypted.
        fax: Flag = "true";
        /// Count Max-Forwards down, and refuse a request where it has run out.
        decrement_max_forwards: Flag = "false";
        /// Accept lone line feeds and a missing Content-Length.
        lenient_framing: Flag = "false";
        /// Octets of one SIP message.
        message_max: Int<1_024, 1_048_576> = "65536";
        /// Octets of one header block.
        header_block_max: Int<512, 262_144> = "16384";
        /// Octets of one line.
        line_max: Int<256, 65_536> = "8192";
        /// Header fields of one message.
        headers_max: Int<16, 1_024> = "256";
        /// Calls of one phone at once.
        calls_max: Int<1, 1_024> = "32";
        /// Transactions that one side may have pending.
        transactions_max: Int<8, 4_096> = "128";
        /// Media streams of one call.
        streams_max: Int<1, 16> = "8";
        /// Seconds that an INVITE may go without any news.
        invite_timeout_s: Int<5, 3_600> = "180";
    }
}
