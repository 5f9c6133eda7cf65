//! The command line.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use crate::ground::Backends;
use crate::process::{Client, Place, draws_now, text};
use crate::site::{person, with};

#[test]
fn applying_a_file_twice_changes_nothing_and_an_edit_says_what() {
    let place = Place::new();
    let file = place.path("draws.toml");
    let draws = draws_now(&[("spring", "capacity = 10")]);
    let apply = |draws: &str| {
        std::fs::write(&file, draws).expect("writes");
        place.run(&["draw", "apply", file.to_str().expect("UTF-8")])
    };
    assert_eq!(text(&apply(&draws).stdout), "spring: created, announced\n");
    assert_eq!(text(&apply(&draws).stdout), "spring: unchanged\n");
    let edited = draws.replace("capacity = 10", "capacity = 20\nmode = \"strict\"");
    assert_eq!(text(&apply(&edited).stdout), "spring: changed mode, capacity\n");
    let broken = apply(&format!("{draws}{}", draws_now(&[("bad", "countries = [\"XX\"]")])));
    assert!(!broken.status.success());
    assert!(text(&broken.stderr).contains("XX"), "{broken:?}");
    assert_eq!(text(&apply(&edited).stdout), "spring: unchanged\n", "nothing of a broken file is applied");
    let private = apply(&draws_now(&[("quiet", "private = true")]));
    assert!(!private.status.success() && text(&private.stderr).contains("mail"), "{private:?}");
    let list = text(&place.run(&["draw", "list"]).stdout);
    assert!(list.contains("spring\topen\t0 of 20 entries"), "{list}");
    assert!(!list.contains("bad") && !list.contains("quiet"));
}

#[test]
fn states_change_once_and_say_so() {
    let place = Place::new();
    assert_eq!(text(&place.run(&["draw", "close", "open"]).stdout), "open: now closed\n");
    assert_eq!(text(&place.run(&["draw", "close", "open"]).stdout), "open: closed already\n");
    let refused = place.run(&["draw", "announce", "open"]);
    assert!(!refused.status.success() && text(&refused.stderr).contains("closed"), "{refused:?}");
    assert_eq!(text(&place.run(&["draw", "cancel", "open"]).stdout), "open: now cancelled\n");
    assert!(!place.run(&["draw", "close", "nowhere"]).status.success());
}

#[test]
fn an_organiser_is_added_once_with_a_password_from_standard_input() {
    use std::io::Write as _;
    use std::process::Stdio;
    let place = Place::new();
    let add = |password: &str| {
        let mut child = place
            .command(&["admin", "add", "Org@example.org"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        child.stdin.take().expect("piped").write_all(password.as_bytes()).expect("writes");
        child.wait_with_output().expect("ends")
    };
    let short = add("too short\n");
    assert!(!short.status.success() && text(&short.stderr).contains("12"), "{short:?}");
    assert!(add("correct horse battery\n").status.success());
    assert!(!add("correct horse battery\n").status.success(), "added already");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_a_whole_database_with_its_secret() {
    let place = Place::new();
    let server = place.serve();
    let client = Client::new(&server);
    let token = client.token("open").await.expect("a token");
    let first = client.register("open", &token, &person("ada")).await.expect("answers");
    let copy = place.path("copy.db");
    let output = place.run(&["backup", copy.to_str().expect("UTF-8")]);
    if !Backends::chosen().is_sqlite() {
        // PostgreSQL has tools of its own for this.
        assert!(!output.status.success() && text(&output.stderr).contains("pg_dump"), "{output:?}");
        assert!(!copy.exists());
        return;
    }
    assert!(output.status.success(), "{output:?}");
    assert!(!place.run(&["backup", copy.to_str().expect("UTF-8")]).status.success(), "never overwrites");
    let secret = place.path("copy.db.secret");
    assert_eq!(std::fs::metadata(&secret).expect("is there").permissions().mode() & 0o777, 0o600);
    drop(server);

    let elsewhere = Place::new().with("DATABASE_URL", &format!("sqlite://{}", copy.display()));
    assert!(elsewhere.run(&["restored"]).status.success());
    let server = elsewhere.serve();
    let retry = Client::new(&server).register("open", &token, &person("ada")).await.expect("answers");
    assert_eq!(retry.body, first.body, "the copy knows who is registered, and under which token");
    elsewhere.reconcile();
}

#[test]
fn another_secret_is_refused() {
    let place = Place::new();
    let other = place.command(&["check"]).env("DRAWBRIDGE_SECRET", "ab".repeat(32)).output().expect("runs");
    assert!(!other.status.success());
    assert!(text(&other.stderr).contains("DRAWBRIDGE_SECRET"), "{other:?}");
    let check = place.run(&["check"]);
    assert!(check.status.success());
    let said = text(&check.stdout);
    let coordination = match Backends::chosen() {
        Backends::Sqlite | Backends::Postgres => "Coordination: within this process",
        Backends::PostgresRedis => "Coordination: Redis at redis://127.0.0.1",
        Backends::PostgresCluster => "Coordination: Redis Cluster at redis://127.0.0.1",
    };
    assert!(said.contains(coordination) && !said.contains("does not serve"), "{said}");
    assert!(said.contains("its migrations are current"), "{said}");
    if Backends::chosen().is_sqlite() {
        let secret = place.path("test.db.secret");
        assert_eq!(std::fs::metadata(secret).expect("is there").permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_wrong_setting_stops_the_start_with_one_sentence() {
    let place = Place::new();
    let wrong = place.command(&["serve"]).env("DRAWBRIDGE_PERSON_RATE", "quick").output().expect("runs");
    assert!(!wrong.status.success());
    assert_eq!(text(&wrong.stderr).lines().count(), 1, "{wrong:?}");
    assert!(text(&wrong.stderr).contains("DRAWBRIDGE_PERSON_RATE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn reconcile_tells_what_is_wrong() {
    let place = Place::new();
    place.apply(&[("phones", "one_per_phone = true"), ("open", "")]);
    let server = place.serve();
    let client = Client::new(&server);
    for draw in ["phones", "open"] {
        for (name, phone) in [("ada", "+441632960961"), ("bob", "+441632960962")] {
            let token = client.token(draw).await.expect("a token");
            let form = with(person(name), &[("phone", json!(phone))]);
            assert_eq!(client.register(draw, &token, &form).await.expect("answers").status, 201);
        }
    }
    place.reconcile();
    let told = async |tamper: &str| {
        place.connect().await.run(tamper).await.expect("tampers");
        let output = place.run(&["reconcile"]);
        assert_eq!(output.status.code(), Some(1), "{tamper}: {output:?}");
        text(&output.stdout)
    };
    let count = |told: &str, sentence: &str| told.lines().filter(|line| line.contains(sentence)).count();
    // A draw without a capacity may have several rows of counters.
    let open = "(SELECT id FROM draws WHERE slug = 'open')";
    let counted =
        told(&format!("UPDATE counters SET taken = taken + 5 WHERE shard = 0 AND draw_id = {open}")).await;
    assert!(counted.contains("open: the counter says 7 entries, there are 2"), "{counted}");

    let lacking = told("DELETE FROM claims WHERE kind = 'token'").await;
    assert_eq!((count(&lacking, "lacks its token claim"), count(&lacking, "claim")), (4, 4), "{lacking}");

    let astray = told("UPDATE claims SET entry_id = draw_id").await;
    assert_eq!(count(&astray, "lacks its phone claim"), 2, "{astray}");
    assert_eq!(count(&astray, "a phone claim belongs to entry"), 2, "{astray}");

    let renamed = told("UPDATE entries SET email_canonical = 'eve.' || email_canonical").await;
    assert_eq!(count(&renamed, "is not its email's"), 4, "{renamed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_told_to_stop_finishes_what_it_began() {
    let place = Place::new();
    let server = place.serve();
    let client = Client::new(&server);
    let mut tokens = Vec::new();
    for _ in 0..100 {
        tokens.push(client.token("open").await.expect("a token"));
    }
    assert_eq!(client.get("/readyz").await.expect("answers").0, 200);
    let mut burst = tokio::task::JoinSet::new();
    for (number, token) in tokens.into_iter().enumerate() {
        let client = client.clone();
        burst.spawn(async move { client.register("open", &token, &person(&format!("p{number}"))).await });
    }
    server.terminate();
    let replies = burst.join_all().await;
    assert!(server.ended_well());
    let acknowledged = replies.iter().flatten().filter(|reply| reply.status == 201).count();
    assert_eq!(acknowledged, 100, "{replies:?}");
    assert_eq!(place.receipts("open").len(), 100);
    place.reconcile();
}

#[test]
fn commands_that_start_together_on_nothing_make_one_database() {
    for _ in 0..5 {
        let place = Place::empty();
        let children: Vec<_> = (0..6)
            .map(|_| {
                place.command(&["draw", "list"]).stderr(std::process::Stdio::piped()).spawn().expect("starts")
            })
            .collect();
        for child in children {
            let output = child.wait_with_output().expect("ends");
            assert!(output.status.success(), "{}", text(&output.stderr));
        }
        place.reconcile();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_command_changes_is_seen_at_once() {
    let place = Place::new();
    place.apply(&[("quiet", "state = \"draft\"")]);
    let server = place.serve();
    let client = Client::new(&server);
    let state = async || {
        let (status, body) = client.get("/api/v1/draws/quiet").await.expect("answers");
        let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        (status, body["state"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(state().await.0, 404);
    assert!(place.run(&["draw", "announce", "quiet"]).status.success());
    assert_eq!(state().await, (200, "open".to_owned()));
    let token = client.token("quiet").await.expect("a token");
    assert!(place.run(&["draw", "close", "quiet"]).status.success());
    assert_eq!(state().await, (200, "closed".to_owned()));
    let late = client.register("quiet", &token, &person("ada")).await.expect("answers");
    assert_eq!(late.code(), "draw-closed");
}

#[test]
fn a_command_whose_answer_nobody_takes_ends_quietly() {
    let place = Place::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("opens");
    let output = place.command(&["draw", "list"]).stdout(full).stderr(std::process::Stdio::piped()).output();
    let output = output.expect("runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(!text(&output.stderr).contains("panicked"), "{output:?}");
}
