//! The settings of the doors. Values come checked from `schoolgate.toml`; here they only have types.

use serde::Deserialize;
use std::net::SocketAddr;

/// Settings of the doors; addresses need a restart to change.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DoorSettings {
    /// Addresses that answer DNS over TLS.
    pub dot: Vec<SocketAddr>,
    /// Addresses that answer DNS over HTTPS.
    pub doh: Vec<SocketAddr>,
    /// Open connections, all clients together.
    pub connections: usize,
    /// Open connections of one client (an IPv6 /64).
    pub connections_per_client: usize,
}
