//! The active state: one rulebook with what the plane needs prepared, swapped whole and counted by generation.

use schoolgate_policy::{
    DeviceGroups, Explained, GroupPolicies, LocalZone, Rulebook, Selection, ZoneRecord, explain_groups,
};
use schoolgate_wire::{AnswerImage, Name, Rcode, Record, rtype};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Types a zone's owner is prepared for; others are answered NODATA or composed when asked.
type Prepared = HashMap<Box<[u8]>, Vec<(u16, AnswerImage)>>;

/// The active rulebook, prepared for the hot path.
#[derive(Debug)]
pub struct ActiveState {
    /// The lists and policies.
    pub rulebook: Arc<Rulebook>,
    /// Rises with every swap; tags made under another generation are made again.
    pub generation: u64,
    /// By segment: when its policy changes next, on the plane's monotonic clock. No answer lives longer.
    pub ends_ms: Vec<Option<u64>>,
    /// By rewrite: its target.
    pub rewrites: Vec<Arc<Name>>,
    zones: Arc<Vec<Prepared>>,
    /// Whether a device is in a group that has a policy. Where none is, no address is looked up.
    has_groups: bool,
    groups: Arc<DeviceGroups>,
    group_policies: GroupPolicies,
}

impl ActiveState {
    /// Makes ready what the hot path needs. `now` ties the boundaries, given in UTC, to the monotonic clock.
    pub fn new(rulebook: Rulebook, generation: u64, now: crate::clock::Now) -> Self {
        let table = rulebook.table().clone();
        let ends_ms = table.segments().iter().map(|segment| {
            let left_s = segment.ends_at_unix_s.map(|ends| ends.saturating_sub(now.unix_s).max(0) as u64);
            left_s.map(|left_s| now.mono_ms.saturating_add(left_s.saturating_mul(1000)))
        });
        let ends_ms = ends_ms.collect();
        let rewrites = table.rewrites().iter().map(|rewrite| Arc::new(rewrite.target.clone())).collect();
        let zones = Arc::new(table.zones().iter().map(prepare).collect());
        let (groups, group_policies) = Default::default();
        let rulebook = Arc::new(rulebook);
        Self { rulebook, generation, ends_ms, rewrites, zones, has_groups: false, groups, group_policies }
    }

    /// The same, with devices that are in groups: lists and policies are not bound again.
    pub fn with_groups(&self, groups: Arc<DeviceGroups>) -> Self {
        Self {
            rulebook: self.rulebook.clone(),
            generation: self.generation,
            ends_ms: self.ends_ms.clone(),
            rewrites: self.rewrites.clone(),
            zones: self.zones.clone(),
            has_groups: !groups.is_empty() && !self.rulebook.table().groups().is_empty(),
            group_policies: GroupPolicies::new(&self.rulebook, &groups),
            groups,
        }
    }

    /// Devices that are in groups.
    pub fn groups(&self) -> &Arc<DeviceGroups> {
        &self.groups
    }

    /// The segment and policy that serve a client, or that it is outside.
    #[inline]
    pub fn select(&self, client: IpAddr, local: SocketAddr) -> Selection {
        let selection = self.rulebook.select(client, local);
        if self.has_groups { self.tightened(selection, client) } else { selection }
    }

    /// Apart, so that a school without groups does not pay for the look-up.
    #[inline(never)]
    fn tightened(&self, selection: Selection, client: IpAddr) -> Selection {
        match selection {
            Selection::Served(selected) => {
                Selection::Served(self.group_policies.tighten(&self.groups, selected, client))
            }
            Selection::Outside => selection,
        }
    }

    /// Explains a question of a client, from the choice of its segment and the groups of its device on.
    pub fn explain_query(&self, name: &Name, qtype: u16, client: IpAddr, local: SocketAddr) -> Explained {
        let Selection::Served(selected) = self.select(client, local) else { return Explained::outside() };
        let device = explain_groups(&self.rulebook, &self.groups, selected.network, client);
        Explained { device, ..self.rulebook.explain_selected(name, qtype, selected) }
    }

    /// The rulebook, for those outside the plane.
    pub fn rulebook(&self) -> &Rulebook {
        &self.rulebook
    }

    /// The answer prepared for a name of a local zone.
    #[inline]
    pub fn prepared(&self, zone: u16, name: &Name, qtype: u16) -> Option<&AnswerImage> {
        let answers = self.zones.get(usize::from(zone))?.get(name.as_wire())?;
        answers.iter().find(|(prepared, _)| *prepared == qtype).map(|(_, image)| image)
    }
}

fn prepare(zone: &LocalZone) -> Prepared {
    let mut prepared = Prepared::new();
    for owner in zone.owners().filter_map(|owner| Name::from_wire(owner).ok()) {
        let Some(records) = zone.records(&owner) else { continue };
        let mut types: Vec<u16> = records.iter().map(|record| record.rtype).collect();
        types.sort_unstable();
        types.dedup();
        if types.contains(&rtype::CNAME) {
            types.extend([rtype::A, rtype::AAAA, rtype::HTTPS]);
        }
        let answers = types.into_iter().filter_map(|qtype| Some((qtype, compose_local(zone, &owner, qtype)?)));
        prepared.insert(owner.as_wire().into(), answers.collect());
    }
    prepared
}

/// The answer of a local zone's records to a question; `None` where it has none of the type. A CNAME inside the zone is
/// followed to its end, one outside is given as it stands.
pub fn compose_local(zone: &LocalZone, question: &Name, qtype: u16) -> Option<AnswerImage> {
    /// A zone may chain names; a loop that an administrator typed must not hang a worker.
    const LONGEST_CHAIN: usize = 8;
    let mut answers: Vec<Record> = Vec::new();
    let mut owner = question.clone();
    for _ in 0..LONGEST_CHAIN {
        let Some(records) = zone.records(&owner) else { break };
        let of = |wanted: u16| records.iter().filter(move |record| record.rtype == wanted);
        answers.extend(of(qtype).map(|record| record_of(&owner, record)));
        let cname = of(rtype::CNAME).next().filter(|_| qtype != rtype::CNAME);
        let Some(cname) = cname else { break };
        answers.push(record_of(&owner, cname));
        let Ok(target) = Name::from_wire(&cname.rdata) else { break };
        owner = target;
    }
    if answers.is_empty() {
        return None;
    }
    AnswerImage::from_records(question, qtype, Rcode::NOERROR, &answers, None).ok()
}

fn record_of(owner: &Name, record: &ZoneRecord) -> Record {
    Record { owner: owner.clone(), rtype: record.rtype, ttl_s: record.ttl_s, data: record.rdata.clone() }
}
