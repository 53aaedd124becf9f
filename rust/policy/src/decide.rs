//! The one place that decides.
//!
//! A name is *tagged* first: which set of list statements and which set of the school's own statements it carries, whether
//! it is sealed. A tag does not depend on who asks, so a cached answer keeps the tags of everything it reveals. A tag is
//! then *judged* for a policy: the smallest layer wins. `decide` is tag and judge; `explain` is the same two calls and a
//! list of everything that was in the sets.

use crate::address::is_private;
use crate::device_groups::GroupExplained;
use crate::ech::Ech;
use crate::hash::SuffixHashes;
use crate::layer::{Effect, Layer};
use crate::name_table::Found;
use crate::patterns::Patterns;
use crate::policies::Statement;
use crate::rulebook::{OwnRuling, Rulebook, Ruling, own_ruling};
use crate::segments::{Selected, Selection};
use crate::verdict::{Origin, Verdict};
use schoolgate_wire::Name;
use serde::Serialize;
use std::net::{IpAddr, SocketAddr};

/// What lists and school say of a name, for all policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Tag {
    listed: Found,
    own: Found,
    sealed: bool,
    /// By bit: the sources of [`crate::Patterns`] that list its shape.
    shaped: u64,
    private: bool,
    /// The policy itself leads there.
    placed: bool,
}

impl Tag {
    /// An address of a local network, where none may be.
    pub const PRIVATE: Tag =
        Tag { listed: Found::NOTHING, own: Found::NOTHING, sealed: false, shaped: 0, private: true, placed: false };

    /// The same of an address that a rewrite leads to: the policy put its target there, so a feed that lists a big host's
    /// address does not close SafeSearch.
    #[must_use]
    pub fn placed(self) -> Tag {
        Tag { placed: true, ..self }
    }

    /// Whether nothing at all is said: such a name need not be judged again for each policy.
    pub fn says_nothing(&self) -> bool {
        self.listed.set == 0 && self.own.set == 0 && !self.sealed && !self.private && self.shaped == 0
    }
}

/// What is answered from here, without cache or forwarder, once a name is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FixedAnswer {
    /// QTYPE ANY: the minimal answer of RFC 8482.
    Any,
    /// The local zone of this index.
    Zone(u16),
    /// A bare host name or the root: a search-list slip, not a question for the outside.
    SingleLabel,
    /// Type HTTPS, which the segment has no use for ([`Ech::Nodata`]).
    NoServiceBinding,
}

impl FixedAnswer {
    /// The fixed answer for an allowed question, if it has one.
    #[inline]
    pub fn of(
        rulebook: &Rulebook,
        segment: Option<u16>,
        name: &Name,
        qtype: u16,
        verdict: Verdict,
    ) -> Option<FixedAnswer> {
        /// NS, SOA, DS and DNSKEY: what a validating client needs of the root and the top-level domains.
        const NEEDED_OF_TOP_LEVEL: [u16; 4] = [2, 6, 43, 48];
        if qtype == schoolgate_wire::rtype::ANY {
            return Some(FixedAnswer::Any);
        }
        if let Some(at) = verdict.zone {
            let zone = rulebook.table().zones().get(usize::from(at));
            if zone.is_some_and(|zone| zone.answers_for(name)) {
                return Some(FixedAnswer::Zone(at));
            }
        }
        if qtype == schoolgate_wire::rtype::HTTPS && rulebook.table().ech(segment) == Ech::Nodata {
            return Some(FixedAnswer::NoServiceBinding);
        }
        (name.label_count() < 2 && !NEEDED_OF_TOP_LEVEL.contains(&qtype)).then_some(FixedAnswer::SingleLabel)
    }
}

impl Rulebook {
    /// Decides one name for one policy.
    #[inline]
    pub fn decide(&self, policy: u16, name: &Name, hashes: &mut SuffixHashes) -> Verdict {
        let tag = self.tag(name, hashes);
        self.decide_tagged(policy, name, tag, hashes)
    }

    /// Begins to decide a name: what does not depend on the client, and brings near what [`Rulebook::decide_prepared`]
    /// will read of the lists; the school's own names are few.
    #[inline]
    pub fn prepare(&self, name: &Name, hashes: &mut SuffixHashes) {
        self.snapshot().names().prepare(name, hashes);
    }

    /// [`Rulebook::decide`] for a name of which [`Rulebook::prepare`] has made `prepared`.
    #[inline]
    pub fn decide_prepared(
        &self,
        policy: u16,
        name: &Name,
        prepared: &mut SuffixHashes,
        hashes: &mut SuffixHashes,
    ) -> Verdict {
        let listed = self.snapshot().names().find_prepared(name, prepared);
        let own = self.own_names.find_prepared(name, prepared);
        let tag = self.tag_found([listed, own], name, hashes);
        self.decide_tagged(policy, name, tag, hashes)
    }

    /// The verdict on a name and, where it is open and spells another, on that one.
    #[inline]
    fn decide_tagged(&self, policy: u16, name: &Name, tag: Tag, hashes: &mut SuffixHashes) -> Verdict {
        let (verdict, spells) = self.judged(policy, tag);
        if spells {
            self.judge_spelled(policy, name, verdict, hashes).map_or(verdict, |one| one.verdict)
        } else {
            verdict
        }
    }

    /// What forbids a name by the name it spells: as with an answer that leads there.
    #[cold]
    fn judge_spelled(
        &self,
        policy: u16,
        name: &Name,
        verdict: Verdict,
        hashes: &mut SuffixHashes,
    ) -> Option<SpelledVerdict> {
        if verdict.effect == Effect::Deny {
            return None;
        }
        self.table().spelled(name).find_map(|name| {
            let tag = self.tag(&name, hashes);
            let verdict = self.judge_revealed(policy, verdict, tag);
            (verdict.effect == Effect::Deny).then_some(SpelledVerdict { name, tag, verdict })
        })
    }

    /// Whether a name is one that spells another, so that a verdict on it alone is not all there is to say.
    pub fn spells(&self, name: &Name) -> bool {
        self.table().spelled(name).next().is_some()
    }

    /// What lists and school say of a name.
    #[inline]
    pub fn tag(&self, name: &Name, hashes: &mut SuffixHashes) -> Tag {
        let listed = self.snapshot().names().find(name, hashes);
        let own = self.own_names.find_prepared(name, hashes);
        self.tag_found([listed, own], name, hashes)
    }

    #[inline]
    fn tag_found(&self, [listed, own]: [Found; 2], name: &Name, hashes: &mut SuffixHashes) -> Tag {
        Tag {
            listed,
            own,
            sealed: self.sealed().is_some_and(|list| list.holds(name, hashes)),
            shaped: self.snapshot().patterns().map_or(0, |all| all.sources_of(name, &mut hashes.patterns)),
            private: false,
            placed: false,
        }
    }

    /// What lists say of an address in the answer to a question. No name of the outside leads into a local network, unless
    /// the school says so of the name that was asked: that is the one a browser believes.
    pub fn tag_address(&self, address: IpAddr, question: &Name) -> Tag {
        if is_private(address) && !self.table().may_be_private(question) {
            return Tag::PRIVATE;
        }
        let set = self.snapshot().addresses().find(address);
        Tag { listed: Found { set, depth: 0 }, ..Tag::default() }
    }

    /// What that means for a policy. An unknown policy index is denied: never open by mistake.
    #[inline]
    pub fn judge(&self, policy: u16, tag: Tag) -> Verdict {
        self.judged(policy, tag).0
    }

    /// The verdict, and whether the name spells another.
    #[inline]
    fn judged(&self, policy: u16, tag: Tag) -> (Verdict, bool) {
        let at = usize::from(policy);
        let (Some(listed), Some(own)) = (self.listed.get(at), self.own.get(at)) else {
            let (effect, layer, origin) = (Effect::Deny, Layer::Unknown, Origin::Policy);
            return (Verdict { effect, layer, origin, rewrite: None, zone: None }, false);
        };
        let listed = listed.get(tag.listed.set as usize).copied().unwrap_or(Ruling::NONE);
        let listed = if tag.shaped == 0 { listed } else { listed.first(self.shaped_ruling(at, tag.shaped)) };
        let nothing = OwnRuling { ruling: Ruling::NONE, rewrite: None, zone: None, spells: false };
        let own = own.get(tag.own.set as usize).copied().unwrap_or(nothing);
        let (effect, layer, origin) = if tag.sealed {
            (Effect::Deny, Layer::Sealed, Origin::Sealed)
        } else if listed.rank == u16::MAX && own.ruling.rank == u16::MAX {
            self.unknown(at)
        } else if own.ruling.rank <= listed.rank {
            (own.ruling.effect, own.ruling.layer().unwrap_or(Layer::Own), Origin::Statement(own.ruling.by))
        } else {
            (listed.effect, listed.layer().unwrap_or(Layer::Category), Origin::Source(listed.by))
        };
        (Verdict { effect, layer, origin, rewrite: own.rewrite, zone: own.zone }, own.spells)
    }

    /// The verdict on an answer, given the verdict on the question and the tag of a name or address the answer reveals. An approved
    /// exception or the school's own allow opens the targets of its name too. What the platform needs and what is protected
    /// stays open when its content network's name or address is in a feed, but not for a threat or what the school itself
    /// closes. An allow by a feed opens nothing, and nothing opens a sealed or locked target. An alias that leads to a search
    /// engine's own host, where the policy locks that engine's safe mode, would show it unlocked; so would a rewrite's target
    /// that points back.
    #[inline]
    pub fn judge_revealed(&self, policy: u16, question: Verdict, revealed: Tag) -> Verdict {
        if revealed.private {
            let (layer, origin) = (Layer::Threat, Origin::PrivateAddress);
            return Verdict { effect: Effect::Deny, layer, origin, rewrite: None, zone: None };
        }
        let target = self.judge(policy, revealed);
        // The rule for unknown names speaks of what is asked; a target need not be on an allow list.
        let denied = target.effect == Effect::Deny && target.layer < Layer::Unknown;
        let imposed = target.layer <= Layer::TrustLocked;
        let vouched = match question.layer {
            Layer::Exception | Layer::Own => true,
            // Lists of these layers are our own, reviewed line by line: no feed can carry their categories.
            Layer::Platform | Layer::Protected => target.layer >= Layer::Circumvention,
            _ => false,
        } || revealed.placed;
        if denied && (imposed || !vouched) {
            return Verdict { rewrite: None, zone: None, ..target };
        }
        match target.rewrite {
            Some(rewrite) if !vouched => self.unlocked(question, rewrite),
            _ => question,
        }
    }

    #[cold]
    fn unlocked(&self, question: Verdict, rewrite: u16) -> Verdict {
        let Some(statement) = self.table().rewrite_statement(rewrite) else { return question };
        let (effect, layer, origin) = (Effect::Deny, Layer::Category, Origin::Statement(statement));
        Verdict { effect, layer, origin, rewrite: None, zone: None }
    }

    /// What wins among sources that list a name by its shape.
    #[cold]
    fn shaped_ruling(&self, policy: usize, bits: u64) -> Ruling {
        let rulings = self.shaped.get(policy).map(Vec::as_slice).unwrap_or_default();
        let fitting = (0..).zip(rulings).filter(|(bit, _)| bits & 1 << bit != 0);
        fitting.fold(Ruling::NONE, |best, (_, ruling)| best.first(*ruling))
    }

    fn unknown(&self, policy: usize) -> (Effect, Layer, Origin) {
        match self.table().policies().get(policy).map(|policy| policy.unknown) {
            Some(Effect::Allow) => (Effect::Allow, Layer::Allow, Origin::Policy),
            _ => (Effect::Deny, Layer::Unknown, Origin::Policy),
        }
    }

    /// The category a verdict stands on, where it stands on one.
    pub fn category(&self, origin: Origin) -> Option<&str> {
        match origin {
            Origin::Source(at) => self.snapshot().sources().get(at as usize).map(|source| source.category.as_str()),
            _ => None,
        }
    }

    /// The feed a verdict stands on, where it stands on one.
    pub fn feed(&self, origin: Origin) -> Option<&str> {
        match origin {
            Origin::Source(at) => self.snapshot().sources().get(at as usize).map(|source| source.feed.as_str()),
            _ => None,
        }
    }

    /// The rule a verdict stands on, in words a person can look up.
    pub fn rule(&self, origin: Origin) -> String {
        match origin {
            Origin::Sealed => format!("sealed list, serial {}", self.sealed().map_or(0, |list| list.serial())),
            Origin::Source(_) => self.feed(origin).unwrap_or_default().to_owned(),
            Origin::Statement(at) => match self.table().statements.get(at as usize) {
                Some(Statement::Rule { rule, .. } | Statement::Rewrite { rule, .. }) => rule.clone(),
                _ => String::new(),
            },
            Origin::Policy => "unknown".to_owned(),
            Origin::PrivateAddress => PRIVATE_ADDRESS.to_owned(),
        }
    }
}

/// What a client and an administrator read of an answer that leads into a local network.
pub const PRIVATE_ADDRESS: &str = "private address";

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

/// Why a name is denied that spells another one.
struct SpelledVerdict {
    name: Name,
    tag: Tag,
    verdict: Verdict,
}

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
