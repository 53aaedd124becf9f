//! Sockets for the workers at each address.

use super::DatagramDoor;
use crate::plane_error::PlaneError;
use std::io;
use std::net::{SocketAddr, TcpListener};

/// Ports that are free over TCP and taken over UDP are few: one try is enough nearly always.
const PORTS_TRIED: usize = 16;

/// By worker: a socket for each address. Every address is probed first, because SO_REUSEPORT would let a second server of
/// the same user share it, and half of the queries would go to each.
#[allow(clippy::type_complexity)] // doors by worker, and the addresses they are bound to
pub fn bind_all(
    addresses: &[SocketAddr],
    workers: usize,
) -> Result<(Vec<Vec<DatagramDoor>>, Vec<SocketAddr>), PlaneError> {
    let mut doors: Vec<Vec<DatagramDoor>> = (0..workers).map(|_| Vec::new()).collect();
    let mut listening = Vec::new();
    for address in addresses {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::AddrInUse => PlaneError::AddressInUse(*address),
            _ => PlaneError::Listen { address: *address, error },
        };
        let bound = probed(*address).map_err(failed)?;
        for doors in &mut doors {
            doors.push(DatagramDoor::bind(bound).map_err(failed)?);
        }
        listening.push(bound);
    }
    Ok((doors, listening))
}

/// The address, which nobody else holds over UDP. Port 0 becomes one that is free over TCP too: the same port is
/// listened on there next.
fn probed(mut address: SocketAddr) -> io::Result<SocketAddr> {
    if address.port() != 0 {
        return DatagramDoor::probe(address).map(|()| address);
    }
    for _ in 0..PORTS_TRIED {
        address.set_port(0);
        let listener = TcpListener::bind(address)?;
        address = listener.local_addr()?;
        match DatagramDoor::probe(address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            outcome => return outcome.map(|()| address),
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

    #[test]
    fn a_port_that_the_machine_chooses_is_free_over_tcp_too() {
        let others: Vec<_> = (0..400).map(|_| TcpListener::bind(SocketAddr::from(LOOPBACK)).expect("a port")).collect();
        let held: Vec<_> = others.iter().map(|one| one.local_addr().expect("an address").port()).collect();
        for _ in 0..1000 {
            let bound = probed(LOOPBACK.into()).expect("a port");
            assert!(bound.port() != 0 && !held.contains(&bound.port()));
        }
    }

    #[test]
    fn a_port_that_somebody_holds_is_refused() {
        let (_doors, listening) = bind_all(&[LOOPBACK.into()], 2).expect("sockets");
        assert!(matches!(bind_all(&listening, 2), Err(PlaneError::AddressInUse(address)) if address == listening[0]));
    }
}
