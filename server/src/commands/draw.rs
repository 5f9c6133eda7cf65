//! `drawbridge draw ...`.

use std::path::Path;
use std::process::ExitCode;

use shared::Action;

use super::{CommandError, CommandResult, Session, complain, say};
use crate::draws::file;
use crate::receipt::rfc3339;
use crate::store::draws::{Actor, Applied, StateChange};

pub(super) async fn apply(session: &Session, path: &Path) -> CommandResult {
    let text =
        std::fs::read_to_string(path).map_err(|error| CommandError::Io(path.display().to_string(), error))?;
    // The whole file is understood before anything of it is done.
    let draws =
        file::parse(&text).map_err(|fault| CommandError::Refused(format!("{}: {fault}", path.display())))?;
    let foundation = session.open().await?;
    let mut is_refused = false;
    for (spec, state) in draws {
        match foundation.store.apply_draw(&spec, state, &Actor::CommandLine).await? {
            Applied::Created => say(&format!("{}: created, {}", spec.slug, state.as_str()))?,
            Applied::Changed(parts) => say(&format!("{}: changed {}", spec.slug, parts.join(", ")))?,
            Applied::Unchanged => say(&format!("{}: unchanged", spec.slug))?,
            Applied::Refused(why) => {
                complain(&why);
                is_refused = true;
            }
        }
    }
    Ok(if is_refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

pub(super) async fn list(session: &Session) -> CommandResult {
    let foundation = session.open().await?;
    let now = session.ambient.now();
    for draw in foundation.store.draws().await? {
        let taken = foundation.store.taken(draw.id).await?;
        let (spec, phase) = (&draw.spec, draw.phase(now).as_str());
        let places = spec.capacity.map_or_else(String::new, |capacity| format!(" of {capacity}"));
        say(&format!(
            "{}\t{phase}\t{taken}{places} entries\t{} to {}\t{}",
            spec.slug,
            rfc3339(spec.opens_at),
            rfc3339(spec.closes_at),
            spec.title
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn change(session: &Session, slug: &str, action: Action) -> CommandResult {
    let foundation = session.open().await?;
    match foundation.store.change_state(slug, action, &Actor::CommandLine).await? {
        StateChange::Changed(draw) => say(&format!("{slug}: now {}", draw.state.as_str()))?,
        StateChange::Already(draw) => say(&format!("{slug}: {} already", draw.state.as_str()))?,
        StateChange::Refused(draw) => {
            let (action, state) = (action.as_str(), draw.state.as_str());
            return Err(CommandError::Refused(format!("{slug} is {state}: it cannot {action} from there.")));
        }
        StateChange::Unknown => return Err(CommandError::Refused(format!("There is no draw {slug:?}."))),
    }
    Ok(ExitCode::SUCCESS)
}
