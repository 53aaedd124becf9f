//! Packets that made a worker panic, kept so that the defect can be found and the fuzzer fed.

use std::path::PathBuf;

/// A hostile client must not fill the disk with its packets.
const MOST_KEPT: u32 = 16;

/// Keeps the first few packets that made this worker panic.
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

    /// Writes the packet to a file of its own. A disk that does not take it changes nothing.
    pub fn keep(&mut self, packet: &[u8]) {
        let Some(directory) = self.directory.as_ref().filter(|_| self.kept < MOST_KEPT) else { return };
        let path = directory.join(format!("worker{}-packet{}.bin", self.worker, self.kept));
        self.kept += 1;
        let _ = std::fs::create_dir_all(directory).and_then(|()| std::fs::write(path, packet));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_packets_are_kept_and_a_flood_of_them_is_not() {
        let directory = std::env::temp_dir().join(format!("schoolgate-crash-{}", std::process::id()));
        let mut keeper = CrashKeeper::new(Some(directory.clone()), 3);
        (0..100u8).for_each(|at| keeper.keep(&[at]));
        let kept = std::fs::read_dir(&directory).expect("a directory").count();
        let first = std::fs::read(directory.join("worker3-packet0.bin")).expect("the first packet");
        std::fs::remove_dir_all(&directory).expect("a directory");
        assert_eq!((kept, first), (MOST_KEPT as usize, vec![0]));
    }
}
