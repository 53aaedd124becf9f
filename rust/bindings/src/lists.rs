//! Lists: compile them, open what was compiled.

use crate::error::{Kind, raise};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use schoolgate_policy::{Input, RuleKind, listed_name};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// All lists, compiled and checked; immutable.
#[pyclass(frozen, module = "schoolgate._core")]
pub struct Snapshot(pub Arc<schoolgate_policy::Snapshot>);

#[pymethods]
impl Snapshot {
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let opened = py.detach(|| schoolgate_policy::Snapshot::open(&path));
        opened.map(|snapshot| Self(Arc::new(snapshot))).map_err(|error| raise(Kind::SnapshotCorrupt, error))
    }

    #[staticmethod]
    fn empty() -> Self {
        Self(Arc::new(schoolgate_policy::Snapshot::empty()))
    }

    #[getter]
    fn serial(&self) -> u64 {
        self.0.serial()
    }

    #[getter]
    fn entries(&self) -> u64 {
        self.0.names().entries()
    }

    #[getter]
    fn size_octets(&self) -> usize {
        self.0.size_octets()
    }

    fn meta<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        json(
            py,
            &serde_json::json!({
                "serial": self.0.serial(), "entries": self.0.names().entries(),
                "size_octets": self.0.size_octets(), "sources": self.0.sources(),
            }),
        )
    }
}

/// Compiles list files into a snapshot file.
#[pyfunction]
pub fn compile_snapshot<'py>(
    py: Python<'py>,
    inputs: Vec<(PathBuf, String, String, String)>,
    out: PathBuf,
    serial: u64,
) -> PyResult<Bound<'py, PyBytes>> {
    let inputs = inputs.into_iter().map(input).collect::<PyResult<Vec<_>>>()?;
    let report = py.detach(|| schoolgate_policy::compile_snapshot(&inputs, Path::new(&out), serial));
    json(py, &report.map_err(|error| raise(Kind::CompileFailed, error))?)
}

fn input((path, feed, category, matching): (PathBuf, String, String, String)) -> PyResult<Input> {
    let unmarked = match matching.as_str() {
        "suffix" => RuleKind::Suffix,
        "exact" => RuleKind::Exact,
        other => return Err(PyValueError::new_err(format!("match {other:?} is neither \"suffix\" nor \"exact\""))),
    };
    Ok(Input { path, feed, category, unmarked })
}

/// The wire form, as text, of a name that somebody wrote in a list.
#[pyfunction]
pub fn normalise_name(text: &str) -> PyResult<String> {
    let name = listed_name(text).map_err(|rejected| PyValueError::new_err(rejected.as_str()))?;
    Ok(name.to_string())
}

/// A value as JSON octets.
pub fn json<'py>(py: Python<'py>, value: &impl serde::Serialize) -> PyResult<Bound<'py, PyBytes>> {
    let octets = serde_json::to_vec(value).map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok(PyBytes::new(py, &octets))
}
