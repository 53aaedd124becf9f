//! Latencies, counted in log-linear buckets: a relative error below 1/64, whatever the size.

/// Buckets of each power of two.
const STEPS: u64 = 64;
const STEP_BITS: u32 = STEPS.trailing_zeros();
/// Up to 2^40 ns, some eighteen minutes.
const BUCKETS: usize = (STEPS as usize) * 36;

/// A histogram of nanoseconds.
#[derive(Clone)]
pub struct Histogram {
    counts: Vec<u32>,
    total: u64,
    sum: u64,
    greatest: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0, sum: 0, greatest: 0 }
    }
}

fn bucket(value: u64) -> usize {
    if value < STEPS {
        return value as usize;
    }
    let shift = 63 - value.leading_zeros() - STEP_BITS;
    let at = (u64::from(shift) + 1) * STEPS + ((value >> shift) - STEPS);
    (at as usize).min(BUCKETS - 1)
}

/// The greatest value that falls into a bucket: a quantile is never reported too small.
fn top(bucket: usize) -> u64 {
    let (octave, step) = (bucket as u64 / STEPS, bucket as u64 % STEPS);
    if octave == 0 { step } else { ((STEPS + step + 1) << (octave - 1)) - 1 }
}

impl Histogram {
    /// Counts one value.
    #[inline]
    pub fn add(&mut self, value: u64) {
        self.counts[bucket(value)] += 1;
        self.total += 1;
        self.sum += value;
        self.greatest = self.greatest.max(value);
    }

    /// How many were counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The greatest.
    pub fn greatest(&self) -> u64 {
        self.greatest
    }

    /// The value that `part` (0 to 1) of all do not exceed.
    pub fn quantile(&self, part: f64) -> u64 {
        let wanted = ((self.total as f64 * part).ceil() as u64).max(1);
        let mut seen = 0;
        for (at, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                return top(at).min(self.greatest);
            }
        }
        self.greatest
    }

    /// What a reader wants to know, in microseconds.
    pub fn summary(&self) -> serde_json::Value {
        let us = |ns: u64| (ns as f64 / 10.0).round() / 100.0;
        serde_json::json!({
            "count": self.total,
            "mean_us": us(self.sum.checked_div(self.total).unwrap_or(0)),
            "p50_us": us(self.quantile(0.5)), "p90_us": us(self.quantile(0.9)), "p99_us": us(self.quantile(0.99)),
            "p999_us": us(self.quantile(0.999)), "max_us": us(self.greatest),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_again_within_a_sixty_fourth() {
        for value in [0, 1, 63, 64, 65, 127, 128, 1000, 80_000, 1_234_567, 999_999_999] {
            let top = top(bucket(value));
            assert!(top >= value && top - value <= value / 64, "{value} became {top}");
        }
    }

    #[test]
    fn quantiles_split_what_was_counted() {
        let mut histogram = Histogram::default();
        (1..=1000).for_each(|value| histogram.add(value * 1000));
        assert!((500_000..=508_000).contains(&histogram.quantile(0.5)));
        assert!((990_000..=1_000_000).contains(&histogram.quantile(0.99)));
        assert_eq!(histogram.quantile(1.0), 1_000_000);
    }
}
