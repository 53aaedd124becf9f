//! What made a worker panic, kept so that the defect can be found and the fuzzer fed.

use std::path::PathBuf;

/// A hostile client must not fill the disk with its packets.
const MOST_KEPT: u32 = 16;

/// Keeps the first few messages that made this worker panic.
#[derive(Debug, Default)]
pub struct CrashKeeper {
    directory: Option<PathBuf>,
    worker: usize,
    kept: u32,
}

impl CrashKeeper {
    /// A keeper for one worker; without a directory it keeps nothing.
    pub fn new(directory: Option<PathBuf>, worker: usize) -> Self {
        Self { directory, worker, kept: 0 }
    }

    /// Has the message written to a file of its own, by a thread of its own: a disk that hangs must not hold up answers,
    /// and one that does not take it changes nothing.
    pub fn keep(&mut self, message: &[u8]) {
        let Some(directory) = self.directory.clone().filter(|_| self.kept < MOST_KEPT) else { return };
        let path = directory.join(format!("worker{}-packet{}.bin", self.worker, self.kept));
        self.kept += 1;
        let message = message.to_vec();
        let write = move || std::fs::create_dir_all(directory).and_then(|()| std::fs::write(path, message));
        let _ = std::thread::Builder::new().name("crash-keeper".to_owned()).spawn(write);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::until;

    #[test]
    fn the_first_packets_are_kept_and_a_flood_of_them_is_not() {
        let directory = std::env::temp_dir().join(format!("schoolgate-crash-{}", std::process::id()));
        let mut keeper = CrashKeeper::new(Some(directory.clone()), 3);
        (0..100u8).for_each(|at| keeper.keep(&[at]));
        let kept = || std::fs::read_dir(&directory).map_or(0, |entries| entries.count());
        let first = || std::fs::read(directory.join("worker3-packet0.bin")).unwrap_or_default();
        until("all are written", || kept() >= MOST_KEPT as usize && first() == [0]);
        assert_eq!(kept(), MOST_KEPT as usize);
        std::fs::remove_dir_all(&directory).expect("a directory");
    }
}
