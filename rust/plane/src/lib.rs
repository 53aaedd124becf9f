//! The plane: everything between a client's packet and its answer.
//!
//! A packet arrives at a socket that belongs to one worker thread ([`socket`]). The worker takes a batch, reads the clock
//! once, and lets its answerer take each packet through the one path there is ([`answer`]): peek, select, rate, decide,
//! local, cache. Denied, local and cached questions are answered on the spot, and the batch leaves in one system call.
//!
//! A question that neither policy nor cache answers waits in the worker's [`pending`] table, and goes through a ring to the
//! [`miss_hub`]. From there a worker ([`forwarding_worker`]) or the resolver sends it to a forwarder that the asyncio resolver
//! has chosen ([`forwarding`], [`udp_exchanges`]). The miss hub checks and cuts the reply, and gives it to every worker
//! through rings; the worker keeps it in its [`cache`] and lets those who waited take the same path again.
//!
//! No worker ever waits for another thread: not for the resolver, not for Python, not for a disk. What several threads see is
//! either a ring with one writer and one reader, or an immutable [`active_state`] that is swapped whole.

mod active_state;
mod answer;
mod cache;
mod carrier;
mod client_rate;
mod clock;
mod counters;
mod crash;
mod crowd;
mod denial;
mod designation;
mod failure_memory;
mod forwarding;
mod forwarding_worker;
mod gauges;
mod local;
mod miss_hub;
mod parsed_query;
mod pending;
mod plane;
mod plane_error;
mod plane_status;
mod query_context;
mod query_log;
mod question;
mod random_ids;
mod rate_limit;
mod recording;
mod reply_sink;
mod requester;
mod revealed_tags;
mod seats;
mod settings;
mod socket;
mod source_port;
mod stored;
mod stream;
mod turning_away;
mod udp_exchanges;
mod validation;
mod waiters;
mod worker;
mod zones;

#[cfg(test)]
mod tests;

pub use active_state::ActiveState;
pub use carrier::{Carrier, Deliveries, Delivery};
pub use counters::Counter;
pub use designation::Designated;
pub use forwarding::{Completed, Share};
pub use miss_hub::name_of;
pub use plane::Plane;
pub use plane_error::PlaneError;
pub use plane_status::PlaneStatus;
pub use reply_sink::{Event, EventKind, Report, Tally};
pub use settings::Settings;
pub use source_port::{Owner, Way, matches};
pub use stream::{AnswersWake, Asked, StreamAnswerer};
pub use validation::AdTrust;

#[doc(hidden)]
pub mod bench_support {
    //! The inside of the plane, for the micro-benchmarks.
    pub use crate::answer::{Answerer, Outcome};
    pub use crate::cache::{Held, PacketCache};
    pub use crate::clock::Now;
    pub use crate::counters::Counters;
    pub use crate::miss_hub::MissRequest;
    pub use crate::question::{Question, QuestionRef};
    pub use crate::requester::Requester;
    pub use crate::stored::{Body, Stored};
    pub use crate::waiters::ReplySender;
}
