//! The plane, seen from asyncio.

use crate::error::{Kind, raise};
use crate::lists::{Snapshot, json};
use crate::sealed::SealedList;
use crate::table::{PolicyTable, address, explain_with};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyInt, PyList, PyTuple};
use schoolgate_plane::{Asked, Settings};
use std::net::SocketAddr;

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

    fn miss_fd(&self) -> i32 {
        self.0.miss_fd()
    }

    fn take_misses<'py>(&self, py: Python<'py>, most: usize) -> PyResult<Bound<'py, PyList>> {
        let misses = py.detach(|| self.0.take_misses(most));
        let tuples = misses.into_iter().map(|miss| (miss.token, miss.name, PyBytes::new(py, &miss.query)));
        PyList::new(py, tuples.map(|miss| miss.into_pyobject(py)).collect::<PyResult<Vec<Bound<'py, PyTuple>>>>()?)
    }

    fn complete(&self, py: Python<'_>, results: Vec<(u64, Option<PyBackedBytes>, u16)>) {
        py.detach(|| {
            let replies = results.iter().map(|(token, reply, ede)| (*token, reply.as_deref().ok_or(*ede)));
            self.0.complete(replies);
        });
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
