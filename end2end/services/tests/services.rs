//! Services come, answer, fail on demand, and leave nothing behind.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use services::{Guardian, Postgres, Redis, RedisCluster};

fn is_there(pid: u32) -> bool {
    // A process that has ended and was not waited for still has a folder, but no command line.
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

/// Waits for what a guardian does by itself, at most half a minute.
fn comes_true(what: impl Fn() -> bool) -> bool {
    (0..600).any(|_| {
        let is = what();
        if !is {
            std::thread::sleep(Duration::from_millis(50));
        }
        is
    })
}

fn folder_of(pid: u32) -> PathBuf {
    let folder = std::fs::read_link(format!("/proc/{pid}/cwd")).expect("is there");
    folder.ancestors().find(|folder| folder.join("run").is_file()).expect("a guardian's folder").to_owned()
}

#[test]
fn postgres_keeps_what_it_committed_through_every_end() {
    let postgres = Postgres::start();
    postgres.create_database("one");
    postgres.sql("one", "CREATE TABLE t (x int); INSERT INTO t VALUES (1)");
    let (pid, port) = (postgres.pid(), postgres.port());
    postgres.restart_immediately();
    assert!(!is_there(pid) && postgres.pid() != pid && postgres.port() == port);
    assert!(postgres.log().contains("automatic recovery"), "{}", postgres.log());
    assert_eq!(postgres.sql("one", "SELECT x FROM t"), "1");
    postgres.stop();
    postgres.start_again();
    assert_eq!(postgres.sql("one", "SELECT x FROM t"), "1");
    for (name, value) in [("fsync", "off"), ("max_connections", "77")] {
        assert_ne!(postgres.sql("one", &format!("SHOW {name}")), value);
        postgres.set(name, value);
    }
    assert_eq!(postgres.sql("one", "SHOW fsync"), "off");
    let (pid, folder) = (postgres.pid(), folder_of(postgres.pid()));
    drop(postgres);
    assert!(!is_there(pid) && !folder.exists());
}

#[test]
fn what_is_paused_answers_nothing_until_it_goes_on() {
    let redis = Redis::start();
    redis.pause();
    let mut asked = Command::new("redis-cli")
        .args(["-u", &redis.url(), "ping"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    std::thread::sleep(Duration::from_millis(200));
    assert!(asked.try_wait().expect("is there").is_none(), "no answer while it is paused");
    redis.resume();
    let output = asked.wait_with_output().expect("ends");
    assert_eq!(output.stdout, b"PONG\n");
    redis.cli(&["set", "a", "1"]);
    redis.stop();
    redis.start_again();
    assert_eq!(redis.cli(&["get", "a"]), "", "it keeps nothing");
}

#[test]
fn a_cluster_holds_keys_of_every_slot() {
    let cluster = RedisCluster::start();
    for number in 0..20 {
        let key = format!("key{number}");
        assert_eq!(cluster.cli(&["set", &key, "x"]), "OK");
    }
    let sizes = cluster.cli_each(&["dbsize"]);
    let sizes: Vec<u32> = sizes.iter().map(|size| size.parse().expect("a number")).collect();
    assert_eq!(sizes.iter().sum::<u32>(), 20);
    assert!(sizes.iter().all(|size| *size > 0), "{sizes:?}");
}

#[test]
fn a_disk_of_its_own_fills_up_and_goes_with_its_service() {
    let guardian = Guardian::new("a disk", "TERM");
    match guardian.mount("disk", 1) {
        // In a container even root may be kept from it, but it has to say so.
        Err(why) => assert!(!why.is_empty()),
        Ok(disk) => {
            let full = std::fs::write(disk.join("ballast"), vec![0; 2 << 20]);
            assert_eq!(full.expect_err("it has one megabyte").kind(), std::io::ErrorKind::StorageFull);
            drop(guardian);
            let mounts = std::fs::read_to_string("/proc/mounts").expect("reads");
            assert!(!disk.exists() && !mounts.contains(disk.to_str().expect("UTF-8")));
        }
    }
}

#[test]
fn what_is_killed_leaves_none_of_its_processes_and_comes_back_with_what_it_committed() {
    let postgres = Postgres::start();
    postgres.sql("postgres", "CREATE TABLE t (x int); INSERT INTO t VALUES (1)");
    let pid = postgres.pid();
    postgres.kill();
    assert!(!is_there(pid) && !postgres.is_alive());
    postgres.try_start_again().expect("starts");
    assert_eq!(postgres.sql("postgres", "SELECT x FROM t"), "1");
}

#[test]
fn a_program_has_the_variables_it_is_given_from_its_next_start_on() {
    let guardian = Guardian::new("a program", "TERM");
    guardian.set_command(None, &["sh", "-c", "echo \"<$GIVEN>\"; exec sleep 60"]);
    guardian.set_environment(&[("GIVEN", "it's one")]);
    guardian.start(|| guardian.log().contains("<it's one>")).expect("says it");
    guardian.stop("TERM");
    guardian.set_environment(&[]);
    guardian.start(|| guardian.log().contains("<>")).expect("says nothing");
}

/// Runs in a process of its own, for the test below.
#[test]
#[ignore = "only as the process that is killed in who_is_killed_leaves_nothing_behind"]
fn holds_services_until_it_is_killed() {
    let (postgres, redis) = (Postgres::start(), Redis::start());
    postgres.pause();
    let told = std::env::var("DRAWBRIDGE_TEST_TELL").expect("where to tell");
    let draft = format!("{told}.draft");
    std::fs::write(&draft, format!("{} {}", postgres.pid(), redis.pid())).expect("writes");
    std::fs::rename(draft, told).expect("tells");
    loop {
        std::thread::park();
    }
}

#[test]
fn who_is_killed_leaves_nothing_behind() {
    let told = std::env::temp_dir().join(format!("drawbridge-test-told-{}", std::process::id()));
    let mut child = Command::new(std::env::current_exe().expect("has a name"))
        .args(["--ignored", "--exact", "holds_services_until_it_is_killed"])
        .env("DRAWBRIDGE_TEST_TELL", &told)
        .stdout(Stdio::null())
        .spawn()
        .expect("starts");
    assert!(comes_true(|| told.exists()), "the services start");
    let pids = std::fs::read_to_string(&told).expect("told");
    std::fs::remove_file(&told).expect("is removed");
    let pids: Vec<u32> = pids.split(' ').map(|pid| pid.parse().expect("a number")).collect();
    let folders: Vec<PathBuf> = pids.iter().map(|pid| folder_of(*pid)).collect();
    assert!(pids.iter().all(|pid| is_there(*pid)) && folders.iter().all(|folder| folder.exists()));
    child.kill().expect("is killed");
    child.wait().expect("has ended");
    assert!(comes_true(|| pids.iter().all(|pid| !is_there(*pid))), "every service ends, even a paused one");
    assert!(comes_true(|| folders.iter().all(|folder| !folder.exists())), "their folders go");
}
