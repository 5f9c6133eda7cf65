//! How long to wait before the next try.

/// Upper bound of the first wait, in milliseconds.
const BASE_MS: u32 = 500;
/// Upper bound of any wait the server did not ask for, in milliseconds.
const CAP_MS: u32 = 20_000;
/// Longest wait the server can ask for, in seconds: a slip in a header must not park the form for a day.
const ASKED_MAX_S: u32 = 600;

/// Milliseconds to wait after `failures` tries failed (at least 1): exponential with full jitter, so that a
/// crowd that failed together does not come back together (aws.amazon.com/blogs/architecture, "Exponential
/// Backoff And Jitter"). What the server asked for (`Retry-After`, seconds) comes first, the jitter on top.
/// `random` lies in `[0, 1)`.
pub fn delay_ms(failures: u32, asked_s: Option<u32>, random: f64) -> u32 {
    let doublings = failures.saturating_sub(1).min(10);
    let ceiling = (BASE_MS << doublings).min(CAP_MS);
    // In range: random is below 1 and ceiling is small.
    let jitter = (random * f64::from(ceiling)) as u32;
    asked_s.unwrap_or(0).min(ASKED_MAX_S) * 1000 + jitter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_up_to_twenty_seconds() {
        let bounds: Vec<u32> = (1..=8).map(|failures| delay_ms(failures, None, 0.999_999)).collect();
        let expected = [500, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000];
        for (bound, expected) in bounds.iter().zip(expected) {
            assert!(bound.abs_diff(expected) <= 1, "{bounds:?}");
        }
        assert!(delay_ms(u32::MAX, None, 0.999_999) < CAP_MS);
    }

    #[test]
    fn the_wait_is_spread_over_the_whole_range() {
        assert_eq!(delay_ms(4, None, 0.0), 0);
        assert_eq!(delay_ms(4, None, 0.5), 2000);
    }

    #[test]
    fn never_sooner_than_the_server_asked() {
        assert_eq!(delay_ms(1, Some(7), 0.0), 7000);
        assert_eq!(delay_ms(1, Some(7), 0.5), 7250);
        assert_eq!(delay_ms(1, Some(u32::MAX), 0.0), 600_000);
    }
}
