//! The plane as its owner sees it: made, started, given new rulebooks, asked for misses, stopped.

use crate::active_state::ActiveState;
use crate::clock::Clock;
use crate::counters::{Counter, Counters};
use crate::crash::CrashKeeper;
use crate::designation::{Designated, Designations};
use crate::forwarding::{Completed, Forwarding, Share};
use crate::forwarding_worker::ForwardingWorker;
use crate::gauges::Gauges;
use crate::miss_hub::MissHub;
use crate::plane_error::PlaneError;
use crate::plane_status::PlaneStatus;
use crate::query_log::QueryLog;
use crate::reply_sink::Report;
use crate::seats::Shared;
use crate::settings::Settings;
use crate::socket::{Wake, bind_all};
use crate::source_port::Way;
use crate::stream::{Asked, Reminder, StreamAnswerer};
use crate::udp_exchanges::UdpExchanges;
use crate::worker::Worker;
use crate::zones::Zones;
use arc_swap::ArcSwap;
use schoolgate_policy::{DeviceGroups, PolicyTable, Rulebook, SealedList, Snapshot};
use schoolgate_querylog::Door;
use schoolgate_wire::{CookieSecrets, Name, Reason};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// A miss hub numbers its channels with bits: workers, the answerer of this process and the threads of doors.
const MOST_WORKERS: usize = 119;
/// One thread carries some ten thousand queries a second over connections that stand.
const MOST_DOOR_THREADS: usize = 8;
/// How the cache's bound is divided: few clients come by plain TCP, and they ask what was too large for a datagram. A client
/// that asks by TLS asks everything there, so with encrypted doors their threads keep what a worker keeps. What this process
/// asks itself (a self-test, `explain`) needs next to nothing.
const WORKER_SHARES: u64 = 64;
const TCP_SHARES: u64 = 8;
const OWN_SHARES: u64 = 1;
/// Clients ask by TCP mostly for what did not fit into a datagram of 512 octets, OPT, cookie and EDE among them: other
/// answers would be kept twice in vain. A client that comes because of its rate has them asked for again.
const LEAST_STREAM_OCTETS: usize = 400;

/// Sockets, workers, miss hub and stream doors.
pub struct Plane {
    settings: Arc<Settings>,
    clock: Clock,
    active: Arc<ArcSwap<ActiveState>>,
    counters: Vec<Arc<Counters>>,
    gauges: Vec<Arc<Gauges>>,
    listening: Vec<SocketAddr>,
    // A worker takes this one only where it is free; the others are the resolver's side's, and no worker knows them.
    forwarding: Arc<Mutex<Forwarding>>,
    stream: Mutex<StreamAnswerer>,
    stream_gauges: Vec<Arc<Gauges>>,
    door_answerers: Mutex<Vec<StreamAnswerer>>,
    designations: Arc<ArcSwap<Designations>>,
    ready: Mutex<Vec<Worker>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    install: Mutex<u64>,
    log: Option<QueryLog>,
    resolver_wake: Arc<Wake>,
    answers_wake: Arc<Wake>,
    stop: Arc<AtomicBool>,
}

impl Plane {
    /// Binds all sockets and makes the workers ready; nothing is answered yet.
    pub fn new(
        settings: Settings,
        snapshot: Arc<Snapshot>,
        table: Arc<PolicyTable>,
        sealed: Option<Arc<SealedList>>,
    ) -> Result<Self, PlaneError> {
        schoolgate_policy::memory::settle_allocator();
        let workers = match settings.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            workers => workers,
        };
        let workers = workers.min(MOST_WORKERS);
        let door_threads = settings.door_threads.min(MOST_DOOR_THREADS);
        let (doors, listening) = bind_all(&settings.listen, workers)?;
        let (door_shares, door_least_octets) =
            if settings.has_encrypted_doors { (WORKER_SHARES, 0) } else { (TCP_SHARES, LEAST_STREAM_OCTETS) };
        let shares = workers as u64 * WORKER_SHARES + door_threads as u64 * door_shares + OWN_SHARES;
        let cache_share = settings.cache_octets / shares;
        let settings = Arc::new(settings);
        let clock = Clock::start();
        let active = ActiveState::new(Rulebook::new(snapshot, table, sealed), 1, clock.now());
        let mut log = settings.query_log.as_ref().map(QueryLog::new);
        if let Some(log) = &mut log {
            log.install(&active);
        }
        let shared = Shared {
            clock,
            cookies: Arc::new(CookieSecrets::new(random_key()?, None)),
            rates: Arc::default(),
            resolver_wake: Arc::new(Wake::new()?),
            reminder: Reminder::new(Arc::new(Wake::new()?)),
            active: Arc::new(ArcSwap::from_pointee(active)),
            stop: Arc::new(AtomicBool::new(false)),
            designations: Arc::default(),
            settings,
            cache_share,
        };
        let (mut seats, mut channels) = (Vec::new(), Vec::new());
        for _ in &doors {
            let (seat, channel) = shared.seat(Arc::new(Wake::new()?), WORKER_SHARES, 0)?;
            seats.push(seat);
            channels.push(channel);
        }
        let (stream, channel) = shared.seat(shared.reminder.wake().clone(), OWN_SHARES, LEAST_STREAM_OCTETS)?;
        channels.push(channel);
        let mut door_seats = Vec::new();
        for _ in 0..door_threads {
            let reminder = Reminder::new(Arc::new(Wake::new()?));
            let (seat, channel) = shared.seat(reminder.wake().clone(), door_shares, door_least_octets)?;
            channels.push(channel);
            door_seats.push((seat, reminder));
        }
        let crashes = CrashKeeper::new(shared.settings.crash_dir.clone(), MOST_WORKERS + MOST_DOOR_THREADS + 1);
        let hub_counters = Arc::new(Counters::default());
        let hub = MissHub::new(shared.settings.clone(), hub_counters.clone(), channels).keeping(crashes);
        let forwarding = Forwarding::new(hub, UdpExchanges::new()?);
        // In the order of the channels: workers, the answerer of this process (which asyncio forwards for), doors.
        let of_doors = seats.len() + 1..seats.len() + 1 + door_seats.len();
        let forwarding_channels = (0..seats.len()).chain(of_doors);
        let (forwarding, mut forwarding_workers) =
            ForwardingWorker::all(forwarding, forwarding_channels, &shared.resolver_wake);
        let of_doors = forwarding_workers.split_off(seats.len());
        let mut recorder = || log.as_mut().map(QueryLog::recorder);
        let ready = seats.into_iter().zip(forwarding_workers).zip(doors).enumerate();
        let ready: Vec<_> = ready
            .map(|(at, ((seat, forwarding_worker), doors))| {
                shared.worker(at, seat, forwarding_worker, doors, recorder())
            })
            .collect();
        let stream = shared.stream_answerer(MOST_WORKERS, stream, shared.reminder.clone(), None, recorder());
        let door_answerers: Vec<_> = (MOST_WORKERS + 1..)
            .zip(door_seats)
            .zip(of_doors)
            .map(|((at, (seat, reminder)), forwarding)| {
                shared.stream_answerer(at, seat, reminder, Some(forwarding), recorder())
            })
            .collect();
        let streams = || std::iter::once(&stream).chain(&door_answerers);
        let stream_gauges = streams().map(|one| one.gauges.clone()).collect();
        let stream_counters: Vec<_> = streams().map(|one| one.counters.clone()).collect();
        let counters = ready.iter().map(|worker| worker.counters.clone());
        let counters = counters.chain(stream_counters).chain([hub_counters]).collect();
        Ok(Self {
            gauges: ready.iter().map(|worker| worker.gauges.clone()).collect(),
            counters,
            listening,
            forwarding,
            stream: Mutex::new(stream),
            stream_gauges,
            door_answerers: Mutex::new(door_answerers),
            designations: shared.designations,
            ready: Mutex::new(ready),
            threads: Mutex::default(),
            install: Mutex::new(1),
            log,
            settings: shared.settings,
            clock,
            active: shared.active,
            resolver_wake: shared.resolver_wake,
            answers_wake: shared.reminder.wake().clone(),
            stop: shared.stop,
        })
    }

    /// Starts the workers.
    pub fn start(&self) -> Result<(), PlaneError> {
        if let Some(log) = &self.log {
            log.start(self.clock.start_instant())?;
        }
        for (at, worker) in lock(&self.ready).drain(..).enumerate() {
            let thread = std::thread::Builder::new().name(format!("plane-{at}")).spawn(move || worker.run())?;
            lock(&self.threads).push(thread);
        }
        Ok(())
    }

    /// Stops the workers and waits for them. What waits for an answer is dropped; clients ask again.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        lock(&self.forwarding).hub.wake_all();
        for thread in lock(&self.threads).drain(..) {
            // A worker that died of nothing but panics has been reported as missing; there is nothing left to do.
            let _ = thread.join();
        }
        if let Some(log) = &self.log {
            log.stop();
        }
    }

    /// Readable when the resolver has something to decide: misses that wait for it, or events of others.
    pub fn forwarding_fd(&self) -> RawFd {
        self.resolver_wake.as_raw_fd()
    }

    /// Who may be asked, by number, and which set of them answers for which zone. Failures are forgotten. `trusted`: those whose
    /// word about signatures counts.
    pub fn install_routes(&self, forwarders: Vec<(u32, Way)>, zones: Vec<(Name, usize)>, trusted: Vec<u32>) {
        let mut forwarding = lock(&self.forwarding);
        forwarding.install(forwarders, Zones::new(zones));
        forwarding.trust(trusted);
    }

    /// Reports what has happened; where no worker does, takes replies that have come. Final ones complete their questions.
    /// Times in seconds are the resolver's own.
    pub fn read_replies(&self, now_s: f64) -> Report {
        // Before anything is looked at, so that no signal is lost.
        self.resolver_wake.clear();
        let report = lock(&self.forwarding).read_replies(self.clock.now(), now_s);
        self.keep_fd_readable_if_more(report)
    }

    /// Sends misses to the forwarders that `shares` names for each set; workers go by these until others are named.
    pub fn send_misses(&self, shares: Vec<Vec<Share>>, now_s: f64) -> Report {
        let report = lock(&self.forwarding).send_misses(shares, self.clock.now(), now_s);
        self.keep_fd_readable_if_more(report)
    }

    /// Sends one query of the resolver's own; `None` when it is none.
    pub fn send_query(&self, key: i64, forwarder: u32, query: &[u8], timeout_s: f64, now_s: f64) -> Option<Report> {
        let now = self.clock.now();
        let report = lock(&self.forwarding).send_query(key, forwarder, query, timeout_s, now, now_s);
        report.map(|report| self.keep_fd_readable_if_more(report))
    }

    /// To be called when a report says, at the latest. Reports what has happened; where no worker does, ends what is
    /// overdue.
    pub fn end_overdue(&self, now_s: f64) -> Report {
        let report = lock(&self.forwarding).end_overdue(self.clock.now(), now_s);
        self.keep_fd_readable_if_more(report)
    }

    /// What does not fit into a report keeps the fd readable.
    fn keep_fd_readable_if_more(&self, report: Report) -> Report {
        if report.has_more {
            self.resolver_wake.signal();
        }
        report
    }

    /// Fails what is under way and closes all ports.
    pub fn abandon_queries(&self) {
        lock(&self.forwarding).abandon(self.clock.now());
    }

    /// What became of questions that the resolver saw to.
    pub fn complete<'a>(&self, results: impl IntoIterator<Item = Completed<'a>>) {
        let now = self.clock.now();
        lock(&self.forwarding).complete(results, now);
    }

    /// A forwarder has come back: what failed may succeed now.
    pub fn forget_failures(&self) {
        lock(&self.forwarding).hub.forget_failures();
    }

    /// Questions without their forwarders, for tests that answer them by hand.
    #[cfg(test)]
    pub(crate) fn take_misses(&self, most: usize) -> Vec<crate::miss_hub::Miss> {
        self.resolver_wake.clear();
        let hub = &mut lock(&self.forwarding).hub;
        let misses = hub.take_misses(most, self.clock.now());
        if hub.has_misses() {
            self.resolver_wake.signal();
        }
        misses
    }

    /// Activates new lists, policies or both: built and bound here, then one pointer is swapped.
    pub fn install(
        &self,
        snapshot: Option<Arc<Snapshot>>,
        table: Option<Arc<PolicyTable>>,
        sealed: Option<Arc<SealedList>>,
    ) {
        let mut generation = lock(&self.install);
        *generation += 1;
        let active_before = self.active.load_full();
        let before = &active_before.rulebook;
        let rulebook = Rulebook::new(
            snapshot.unwrap_or_else(|| before.snapshot().clone()),
            table.unwrap_or_else(|| before.table().clone()),
            sealed.or_else(|| before.sealed().cloned()),
        );
        let active = ActiveState::new(rulebook, *generation, self.clock.now());
        let active = active.with_groups(active_before.groups().clone());
        if let Some(log) = &self.log {
            log.install(&active);
        }
        self.active.store(Arc::new(active));
    }

    /// Says anew which addresses are of devices in groups: made here, then one pointer is swapped.
    pub fn install_groups(&self, groups: DeviceGroups) {
        let _one_at_a_time = lock(&self.install);
        let active = self.active.load().with_groups(Arc::new(groups));
        self.active.store(Arc::new(active));
    }

    /// Clients are recorded under this key from now on; `None`: by address.
    pub fn set_pseudonym_key(&self, key: Option<[u8; 16]>) {
        if let Some(log) = &self.log {
            log.set_key(key);
        }
    }

    /// Answers a message of this process itself as if it had come by TCP.
    pub fn ask(&self, message: &[u8], client: SocketAddr, local: SocketAddr) -> Asked {
        lock(&self.stream).ask(message, client, local, Door::Tcp)
    }

    /// Answerers for threads of doors, one each; whoever comes second gets none.
    pub fn take_door_answerers(&self) -> Vec<StreamAnswerer> {
        std::mem::take(&mut *lock(&self.door_answerers))
    }

    /// Our encrypted doors, for clients that look for them (RFC 9462).
    pub fn designate(&self, designated: &Designated) {
        self.designations.store(Arc::new(Designations::new(designated)));
    }

    /// Readable when answers for stream doors wait, and a few times a second while a client waits for one.
    pub fn answers_fd(&self) -> RawFd {
        self.answers_wake.as_raw_fd()
    }

    /// Answers that stream doors waited for.
    pub fn take_answers(&self) -> Vec<(u64, Vec<u8>)> {
        lock(&self.stream).take_answers()
    }

    /// The active state.
    pub fn active(&self) -> Arc<ActiveState> {
        self.active.load_full()
    }

    /// Counters, gauges and serials.
    pub fn status(&self) -> PlaneStatus {
        let sum = |counter: &Counter| self.counters.iter().map(|set| set.get(*counter)).sum();
        let sum_reason = |reason: &Reason| self.counters.iter().map(|set| set.get_reason(*reason)).sum();
        let gauge = |pick: fn(&Gauges) -> &AtomicU64| -> u64 {
            let gauges = self.gauges.iter().chain(&self.stream_gauges);
            gauges.map(|gauges| pick(gauges).load(Ordering::Relaxed)).sum()
        };
        let active = self.active.load();
        PlaneStatus {
            counters: Counter::ALL.iter().map(|counter| (counter.as_str(), sum(counter))).collect(),
            bad_packets: Reason::ALL.iter().map(|reason| (reason.as_str(), sum_reason(reason))).collect(),
            cache_entries: gauge(|gauges| &gauges.entries),
            cache_octets: gauge(|gauges| &gauges.octets),
            pending: gauge(|gauges| &gauges.pending),
            under_way: lock(&self.forwarding).hub.under_way(),
            workers: self.gauges.len(),
            workers_alive: lock(&self.threads).iter().filter(|thread| !thread.is_finished()).count(),
            door_threads: self.stream_gauges.len() - 1,
            snapshot_serial: active.rulebook.snapshot().serial(),
            policy_serial: active.rulebook.table().serial(),
            sealed_serial: active.rulebook.sealed().map(|list| list.serial()),
            uptime_ms: self.clock.now().mono_ms,
            listening: self.listening.clone(),
            query_log: self.log.as_ref().map(|log| log.status(self.clock.now())).unwrap_or_default(),
        }
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        self.stop();
    }
}

fn random_key() -> io::Result<[u8; 16]> {
    use std::io::Read;
    let mut key = [0; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut key)?;
    Ok(key)
}

/// A panic while a lock was held is counted elsewhere; what it guards is still usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
