//! `schoolgate._core`: the Rust core as a Python module.
//!
//! Octets, numbers, text and small frozen classes cross, in batches. Every call that may take longer than about ten
//! microseconds releases the GIL. No thread of the plane ever attaches to Python.

mod doors;
mod error;
mod forwarding;
mod lists;
mod log_row;
mod plane;
mod querylog;
mod sealed;
mod table;

use pyo3::prelude::*;

/// The Rust core of schoolgate.
#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<lists::Snapshot>()?;
    module.add_class::<lists::ListFile>()?;
    module.add_class::<table::PolicyTable>()?;
    module.add_class::<plane::Plane>()?;
    module.add_class::<doors::Doors>()?;
    module.add_function(wrap_pyfunction!(lists::compile_snapshot, module)?)?;
    module.add_function(wrap_pyfunction!(lists::inspect_list, module)?)?;
    module.add_function(wrap_pyfunction!(lists::list_rules_for, module)?)?;
    module.add_function(wrap_pyfunction!(lists::detect_dialect, module)?)?;
    module.add_function(wrap_pyfunction!(lists::list_difference, module)?)?;
    module.add_function(wrap_pyfunction!(lists::normalise_name, module)?)?;
    module.add_function(wrap_pyfunction!(table::explain, module)?)?;
    module.add_function(wrap_pyfunction!(table::decide_names, module)?)?;
    module.add_function(wrap_pyfunction!(forwarding::ask_forwarder, module)?)?;
    forwarding::add(module)?;
    querylog::add(module)?;
    sealed::add(module)?;
    error::add(module)
}
