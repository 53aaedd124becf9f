//! What the plane asks of the kernel: batches of datagrams, readiness. The only directory of the plane that holds `unsafe`.

mod binding;
mod datagram_door;
mod forwarder_socket;
mod peer;
mod readiness;

pub use binding::bind_all;
pub use datagram_door::{DatagramDoor, Flushed};
pub use forwarder_socket::{ForwarderSocket, Inbox};
pub use peer::Peer;
pub use readiness::{PollFd, Readiness, Wake, is_readable, nothing, readable, wait_readable};

use std::alloc::Layout;

/// Datagrams taken or sent by one system call.
pub const BATCH: usize = 64;
/// The octet of a header that says whether a message was cut, and its bit.
const FLAGS_AT: usize = 2;
const TC: u8 = 0x02;

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
