//! Why doors cannot be opened, in words for the operator.

use std::io;
use std::net::SocketAddr;

/// Why doors cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// Another process answers there.
    #[error("{0} is in use over TCP: stop what listens there or change [doors]")]
    AddressInUse(SocketAddr),
    /// The address cannot be bound.
    #[error("{address}: cannot listen over TCP: {error}{}", hint(.address, .error))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// The plane was made without answerers for doors, or gave them away already.
    #[error("no thread was set aside for encrypted doors: restart schoolgate")]
    NoAnswerer,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The system refuses a thread or a descriptor.
    #[error("the system refuses what encrypted doors need: {0}")]
    System(#[from] io::Error),
}

fn hint(address: &SocketAddr, error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied if address.port() < 1024 => {
            "; ports below 1024 need CAP_NET_BIND_SERVICE (the systemd unit gives it) or root"
        }
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address (yet)",
        _ => "",
    }
}
