//! The few words of a row that are the same everywhere: how a query came, what was done, who answered. On the ring and in
//! files they are numbers, and a number once given is never given another meaning.

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$each:meta])* $word:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$each])* $word,)* }

        impl $name {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [$name] = &[$($name::$word,)*];

            /// The word people see.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$word => $text,)* }
            }

            /// The one of a number.
            pub fn from_number(number: u8) -> Option<Self> {
                Self::ALL.get(usize::from(number)).copied()
            }

            /// The one of a word.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == word)
            }
        }
    };
}

words! {
    /// How a query came in.
    Door {
        /// A datagram on port 53.
        #[default]
        Udp = "udp",
        /// A TCP connection.
        Tcp = "tcp",
        /// DNS over TLS (RFC 7858).
        Dot = "dot",
        /// DNS over HTTPS (RFC 8484).
        Doh = "doh",
    }
}

words! {
    /// Where an answer came from.
    Source {
        /// The policy's own answer.
        #[default]
        Policy = "policy",
        /// A local zone or another fixed answer.
        Local = "local",
        /// The packet cache, within its TTL.
        Cache = "cache",
        /// The packet cache, past its TTL (RFC 8767).
        Stale = "stale",
        /// A forwarder, for this client or one that asked the same.
        Forwarder = "forwarder",
        /// No source: SERVFAIL, REFUSED or another error.
        Nobody = "nobody",
    }
}

words! {
    /// What was done with a question.
    Action {
        /// It was answered.
        #[default]
        Allow = "allow",
        /// It was denied.
        Deny = "deny",
        /// It was allowed, and its answer led to something denied.
        DenyRevealed = "deny-revealed",
        /// It was answered with another name's answer (SafeSearch).
        Rewrite = "rewrite",
        /// It was allowed, and no forwarder had an answer.
        Fail = "fail",
    }
}

words! {
    /// How long a row is kept and how hard it is to lose.
    Class {
        /// Everything else.
        #[default]
        Ordinary = "ordinary",
        /// What safeguarding staff must be able to rely on.
        Safeguarding = "safeguarding",
    }
}
