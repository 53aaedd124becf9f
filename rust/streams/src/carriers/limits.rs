//! What forwarders may take of us, and how long they may take.

use std::time::Duration;

/// An attempt ends: a connection is opened, TLS and all, within this, and a question is not asked again later.
pub const ATTEMPT: Duration = Duration::from_millis(1_500);
/// A connection where questions wait and nothing has come for so long may be dead: what waits there is also asked elsewhere.
pub const SILENT: Duration = Duration::from_millis(750);
/// No client waits longer than this; a connection that has been silent for so long is dead.
pub const GIVE_UP: Duration = Duration::from_secs(4);
/// How often questions that no client waits for are looked for.
pub const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// A connection that is not used is closed. Most forwarders close it earlier.
pub const IDLE: Duration = Duration::from_secs(120);

/// Connections of one forwarder that are used.
pub const CONNECTIONS: usize = 4;
/// Connections of one forwarder in all: those that may be dead are kept for late answers.
pub const CONNECTIONS_IN_ALL: usize = 8;
/// With so many questions waiting at the least used connection another one is opened.
pub const SPREAD_AT: usize = 32;
/// Questions of one connection that may wait.
pub const PIPELINED: usize = 1024;
/// The same of HTTP/2, where each is a stream: what RFC 9113 section 6.5.2 advises servers to allow at least.
pub const MOST_STREAMS: usize = 100;
/// Questions that may wait to be placed.
pub const QUEUED: usize = 4096;

/// After a connection that could not be opened the next one waits, twice as long each time.
pub const OPEN_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// But no longer than this.
pub const OPEN_AGAIN_AT_MOST: Duration = Duration::from_secs(1);
/// After a certificate that is not believed the next connection waits this long: it stays wrong until an operator renews it or
/// sets a clock, and each handshake costs both sides much.
pub const OPEN_AGAIN_AFTER_DISTRUST: Duration = Duration::from_secs(10);
/// Time for a farewell at the end of a connection.
pub const FAREWELL: Duration = Duration::from_millis(500);
/// Octets of a reply by HTTPS: as many as one by TCP can have.
pub const REPLY_OCTETS: usize = 65_535;
/// Octets read at once.
pub const READ_OCTETS: usize = 16 << 10;
