//! Sealed lists: import one, open them all, manage their keys. No entry ever reaches Python.

use crate::error::{Kind, raise};
use crate::lists::json;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use schoolgate_policy::{SELF_TEST_NAME, SealRequest, SealedFormat, SealedKeys, seal_list as seal};
use std::path::PathBuf;
use std::sync::Arc;

/// The sealed lists of all suppliers, checked; immutable.
#[pyclass(frozen, module = "schoolgate._core")]
pub struct SealedList(pub Arc<schoolgate_policy::SealedList>);

#[pymethods]
impl SealedList {
    #[staticmethod]
    fn open(py: Python<'_>, paths: Vec<PathBuf>, keys: PathBuf) -> PyResult<Self> {
        let opened = py.detach(|| {
            let keys = SealedKeys::read(&keys)?;
            schoolgate_policy::SealedList::open(&paths, &keys)
        });
        opened.map(|list| Self(Arc::new(list))).map_err(|error| raise(Kind::SealedCorrupt, error))
    }

    #[getter]
    fn serial(&self) -> u64 {
        self.0.serial()
    }

    #[getter]
    fn entries(&self) -> usize {
        self.0.entries()
    }

    #[getter]
    fn size_octets(&self) -> usize {
        self.0.size_octets()
    }

    fn facts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        json(py, &self.0.facts())
    }
}

/// Turns a supplier's list into a sealed list, in one pass.
#[pyfunction]
#[pyo3(signature = (source, form, column, keys, out, supplier, serial, created_unix_s))]
#[allow(clippy::too_many_arguments)] // a request in one call, so that no entry ever reaches Python
pub fn seal_list<'py>(
    py: Python<'py>,
    source: PathBuf,
    form: &str,
    column: Option<String>,
    keys: PathBuf,
    out: PathBuf,
    supplier: &str,
    serial: u64,
    created_unix_s: i64,
) -> PyResult<Bound<'py, PyBytes>> {
    let format = match (form, column) {
        ("plain", None) => SealedFormat::Plain,
        ("csv", column) => SealedFormat::Csv(column),
        ("hashes", None) => SealedFormat::Hashes,
        ("hashes", Some(column)) => SealedFormat::CsvHashes(column),
        (other, _) => return Err(PyValueError::new_err(format!("format {other:?} with this column"))),
    };
    let report = py.detach(|| {
        let keys = SealedKeys::read_or_make(&keys)?;
        seal(&SealRequest { input: &source, format, out: &out, supplier, serial, created_unix_s }, &keys)
    });
    json(py, &report.map_err(|error| raise(Kind::SealFailed, error))?)
}

/// A new key for the next import; makes the file when there is none. Returns the key's id.
#[pyfunction]
pub fn add_sealed_key(py: Python<'_>, keys: PathBuf) -> PyResult<String> {
    let added = py.detach(|| {
        if keys.exists() {
            SealedKeys::read(&keys)?.add()
        } else {
            SealedKeys::read_or_make(&keys).map(|made| made.newest_id())
        }
    });
    added.map_err(|error| raise(Kind::SealedCorrupt, error))
}

/// Forgets the keys that are neither the newest nor named. Returns the newest key's id.
#[pyfunction]
pub fn keep_sealed_keys(py: Python<'_>, keys: PathBuf, ids: Vec<String>) -> PyResult<String> {
    let kept = py.detach(|| {
        let mut keys = SealedKeys::read(&keys)?;
        keys.keep(&ids)?;
        Ok(keys.newest_id())
    });
    kept.map_err(|error: schoolgate_policy::SealedCorrupt| raise(Kind::SealedCorrupt, error))
}

/// Adds the class, the functions and the self-test name to the module.
pub fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<SealedList>()?;
    module.add("SEALED_SELF_TEST_NAME", SELF_TEST_NAME)?;
    module.add_function(wrap_pyfunction!(seal_list, module)?)?;
    module.add_function(wrap_pyfunction!(add_sealed_key, module)?)?;
    module.add_function(wrap_pyfunction!(keep_sealed_keys, module)?)
}
