//! The query log: reading rows of write-ahead files, conversion to Parquet, pseudonyms.

use crate::lists::json;
use crate::log_row::LogRow;
use crate::table::address;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use schoolgate_querylog::{Class, OwnedRow, PseudonymKey, Row};
use std::io;
use std::path::{Path, PathBuf};

/// Adds the classes and functions of the query log to the module.
pub fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<LogRow>()?;
    module.add_function(wrap_pyfunction!(log_read, module)?)?;
    module.add_function(wrap_pyfunction!(log_to_parquet, module)?)?;
    module.add_function(wrap_pyfunction!(log_write_sample, module)?)?;
    module.add_function(wrap_pyfunction!(log_pseudonym, module)?)?;
    module.add_function(wrap_pyfunction!(log_client, module)?)?;
    module.add_function(wrap_pyfunction!(registrable_domain, module)?)
}

#[pyfunction]
fn log_read<'py>(py: Python<'py>, path: PathBuf, offset: u64, most: usize) -> PyResult<(Bound<'py, PyList>, u64)> {
    let read = py.detach(|| {
        let mut rows = Vec::new();
        schoolgate_querylog::log_read(&path, offset, most, |row| rows.push(owned(row))).map(|next| (rows, next))
    });
    let (rows, next) = read.map_err(|error| os_error(&path, error))?;
    let made = rows.iter().map(|row| LogRow::from_owned(py, row)).collect::<PyResult<Vec<_>>>()?;
    Ok((PyList::new(py, made)?, next))
}

#[pyfunction]
fn log_to_parquet<'py>(py: Python<'py>, wal: PathBuf, directory: PathBuf) -> PyResult<Bound<'py, PyBytes>> {
    let converted = py.detach(|| schoolgate_querylog::log_to_parquet(&wal, &directory));
    json(py, &converted.map_err(|error| os_error(&wal, error))?)
}

#[pyfunction]
fn log_write_sample(
    py: Python<'_>,
    directory: PathBuf,
    class_: &str,
    number: u64,
    rows: Vec<Py<LogRow>>,
) -> PyResult<()> {
    let class = Class::from_word(class_).ok_or_else(|| PyValueError::new_err(format!("{class_:?} is no class")))?;
    let rows = rows.iter().map(|row| row.get().to_owned(py)).collect::<PyResult<Vec<_>>>()?;
    let written = py.detach(|| schoolgate_querylog::write_sample(&directory, class, number, &rows));
    written.map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput => PyValueError::new_err(error.to_string()),
        _ => os_error(&directory, error),
    })
}

#[pyfunction]
fn log_pseudonym(key: [u8; 16], client: &str) -> PyResult<String> {
    Ok(PseudonymKey::new(&key).pseudonym(address(client)?))
}

#[pyfunction]
fn log_client(key: [u8; 16], pseudonym: &str) -> Option<String> {
    PseudonymKey::new(&key).client(pseudonym).map(|client| client.to_string())
}

#[pyfunction]
fn registrable_domain(name: &str) -> Option<String> {
    schoolgate_policy::registrable_domain(name)
}

fn os_error(path: &Path, error: io::Error) -> PyErr {
    match error.raw_os_error() {
        // From number, text and path Python chooses the subclass, such as FileNotFoundError.
        Some(number) => {
            let words = error.to_string();
            let words = words.split(" (os error").next().unwrap_or_default().to_owned();
            PyOSError::new_err((number, words, path.to_path_buf()))
        }
        None => PyOSError::new_err(format!("{}: {error}", path.display())),
    }
}

fn owned(row: &Row<'_>) -> OwnedRow {
    let own = |text: Option<&str>| text.map(str::to_owned);
    OwnedRow {
        time_us: row.time_us,
        client: row.client.to_owned(),
        segment: row.segment.to_owned(),
        policy: row.policy.to_owned(),
        policy_serial: row.policy_serial,
        door: row.door.to_owned(),
        qname: row.qname.to_owned(),
        qname_asked: own(row.qname_asked),
        qtype: row.qtype as u16,
        rcode: row.rcode as u16,
        action: row.action.to_owned(),
        layer: row.layer.to_owned(),
        category: own(row.category),
        rule: own(row.rule),
        snapshot_serial: row.snapshot_serial,
        source: row.source.to_owned(),
        latency_us: row.latency_us as u32,
        cname: own(row.cname),
    }
}
