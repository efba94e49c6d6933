//! Commands that ask for what is not there, or for what is not allowed; single checks and policies that fail a run.

use super::GOLD;
use crate::reports::walk;
use crate::world::World;

#[test]
fn what_is_not_there_cannot_be_run() {
    let world = World::small();
    for (args, code, says) in [
        (&["eval", "nosuch"][..], 2, "no suite is called `nosuch`, expected one of: gold"),
        (&["eval", "glod"], 2, "did you mean `gold`?"),
        (&["eval", "--case", "RF-G-099"], 2, "no case is called `RF-G-099`"),
        (&["eval", "--nosuch"], 2, "unexpected argument '--nosuch'"),
        (&["eval", "--mode", "recrod"], 2, "did you mean `record`?"),
        (&["eval", "--mode", "recrod"], 2, "'--mode <MODE>'"),
        (&["baseline", "accept", "nosuch", "--yes"], 2, "no suite is called `nosuch`"),
        (&["baseline", "diff", "gold", "--model", "noisy"], 2, "there is no baseline yet"),
        (&["prompt", "new", "-m", ""], 2, "reason"),
        (&["nosuch"], 2, "unrecognized subcommand"),
        (&["--root", "data", "eval"], 2, "no project here"),
        (&["--version"], 0, concat!("llmx ", env!("CARGO_PKG_VERSION"))),
    ] {
        world.run(args).exits(code).says(&[says]);
    }
    let before = world.tree();
    world.write("evals/other.yml", &world.read("evals/gold.yml").replacen("suite: gold", "suite: other", 1));
    world.write("data/one.jsonl", &world.read(GOLD).lines().next().unwrap().replace("RF-G-001", "RF-G-100"));
    world.edit("evals/other.yml", GOLD, "data/one.jsonl");
    // The case exists, but not in the suite that was asked for: nothing to run.
    world.run(&["eval", "gold", "--case", "RF-G-100"]).exits(4).says(&["nothing selected"]);
    world.remove("evals/other.yml");
    world.remove("data/one.jsonl");
    assert_eq!(world.tree(), before);
}

#[test]
fn a_suite_that_does_not_load_is_not_called_unknown() {
    let world = World::small();
    world.edit(GOLD, "{\"id\": \"RF-G-005\"", "{{\"id\": \"RF-G-005\"");
    for args in [
        &["eval", "gold"][..],
        &["eval", "--case", "RF-G-001"],
        &["eval", "gold", "--case", "RF-G-001"],
        &["baseline", "show", "gold"],
    ] {
        let ran = world.run(args).exits(2).says(&["data/gold_set.jsonl:5:2: not valid JSON"]);
        assert!(!ran.text().contains("is called"), "{}", ran.text());
    }
    world.run(&["eval", "glod"]).exits(2).says(&["no suite is called `glod`, expected one of: gold"]);
    world.edit("evals/gold.yml", "suite: gold", "suite: gold\nsuite: gold");
    let ran = world.run(&["eval", "gold"]).exits(2).says(&["evals/gold.yml:"]);
    assert!(!ran.text().contains("is called"), "{}", ran.text());
}

#[test]
fn a_selection_that_could_not_run_is_not_fine() {
    let mut world = World::small();
    world.git();
    world.set("EVALS_BASELINE_REF", "origin/nosuch");
    let says = "EVALS_BASELINE_REF: no commit is called `origin/nosuch`";
    world.run(&["eval", "--case", "RF-G-001"]).exits(2).says(&[says]);
    let ran = world.test(&["--exact", "gold::RF-G-001"]).exits(101).says(&[says]);
    assert_eq!(ran.failed(), ["gold::RF-G-001"]);
    // The reports know as well.
    let junit = world.read("reports/junit.xml");
    let found = walk::check(&junit);
    assert!(found.iter().any(|case| case.result != "ok" && case.text.contains(says)), "{junit}");
    assert!(world.read("reports/summary.md").contains("origin/nosuch"));
}

#[test]
fn nothing_is_accepted_or_opened_under_ci() {
    let mut world = World::small();
    world.set("CI", "true");
    let before = world.tree();
    for args in
        [&["baseline", "accept", "gold", "--yes"][..], &["prompt", "new", "-m", "x"], &["prompt", "lock"]]
    {
        world.run(args).exits(2).says(&["not written under CI"]);
    }
    world.run(&["eval"]).exits(0);
    world.test(&[]).exits(0);
    assert_eq!(world.tree(), before);
    // Without a terminal nobody is there to ask.
    world.set("CI", "false");
    world.run(&["eval", "gold"]).exits(0);
}

#[test]
fn a_check_that_must_pass_fails_on_its_own() {
    let world = World::tiny();
    world.edit("evals/tiny.yml", "checks:\n", "checks:\n  - contains: { value: e, must_pass: true }\n");
    world.write("data/cases.csv", "id,input,expected\nc-1,sky,blue\nc-2,tree,brown\n");
    let ran = world.run(&["eval"]).exits(1).says(&["failing: c-2"]);
    assert!(ran.stdout.contains("1 failing a check that must pass"), "{}", ran.text());
    let ran = world.test(&[]).exits(101).says(&["check `contains` (must pass)"]);
    assert_eq!(ran.failed(), ["tiny::c-2"]);
    let before = world.tree();
    world
        .run(&["baseline", "accept", "tiny", "--yes"])
        .exits(1)
        .says(&["checks that must pass fail in 1 cases: c-2"]);
    assert_eq!(world.tree(), before);
    // Accepted all the same, with a reason: it still fails, because no baseline excuses it.
    world.run(&["baseline", "accept", "tiny", "--yes", "--override", "known"]).exits(0);
    world.run(&["eval"]).exits(1).says(&["failing: c-2"]);
}

#[test]
fn inconclusive_fails_where_the_policy_says_so() {
    let mut world = World::tiny();
    world.run(&["eval"]).exits(0).says(&[
        "first run: pass_rate 100.0% over 3 cases (no baseline yet)",
        "exit 0: first run, there is no baseline to compare with yet",
    ]);
    world.set("EVALS_ON_INCONCLUSIVE", "fail");
    world
        .run(&["eval"])
        .exits(4)
        .says(&["exit 4: nothing selected, or inconclusive where the policy says fail"]);
    let ran = world.test(&[]).exits(101);
    assert_eq!(ran.failed(), ["gate::tiny", "gate::tiny::pass_rate"]);
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    world.run(&["eval"]).exits(0).says(&["pass: identical"]);
}
