//! A question that is carried: what to ask, and where what becomes of it goes.

use schoolgate_plane::{Deliveries, Delivery, matches};
use std::sync::Arc;
use tokio::time::Instant;

/// A question that is carried.
#[derive(Clone)]
pub struct Question {
    query: Vec<u8>,
    deliveries: Arc<Deliveries>,
    /// When it came.
    pub begun: Instant,
    /// When the connection that it was sent over was found dead; it must be asked over a younger one.
    pub again_since: Option<Instant>,
}

/// A reply that is none to its question.
#[derive(Debug, PartialEq, Eq)]
pub struct Mismatch;

impl Question {
    /// A question with its ID.
    pub fn new(query: &[u8], deliveries: &Arc<Deliveries>) -> Self {
        Self { query: query.to_vec(), deliveries: deliveries.clone(), begun: Instant::now(), again_since: None }
    }

    /// The query, with the ID that who asks gave it.
    pub fn query(&self) -> &[u8] {
        &self.query
    }

    fn id(&self) -> u16 {
        self.query.first_chunk().map_or(0, |id| u16::from_be_bytes(*id))
    }

    /// Whether a reply, whatever its ID, repeats the question: then it is delivered.
    pub fn answer(self, reply: &[u8]) -> Result<(), (Self, Mismatch)> {
        let mut reply = reply.to_vec();
        if let Some((place, id)) = reply.first_chunk_mut::<2>().zip(self.query.first_chunk::<2>()) {
            *place = *id;
        }
        if !matches(&reply, &self.query) {
            return Err((self, Mismatch));
        }
        self.deliveries.put(Delivery::Reply(reply));
        Ok(())
    }

    /// The same, to be asked over a connection begun after this.
    pub fn again(self, since: Instant) -> Self {
        Self { again_since: Some(since), ..self }
    }

    /// It could not be asked, or its connection broke.
    pub fn fail(self) {
        self.deliveries.put(Delivery::Failed(self.id()));
    }

    /// Too many wait.
    pub fn starve(self) {
        self.deliveries.put(Delivery::Starved(self.id()));
    }
}
