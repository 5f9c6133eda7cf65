//! Work that is seen through although nobody waits for it any more.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// A future that, when it is dropped before its end, goes on in a task of its own. Where it is not dropped, which is
/// nearly always, it costs no task and no change of thread.
///
/// A runtime that shuts down drops tasks as well: that is the one end of it.
pub struct SeenThrough<F>(Option<Pin<Box<F>>>)
where
    F: Future<Output: Send> + Send + 'static;

/// Sees a future through.
pub fn seen_through<F>(work: F) -> SeenThrough<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    SeenThrough(Some(Box::pin(work)))
}

impl<F> Future for SeenThrough<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // Taken out while it runs: what panics is not polled again by `drop`.
        let mut work = self.0.take().expect("polled after its end");
        let polled = work.as_mut().poll(context);
        if polled.is_pending() {
            self.0 = Some(work);
        }
        polled
    }
}

impl<F> Drop for SeenThrough<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    fn drop(&mut self) {
        if let (Some(work), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::poll;
    use tokio::sync::Notify;

    use super::*;

    /// Counts one, waits, counts one more.
    fn work() -> (Arc<AtomicU32>, Arc<Notify>, SeenThrough<impl Future<Output = u32> + Send>) {
        let (count, go) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let (counted, waited) = (Arc::clone(&count), Arc::clone(&go));
        let work = seen_through(async move {
            counted.fetch_add(1, Ordering::SeqCst);
            waited.notified().await;
            counted.fetch_add(1, Ordering::SeqCst) + 1
        });
        (count, go, work)
    }

    #[tokio::test]
    async fn who_stays_gets_the_end() {
        let (count, go, work) = work();
        go.notify_one();
        assert_eq!(work.await, 2);
        tokio::task::yield_now().await;
        assert_eq!(count.load(Ordering::SeqCst), 2, "and it ran once");
    }

    #[tokio::test]
    async fn who_leaves_in_the_middle_or_before_the_beginning_stops_nothing() {
        for begins in [true, false] {
            let (count, go, mut work) = work();
            if begins {
                assert!(poll!(&mut work).is_pending());
            }
            drop(work);
            go.notify_one();
            while count.load(Ordering::SeqCst) < 2 {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn what_panics_is_over() {
        let mut work = Box::pin(seen_through(async { panic!("on purpose") }));
        let polled = tokio::spawn(async move { work.as_mut().await });
        assert!(polled.await.is_err_and(|error| error.is_panic()));
    }
}
