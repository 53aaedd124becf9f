//! What compiling lists costs: `cargo run --release --example compile_cost -- LIST...`
//!
//! Prints seconds, names a second, processor seconds (they count where the machine is busy), peak memory of this process a name, and snapshot octets a name; then how long it takes to
//! find every line that speaks of one name. Run it once for each workload: peak memory is the process's.

use schoolgate_policy::{Categories, Input, ProtectedNames, RuleKind, compile_snapshot, list_rules_for, listed_name};
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let lists = std::env::args().skip(1).enumerate();
    let inputs: Vec<Input> = lists
        .map(|(at, path)| {
            let categories = Categories::One("games".into());
            Input::feed(path.into(), format!("feed-{at}"), categories, RuleKind::Suffix, None)
        })
        .collect();
    let protected = ProtectedNames::new(listed_name("www.example.org"));
    let out = std::env::temp_dir().join(format!("compile-cost-{}.snapshot", std::process::id()));
    let begun = Instant::now();
    let report = compile_snapshot(&inputs, &out, 1, &protected)?;
    let seconds = begun.elapsed().as_secs_f64();
    let peak = peak_octets().unwrap_or(0);
    std::fs::remove_file(&out)?;
    let names = report.names as f64;
    println!("names {} entries {} seconds {seconds:.2} names/s {:.0}", report.names, report.entries, names / seconds);
    println!("processor seconds {:.2}", processor_seconds().unwrap_or(0.0));
    println!("peak {} MiB = {:.0} octets a name", peak >> 20, peak as f64 / names);
    println!("snapshot {:.2} octets an entry", report.size_octets as f64 / report.entries as f64);
    for (reason, skipped) in &report.skipped {
        println!("skipped {reason} {}: {}", skipped.lines, skipped.examples.first().map_or("", String::as_str));
    }
    let begun = Instant::now();
    let asked = listed_name("a.b.example.com").map_err(|rejected| rejected.as_str())?;
    let covering = list_rules_for(&inputs, &asked, &protected)?;
    println!("why: {} lines in {:.2} s", covering.lines_read, begun.elapsed().as_secs_f64());
    Ok(())
}

/// The most memory this process has held (Linux).
fn peak_octets() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}

/// How long the main thread has run (Linux).
fn processor_seconds() -> Option<f64> {
    let statistics = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    statistics.split_ascii_whitespace().next()?.parse::<f64>().ok().map(|nanoseconds| nanoseconds / 1e9)
}
