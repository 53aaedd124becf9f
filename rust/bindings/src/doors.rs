//! The doors for clients that come by a connection as a Python class.

use crate::error::{Kind, raise};
use crate::lists::json;
use crate::plane::Plane;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use schoolgate_streams::DoorSettings;

/// Listeners and threads of DNS over TCP, over TLS and over HTTPS.
#[pyclass(frozen, module = "schoolgate._core")]
pub struct Doors(schoolgate_streams::Doors);

#[pymethods]
impl Doors {
    #[new]
    fn new(py: Python<'_>, plane: &Plane, settings: &[u8]) -> PyResult<Self> {
        let settings = parsed(settings)?;
        let doors = py.detach(|| schoolgate_streams::Doors::open(&plane.0, &settings));
        doors.map(Self).map_err(|error| raise(Kind::PlaneError, error))
    }

    fn start(&self) -> PyResult<()> {
        self.0.start().map_err(|error| raise(Kind::PlaneError, error))
    }

    fn admit_encrypted(&self, is_admitted: bool) {
        self.0.admit_encrypted(is_admitted);
    }

    fn encrypted_problem(&self) -> Option<String> {
        self.0.encrypted_problem().map(ToString::to_string)
    }

    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.0.stop());
    }

    fn install_certificate(&self, py: Python<'_>, chain: &[u8], key: &[u8]) -> PyResult<()> {
        let installed = py.detach(|| self.0.install_certificate(chain, key));
        installed.map_err(|error| raise(Kind::CertificateUnusable, error))
    }

    fn install_limits(&self, settings: &[u8]) -> PyResult<()> {
        self.0.install_limits(&parsed(settings)?);
        Ok(())
    }

    fn listening(&self) -> Vec<(&'static str, String, u16)> {
        let doors = self.0.listening().iter();
        doors.map(|(door, address)| (door.as_str(), address.ip().to_string(), address.port())).collect()
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        json(py, &self.0.status())
    }
}

fn parsed(settings: &[u8]) -> PyResult<DoorSettings> {
    serde_json::from_slice(settings).map_err(|error| PyValueError::new_err(format!("door settings: {error}")))
}
