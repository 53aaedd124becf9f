//! The sockets that clients ask at.
//!
//! One socket for each worker and address (SO_REUSEPORT), read with recvmmsg and written with sendmmsg. A socket bound to a
//! wildcard address learns from the kernel which address was asked (PKTINFO) and answers from it, so a multi-homed host
//! does not answer from an address the client never asked.

use super::peer::{
    CONTROL_OCTETS, Control, Peer, ask_for_pktinfo, asked_address, set_option, socket_address, write_address,
    write_source,
};
use super::{BATCH, FLAGS_AT, TC, zeroed_box};
use schoolgate_wire::HEADER_OCTETS;
use schoolgate_wire::question_end;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};

/// A query longer than this has options that no client needs; the kernel cuts it and it is answered FORMERR, from its
/// header.
const RECEIVE_OCTETS: usize = 2048;
/// Where a header counts records other than the question.
const RECORD_COUNTS: std::ops::Range<usize> = 6..12;
/// Room for an answer: what we announce (1232), rounded up.
const SEND_OCTETS: usize = 1280;
/// Kernel buffers: a class of thirty opening their browsers at once must not be dropped while a worker is busy.
const KERNEL_BUFFER_OCTETS: usize = 4 << 20;

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

/// What became of a batch of answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flushed {
    /// The kernel took so many.
    pub sent: usize,
    /// So many it did not.
    pub refused: usize,
    /// So many of those sent were cut.
    pub truncated: usize,
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

    /// Whether another socket holds `address`: SO_REUSEPORT alone would let a second server of the same user in.
    pub fn probe(address: SocketAddr) -> io::Result<()> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())
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

    /// Sends what is queued. What the kernel refuses (a client that has gone, a full buffer) is given up: a client asks
    /// again. What is too long for its way leaves truncated.
    pub fn flush(&mut self) -> Flushed {
        let queued = std::mem::take(&mut self.queued);
        let (mut at, mut flushed) = (0, Flushed::default());
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
                    flushed.sent += taken;
                }
                _ if is_too_long() && self.truncate(at) => flushed.truncated += 1,
                _ => {
                    at += 1;
                    flushed.refused += 1;
                }
            }
        }
        flushed
    }

    /// Cuts a queued answer to its header and question; whether there was more. Its OPT goes too: who asked comes back by
    /// TCP whatever it said.
    fn truncate(&mut self, at: usize) -> bool {
        let arrays = &mut *self.arrays;
        let (Some(answer), Some(iov)) = (arrays.answers.get_mut(at), arrays.sent_iov.get_mut(at)) else { return false };
        let Some(end) = answer.get(..iov.iov_len).and_then(question_end).filter(|end| *end < iov.iov_len) else {
            return false;
        };
        answer[FLAGS_AT] |= TC;
        answer[RECORD_COUNTS].fill(0);
        iov.iov_len = end;
        true
    }
}

impl AsRawFd for DatagramDoor {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// Whether the last send was refused because an interface takes less.
fn is_too_long() -> bool {
    io::Error::last_os_error().raw_os_error() == Some(libc::EMSGSIZE)
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

/// Answers leave unfragmented, whatever a forged ICMP message says of the path (RFC 9715 section 3.1): they are short enough
/// for nearly every path; where an interface takes less than 1260 octets, a longer one leaves truncated and its client asks
/// again by TCP. It also spares the kernel a number for each of them.
fn keep_whole(socket: &Socket, v6: bool) -> io::Result<()> {
    let (level, option, probe) = if v6 {
        (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_PROBE)
    } else {
        (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE)
    };
    set_option(socket, level, option, probe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv6Addr;

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
