//! What is recorded of an answer, decided here and now: a name that may not be kept never leaves the worker.
//!
//! Of a sealed verdict only that it happened, and to whom. Beyond that the segment's level says: everything, denied queries,
//! or counts.

use crate::stored::{Body, Stored};
use crate::turn::Turn;
use schoolgate_policy::{Layer, LogLevel, Origin, Verdict};
use schoolgate_querylog::{Action, Class, Client, Door, Record, Recorder, Source};
use schoolgate_wire::{Alias, HEADER_OCTETS, Query, first_alias};
use std::sync::Arc;

/// Octets of QTYPE and QCLASS, which follow the name.
const QUESTION_FIELDS_OCTETS: usize = 4;
/// Where RCODE stands in a message.
const RCODE_AT: usize = 3;

/// What was told a client, and why.
pub struct Told {
    verdict: Verdict,
    action: Action,
    source: Source,
    /// The answer it was not given because of what it reveals.
    refused: Option<Arc<Stored>>,
}

impl Told {
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
pub fn record(recorder: &mut Recorder, turn: &Turn<'_>, query: &Query, told: &Told, answer: &[u8]) {
    let rulebook = &turn.regime.rulebook;
    let asked = turn.packet.get(HEADER_OCTETS..query.question_end.saturating_sub(QUESTION_FIELDS_OCTETS));
    let alias = alias(told, query, answer);
    let waited_us = turn.now.mono_us.saturating_sub(turn.since_us);
    let full = Record {
        time_us: turn.now.unix_us.saturating_sub_unsigned(waited_us),
        latency_us: u32::try_from(waited_us).unwrap_or(u32::MAX),
        client: Client::Address(turn.asker.client().ip()),
        door: if turn.asker.is_datagram() { Door::Udp } else { Door::Tcp },
        segment: turn.selected.segment,
        policy: turn.policy(),
        qtype: query.qtype,
        rcode: u16::from(answer.get(RCODE_AT).map_or(0, |flags| flags & 0x0f)),
        action: told.action,
        layer: told.verdict.layer as u8,
        origin: match told.verdict.origin {
            Origin::Sealed => schoolgate_querylog::Origin::Sealed,
            Origin::Source(at) => schoolgate_querylog::Origin::Source(at),
            Origin::Statement(at) => schoolgate_querylog::Origin::Statement(at),
            Origin::PrivateAddress => schoolgate_querylog::Origin::PrivateAddress,
            Origin::Policy => schoolgate_querylog::Origin::Nobody,
        },
        source: told.source,
        withheld: false,
        counted: false,
        name: asked.unwrap_or_default(),
        cname: alias.as_ref().map(Alias::as_wire).unwrap_or_default(),
    };
    let class = if rulebook.is_safeguarding(&told.verdict) { Class::Safeguarding } else { Class::Ordinary };
    recorder.note(class, turn.regime.generation, &kept(full, turn, told));
}

/// As much of a record as may be kept.
#[inline]
fn kept<'a>(full: Record<'a>, turn: &Turn<'_>, told: &Told) -> Record<'a> {
    if told.verdict.layer == Layer::Sealed {
        return full.withheld();
    }
    let segments = turn.regime.rulebook.table().segments();
    let segment = turn.selected.segment.and_then(|at| segments.get(usize::from(at)));
    match segment.map_or(LogLevel::Full, |segment| segment.log) {
        LogLevel::Full => full,
        LogLevel::DeniedOnly if matches!(told.action, Action::Deny | Action::DenyRevealed) => full,
        LogLevel::DeniedOnly | LogLevel::CountsOnly => full.counted(),
    }
}

/// The first alias of the answer, or of the one that was refused.
#[inline]
fn alias(told: &Told, query: &Query, answer: &[u8]) -> Option<Alias> {
    match told.refused.as_deref().map(|refused| &refused.body) {
        Some(Body::Image(image)) => first_alias(image.octets(), query.question_end),
        _ => first_alias(answer, query.question_end),
    }
}
