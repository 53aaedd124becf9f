//! Any octets that a forwarder may reply: what is taken from them must be writable, readable and within the question.
//!
//! The first octet of the input chooses type and DNSSEC; the rest is the reply. So that the fuzzer need not guess it,
//! the reply's own question is the one that was asked.
#![no_main]

use libfuzzer_sys::fuzz_target;
use schoolgate_wire::{AnswerImage, EdnsReply, Name, Query, TtlRule, forwarder_query, peek};

/// The first question of a message, if its name is not compressed.
fn question(reply: &[u8]) -> Option<(Name, u16)> {
    let body = reply.get(12..)?;
    let mut end = 0;
    while *body.get(end)? != 0 {
        end += 1 + usize::from(*body.get(end)?);
    }
    let name = Name::from_wire(body.get(..=end)?).ok()?;
    let qtype = body.get(end + 1..end + 3)?;
    Some((name, u16::from_be_bytes([qtype[0], qtype[1]])))
}

fuzz_target!(|input: &[u8]| {
    let Some((&choice, reply)) = input.split_first() else {
        return;
    };
    let Some((name, qtype)) = question(reply) else {
        return;
    };
    let dnssec = choice & 1 == 1;
    let Ok(image) = AnswerImage::from_reply(&name, qtype, dnssec, reply) else {
        return;
    };
    let _ = image.revealed();
    for keys in [&[5][..], &[4, 5, 6]] {
        if let Ok(Some(without)) = image.without_service_params(keys) {
            assert_eq!(without.qtype(), Some(qtype));
            assert_eq!(without.without_service_params(keys), Ok(None), "all of them, at once");
        }
    }

    let packet = forwarder_query(&name, qtype, dnssec, false);
    let mut query = Query::default();
    if peek(&packet, &mut query).is_ok() {
        let mut out = vec![0; 65_535];
        let rule = TtlRule::Aged {
            elapsed_s: 1,
            floor_s: 0,
            cap_s: 86_400,
        };
        let length = image.write(&mut out, &packet, &query, rule, &EdnsReply::stream());
        assert!(length >= 12);
        // What we wrote we must be able to take ourselves, unless it had to be truncated.
        let again = AnswerImage::from_reply(&name, qtype, dnssec, &out[..length]);
        assert!(again.is_ok() || out[2] & 0x02 != 0, "{again:?}");
    }
    if let Ok(target) = Name::from_text("rewritten.example") {
        let _ = AnswerImage::rewritten(&target, qtype, &image, 1, 30);
    }
});
