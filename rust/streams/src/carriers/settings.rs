//! A forwarder that is asked over connections. Values come checked from `schoolgate.toml`; here they only have types.

use serde::{Deserialize, Serialize};

/// What its connections speak.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// DNS over TCP (RFC 7766).
    Tcp,
    /// DNS over TLS (RFC 7858).
    Tls,
    /// DNS over HTTPS (RFC 8484) by HTTP/2.
    Https,
}

impl Transport {
    /// The word in settings and `status`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Https => "https",
        }
    }
}

/// How one forwarder is spoken to.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct CarrierSettings {
    /// What is spoken.
    pub transport: Transport,
    /// The name that its certificate must have; empty for plain TCP.
    #[serde(default)]
    pub name: String,
    /// The authorities that its certificate is believed by, PEM; none: no certificate is believed.
    #[serde(default)]
    pub roots: String,
    /// SHA-256 of public keys (SPKI), 32 octets each in base64: its certificate must have one of them. None: any key will do.
    #[serde(default)]
    pub pins: Vec<String>,
    /// The path of DNS over HTTPS.
    #[serde(default)]
    pub path: String,
}
