//! What may happen next, and how to read it.

use server::store::entries::ClaimKind;

use super::database::Claim;
use super::state::{Age, Batch, Door, Phase, Stage, State, Task};
use super::{Action, Reply, World};

impl World {
    /// Everything that may happen next, in one order.
    pub(super) fn list(&self, state: &State, actions: &mut Vec<Action>) {
        for server in 0..self.bounds.servers {
            self.list_server(state, server, actions);
        }
        self.list_messages(state, actions);
        self.list_shared(state, actions);
        self.list_database(state, actions);
    }

    fn list_messages(&self, state: &State, actions: &mut Vec<Action>) {
        for (press, client) in (0..).zip(&state.clients) {
            if client.sends > 0 {
                actions.extend((0..self.bounds.servers).map(|server| Action::Send { press, server }));
            }
        }
        let mut last = None;
        for &(press, server) in &state.messages {
            if last.replace((press, server)) == Some((press, server)) {
                continue;
            }
            actions.push(Action::Arrive { press, server });
            if state.faults.drops > 0 {
                actions.push(Action::Drop { press, server });
            }
            if state.faults.doubles > 0 {
                actions.push(Action::Double { press, server });
            }
        }
    }

    fn list_server(&self, state: &State, server: u8, actions: &mut Vec<Action>) {
        let home = &state.servers[usize::from(server)];
        let mut last = None;
        for entry in &home.door {
            if last.replace(entry) == Some(entry) {
                continue;
            }
            match *entry {
                (press, Door::Outside) => actions.push(Action::Look { server, press }),
                (press, Door::Missed) => actions.push(Action::Enter { server, press }),
                (_, Door::Waiting) => {}
            }
        }
        for (at, task) in home.tasks.iter().enumerate() {
            let shared = &state.shared[usize::from(self.press(task.press).token)];
            let can_fail = state.faults.unreachable > 0;
            let replies = replies(can_fail);
            match task.stage {
                Stage::Ask { .. } => actions.extend(replies.map(|reply| Action::Ask { server, at, reply })),
                Stage::Settle(_) => actions.extend(replies.map(|reply| Action::Settle { server, at, reply })),
                Stage::Wait { .. } => {
                    if shared.lease.is_none() || shared.value.is_some() {
                        actions.push(Action::Wake { server, at, in_vain: false });
                    }
                    if can_fail {
                        actions.push(Action::Wake { server, at, in_vain: true });
                    }
                }
                Stage::Bind(body) => {
                    let key = self.press(task.press).token;
                    if !state.database.holds_open(&Claim { kind: ClaimKind::Token, key, of: body.id }) {
                        let replies = self::replies(state.faults.lost_answers > 0);
                        actions.extend(replies.map(|reply| Action::BindSequence { server, at, reply }));
                    }
                }
                Stage::LookUp(_) => actions.push(Action::LookUp { server, at }),
                Stage::Write(id) => {
                    if state.faults.sheds > 0 && home.queue.contains(&(id, 0)) {
                        actions.extend([true, false].map(|asks| Action::Shed { server, at, asks }));
                    }
                }
            }
        }
        match &home.batch {
            None if home.queue.is_empty() && home.again.is_empty() => {}
            None => actions.push(Action::Gather { server }),
            Some(batch) => self.list_batch(state, server, batch, actions),
        }
        let has_work =
            home.memory.iter().any(Option::is_some) || !home.door.is_empty() || !home.tasks.is_empty();
        if state.faults.crashes > 0 && (has_work || home.batch.is_some()) {
            actions.push(Action::Crash { server });
        }
    }

    fn list_batch(&self, state: &State, server: u8, batch: &Batch, actions: &mut Vec<Action>) {
        match batch.phase {
            Phase::Commit => {
                actions.push(Action::Commit { server });
                if state.faults.lost_answers > 0 {
                    actions.push(Action::LoseAnswer { server });
                }
            }
            Phase::Bind { .. } if self.is_blocked(state, server, batch) => {}
            Phase::Bind { .. } => {
                actions.push(Action::Advance { server });
                if state.faults.lost_answers > 0 {
                    actions.push(Action::LoseBinding { server, commits: true });
                    actions.push(Action::LoseBinding { server, commits: false });
                }
            }
            Phase::InDoubt => {
                actions.push(Action::WriteAgain { server });
                actions.push(Action::GiveUp { server });
            }
            _ if self.is_blocked(state, server, batch) => {}
            _ => actions.push(Action::Advance { server }),
        }
    }

    fn list_shared(&self, state: &State, actions: &mut Vec<Action>) {
        let has_anything = state.shared.iter().any(|shared| shared.value.is_some() || shared.lease.is_some());
        if state.faults.wipes > 0 && has_anything {
            actions.push(Action::Wipe);
        }
        for (token, shared) in (0..).zip(&state.shared) {
            if let Some(owner) = shared.lease {
                let mut tasks = state.servers.iter().flat_map(|server| &server.tasks);
                let is_alive = tasks.any(|task| task.lease.is_some_and(|lease| lease.owner == owner));
                if !is_alive || state.faults.expiries > 0 {
                    actions.push(Action::Expire { token });
                }
            }
            if state.faults.lies > 0 {
                actions.push(Action::Lie { token });
            }
        }
    }

    fn list_database(&self, state: &State, actions: &mut Vec<Action>) {
        let database = &state.database;
        for (at, transaction) in database.open.iter().enumerate() {
            if transaction.of.is_none() {
                actions.push(Action::Settled { at, commits: true });
                actions.push(Action::Settled { at, commits: false });
            }
        }
        let clock = self.bounds.clock;
        if database.now < clock.end {
            actions.push(Action::Tick);
        }
        // Settling takes longer than everything that may become of an attempt that came in time.
        let on_its_way = |task: &Task| task.verdict.is_none() && task.is_in_flight();
        let is_settled = || {
            let mut tasks = state.servers.iter().flat_map(|server| &server.tasks);
            database.open.is_empty() && !tasks.any(on_its_way)
        };
        let may_age = match state.age {
            Age::Fresh => true,
            Age::Settling => is_settled(),
            Age::Expired => false,
        };
        if self.bounds.tokens_expire && may_age {
            actions.push(Action::Age);
        }
        if database.frozen.is_some() {
            return;
        }
        // Whoever closes takes the draw's row for itself.
        if self.bounds.organiser_closes && database.open.is_empty() {
            actions.push(Action::Close);
        }
        let holds_counter =
            self.bounds.capacity.is_some() && database.open.iter().any(|other| other.has_counted);
        if state.withdrawals > 0 && database.now < clock.closes_at && !holds_counter {
            let mut known: Vec<_> = state.clients.iter().filter_map(|client| client.acknowledged).collect();
            known.sort_unstable();
            known.dedup();
            known.retain(|body| database.row(body.id).is_some_and(|row| row.is_live));
            actions.extend(known.into_iter().map(|body| Action::Withdraw { id: body.id }));
        }
    }

    /// One line of a trace.
    pub fn describe(&self, state: &State, action: &Action) -> String {
        let name = |press: u8| self.press(press).name;
        let task = |server: u8, at: usize| {
            state.servers[usize::from(server)].tasks.get(at).map_or("?", |task| name(task.press))
        };
        let reply = |reply: Reply| match reply {
            Reply::Heard => "",
            Reply::LostBefore => ", in vain: Redis is not reached",
            Reply::LostAfter => ", and the answer is lost",
        };
        match *action {
            Action::Send { press, server } => format!("{} sends to server {server}", name(press)),
            Action::Arrive { press, server } => {
                format!("{}'s message arrives at server {server}", name(press))
            }
            Action::Drop { press, server } => format!("{}'s message to server {server} is lost", name(press)),
            Action::Double { press, server } => {
                format!("{}'s message to server {server} is doubled", name(press))
            }
            Action::Look { server, press } => {
                format!("server {server} looks into its memory for {}", name(press))
            }
            Action::Enter { server, press } => format!("server {server} gives {} a place", name(press)),
            Action::Ask { server, at, reply: how } => {
                format!(
                    "server {server} asks Redis for {}'s outcome or lease{}",
                    task(server, at),
                    reply(how)
                )
            }
            Action::Wake { server, at, in_vain: false } => {
                format!("server {server} need wait no longer for the lease of {}", task(server, at))
            }
            Action::Wake { server, at, in_vain: true } => {
                format!("server {server} waits in vain for the lease of {}", task(server, at))
            }
            Action::LookUp { server, at } => {
                format!("server {server} asks the claim rows about {}", task(server, at))
            }
            Action::BindSequence { server, at, reply: how } => {
                let how = match how {
                    Reply::Heard => "",
                    Reply::LostBefore => ", in vain",
                    Reply::LostAfter => ", and does not hear so",
                };
                format!("server {server} binds the key of {} to its sequence's entry{how}", task(server, at))
            }
            Action::Shed { server, at, asks } => {
                let asks = if asks { ", which asks first whether it is known" } else { "" };
                format!("server {server} has no room for {}{asks}", task(server, at))
            }
            Action::Settle { server, at, reply: how } => {
                format!("server {server} settles {}{}", task(server, at), reply(how))
            }
            Action::Gather { server } => format!("server {server} gathers a batch"),
            Action::Advance { server } => {
                let phase = state.servers[usize::from(server)].batch.as_ref().map(|batch| batch.phase.name());
                format!("server {server}'s writer {}", phase.unwrap_or("?"))
            }
            Action::Commit { server } => format!("server {server}'s writer commits, and hears so"),
            Action::LoseAnswer { server } => format!("server {server}'s COMMIT is sent, its answer lost"),
            Action::LoseBinding { server, commits: true } => {
                format!("server {server} binds its losers' keys, and does not hear so")
            }
            Action::LoseBinding { server, commits: false } => {
                format!("server {server} fails to bind its losers' keys, and does not hear so")
            }
            Action::WriteAgain { server } => format!("server {server} writes the batch in doubt again"),
            Action::GiveUp { server } => format!("server {server} gives the batch in doubt up"),
            Action::Crash { server } => format!("server {server} is killed"),
            Action::Wipe => "Redis loses everything".to_owned(),
            Action::Expire { token } => format!("the lease of token {token} expires"),
            Action::Lie { token } => format!("somebody writes into Redis under token {token}"),
            Action::Settled { commits: true, .. } => "a transaction in doubt commits".to_owned(),
            Action::Settled { commits: false, .. } => "a transaction in doubt is undone".to_owned(),
            Action::Tick => format!("the database's clock goes on to {}", state.database.now + 1),
            Action::Age => format!("the page tokens, {}, grow older", state.age.name()),
            Action::Close => "an organiser closes the draw".to_owned(),
            Action::Withdraw { id } => format!("{} withdraws", name(id.press)),
        }
    }
}

/// The ways in which a call can end.
fn replies(can_fail: bool) -> impl Iterator<Item = Reply> {
    let failed = [Reply::LostBefore, Reply::LostAfter].into_iter().filter(move |_| can_fail);
    std::iter::once(Reply::Heard).chain(failed)
}

impl Age {
    fn name(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Settling => "beyond their life but settling",
            Self::Expired => "expired",
        }
    }
}

impl Phase {
    fn name(&self) -> &'static str {
        match self {
            Self::Begin => "holds the draw's row and reads the clock",
            Self::Close => "stores that the draw is closed",
            Self::Entries => "inserts entries",
            Self::Claims => "inserts claims",
            Self::Count => "counts",
            Self::Commit => "commits",
            Self::InDoubt => "is in doubt",
            Self::LookUp(_) => "looks up the entries of its losers' people",
            Self::LookUpRest(..) => "looks up who holds its losers' claims",
            Self::Bind { .. } => "binds the keys of its losers to their people's entries",
            Self::Tell => "tells",
        }
    }
}
