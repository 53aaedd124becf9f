//! How many octets a feed may still unpack.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// Octets that may still be unpacked.
#[derive(Clone)]
pub(super) struct Budget {
    limit: u64,
    left: Rc<Cell<u64>>,
    spent: Rc<Cell<bool>>,
}

impl Budget {
    pub fn new(limit: u64) -> Self {
        Self { limit, left: Rc::new(Cell::new(limit)), spent: Rc::new(Cell::new(false)) }
    }

    pub fn used(&self) -> u64 {
        self.limit - self.left.get()
    }

    pub fn is_spent(&self) -> bool {
        self.spent.get()
    }

    /// `input`, paid from this budget.
    pub fn charge<R: Read>(&self, input: R) -> Charged<R> {
        Charged { input, budget: self.clone() }
    }
}

pub(super) struct Charged<R> {
    input: R,
    budget: Budget,
}

impl<R: Read> Read for Charged<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(out)?;
        match self.budget.left.get().checked_sub(count as u64) {
            Some(left) => self.budget.left.set(left),
            None => {
                self.budget.spent.set(true);
                return Err(io::Error::other("it unpacks to more than it may"));
            }
        }
        Ok(count)
    }
}
