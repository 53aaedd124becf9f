//! Why a plane cannot be made or started, in words for the operator.

use std::io;
use std::net::SocketAddr;

/// Why a plane cannot be made or started.
#[derive(Debug, thiserror::Error)]
pub enum PlaneError {
    /// Another process answers there.
    #[error(
        "{0} is in use: another DNS server (or another schoolgate) answers there; stop it or change [server] listen"
    )]
    AddressInUse(SocketAddr),
    /// The address cannot be bound.
    #[error("{address}: cannot listen: {error}{}", privilege_hint(.address, .error))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// The packet cache does not fit.
    #[error("no room for a packet cache of {0} MiB: [cache] size_mib asks for more than this machine gives")]
    CacheTooLarge(u64),
    /// The system refuses a thread, an eventfd or random octets.
    #[error("the system refuses what the server needs: {0}")]
    System(#[from] io::Error),
}

fn privilege_hint(address: &SocketAddr, error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied if address.port() < 1024 => {
            "; ports below 1024 need CAP_NET_BIND_SERVICE (the systemd unit gives it) or root"
        }
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address (yet)",
        _ => "",
    }
}
