//! What is answered from here and never forwarded: local zones, the minimal answer to ANY, bare host names.

use crate::active_state::compose_local;
use crate::designation::Designations;
use crate::query_context::QueryContext;
use arc_swap::ArcSwap;
use schoolgate_policy::{FixedAnswer, Verdict, ZoneKind};
use schoolgate_wire::{PolicyAnswer, Query, TtlRule, policy_answer};

/// TTL of the negative answers of local zones and special names.
const LOCAL_NEGATIVE_TTL_S: u32 = 60;
/// TTL of the minimal answer to ANY (RFC 8482).
const ANY_TTL_S: u32 = 3600;

/// Writes the fixed answer of an allowed question and returns its length; `None` if it has none.
#[inline]
pub fn answer_locally(
    context: &QueryContext<'_>,
    query: &Query,
    verdict: Verdict,
    designations: &ArcSwap<Designations>,
    out: &mut [u8],
) -> Option<usize> {
    let fixed = FixedAnswer::of(&context.active.rulebook, context.selected.segment, &query.name, query.qtype, verdict)?;
    Some(answer_fixed(context, query, fixed, designations, out))
}

fn answer_fixed(
    context: &QueryContext<'_>,
    query: &Query,
    fixed: FixedAnswer,
    designations: &ArcSwap<Designations>,
    out: &mut [u8],
) -> usize {
    let longest_s = context.longest_s();
    let negative_ttl_s = LOCAL_NEGATIVE_TTL_S.min(longest_s);
    let answer = match fixed {
        FixedAnswer::Zone(_) if Designations::are_asked_for(query) => {
            return answer_designations(context, query, &designations.load(), out);
        }
        FixedAnswer::Zone(zone) => return answer_from_zone(context, query, zone, out),
        FixedAnswer::Any => PolicyAnswer::any(ANY_TTL_S.min(longest_s)),
        FixedAnswer::NoServiceBinding => PolicyAnswer::nodata(negative_ttl_s),
        FixedAnswer::SingleLabel if query.name.is_root() => PolicyAnswer::nodata(negative_ttl_s),
        FixedAnswer::SingleLabel => PolicyAnswer::nxdomain(negative_ttl_s),
    };
    policy_answer(out, context.packet, query, &answer, &context.reply)
}

/// Our encrypted doors, if the certificate holds the address that was asked; else there are none (RFC 9462 section 4.2).
#[cold]
fn answer_designations(
    context: &QueryContext<'_>,
    query: &Query,
    designations: &Designations,
    out: &mut [u8],
) -> usize {
    let longest_s = context.longest_s();
    match designations.of(context.requester.local().ip()) {
        Some(image) => {
            let rule = TtlRule::Aged { elapsed_s: 0, floor_s: 0, cap_s: longest_s };
            image.write(out, context.packet, query, rule, &context.reply)
        }
        None => {
            let nodata = PolicyAnswer::nodata(LOCAL_NEGATIVE_TTL_S.min(longest_s));
            policy_answer(out, context.packet, query, &nodata, &context.reply)
        }
    }
}

/// Prepared answers first; what a wildcard makes, or a type that was not prepared, is composed when asked.
fn answer_from_zone(context: &QueryContext<'_>, query: &Query, at: u16, out: &mut [u8]) -> usize {
    let longest_s = context.longest_s();
    let rule = TtlRule::Aged { elapsed_s: 0, floor_s: 0, cap_s: longest_s };
    if let Some(image) = context.active.prepared(at, &query.name, query.qtype) {
        return image.write(out, context.packet, query, rule, &context.reply);
    }
    let zone = context.active.rulebook.table().zones().get(usize::from(at));
    let records = zone.and_then(|zone| zone.records(&query.name));
    let composed = records.and(zone).and_then(|zone| compose_local(zone, &query.name, query.qtype));
    if let Some(image) = composed {
        return image.write(out, context.packet, query, rule, &context.reply);
    }
    let ttl_s = LOCAL_NEGATIVE_TTL_S.min(longest_s);
    let exists = records.is_some() || zone.is_some_and(|zone| zone.kind == ZoneKind::Nodata);
    let answer = if exists { PolicyAnswer::nodata(ttl_s) } else { PolicyAnswer::nxdomain(ttl_s) };
    policy_answer(out, context.packet, query, &answer, &context.reply)
}
