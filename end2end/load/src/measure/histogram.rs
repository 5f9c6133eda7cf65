//! Times in histograms of high dynamic range.

use hdrhistogram::Histogram;
use serde::ser::{Serialize, SerializeStruct as _, Serializer};

/// The longest time that is told apart from longer ones: 2 minutes, in microseconds.
const LONGEST_US: u64 = 120_000_000;
/// Significant digits of a recorded time.
const DIGITS: u8 = 3;

/// How long things took, in microseconds, to three significant digits. In JSON: the count, the mean, the usual
/// quantiles, and `distribution`, pairs of a quantile and the time that it stays within.
#[derive(Clone, Debug, PartialEq)]
pub struct Latency(Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, LONGEST_US, DIGITS).expect("these bounds are allowed"))
    }
}

impl Latency {
    /// Notes a time.
    pub(crate) fn record(&mut self, micros: u64) {
        self.0.saturating_record(micros.max(1));
    }

    /// Notes another's times as well.
    pub fn merge(&mut self, other: &Self) {
        // The bounds are the same: nothing is lost.
        let _ = self.0.add(&other.0);
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// What a part of all (0 to 1) did not exceed, in microseconds; 0 when there are none.
    pub fn quantile(&self, part: f64) -> u64 {
        self.0.value_at_quantile(part)
    }

    /// The mean in microseconds; 0 when there are none.
    pub fn mean(&self) -> f64 {
        self.0.mean()
    }

    /// The longest in microseconds.
    pub fn max(&self) -> u64 {
        self.0.max()
    }

    /// The histogram itself.
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.0
    }

    /// Quantiles and times, denser towards the slowest; times never fall.
    pub fn distribution(&self) -> Vec<(f64, u64)> {
        let steps = self.0.iter_quantiles(5);
        let mut points: Vec<(f64, u64)> =
            steps.map(|step| (step.quantile_iterated_to(), step.value_iterated_to())).collect();
        points.dedup();
        points
    }
}

impl Serialize for Latency {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut fields = to.serialize_struct("Latency", 10)?;
        fields.serialize_field("count", &self.count())?;
        fields.serialize_field("mean_us", &self.mean())?;
        fields.serialize_field("min_us", &if self.0.is_empty() { 0 } else { self.0.min() })?;
        fields.serialize_field("p50_us", &self.quantile(0.5))?;
        fields.serialize_field("p90_us", &self.quantile(0.9))?;
        fields.serialize_field("p99_us", &self.quantile(0.99))?;
        fields.serialize_field("p999_us", &self.quantile(0.999))?;
        fields.serialize_field("p9999_us", &self.quantile(0.9999))?;
        fields.serialize_field("max_us", &self.max())?;
        fields.serialize_field("distribution", &self.distribution())?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_kept_to_three_digits_and_added_up() {
        let (mut one, mut other) = (Latency::default(), Latency::default());
        (1..=1000).for_each(|micros| one.record(micros));
        other.record(60_000_000);
        other.record(0);
        one.merge(&other);
        assert_eq!(one.count(), 1002);
        assert_eq!(one.quantile(0.5), 500);
        assert!((59_950_000..=60_050_000).contains(&one.max()), "{}", one.max());
        let json = serde_json::to_value(&one).unwrap();
        assert_eq!(json["count"], 1002);
        assert_eq!(json["p50_us"], 500);
        assert_eq!(json["distribution"].as_array().unwrap().last().unwrap()[0], 1.0);
    }
}
