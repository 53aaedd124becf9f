//! What the three programs share: batches of datagrams, a workload file, a histogram, a place on a core.
//!
//! `dnsload` asks, `dnsecho` is the floor (a server that does nothing), `dnsstandin` is the upstream. Each is one thread on
//! one core, so that "a core of server against a core of generator" means what it says.

pub mod arguments;
pub mod batch;
pub mod histogram;
pub mod place;
pub mod workload;
