//! Mutations of a project with one check on a network model whose answers are recorded: replayed as CI does.

use std::sync::LazyLock;

use super::{Mutation, is_fair, run_all};
use crate::network::{point_at, server, world as of_cases};
use crate::server::Server;
use crate::world::World;

const SUITE: &str = "evals/tiny.yml";
const CASES: &str = "data/cases.csv";
#[cfg(unix)]
const PROGRAM: &str = "checks/same.sh";

/// Sixty cases with an accepted baseline, and a branch whose prompt answers four in ten wrongly. Both are recorded.
static WORLDS: LazyLock<(World, World)> = LazyLock::new(|| worlds(|_| ()));

/// The same, where a program is the check and an undecided gate fails.
#[cfg(unix)]
static BY_PROGRAM: LazyLock<(World, World)> = LazyLock::new(|| {
    worlds(|world| {
        // The answer and the label of a case are one word.
        world.write(
            PROGRAM,
            "read -r line\nword() { echo \"$line\" | sed \"s/.*\\\"$1\\\":\\\"\\([a-z]*\\)\\\".*/\\1/\"; }\n\
             if [ \"$(word answer)\" = \"$(word expected)\" ]; then echo '{\"score\": 1}'; else echo '{\"score\": 0}'; fi\n",
        );
        world.edit(SUITE, "equals: { expected: \"\" }", "command: { run: [/bin/sh, checks/same.sh] }");
        world.write("config/settings.yml", "on_inconclusive: fail\n");
    })
});

fn worlds(prepare: fn(&World)) -> (World, World) {
    let world = of_cases(60);
    prepare(&world);
    let right = server(&world, &[]);
    let wrong = Server::start(&world, &["--answers", CASES, "--accuracy", "0.6", "--seed", "3"]);
    point_at(&world, &right, "");
    world.run(&["baseline", "accept", "tiny", "--yes", "--by", "Ada"]).exits(0);
    world.git();
    let clean = world.again();
    world.write("prompts/shorter.txt", "{input_data}\n");
    world.edit(SUITE, "tiny.txt", "shorter.txt");
    point_at(&world, &wrong, "");
    world.run(&["eval", "--mode", "record"]).exits(1);
    // Where the server is does not matter any more.
    point_at(&world, &right, "");
    world.commit();
    (world, clean)
}

/// A copy that replays, as under CI.
fn worse() -> World {
    replaying(WORLDS.0.again())
}

fn replaying(mut world: World) -> World {
    world.set("EVALS_MODE", "replay");
    world
}

/// Take every case away that fails now.
fn without_failing(world: &World) {
    let (_, report) = world.eval(&[]);
    let fails = |line: &&str| {
        let id = line.split(',').next().unwrap();
        report.run.suites[0].cases.iter().any(|case| {
            case.id == id && case.samples.iter().any(|s| s.scores().is_some_and(|scores| !scores.passed))
        })
    };
    let text = world.read(CASES);
    let kept: Vec<&str> = text.lines().filter(|line| !fails(line)).collect();
    assert!(kept.len() < 60 && kept.len() > 20, "{}", kept.len());
    world.write(CASES, &(kept.join("\n") + "\n"));
}

#[test]
fn the_story_is_fair() {
    is_fair(&worse(), &replaying(WORLDS.1.again()));
}

#[test]
fn weaker_measurements_of_a_recorded_model() {
    run_all(
        &worse,
        &[
            Mutation {
                name: "the failing cases are removed",
                make: without_failing,
                named: Some("case c-14: removed"),
                worse: true,
            },
            Mutation {
                name: "the failing cases are removed and missing ones are fine",
                make: |w| {
                    without_failing(w);
                    w.write(SUITE, &(w.read(SUITE) + "gate: { max_missing: 0.9 }\n"));
                },
                named: Some("gate: max_missing 0.1 -> 0.9"),
                worse: true,
            },
            Mutation {
                name: "another check",
                make: |w| w.edit(SUITE, "equals: { expected: \"\" }", "regex: { pattern: \".\" }"),
                named: Some("check equals: removed"),
                worse: true,
            },
            Mutation {
                name: "the check asks for less",
                make: |w| w.edit(SUITE, "expected: \"\" }", "expected: \"\", min: 0 }"),
                named: Some("check equals: min 1.0 -> 0.0"),
                worse: true,
            },
            Mutation {
                name: "the check is negated",
                make: |w| w.edit(SUITE, "expected: \"\" }", "expected: \"\", not: true }"),
                named: Some("check equals: negated"),
                worse: true,
            },
            Mutation {
                name: "the check is weighed less and a second one always passes",
                make: |w| {
                    w.edit(
                        SUITE,
                        "  - equals: { expected: \"\" }",
                        "  - equals: { expected: \"\", weight: 0.1 }\n  - word_count: { min_value: 0 }",
                    );
                },
                named: Some("check equals: weight 1.0 -> 0.1"),
                worse: true,
            },
            Mutation {
                name: "a metric that does not move is the primary",
                make: |w| {
                    w.write(SUITE, &(w.read(SUITE) + "metrics: { short: { word_count: { min_value: 0 } } }\ngate: { primary: short }\n"));
                },
                named: Some("gate: primary pass_rate -> short"),
                worse: true,
            },
            Mutation {
                name: "a wide margin",
                make: |w| w.write(SUITE, &(w.read(SUITE) + "gate: { margin: 0.9 }\n")),
                named: Some("gate: margin 0.05 -> 0.9"),
                worse: true,
            },
            Mutation {
                name: "a small alpha",
                make: |w| w.write(SUITE, &(w.read(SUITE) + "gate: { alpha: 0.0000001 }\n")),
                named: Some("gate: alpha 0.05 -> 1e-7"),
                worse: true,
            },
            Mutation {
                name: "few samples in the next baseline",
                make: |w| w.write(SUITE, &(w.read(SUITE) + "gate: { baseline_samples: 1 }\n")),
                named: Some("gate: baseline_samples 5.0 -> 1.0"),
                worse: true,
            },
            Mutation {
                name: "labels that agree with the new answers",
                make: |w| w.write(CASES, &w.read(CASES).replace(",yes", ",no")),
                named: Some("case c-0: expected yes -> no"),
                worse: true,
            },
            Mutation {
                name: "inputs that were never asked about",
                make: |w| w.write(CASES, &w.read(CASES).replace(",question ", ",a question ")),
                named: Some("case c-0: input changed"),
                worse: true,
            },
            Mutation {
                name: "one cluster for all",
                make: |w| {
                    let text = w.read(CASES);
                    let lines = text
                        .lines()
                        .enumerate()
                        .map(|(i, line)| format!("{line},{}", if i == 0 { "cluster" } else { "all" }));
                    let lines: Vec<String> = lines.collect();
                    w.write(CASES, &(lines.join("\n") + "\n"));
                },
                named: Some("case c-0: cluster none -> all"),
                worse: true,
            },
            Mutation {
                name: "the suite is renamed",
                make: |w| w.edit(SUITE, "suite: tiny", "suite: tidy"),
                named: Some("suite tiny: renamed to tidy"),
                worse: false,
            },
            Mutation {
                name: "the baseline is deleted",
                make: |w| w.remove("data/baselines/tiny.net.json"),
                named: Some("suite tiny: baseline on net deleted"),
                worse: true,
            },
            Mutation {
                name: "the recordings of the new prompt are removed",
                make: |w| std::fs::remove_dir_all(w.path("data/recordings")).unwrap(),
                named: None,
                worse: false,
            },
        ],
    );
}

#[cfg(unix)]
#[test]
fn weaker_programs_and_settings() {
    let by_program = |world: &World| replaying(world.again());
    is_fair(&by_program(&BY_PROGRAM.0), &by_program(&BY_PROGRAM.1));
    run_all(
        &|| by_program(&BY_PROGRAM.0),
        &[
            Mutation {
                name: "the program of a check approves of everything",
                make: |w| w.write(PROGRAM, "echo '{\"score\": 1}'\n"),
                named: Some("check command /bin/sh: program or arguments changed"),
                worse: false,
            },
            Mutation {
                name: "another program checks",
                make: |w| {
                    w.write("checks/any.sh", "echo '{\"score\": 1}'\n");
                    w.edit(SUITE, "checks/same.sh", "checks/any.sh");
                },
                named: Some("check command /bin/sh: program or arguments changed"),
                worse: true,
            },
            Mutation {
                name: "an undecided gate does not fail any more",
                make: |w| w.edit("config/settings.yml", "fail", "warn"),
                named: Some("settings: on_inconclusive: fail true -> false"),
                worse: true,
            },
        ],
    );
}
