//! Groups of devices: which of a client's addresses is of a device in a group with a policy, and which policy that gives.
//!
//! Who has an address is what leases and neighbours say, and a device can copy the hardware address of another. So a group
//! may only tighten: where its policy is not at least as strict as the policy of the network, the network's stays.

use crate::rulebook::Rulebook;
use crate::segments::{Selected, canonical};
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A school has a handful of groups, and devices that are in several; a file with more was not written by us.
const MOST_SETS: usize = 1024;
/// As many addresses as the table of bindings holds.
const MOST_ADDRESSES: usize = 100_000;

/// A description of groups that cannot be used. Those in force stay.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the groups of devices cannot be used: {0}")]
pub struct DeviceGroupsInvalid(String);

/// Addresses of devices that are in groups. Immutable, swapped whole.
#[derive(Debug, Default)]
pub struct DeviceGroups {
    v4: HashMap<u32, u16>,
    v6: HashMap<u128, u16>,
    /// By number: groups that a device is in.
    sets: Vec<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    sets: Vec<Vec<String>>,
    addresses: Vec<(IpAddr, u16)>,
}

impl DeviceGroups {
    /// Reads the JSON `{"sets": [[group, ...], ...], "addresses": [[address, number of a set], ...]}`.
    ///
    /// # Errors
    /// It is none, or has more than there can be.
    pub fn read(description: &[u8]) -> Result<Self, DeviceGroupsInvalid> {
        let read: Description =
            serde_json::from_slice(description).map_err(|error| DeviceGroupsInvalid(error.to_string()))?;
        if read.sets.len() > MOST_SETS || read.addresses.len() > MOST_ADDRESSES {
            return Err(DeviceGroupsInvalid(format!("more than {MOST_SETS} sets or {MOST_ADDRESSES} addresses")));
        }
        let mut made = Self { sets: read.sets, ..Self::default() };
        for (address, set) in read.addresses {
            if usize::from(set) >= made.sets.len() {
                return Err(DeviceGroupsInvalid(format!("there is no set {set}")));
            }
            match canonical(address) {
                IpAddr::V4(v4) => made.v4.insert(u32::from(v4), set),
                IpAddr::V6(v6) => made.v6.insert(u128::from(v6), set),
            };
        }
        made.v4.shrink_to_fit();
        made.v6.shrink_to_fit();
        Ok(made)
    }

    /// Whether no address is of a device in a group.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// How many addresses there are.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Octets that the tables take.
    pub fn octets(&self) -> usize {
        self.v4.allocation_size() + self.v6.allocation_size()
    }

    /// The number of the set of groups that the device at an address is in.
    #[inline]
    fn set_of(&self, client: IpAddr) -> Option<u16> {
        match canonical(client) {
            IpAddr::V4(v4) => self.v4.get(&u32::from(v4)),
            IpAddr::V6(v6) => self.v6.get(&u128::from(v6)),
        }
        .copied()
    }
}

/// What the groups of a device do in a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupExplained {
    /// The policy of the network.
    pub network_policy: String,
    /// Groups of the device that have a policy, in the order in which they count.
    pub groups: Vec<GroupSaid>,
}

/// What one group does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupSaid {
    /// The group.
    pub id: String,
    /// The policy that the school wrote for it.
    pub policy: String,
    /// What it opens that the policy before it denies: then it counts for nothing. `None`: it counts.
    pub opens: Option<String>,
}

/// For each set of groups the policy that a device in it has, by the policy of its network. Made for one rulebook.
#[derive(Debug, Default)]
pub struct GroupPolicies {
    policies: usize,
    /// By set, then by policy of the network.
    tightened: Vec<u16>,
}

impl GroupPolicies {
    /// Works out each. Takes time in proportion to groups times policies times distinct sets; never called by a worker.
    pub fn new(rulebook: &Rulebook, groups: &DeviceGroups) -> Self {
        if groups.sets.is_empty() {
            return Self::default();
        }
        let policies = rulebook.table().policies().len();
        let strictness = Strictness::new(rulebook);
        let of_set = |set: &Vec<String>| {
            let group_policies = policies_of(rulebook, set);
            let tighten =
                |network| group_policies.iter().fold(network, |so_far, one| strictness.stricter(*one, so_far));
            (0..policies as u16).map(tighten).collect::<Vec<u16>>()
        };
        Self { policies, tightened: groups.sets.iter().flat_map(of_set).collect() }
    }

    /// Where a client was placed, once the groups of its device have tightened the policy.
    #[inline]
    pub fn tighten(&self, groups: &DeviceGroups, selected: Selected, client: IpAddr) -> Selected {
        let Some(set) = groups.set_of(client) else { return selected };
        let at = usize::from(set) * self.policies + usize::from(selected.network);
        Selected { policy: self.tightened.get(at).copied().unwrap_or(selected.network), ..selected }
    }
}

/// What the groups of the device at an address do; `None` where it is in none that has a policy.
pub fn explain_groups(
    rulebook: &Rulebook,
    groups: &DeviceGroups,
    network: u16,
    client: IpAddr,
) -> Option<GroupExplained> {
    let set = groups.sets.get(usize::from(groups.set_of(client)?))?;
    let id = |policy: u16| rulebook.policy(policy).map(|policy| policy.id.clone()).unwrap_or_default();
    let mut so_far = network;
    let said = rulebook.table().groups().iter().filter(|group| set.contains(&group.id)).map(|group| {
        let opens = rulebook.first_opened(group.policy, so_far);
        if opens.is_none() {
            so_far = group.policy;
        }
        GroupSaid { id: group.id.clone(), policy: id(group.policy), opens }
    });
    let said: Vec<_> = said.collect();
    (!said.is_empty()).then(|| GroupExplained { network_policy: id(network), groups: said })
}

fn policies_of(rulebook: &Rulebook, set: &[String]) -> Vec<u16> {
    let groups = rulebook.table().groups().iter();
    groups.filter(|group| set.contains(&group.id)).map(|group| group.policy).collect()
}

/// Which policy of a group may stand for which other: asked once for each pair.
struct Strictness {
    /// By policy of a group, then by the other.
    as_strict: HashMap<(u16, u16), bool>,
}

impl Strictness {
    /// Only policies that are in force somewhere, and those of groups, are compared: all others stay as they are.
    fn new(rulebook: &Rulebook) -> Self {
        let table = rulebook.table();
        let of_groups: Vec<u16> = table.groups().iter().map(|group| group.policy).collect();
        let networks = table.segments().iter().map(|segment| segment.policy);
        let others: Vec<u16> = networks.chain([table.strictest()]).chain(of_groups.iter().copied()).collect();
        let mut as_strict = HashMap::new();
        for pair in of_groups.iter().flat_map(|group| others.iter().map(move |other| (*group, *other))) {
            as_strict.entry(pair).or_insert_with(|| rulebook.is_as_strict(pair.0, pair.1));
        }
        Self { as_strict }
    }

    fn stricter(&self, group: u16, so_far: u16) -> u16 {
        if self.as_strict.get(&(group, so_far)).copied().unwrap_or(false) { group } else { so_far }
    }
}
