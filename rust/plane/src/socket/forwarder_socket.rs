//! The sockets that forwarders are asked from.

use super::{BATCH, FLAGS_AT, TC, zeroed_box};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::mem::zeroed;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};

/// More than the 1232 we announce to forwarders: one that ignores it is still read whole.
const REPLY_OCTETS: usize = 4096;

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
