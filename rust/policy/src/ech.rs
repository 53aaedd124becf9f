//! What a segment does with Encrypted Client Hello (ECH) keys in service bindings (RFC 9460).
//!
//! With ECH a school's own filter behind the DNS no longer sees which site a device opens. A segment may let the keys
//! pass, take them out, or deny the record that carries them.

use serde::Deserialize;

/// The choice of a segment; the later, the stricter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ech {
    /// Service bindings as they are.
    #[default]
    Pass,
    /// Without `ech`.
    Strip,
    /// Without `ech` and without address hints: the device asks for A and AAAA.
    StripHints,
    /// Type HTTPS has no data; from SVCB `ech` and hints are taken out.
    Nodata,
}
