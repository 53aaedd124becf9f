//! Policies: compile their description, explain a decision without a running plane.

use crate::error::{Kind, raise};
use crate::lists::{Snapshot, json};
use crate::sealed::SealedList;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use schoolgate_policy::Rulebook;
use schoolgate_wire::Name;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// All policies and segments, compiled; immutable.
#[pyclass(frozen, module = "schoolgate._core")]
pub struct PolicyTable(pub Arc<schoolgate_policy::PolicyTable>);

#[pymethods]
impl PolicyTable {
    #[staticmethod]
    fn compile(py: Python<'_>, description: &[u8]) -> PyResult<Self> {
        let compiled = py.detach(|| schoolgate_policy::PolicyTable::compile(description));
        compiled.map(|table| Self(Arc::new(table))).map_err(|error| raise(Kind::PolicyInvalid, error))
    }

    #[getter]
    fn serial(&self) -> u64 {
        self.0.serial()
    }
}

/// Explains the decision on one name, as the plane would decide it.
#[pyfunction]
#[pyo3(signature = (snapshot, table, name, qtype, client, local, local_port, sealed = None))]
#[allow(clippy::too_many_arguments)] // the arguments of a question
pub fn explain<'py>(
    py: Python<'py>,
    snapshot: &Snapshot,
    table: &PolicyTable,
    name: &str,
    qtype: u16,
    client: &str,
    local: &str,
    local_port: u16,
    sealed: Option<&SealedList>,
) -> PyResult<Bound<'py, PyBytes>> {
    let (snapshot, table, sealed) = (snapshot.0.clone(), table.0.clone(), sealed.map(|one| one.0.clone()));
    let rulebook = py.detach(|| Rulebook::new(snapshot, table, sealed));
    explain_with(py, &rulebook, name, qtype, client, local, local_port)
}

/// [`explain`] with a rulebook at hand.
pub fn explain_with<'py>(
    py: Python<'py>,
    rulebook: &Rulebook,
    name: &str,
    qtype: u16,
    client: &str,
    local: &str,
    local_port: u16,
) -> PyResult<Bound<'py, PyBytes>> {
    let name = Name::from_text(name).map_err(|error| PyValueError::new_err(format!("{name:?}: {error}")))?;
    let local = SocketAddr::new(address(local)?, local_port);
    json(py, &rulebook.explain_query(&name, qtype, address(client)?, local))
}

/// An address in text.
pub fn address(text: &str) -> PyResult<IpAddr> {
    // An interface name behind '%' says nothing about the address.
    let bare = text.split('%').next().unwrap_or(text);
    bare.parse().map_err(|_| PyValueError::new_err(format!("{text:?} is not an IP address")))
}
