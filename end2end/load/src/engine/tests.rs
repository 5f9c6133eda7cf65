//! The engine against servers that misbehave as they are told to.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::measure::Outcome;
use crate::mix::Kind;
use crate::plan::{Pace, Plan, Stop};
use crate::run_fixed;
use crate::targets::Targets;
use crate::work::Fixed;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// What a server does with the request of a number; `false` ends the connection.
type Script = dyn Fn(u64, &mut TcpStream) -> bool + Send + Sync;

/// A server of one thread a connection, that ends with the test program. Counts the requests it has read.
fn server(
    script: impl Fn(u64, &mut TcpStream) -> bool + Send + Sync + 'static,
) -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (script, count): (Arc<Script>, _) = (Arc::new(script), Arc::new(AtomicU64::new(0)));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (script, count) = (Arc::clone(&script), Arc::clone(&count));
            std::thread::spawn(move || converse(stream, &*script, &count));
        }
    });
    (address, counted)
}

fn converse(mut stream: TcpStream, script: &Script, count: &AtomicU64) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    while let Some(Ok(line)) = lines.next() {
        if line.is_empty() && !script(count.fetch_add(1, Ordering::SeqCst), &mut stream) {
            return;
        }
    }
}

fn answer(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    stream.write_all(bytes).is_ok()
}

fn plan(connections: usize, stop: Stop) -> Plan {
    Plan { connections, stop, warm_up: Duration::ZERO, patience: Duration::from_secs(5), ..Plan::default() }
}

fn run(address: SocketAddr, plan: &Plan) -> Outcome {
    let targets = Targets::from(address);
    let fixed = Fixed::get(targets.host(), "/").expecting_body(b"ok".to_vec());
    run_fixed(&targets, plan, &fixed, |_| {}).unwrap()
}

#[test]
fn as_many_requests_are_sent_as_were_asked_for() {
    let (address, count) = server(|_, stream| answer(stream, OK));
    let outcome = run(address, &Plan { threads: 3, ..plan(10, Stop::Requests(1001)) });
    assert_eq!(count.load(Ordering::SeqCst), 1001);
    assert_eq!(outcome.answers, 1001);
    let fixed = outcome.kind(Kind::Fixed).unwrap();
    assert_eq!((fixed.right, fixed.service.count(), fixed.statuses[&200]), (1001, 1001, 1001));
    assert!(outcome.is_right() && outcome.reconnects == 0, "{outcome:?}");
    assert_eq!(outcome.series.iter().map(|second| second.right).sum::<u64>(), 1001);
}

#[test]
fn what_warms_up_is_not_measured() {
    let (address, count) = server(|_, stream| answer(stream, OK));
    let outcome = run(address, &Plan { warm_up: Duration::from_millis(200), ..plan(2, Stop::Requests(100)) });
    assert_eq!(outcome.kind(Kind::Fixed).unwrap().sent(), 100);
    assert!(count.load(Ordering::SeqCst) > 100);
}

/// Coordinated omission: a server that stalls is asked no less for it, and everybody who came meanwhile waited.
#[test]
fn a_stall_shows_in_the_time_from_when_presses_were_due() {
    let door = Mutex::new(());
    let (address, _) = server(move |number, stream| {
        let _inside = door.lock().unwrap();
        if number == 100 {
            std::thread::sleep(Duration::from_millis(500));
        }
        answer(stream, OK)
    });
    let pace = Pace::Open { per_second: 400.0, poisson: false };
    let outcome = run(address, &Plan { pace, ..plan(4, Stop::Requests(400)) });
    let fixed = outcome.kind(Kind::Fixed).unwrap();
    assert_eq!(fixed.right, 400);
    // The stall holds up what is due within half of the second: 200 of 400, half of those for 250 ms and more. By
    // time of service it were four, one a connection.
    let latency = fixed.latency.as_ref().unwrap();
    assert!(latency.quantile(0.8) > 200_000, "{} µs", latency.quantile(0.8));
    assert!(fixed.service.quantile(0.95) < 200_000, "{} µs", fixed.service.quantile(0.95));
    assert!(fixed.service.max() > 400_000, "{} µs", fixed.service.max());
    // The time between was spent in the generator's own queue.
    assert!(outcome.delay.as_ref().unwrap().quantile(0.8) > 150_000);
    assert_eq!(outcome.due.as_ref().unwrap().count(), 400);
}

#[test]
fn what_could_not_be_sent_counts_with_the_time_it_has_waited() {
    let (address, _) = server(|_, _| true);
    let pace = Pace::Open { per_second: 100.0, poisson: false };
    let stop = Stop::After(Duration::from_millis(500));
    let outcome = run(address, &Plan { pace, patience: Duration::from_millis(200), ..plan(1, stop) });
    assert!(outcome.errors.time_out > 0 && outcome.unsent > 0, "{outcome:?}");
    let due = outcome.due.as_ref().unwrap();
    assert_eq!(due.count(), 50);
    assert!(due.quantile(0.5) > 200_000, "{} µs", due.quantile(0.5));
    assert!(!outcome.is_right());
}

#[test]
fn a_connection_that_was_ended_in_order_is_made_again() {
    let (address, _) = server(|_, stream| {
        answer(stream, b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        false
    });
    let outcome = run(address, &plan(2, Stop::Requests(50)));
    assert_eq!(outcome.kind(Kind::Fixed).unwrap().right, 50);
    assert!(outcome.is_right() && outcome.reconnects >= 48, "{outcome:?}");
}

#[test]
fn an_answer_that_breaks_off_is_an_error() {
    let (address, _) = server(|number, stream| {
        answer(stream, if number == 3 { &OK[..OK.len() - 1] } else { OK }) && number != 3
    });
    let outcome = run(address, &plan(1, Stop::Requests(10)));
    let fixed = outcome.kind(Kind::Fixed).unwrap();
    assert_eq!((fixed.right, fixed.lost, outcome.errors.connection), (9, 1, 1));
    assert!(outcome.surprises[0].came.contains("closed"), "{:?}", outcome.surprises);
    assert_eq!(outcome.reconnects, 1);
}

#[test]
fn more_than_was_asked_for_and_what_is_no_answer_are_errors() {
    for strange in [[OK, OK].concat(), b"220 mail.example ESMTP\r\n".to_vec()] {
        let (address, _) =
            server(move |number, stream| answer(stream, if number == 0 { &strange } else { OK }));
        let outcome = run(address, &plan(1, Stop::Requests(5)));
        assert_eq!((outcome.errors.connection, outcome.errors.total()), (1, 1), "{outcome:?}");
    }
}

#[test]
fn an_answer_that_comes_byte_by_byte_is_read() {
    let (address, _) = server(|_, stream| {
        stream.set_nodelay(true).unwrap();
        OK.iter().all(|byte| answer(stream, &[*byte]))
    });
    let outcome = run(address, &plan(2, Stop::Requests(20)));
    assert_eq!(outcome.kind(Kind::Fixed).unwrap().right, 20);
}

#[test]
fn a_wrong_answer_is_kept_with_what_was_expected() {
    let (address, _) =
        server(|_, stream| answer(stream, b"HTTP/1.1 500 Oops\r\nContent-Length: 3\r\n\r\nbad"));
    let outcome = run(address, &plan(1, Stop::Requests(30)));
    assert_eq!(outcome.errors.unexpected, 30);
    assert_eq!(outcome.surprises.len(), 20);
    assert_eq!(outcome.surprises[0].expected, "200");
    assert!(
        outcome.surprises[0].came.starts_with("HTTP/1.1 500 Oops")
            && outcome.surprises[0].came.ends_with("bad")
    );
}

#[test]
fn shed_requests_are_no_errors_where_they_are_expected() {
    let polite = b"HTTP/1.1 503 Busy\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n";
    let rude = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";
    let shed = |bytes: &'static [u8], expect_shed| {
        let (address, _) = server(move |_, stream| answer(stream, bytes));
        run(address, &Plan { expect_shed, ..plan(1, Stop::Requests(10)) })
    };
    let outcome = shed(polite, true);
    let fixed = outcome.kind(Kind::Fixed).unwrap();
    assert_eq!((fixed.refused, fixed.refusal.count(), fixed.service.count()), (10, 10, 0));
    assert!(outcome.is_right());
    assert_eq!(shed(polite, false).errors.unexpected, 10);
    assert_eq!(shed(rude, true).errors.unexpected, 10);
}

#[test]
fn nobody_at_the_target_is_said_before_the_clock_starts() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let targets = Targets::from(listener.local_addr().unwrap());
    drop(listener);
    let fixed = Fixed::get(targets.host(), "/");
    let failure =
        run_fixed(&targets, &Plan { threads: 2, ..plan(4, Stop::Requests(10)) }, &fixed, |_| {}).unwrap_err();
    assert!(failure.to_string().contains(targets.host()), "{failure}");
}
