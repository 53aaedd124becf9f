//! Why a question is answered as it is, for people: the decision with everything that was said of the name.

use crate::decide::{FixedAnswer, Tag};
use crate::device_groups::GroupExplained;
use crate::hash::SuffixHashes;
use crate::layer::{Effect, Layer};
use crate::name_table::Found;
use crate::patterns::Patterns;
use crate::policies::Statement;
use crate::rulebook::{Rulebook, Ruling, own_ruling};
use crate::segments::{Selected, Selection};
use crate::verdict::{Origin, Verdict};
use schoolgate_wire::Name;
use serde::Serialize;
use std::net::{IpAddr, SocketAddr};

/// Something that was said of a name and took part in the decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Matched {
    /// The layer it speaks in; `None` where the policy has no rule for the category.
    pub layer: Option<&'static str>,
    /// What it says.
    pub effect: Option<&'static str>,
    /// The category, for a list.
    pub category: Option<String>,
    /// The feed, for a list.
    pub feed: Option<String>,
    /// The school's own rule, or the sealed list's serial.
    pub rule: Option<String>,
    /// Whether it decided.
    pub wins: bool,
}

/// What stands for a sealed name wherever a person may read.
const WITHHELD: &str = "(withheld)";

/// A decision with its reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The name decided; withheld where it is sealed.
    pub name: String,
    /// The name that it spells and that is the reason for the denial; all that follows is said of that one.
    pub spells: Option<String>,
    /// The policy it was decided for.
    pub policy: String,
    /// allow or deny.
    pub effect: &'static str,
    /// How the denial is answered.
    pub action: Option<&'static str>,
    /// The layer that decided.
    pub layer: &'static str,
    /// The category it stands on.
    pub category: Option<String>,
    /// The feed it stands on.
    pub feed: Option<String>,
    /// The rule it stands on.
    pub rule: String,
    /// The deepest listed name that covers it.
    pub listed_name: Option<String>,
    /// The deepest name of the school's own that covers it.
    pub own_name: Option<String>,
    /// The rewrite that applies, if the name is answered.
    pub rewrite: Option<String>,
    /// The local zone it is answered from, if it is answered.
    pub local_zone: Option<String>,
    /// Everything that was said, the winner marked.
    pub matched: Vec<Matched>,
}

/// What a client would get for a question, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// Whether the client is outside every allowed network: REFUSED, whatever it asks.
    pub outside: bool,
    /// The segment it is in; `None` for a client that no segment names.
    pub segment: Option<String>,
    /// The decision on the name.
    pub decision: Option<Explanation>,
    /// What the groups of the device do here; `None` where it is in none that has a policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<GroupExplained>,
    /// The answer in a few words.
    pub answer: String,
}

impl Explained {
    /// Of a client outside every allowed network.
    pub fn outside() -> Self {
        let answer = "REFUSED: the client is outside every allowed network".to_owned();
        Self { outside: true, segment: None, decision: None, device: None, answer }
    }
}

impl Rulebook {
    /// Explains a question of a client, from the choice of its segment on.
    pub fn explain_query(&self, name: &Name, qtype: u16, client: IpAddr, local: SocketAddr) -> Explained {
        match self.select(client, local) {
            Selection::Served(selected) => self.explain_selected(name, qtype, selected),
            Selection::Outside => Explained::outside(),
        }
    }

    /// Explains a question of a client that was placed like this.
    pub fn explain_selected(&self, name: &Name, qtype: u16, selected: Selected) -> Explained {
        let segment = selected.segment.and_then(|at| self.table().segments().get(usize::from(at)));
        let (verdict, decision) = self.explain(selected.policy, name, &mut SuffixHashes::default());
        Explained {
            outside: false,
            segment: segment.map(|segment| segment.id.clone()),
            device: None,
            answer: self.answer_in_words(selected.segment, name, qtype, verdict, &decision),
            decision: Some(decision),
        }
    }

    fn answer_in_words(
        &self,
        segment: Option<u16>,
        name: &Name,
        qtype: u16,
        verdict: Verdict,
        decision: &Explanation,
    ) -> String {
        if let Some(action) = decision.action {
            return format!("denied: {action}");
        }
        match (FixedAnswer::of(self, segment, name, qtype, verdict), &decision.local_zone, &decision.rewrite) {
            (Some(FixedAnswer::Any), ..) => "minimal answer to ANY (RFC 8482)".to_owned(),
            (Some(FixedAnswer::Zone(_)), Some(zone), _) => format!("answered from the local zone {zone}"),
            (Some(FixedAnswer::NoServiceBinding), ..) => "no data: the segment has no type HTTPS (ech)".to_owned(),
            (Some(_), ..) => "answered here: a single label is never forwarded".to_owned(),
            (None, _, Some(rewrite)) => format!("resolved as {rewrite} (CNAME)"),
            (None, ..) => "resolved".to_owned(),
        }
    }

    /// [`Rulebook::decide`] with a trace.
    pub fn explain(&self, policy: u16, name: &Name, hashes: &mut SuffixHashes) -> (Verdict, Explanation) {
        let tag = self.tag(name, hashes);
        let (verdict, spells) = self.judged(policy, tag);
        if let Some(one) = spells.then(|| self.judge_spelled(policy, name, verdict, hashes)).flatten() {
            let explained = self.explain_verdict(policy, &one.name, one.tag, one.verdict);
            if one.tag.sealed {
                // The name as it was asked would tell.
                return (one.verdict, explained);
            }
            let spells = Some(explained.name);
            return (one.verdict, Explanation { name: name.to_string(), spells, ..explained });
        }
        (verdict, self.explain_verdict(policy, name, tag, verdict))
    }

    fn explain_verdict(&self, policy: u16, name: &Name, tag: Tag, verdict: Verdict) -> Explanation {
        let denied = verdict.effect == Effect::Deny;
        // Nothing else that was said of a sealed name is shown: a rule or a listed suffix would name it.
        let tag = if tag.sealed { Tag { sealed: true, ..Tag::default() } } else { tag };
        let suffix = |found: Found| {
            let from = name.label_count().checked_sub(usize::from(found.depth)).filter(|_| found.depth > 0);
            from.and_then(|from| Name::from_wire(name.suffix(from)).ok()).map(|name| name.to_string())
        };
        let chosen = self.policy(policy);
        Explanation {
            name: if tag.sealed { WITHHELD.to_owned() } else { name.to_string() },
            spells: None,
            policy: chosen.map(|policy| policy.id.clone()).unwrap_or_default(),
            effect: verdict.effect.as_str(),
            action: chosen.filter(|_| denied).map(|policy| policy.action.as_str()),
            layer: verdict.layer.as_str(),
            category: self.category(verdict.origin).map(str::to_owned),
            feed: self.feed(verdict.origin).map(str::to_owned),
            rule: self.rule(verdict.origin),
            listed_name: suffix(tag.listed),
            own_name: suffix(tag.own),
            rewrite: verdict
                .rewrite
                .filter(|_| !denied)
                .and_then(|at| self.table().rewrites().get(usize::from(at)).map(|rewrite| rewrite.id.clone())),
            local_zone: verdict
                .zone
                .filter(|_| !denied)
                .and_then(|at| self.table().zones().get(usize::from(at)).map(|zone| zone.apex.to_string())),
            matched: self.everything_said(policy, tag, verdict),
        }
    }

    fn everything_said(&self, policy: u16, tag: Tag, verdict: Verdict) -> Vec<Matched> {
        let mut matched: Vec<(u16, Matched)> = Vec::new();
        let words = |ruling: Ruling, wins: bool| Matched {
            layer: ruling.layer().map(Layer::as_str),
            effect: ruling.layer().map(|_| ruling.effect.as_str()),
            category: None,
            feed: None,
            rule: None,
            wins,
        };
        if tag.sealed {
            let ruling = Ruling::new(Layer::Sealed, 0, Effect::Deny, 0);
            matched.push((ruling.rank, Matched { rule: Some(self.rule(Origin::Sealed)), ..words(ruling, true) }));
        }
        let shaped = self.snapshot().patterns().map(Patterns::sources).unwrap_or_default();
        let shaped = (0..).zip(shaped).filter(|(bit, _)| tag.shaped & 1u64 << bit != 0).map(|(_, source)| source);
        for at in self.snapshot().names().set(tag.listed.set).iter().chain(shaped) {
            let origin = Origin::Source(*at);
            let rule =
                self.policy(policy).zip(self.category(origin)).and_then(|(policy, id)| policy.categories.get(id));
            let ruling = rule.map_or(Ruling::NONE, |(layer, order, effect)| Ruling::new(*layer, *order, *effect, *at));
            let said = Matched {
                category: self.category(origin).map(str::to_owned),
                feed: self.feed(origin).map(str::to_owned),
                ..words(ruling, verdict.origin == origin)
            };
            matched.push((ruling.rank, said));
        }
        for at in self.table().own.set(tag.own.set) {
            let Some(statement) = self.table().statements.get(*at as usize) else { continue };
            let ruling = own_ruling(policy, *at, statement);
            if let (Statement::Rule { rule, .. }, true) = (statement, ruling != Ruling::NONE) {
                let wins = verdict.origin == Origin::Statement(*at);
                matched.push((ruling.rank, Matched { rule: Some(rule.clone()), ..words(ruling, wins) }));
            }
        }
        matched.sort_by_key(|(rank, _)| *rank);
        matched.into_iter().map(|(_, said)| said).collect()
    }
}
