//! The plane as a Python class.

use crate::error::{Kind, raise};
use crate::forwarding::{ForwarderAddress, ForwarderShare, ForwardingReport, MissResult, ZoneRoute};
use crate::lists::{Snapshot, json};
use crate::sealed::SealedList;
use crate::table::{PolicyTable, address, question};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt};
use schoolgate_plane::{Asked, Designated, Settings, Way};
use schoolgate_policy::{DeviceGroups, DeviceGroupsInvalid};
use schoolgate_streams::{CarrierError, Carriers};
use schoolgate_wire::Name;
use std::net::SocketAddr;

/// The URI template of DNS over HTTPS without scheme and host (RFC 9461 section 5).
const DOH_TEMPLATE: &str = "/dns-query{?dns}";

/// Sockets, worker threads, packet cache and pending table; connections to forwarders.
#[pyclass(frozen, module = "schoolgate._core")]
pub struct Plane(pub schoolgate_plane::Plane, Carriers);

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
        plane.map(|plane| Self(plane, Carriers::default())).map_err(|error| raise(Kind::PlaneError, error))
    }

    fn start(&self) -> PyResult<()> {
        self.0.start().map_err(|error| raise(Kind::PlaneError, error))
    }

    fn stop(&self, py: Python<'_>) {
        py.detach(|| {
            self.0.stop();
            self.1.stop();
        });
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
        forwarders: Vec<Py<ForwarderAddress>>,
        zones: Vec<Py<ZoneRoute>>,
    ) -> PyResult<()> {
        let trusted = forwarders.iter().filter_map(|one| one.get().trusted()).collect();
        let forwarders = forwarders.iter().map(|one| one.get().parse()).collect::<PyResult<Vec<_>>>()?;
        let zones = zones.iter().map(|one| one.get().parse()).collect::<PyResult<Vec<_>>>()?;
        let (mut ways, mut carried) = (Vec::new(), Vec::new());
        for (number, address, settings) in forwarders {
            match settings {
                Some(settings) => carried.push((number, address, settings)),
                None => ways.push((number, Way::Datagrams(address))),
            }
        }
        let installed = py.detach(|| -> Result<(), CarrierError> {
            let carriers = self.1.install(carried)?;
            ways.extend(carriers.into_iter().map(|(number, carrier)| (number, Way::Carried(carrier))));
            self.0.install_routes(ways, zones, trusted);
            Ok(())
        });
        installed.map_err(|error| PyValueError::new_err(error.to_string()))
    }

    fn connections<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        json(py, &self.1.status())
    }

    fn read_replies(&self, py: Python<'_>, now_s: f64) -> PyResult<ForwardingReport> {
        let report = py.detach(|| self.0.read_replies(now_s));
        ForwardingReport::of(py, report)
    }

    fn send_misses(
        &self,
        py: Python<'_>,
        shares: Vec<Vec<Py<ForwarderShare>>>,
        now_s: f64,
    ) -> PyResult<ForwardingReport> {
        let shares = shares.iter().map(|set| set.iter().map(|one| one.get().to_share()).collect()).collect();
        let report = py.detach(|| self.0.send_misses(shares, now_s));
        ForwardingReport::of(py, report)
    }

    fn send_query(
        &self,
        py: Python<'_>,
        key: i64,
        forwarder: u32,
        query: &[u8],
        timeout_s: f64,
        now_s: f64,
    ) -> PyResult<ForwardingReport> {
        let report = py.detach(|| self.0.send_query(key, forwarder, query, timeout_s, now_s));
        ForwardingReport::of(py, report.ok_or_else(|| PyValueError::new_err("this is no query with a question"))?)
    }

    fn end_overdue(&self, py: Python<'_>, now_s: f64) -> PyResult<ForwardingReport> {
        let report = py.detach(|| self.0.end_overdue(now_s));
        ForwardingReport::of(py, report)
    }

    fn abandon_queries(&self, py: Python<'_>) {
        py.detach(|| self.0.abandon_queries());
    }

    fn complete(&self, py: Python<'_>, results: Vec<Py<MissResult>>) {
        py.detach(|| self.0.complete(results.iter().map(|one| one.get().completed())));
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

    fn install_groups(&self, py: Python<'_>, description: &[u8]) -> PyResult<usize> {
        let installed = py.detach(|| {
            let groups = DeviceGroups::read(description)?;
            let addresses = groups.len();
            self.0.install_groups(groups);
            Ok(addresses)
        });
        installed.map_err(|error: DeviceGroupsInvalid| PyValueError::new_err(error.to_string()))
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

    fn designate(
        &self,
        name: &str,
        addresses: Vec<String>,
        dot: Vec<(String, u16)>,
        doh: Vec<(String, u16)>,
    ) -> PyResult<()> {
        let name = Name::from_text(name).map_err(|error| PyValueError::new_err(format!("name {name:?}: {error}")))?;
        let addresses = addresses.iter().map(|text| address(text)).collect::<PyResult<Vec<_>>>()?;
        let (dot, doh) = (socket_addresses(&dot)?, socket_addresses(&doh)?);
        self.0.designate(&Designated { name, addresses, dot, doh, path: DOH_TEMPLATE.to_owned() });
        Ok(())
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
        let (name, client, local) = question(name, client, local, local_port)?;
        json(py, &self.0.active().explain_query(&name, qtype, client, local))
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        json(py, &self.0.status())
    }
}

fn socket_addresses(doors: &[(String, u16)]) -> PyResult<Vec<SocketAddr>> {
    doors.iter().map(|(host, port)| Ok(SocketAddr::new(address(host)?, *port))).collect()
}
