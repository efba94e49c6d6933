//! The program: what it prints, what it refuses, how it ends.

use crate::server::{Server, send};
use crate::world::World;

use super::OPENAI;

#[test]
fn it_says_where_it_listens_answers_counts_and_ends_with_its_standard_input() {
    let world = World::tiny();
    let server = Server::start(&world, &["--answer", "yes"]);
    let body = r#"{"model":"m","messages":[{"role":"user","content":"open?"}]}"#;
    for _ in 0..2 {
        let reply = send(server.authority(), "POST", OPENAI.0, OPENAI.1, body);
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    let stats = server.stats();
    assert_eq!(
        (&stats["requests"], &stats["answered"], &stats["repeats"]),
        (&2.into(), &2.into(), &1.into())
    );
    assert_eq!(server.close_stdin(), 0);
}

#[cfg(unix)]
#[test]
fn it_ends_well_when_told_to() {
    let world = World::tiny();
    let mut server = Server::start(&world, &["--answer", "yes"]);
    let pid = server.process().id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(server.process().wait().unwrap().code(), Some(0));
}

#[test]
fn a_bad_value_is_one_clear_message() {
    let mut world = World::tiny();
    world.set("EMPTY", "");
    let taken = Server::start(&world, &["--answer", "yes"]);
    let port = taken.authority().rsplit_once(':').unwrap().1.to_owned();
    for (args, says) in [
        (&["--fault", "nosuch:1"][..], "no fault is called `nosuch`"),
        (&["--fault", "500:2"], "expected a number from 0 to 1, found `2`"),
        (&["--answer", "x", "--fault", "500:0.7", "--fault", "503:0.7"], "add up to 1.4"),
        (&["--accuracy", "0.5"], "--answers <FILE>"),
        (&["--answers", "data/cases.csv", "--accuracy", "2"], "from 0 to 1, found `2`"),
        (&["--answers", "data/nosuch.csv"], "data/nosuch.csv: cannot be read"),
        (&["--answers", "data/cases.csv", "--answer", "x"], "cannot be used with"),
        (&["--answer", "@nosuch.txt"], "nosuch.txt: --answer: "),
        (&["--answers", "data/cases.csv", "--drift", "5"], "expected AFTER:ACCURACY"),
        (&["--switch-after", "5"], "expected N:NAME"),
        (&["--outage", "5:2"], "expected FROM:TO"),
        (&["--latency", "-1"], "'-1'"),
        (&["--jitter", "NaN"], "expected milliseconds"),
        (&["--rate-limit", "0"], "0 is not in"),
        (&["--brain", "nosuch"], "possible values: reference"),
        (&["--answer", "x", "--key-env", "NOSUCH"], "environment variable `NOSUCH` is not set or empty"),
        (&["--answer", "x", "--key-env", "EMPTY"], "environment variable `EMPTY` is not set or empty"),
        (&["--answer", "x", "--listen", "0.0.0.0"], "hint: --allow-remote"),
        (&["--answer", "x", "--port", &port], "hint: another program has this port; --port 0"),
    ] {
        world.run(&[&["sim"], args].concat()).exits(2).says(&[says]);
    }
    let open = Server::start(&world, &["--answer", "x", "--listen", "0.0.0.0", "--allow-remote"]);
    assert!(open.url.starts_with("http://0.0.0.0:"));
}
