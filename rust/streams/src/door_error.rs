//! Why doors cannot be opened, in words for the operator.

use schoolgate_querylog::Door;
use std::io;
use std::net::SocketAddr;

/// Why doors cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// Another process answers there.
    #[error("{address} is in use over TCP: {}", remedy(*.door))]
    AddressInUse {
        /// The address.
        address: SocketAddr,
        /// Which door was to be opened there.
        door: Door,
    },
    /// The address cannot be bound.
    #[error("{address}: cannot listen over TCP: {error}{}", hint(.address, .error))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// The plane was made without answerers for doors, or gave them away already.
    #[error("no thread was set aside for TCP and encrypted doors: restart schoolgate")]
    NoAnswerer,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The system refuses a thread or a descriptor.
    #[error("the system refuses what TCP and encrypted doors need: {0}")]
    System(#[from] io::Error),
}

fn remedy(door: Door) -> &'static str {
    match door {
        Door::Dot | Door::Doh => "stop what listens there or change [doors]",
        Door::Udp | Door::Tcp => {
            "another DNS server (or another schoolgate) answers there; stop it or change [server] listen"
        }
    }
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
