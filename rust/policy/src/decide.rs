//! The one place that decides.
//!
//! A name is *tagged* first: which set of list statements and which set of the school's own statements it carries, whether
//! it is sealed. A tag does not depend on who asks, so a cached answer keeps the tags of everything it reveals. A tag is
//! then *judged* for a policy: the smallest layer wins. `decide` is tag and judge; [`crate::explain`]
//! makes the same two calls, and lists everything that was in the sets.

use crate::address::is_private;
use crate::ech::Ech;
use crate::hash::SuffixHashes;
use crate::layer::{Effect, Layer};
use crate::name_table::Found;
use crate::policies::Statement;
use crate::rulebook::{OwnRuling, Rulebook, Ruling};
use crate::verdict::{Origin, Verdict};
use schoolgate_wire::Name;
use std::net::IpAddr;

/// What lists and school say of a name, for all policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Tag {
    pub(crate) listed: Found,
    pub(crate) own: Found,
    pub(crate) sealed: bool,
    /// By bit: the sources of [`crate::Patterns`] that list its shape.
    pub(crate) shaped: u64,
    pub(crate) private: bool,
    /// The policy itself leads there.
    pub(crate) placed: bool,
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
    pub(crate) fn judge_spelled(
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
    pub(crate) fn judged(&self, policy: u16, tag: Tag) -> (Verdict, bool) {
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

/// Why a name is denied that spells another one.
pub(crate) struct SpelledVerdict {
    pub name: Name,
    pub tag: Tag,
    pub verdict: Verdict,
}
