//! Asks a DNS server, checks every reply, and says how fast it was.
//!
//! *Closed loop* (`--window`): so many queries are under way at any time; how fast can the server go? *Open loop*
//! (`--rate`): so many are sent a second, whatever comes back; how long does a client wait? One thread spins on one core,
//! over connected sockets. The result, one JSON object, also says how idle the generator was: where it was not, it was the
//! generator that was measured.
//!
//! A reply counts if its ID, its question and its kind of answer are right. A query without a reply for `--timeout-ms` is
//! lost; a reply after that is late and stays lost.

use schoolgate_bench_generator::arguments::Arguments;
use schoolgate_bench_generator::batch::{Batch, deepen};
use schoolgate_bench_generator::histogram::Histogram;
use schoolgate_bench_generator::place::{now_ns, pin, used_ns};
use schoolgate_bench_generator::workload::{Entry, Expected, UNIQUE_AT, UNIQUE_OCTETS, Workload, unique_label};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::path::PathBuf;

const USAGE: &str = "dnsload --server ADDRESS:PORT --workload FILE (--window N | --rate Q/S) [--seconds 5] [--once 1]
        [--core N] [--sockets 4] [--batch 32] [--timeout-ms 2000] [--offset N] [--salt N] [--check-rcode 1] [--slice-ms N]";
/// IDs of a socket: all of them, taken in turn.
const IDS: usize = 1 << 16;
const QR: u8 = 0x80;
const TC: u8 = 0x02;

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Free,
    Waiting,
    Lost,
}

/// One query under way.
#[derive(Clone, Copy, Default)]
struct Slot {
    sent_ns: u64,
    due_ns: u64,
    entry: u32,
    unique: u32,
    state: State,
}

struct Socket {
    socket: UdpSocket,
    slots: Vec<Slot>,
    /// Queries sent; the next ID is its lower half.
    next: u64,
    /// Before this one, none is waiting.
    oldest: u64,
    waiting: usize,
}

#[derive(Default)]
struct Slice {
    sent: u64,
    right: u64,
    lost: u64,
    latency: Histogram,
}

/// What became of the queries.
#[derive(Default)]
struct Tally {
    sent: u64,
    right: u64,
    lost: u64,
    late: u64,
    wrong: u64,
    /// Of the wrong, by RCODE.
    wrong_rcodes: [u64; 16],
    stray: u64,
    refused: u64,
    latency: Histogram,
    from_schedule: Histogram,
    slices: Vec<Slice>,
}

struct Load {
    workload: Workload,
    sockets: Vec<Socket>,
    batch: Batch,
    tally: Tally,
    cursor: u32,
    /// Queries still to be sent with `--once`.
    left: u64,
    unique: u32,
    salt: u32,
    checks_rcode: bool,
    timeout_ns: u64,
    slice_ns: u64,
    start_ns: u64,
}

fn main() -> std::io::Result<()> {
    let mut arguments = Arguments::read(USAGE);
    let server: SocketAddr = arguments.need("server");
    let path: PathBuf = arguments.need("workload");
    let window: Option<usize> = arguments.maybe("window");
    let rate: Option<f64> = arguments.maybe("rate");
    let seconds: f64 = arguments.or("seconds", 5.0);
    let once = arguments.or("once", 0u8) != 0;
    pin(arguments.maybe("core"));
    let sockets: usize = arguments.or("sockets", 4);
    let batch = Batch::new(arguments.or("batch", 32), false);
    let timeout_ns = arguments.or("timeout-ms", 2000u64) * 1_000_000;
    let offset: u32 = arguments.or("offset", 0);
    let salt = arguments.or("salt", std::process::id());
    let checks_rcode = arguments.or("check-rcode", 1u8) != 0;
    let slice_ns = arguments.or("slice-ms", 0u64) * 1_000_000;
    arguments.done();
    if window.is_some() == rate.is_some() {
        eprintln!("one of --window and --rate\n{USAGE}");
        std::process::exit(2);
    }
    let workload = Workload::read(&path)?;
    let (cursor, all) = (offset % workload.count() as u32, workload.count() as u64);
    let mut load = Load {
        sockets: (0..sockets).map(|_| Socket::connect(server)).collect::<std::io::Result<_>>()?,
        left: if once { all } else { u64::MAX },
        workload,
        batch,
        tally: Tally::default(),
        cursor,
        unique: 0,
        salt,
        checks_rcode,
        timeout_ns,
        slice_ns,
        start_ns: now_ns(),
    };
    let seconds = if once { f64::INFINITY } else { seconds };
    let (elapsed_s, idle) = load.run(window.map(|window| window.div_ceil(sockets)), rate, seconds);
    println!("{}", load.report(elapsed_s, idle, rate));
    Ok(())
}

impl Socket {
    fn connect(server: SocketAddr) -> std::io::Result<Self> {
        let any: SocketAddr = if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
        let socket = UdpSocket::bind(any)?;
        socket.connect(server)?;
        deepen(socket.as_raw_fd());
        Ok(Self { socket, slots: vec![Slot::default(); IDS], next: 0, oldest: 0, waiting: 0 })
    }

    fn slot(&mut self, at: u64) -> &mut Slot {
        &mut self.slots[at as usize % IDS]
    }
}

impl Load {
    /// Returns the seconds in which queries were sent, and the part of them in which there was nothing to do.
    fn run(&mut self, window: Option<usize>, rate: Option<f64>, seconds: f64) -> (f64, f64) {
        let end_ns = if seconds.is_finite() { self.start_ns + (seconds * 1e9) as u64 } else { u64::MAX };
        let (mut idle_ns, mut sent_until_ns) = (0, self.start_ns);
        let mut now = self.start_ns;
        let mut next_sweep_ns = 0;
        loop {
            let is_sending = now < end_ns && self.left > 0;
            let mut was_idle = true;
            for at in 0..self.sockets.len() {
                was_idle &= !self.receive(at);
                if is_sending {
                    let room = match (window, rate) {
                        (Some(window), _) => window.saturating_sub(self.sockets[at].waiting),
                        (_, Some(rate)) => {
                            let due = (now_ns() - self.start_ns) as f64 * rate / 1e9;
                            (due as u64).saturating_sub(self.tally.sent) as usize
                        }
                        _ => 0,
                    };
                    was_idle &= room == 0;
                    self.send(at, room, rate);
                }
            }
            let before = now;
            now = now_ns();
            if is_sending {
                sent_until_ns = now;
                idle_ns += if was_idle { now - before } else { 0 };
            }
            if now >= next_sweep_ns {
                (0..self.sockets.len()).for_each(|at| self.sweep(at, now));
                next_sweep_ns = now + 1_000_000;
            }
            if !is_sending && self.sockets.iter().all(|socket| socket.waiting == 0) {
                let elapsed_ns = (sent_until_ns - self.start_ns).max(1) as f64;
                return (elapsed_ns / 1e9, idle_ns as f64 / elapsed_ns);
            }
            if was_idle {
                // A stand-in upstream may share this core.
                std::thread::yield_now();
            }
        }
    }

    fn send(&mut self, at: usize, room: usize, rate: Option<f64>) {
        let room = (room.min(self.batch.most()) as u64).min(self.left) as usize;
        if room == 0 {
            return;
        }
        let now = now_ns();
        let socket = &mut self.sockets[at];
        let (first, first_cursor) = (socket.next, self.cursor);
        for place in 0..room {
            let number = first + place as u64;
            if socket.slot(number).state == State::Waiting {
                // All IDs are under way: the server answers nothing. What is due is sent when they are lost.
                self.finish_send(at, place, first_cursor, first);
                return;
            }
            let entry = self.workload.entry(self.cursor);
            let message = self.batch.put(place, self.workload.message(entry));
            message[..2].copy_from_slice(&(number as u16).to_be_bytes());
            let due_ns =
                rate.map_or(now, |rate| self.start_ns + ((self.tally.sent + place as u64) as f64 * 1e9 / rate) as u64);
            let mut slot = Slot { sent_ns: now, due_ns, entry: self.cursor, unique: 0, state: State::Waiting };
            if entry.is_unique {
                slot.unique = self.unique;
                message[UNIQUE_AT..][..UNIQUE_OCTETS].copy_from_slice(&unique_label(self.salt, self.unique));
                self.unique = self.unique.wrapping_add(1);
            }
            *socket.slot(number) = slot;
            socket.next += 1;
            self.cursor = (self.cursor + 1) % self.workload.count() as u32;
        }
        self.finish_send(at, room, first_cursor, first);
    }

    /// Sends what stands in the batch and takes back what the kernel would not have.
    fn finish_send(&mut self, at: usize, count: usize, first_cursor: u32, first: u64) {
        let socket = &mut self.sockets[at];
        let sent = match self.batch.send(socket.socket.as_raw_fd(), count) {
            Ok(sent) => sent,
            Err(error) => {
                self.tally.refused += u64::from(error.raw_os_error() == Some(libc::ECONNREFUSED));
                0
            }
        };
        for number in first + sent as u64..first + count as u64 {
            socket.slot(number).state = State::Free;
        }
        socket.next = first + sent as u64;
        socket.waiting += sent;
        self.cursor = ((u64::from(first_cursor) + sent as u64) % self.workload.count() as u64) as u32;
        self.tally.sent += sent as u64;
        self.left -= sent as u64;
        if self.slice_ns > 0 && sent > 0 {
            let sent_ns = socket.slot(first).sent_ns;
            self.slice(sent_ns).sent += sent as u64;
        }
    }

    fn slice(&mut self, sent_ns: u64) -> &mut Slice {
        let at = ((sent_ns - self.start_ns) / self.slice_ns) as usize;
        if self.tally.slices.len() <= at {
            self.tally.slices.resize_with(at + 1, Slice::default);
        }
        &mut self.tally.slices[at]
    }

    fn receive(&mut self, at: usize) -> bool {
        let received = match self.batch.receive(self.sockets[at].socket.as_raw_fd(), libc::MSG_DONTWAIT) {
            Ok(received) => received,
            Err(error) => {
                self.tally.refused += u64::from(error.raw_os_error() == Some(libc::ECONNREFUSED));
                return false;
            }
        };
        let now = now_ns();
        for place in 0..received {
            let reply = self.batch.received(place);
            let Some(id) = reply.first_chunk::<2>().map(|id| u16::from_be_bytes(*id)) else {
                self.tally.stray += 1;
                continue;
            };
            let socket = &mut self.sockets[at];
            let slot = socket.slots[usize::from(id)];
            let entry = self.workload.entry(slot.entry);
            let is_its = slot.state != State::Free
                && reply[2..].first().is_some_and(|flags| flags & QR != 0)
                && has_question(reply, self.workload.question(entry), entry, (self.salt, slot.unique));
            match slot.state {
                _ if !is_its => self.tally.stray += 1,
                State::Lost | State::Free => {
                    self.tally.late += 1;
                    socket.slots[usize::from(id)].state = State::Free;
                }
                State::Waiting => {
                    socket.slots[usize::from(id)].state = State::Free;
                    socket.waiting -= 1;
                    let latency_ns = now - slot.sent_ns;
                    if self.checks_rcode && !is_right(reply, entry.expected) {
                        self.tally.wrong += 1;
                        self.tally.wrong_rcodes[usize::from(reply[3] & 0x0f)] += 1;
                        continue;
                    }
                    self.tally.right += 1;
                    self.tally.latency.add(latency_ns);
                    self.tally.from_schedule.add(now - slot.due_ns.min(now));
                    if self.slice_ns > 0 {
                        let slice = self.slice(slot.sent_ns);
                        slice.right += 1;
                        slice.latency.add(latency_ns);
                    }
                }
            }
        }
        received > 0
    }

    /// Gives up what has waited too long.
    fn sweep(&mut self, at: usize, now: u64) {
        loop {
            let socket = &mut self.sockets[at];
            if socket.oldest == socket.next {
                return;
            }
            let (oldest, timeout_ns) = (socket.oldest, self.timeout_ns);
            let slot = socket.slot(oldest);
            let sent_ns = slot.sent_ns;
            if slot.state == State::Waiting {
                if now.saturating_sub(sent_ns) < timeout_ns {
                    return;
                }
                slot.state = State::Lost;
                socket.waiting -= 1;
                self.tally.lost += 1;
                if self.slice_ns > 0 {
                    self.slice(sent_ns).lost += 1;
                }
            }
            self.sockets[at].oldest += 1;
        }
    }

    fn report(&self, elapsed_s: f64, idle: f64, rate: Option<f64>) -> serde_json::Value {
        let tally = &self.tally;
        let rcodes: serde_json::Map<_, _> = (0..16)
            .filter(|rcode| tally.wrong_rcodes[*rcode] > 0)
            .map(|rcode| (rcode.to_string(), tally.wrong_rcodes[rcode].into()))
            .collect();
        let slices = tally.slices.iter().map(|slice| {
            let us = |ns: u64| ns as f64 / 1000.0;
            serde_json::json!({
                "sent": slice.sent, "right": slice.right, "lost": slice.lost,
                "p50_us": us(slice.latency.quantile(0.5)), "p99_us": us(slice.latency.quantile(0.99)),
                "max_us": us(slice.latency.greatest()),
            })
        });
        let slices: Vec<_> = slices.collect();
        let (user_ns, kernel_ns) = used_ns();
        serde_json::json!({
            "sent": tally.sent, "right": tally.right, "lost": tally.lost, "late": tally.late, "wrong": tally.wrong,
            "wrong_rcodes": rcodes, "stray": tally.stray, "connection_refused": tally.refused,
            "seconds": elapsed_s, "sent_per_s": tally.sent as f64 / elapsed_s,
            "right_per_s": tally.right as f64 / elapsed_s, "rate_wanted": rate, "idle": idle,
            "user_s": user_ns as f64 / 1e9, "kernel_s": kernel_ns as f64 / 1e9,
            "latency": tally.latency.summary(), "latency_from_schedule": tally.from_schedule.summary(),
            "slices": slices,
        })
    }
}

/// Whether the reply repeats the question: octet for octet, or in another case, which RFC 1035 allows.
#[inline]
fn has_question(reply: &[u8], question: &[u8], entry: Entry, unique: (u32, u32)) -> bool {
    let Some(section) = reply.get(12..12 + question.len()) else { return false };
    let one = reply[4] == 0 && reply[5] == 1;
    if entry.is_unique {
        let label = unique_label(unique.0, unique.1);
        let label_at = UNIQUE_AT - 12;
        let rest = label_at + UNIQUE_OCTETS;
        return one
            && section[..label_at] == question[..label_at]
            && section[label_at..rest].eq_ignore_ascii_case(&label)
            && section[rest..].eq_ignore_ascii_case(&question[rest..]);
    }
    one && (section == question || section.eq_ignore_ascii_case(question))
}

#[inline]
fn is_right(reply: &[u8], expected: Expected) -> bool {
    let rcode = reply[3] & 0x0f;
    let is_whole = reply[2] & TC == 0;
    match expected {
        Expected::Any => true,
        Expected::Answered => is_whole && rcode == 0 && (reply[6] != 0 || reply[7] != 0),
        Expected::Denied => is_whole && rcode == 3,
    }
}
