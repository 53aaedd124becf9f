//! What is recorded of an answer, decided here and now: a name that may not be kept never leaves the worker.
//!
//! Of a sealed verdict only that it happened, and to whom. Beyond that the segment's level says: everything, denied queries,
//! or counts.

use crate::query_context::QueryContext;
use crate::stored::{Body, Stored};
use schoolgate_policy::{Layer, LogLevel, Origin, Verdict};
use schoolgate_querylog::{Action, Class, Client, Record, Recorder, Source};
use schoolgate_wire::{Alias, HEADER_OCTETS, Query, first_alias};
use std::sync::Arc;

/// Octets of QTYPE and QCLASS, which follow the name.
const QUESTION_FIELDS_OCTETS: usize = 4;
/// Where RCODE stands in a message.
const RCODE_AT: usize = 3;

/// What a client was answered, and why.
pub struct AnswerRecord {
    verdict: Verdict,
    action: Action,
    source: Source,
    /// The answer it was not given because of what it reveals.
    refused: Option<Arc<Stored>>,
}

impl AnswerRecord {
    /// The policy's answer to a denied question.
    pub fn denied(verdict: Verdict) -> Self {
        Self { verdict, action: Action::Deny, source: Source::Policy, refused: None }
    }

    /// The policy's answer in place of one that reveals something denied.
    pub fn denied_for(verdict: Verdict, refused: Arc<Stored>) -> Self {
        Self { verdict, action: Action::DenyRevealed, source: Source::Policy, refused: Some(refused) }
    }

    /// An answer of our own.
    pub fn local(verdict: Verdict) -> Self {
        Self { verdict, action: Action::Allow, source: Source::Local, refused: None }
    }

    /// An answer of the internet.
    pub fn answered(verdict: Verdict, is_rewritten: bool, source: Source) -> Self {
        let action = if is_rewritten { Action::Rewrite } else { Action::Allow };
        Self { verdict, action, source, refused: None }
    }

    /// That there is none.
    pub fn failed(verdict: Verdict) -> Self {
        Self { verdict, action: Action::Fail, source: Source::Nobody, refused: None }
    }
}

/// Writes the record of one answer.
#[inline]
pub fn record(
    recorder: &mut Recorder,
    context: &QueryContext<'_>,
    query: &Query,
    answer_record: &AnswerRecord,
    answer: &[u8],
) {
    let rulebook = &context.active.rulebook;
    let asked = context.packet.get(HEADER_OCTETS..query.question_end.saturating_sub(QUESTION_FIELDS_OCTETS));
    let alias = alias(answer_record, query, answer);
    let waited_us = context.now.mono_us.saturating_sub(context.since_us);
    let full = Record {
        time_us: context.now.unix_us.saturating_sub_unsigned(waited_us),
        latency_us: u32::try_from(waited_us).unwrap_or(u32::MAX),
        client: Client::Address(context.requester.client().ip()),
        door: context.requester.door(),
        segment: context.selected.segment,
        policy: context.policy(),
        qtype: query.qtype,
        rcode: u16::from(answer.get(RCODE_AT).map_or(0, |flags| flags & 0x0f)),
        action: answer_record.action,
        layer: answer_record.verdict.layer as u8,
        decided_by: match answer_record.verdict.origin {
            Origin::Sealed => schoolgate_querylog::DecidedBy::Sealed,
            Origin::Source(at) => schoolgate_querylog::DecidedBy::Source(at),
            Origin::Statement(at) => schoolgate_querylog::DecidedBy::Statement(at),
            Origin::PrivateAddress => schoolgate_querylog::DecidedBy::PrivateAddress,
            Origin::Policy => schoolgate_querylog::DecidedBy::Unspecified,
        },
        source: answer_record.source,
        withheld: false,
        counted: false,
        name: asked.unwrap_or_default(),
        cname: alias.as_ref().map(Alias::as_wire).unwrap_or_default(),
    };
    let class = if rulebook.is_safeguarding(&answer_record.verdict) { Class::Safeguarding } else { Class::Ordinary };
    recorder.note(class, context.active.generation, &kept(full, context, answer_record));
}

/// As much of a record as may be kept.
#[inline]
fn kept<'a>(full: Record<'a>, context: &QueryContext<'_>, answer_record: &AnswerRecord) -> Record<'a> {
    if answer_record.verdict.layer == Layer::Sealed {
        return full.withheld();
    }
    let segments = context.active.rulebook.table().segments();
    let segment = context.selected.segment.and_then(|at| segments.get(usize::from(at)));
    match segment.map_or(LogLevel::Full, |segment| segment.log) {
        LogLevel::Full => full,
        LogLevel::DeniedOnly if matches!(answer_record.action, Action::Deny | Action::DenyRevealed) => full,
        LogLevel::DeniedOnly | LogLevel::CountsOnly => full.counted(),
    }
}

/// The first alias of the answer, or of the one that was refused.
#[inline]
fn alias(answer_record: &AnswerRecord, query: &Query, answer: &[u8]) -> Option<Alias> {
    match answer_record.refused.as_deref().map(|refused| &refused.body) {
        Some(Body::Image(image)) => first_alias(image.octets(), query.question_end),
        _ => first_alias(answer, query.question_end),
    }
}
