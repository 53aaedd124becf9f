//! `schoolgate._core`: the stairs between the Rust floor and the Python floor.
//!
//! Only octets, numbers, text and tuples go up and down, in batches. Every call that may take longer than about ten
//! microseconds gives the GIL up. No thread of the plane ever attaches to Python.

mod error;
mod lists;
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
    module.add_class::<table::PolicyTable>()?;
    module.add_class::<plane::Plane>()?;
    module.add_function(wrap_pyfunction!(lists::compile_snapshot, module)?)?;
    module.add_function(wrap_pyfunction!(lists::inspect_list, module)?)?;
    module.add_function(wrap_pyfunction!(lists::list_rules_for, module)?)?;
    module.add_function(wrap_pyfunction!(lists::detect_dialect, module)?)?;
    module.add_function(wrap_pyfunction!(lists::list_difference, module)?)?;
    module.add_function(wrap_pyfunction!(lists::normalise_name, module)?)?;
    module.add_function(wrap_pyfunction!(table::explain, module)?)?;
    querylog::add(module)?;
    sealed::add(module)?;
    error::add(module)
}
