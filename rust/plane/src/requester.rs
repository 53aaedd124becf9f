//! Who asked, and by which door.

use crate::socket::Peer;
use schoolgate_querylog::Door;
use std::net::SocketAddr;

/// Who asked, and by which door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Requester {
    /// By UDP: the index of the door and the peer.
    Datagram(usize, Peer),
    /// By a connection: a ticket, the client, the address asked, and which door.
    Stream(u64, SocketAddr, SocketAddr, Door),
}

impl Requester {
    /// The client.
    #[inline]
    pub fn client(&self) -> SocketAddr {
        match self {
            Requester::Datagram(_, peer) => peer.client,
            Requester::Stream(_, client, ..) => *client,
        }
    }

    /// The address and port that were asked.
    #[inline]
    pub fn local(&self) -> SocketAddr {
        match self {
            Requester::Datagram(_, peer) => peer.local,
            Requester::Stream(_, _, local, _) => *local,
        }
    }

    /// The door.
    #[inline]
    pub fn door(&self) -> Door {
        match self {
            Requester::Datagram(..) => Door::Udp,
            Requester::Stream(.., door) => *door,
        }
    }

    /// Whether it came by UDP.
    #[inline]
    pub fn is_datagram(&self) -> bool {
        matches!(self, Requester::Datagram(..))
    }
}
