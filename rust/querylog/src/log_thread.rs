//! The log writer's thread.

use crate::log_writer::LogWriter;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

/// A log writer at work. Dropped, it writes what there is and ends.
pub struct LogThread {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl LogThread {
    /// Sets a writer to work; its clock counts from `start`.
    pub fn start(mut writer: LogWriter, start: Instant) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let now_ms = move || start.elapsed().as_millis() as u64;
        let work = move || {
            while !stopped.load(Ordering::Acquire) {
                let rest = writer.turn(now_ms());
                if !rest.is_zero() {
                    std::thread::park_timeout(rest);
                }
            }
            writer.finish(now_ms());
        };
        let thread = std::thread::Builder::new().name("query-log".to_owned()).spawn(work)?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Whether it still runs.
    pub fn is_alive(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }
}

impl Drop for LogThread {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // If it died, rows are lost and counted; there is nothing left to do.
            let _ = thread.join();
        }
    }
}
