//! A rulebook: one snapshot bound to one policy table, ready to decide.
//!
//! For every policy and every set of statements that a name can carry, the winning ruling is worked out here, once, off
//! the hot path. A decision is then two lookups by name and one load each, however many categories and feeds there are.

use crate::layer::{Effect, Layer};
use crate::name_table::NameTable;
use crate::patterns::Patterns;
use crate::policies::{Policy, Statement};
use crate::sealed::SealedList;
use crate::segments::{Selected, Selection};
use crate::snapshot::{Snapshot, Source};
use crate::table::PolicyTable;
use crate::verdict::{Origin, Verdict};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Bits of a rank below the layer: eight of order, one for the effect.
const ORDER_BITS: u32 = 9;

/// What wins in one table for one policy and one set of statements. Ordered: the smaller rank wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ruling {
    /// Layer, then order inside it; `u16::MAX` where nothing is said.
    pub rank: u16,
    pub effect: Effect,
    /// The source or statement that says it.
    pub by: u32,
}

impl Ruling {
    pub const NONE: Ruling = Ruling { rank: u16::MAX, effect: Effect::Allow, by: u32::MAX };

    pub fn new(layer: Layer, order: u8, effect: Effect, by: u32) -> Self {
        // Inside a layer and an order, a deny goes before an allow.
        let inside = u16::from(order) << 1 | u16::from(effect == Effect::Allow);
        Self { rank: u16::from(layer as u8) << ORDER_BITS | inside, effect, by }
    }

    pub fn layer(self) -> Option<Layer> {
        Layer::from_number((self.rank >> ORDER_BITS) as u8)
    }

    pub fn first(self, other: Ruling) -> Ruling {
        if other.rank < self.rank { other } else { self }
    }
}

/// What follows from a set of the school's own statements for one policy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnRuling {
    pub ruling: Ruling,
    pub rewrite: Option<u16>,
    pub zone: Option<u16>,
    /// Names with this set spell others.
    pub spells: bool,
}

/// One snapshot, one policy table and the sealed lists, bound together.
#[derive(Debug)]
pub struct Rulebook {
    snapshot: Arc<Snapshot>,
    table: Arc<PolicyTable>,
    sealed: Option<Arc<SealedList>>,
    /// The school's own names, if they can be under the seed of the snapshot's.
    pub(crate) own_names: NameTable,
    /// By policy, then by set of the snapshot.
    pub(crate) listed: Vec<Vec<Ruling>>,
    /// By policy, then by source that lists names by their shape.
    pub(crate) shaped: Vec<Vec<Ruling>>,
    /// By policy, then by set of the school's own names.
    pub(crate) own: Vec<Vec<OwnRuling>>,
    /// By source of the snapshot: whether a denial by it matters for safeguarding.
    safeguarded: Vec<bool>,
}

impl Rulebook {
    /// Binds them. Takes time in proportion to policies times distinct sets; never called by a worker.
    pub fn new(snapshot: Arc<Snapshot>, table: Arc<PolicyTable>, sealed: Option<Arc<SealedList>>) -> Self {
        let listed = table.policies().iter().map(|policy| listed_rulings(policy, &snapshot)).collect();
        let own = (0u16..).zip(table.policies()).map(|(at, policy)| own_rulings(at, policy, &table)).collect();
        let shaped = table.policies().iter().map(|policy| shaped_rulings(policy, &snapshot)).collect();
        let safeguarded = snapshot.sources().iter().map(|one| table.is_safeguarded(&one.category)).collect();
        let own_names = table.own_beside(snapshot.names());
        Self { snapshot, table, sealed, own_names, listed, shaped, own, safeguarded }
    }

    /// The snapshot in it.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// The policy table in it.
    pub fn table(&self) -> &Arc<PolicyTable> {
        &self.table
    }

    /// The sealed lists in it.
    pub fn sealed(&self) -> Option<&Arc<SealedList>> {
        self.sealed.as_ref()
    }

    /// The segment and policy that serve a client, or that it is outside.
    #[inline]
    pub fn select(&self, client: IpAddr, local: SocketAddr) -> Selection {
        match self.table.map().segment_of(client, local) {
            None => Selection::Outside,
            Some(segment) => {
                let known = segment.and_then(|at| self.table.segments().get(usize::from(at)));
                let policy = known.map_or(self.table.strictest(), |segment| segment.policy);
                Selection::Served(Selected { segment, policy, network: policy })
            }
        }
    }

    /// Whether a verdict matters for safeguarding: the query log must not lose it.
    #[inline]
    pub fn is_safeguarding(&self, verdict: &Verdict) -> bool {
        let by_category = match verdict.origin {
            Origin::Source(at) => self.safeguarded.get(at as usize).copied().unwrap_or(false),
            _ => false,
        };
        let imposed = matches!(verdict.layer, Layer::Sealed | Layer::Circumvention);
        verdict.effect == Effect::Deny && (imposed || by_category)
    }

    /// A policy by its index.
    pub fn policy(&self, policy: u16) -> Option<&Policy> {
        self.table.policies().get(usize::from(policy))
    }
}

fn source_ruling(policy: &Policy, at: u32, source: &Source) -> Ruling {
    match policy.categories.get(&source.category) {
        Some((layer, order, effect)) => Ruling::new(*layer, *order, *effect, at),
        None => Ruling::NONE,
    }
}

fn shaped_rulings(policy: &Policy, snapshot: &Snapshot) -> Vec<Ruling> {
    let sources = snapshot.patterns().map(Patterns::sources).unwrap_or_default();
    let ruling = |at: &u32| {
        let source = snapshot.sources().get(*at as usize);
        source.map_or(Ruling::NONE, |source| source_ruling(policy, *at, source))
    };
    sources.iter().map(ruling).collect()
}

fn listed_rulings(policy: &Policy, snapshot: &Snapshot) -> Vec<Ruling> {
    let sources = (0u32..).zip(snapshot.sources());
    let by_source: Vec<Ruling> = sources.map(|(at, source)| source_ruling(policy, at, source)).collect();
    let winner = |names: &NameTable, set: u32| {
        let rulings = names.set(set).iter().filter_map(|source| by_source.get(*source as usize));
        rulings.fold(Ruling::NONE, |best, ruling| best.first(*ruling))
    };
    (0..snapshot.names().set_count() as u32).map(|set| winner(snapshot.names(), set)).collect()
}

/// The ruling of one of the school's own statements for one policy. In the school's own lists the longer name goes
/// first, and of one name the rule that is about it alone; elsewhere neither matters.
pub(crate) fn own_ruling(policy: u16, at: u32, statement: &Statement) -> Ruling {
    match statement {
        Statement::Rule { policies, layer, effect, depth, exact, .. } if policies.contains(&policy) => {
            let specific = (127 - (*depth).min(127)) << 1 | u8::from(!exact);
            let order = if *layer == Layer::Own { specific } else { 0 };
            Ruling::new(*layer, order, *effect, at)
        }
        _ => Ruling::NONE,
    }
}

fn own_rulings(at: u16, policy: &Policy, table: &PolicyTable) -> Vec<OwnRuling> {
    let resolve = |set: u32| {
        let mut out = OwnRuling { ruling: Ruling::NONE, rewrite: None, zone: None, spells: false };
        let mut zone_depth = 0;
        for number in table.own.set(set) {
            let Some(statement) = table.statements.get(*number as usize) else { continue };
            out.ruling = out.ruling.first(own_ruling(at, *number, statement));
            match statement {
                Statement::Rewrite { rewrite, .. } if policy.rewrites.contains(rewrite) => out.rewrite = Some(*rewrite),
                Statement::Spelled => out.spells = true,
                Statement::Zone { zone, depth, policies }
                    if policies.as_ref().is_none_or(|policies| policies.contains(&at))
                        && (out.zone.is_none() || *depth >= zone_depth) =>
                {
                    (out.zone, zone_depth) = (Some(*zone), *depth);
                }
                _ => {}
            }
        }
        out
    };
    (0..table.own.set_count() as u32).map(resolve).collect()
}
