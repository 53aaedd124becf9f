//! The ring between one worker and the reader of its records.

use crate::record::{HEAD_OCTETS, MAX_NAME_OCTETS, Record};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where a record's name length stands in its head.
const NAME_LENGTH_AT: usize = 61;

/// A ring of records, split into its two ends.
pub struct RecordRing;

impl RecordRing {
    /// A ring that holds about `octets` of records; a typical one is 90.
    pub fn with_octets(octets: usize) -> (RecordWriter, RecordReader) {
        let (producer, consumer) = rtrb::RingBuffer::new(octets);
        let dropped = Arc::new(AtomicU64::new(0));
        let writer = RecordWriter { ring: producer, dropped: dropped.clone() };
        (writer, RecordReader { ring: consumer, dropped, record: Vec::with_capacity(HEAD_OCTETS + MAX_NAME_OCTETS) })
    }
}

/// The worker's end.
pub struct RecordWriter {
    ring: rtrb::Producer<u8>,
    dropped: Arc<AtomicU64>,
}

impl RecordWriter {
    /// Writes a record, or counts it as dropped where there is no room. Never waits, never allocates.
    #[inline]
    pub fn write(&mut self, record: &Record<'_>) {
        let head = record.head();
        let name = record.name.get(..record.name.len().min(MAX_NAME_OCTETS)).unwrap_or_default();
        let Ok(mut chunk) = self.ring.write_chunk(HEAD_OCTETS + name.len()) else {
            // One writer: a load and a store do.
            self.dropped.store(self.dropped.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            return;
        };
        let (first, second) = chunk.as_mut_slices();
        let places = first.iter_mut().chain(second.iter_mut());
        for (place, octet) in places.zip(head.iter().chain(name)) {
            *place = *octet;
        }
        chunk.commit_all();
    }
}

/// The reader's end.
pub struct RecordReader {
    ring: rtrb::Consumer<u8>,
    dropped: Arc<AtomicU64>,
    record: Vec<u8>,
}

impl RecordReader {
    /// Takes the oldest record and shows it.
    pub fn read<T>(&mut self, show: impl FnOnce(&Record<'_>) -> T) -> Option<T> {
        self.record.clear();
        self.take(HEAD_OCTETS)?;
        let name = usize::from(*self.record.get(NAME_LENGTH_AT)?);
        self.take(name)?;
        Record::parse(&self.record).map(|record| show(&record))
    }

    /// Records that found no room since the ring was made.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// A record is committed whole, so what is there of it is all there.
    fn take(&mut self, octets: usize) -> Option<()> {
        let chunk = self.ring.read_chunk(octets).ok()?;
        let (first, second) = chunk.as_slices();
        self.record.extend_from_slice(first);
        self.record.extend_from_slice(second);
        chunk.commit_all();
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Door, Source};
    use proptest::prelude::*;
    use std::net::IpAddr;

    fn record(name: &[u8]) -> Record<'_> {
        Record {
            time_us: 1_795_300_000_000_000,
            latency_us: 7,
            client: IpAddr::from([192, 0, 2, 1]),
            door: Door::Tcp,
            segment: Some(3),
            policy: 2,
            qtype: 28,
            rcode: 3,
            denied: true,
            layer: 9,
            origin_kind: 2,
            origin: 70_000,
            source: Source::Stale,
            snapshot_serial: 41,
            policy_serial: 12,
            name,
        }
    }

    #[test]
    fn a_full_ring_drops_and_counts_and_loses_nothing_it_holds() {
        let (mut writer, mut reader) = RecordRing::with_octets(1000);
        let name = [b'a'; 36];
        (0..25).for_each(|_| writer.write(&record(&name)));
        let kept = std::iter::from_fn(|| reader.read(|got| assert_eq!(*got, record(&name)))).count();
        assert_eq!((kept, reader.dropped()), (10, 15));
        writer.write(&record(&name));
        assert!(reader.read(|_| ()).is_some(), "there is room again");
    }

    #[test]
    fn records_cross_threads_in_order() {
        let (mut writer, mut reader) = RecordRing::with_octets(4096);
        let sender = std::thread::spawn(move || {
            for at in 0..20_000u32 {
                writer.write(&Record { origin: at, ..record(b"\x07example\x03org\x00") });
            }
        });
        let (mut last, mut seen) = (None, 0);
        loop {
            let done = sender.is_finished();
            while let Some(at) = reader.read(|got| got.origin) {
                assert!(last.is_none_or(|last| last < at));
                (last, seen) = (Some(at), seen + 1);
            }
            if done {
                break;
            }
        }
        assert_eq!(seen + reader.dropped(), 20_000);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            name in proptest::collection::vec(any::<u8>(), 0..=255),
            client in any::<u128>(),
            v4 in any::<Option<u32>>(),
            numbers in any::<(i64, u32, u16, u16, u32, u64, u64)>(),
            segment in proptest::option::of(0u16..1000),
        ) {
            let client = v4.map_or(IpAddr::V6(client.into()), |v4| IpAddr::V4(v4.into()));
            prop_assume!(!matches!(client, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some()));
            let (time_us, latency_us, qtype, rcode, origin, snapshot_serial, policy_serial) = numbers;
            let written = Record {
                time_us, latency_us, client, qtype, rcode, origin, snapshot_serial, policy_serial, segment,
                ..record(&name)
            };
            let (mut writer, mut reader) = RecordRing::with_octets(400);
            writer.write(&written);
            prop_assert_eq!(reader.read(|got| *got == written), Some(true));
            prop_assert!(reader.read(|_| ()).is_none());
        }
    }
}
