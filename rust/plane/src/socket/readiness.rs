//! What there is to read, and how one thread wakes another.

use super::BATCH;
use std::io;
use std::os::fd::{AsRawFd, RawFd};

/// Which of many descriptors can be read (epoll). It can itself be watched. A descriptor that is closed is watched no more.
pub struct Readiness(std::os::fd::OwnedFd);

impl Readiness {
    /// One that watches nothing.
    pub fn new() -> io::Result<Self> {
        // SAFETY: epoll_create1 takes no pointers; a non-negative result is a file descriptor that nothing else owns.
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
        // SAFETY: eventfd takes no pointers; a non-negative result is a file descriptor that nothing else owns.
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
