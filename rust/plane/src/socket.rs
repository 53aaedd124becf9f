//! Batches of datagrams: the only file of the plane that holds `unsafe`.
//!
//! One socket for each worker and address (SO_REUSEPORT), read with recvmmsg and written with sendmmsg. A socket bound to a
//! wildcard address learns from the kernel which address was asked (PKTINFO) and answers from it, so a multi-homed host
//! does not answer from an address the client never asked.

use schoolgate_wire::HEADER_OCTETS;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::alloc::Layout;
use std::io;
use std::mem::zeroed;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, RawFd};

/// Datagrams taken or sent by one system call.
pub const BATCH: usize = 64;
/// A query longer than this has options nobody needs; the kernel cuts it and it is answered FORMERR, from its header.
const RECEIVE_OCTETS: usize = 2048;
/// Room for an answer: what we announce (1232), rounded up.
const SEND_OCTETS: usize = 1280;
/// More than the 1232 we announce to forwarders: one that ignores it is still read whole.
const REPLY_OCTETS: usize = 4096;
/// The octet of a header that says whether a message was cut, and its bit.
const FLAGS_AT: usize = 2;
const TC: u8 = 0x02;
/// Room for one PKTINFO control message of either family.
const CONTROL_OCTETS: usize = 64;
/// Kernel buffers: a class of thirty opening their browsers at once must not be dropped while a worker is busy.
const KERNEL_BUFFER_OCTETS: usize = 4 << 20;

/// Where a datagram came from and where it was sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The client.
    pub client: SocketAddr,
    /// The address and port that were asked.
    pub local: SocketAddr,
    /// The interface, for link-local clients; 0 where it does not matter.
    interface: u32,
}

#[cfg(test)]
impl Peer {
    pub fn new(client: SocketAddr, local: SocketAddr) -> Self {
        Self { client, local, interface: 0 }
    }
}

#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL_OCTETS]);

/// The arrays that the kernel reads and writes. Boxed once and never moved, because they point into each other.
struct Arrays {
    packets: [[u8; RECEIVE_OCTETS]; BATCH],
    answers: [[u8; SEND_OCTETS]; BATCH],
    from: [libc::sockaddr_storage; BATCH],
    to: [libc::sockaddr_storage; BATCH],
    received_control: [Control; BATCH],
    sent_control: [Control; BATCH],
    received_iov: [libc::iovec; BATCH],
    sent_iov: [libc::iovec; BATCH],
    received: [libc::mmsghdr; BATCH],
    sent: [libc::mmsghdr; BATCH],
}

/// A UDP socket of one worker.
pub struct DatagramDoor {
    socket: Socket,
    bound: SocketAddr,
    wildcard: bool,
    arrays: Box<Arrays>,
    queued: usize,
}

// SAFETY: the raw pointers in `arrays` point only into the same boxed allocation, which moves with the door; nothing in it
// is tied to a thread.
unsafe impl Send for DatagramDoor {}

impl DatagramDoor {
    /// Binds one socket of the group at `address`.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_reuse_port(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // Less is granted where the system caps it; that costs drops under a burst, not correctness.
        let _ = socket.set_recv_buffer_size(KERNEL_BUFFER_OCTETS);
        let _ = socket.set_send_buffer_size(KERNEL_BUFFER_OCTETS);
        socket.set_nonblocking(true)?;
        // A sandbox that does not know the option costs a number for each answer.
        let _ = keep_whole(&socket, address.is_ipv6());
        let wildcard = address.ip().is_unspecified();
        if wildcard {
            ask_for_pktinfo(&socket, address.is_ipv6())?;
        }
        socket.bind(&address.into())?;
        let bound = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { socket, bound, wildcard, arrays: arrays(), queued: 0 })
    }

    /// Whether somebody else holds `address`: SO_REUSEPORT alone would let a second server of the same user in.
    pub fn probe(address: SocketAddr) -> io::Result<()> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())
    }

    /// The address it is bound to.
    pub fn bound(&self) -> SocketAddr {
        self.bound
    }

    /// Takes what is waiting, at most [`BATCH`] datagrams; 0 when nothing is.
    pub fn receive(&mut self) -> usize {
        let arrays = &mut *self.arrays;
        for header in &mut arrays.received {
            header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_hdr.msg_controllen = if self.wildcard { CONTROL_OCTETS } else { 0 };
            header.msg_hdr.msg_flags = 0;
        }
        // SAFETY: `received` holds BATCH headers whose pointers were set by `arrays()` into the same living allocation, with
        // the lengths of those arrays; the socket is open.
        let taken = unsafe {
            libc::recvmmsg(
                self.socket.as_raw_fd(),
                arrays.received.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        usize::try_from(taken).unwrap_or(0)
    }

    /// The octets of the `at`-th datagram taken. Of packets that were cut only the header is given.
    #[inline]
    pub fn packet(&self, at: usize) -> Option<&[u8]> {
        packet_of(&self.arrays.packets, &self.arrays.received, at)
    }

    /// The `at`-th datagram taken and a buffer for its answer.
    #[inline]
    pub fn datagram(&mut self, at: usize) -> Option<(Peer, &[u8], &mut [u8])> {
        let header = self.arrays.received.get(at)?;
        let client = socket_address(self.arrays.from.get(at)?)?;
        let mut peer = Peer { client, local: self.bound, interface: 0 };
        if self.wildcard {
            // SAFETY: the kernel has filled `msg_control` of this header up to `msg_controllen`.
            if let Some((address, interface)) = unsafe { asked_address(&header.msg_hdr) } {
                peer.local.set_ip(address);
                peer.interface = interface;
            }
        }
        let Arrays { packets, received, answers, .. } = &mut *self.arrays;
        Some((peer, packet_of(packets, received, at)?, answers.get_mut(self.queued)?.as_mut_slice()))
    }

    /// A buffer for an answer that has no datagram in this batch.
    pub fn buffer(&mut self) -> Option<&mut [u8]> {
        self.arrays.answers.get_mut(self.queued).map(|buffer| buffer.as_mut_slice())
    }

    /// Queues the answer of `length` octets that was written into the last buffer given out.
    #[inline]
    pub fn queue(&mut self, peer: &Peer, length: usize) {
        let arrays = &mut *self.arrays;
        let (Some(header), Some(iov)) = (arrays.sent.get_mut(self.queued), arrays.sent_iov.get_mut(self.queued)) else {
            return;
        };
        let (Some(to), Some(control)) = (arrays.to.get_mut(self.queued), arrays.sent_control.get_mut(self.queued))
        else {
            return;
        };
        iov.iov_len = length.min(SEND_OCTETS);
        header.msg_hdr.msg_namelen = write_address(to, peer.client);
        header.msg_hdr.msg_controllen = if self.wildcard { write_source(control, peer) } else { 0 };
        self.queued += 1;
    }

    /// Whether the batch is full and must be flushed before the next answer.
    pub fn is_full(&self) -> bool {
        self.queued == BATCH
    }

    /// Sends what is queued. Returns how many the kernel took and how many it refused (a client that has gone, a full
    /// buffer): those are given up, a client asks again.
    pub fn flush(&mut self) -> (usize, usize) {
        let queued = std::mem::take(&mut self.queued);
        let (mut at, mut sent, mut refused) = (0, 0, 0);
        while at < queued {
            let Some(rest) = self.arrays.sent.get_mut(at..queued) else { break };
            // SAFETY: `rest` are headers set up by `arrays()` and `queue`; all their pointers lead into `self.arrays`.
            let taken = unsafe {
                libc::sendmmsg(
                    self.socket.as_raw_fd(),
                    rest.as_mut_ptr(),
                    rest.len() as libc::c_uint,
                    libc::MSG_DONTWAIT,
                )
            };
            match usize::try_from(taken) {
                Ok(taken) if taken > 0 => {
                    at += taken;
                    sent += taken;
                }
                _ => {
                    at += 1;
                    refused += 1;
                }
            }
        }
        (sent, refused)
    }
}

impl AsRawFd for DatagramDoor {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// A box of zeros, filled where it stands: on the stack there is no room for it. What points into it is set afterwards and
/// holds for the life of the box.
///
/// # Safety
/// `T` is not empty, and all-zero is a value of it.
unsafe fn zeroed_box<T>() -> Box<T> {
    let layout = Layout::new::<T>();
    // SAFETY: the layout is not empty and is that of the box; the caller vouches for the value.
    unsafe {
        let zeroed = std::alloc::alloc_zeroed(layout).cast::<T>();
        if zeroed.is_null() {
            std::alloc::handle_alloc_error(layout);
        }
        Box::from_raw(zeroed)
    }
}

fn arrays() -> Box<Arrays> {
    // SAFETY: plain C structs and arrays of integers and pointers, of which all-zero is a value.
    let mut arrays: Box<Arrays> = unsafe { zeroed_box() };
    let all = &mut *arrays;
    for at in 0..BATCH {
        all.received_iov[at] = libc::iovec { iov_base: all.packets[at].as_mut_ptr().cast(), iov_len: RECEIVE_OCTETS };
        all.sent_iov[at] = libc::iovec { iov_base: all.answers[at].as_mut_ptr().cast(), iov_len: 0 };
        let received = &mut all.received[at].msg_hdr;
        received.msg_name = (&raw mut all.from[at]).cast();
        received.msg_iov = &raw mut all.received_iov[at];
        received.msg_iovlen = 1;
        received.msg_control = all.received_control[at].0.as_mut_ptr().cast();
        let sent = &mut all.sent[at].msg_hdr;
        sent.msg_name = (&raw mut all.to[at]).cast();
        sent.msg_iov = &raw mut all.sent_iov[at];
        sent.msg_iovlen = 1;
        sent.msg_control = all.sent_control[at].0.as_mut_ptr().cast();
    }
    arrays
}

#[inline]
fn packet_of<'a>(
    packets: &'a [[u8; RECEIVE_OCTETS]; BATCH],
    received: &[libc::mmsghdr; BATCH],
    at: usize,
) -> Option<&'a [u8]> {
    let header = received.get(at)?;
    let cut = header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
    packets.get(at)?.get(..if cut { HEADER_OCTETS } else { (header.msg_len as usize).min(RECEIVE_OCTETS) })
}

fn ask_for_pktinfo(socket: &Socket, v6: bool) -> io::Result<()> {
    let (level, option) =
        if v6 { (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO) } else { (libc::IPPROTO_IP, libc::IP_PKTINFO) };
    set_option(socket, level, option, 1)
}

/// Answers leave unfragmented, whatever a forged ICMP message says of the path (RFC 9715 section 3.1): they are short enough
/// for every path that is not broken; where an interface takes less than 1260 octets, one that is longer is given up and its
/// client asks again with less, or by TCP. It also spares the kernel a number for each of them.
fn keep_whole(socket: &Socket, v6: bool) -> io::Result<()> {
    let (level, option, probe) = if v6 {
        (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_PROBE)
    } else {
        (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE)
    };
    set_option(socket, level, option, probe)
}

fn set_option(socket: &Socket, level: libc::c_int, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
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
fn socket_address(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
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

fn write_address(to: &mut libc::sockaddr_storage, address: SocketAddr) -> libc::socklen_t {
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
unsafe fn asked_address(header: &libc::msghdr) -> Option<(IpAddr, u32)> {
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
fn write_source(control: &mut Control, peer: &Peer) -> usize {
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

/// A UDP socket connected to one forwarder: what comes from anywhere else is dropped by the kernel, which has also drawn a
/// free source port at random.
pub struct ForwarderSocket(Socket);

impl ForwarderSocket {
    /// Opens and connects one.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        socket.connect(&address.into())?;
        Ok(Self(socket))
    }

    /// Sends at most [`BATCH`] datagrams. Returns how many left, and the error that kept back the rest.
    pub fn send(&self, datagrams: &[&[u8]]) -> (usize, Option<io::Error>) {
        let datagrams = datagrams.get(..BATCH).unwrap_or(datagrams);
        if let [datagram] = datagrams {
            // Most often there is one; the arrays below are large.
            return match self.0.send(datagram) {
                Ok(_) => (1, None),
                Err(error) => (0, Some(error)),
            };
        }
        let mut parts = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; BATCH];
        for (part, datagram) in parts.iter_mut().zip(datagrams) {
            *part = libc::iovec { iov_base: datagram.as_ptr().cast_mut().cast(), iov_len: datagram.len() };
        }
        let mut headers = headers_over(&mut parts);
        let mut sent = 0;
        while let Some(rest) = headers.get_mut(sent..datagrams.len()).filter(|rest| !rest.is_empty()) {
            let (first, count) = (rest.as_mut_ptr(), rest.len() as libc::c_uint);
            // SAFETY: the headers lead to `parts`, and those to `datagrams`, which sendmmsg only reads; all outlive the call.
            let taken = unsafe { libc::sendmmsg(self.as_raw_fd(), first, count, libc::MSG_DONTWAIT) };
            match usize::try_from(taken) {
                Ok(taken) if taken > 0 => sent += taken,
                _ => return (sent, Some(io::Error::last_os_error())),
            }
        }
        (sent, None)
    }
}

impl AsRawFd for ForwarderSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Room for a batch of replies, used by all sockets towards forwarders in turn.
pub struct Inbox {
    arrays: Box<ReplyArrays>,
    lengths: [usize; BATCH],
}

/// What the kernel writes replies into. Boxed once and never moved, because it points into itself.
struct ReplyArrays {
    datagrams: [[u8; REPLY_OCTETS]; BATCH],
    iov: [libc::iovec; BATCH],
    headers: [libc::mmsghdr; BATCH],
}

// SAFETY: the raw pointers lead only into the same boxed allocation, which moves with its owner; nothing is tied to a thread.
unsafe impl Send for Inbox {}

impl Inbox {
    /// An empty one.
    pub fn new() -> Self {
        // SAFETY: integers and pointers, of which all-zero is a value.
        let mut arrays: Box<ReplyArrays> = unsafe { zeroed_box() };
        let all = &mut *arrays;
        for at in 0..BATCH {
            all.iov[at] = libc::iovec { iov_base: all.datagrams[at].as_mut_ptr().cast(), iov_len: REPLY_OCTETS };
            all.headers[at].msg_hdr.msg_iov = &raw mut all.iov[at];
            all.headers[at].msg_hdr.msg_iovlen = 1;
        }
        Self { arrays, lengths: [0; BATCH] }
    }

    /// Reads what waits, at most [`BATCH`] datagrams, over what was here before.
    pub fn receive(&mut self, from: &ForwarderSocket) -> io::Result<usize> {
        let (first, count) = (self.arrays.headers.as_mut_ptr(), BATCH as libc::c_uint);
        // SAFETY: BATCH headers lead to as many parts, and those to the buffers of this box with their length.
        let taken = unsafe { libc::recvmmsg(from.as_raw_fd(), first, count, libc::MSG_DONTWAIT, std::ptr::null_mut()) };
        let taken = usize::try_from(taken).map_err(|_| io::Error::last_os_error())?;
        let ReplyArrays { datagrams, headers, .. } = &mut *self.arrays;
        for ((length, header), datagram) in self.lengths.iter_mut().zip(headers).zip(datagrams).take(taken) {
            *length = header.msg_len as usize;
            if header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
                // Cut by us is as good as cut by the forwarder: the whole is to be had over TCP.
                datagram[FLAGS_AT] |= TC;
            }
        }
        Ok(taken)
    }

    /// The `at`-th datagram of the last batch.
    pub fn datagram(&self, at: usize) -> Option<&[u8]> {
        self.arrays.datagrams.get(at)?.get(..*self.lengths.get(at)?)
    }
}

fn headers_over(parts: &mut [libc::iovec; BATCH]) -> [libc::mmsghdr; BATCH] {
    // SAFETY: all-zero is a value of this C struct of integers and pointers.
    let mut headers: [libc::mmsghdr; BATCH] = unsafe { zeroed() };
    for (header, part) in headers.iter_mut().zip(parts) {
        header.msg_hdr.msg_iov = part;
        header.msg_hdr.msg_iovlen = 1;
    }
    headers
}

/// Which of many descriptors can be read (epoll). It can itself be watched. A descriptor that is closed is watched no more.
pub struct Readiness(std::os::fd::OwnedFd);

impl Readiness {
    /// One that watches nothing.
    pub fn new() -> io::Result<Self> {
        // SAFETY: epoll_create1 takes no pointers; a non-negative result is a file descriptor nobody else owns.
        unsafe {
            let fd = libc::epoll_create1(libc::EPOLL_CLOEXEC);
            if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(Self(std::os::fd::FromRawFd::from_raw_fd(fd))) }
        }
    }

    /// Watches a descriptor, to be shown as `key`.
    pub fn watch(&self, fd: RawFd, key: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: key };
        // SAFETY: a living event, which is only read.
        let done = unsafe { libc::epoll_ctl(self.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &raw mut event) };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Writes the keys of what is readable now; returns how many.
    pub fn ready(&self, keys: &mut [u64; BATCH]) -> usize {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; BATCH];
        // SAFETY: a living, writable array of BATCH events.
        let count = unsafe { libc::epoll_wait(self.as_raw_fd(), events.as_mut_ptr(), BATCH as libc::c_int, 0) };
        for (key, event) in keys.iter_mut().zip(&events) {
            *key = event.u64;
        }
        usize::try_from(count).unwrap_or(0)
    }
}

impl AsRawFd for Readiness {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// An eventfd: wakes a thread or an event loop that waits for readiness.
#[derive(Debug)]
pub struct Wake(std::os::fd::OwnedFd);

impl Wake {
    /// A new one, not signalled.
    pub fn new() -> io::Result<Self> {
        // SAFETY: eventfd takes no pointers; a non-negative result is a file descriptor nobody else owns.
        unsafe {
            let fd = libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC);
            if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(Self(std::os::fd::FromRawFd::from_raw_fd(fd))) }
        }
    }

    /// Makes it readable.
    pub fn signal(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: eight living octets. A full counter (EAGAIN) is readable already.
        unsafe { libc::write(self.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Makes it unreadable again.
    pub fn clear(&self) {
        let mut count = [0u8; 8];
        // SAFETY: eight living, writable octets.
        unsafe { libc::read(self.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    }
}

impl AsRawFd for Wake {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// A descriptor to wait for.
pub type PollFd = libc::pollfd;

/// Waits until one of `fds` is readable or `timeout_ms` has passed; each says which it was.
pub fn wait_readable(fds: &mut [PollFd], timeout_ms: i32) {
    // SAFETY: a living slice of pollfd and its length. An interrupted wait is as good as a short one.
    unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, timeout_ms) };
}

/// A pollfd that waits for reading.
pub fn readable(fd: RawFd) -> PollFd {
    PollFd { fd, events: libc::POLLIN, revents: 0 }
}

/// A pollfd that waits for nothing.
pub fn nothing() -> PollFd {
    // A negative descriptor is passed over (poll(2)).
    readable(-1)
}

/// Whether the last wait found it readable.
pub fn is_readable(fd: &PollFd) -> bool {
    fd.revents != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(door: &DatagramDoor, level: libc::c_int, option: libc::c_int) -> libc::c_int {
        let (mut value, mut length): (libc::c_int, _) = (-1, size_of::<libc::c_int>() as libc::socklen_t);
        // SAFETY: a living c_int and its size.
        let done =
            unsafe { libc::getsockopt(door.as_raw_fd(), level, option, (&raw mut value).cast(), &raw mut length) };
        assert_eq!(done, 0, "{}", io::Error::last_os_error());
        value
    }

    #[test]
    fn answers_leave_unfragmented() {
        let v4 = DatagramDoor::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a door");
        assert_eq!(option(&v4, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER), libc::IP_PMTUDISC_PROBE);
        let v6 = DatagramDoor::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, 0))).expect("a door");
        assert_eq!(option(&v6, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER), libc::IPV6_PMTUDISC_PROBE);
    }
}
