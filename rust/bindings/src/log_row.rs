//! One row of the query log as a Python object.

use pyo3::prelude::*;
use pyo3::types::{PyInt, PyString, PyTuple};
use schoolgate_querylog::OwnedRow;

/// Column names in the order of the log; also the order of the arguments of [`LogRow::new`].
const COLUMNS: [&str; 20] = [
    "time_us",
    "client",
    "segment",
    "policy",
    "policy_serial",
    "door",
    "qname",
    "qname_asked",
    "qtype",
    "rcode",
    "action",
    "layer",
    "category",
    "rule",
    "snapshot_serial",
    "source",
    "latency_us",
    "cname",
    "device",
    "user",
];

/// One query and its outcome.
///
/// Every field is a Python object, so that pyo3 makes member descriptors of them: reading a field costs what a slot costs,
/// and no call into Rust. The monitor reads several fields of thousands of rows a second.
#[pyclass(frozen, get_all, module = "schoolgate._core")]
pub struct LogRow {
    /// Time of the response, in microseconds since 1970, UTC.
    time_us: Py<PyInt>,
    /// An address, a pseudonym, or empty where queries are only counted.
    client: Py<PyString>,
    /// Id of the client's segment, or empty.
    segment: Py<PyString>,
    /// Id of the policy.
    policy: Py<PyString>,
    /// Serial of the policy revision.
    policy_serial: Py<PyInt>,
    /// Transport: "udp" or "tcp".
    door: Py<PyString>,
    /// QNAME in lower case; "(withheld)" or empty where it is not recorded.
    qname: Py<PyString>,
    /// QNAME as the client wrote it, or None where it is the same.
    qname_asked: Py<PyAny>,
    /// QTYPE.
    qtype: Py<PyInt>,
    /// RCODE of the response.
    rcode: Py<PyInt>,
    /// Action of the policy.
    action: Py<PyString>,
    /// Policy layer that decided.
    layer: Py<PyString>,
    /// Category that decided, or None.
    category: Py<PyAny>,
    /// Feed or local rule that decided, or None.
    rule: Py<PyAny>,
    /// Serial of the snapshot.
    snapshot_serial: Py<PyInt>,
    /// Origin of the response.
    source: Py<PyString>,
    /// Time from query to response, in microseconds.
    latency_us: Py<PyInt>,
    /// First CNAME of the response, or None.
    cname: Py<PyAny>,
    /// Always None: reserved.
    device: Py<PyAny>,
    /// Always None: reserved.
    user: Py<PyAny>,
}

#[pymethods]
impl LogRow {
    #[new]
    #[pyo3(signature = (
        time_us, client, segment, policy, policy_serial, door, qname, qname_asked, qtype, rcode, action, layer,
        category, rule, snapshot_serial, source, latency_us, cname=None, device=None, user=None
    ))]
    #[allow(clippy::too_many_arguments)] // one for each column
    fn new(
        py: Python<'_>,
        time_us: Py<PyInt>,
        client: Py<PyString>,
        segment: Py<PyString>,
        policy: Py<PyString>,
        policy_serial: Py<PyInt>,
        door: Py<PyString>,
        qname: Py<PyString>,
        qname_asked: Option<Py<PyString>>,
        qtype: Py<PyInt>,
        rcode: Py<PyInt>,
        action: Py<PyString>,
        layer: Py<PyString>,
        category: Option<Py<PyString>>,
        rule: Option<Py<PyString>>,
        snapshot_serial: Py<PyInt>,
        source: Py<PyString>,
        latency_us: Py<PyInt>,
        cname: Option<Py<PyString>>,
        device: Option<Py<PyString>>,
        user: Option<Py<PyString>>,
    ) -> Self {
        let maybe = |text: Option<Py<PyString>>| text.map_or_else(|| py.None(), Py::into_any);
        let (qname_asked, category, rule, cname) = (maybe(qname_asked), maybe(category), maybe(rule), maybe(cname));
        let (device, user) = (maybe(device), maybe(user));
        Self {
            time_us,
            client,
            segment,
            policy,
            policy_serial,
            door,
            qname,
            qname_asked,
            qtype,
            rcode,
            action,
            layer,
            category,
            rule,
            snapshot_serial,
            source,
            latency_us,
            cname,
            device,
            user,
        }
    }

    #[classattr]
    fn __match_args__(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
        PyTuple::new(py, COLUMNS)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let fields = COLUMNS.iter().map(|name| Ok(format!("{name}={}", slf.getattr(*name)?.repr()?)));
        Ok(format!("LogRow({})", fields.collect::<PyResult<Vec<_>>>()?.join(", ")))
    }

    #[getter]
    fn time_s(&self, py: Python<'_>) -> PyResult<i64> {
        Ok(self.time_us.extract::<i64>(py)?.div_euclid(1_000_000))
    }

    #[getter]
    fn is_denied(&self, py: Python<'_>) -> PyResult<bool> {
        let action = self.action.bind(py).to_str()?;
        Ok(action == "deny" || action == "deny-revealed")
    }

    #[getter]
    fn is_counted_only(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.client.bind(py).to_str()?.is_empty())
    }

    #[getter]
    fn is_sealed(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.layer.bind(py).to_str()? == "sealed" && self.is_denied(py)?)
    }
}

impl LogRow {
    /// The row as a Python object.
    pub fn from_owned<'py>(py: Python<'py>, row: &OwnedRow) -> PyResult<Bound<'py, Self>> {
        let text = |text: &str| PyString::new(py, text).unbind();
        let maybe = |text: &Option<String>| match text {
            Some(text) => PyString::new(py, text).into_any().unbind(),
            None => py.None(),
        };
        let number = |number: i64| PyInt::new(py, number).unbind();
        let made = Self {
            time_us: number(row.time_us),
            client: text(&row.client),
            segment: text(&row.segment),
            policy: text(&row.policy),
            policy_serial: number(row.policy_serial),
            door: text(&row.door),
            qname: text(&row.qname),
            qname_asked: maybe(&row.qname_asked),
            qtype: number(row.qtype.into()),
            rcode: number(row.rcode.into()),
            action: text(&row.action),
            layer: text(&row.layer),
            category: maybe(&row.category),
            rule: maybe(&row.rule),
            snapshot_serial: number(row.snapshot_serial),
            source: text(&row.source),
            latency_us: number(row.latency_us.into()),
            cname: maybe(&row.cname),
            device: py.None(),
            user: py.None(),
        };
        Bound::new(py, made)
    }

    /// The row as the crate of the log has it; a number outside its column's range is an `OverflowError`.
    pub fn to_owned(&self, py: Python<'_>) -> PyResult<OwnedRow> {
        let text = |text: &Py<PyString>| text.extract::<String>(py);
        let maybe = |text: &Py<PyAny>| text.extract::<Option<String>>(py);
        Ok(OwnedRow {
            time_us: self.time_us.extract(py)?,
            client: text(&self.client)?,
            segment: text(&self.segment)?,
            policy: text(&self.policy)?,
            policy_serial: self.policy_serial.extract(py)?,
            door: text(&self.door)?,
            qname: text(&self.qname)?,
            qname_asked: maybe(&self.qname_asked)?,
            qtype: self.qtype.extract(py)?,
            rcode: self.rcode.extract(py)?,
            action: text(&self.action)?,
            layer: text(&self.layer)?,
            category: maybe(&self.category)?,
            rule: maybe(&self.rule)?,
            snapshot_serial: self.snapshot_serial.extract(py)?,
            source: text(&self.source)?,
            latency_us: self.latency_us.extract(py)?,
            cname: maybe(&self.cname)?,
        })
    }
}
