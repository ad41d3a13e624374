//! Names of header fields.

macro_rules! names {
    ($($variant:ident $text:literal $compact:literal;)*) => {
        /// A header field's name, in full or compact form and in any case.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Name {
            $(#[doc = $text] $variant,)*
            /// A name that nothing here interprets.
            Other,
        }

        impl Name {
            const KNOWN: &'static [(Self, &'static str, &'static str)] =
                &[$((Self::$variant, $text, $compact),)*];
        }
    };
}

// The second word is the compact form, empty where there is none.
names! {
    Via "Via" "v";
    From "From" "f";
    To "To" "t";
    CallId "Call-ID" "i";
    CSeq "CSeq" "";
    MaxForwards "Max-Forwards" "";
    Contact "Contact" "m";
    RecordRoute "Record-Route" "";
    Route "Route" "";
    Path "Path" "";
    ServiceRoute "Service-Route" "";
    ContentLength "Content-Length" "l";
    ContentType "Content-Type" "c";
    ContentEncoding "Content-Encoding" "e";
    ContentDisposition "Content-Disposition" "";
    Require "Require" "";
    RSeq "RSeq" "";
    Expires "Expires" "";
    SessionExpires "Session-Expires" "x";
    ReferTo "Refer-To" "r";
    ReferredBy "Referred-By" "b";
    ReplyTo "Reply-To" "";
    Diversion "Diversion" "";
    HistoryInfo "History-Info" "";
    PAssertedIdentity "P-Asserted-Identity" "";
    PPreferredIdentity "P-Preferred-Identity" "";
    PAssociatedUri "P-Associated-URI" "";
    PCalledPartyId "P-Called-Party-ID" "";
    RemotePartyId "Remote-Party-ID" "";
    CallInfo "Call-Info" "";
    AlertInfo "Alert-Info" "";
    ErrorInfo "Error-Info" "";
    PServedUser "P-Served-User" "";
    Warning "Warning" "";
}

impl Name {
    /// The name that `text` spells.
    #[must_use]
    pub fn from_text(text: &[u8]) -> Self {
        let is = |known: &str| text.eq_ignore_ascii_case(known.as_bytes());
        let found = Self::KNOWN
            .iter()
            .find(|(_, full, compact)| is(full) || (!compact.is_empty() && is(compact)));
        found.map_or(Self::Other, |&(name, ..)| name)
    }

    /// Whether the field holds URIs that may name a party's host, as names and addresses.
    #[must_use]
    pub const fn is_identity(self) -> bool {
        matches!(
            self,
            Self::From
                | Self::To
                | Self::ReferTo
                | Self::ReferredBy
                | Self::ReplyTo
                | Self::Diversion
                | Self::HistoryInfo
                | Self::PAssertedIdentity
                | Self::PPreferredIdentity
                | Self::PAssociatedUri
                | Self::PCalledPartyId
                | Self::RemotePartyId
                | Self::CallInfo
                | Self::AlertInfo
                | Self::ErrorInfo
                | Self::PServedUser
        )
    }

    /// Whether commas separate values in this field (RFC 3261 §7.3.1).
    #[must_use]
    pub const fn is_list(self) -> bool {
        !matches!(
            self,
            Self::From
                | Self::To
                | Self::CallId
                | Self::CSeq
                | Self::MaxForwards
                | Self::ContentLength
                | Self::ContentType
                | Self::ContentDisposition
                | Self::RSeq
                | Self::Expires
                | Self::SessionExpires
                | Self::ReferTo
                | Self::ReferredBy
                | Self::ReplyTo
                | Self::PCalledPartyId
                | Self::PServedUser
                | Self::Other
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_forms_and_any_case_are_the_same_field() {
        for (text, name) in [
            ("v", Name::Via),
            ("VIA", Name::Via),
            ("l", Name::ContentLength),
            ("M", Name::Contact),
            ("r", Name::ReferTo),
            ("call-id", Name::CallId),
            ("X-Other", Name::Other),
            ("", Name::Other),
        ] {
            assert_eq!(Name::from_text(text.as_bytes()), name, "{text}");
        }
    }
}
