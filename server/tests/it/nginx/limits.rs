//! Who is limited, and who is not.

use reqwest::{RequestBuilder, Response};
use shared::Problem;
use tokio::task::JoinSet;

use super::answers::assert_is;
use super::{CREATED, Front, MACHINE, NO_INTEGRATOR, Stub, http_from, nginx, url};
use crate::ground::Backends;

const REGISTER: &str = "/api/v1/draws/open/entries";

/// Sends many requests, a hundred at a time.
async fn flood(requests: impl Iterator<Item = RequestBuilder>) -> Vec<Response> {
    let mut answers = Vec::new();
    let mut tasks = JoinSet::new();
    for request in requests {
        if tasks.len() >= 100 {
            answers.extend(tasks.join_next().await.map(|answer| answer.expect("ran")));
        }
        tasks.spawn(async move { request.send().await.expect("answers") });
    }
    answers.extend(tasks.join_all().await);
    answers
}

fn limited(answers: &[Response]) -> usize {
    answers.iter().filter(|answer| answer.status() == 429).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_ends_at_nginx_whatever_it_says_about_itself() {
    const FLOOD: usize = 4000;
    if !Backends::chosen().is_sqlite() {
        return;
    }
    let stub = Stub::start(Some(CREATED)).await;
    let nginx = nginx(stub.ports(), NO_INTEGRATOR);
    let (http, url) = (http_from(1), url(&nginx));
    let answers = flood((0..FLOOD).map(|number| {
        http.post(format!("{url}{REGISTER}"))
            .header("x-forwarded-for", format!("198.51.{}.{}", number / 250, number % 250))
            .header("cookie", format!("drawbridge_entrant=forged-{number:020}"))
            .body("{}")
    }))
    .await;
    let refused = limited(&answers);
    assert!(refused > 0, "{FLOOD} in a few seconds are too many");
    assert!(FLOOD - refused >= 1500, "500 people with three requests each are not");
    assert_eq!(stub.heads().len(), FLOOD - refused, "what is refused reaches no server");
    let answer = answers.into_iter().find(|answer| answer.status() == 429).expect("one");
    assert_is(Problem::RateLimited, answer).await;

    // Without a pause a page form of the same address is refused as well, in words; nobody else is, and nothing else.
    let forms = flood((0..300).map(|_| http.post(format!("{url}/draws/open")).body("a=b"))).await;
    let form = forms.into_iter().find(|answer| answer.status() == 429).expect("one");
    assert_eq!(
        (&form.headers()["content-type"], &form.headers()["retry-after"]),
        (&"text/html; charset=utf-8".parse().expect("a type"), &"5".parse().expect("a number"))
    );
    let page = http.get(format!("{url}/draws/open")).send().await.expect("answers");
    assert_eq!(page.status(), 201, "as the server says it");
    let neighbour = http_from(2).post(format!("{url}{REGISTER}")).body("{}").send().await.expect("answers");
    assert_eq!(neighbour.status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_floods_is_stopped_and_its_neighbours_are_not() {
    if !Backends::chosen().is_sqlite() {
        return;
    }
    let stub = Stub::start(Some(CREATED)).await;
    let nginx = nginx(stub.ports(), NO_INTEGRATOR);
    let (http, url) = (http_from(1), url(&nginx));
    let press = |cookie: String| http.post(format!("{url}{REGISTER}")).header("cookie", cookie).body("{}");
    let (one, another) = ("A".repeat(64), "B".repeat(64));
    for name in ["drawbridge_entrant", "a=b; __Host-drawbridge_entrant"] {
        let answers = flood((0..200).map(|_| press(format!("{name}={one}")))).await;
        assert!(limited(&answers) > 0, "{name}");
        assert_eq!(press(format!("{name}={another}")).send().await.expect("answers").status(), 201);
        assert_eq!(press("c=d".to_owned()).send().await.expect("answers").status(), 201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_another_proxy_its_clients_count_and_integrators_do_not() {
    const OUTER: &str = "
set_real_ip_from 127.0.0.1;
real_ip_header X-Forwarded-For;
real_ip_recursive on;
geo $is_integrator { default 0; 198.51.100.7/32 1; }
";
    const FLOOD: usize = 3000;
    if !Backends::chosen().is_sqlite() {
        return;
    }
    assert!(!MACHINE.contains("real_ip"));
    let stub = Stub::start(Some(CREATED)).await;
    let nginx = nginx(stub.ports(), OUTER);
    let (http, url) = (http_from(1), url(&nginx));
    let press =
        |client: &str| http.post(format!("{url}{REGISTER}")).header("x-forwarded-for", client).body("{}");
    let integrator = flood((0..FLOOD).map(|_| press("198.51.100.7"))).await;
    assert_eq!(limited(&integrator), 0);
    assert!(stub.heads().iter().all(|head| head.contains("x-forwarded-for: 198.51.100.7\r\n")));
    // One subscriber of IPv6 has as many addresses as it likes.
    for network in ["2001:db8:1:2", "2001:db8:"] {
        let many = flood((0..FLOOD).map(|number| press(&format!("{network}:1:0:0:{number:x}")))).await;
        assert!(limited(&many) > 0, "{network}");
    }
    for another in ["2001:db8:1:3::1", "203.0.113.1"] {
        assert_eq!(press(another).send().await.expect("answers").status(), 201, "{another}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoofed_address_does_not_lift_the_servers_limit_and_the_real_one_counts() {
    let Some(front) = Front::start(&[("DRAWBRIDGE_IP_RATE", "1/min burst 5")]) else { return };
    let url = url(&front.nginx);
    let press = |from: u8, forwarded: &str| {
        let request = http_from(from).post(format!("{url}{REGISTER}")).header("x-forwarded-for", forwarded);
        request.header("idempotency-key", "no-token-at-all-but-long-enough").body("{}")
    };
    let spoofed =
        flood((0..1000).map(|number| press(2, &format!("10.0.{}.{}", number / 250, number % 250)))).await;
    // Three servers count together; what one of them has taken ahead, and a minute that passes, may add a few.
    let passed = spoofed.len() - limited(&spoofed);
    assert!((5..20).contains(&passed), "{passed}");
    assert_ne!(press(3, "127.0.0.2").send().await.expect("answers").status(), 429, "another address");
    assert_eq!(press(2, "127.0.0.3").send().await.expect("answers").status(), 429);
}
