//! What a client gets when its policy denies: one response code for all types of a name, a TTL that ends with the
//! schedule, and an Extended DNS Error that says as much as may be said (RFC 8914).

use crate::query_context::QueryContext;
use schoolgate_policy::{Action, Layer, Origin, PRIVATE_ADDRESS, Verdict};
use schoolgate_wire::{Ede, EdeCode, EdnsReply, PolicyAnswer, Query, Rcode, policy_answer, rcode_answer, rtype};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Writes the policy's answer to a denied question; returns its length.
pub fn deny(context: &QueryContext<'_>, query: &Query, verdict: Verdict, out: &mut [u8]) -> usize {
    let Some(policy) = context.active.rulebook.policy(context.policy()) else {
        return rcode_answer(out, context.packet, query, Rcode::REFUSED, &context.reply);
    };
    let reply = EdnsReply { ede: Some(reason(context, verdict)), ..context.reply };
    let ttl_s = policy.block_ttl_s.min(context.longest_s());
    let answer = match (policy.action, query.qtype) {
        (Action::Refused, _) => return rcode_answer(out, context.packet, query, Rcode::REFUSED, &reply),
        (Action::Nxdomain, _) => PolicyAnswer::nxdomain(ttl_s),
        (Action::Null, rtype::A) => PolicyAnswer::v4(&[Ipv4Addr::UNSPECIFIED], ttl_s),
        (Action::Null, rtype::AAAA) => PolicyAnswer::v6(&[Ipv6Addr::UNSPECIFIED], ttl_s),
        (Action::BlockPage, rtype::A) if !policy.block_v4.is_empty() => PolicyAnswer::v4(&policy.block_v4, ttl_s),
        (Action::BlockPage, rtype::AAAA) if !policy.block_v6.is_empty() => PolicyAnswer::v6(&policy.block_v6, ttl_s),
        (Action::Nodata | Action::Null | Action::BlockPage, _) => PolicyAnswer::nodata(ttl_s),
    };
    policy_answer(out, context.packet, query, &answer, &reply)
}

fn reason<'a>(context: &QueryContext<'a>, verdict: Verdict) -> Ede<'a> {
    match verdict.layer {
        // Nothing of a sealed list may show, not even which one it was.
        Layer::Sealed => Ede::new(EdeCode::CENSORED),
        layer => {
            let rulebook = &context.active.rulebook;
            // What the trust locks is imposed, even where the school asked for the rest.
            let on_request = rulebook.policy(context.policy()).is_some_and(|policy| policy.on_request);
            let code = if on_request && layer != Layer::TrustLocked { EdeCode::FILTERED } else { EdeCode::BLOCKED };
            let text = match verdict.origin {
                Origin::PrivateAddress => PRIVATE_ADDRESS,
                origin => rulebook.category(origin).unwrap_or(layer.as_str()),
            };
            Ede { code, text }
        }
    }
}
