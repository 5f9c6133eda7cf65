//! Connections of people who never become entrants: a storm of silence, and a crowd that speaks slowly.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::world::World;

/// Connections of a storm, and of a slow crowd.
const STORM: usize = 500;
const SLOW: usize = 200;
/// Between one byte and the next.
const PAUSE: Duration = Duration::from_millis(300);

/// Connections that say nothing until the end; how many.
pub async fn storm(world: &World, end: impl Future<Output = ()>) -> String {
    let connections = connect(world, STORM).await;
    end.await;
    format!("{} connections", connections.len())
}

/// Clients that begin a request, a byte at a time, and never come to its end; how many.
pub async fn slowly(world: &World, end: impl Future<Output = ()>) -> String {
    let mut connections = connect(world, SLOW).await;
    let mut end = std::pin::pin!(end);
    let request = b"POST /api/v1/draws/round-0/entries HTTP/1.1\r\nhost: x\r\nx-slow: ";
    let mut said = 0;
    loop {
        for connection in &mut connections {
            // Who is cut off by nginx has been slow enough.
            let _ = connection.write_all(&[*request.get(said).unwrap_or(&b'x')]).await;
        }
        said += 1;
        tokio::select! {
            () = &mut end => return format!("{} clients", connections.len()),
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

async fn connect(world: &World, count: usize) -> Vec<TcpStream> {
    let port = world.ground.links.front.port();
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        if let Ok(connection) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
            connections.push(connection);
        }
    }
    connections
}
