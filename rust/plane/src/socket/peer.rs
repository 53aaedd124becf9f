//! Who asked, and which address was asked, as the kernel writes and reads them.

use socket2::{SockAddr, Socket};
use std::io;
use std::mem::zeroed;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd;

/// Room for one PKTINFO control message of either family.
pub(super) const CONTROL_OCTETS: usize = 64;

/// Where a datagram came from and where it was sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peer {
    /// The client.
    pub client: SocketAddr,
    /// The address and port that were asked.
    pub local: SocketAddr,
    /// The interface, for link-local clients; 0 where it does not matter.
    pub(super) interface: u32,
}

#[cfg(test)]
impl Peer {
    pub fn new(client: SocketAddr, local: SocketAddr) -> Self {
        Self { client, local, interface: 0 }
    }
}

#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub(super) struct Control(pub(super) [u8; CONTROL_OCTETS]);

pub(super) fn ask_for_pktinfo(socket: &Socket, v6: bool) -> io::Result<()> {
    let (level, option) =
        if v6 { (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO) } else { (libc::IPPROTO_IP, libc::IP_PKTINFO) };
    set_option(socket, level, option, 1)
}

pub(super) fn set_option(
    socket: &Socket,
    level: libc::c_int,
    option: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the option value is a living c_int and its size is given.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[inline]
pub(super) fn socket_address(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match i32::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that the kernel wrote a sockaddr_in, which is smaller than the storage.
            let v4 = unsafe { *(&raw const *storage).cast::<libc::sockaddr_in>() };
            let address = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some(SocketAddr::V4(SocketAddrV4::new(address, u16::from_be(v4.sin_port))))
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that the kernel wrote a sockaddr_in6, which is smaller than the storage.
            let v6 = unsafe { *(&raw const *storage).cast::<libc::sockaddr_in6>() };
            let address = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddr::V6(SocketAddrV6::new(address, u16::from_be(v6.sin6_port), 0, v6.sin6_scope_id)))
        }
        _ => None,
    }
}

pub(super) fn write_address(to: &mut libc::sockaddr_storage, address: SocketAddr) -> libc::socklen_t {
    let address = SockAddr::from(address);
    let length = address.len();
    // SAFETY: `SockAddr` holds `len()` initialised octets and `to` is a whole sockaddr_storage, which is never smaller.
    unsafe {
        std::ptr::copy_nonoverlapping(
            address.as_ptr().cast::<u8>(),
            (&raw mut *to).cast::<u8>(),
            (length as usize).min(size_of::<libc::sockaddr_storage>()),
        );
    }
    length
}

/// The address that a datagram was sent to, from its PKTINFO.
///
/// # Safety
/// `header.msg_control` must hold `msg_controllen` octets written by the kernel.
pub(super) unsafe fn asked_address(header: &libc::msghdr) -> Option<(IpAddr, u32)> {
    // SAFETY: the caller vouches for the control buffer; CMSG_FIRSTHDR and CMSG_NXTHDR stay inside it.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(header);
        while let Some(control) = message.as_ref() {
            match (control.cmsg_level, control.cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let info = libc::CMSG_DATA(message).cast::<libc::in_pktinfo>().read_unaligned();
                    return Some((IpAddr::V4(u32::from_be(info.ipi_spec_dst.s_addr).into()), 0));
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let info = libc::CMSG_DATA(message).cast::<libc::in6_pktinfo>().read_unaligned();
                    let address = Ipv6Addr::from(info.ipi6_addr.s6_addr);
                    let link_local = address.segments()[0] & 0xffc0 == 0xfe80;
                    return Some((IpAddr::V6(address), if link_local { info.ipi6_ifindex } else { 0 }));
                }
                _ => message = libc::CMSG_NXTHDR(header, message),
            }
        }
    }
    None
}

/// Writes the source address of an answer as a control message; returns its length.
pub(super) fn write_source(control: &mut Control, peer: &Peer) -> usize {
    // SAFETY: all-zero is a value of these C structs.
    let (mut v4, mut v6): (libc::in_pktinfo, libc::in6_pktinfo) = unsafe { (zeroed(), zeroed()) };
    match peer.local.ip() {
        IpAddr::V4(address) => {
            v4.ipi_spec_dst.s_addr = u32::from(address).to_be();
            write_control(control, libc::IPPROTO_IP, libc::IP_PKTINFO, v4)
        }
        IpAddr::V6(address) => {
            v6.ipi6_addr.s6_addr = address.octets();
            v6.ipi6_ifindex = peer.interface;
            write_control(control, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, v6)
        }
    }
}

fn write_control<T: Copy>(control: &mut Control, level: libc::c_int, kind: libc::c_int, data: T) -> usize {
    const HEADER: usize = size_of::<libc::cmsghdr>();
    const { assert!(HEADER + size_of::<T>() <= CONTROL_OCTETS) };
    // SAFETY: CMSG_LEN and CMSG_SPACE only calculate.
    let (length, space) =
        unsafe { (libc::CMSG_LEN(size_of::<T>() as libc::c_uint), libc::CMSG_SPACE(size_of::<T>() as libc::c_uint)) };
    // SAFETY: the buffer is aligned for cmsghdr and, by the assertion, long enough for header and data.
    unsafe {
        let message = control.0.as_mut_ptr().cast::<libc::cmsghdr>();
        (*message).cmsg_len = length as _;
        (*message).cmsg_level = level;
        (*message).cmsg_type = kind;
        libc::CMSG_DATA(message).cast::<T>().write_unaligned(data);
    }
    space as usize
}
