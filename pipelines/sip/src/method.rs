//! Request methods.

macro_rules! methods {
    ($($variant:ident $text:literal;)*) => {
        /// A request's method. Case matters (RFC 3261 §7.1).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Method {
            $(#[doc = $text] $variant,)*
            /// A method that nothing here interprets.
            Other,
        }

        impl Method {
            /// The method that `text` spells.
            #[must_use]
            pub fn from_text(text: &[u8]) -> Self {
                match () {
                    $(() if text == $text.as_bytes() => Self::$variant,)*
                    () => Self::Other,
                }
            }
        }
    };
}

methods! {
    Invite "INVITE";
    Ack "ACK";
    Bye "BYE";
    Cancel "CANCEL";
    Register "REGISTER";
    Options "OPTIONS";
    Prack "PRACK";
    Update "UPDATE";
    Subscribe "SUBSCRIBE";
    Notify "NOTIFY";
    Refer "REFER";
    Info "INFO";
    Message "MESSAGE";
    Publish "PUBLISH";
}

impl Method {
    /// Whether the Contact in a request of this method, and in its provisional and successful
    /// responses, is where its author receives requests of the dialog (RFC 3261 §12.1, RFC 6665
    /// §4.1.3, RFC 3515 §2.2, RFC 3311 §5.1).
    #[must_use]
    pub const fn carries_target(self) -> bool {
        matches!(
            self,
            Self::Invite | Self::Subscribe | Self::Notify | Self::Refer | Self::Update
        )
    }
}
