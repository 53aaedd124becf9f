//! Listeners: one for each address and thread.

use crate::door_error::DoorError;
use crate::limits::SOCKET_SEND_OCTETS;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 256;

/// A listener for each thread, and where they listen. The address is probed first, because SO_REUSEPORT would let a second
/// server of the same user share it, and half of the clients would go to each.
pub fn listen(address: SocketAddr, threads: usize) -> Result<(Vec<TcpListener>, SocketAddr), DoorError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => DoorError::AddressInUse(address),
        _ => DoorError::Listen { address, error },
    };
    drop(bind(address, false).map_err(failed)?);
    // Port 0 is settled by the first listener; the others join it.
    let (mut listeners, mut bound) = (Vec::new(), address);
    for _ in 0..threads {
        let listener = bind(bound, true).map_err(failed)?;
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
        let (listeners, bound) = listen(SocketAddr::from(([127, 0, 0, 1], 0)), 2).unwrap();
        assert!(listeners.iter().all(|listener| listener.local_addr().unwrap() == bound));
        assert!(matches!(listen(bound, 1), Err(DoorError::AddressInUse(address)) if address == bound));
    }
}
