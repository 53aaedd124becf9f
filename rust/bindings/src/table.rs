//! Policies: compile their description, explain a decision without a running plane.

use crate::error::{Kind, raise};
use crate::lists::{Snapshot, json};
use crate::sealed::SealedList;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use schoolgate_policy::{Effect, Rulebook, SuffixHashes};
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
    let (name, client, local) = question(name, client, local, local_port)?;
    json(py, &rulebook.explain_query(&name, qtype, client, local))
}

/// A question to explain, as it is written.
pub fn question(name: &str, client: &str, local: &str, local_port: u16) -> PyResult<(Name, IpAddr, SocketAddr)> {
    let name = Name::from_text(name).map_err(|error| PyValueError::new_err(format!("{name:?}: {error}")))?;
    Ok((name, address(client)?, SocketAddr::new(address(local)?, local_port)))
}

/// Decides many names at once, each for the policy of a segment; for the policy of clients in none where that is "".
/// Of each segment one octet a name: 0 allowed, 1 denied, 2 allowed and rewritten (SafeSearch), 3 no name.
#[pyfunction]
#[pyo3(signature = (snapshot, table, asked, sealed = None))]
pub fn decide_names<'py>(
    py: Python<'py>,
    snapshot: &Snapshot,
    table: &PolicyTable,
    asked: Vec<(String, Vec<String>)>,
    sealed: Option<&SealedList>,
) -> PyResult<Vec<Bound<'py, PyBytes>>> {
    let (snapshot, table, sealed) = (snapshot.0.clone(), table.0.clone(), sealed.map(|one| one.0.clone()));
    let decided = py.detach(|| {
        let rulebook = Rulebook::new(snapshot, table, sealed);
        asked.iter().map(|(segment, names)| decided(&rulebook, segment, names)).collect::<Result<Vec<_>, _>>()
    });
    let decided = decided.map_err(PyValueError::new_err)?;
    Ok(decided.iter().map(|octets| PyBytes::new(py, octets)).collect())
}

fn decided(rulebook: &Rulebook, segment: &str, names: &[String]) -> Result<Vec<u8>, String> {
    let table = rulebook.table();
    let policy = match table.segments().iter().find(|one| one.id == segment) {
        Some(found) => found.policy,
        None if segment.is_empty() => table.strictest(),
        None => return Err(format!("there is no segment {segment:?}")),
    };
    let mut hashes = SuffixHashes::default();
    let mut one = |name: &String| {
        let Ok(name) = Name::from_text(name) else { return 3 };
        let verdict = rulebook.decide(policy, &name, &mut hashes);
        match (verdict.effect, verdict.rewrite) {
            (Effect::Deny, _) => 1,
            (Effect::Allow, Some(_)) => 2,
            (Effect::Allow, None) => 0,
        }
    };
    Ok(names.iter().map(&mut one).collect())
}

/// An address in text.
pub fn address(text: &str) -> PyResult<IpAddr> {
    // An interface name behind '%' says nothing about the address.
    let bare = text.split('%').next().unwrap_or(text);
    bare.parse().map_err(|_| PyValueError::new_err(format!("{text:?} is not an IP address")))
}
