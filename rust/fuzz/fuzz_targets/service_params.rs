//! RDATA of a service binding, any octets: parameters are taken out of it whole, or it is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use schoolgate_wire::service_params::{ECH, IPV4HINT, IPV6HINT, without};

fuzz_target!(|data: &[u8]| {
    let ech = without(data, &[ECH]);
    let all = without(data, &[ECH, IPV4HINT, IPV6HINT]);
    assert_eq!(ech.is_ok(), all.is_ok(), "whether it can be read does not depend on the keys");
    for (keys, left) in [(&[ECH][..], ech), (&[ECH, IPV4HINT, IPV6HINT], all)] {
        if let Ok(Some(left)) = left {
            assert!(left.len() < data.len());
            assert_eq!(without(&left, keys), Ok(None), "once is enough");
            assert_eq!(left.get(..3), data.get(..3), "priority and target stay");
        }
    }
});
