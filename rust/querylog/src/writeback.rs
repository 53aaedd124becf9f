//! What the kernel is told of a file that is being written. It is advice: the data is safe only after a sync. The only unsafe
//! code of this crate.
#![allow(unsafe_code)]

use std::fs::File;

/// Has the kernel begin to write these octets of a file to the disk, without waiting for it. Does nothing where there is no
/// such call.
pub(crate) fn begin(file: &File, from: u64, octets: u64) {
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd;
        let (from, octets) = (from.cast_signed(), octets.cast_signed());
        // SAFETY: an open descriptor and three numbers. An error leaves all to the next sync, which says what is wrong.
        unsafe { libc::sync_file_range(file.as_raw_fd(), from, octets, libc::SYNC_FILE_RANGE_WRITE) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (file, from, octets);
}
