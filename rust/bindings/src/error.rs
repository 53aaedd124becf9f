//! The one place where a Rust error becomes a Python exception.
//!
//! All of them are `schoolgate.errors.SchoolgateError`s, so what a person reads is the message and nothing else.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

static CLASSES: PyOnceLock<[Py<PyType>; 9]> = PyOnceLock::new();

/// Kinds of errors, each with its exception class.
#[derive(Clone, Copy)]
pub enum Kind {
    SnapshotCorrupt,
    PolicyInvalid,
    CompileFailed,
    PlaneError,
    ListRefused,
    SealedCorrupt,
    SealFailed,
    CertificateUnusable,
    ForwarderUnusable,
}

const NAMES: [&str; 9] = [
    "SnapshotCorrupt",
    "PolicyInvalid",
    "CompileFailed",
    "PlaneError",
    "ListRefused",
    "SealedCorrupt",
    "SealFailed",
    "CertificateUnusable",
    "ForwarderUnusable",
];

/// Adds the exception classes to the module.
pub fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for (name, class) in NAMES.into_iter().zip(classes(module.py())?) {
        module.add(name, class.clone_ref(module.py()))?;
    }
    Ok(())
}

/// Turns an error into the exception of its kind.
pub fn raise(kind: Kind, error: impl std::fmt::Display) -> PyErr {
    Python::attach(|py| match classes(py) {
        Ok(classes) => {
            let class = classes.get(kind as usize).map(|class| class.bind(py).clone());
            match class {
                Some(class) => PyErr::from_type(class, error.to_string()),
                None => PyValueError::new_err(error.to_string()),
            }
        }
        Err(error) => error,
    })
}

fn classes(py: Python<'_>) -> PyResult<&[Py<PyType>; 9]> {
    CLASSES.get_or_try_init(py, || {
        let root = py.import("schoolgate.errors")?.getattr("SchoolgateError")?.cast_into::<PyType>()?;
        let mut classes = Vec::new();
        for name in NAMES {
            let class = PyErr::new_type(
                py,
                &std::ffi::CString::new(format!("schoolgate._core.{name}"))?,
                None,
                Some(&root),
                None,
            )?;
            classes.push(class);
        }
        classes.try_into().map_err(|_| PyValueError::new_err("exception classes"))
    })
}
