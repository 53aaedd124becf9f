//! Tests of connections to forwarders.
