//! Many datagrams in one system call: `recvmmsg` and `sendmmsg`.

use std::io;
use std::os::fd::RawFd;

/// No datagram here is longer; DNS over UDP is sized at 1232.
pub const MOST_OCTETS: usize = 1536;

/// Datagrams to be sent, or just received. `sendmmsg` after `recvmmsg` answers the peers each came from.
pub struct Batch {
    // The headers point into the boxes, which never move.
    buffers: Box<[[u8; MOST_OCTETS]]>,
    /// Written by the kernel only.
    _peers: Box<[libc::sockaddr_storage]>,
    vectors: Box<[libc::iovec]>,
    headers: Box<[libc::mmsghdr]>,
    keeps_peers: bool,
}

impl Batch {
    /// Room for `most` datagrams; `keeps_peers` for a socket that is not connected.
    pub fn new(most: usize, keeps_peers: bool) -> Self {
        let mut buffers = vec![[0; MOST_OCTETS]; most].into_boxed_slice();
        // SAFETY: all-zero is a valid value of these plain C structures.
        let mut peers = vec![unsafe { std::mem::zeroed::<libc::sockaddr_storage>() }; most].into_boxed_slice();
        let vectors =
            buffers.iter_mut().map(|buffer| libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: MOST_OCTETS });
        let mut vectors: Box<[libc::iovec]> = vectors.collect();
        let headers = (0..most).map(|at| {
            // SAFETY: as above.
            let mut header = unsafe { std::mem::zeroed::<libc::mmsghdr>() };
            header.msg_hdr.msg_iov = &raw mut vectors[at];
            header.msg_hdr.msg_iovlen = 1;
            if keeps_peers {
                header.msg_hdr.msg_name = (&raw mut peers[at]).cast();
            }
            header
        });
        let headers = headers.collect();
        Self { buffers, _peers: peers, vectors, headers, keeps_peers }
    }

    /// How many datagrams fit.
    pub fn most(&self) -> usize {
        self.headers.len()
    }

    /// Receives what is there; `flags` as for recvmmsg(2).
    pub fn receive(&mut self, socket: RawFd, flags: libc::c_int) -> io::Result<usize> {
        for (vector, header) in self.vectors.iter_mut().zip(&mut self.headers) {
            vector.iov_len = MOST_OCTETS;
            if self.keeps_peers {
                header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            }
        }
        let most = self.headers.len() as libc::c_uint;
        // SAFETY: every header points to a buffer and a peer that this value owns and does not move.
        let received = unsafe { libc::recvmmsg(socket, self.headers.as_mut_ptr(), most, flags, std::ptr::null_mut()) };
        if received < 0 { Err(io::Error::last_os_error()) } else { Ok(received as usize) }
    }

    /// The datagram received at `at`.
    pub fn received(&self, at: usize) -> &[u8] {
        &self.buffers[at][..(self.headers[at].msg_len as usize).min(MOST_OCTETS)]
    }

    /// The datagram received at `at` and its whole buffer, to answer in place.
    pub fn buffer(&mut self, at: usize) -> (&mut [u8; MOST_OCTETS], usize) {
        (&mut self.buffers[at], (self.headers[at].msg_len as usize).min(MOST_OCTETS))
    }

    /// How long the datagram at `at` is that will be sent.
    pub fn set_length(&mut self, at: usize, octets: usize) {
        self.vectors[at].iov_len = octets;
    }

    /// Makes the datagram at `at` a copy of `octets`.
    #[inline]
    pub fn put(&mut self, at: usize, octets: &[u8]) -> &mut [u8] {
        self.vectors[at].iov_len = octets.len();
        let slot = &mut self.buffers[at][..octets.len()];
        slot.copy_from_slice(octets);
        slot
    }

    /// Sends the first `count`; fewer may go.
    pub fn send(&mut self, socket: RawFd, count: usize) -> io::Result<usize> {
        // SAFETY: as in `receive`; `count` headers exist.
        let sent = unsafe {
            libc::sendmmsg(
                socket,
                self.headers.as_mut_ptr(),
                count.min(self.most()) as libc::c_uint,
                libc::MSG_DONTWAIT,
            )
        };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(sent as usize) }
    }

    /// Sends the first `count` to the end, dropping what the kernel will not take.
    pub fn send_all(&mut self, socket: RawFd, count: usize) {
        let mut at = 0;
        while at < count {
            // SAFETY: as in `receive`; `at` is below `count`, which is at most the number of headers.
            let sent =
                unsafe { libc::sendmmsg(socket, self.headers.as_mut_ptr().add(at), (count - at) as libc::c_uint, 0) };
            at += if sent > 0 { sent as usize } else { 1 };
        }
    }
}

/// Asks for socket buffers that hold a burst; the superuser gets them whatever the system's limit.
pub fn deepen(socket: RawFd) {
    let octets: libc::c_int = 8 << 20;
    for option in [libc::SO_RCVBUF, libc::SO_SNDBUF, libc::SO_RCVBUFFORCE, libc::SO_SNDBUFFORCE] {
        // SAFETY: the pointer and length describe a live c_int. A refusal leaves the default, which also works.
        unsafe {
            libc::setsockopt(
                socket,
                libc::SOL_SOCKET,
                option,
                (&raw const octets).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            )
        };
    }
}
