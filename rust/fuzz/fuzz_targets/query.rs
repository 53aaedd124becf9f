//! Any octets that a client may send: peeked at, then refused or answered in every way there is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use schoolgate_wire::{
    Ede, EdeCode, EdnsReply, Name, PolicyAnswer, Query, peek, policy_answer, refusal_reply,
    truncated,
};

fuzz_target!(|packet: &[u8]| {
    let (mut query, mut out) = (Query::default(), [0_u8; 1232]);
    match peek(packet, &mut query) {
        Err(refusal) => {
            let length = refusal_reply(&mut out, packet, &query, &refusal);
            assert!(length <= packet.len(), "a refusal never amplifies");
        }
        Ok(()) => {
            assert!(query.question_end <= packet.len());
            assert_eq!(
                Name::from_text(&query.name.to_string()).as_ref(),
                Ok(&query.name)
            );
            let ede = Ede {
                code: EdeCode::BLOCKED,
                text: "fuzz",
            };
            for reply in [EdnsReply::datagram(&query), EdnsReply::encrypted()] {
                let reply = reply.with_ede(ede).with_cookie(Some([7; 24]));
                let length = policy_answer(
                    &mut out,
                    packet,
                    &query,
                    &PolicyAnswer::nxdomain(30),
                    &reply,
                );
                assert!((12..=reply.limit_octets.min(out.len())).contains(&length));
                assert!(truncated(&mut out, packet, &query, &reply) >= 12);
            }
        }
    }
});
