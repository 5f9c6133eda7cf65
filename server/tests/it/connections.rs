//! Clients that send more, or less, than they should, over a plain connection.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::process::{Client, Place, Server};
use crate::site::person;

fn connect(server: &Server) -> TcpStream {
    let address = server.url.strip_prefix("http://").expect("a URL");
    let stream = TcpStream::connect(address).expect("connects");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out");
    stream
}

/// Everything the server says until it closes.
fn answer(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("no reset");
    String::from_utf8(answer).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_too_much_is_told_so_after_sending_it() {
    let place = Place::new();
    let server = place.serve();
    let token = Client::new(&server).token("open").await.expect("a token");
    for key in [token.as_str(), "no-token-at-all-but-long-enough"] {
        for _ in 0..10 {
            let mut stream = connect(&server);
            let head = format!(
                "POST /api/v1/draws/open/entries HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                 content-type: application/json\r\nidempotency-key: {key}\r\ncontent-length: 3000000\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).expect("sends");
            stream.write_all(&vec![b' '; 3_000_000]).expect("sends all of it before it listens");
            let answer = answer(stream);
            let expected = if key == token { "body-too-large" } else { "idempotency-key-invalid" };
            assert!(answer.contains(expected), "{answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_sending_still_gets_the_answer() {
    let place = Place::new();
    let server = place.serve();
    let token = Client::new(&server).token("open").await.expect("a token");
    let body = person("ada").to_string();
    let mut stream = connect(&server);
    let request = format!(
        "POST /api/v1/draws/open/entries HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         idempotency-key: {token}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("sends");
    stream.shutdown(Shutdown::Write).expect("half-closes");
    let answer = answer(stream);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_is_registered_all_the_same() {
    let place = Place::new();
    let server = place.serve();
    let client = Client::new(&server);
    let mut tokens = Vec::new();
    for number in 0..50 {
        let token = client.token("open").await.expect("a token");
        let body = person(&format!("p{number}")).to_string();
        let mut stream = connect(&server);
        let request = format!(
            "POST /api/v1/draws/open/entries HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
             idempotency-key: {token}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("sends");
        drop(stream);
        tokens.push((token, number));
    }
    for (token, number) in tokens {
        let reply = client.register("open", &token, &person(&format!("p{number}"))).await.expect("answers");
        assert_eq!(reply.status, 201, "{}", reply.body);
    }
    assert_eq!(place.receipts("open").len(), 50);
    place.reconcile();
}

#[test]
fn a_head_without_end_is_refused() {
    let place = Place::new();
    let server = place.serve();
    let mut stream = connect(&server);
    let head = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}", "y".repeat(100_000));
    // The server may have hung up before all of it was sent.
    let _ = stream.write_all(head.as_bytes());
    let mut answer = [0; 12];
    let got = stream.read(&mut answer).unwrap_or(0);
    assert!(got == 0 || &answer[..got] == b"HTTP/1.1 431", "{:?}", &answer[..got]);
}
