//! What a client may take of a door. Where a figure comes from is said beside it.

use std::time::Duration;

/// A handshake that takes longer is a client that does nothing.
pub const HANDSHAKE: Duration = Duration::from_secs(3);
/// Handshakes under way, all threads together: a handshake is the dearest thing a client can ask for before it says who it
/// is. One client has a share of them ([`crate::handshakes`]).
pub const HANDSHAKES_AT_ONCE: usize = 256;
/// New connections of one client (an IPv6 /64) in one second: a network behind one address that comes back after a power cut.
pub const SESSIONS_PER_CLIENT_A_SECOND: u32 = 50;
/// Clients whose new connections are counted in one second; with more of them, those beyond are not counted.
pub const COUNTED_CLIENTS: usize = 16_384;

/// An encrypted connection that does nothing for so long is closed (Unbound and dnsproxy have the same). For plain TCP it is a
/// setting.
pub const IDLE: Duration = Duration::from_secs(30);
/// The same where places are scarce: connections that do nothing must not keep others out (RFC 7766 section 6.2.3).
pub const CROWDED_IDLE: Duration = Duration::from_millis(500);
/// With more than this share of the places taken they are scarce, percent (dnsdist has the same).
pub const CROWDED_PERCENT: usize = 90;
/// One message, or the body of one request, is sent within this.
pub const MESSAGE: Duration = Duration::from_secs(3);
/// An answer is taken by the client within this.
pub const UNREAD: Duration = Duration::from_secs(5);
/// The plane answers within 4 s; what takes longer has been dropped there.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// A connection that was asked to end has this long to do so.
pub const FAREWELL: Duration = Duration::from_secs(1);
/// How often an HTTP/2 connection is looked at: it does not say itself that it does nothing.
pub const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Messages that are no query (FORMERR, NOTIMP) that one connection may send: after these it is closed, whatever comes between.
pub const NO_QUERIES: u32 = 16;

/// Messages of one DNS over TLS connection that may wait for an answer. For plain TCP it is a setting.
pub const PIPELINED: usize = 64;
/// A packet full of short messages must not hold the thread: after these others have their turn.
pub const MESSAGES_A_TURN: usize = 32;
/// Answers gathered before they are written.
pub const GATHERED_OCTETS: usize = 64 << 10;
/// Answers of one connection that the kernel holds for a client that does not read: left to itself it would hold 4 MiB.
pub const SOCKET_SEND_OCTETS: usize = 64 << 10;
/// Octets read at once.
pub const READ_OCTETS: usize = 4096;

/// Requests of one HTTP/2 connection that may be open at the same time; also tickets in work that it may leave behind by
/// resetting its streams (CVE-2025-8671, "MadeYouReset": a stream that is gone costs as much work as one that stands).
pub const STREAMS: u32 = 100;
/// Streams that a client may reset before we have taken them (CVE-2023-44487, "rapid reset").
pub const PENDING_RESETS: usize = 20;
/// Streams that a client may make us reset.
pub const ERROR_RESETS: usize = 20;
/// Octets of the head of one request. A question in a URI takes 700 at most.
pub const HEAD_OCTETS: u32 = 8 << 10;
/// Octets of a question by HTTPS. With padding to 128 (RFC 8467) one takes 512 at most.
pub const BODY_OCTETS: usize = 4096;
/// Octets of answers that one stream may hold back.
pub const SEND_OCTETS: usize = 64 << 10;
/// Octets of requests that a client may have on their way, by stream and by connection.
pub const WINDOW_OCTETS: u32 = 64 << 10;
