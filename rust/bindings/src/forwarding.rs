//! What crosses between the plane and the resolver in Python: addresses and shares in, reports and events out.

use crate::error::{Kind, raise};
use crate::table::address;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyString, PyTuple};
use schoolgate_plane::{AdTrust, Completed, Event, EventKind, Owner, Report, Share, Tally, name_of};
use schoolgate_streams::{CarrierSettings, ask_once};
use schoolgate_wire::Name;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::Duration;

/// Adds the classes to the module.
pub fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ForwarderAddress>()?;
    module.add_class::<ForwarderShare>()?;
    module.add_class::<ForwarderTally>()?;
    module.add_class::<ForwardingEvent>()?;
    module.add_class::<ForwardingReport>()?;
    module.add_class::<MissResult>()?;
    module.add_class::<ZoneRoute>()
}

/// Number and address of one forwarder.
#[pyclass(frozen, get_all, module = "schoolgate._core")]
pub struct ForwarderAddress {
    /// Number by which all other calls name the forwarder.
    number: u32,
    /// IP address in text.
    host: String,
    /// UDP or TCP port.
    port: u16,
    /// Interface index of a link-local IPv6 address, else 0.
    scope: u32,
    /// How connections to it are spoken over, as JSON; None: it is asked by UDP.
    carried: Option<Vec<u8>>,
    /// Its word about DNSSEC signatures (AD) counts.
    is_ad_trusted: bool,
}

#[pymethods]
impl ForwarderAddress {
    #[new]
    #[pyo3(signature = (number, host, port, scope=0, *, carried=None, is_ad_trusted=false))]
    fn new(number: u32, host: String, port: u16, scope: u32, carried: Option<Vec<u8>>, is_ad_trusted: bool) -> Self {
        Self { number, host, port, scope, carried, is_ad_trusted }
    }
}

impl ForwarderAddress {
    /// Its number, if its word about signatures counts.
    pub fn trusted(&self) -> Option<u32> {
        self.is_ad_trusted.then_some(self.number)
    }

    /// Number, socket address, and how connections are spoken over.
    pub fn parse(&self) -> PyResult<(u32, SocketAddr, Option<CarrierSettings>)> {
        let address = match address(&self.host)? {
            IpAddr::V6(v6) => SocketAddrV6::new(v6, self.port, 0, self.scope).into(),
            v4 => SocketAddr::new(v4, self.port),
        };
        let carried = self.carried.as_deref().map(serde_json::from_slice).transpose();
        let carried = carried.map_err(|error| PyValueError::new_err(format!("forwarder settings: {error}")))?;
        Ok((self.number, address, carried))
    }
}

/// Asks one query over a connection of its own.
#[pyfunction]
pub fn ask_forwarder<'py>(
    py: Python<'py>,
    forwarder: &ForwarderAddress,
    query: &[u8],
    timeout_s: f64,
) -> PyResult<(Bound<'py, PyBytes>, f64, f64, Bound<'py, PyBytes>)> {
    let (_, address, settings) = forwarder.parse()?;
    let settings = settings.ok_or_else(|| PyValueError::new_err("this forwarder is asked by UDP"))?;
    let within = Duration::try_from_secs_f64(timeout_s).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let answer = py.detach(|| ask_once(address, settings, query, within));
    let answer = answer.map_err(|error| raise(Kind::ForwarderUnusable, error))?;
    let (opened_s, answered_s) = (answer.opened_in.as_secs_f64(), answer.answered_in.as_secs_f64());
    Ok((PyBytes::new(py, &answer.reply), opened_s, answered_s, PyBytes::new(py, &answer.certificate)))
}

/// The forwarder set of one zone.
#[pyclass(frozen, get_all, module = "schoolgate._core")]
pub struct ZoneRoute {
    /// Name of the zone in text.
    zone: String,
    /// Index of its forwarder set in `send_misses`.
    set_index: usize,
}

#[pymethods]
impl ZoneRoute {
    #[new]
    fn new(zone: String, set_index: usize) -> Self {
        Self { zone, set_index }
    }
}

impl ZoneRoute {
    /// Name and index, as the plane takes them.
    pub fn parse(&self) -> PyResult<(Name, usize)> {
        let name = Name::from_text(&self.zone);
        let name = name.map_err(|error| PyValueError::new_err(format!("zone {:?}: {error}", self.zone)))?;
        Ok((name, self.set_index))
    }
}

/// How many of the next queries one forwarder gets.
#[pyclass(frozen, get_all, module = "schoolgate._core")]
pub struct ForwarderShare {
    /// Number of the forwarder.
    forwarder: u32,
    /// Time to wait for a reply, in seconds.
    timeout_s: f64,
    /// At most so many queries.
    most: u32,
    /// False: queries are sent without OPT (RFC 6891 section 7).
    has_edns: bool,
    /// True: queries ask whether the answer was validated (AD, RFC 6840 section 5.7).
    asks_ad: bool,
}

#[pymethods]
impl ForwarderShare {
    #[new]
    #[pyo3(signature = (forwarder, timeout_s, most, *, has_edns=true, asks_ad=false))]
    fn new(forwarder: u32, timeout_s: f64, most: u32, has_edns: bool, asks_ad: bool) -> Self {
        Self { forwarder, timeout_s, most, has_edns, asks_ad }
    }
}

impl ForwarderShare {
    /// The share as the plane takes it.
    pub fn to_share(&self) -> Share {
        let Self { forwarder, timeout_s, most, has_edns, asks_ad } = *self;
        Share { forwarder, timeout_s, most, has_edns, asks_ad }
    }
}

/// The result of one miss that Python resolved.
#[pyclass(frozen, module = "schoolgate._core")]
pub struct MissResult {
    #[pyo3(get)]
    token: u64,
    reply: Option<PyBackedBytes>,
    #[pyo3(get)]
    ede: u16,
    #[pyo3(get)]
    is_failure: bool,
    #[pyo3(get)]
    ad_trusted: Option<bool>,
}

#[pymethods]
impl MissResult {
    #[new]
    #[pyo3(signature = (token, reply, *, ede=0, is_failure=false, ad_trusted=None))]
    fn new(token: u64, reply: Option<PyBackedBytes>, ede: u16, is_failure: bool, ad_trusted: Option<bool>) -> Self {
        Self { token, reply, ede, is_failure, ad_trusted }
    }

    #[getter]
    fn reply(&self) -> Option<&PyBackedBytes> {
        self.reply.as_ref()
    }
}

impl MissResult {
    /// The result as the plane takes it.
    pub fn completed(&self) -> Completed<'_> {
        let trust = match self.ad_trusted {
            None => AdTrust::NotAsked,
            Some(false) => AdTrust::Untrusted,
            Some(true) => AdTrust::Trusted,
        };
        let reply = self.reply.as_deref().ok_or(self.ede);
        Completed { token: self.token, reply, is_remembered: self.is_failure, trust }
    }
}

/// What one forwarder did since the last report, in numbers.
#[pyclass(frozen, get_all, module = "schoolgate._core")]
pub struct ForwarderTally {
    /// Number of the forwarder.
    forwarder: u32,
    /// Queries sent.
    sent: u32,
    /// Replies that count.
    replies: u32,
    /// Round-trip times of some of the replies, in seconds.
    rtts_s: Py<PyTuple>,
    /// Queries without a reply in time.
    timeouts: u32,
    /// How long some of these waited, in seconds.
    waits_s: Py<PyTuple>,
    /// How often the network refused to carry queries.
    network_errors: u32,
    /// Datagrams that answer no query of ours.
    mismatches: u32,
    /// One query that it answered, or None.
    answered_query: Option<Py<PyBytes>>,
}

#[pymethods]
impl ForwarderTally {
    #[new]
    #[pyo3(signature = (
        forwarder, *, sent=0, replies=0, rtts_s=Vec::new(), timeouts=0, waits_s=Vec::new(), network_errors=0,
        mismatches=0, answered_query=None
    ))]
    #[allow(clippy::too_many_arguments)] // one for each field
    fn new(
        py: Python<'_>,
        forwarder: u32,
        sent: u32,
        replies: u32,
        rtts_s: Vec<f64>,
        timeouts: u32,
        waits_s: Vec<f64>,
        network_errors: u32,
        mismatches: u32,
        answered_query: Option<Py<PyBytes>>,
    ) -> PyResult<Self> {
        let (rtts_s, waits_s) = (PyTuple::new(py, rtts_s)?.unbind(), PyTuple::new(py, waits_s)?.unbind());
        Ok(Self { forwarder, sent, replies, rtts_s, timeouts, waits_s, network_errors, mismatches, answered_query })
    }
}

impl ForwarderTally {
    fn of(py: Python<'_>, tally: Tally) -> PyResult<Self> {
        Ok(Self {
            forwarder: tally.forwarder,
            sent: tally.sent,
            replies: tally.replies,
            rtts_s: PyTuple::new(py, tally.rtts_s)?.unbind(),
            timeouts: tally.timeouts,
            waits_s: PyTuple::new(py, tally.waits_s)?.unbind(),
            network_errors: tally.network_errors,
            mismatches: tally.mismatches,
            answered_query: tally.answered_query.map(|query| PyBytes::new(py, &query).unbind()),
        })
    }
}

/// One query whose next step the resolver decides.
#[pyclass(frozen, get_all, module = "schoolgate._core")]
pub struct ForwardingEvent {
    /// Token of the miss, or the key given to `send_query`.
    key: i64,
    /// What happened.
    kind: Py<PyString>,
    /// Number of the forwarder that was asked.
    forwarder: u32,
    /// The reply, empty where none came.
    reply: Py<PyBytes>,
    /// When the query was sent, by the caller's clock, in seconds.
    sent_at_s: f64,
    /// The query message.
    query: Py<PyBytes>,
    /// QNAME of a miss in text; None for a query of `send_query`.
    name: Option<String>,
}

#[pymethods]
impl ForwardingEvent {
    #[new]
    #[pyo3(signature = (key, kind, *, forwarder, reply, sent_at_s, query, name))]
    fn new(
        key: i64,
        kind: Py<PyString>,
        forwarder: u32,
        reply: Py<PyBytes>,
        sent_at_s: f64,
        query: Py<PyBytes>,
        name: Option<String>,
    ) -> Self {
        Self { key, kind, forwarder, reply, sent_at_s, query, name }
    }
}

impl ForwardingEvent {
    fn of(py: Python<'_>, event: &Event) -> Self {
        let (kind, reply) = match &event.kind {
            EventKind::Replied(octets) => ("replied", octets.as_slice()),
            EventKind::Answered => ("answered", [].as_slice()),
            EventKind::Damaged(octets) => ("damaged", octets.as_slice()),
            EventKind::Guessed => ("guessed", [].as_slice()),
            EventKind::TimedOut => ("timed_out", [].as_slice()),
            EventKind::Failed => ("failed", [].as_slice()),
            EventKind::Starved => ("starved", [].as_slice()),
        };
        let (key, name) = match event.owner {
            Owner::Miss(token) => (token.cast_signed(), Some(name_of(&event.query))),
            Owner::Exchange(key) => (key, None),
        };
        Self {
            key,
            kind: PyString::new(py, kind).unbind(),
            forwarder: event.forwarder,
            reply: PyBytes::new(py, reply).unbind(),
            sent_at_s: event.sent_s,
            query: PyBytes::new(py, &event.query).unbind(),
            name,
        }
    }
}

/// What happened to queries to forwarders since the last report.
#[pyclass(frozen, get_all, module = "schoolgate._core")]
pub struct ForwardingReport {
    /// Queries under way.
    under_way: usize,
    /// `end_overdue` is to be called within so many seconds; None: there is nothing to wait for.
    next_call_in_s: Option<f64>,
    /// Misses taken.
    misses: u32,
    /// Misses completed with an answer.
    answered: u32,
    /// Misses failed because no forwarder is up.
    failed_no_forwarder: u32,
    /// Misses failed because too many were under way.
    overflow: u32,
    /// One `ForwarderTally` for each forwarder that did something.
    tallies: Py<PyTuple>,
    /// One `ForwardingEvent` for each query that needs a decision.
    events: Py<PyTuple>,
}

#[pymethods]
impl ForwardingReport {
    #[new]
    #[pyo3(signature = (
        *, under_way=0, next_call_in_s=None, misses=0, answered=0, failed_no_forwarder=0, overflow=0, tallies=Vec::new(),
        events=Vec::new()
    ))]
    #[allow(clippy::too_many_arguments)] // one for each field
    fn new(
        py: Python<'_>,
        under_way: usize,
        next_call_in_s: Option<f64>,
        misses: u32,
        answered: u32,
        failed_no_forwarder: u32,
        overflow: u32,
        tallies: Vec<Py<ForwarderTally>>,
        events: Vec<Py<ForwardingEvent>>,
    ) -> PyResult<Self> {
        let (tallies, events) = (PyTuple::new(py, tallies)?.unbind(), PyTuple::new(py, events)?.unbind());
        Ok(Self { under_way, next_call_in_s, misses, answered, failed_no_forwarder, overflow, tallies, events })
    }
}

impl ForwardingReport {
    /// A report of the plane as a Python object.
    pub fn of(py: Python<'_>, report: Report) -> PyResult<Self> {
        let tallies = report.tallies.into_iter().map(|tally| Bound::new(py, ForwarderTally::of(py, tally)?));
        let events = report.events.iter().map(|event| Bound::new(py, ForwardingEvent::of(py, event)));
        Ok(Self {
            under_way: report.under_way,
            next_call_in_s: report.next_call_in_s,
            misses: report.misses,
            answered: report.answered,
            failed_no_forwarder: report.failed_no_forwarder,
            overflow: report.overflow,
            tallies: PyTuple::new(py, tallies.collect::<PyResult<Vec<_>>>()?)?.unbind(),
            events: PyTuple::new(py, events.collect::<PyResult<Vec<_>>>()?)?.unbind(),
        })
    }
}
