//! Advice to the processor and the kernel about memory that look-ups will read: a machine that does not take it
//! gives the same verdicts, later. The only unsafe code of this crate.
#![allow(unsafe_code)]

use bytemuck::Zeroable;

/// What one entry of the processor's address cache covers of a huge page.
const HUGE_PAGE_OCTETS: usize = 2 << 20;
/// A table smaller than this is not worth a huge page.
const LEAST_HUGE_OCTETS: usize = 1 << 20;

/// Brings the cache line of a value near, without waiting for it. Does nothing where there is no stable way to say so.
#[inline]
pub fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch shows a program nothing and never faults; every x86_64 has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>((&raw const *value).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

/// So many zeros, in huge pages if there are many and the system has them: reading at random in a table of many small pages,
/// the processor looks up addresses for longer than it reads.
pub fn zeroed_table<T: Zeroable + Clone>(count: usize) -> Vec<T> {
    let octets = count * size_of::<T>();
    let is_large = octets >= LEAST_HUGE_OCTETS;
    let mut table = Vec::new();
    if is_large {
        // To the end of the last huge page, or what is left there would stay in small ones.
        table.reserve_exact(octets.next_multiple_of(HUGE_PAGE_OCTETS).div_ceil(size_of::<T>()));
        // Best before anything is written there: a page gets its size when it is first touched.
        advise(&table, Advice::HugePages);
    }
    table.resize(count, T::zeroed());
    if is_large {
        // Memory that was used before has its pages already, and they are small. This is done whatever the system does for who
        // does not ask (madvise(2)).
        advise(&table, Advice::Collapse);
    }
    table
}

/// Has freed memory fit for use again, over months. Nearly every piece is joined with its neighbours: glibc keeps
/// small ones apart, to give them out again sooner, and what lies between answers of all sizes that come and go is lost. A table goes
/// back to the system: glibc takes the first one that is freed as a sign that others of its size are better kept.
pub fn settle_allocator() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: sets two numbers in the allocator, under its own lock. A refusal leaves things as they were.
    unsafe {
        libc::mallopt(libc::M_MXFAST, 0);
        libc::mallopt(libc::M_MMAP_THRESHOLD, LEAST_HUGE_OCTETS as libc::c_int);
    }
}

#[derive(Clone, Copy)]
enum Advice {
    HugePages,
    Collapse,
}

fn advise<T>(table: &Vec<T>, advice: Advice) {
    #[cfg(target_os = "linux")]
    {
        let advice = match advice {
            Advice::HugePages => libc::MADV_HUGEPAGE,
            Advice::Collapse => libc::MADV_COLLAPSE,
        };
        // SAFETY: asks for a number.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096).max(1);
        // From the start of its first page: a large allocation begins there, behind a few octets of the allocator's own.
        let start = table.as_ptr() as usize / page * page;
        let end = (table.as_ptr() as usize + table.capacity() * size_of::<T>()) / page * page;
        // SAFETY: pages that an allocation of ours lies in; the advice changes nothing that can be read there.
        unsafe { libc::madvise(start as *mut libc::c_void, end.saturating_sub(start), advice) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (table, advice);
}
