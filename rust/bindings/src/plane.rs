//! The plane, seen from asyncio.

use crate::error::{Kind, raise};
use crate::lists::{Snapshot, json};
use crate::sealed::SealedList;
use crate::table::{PolicyTable, address, explain_with};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyInt, PyTuple};
use schoolgate_plane::{Asked, Event, EventKind, Owner, Report, Settings, Share, Tally, name_of};
use schoolgate_wire::Name;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

/// Sockets, worker threads, packet cache and pending table.
#[pyclass(frozen, module = "schoolgate._core")]
pub struct Plane(schoolgate_plane::Plane);

#[pymethods]
impl Plane {
    #[new]
    #[pyo3(signature = (settings, snapshot, table, sealed = None))]
    fn new(
        py: Python<'_>,
        settings: &[u8],
        snapshot: &Snapshot,
        table: &PolicyTable,
        sealed: Option<&SealedList>,
    ) -> PyResult<Self> {
        let settings: Settings = serde_json::from_slice(settings)
            .map_err(|error| PyValueError::new_err(format!("plane settings: {error}")))?;
        let (snapshot, table) = (snapshot.0.clone(), table.0.clone());
        let sealed = sealed.map(|one| one.0.clone());
        let plane = py.detach(|| schoolgate_plane::Plane::new(settings, snapshot, table, sealed));
        plane.map(Self).map_err(|error| raise(Kind::PlaneError, error))
    }

    fn start(&self) -> PyResult<()> {
        self.0.start().map_err(|error| raise(Kind::PlaneError, error))
    }

    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.0.stop());
    }

    fn listening(&self) -> Vec<(String, u16)> {
        let addresses = self.0.status().listening;
        addresses.into_iter().map(|address| (address.ip().to_string(), address.port())).collect()
    }

    fn forwarding_fd(&self) -> i32 {
        self.0.forwarding_fd()
    }

    fn install_routes(
        &self,
        py: Python<'_>,
        forwarders: Vec<(u32, String, u16, u32)>,
        zones: Vec<(String, usize)>,
    ) -> PyResult<()> {
        let forwarders =
            forwarders.into_iter().map(|(number, host, port, scope)| Ok((number, socket_address(&host, port, scope)?)));
        let forwarders = forwarders.collect::<PyResult<Vec<_>>>()?;
        let zones = zones.into_iter().map(|(zone, set)| match Name::from_text(&zone) {
            Ok(name) => Ok((name, set)),
            Err(error) => Err(PyValueError::new_err(format!("zone {zone:?}: {error}"))),
        });
        let zones = zones.collect::<PyResult<Vec<_>>>()?;
        py.detach(|| self.0.install_routes(forwarders, zones));
        Ok(())
    }

    fn read_replies<'py>(&self, py: Python<'py>, now_s: f64) -> PyResult<Bound<'py, PyTuple>> {
        let report = py.detach(|| self.0.read_replies(now_s));
        told(py, report)
    }

    fn send_misses<'py>(
        &self,
        py: Python<'py>,
        shares: Vec<Vec<(u32, f64, u32)>>,
        now_s: f64,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let share = |(forwarder, timeout_s, most)| Share { forwarder, timeout_s, most };
        let shares = shares.into_iter().map(|set| set.into_iter().map(share).collect()).collect();
        let report = py.detach(|| self.0.send_misses(shares, now_s));
        told(py, report)
    }

    fn send_query<'py>(
        &self,
        py: Python<'py>,
        key: i64,
        forwarder: u32,
        query: &[u8],
        timeout_s: f64,
        now_s: f64,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let report = py.detach(|| self.0.send_query(key, forwarder, query, timeout_s, now_s));
        told(py, report.ok_or_else(|| PyValueError::new_err("this is no query with a question"))?)
    }

    fn end_overdue<'py>(&self, py: Python<'py>, now_s: f64) -> PyResult<Bound<'py, PyTuple>> {
        let report = py.detach(|| self.0.end_overdue(now_s));
        told(py, report)
    }

    fn abandon_queries(&self, py: Python<'_>) {
        py.detach(|| self.0.abandon_queries());
    }

    fn complete(&self, py: Python<'_>, results: Vec<(u64, Option<PyBackedBytes>, u16, bool)>) {
        py.detach(|| {
            self.0.complete(results.iter().map(|(token, reply, ede, is_failure)| {
                let reply = reply.as_deref().ok_or(*ede);
                (*token, reply, *is_failure)
            }));
        });
    }

    fn forget_failures(&self) {
        self.0.forget_failures();
    }

    #[pyo3(signature = (snapshot, table, sealed = None))]
    fn install(
        &self,
        py: Python<'_>,
        snapshot: Option<&Snapshot>,
        table: Option<&PolicyTable>,
        sealed: Option<&SealedList>,
    ) {
        let (snapshot, table) = (snapshot.map(|one| one.0.clone()), table.map(|one| one.0.clone()));
        let sealed = sealed.map(|one| one.0.clone());
        py.detach(|| self.0.install(snapshot, table, sealed));
    }

    fn set_pseudonym_key(&self, key: Option<[u8; 16]>) {
        self.0.set_pseudonym_key(key);
    }

    fn ask<'py>(
        &self,
        py: Python<'py>,
        message: &[u8],
        client: &str,
        client_port: u16,
        local: &str,
        local_port: u16,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let client = SocketAddr::new(address(client)?, client_port);
        let local = SocketAddr::new(address(local)?, local_port);
        Ok(match self.0.ask(message, client, local) {
            Asked::Answer(answer) => Some(PyBytes::new(py, &answer).into_any()),
            Asked::Ticket(ticket) => Some(PyInt::new(py, ticket).into_any()),
            Asked::Nothing => None,
        })
    }

    fn answers_fd(&self) -> i32 {
        self.0.answers_fd()
    }

    fn take_answers<'py>(&self, py: Python<'py>) -> Vec<(u64, Bound<'py, PyBytes>)> {
        let answers = py.detach(|| self.0.take_answers());
        answers.into_iter().map(|(ticket, answer)| (ticket, PyBytes::new(py, &answer))).collect()
    }

    fn explain<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        qtype: u16,
        client: &str,
        local: &str,
        local_port: u16,
    ) -> PyResult<Bound<'py, PyBytes>> {
        explain_with(py, self.0.regime().rulebook(), name, qtype, client, local, local_port)
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        json(py, &self.0.status())
    }
}

fn socket_address(host: &str, port: u16, scope: u32) -> PyResult<SocketAddr> {
    Ok(match address(host)? {
        IpAddr::V6(v6) => SocketAddrV6::new(v6, port, 0, scope).into(),
        v4 => SocketAddr::new(v4, port),
    })
}

/// A report as tuples; their shape is written down in `_core.pyi`.
fn told(py: Python<'_>, report: Report) -> PyResult<Bound<'_, PyTuple>> {
    let counts = (report.misses, report.answered, report.nobody, report.overflow);
    let tallies = report.tallies.into_iter().map(|tally| tally_told(py, tally)).collect::<PyResult<Vec<_>>>()?;
    let events = report.events.into_iter().map(|event| event_told(py, event)).collect::<PyResult<Vec<_>>>()?;
    (report.under_way, report.again_in_s, counts, tallies, events).into_pyobject(py)
}

fn tally_told(py: Python<'_>, tally: Tally) -> PyResult<Bound<'_, PyTuple>> {
    let answered_query = tally.answered_query.map(|query| PyBytes::new(py, &query));
    let Tally { forwarder, sent, replies, rtts_s, silences, waits_s, refusals, strays, .. } = tally;
    (forwarder, sent, replies, rtts_s, silences, waits_s, refusals, strays, answered_query).into_pyobject(py)
}

fn event_told(py: Python<'_>, event: Event) -> PyResult<Bound<'_, PyTuple>> {
    let (kind, octets) = match &event.kind {
        EventKind::Replied(octets) => ("replied", octets.as_slice()),
        EventKind::Damaged(octets) => ("damaged", octets.as_slice()),
        EventKind::Guessed => ("guessed", [].as_slice()),
        EventKind::Silent => ("timed_out", [].as_slice()),
        EventKind::Refused => ("failed", [].as_slice()),
        EventKind::Short => ("starved", [].as_slice()),
    };
    let (key, name) = match event.owner {
        Owner::Miss(token) => (token.cast_signed(), Some(name_of(&event.query))),
        Owner::Errand(key) => (key, None),
    };
    let (octets, query) = (PyBytes::new(py, octets), PyBytes::new(py, &event.query));
    (key, kind, event.forwarder, octets, event.sent_s, query, name).into_pyobject(py)
}
