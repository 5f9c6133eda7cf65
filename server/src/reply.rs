//! Answers to many who wait on other threads.
//!
//! To wake a task of another thread costs that thread's attention, mostly a system call. Who has answers for many, like a
//! writer after its batch, therefore hands each thread its answers at once, and they are given out there.

use std::collections::HashMap;

use tokio::runtime::{Handle, Id};
use tokio::sync::oneshot;

/// The way to one who waits for an answer.
#[derive(Debug)]
pub struct Reply<T> {
    to: oneshot::Sender<T>,
    /// Where they wait.
    runtime: Handle,
}

/// An answer on its way, and where it is waited for: on the thread that calls this.
pub fn reply<T>() -> (Reply<T>, oneshot::Receiver<T>) {
    let (to, answer) = oneshot::channel();
    (Reply { to, runtime: Handle::current() }, answer)
}

impl<T> Reply<T> {
    /// Whether nobody waits any more.
    pub fn is_closed(&self) -> bool {
        self.to.is_closed()
    }
}

/// Answers many. Who stopped waiting meanwhile goes on without an answer.
pub fn answer_all<T: Send + 'static>(answers: impl IntoIterator<Item = (Reply<T>, T)>) {
    let here = Handle::try_current().ok().map(|runtime| runtime.id());
    let mut elsewhere: HashMap<Id, (Handle, Vec<_>)> = HashMap::new();
    for (Reply { to, runtime }, answer) in answers {
        if Some(runtime.id()) == here {
            let _ = to.send(answer);
        } else {
            elsewhere.entry(runtime.id()).or_insert_with(|| (runtime, Vec::new())).1.push((to, answer));
        }
    }
    for (runtime, answers) in elsewhere.into_values() {
        runtime.spawn(async move {
            for (to, answer) in answers {
                let _ = to.send(answer);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Builder;

    use super::*;

    #[tokio::test]
    async fn everybody_gets_their_own_answer_wherever_they_wait() {
        let other = Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
        let mut answers = Vec::new();
        let mut waiting = Vec::new();
        for at in 0..40 {
            let (way, answer) =
                if at % 2 == 0 { reply() } else { other.spawn(async { reply() }).await.expect("runs") };
            waiting.push(answer);
            answers.push((way, at));
        }
        waiting[7].close();
        assert!(answers[7].0.is_closed());
        answer_all(answers);
        for (at, answer) in waiting.into_iter().enumerate() {
            assert_eq!(answer.await.ok(), (at != 7).then_some(at), "who left gets none, and holds up nobody");
        }
        other.shutdown_background();
    }

    #[tokio::test]
    async fn where_a_thread_has_ended_nobody_waits_for_ever() {
        let other = Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
        let (way, answer) = other.spawn(async { reply() }).await.expect("runs");
        other.shutdown_background();
        answer_all([(way, 1)]);
        assert!(answer.await.is_err());
    }
}
