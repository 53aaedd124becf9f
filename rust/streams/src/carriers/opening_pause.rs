//! The pause after a connection that could not be opened, so that a forwarder in trouble is not tried all the time.

use crate::carriers::limits::{OPEN_AGAIN_AFTER, OPEN_AGAIN_AFTER_DISTRUST, OPEN_AGAIN_AT_MOST};
use std::time::Duration;
use tokio::time::Instant;

/// Until when no connection of one forwarder is opened.
pub struct OpeningPause {
    until: Option<Instant>,
    next: Duration,
}

impl Default for OpeningPause {
    fn default() -> Self {
        Self { until: None, next: OPEN_AGAIN_AFTER }
    }
}

impl OpeningPause {
    /// No connection came about: each time a longer pause, up to a second.
    pub fn unreachable(&mut self, now: Instant) {
        self.until = Some(now + self.next);
        self.next = (self.next * 2).min(OPEN_AGAIN_AT_MOST);
    }

    /// The certificate is not believed.
    pub fn distrusted(&mut self, now: Instant) {
        self.until = Some(now + OPEN_AGAIN_AFTER_DISTRUST);
    }

    /// Whether no connection is to be opened yet.
    pub fn lasts(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_certificate_is_tried_again_later_than_a_silent_server() {
        let start = Instant::now();
        let (mut silent, mut wrong) = (OpeningPause::default(), OpeningPause::default());
        assert!(!silent.lasts(start));
        let mut now = start;
        for pause_ms in [100, 200, 400, 800, 1_000, 1_000] {
            silent.unreachable(now);
            let end = now + Duration::from_millis(pause_ms);
            assert!(silent.lasts(end - Duration::from_millis(1)) && !silent.lasts(end));
            now = end;
        }
        wrong.distrusted(start);
        assert!(wrong.lasts(start + 9 * OPEN_AGAIN_AT_MOST));
        assert!(!wrong.lasts(start + OPEN_AGAIN_AFTER_DISTRUST));
    }
}
