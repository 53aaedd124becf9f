//! Listeners: one for each address and thread.

use crate::door_error::DoorError;
use crate::limits::SOCKET_SEND_OCTETS;
use schoolgate_querylog::Door;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 256;

/// A listener for each thread, and where they listen. Where threads share the address it is probed first, because
/// SO_REUSEPORT would let a second server of the same user share it too, and half of the clients would go to each.
pub fn listen(door: Door, address: SocketAddr, threads: usize) -> Result<(Vec<TcpListener>, SocketAddr), DoorError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => DoorError::AddressInUse { address, door },
        _ => DoorError::Listen { address, error },
    };
    let is_shared = threads > 1;
    if is_shared {
        drop(bind(address, false).map_err(failed)?);
    }
    // Port 0 is settled by the first listener; the others join it.
    let (mut listeners, mut bound) = (Vec::new(), address);
    for _ in 0..threads {
        let listener = bind(bound, is_shared).map_err(failed)?;
        bound = listener.local_addr()?;
        listeners.push(listener);
    }
    Ok((listeners, bound))
}

fn bind(address: SocketAddr, is_shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(is_shared)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Connections have it from their listener.
    socket.set_send_buffer_size(SOCKET_SEND_OCTETS)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_share_an_address_and_a_second_server_does_not() {
        for threads in [1, 2] {
            let (listeners, bound) = listen(Door::Tcp, SocketAddr::from(([127, 0, 0, 1], 0)), threads).unwrap();
            assert!(listeners.iter().all(|listener| listener.local_addr().unwrap() == bound));
            for others in [1, 2] {
                let refused = listen(Door::Tcp, bound, others);
                assert!(matches!(refused, Err(DoorError::AddressInUse { address, .. }) if address == bound));
            }
        }
    }

    #[test]
    fn an_ipv6_listener_leaves_ipv4_to_another() {
        let (_six, bound) = listen(Door::Tcp, "[::]:0".parse().unwrap(), 1).unwrap();
        assert!(listen(Door::Tcp, SocketAddr::from(([0, 0, 0, 0], bound.port())), 1).is_ok());
    }
}
