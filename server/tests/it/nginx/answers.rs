//! What nginx says itself, what it hands on, and what it writes down.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering;

use reqwest::{Method, Response};
use serde_json::Value;
use services::{Nginx, Ports};
use shared::Problem;

use super::{CREATED, NO_INTEGRATOR, Stub, http_from, nginx, url};
use crate::ground::Backends;

const REGISTER: &str = "/api/v1/draws/open/entries";

/// Checks that a problem says what the servers say of it, and names the request.
pub(super) async fn assert_is(problem: Problem, response: Response) {
    assert_eq!(response.status().as_u16(), problem.status());
    let headers = response.headers().clone();
    assert_eq!(headers["content-type"], "application/problem+json");
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers.contains_key("retry-after"), problem.is_temporary(), "{problem:?}");
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(body["type"], format!("/problems/{}", problem.code()));
    assert_eq!(body["title"], problem.title());
    assert_eq!(body["detail"], problem.detail());
    assert_eq!(body["status"], problem.status());
    assert_eq!(body["request_id"], headers["x-request-id"].to_str().expect("text"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_says_what_the_servers_would_say() {
    if !Backends::chosen().is_sqlite() {
        return;
    }
    let stub = Stub::start(None).await;
    let nginx = nginx(stub.ports(), NO_INTEGRATOR);
    assert!(nginx.check().contains("test is successful"));
    let (http, url) = (http_from(1), url(&nginx));
    for closed in ["/metrics", "/readyz", "/%6detrics", "//metrics"] {
        assert_is(Problem::NotFound, http.get(format!("{url}{closed}")).send().await.expect("answers")).await;
    }
    assert_eq!(stub.heads(), [""; 0], "no server was asked");
    let large = http.post(format!("{url}{REGISTER}")).body(vec![b' '; 70_000]);
    assert_is(Problem::BodyTooLarge, large.send().await.expect("answers")).await;
    let away = http.post(format!("{url}{REGISTER}")).body("{}").send().await.expect("answers");
    assert_is(Problem::StorageUnavailable, away).await;

    let page = http.get(format!("{url}/")).send().await.expect("answers");
    assert_eq!((page.status().as_u16(), &page.headers()["retry-after"]), (503, &"3".parse().expect("one")));
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert!(page.text().await.expect("text").contains("reload this page"));
    for head in
        ["NONSENSE\r\n\r\n".to_owned(), format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(50_000))]
    {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", nginx.ports().http)).expect("connects");
        // nginx may have hung up before all of it was sent.
        let _ = stream.write_all(head.as_bytes());
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer);
        assert!(answer.contains("cannot be read"), "{read:?}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_clients_say_about_themselves_goes_no_further_and_connections_are_kept() {
    if !Backends::chosen().is_sqlite() {
        return;
    }
    let stub = Stub::start(Some(CREATED)).await;
    let nginx = nginx(stub.ports(), NO_INTEGRATOR);
    let (http, url) = (http_from(2), url(&nginx));
    for _ in 0..50 {
        let request = http
            .post(format!("{url}{REGISTER}"))
            .header("x-forwarded-for", "203.0.113.1")
            .header("x-forwarded-for", "203.0.113.2")
            .header("x-real-ip", "203.0.113.3")
            .header("x-forwarded-host", "203.0.113.4")
            .header("forwarded", "for=203.0.113.5");
        let response = request.body("{}").send().await.expect("answers");
        assert_eq!(response.bytes().await.expect("a body"), "{}");
    }
    for head in stub.heads() {
        assert!(!head.contains("203.0.113."), "{head}");
        assert_eq!(head.matches("x-forwarded-for: 127.0.0.2\r\n").count(), 1, "{head}");
        assert!(head.contains("x-forwarded-proto: http\r\n"), "{head}");
    }
    let connections = stub.connections.load(Ordering::SeqCst);
    assert!(connections < 10, "few for fifty requests, one after the other: {connections}");

    let https = format!("https://127.0.0.1:{}/draws/open", nginx.ports().https);
    let curl = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--insecure",
            "--http2",
            "--write-out",
            " %{http_version} %{http_code}",
        ])
        .arg(https)
        .output()
        .expect("runs");
    assert_eq!(String::from_utf8_lossy(&curl.stdout), "{} 2 201", "{curl:?}");
    assert!(stub.heads()[0].contains("x-forwarded-proto: https\r\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_considered_refusal_is_handed_on_and_asked_for_once() {
    const OVERLOADED: &str =
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: 7\r\ncontent-length: 10\r\n\r\noverloaded";
    if !Backends::chosen().is_sqlite() {
        return;
    }
    let stub = Stub::start(Some(OVERLOADED)).await;
    let nginx = nginx(stub.ports(), NO_INTEGRATOR);
    let (http, url) = (http_from(1), url(&nginx));
    // More often than a server may fail before it is left out.
    for _ in 0..30 {
        let response = http.post(format!("{url}{REGISTER}")).body("{}").send().await.expect("answers");
        assert_eq!(
            (response.status().as_u16(), &response.headers()["retry-after"]),
            (503, &"7".parse().expect("7"))
        );
        assert_eq!(response.text().await.expect("text"), "overloaded");
    }
    assert_eq!(stub.heads().len(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_may_be_done_twice_is_sent_twice() {
    if !Backends::chosen().is_sqlite() {
        return;
    }
    let stub = Stub::start(None).await;
    let nginx = nginx(stub.ports(), NO_INTEGRATOR);
    let (http, url) = (http_from(1), url(&nginx));
    for (method, path, times) in [
        (Method::POST, REGISTER, 3),
        (Method::POST, "/draws/open", 3),
        (Method::POST, "/api/v1/draws/open/tokens", 3),
        (Method::GET, "/draws/open", 3),
        (Method::DELETE, "/api/v1/receipts/x", 3),
        (Method::POST, "/receipts/x/withdraw", 1),
        (Method::POST, "/admin/sign-in", 1),
        (Method::POST, "/admin/draws/open/close", 1),
    ] {
        let request = http.request(method.clone(), format!("{url}{path}")).body("{}");
        assert_eq!(request.send().await.expect("answers").status(), 503);
        assert_eq!(stub.heads().len(), times, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_code_is_written_down() {
    const CODE: &str = "c0de0c0dec0de0c0dec0de0c0dee";
    if !Backends::chosen().is_sqlite() {
        return;
    }
    let paths = [
        format!("/receipts/{CODE}"),
        format!("/receipts/{CODE}/withdraw"),
        format!("/receipts/{CODE}/calendar.ics"),
        format!("/receipts/{CODE}/{CODE}"),
        format!("/api/v1/receipts/{CODE}"),
        format!("/API/v1/Receipts/{CODE}"),
        format!("/%72eceipts/{CODE}"),
        format!("//receipts//{CODE}"),
        format!("/x/../receipts/{CODE}?{CODE}"),
        format!("/admin/draws/open/entries?q={CODE}"),
        "/".to_owned(),
    ];
    for answer in [Some(CREATED), None] {
        let stub = Stub::start(answer).await;
        let nginx = nginx(stub.ports(), NO_INTEGRATOR);
        for path in &paths {
            // Written by hand: clients would tidy the paths up.
            let mut stream =
                std::net::TcpStream::connect(("127.0.0.1", nginx.ports().http)).expect("connects");
            let head = format!(
                "GET {path} HTTP/1.1\r\nhost: x\r\nreferer: http://x/receipts/{CODE}\r\nconnection: close\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).expect("sends");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("no reset");
            assert!(answer.starts_with("HTTP/1.1 201") || answer.starts_with("HTTP/1.1 503"), "{answer}");
        }
        // A line is written after its answer was sent.
        let log = loop {
            let log = nginx.read("access.log");
            if log.lines().count() == paths.len() {
                break log;
            }
            tokio::task::yield_now().await;
        };
        assert!(!log.contains(CODE), "{log}");
        for logged in
            ["/receipts/***", "/receipts/***/withdraw", "/receipts/***/calendar.ics", "/api/v1/receipts/***"]
        {
            assert!(log.contains(&format!("\"path\":\"{logged}\"")), "{logged}: {log}");
        }
        for line in log.lines() {
            serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        }
        let errors = nginx.read("error.log") + &nginx.read("log");
        assert!(!errors.contains(CODE), "{errors}");
    }
}

#[test]
fn the_shipped_examples_are_in_order() {
    if !Backends::chosen().is_sqlite() {
        return;
    }
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    let example =
        |name: &str| std::fs::read_to_string(deploy.join("drawbridge").join(name)).expect("is there");
    // As they ship, but for what only root may do: low ports and the system's folders.
    let nginx = Nginx::start(&deploy.join("nginx.conf"), |Ports { http, https }| {
        let here = |text: String| {
            let mut text =
                text.replace("/etc/letsencrypt/live/draws.example.org/fullchain.pem", "certificate.pem");
            for (there, here) in [
                ("/etc/letsencrypt/live/draws.example.org/privkey.pem", "key.pem"),
                ("/var/log/nginx/", ""),
                ("/var/lib/nginx/", ""),
                ("listen 80;", &format!("listen 127.0.0.1:{http};")),
                ("listen 443 ", &format!("listen 127.0.0.1:{https} ")),
            ] {
                assert!(!there.starts_with("listen 80") || text.contains(there) || text.contains("443"));
                text = text.replace(there, here);
            }
            // Not every machine that tests has IPv6.
            text.lines()
                .filter(|line| !line.contains("listen [::]"))
                .map(|line| format!("{line}\n"))
                .collect()
        };
        let folders = super::MACHINE.lines().filter(|line| line.contains("temp_path ")).collect::<String>();
        vec![
            ("drawbridge/servers.conf", example("servers.conf")),
            ("drawbridge/listen.conf", here(example("listen.conf"))),
            ("drawbridge/machine.conf", folders + &here(example("machine.conf"))),
        ]
    });
    let mut plain = std::net::TcpStream::connect(("127.0.0.1", nginx.ports().http)).expect("connects");
    plain.write_all(b"GET /draws/open HTTP/1.0\r\nhost: draws.example.org\r\n\r\n").expect("sends");
    let mut answer = String::new();
    plain.read_to_string(&mut answer).expect("no reset");
    assert!(answer.contains("Location: https://draws.example.org/draws/open\r\n"), "{answer}");
}
