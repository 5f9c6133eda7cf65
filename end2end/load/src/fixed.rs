//! Sending the same request again and again.

use crate::Failure;
use crate::engine;
use crate::measure::{Outcome, Second};
use crate::plan::Plan;
use crate::targets::Targets;
use crate::work::Fixed;

/// Sends a request as a plan says. `watch` sees each second when it is over.
///
/// # Errors
/// [`Failure`] when the plan cannot be carried out, or a connection not be made before the clock starts.
pub fn run_fixed(
    targets: &Targets,
    plan: &Plan,
    request: &Fixed,
    watch: impl FnMut(&Second),
) -> Result<Outcome, Failure> {
    let request = request.clone().expecting_shed(plan.expect_shed);
    let works = vec![request; plan.threads];
    Ok(engine::run(targets, plan, works, watch)?.0)
}
