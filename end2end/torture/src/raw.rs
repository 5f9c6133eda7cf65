//! Clients that are no browsers: slow ones, some that hang up, some that talk nonsense. They write bytes.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::history::{Answer, Outcome, Payload};
use crate::world::{Attempt, Cookie, TIMEOUT, World};

/// How slowly somebody speaks: the pause between pieces of a few bytes.
const SLOWLY: Duration = Duration::from_millis(60);
const PIECE: usize = 12;

/// An answer as it is noted: success with its body, a problem with its code.
pub fn answer(status: u16, is_replayed: bool, retry_after: Option<u32>, text: &str) -> Answer {
    let mut answer = Answer { status, is_replayed, retry_after, ..Answer::default() };
    if status == 201 {
        text.clone_into(&mut answer.body);
    }
    if status >= 400 {
        let body: Value = serde_json::from_str(text).unwrap_or_default();
        body["type"]
            .as_str()
            .unwrap_or_default()
            .trim_start_matches("/problems/")
            .clone_into(&mut answer.code);
        let fields = body["errors"].as_array().into_iter().flatten();
        answer.fields = fields.filter_map(|error| Some(error["field"].as_str()?.to_owned())).collect();
    }
    answer
}

/// An error with what caused it, without addresses.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

/// A request to register, as bytes.
pub fn request(world: &World, attempt: &Attempt, payload: &Payload, cookie: Option<&Cookie>) -> Vec<u8> {
    let body = payload.json().to_string();
    let cookie = cookie.map_or_else(String::new, |cookie| format!("cookie: {}\r\n", cookie.text));
    let authorization = match attempt.is_integrators {
        true => format!("authorization: {}\r\n", world.api_key),
        false => String::new(),
    };
    format!(
        "POST /api/v1/draws/round-{}/entries HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\
         content-type: application/json\r\nidempotency-key: {}\r\nattempt: 1\r\n{cookie}{authorization}content-length: {}\r\n\r\n{body}",
        attempt.draw,
        attempt.key,
        body.len(),
    )
    .into_bytes()
}

/// A connection to the front, from an address.
///
/// # Errors
/// When none can be made.
pub async fn connect(world: &World, from: IpAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    socket.connect((Ipv4Addr::LOCALHOST, world.ground.links.front.port()).into()).await
}

/// Sends a request a few bytes at a time and reads the answer.
pub async fn slowly(world: &World, from: IpAddr, request: &[u8]) -> Outcome {
    let exchange = async {
        let mut stream = connect(world, from).await?;
        for piece in request.chunks(PIECE) {
            stream.write_all(piece).await?;
            tokio::time::sleep(SLOWLY).await;
        }
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    match tokio::time::timeout(TIMEOUT, exchange).await {
        Ok(Ok(bytes)) => {
            parse(&bytes).map_or_else(|| Outcome::Unknown("half an answer".to_owned()), Outcome::Answered)
        }
        Ok(Err(error)) => Outcome::Unknown(error.to_string()),
        Err(_) => Outcome::Unknown("timed out".to_owned()),
    }
}

/// Sends a request, or the beginning of it, and hangs up without listening.
pub async fn and_hang_up(world: &World, from: IpAddr, request: &[u8], said: usize) -> Outcome {
    let sent = async {
        let mut stream = connect(world, from).await?;
        stream.write_all(&request[..said.min(request.len())]).await?;
        stream.flush().await
    };
    match sent.await {
        Ok(()) => Outcome::Unknown("hung up".to_owned()),
        Err(error) => Outcome::Unknown(error.to_string()),
    }
}

/// Sends something that is no request, or one that no part of ours can take for a registration; whether that was
/// answered with anything but a refusal.
pub async fn nonsense(world: &World, from: IpAddr, draw: &str, random: &mut StdRng) -> Option<String> {
    let bytes: Vec<u8> = (0..random.random_range(1..400)).map(|_| random.random()).collect();
    let body = String::from_utf8_lossy(&bytes).replace(['\r', '\n'], " ");
    let key: String = (0..52).map(|_| char::from(random.random_range(b'A'..=b'Z'))).collect();
    let path = format!("/api/v1/draws/{draw}/entries");
    let request = match random.random_range(0..5) {
        0 => bytes,
        1 => format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into(),
        2 => format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nidempotency-key: {key}\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}"
        )
        .into(),
        3 => format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n\r\n{body}").into(),
        _ => format!("GET /receipts/{key} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").into(),
    };
    let exchange = async {
        let mut stream = connect(world, from).await.ok()?;
        stream.write_all(&request).await.ok()?;
        stream.shutdown().await.ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok()?;
        parse(&answer)
    };
    let answer = tokio::time::timeout(TIMEOUT, exchange).await.ok().flatten()?;
    (answer.status < 300).then(|| format!("nonsense was answered with {}", answer.status))
}

/// Takes an answer apart; `None` when it is not whole.
fn parse(bytes: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status: u16 = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, &str)> = lines
        .filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value)))
        .collect();
    let header = |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| *value);
    let length = header("content-length").and_then(|length| length.parse::<usize>().ok());
    if length.is_some_and(|length| body.len() < length) {
        return None;
    }
    let retry_after = header("retry-after").and_then(|seconds| seconds.parse().ok());
    Some(answer(status, header("idempotent-replayed").is_some(), retry_after, body))
}
