//! What a sealed list costs a name that is not on it. `cargo test --release -p schoolgate-policy --test sealed_cost -- --ignored
//! --nocapture` prints the figures.

use schoolgate_policy::{SealRequest, SealedFormat, SealedKeys, SealedList, SuffixHashes, seal_list};
use schoolgate_wire::Name;
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: u32 = 7;
/// Few enough to stay in the cache: in a server the name has just been read.
const ASKED: usize = 256;
const TIMES: usize = 100;

#[test]
#[ignore = "a measurement"]
fn cost_of_an_unlisted_name() {
    let folder = std::env::temp_dir().join(format!("schoolgate-sealed-cost-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a directory");
    let keys = SealedKeys::read_or_make(&folder.join("key")).expect("keys");
    let asked: Vec<Name> = (0..ASKED)
        .map(|at| Name::from_text(&format!("www.site-{at}.example{}.org", at % 97)).expect("a name"))
        .collect();
    for (entries, format) in [
        (10_000, SealedFormat::Plain),
        (100_000, SealedFormat::Plain),
        (1_000_000, SealedFormat::Plain),
        (10_000, SealedFormat::Hashes),
    ] {
        let line = |at: usize| match format {
            SealedFormat::Hashes => format!("{at:064x}\n"),
            _ if at.is_multiple_of(3) => format!("www.sealed{at}.example.net\n"),
            _ => format!("sealed{at}.example\n"),
        };
        let (input, out) = (folder.join("list.txt"), folder.join("list.sealed"));
        std::fs::write(&input, (0..entries).map(line).collect::<String>()).expect("a file");
        let request = SealRequest {
            input: &input,
            format: format.clone(),
            out: &out,
            supplier: "x",
            serial: 1,
            created_unix_s: 0,
        };
        let start = Instant::now();
        seal_list(&request, &keys).expect("a list");
        let sealed_in = start.elapsed();
        let start = Instant::now();
        let list = SealedList::open(std::slice::from_ref(&out), &keys).expect("a list");
        let opened_in = start.elapsed();
        let mut hashes = SuffixHashes::default();
        let mut costs: Vec<f64> = (0..ROUNDS)
            .map(|_| {
                let start = Instant::now();
                let held =
                    (0..TIMES).flat_map(|_| &asked).filter(|name| list.holds(black_box(name), &mut hashes)).count();
                assert_eq!(held, 0);
                start.elapsed().as_nanos() as f64 / (TIMES * ASKED) as f64
            })
            .collect();
        costs.sort_by(f64::total_cmp);
        println!(
            "{entries:>8} {format:?}: {:.1} ns a name of 4 labels (best {:.1}, worst {:.1}); sealed in {sealed_in:.0?}, \
             opened in {opened_in:.0?}, {:.1} octets an entry in memory",
            costs[costs.len() / 2],
            costs[0],
            costs[costs.len() - 1],
            list.size_octets() as f64 / entries as f64,
        );
    }
    std::fs::remove_dir_all(&folder).expect("the directory");
}
