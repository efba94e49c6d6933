//! libtest's arguments and its output, closed pipes included: tools that drive `cargo test` rely on both.

use std::io::Read as _;
use std::process::Stdio;

use crate::reports::walk;
use crate::world::{Ran, World, ended};

const ALL: [&str; 11] = [
    "policy::inputs",
    "policy::measurement",
    "policy::prompts",
    "policy::pins",
    "policy::datasets",
    "policy::baselines",
    "tiny::c-1",
    "tiny::c-2",
    "tiny::c-3",
    "gate::tiny",
    "gate::tiny::pass_rate",
];

fn accepted() -> World {
    let world = World::tiny();
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    world
}

/// A project without a baseline whose second case is answered wrong: the file that the simulated model reads says
/// another colour.
fn failing() -> World {
    let world = World::tiny();
    world.write("data/answers.csv", &world.read("data/cases.csv").replace("green", "purple"));
    world.edit("config/models.yml", "data/cases.csv", "data/answers.csv");
    world
}

fn counts(ran: &Ran) -> (usize, usize) {
    let line = ran.stdout.lines().find(|line| line.starts_with("test result:")).unwrap_or_default();
    let number = |word: &str| {
        let mut words =
            line.split([' ', ';']).filter(|word| !word.is_empty()).collect::<Vec<_>>().into_iter();
        let mut before = 0;
        words.find_map(|this| {
            if this == word {
                return Some(before);
            }
            before = this.parse().unwrap_or(0);
            None
        })
    };
    (number("passed").unwrap_or(0), number("failed").unwrap_or(0))
}

#[test]
fn arguments_select_and_format() {
    let world = accepted();
    let policies = &ALL[..6];
    for (args, code, want) in [
        (&[][..], 0, &ALL[..]),
        (&["--exact", "tiny::c-1"], 0, &["tiny::c-1"]),
        (&["--exact", "c-1"], 0, &[]),
        (&["c-2"], 0, &["tiny::c-2"]),
        (&["tiny::c"], 0, &ALL[6..9]),
        (&["gate::"], 0, &ALL[9..]),
        (&["--skip", "tiny"], 0, policies),
        (&["--skip", "policy", "--skip", "gate", "c-3"], 0, &["tiny::c-3"]),
        (&["--ignored"], 0, &[]),
        (&["--include-ignored"], 0, &ALL),
        (&["--nocapture"], 0, &ALL),
        (&["nothing-is-called-so"], 0, &[]),
    ] {
        let ran = world.test(args).exits(code);
        assert_eq!(ran.tests("... ok"), want, "{args:?}");
        assert_eq!(counts(&ran), (want.len(), 0), "{args:?}");
    }
    world.test(&["--nosuch"]).exits(2).says(&["unexpected argument '--nosuch'"]);
    world.test(&["one", "two"]).exits(2).says(&["unexpected argument 'two'"]);
    let quiet = world.test(&["-q"]).exits(0);
    assert!(quiet.stdout.contains("\n...........\n"), "{}", quiet.text());
    let failing = failing();
    let quiet = failing.test(&["-q"]).exits(101);
    assert!(quiet.stdout.contains(".......F..."), "{}", quiet.text());
}

#[test]
fn listing_runs_nothing() {
    let world = accepted();
    world.forget_runs();
    for args in [&["--list"][..], &["--list", "--format", "terse"], &["--list", "c-1", "--exact"]] {
        let ran = world.test(args).exits(0);
        let names: Vec<&str> = ran
            .stdout
            .lines()
            .filter_map(|line| line.strip_suffix(": test")?.split(' ').next_back())
            .collect();
        let want = if args.contains(&"--exact") { &[][..] } else { &ALL };
        assert_eq!(names, want, "{args:?}");
    }
    assert!(!world.path("reports").exists());
    // A suite that does not load: a person sees the rest and the reason, and the list fails.
    world.write("data/cases.csv", "id,input\n");
    let ran = world.test(&["--list"]).exits(2).says(&["not listed: data/cases.csv"]);
    assert!(ran.stdout.contains("policy::inputs: test"), "{}", ran.text());
    // A test runner that cannot list runs nothing; it gets the policy that fails with the reason.
    let ran = world.test(&["--list", "--format", "terse"]).exits(0).says(&["not listed: data/cases.csv"]);
    assert!(ran.stdout.contains("policy::inputs: test"), "{}", ran.text());
    world.test(&["policy::inputs", "--exact"]).exits(101);
    // One suite of two, and a project that does not load at all.
    world.write("evals/broken.yml", "suite: [");
    world.write("data/cases.csv", "id,input,expected\nc-1,sky,blue\n");
    let ran = world.test(&["--list"]).exits(2).says(&["not listed: evals/broken.yml"]);
    assert!(ran.stdout.contains("tiny::c-1"), "{}", ran.text());
    world.write("config/models.yml", "models: [");
    world.test(&["--list"]).exits(2).says(&["not listed: config/models.yml"]);
}

#[test]
fn json_lines_are_json() {
    let world = failing();
    let ran = world.test(&["--format", "json", "-Z", "unstable-options"]).exits(101);
    let events: Vec<serde_json::Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    let of = |event: &str| events.iter().filter(|e| e["type"] == "test" && e["event"] == event).count();
    assert_eq!((of("started"), of("ok"), of("failed")), (11, 10, 1));
    let failed = events.iter().find(|e| e["event"] == "failed" && e["type"] == "test").unwrap();
    assert_eq!(failed["name"], "tiny::c-2");
    assert_eq!(events.last().unwrap()["event"], "failed");
}

#[test]
fn the_order_is_the_listing_s_whatever_the_threads() {
    let world = failing();
    let ran = [&[][..], &[], &["--test-threads=1"]].map(|args| world.test(args).exits(101));
    for ran in &ran {
        let lines: Vec<&str> = ran
            .stdout
            .lines()
            .filter(|line| line.starts_with("test ["))
            .filter_map(|line| line.split_whitespace().find(|word| word.contains("::")))
            .collect();
        assert_eq!(lines, ALL);
    }
    // With threads lines come as they come; results, counts and reports are the same.
    let threads = world.test(&["--test-threads=8"]).exits(101);
    let mut names = threads.tests("... ok");
    names.extend(threads.failed());
    names.sort();
    let mut all = ALL.to_vec();
    all.sort_unstable();
    assert_eq!(names, all);
    assert_eq!(counts(&threads), counts(&ran[0]));
    let found = walk::check(&world.read("reports/junit.xml"));
    let names: Vec<String> = found.iter().map(|case| format!("{}::{}", case.class, case.name)).collect();
    world.test(&[]).exits(101);
    let again = walk::check(&world.read("reports/junit.xml"));
    assert_eq!(names, again.iter().map(|case| format!("{}::{}", case.class, case.name)).collect::<Vec<_>>());
}

#[test]
fn a_filtered_run_decides_no_gate_that_it_did_not_select() {
    let world = accepted();
    world.test(&["--exact", "tiny::c-1"]).exits(0);
    let found = walk::check(&world.read("reports/junit.xml"));
    let gates: Vec<&str> = found.iter().filter(|c| c.class == "gate").map(|c| c.result.as_str()).collect();
    assert!(gates.iter().all(|result| *result == "skipped"), "{gates:?}");
    assert_eq!(found.iter().filter(|c| c.class == "tiny" && c.result == "ok").count(), 1);
    assert!(world.read("reports/summary.md").contains("not decided"));
    // A gate that is selected sees every case: an embedded model is simply asked.
    world.test(&["--exact", "gate::tiny"]).exits(0);
    let summary = world.read("reports/summary.md");
    assert!(!summary.contains("not decided"), "{summary}");
    world.run(&["eval", "--case", "c-1"]).exits(0).says(&["1 of 3"]);
}

/// Run with a standard output whose reader goes away after `bytes`.
fn into_a_closed_pipe(world: &World, args: &[&str], bytes: usize) -> Ran {
    let mut child = world.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut start = vec![0; bytes];
    stdout.read_exact(&mut start).unwrap();
    drop(stdout);
    ended(child.wait_with_output().unwrap())
}

#[test]
fn a_reader_that_goes_away_takes_nothing_along() {
    for (world, eval, test) in [(accepted(), 0, 0), (failing(), 1, 101)] {
        for bytes in [0, 5, 40] {
            for (args, code) in [
                (&["test"][..], test),
                (&["test", "--", "--test-threads=4"], test),
                (&["test", "--", "--format", "json", "-Z", "unstable-options"], test),
                (&["eval"], eval),
                (&["eval", "--format", "json"], eval),
            ] {
                world.forget_runs();
                let ran = into_a_closed_pipe(&world, args, bytes).exits(code);
                assert!(!ran.stderr.contains("panick"), "{args:?}: {}", ran.text());
                let found = walk::check(&world.read("reports/junit.xml"));
                assert_eq!(found.len(), ALL.len(), "{args:?}");
                assert!(world.read("reports/summary.md").contains("## "));
                assert!(world.report().run.finished_at.is_some());
            }
        }
    }
}

#[test]
fn a_long_output_into_a_closed_pipe() {
    // More than a pipe holds, so that the reader's end is noticed in the middle.
    let rows: Vec<String> =
        (0..60).map(|n| format!("c-{n},{},no", "x".repeat(3_000) + &n.to_string())).collect();
    let world = World::of_cases(&format!("id,input,expected\n{}\n", rows.join("\n")));
    world.edit("evals/tiny.yml", "expected: \"\"", "value: yes");
    for (args, code) in [(&["test"][..], 101), (&["eval", "--format", "json"], 1)] {
        let ran = into_a_closed_pipe(&world, args, 10).exits(code);
        assert!(!ran.stderr.contains("panick"), "{}", ran.text());
        assert_eq!(
            walk::check(&world.read("reports/junit.xml")).iter().filter(|c| c.result == "failure").count(),
            60
        );
    }
}

/// A full disk, for standard output.
#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_not_a_success() {
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    for (world, eval, test) in [(accepted(), 3, 101), (failing(), 1, 101)] {
        for (args, code) in [
            (&["eval"][..], eval),
            (&["eval", "--format", "json"], eval),
            (&["eval", "--dry-run"], 3),
            (&["test"], test),
            (&["test", "--", "--format", "json", "-Z", "unstable-options"], test),
            (&["test", "--", "--list"], 101),
            (&["test", "--", "--help"], 3),
            (&["recordings", "ls", "--format", "json"], 3),
            (&["--help"], 3),
            (&["--version"], 3),
        ] {
            world.forget_runs();
            let ran = ended(world.command(args).stdout(full()).output().unwrap()).exits(code);
            let ran = ran.says(&["standard output could not be written: No space left on device"]);
            assert!(!ran.stderr.contains("panick"), "{args:?}: {}", ran.text());
        }
        world.run(&["eval"]);
        // The reports are there all the same.
        assert!(world.report().run.finished_at.is_some());
    }
}
