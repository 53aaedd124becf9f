//! Lists: compile them, open what was compiled.

use crate::error::{Kind, raise};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use schoolgate_policy::{
    Categories, Dialect, FeedForm, Input, Limits, ProtectedNames, RuleKind, Trust, UnknownDialect, listed_name,
};
use schoolgate_wire::Name;
use std::net::IpAddr;
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

    fn said_of_address<'py>(&self, py: Python<'py>, address: IpAddr) -> PyResult<Bound<'py, PyBytes>> {
        let said = self.0.said_of_address(address);
        let said: Vec<_> = said.map(|source| [source.category.as_str(), source.feed.as_str()]).collect();
        json(py, &said)
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

/// One list file to read.
#[pyclass(frozen, get_all, module = "schoolgate._core")]
pub struct ListFile {
    /// Path of the file.
    path: PathBuf,
    /// Id of the feed or of the reviewed list.
    feed: String,
    /// Category id; of a feed also a JSON object from the feed's categories to ours.
    category: String,
    /// "suffix" or "exact": the rule for names without a mark.
    matching: String,
    /// Whether the school or this project wrote it. A reviewed list is in the plain dialect and may list any name.
    reviewed: bool,
    /// Dialect of a feed; None: it is detected.
    dialect: Option<String>,
    /// Whether a feed may name public suffixes of private hosts, such as duckdns.org.
    private_suffixes: bool,
}

#[pymethods]
impl ListFile {
    #[new]
    #[pyo3(signature = (path, feed, category, *, matching="suffix", reviewed=false, dialect=None, private_suffixes=false))]
    #[allow(clippy::too_many_arguments)] // by name, all of them
    fn new(
        path: PathBuf,
        feed: String,
        category: String,
        matching: &str,
        reviewed: bool,
        dialect: Option<String>,
        private_suffixes: bool,
    ) -> Self {
        let matching = matching.to_owned();
        Self { path, feed, category, matching, reviewed, dialect, private_suffixes }
    }
}

impl ListFile {
    fn input(&self, limits: Limits) -> PyResult<Input> {
        let (path, feed, category) = (self.path.clone(), self.feed.clone(), self.category.clone());
        let matching = unmarked(&self.matching)?;
        let input = if self.reviewed {
            Input::reviewed(path, feed, category, matching)
        } else {
            Input::feed(path, feed, categories(category)?, matching, stated(self.dialect.as_deref())?)
        };
        let trust = Trust { private_suffixes: self.private_suffixes, ..input.trust };
        Ok(Input { limits, trust, ..input })
    }
}

/// Compiles list files into a snapshot file. No feed denies a name of `protected`, nor anything below it.
#[pyfunction]
#[pyo3(signature = (inputs, out, serial, *, protected=Vec::new(), max_unpacked_octets=None))]
pub fn compile_snapshot<'py>(
    py: Python<'py>,
    inputs: Vec<Py<ListFile>>,
    out: PathBuf,
    serial: u64,
    protected: Vec<String>,
    max_unpacked_octets: Option<u64>,
) -> PyResult<Bound<'py, PyBytes>> {
    let inputs = list_inputs(&inputs, max_unpacked_octets)?;
    let protected = protected_names(protected)?;
    let report = py.detach(|| schoolgate_policy::compile_snapshot(&inputs, Path::new(&out), serial, &protected));
    json(py, &report.map_err(|error| raise(Kind::CompileFailed, error))?)
}

/// What a list holds, without compiling it: JSON of the dialect found, rules, skipped lines by reason with examples, a
/// sample of names, and a checksum of the rules.
#[pyfunction]
#[pyo3(signature = (path, dialect=None, *, matching="suffix", protected=Vec::new(), reviewed=false, private_suffixes=false, max_unpacked_octets=None))]
#[allow(clippy::too_many_arguments)] // by name, most of them
pub fn inspect_list<'py>(
    py: Python<'py>,
    path: PathBuf,
    dialect: Option<&str>,
    matching: &str,
    protected: Vec<String>,
    reviewed: bool,
    private_suffixes: bool,
    max_unpacked_octets: Option<u64>,
) -> PyResult<Bound<'py, PyBytes>> {
    let trust = Trust { reviewed, private_suffixes };
    let limits = limits(max_unpacked_octets);
    let form = FeedForm { dialect: stated(dialect)?, unmarked: unmarked(matching)?, limits };
    let protected = protected_names(protected)?;
    let found = py.detach(|| schoolgate_policy::inspect_list(&path, &form, &protected, trust));
    json(py, &found.map_err(|error| raise(Kind::ListRefused, format!("{}: {error}", path.display())))?)
}

/// Every line of `inputs` with a rule for `name`, a name or an address: JSON with feed, category, path, member, line, text, rule and kind of each.
#[pyfunction]
#[pyo3(signature = (inputs, name, *, protected=Vec::new(), max_unpacked_octets=None))]
pub fn list_rules_for<'py>(
    py: Python<'py>,
    inputs: Vec<Py<ListFile>>,
    name: &str,
    protected: Vec<String>,
    max_unpacked_octets: Option<u64>,
) -> PyResult<Bound<'py, PyBytes>> {
    let inputs = list_inputs(&inputs, max_unpacked_octets)?;
    let protected = protected_names(protected)?;
    let found = if let Ok(address) = name.parse::<IpAddr>() {
        py.detach(|| schoolgate_policy::list_rules_for_address(&inputs, address))
    } else {
        let name = wanted(name)?;
        py.detach(|| schoolgate_policy::list_rules_for(&inputs, &name, &protected))
    };
    json(py, &found.map_err(|error| raise(Kind::ListRefused, error))?)
}

/// Names that `after` lists and `before` does not, and the other way round: JSON of counts and the first `most` of each.
#[pyfunction]
#[pyo3(signature = (before, after, *, protected=Vec::new(), most=100))]
pub fn list_difference<'py>(
    py: Python<'py>,
    before: Vec<Py<ListFile>>,
    after: Vec<Py<ListFile>>,
    protected: Vec<String>,
    most: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    let (before, after) = (list_inputs(&before, None)?, list_inputs(&after, None)?);
    let protected = protected_names(protected)?;
    let found = py.detach(|| schoolgate_policy::list_difference(&before, &after, &protected, most));
    json(py, &found.map_err(|error| raise(Kind::ListRefused, error))?)
}

/// The dialect of a list's first octets, or None where none is recognised.
#[pyfunction]
pub fn detect_dialect(first: &[u8], file_name: &str) -> Option<String> {
    schoolgate_policy::detect(first, file_name).map(|dialect| dialect.to_string())
}

fn list_inputs(inputs: &[Py<ListFile>], max_unpacked_octets: Option<u64>) -> PyResult<Vec<Input>> {
    inputs.iter().map(|one| one.get().input(limits(max_unpacked_octets))).collect()
}

fn limits(max_unpacked_octets: Option<u64>) -> Limits {
    let usual = Limits::default();
    Limits { unpacked_octets: max_unpacked_octets.unwrap_or(usual.unpacked_octets), ..usual }
}

fn unmarked(matching: &str) -> PyResult<RuleKind> {
    match matching {
        "suffix" => Ok(RuleKind::Suffix),
        "exact" => Ok(RuleKind::Exact),
        other => Err(PyValueError::new_err(format!("match {other:?} is neither \"suffix\" nor \"exact\""))),
    }
}

fn stated(dialect: Option<&str>) -> PyResult<Option<Dialect>> {
    let word = dialect.filter(|word| !word.is_empty());
    word.map(|word| word.parse().map_err(|error: UnknownDialect| PyValueError::new_err(error.to_string()))).transpose()
}

fn categories(text: String) -> PyResult<Categories> {
    if !text.starts_with('{') {
        return Ok(Categories::One(text));
    }
    let mapped = serde_json::from_str(&text);
    mapped.map(Categories::Mapped).map_err(|error| PyValueError::new_err(format!("category mapping: {error}")))
}

fn protected_names(texts: Vec<String>) -> PyResult<ProtectedNames> {
    let names = texts.iter().map(|text| wanted(text)).collect::<PyResult<Vec<_>>>()?;
    Ok(ProtectedNames::new(names))
}

fn wanted(text: &str) -> PyResult<Name> {
    listed_name(text).map_err(|rejected| PyValueError::new_err(format!("{text:?} is no name: {}", rejected.as_str())))
}

/// A name as it is written in a list, in the text of its wire form.
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
