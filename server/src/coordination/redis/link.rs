//! The connection: made when it is needed, shared by all calls of one runtime, given up when it may be stuck.
//!
//! Answers belong to calls by their order. The client library keeps a place in that order for a call whose
//! caller has gone away or was timed out, and throws its answer away when it comes: no call can read another's.

use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, Cmd, IntoConnectionInfo as _, Pipeline, RedisError, RedisResult, Value,
};
use tokio::time::error::Elapsed;
use tokio::time::timeout;

/// How long connecting may take. Longer than a call is waited for: it goes on for the calls to come.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Calls that may wait to be written to a connection; more wait for those.
const QUEUE: usize = 1024;
/// How often a Cluster's client follows a redirection or tries again, within the time-out of the call.
const CLUSTER_RETRIES: u32 = 3;
/// Milliseconds between these.
const CLUSTER_PAUSES: (u64, u64) = (5, 40);

/// How often the clock is looked at before an answer is late: more often than a thread is needed to send a call and to hand
/// its answer on.
const LOOKS: u32 = 10;

type Connecting = Shared<BoxFuture<'static, RedisResult<Connection>>>;

#[derive(Clone)]
enum Connection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// Where Redis is, and how long it may take.
pub(super) struct Target {
    way: Way,
    /// Each address, for subscriptions: in a Cluster any node tells what was told to any other.
    pub nodes: Vec<Client>,
    /// How long one answer is waited for.
    pub timeout: Duration,
}

enum Way {
    Server(Client, AsyncConnectionConfig),
    Cluster(ClusterClient),
}

/// A connection to Redis, of the runtime that first asks over it.
pub(super) struct Link {
    pub target: Arc<Target>,
    current: Mutex<Option<Connecting>>,
}

impl Target {
    /// # Errors
    /// When the addresses cannot be used at all.
    pub fn new(config: &crate::config::Redis) -> RedisResult<Self> {
        let tcp = TcpSettings::default().set_nodelay(true);
        let addresses = config
            .urls
            .iter()
            .map(|url| Ok(url.as_str().into_connection_info()?.set_tcp_settings(tcp.clone())))
            .collect::<RedisResult<Vec<_>>>()?;
        let nodes = addresses.iter().cloned().map(Client::open).collect::<RedisResult<Vec<_>>>()?;
        let way = if config.is_cluster {
            Way::Cluster(
                ClusterClient::builder(addresses)
                    .tcp_settings(tcp)
                    .connection_timeout(CONNECT_TIMEOUT)
                    // How long an answer is waited for is counted here, for the Cluster as for one server.
                    .response_timeout(CONNECT_TIMEOUT)
                    .overall_response_timeout(None)
                    .retries(CLUSTER_RETRIES)
                    .min_retry_wait(CLUSTER_PAUSES.0)
                    .max_retry_wait(CLUSTER_PAUSES.1)
                    .build()?,
            )
        } else {
            let first = nodes.first().cloned().ok_or_else(no_address)?;
            let settings = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(CONNECT_TIMEOUT))
                .set_response_timeout(None)
                .set_pipeline_buffer_size(QUEUE);
            Way::Server(first, settings)
        };
        Ok(Self { way, nodes, timeout: config.timeout })
    }

    /// Whether keys lie on different nodes.
    pub fn is_cluster(&self) -> bool {
        matches!(self.way, Way::Cluster(_))
    }

    async fn connect(&self) -> RedisResult<Connection> {
        match &self.way {
            Way::Server(client, settings) => {
                client.get_multiplexed_async_connection_with_config(settings).await.map(Connection::Server)
            }
            Way::Cluster(client) => client.get_async_connection().await.map(Connection::Cluster),
        }
    }
}

impl Link {
    /// Connects when it is first needed.
    pub fn new(target: Arc<Target>) -> Self {
        Self { target, current: Mutex::default() }
    }

    /// Asks some things at once, over the connection there is or a new one: what is said to each, in order, or why nothing
    /// is. All of it is waited for as long as for any answer, connecting included.
    pub async fn query_each(&self, calls: Vec<Cmd>) -> Vec<RedisResult<Value>> {
        let many = calls.len();
        let asking = async {
            let connecting = self.connecting();
            let said = match connecting.clone().await? {
                Connection::Server(connection) => ask_server(connection, calls).await,
                Connection::Cluster(connection) => Ok(ask_cluster(connection, &calls).await),
            };
            let is_broken = match &said {
                Ok(said) => {
                    said.iter().filter_map(|said| said.as_ref().err()).any(RedisError::is_unrecoverable_error)
                }
                Err(error) => error.is_unrecoverable_error(),
            };
            if is_broken {
                self.forget(&connecting);
            }
            said
        };
        let late = |_| Err(io::Error::from(io::ErrorKind::TimedOut).into());
        match in_time(self.target.timeout, asking).await.unwrap_or_else(late) {
            Ok(said) => said,
            Err(error) => vec![Err(error); many],
        }
    }

    /// Gives up the connection, so that the next call makes a new one. One that is just being made stays.
    pub fn reconnect(&self) {
        let mut current = self.current();
        if current.as_ref().is_some_and(|connecting| connecting.peek().is_some()) {
            *current = None;
        }
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Option<Connecting>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connecting(&self) -> Connecting {
        let mut current = self.current();
        match &*current {
            Some(connecting) if !matches!(connecting.peek(), Some(Err(_))) => connecting.clone(),
            _ => {
                // Goes on when the call that began it is no longer waited for.
                let target = Arc::clone(&self.target);
                let connecting = tokio::spawn(async move { target.connect().await });
                let connecting =
                    async { connecting.await.unwrap_or_else(|ended| Err(io::Error::other(ended).into())) };
                let connecting = connecting.boxed().shared();
                current.insert(connecting).clone()
            }
        }
    }

    fn forget(&self, broken: &Connecting) {
        let mut current = self.current();
        if current.as_ref().is_some_and(|connecting| connecting.ptr_eq(broken)) {
            *current = None;
        }
    }
}

/// Asks one server: what does not come at all is an error of the whole.
async fn ask_server(
    mut server: MultiplexedConnection,
    calls: Vec<Cmd>,
) -> RedisResult<Vec<RedisResult<Value>>> {
    let mut pipeline = Pipeline::with_capacity(calls.len());
    let many = calls.len();
    for call in calls {
        pipeline.add_command(call);
    }
    let said = server.send_packed_commands(&pipeline, 0, many).await?;
    if said.len() != many {
        return Err((redis::ErrorKind::UnexpectedReturnType, "not one answer for each call").into());
    }
    Ok(said.into_iter().map(Value::extract_error).collect())
}

/// Asks the nodes of a Cluster, one after the other.
async fn ask_cluster(mut cluster: ClusterConnection, calls: &[Cmd]) -> Vec<RedisResult<Value>> {
    let mut said = Vec::with_capacity(calls.len());
    for call in calls {
        said.push(call.query_async(&mut cluster).await);
    }
    said
}

/// Waits so long for an answer, of the time in which this thread would see it come, and at least ten milliseconds. One with
/// a crowd to serve comes late to what has arrived, and to its clock just as late: each look at the clock is a look at the
/// connection.
async fn in_time<T>(limit: Duration, answer: impl Future<Output = T>) -> Result<T, Elapsed> {
    let mut answer = pin!(answer);
    for _ in 1..LOOKS {
        if let Ok(answer) = timeout(limit / LOOKS, &mut answer).await {
            return Ok(answer);
        }
    }
    timeout(limit / LOOKS, answer).await
}

fn no_address() -> RedisError {
    (redis::ErrorKind::InvalidClientConfig, "an address is needed").into()
}

#[cfg(test)]
mod tests {
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn a_thread_that_comes_late_to_its_clock_is_no_redis_that_is_late() {
        let limit = Duration::from_millis(50);
        let crowd = tokio::spawn(async move {
            loop {
                std::thread::sleep(limit * 2);
                yield_now().await;
            }
        });
        // Each time the crowd is through, a call gets on by one step: written, read, handed on.
        let call = tokio::spawn(async {
            for _ in 0..4 {
                yield_now().await;
            }
        });
        in_time(limit, call).await.expect("the thread was late, and nobody else").expect("runs");
        crowd.abort();
    }
}
