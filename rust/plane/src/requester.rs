//! Who asked, and by which door.

use crate::socket::Peer;
use std::net::SocketAddr;

/// Who asked, and by which door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Requester {
    /// By UDP: the index of the door and the peer.
    Datagram(usize, Peer),
    /// By a stream: a ticket, the client and the address asked.
    Stream(u64, SocketAddr, SocketAddr),
}

impl Requester {
    /// The client.
    #[inline]
    pub fn client(&self) -> SocketAddr {
        match self {
            Requester::Datagram(_, peer) => peer.client,
            Requester::Stream(_, client, _) => *client,
        }
    }

    /// The address and port that were asked.
    #[inline]
    pub fn local(&self) -> SocketAddr {
        match self {
            Requester::Datagram(_, peer) => peer.local,
            Requester::Stream(_, _, local) => *local,
        }
    }

    /// Whether it came by UDP.
    #[inline]
    pub fn is_datagram(&self) -> bool {
        matches!(self, Requester::Datagram(..))
    }
}
