//! The settings of the doors. Values come checked from `schoolgate.toml`; here they only have types.

use serde::Deserialize;
use std::net::SocketAddr;
use std::time::Duration;

/// Settings of the doors; addresses need a restart to change.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DoorSettings {
    /// DNS over TCP.
    pub tcp: TcpSettings,
    /// DNS over TLS and over HTTPS.
    pub encrypted: EncryptedSettings,
}

/// Settings of plain TCP.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TcpSettings {
    /// Addresses that answer it.
    pub listen: Vec<SocketAddr>,
    /// Open connections, all clients together.
    pub connections: usize,
    /// Open connections of one client (an IPv6 /64) that is one device; of a shared address so many for each device.
    pub connections_per_client: usize,
    /// A connection that does nothing is closed after so many seconds.
    pub idle_s: u32,
    /// Messages of one connection that may wait for an answer.
    pub pipelined: usize,
}

impl TcpSettings {
    /// [`TcpSettings::idle_s`] as a duration.
    pub fn idle(&self) -> Duration {
        Duration::from_secs(u64::from(self.idle_s))
    }
}

/// Settings of the encrypted doors.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncryptedSettings {
    /// Addresses that answer DNS over TLS.
    pub dot: Vec<SocketAddr>,
    /// Addresses that answer DNS over HTTPS.
    pub doh: Vec<SocketAddr>,
    /// Open connections, all clients together.
    pub connections: usize,
    /// Open connections of one client, as for [`TcpSettings::connections_per_client`].
    pub connections_per_client: usize,
}
