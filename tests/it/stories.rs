//! What the product is for, on the example as it is shipped: a prompt that gets worse is caught by name, a
//! prompt that gets better is locked in.

use std::collections::BTreeSet;

use llm_experiments::gate::{CaseResult, Reason, Verdict};
use llm_experiments::report::input::Report;
use serde_json::Value;

use crate::world::{CURRENT, NEXT, World, after, git, prompt_file};

/// Cases of `suite` with this result.
fn ids(report: &Report, suite: &str, result: &CaseResult) -> BTreeSet<String> {
    let gate = report.gates.iter().find(|gate| gate.suite == suite).unwrap();
    gate.decision.cases.iter().filter(|case| case.result == *result).map(|case| case.id.clone()).collect()
}

/// The cases whose baseline pass rests on a PIM rule, from the dataset and the baseline file alone: the answer was
/// right, and says of itself that a rule `P<n>` decided it.
fn rest_on_pim_rules(world: &World, suite: &str) -> BTreeSet<String> {
    let pim: BTreeSet<String> = world
        .read(&format!("data/{suite}_set.jsonl"))
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|case| case["input"]["test_type"] == "pim")
        .map(|case| case["id"].as_str().unwrap().to_owned())
        .collect();
    let baseline: Value =
        serde_json::from_str(&world.read(&format!("data/baselines/{suite}.reference.json"))).unwrap();
    let cites_pim_rule = |answer: &str| {
        let answer: Value = serde_json::from_str(answer).unwrap();
        let summary = answer["summary"].as_str().unwrap().to_owned();
        summary
            .match_indices(" by P")
            .any(|(at, _)| summary[at + 5..].starts_with(|c: char| c.is_ascii_digit()))
    };
    let cases = baseline["cases"].as_array().unwrap().iter();
    cases
        .filter(|case| case["samples"][0]["passed"] == true)
        .filter(|case| cites_pim_rule(case["samples"][0]["answer"].as_str().unwrap()))
        .map(|case| case["id"].as_str().unwrap().to_owned())
        .filter(|id| pim.contains(id))
        .collect()
}

#[test]
fn a_prompt_without_the_pim_limits_breaks_the_pim_cases_by_name() {
    let world = World::example();
    world.git();
    let wrote = format!("wrote {}", prompt_file(&NEXT));
    world.run(&["prompt", "new", "-m", "Shorter"]).exits(0).says(&[&wrote]);
    world.without_section(&NEXT, "PIM limits");
    world.name_prompt(&CURRENT, &NEXT);

    // What the two versions differ in, and what was measured of the older one.
    world.run(&["prompt", "diff", &CURRENT]).exits(0).says(&[
        "gone     PIM limits: ",
        &format!("--- {}\n+++ {}\n", *CURRENT, *NEXT),
        "\n-P1: ",
    ]);
    world.run(&["prompt", "diff", &CURRENT, &CURRENT]).exits(0).says(&["are the same text"]);
    world
        .run(&["prompt", "diff", "prompt_v001.txt", &CURRENT])
        .exits(0)
        .says(&["measured gold on reference: ", "verdict_accuracy 0."]);
    world
        .run(&["prompt", "diff", "prompt_v0001.txt"])
        .exits(2)
        .says(&["no prompt is called", "did you mean"]);

    let (ran, report) = world.eval(&[]);
    ran.exits(1);
    for gate in &report.gates {
        let want = rest_on_pim_rules(&world, &gate.suite);
        assert!(!want.is_empty());
        assert_eq!(ids(&report, &gate.suite, &CaseResult::Broken), want);
        assert_eq!(gate.decision.verdict, Verdict::Regressed);
        assert_eq!(gate.decision.counts.broken, want.len());
        let sentence = &gate.decision.sentence;
        assert!(
            sentence.contains("verdict_accuracy -") && sentence.contains("no sampling noise"),
            "{sentence}"
        );
    }

    // The judge, shown both answers in both orders, prefers the accepted ones.
    world.run(&["judge", "pairwise", "gold"]).exits(0).says(&[
        "judge reference-judge (embedded rubric judge: rules, not an LLM)",
        "with the order changes 0",
        "the accepted answer is preferred (14): RF-G-016",
        "informs, and fails nothing",
    ]);

    // The same as tests: each of them fails by name, with what was said before and what is said now.
    let tests = world.test(&[]).exits(101);
    let failed = tests.failed();
    let mut want =
        rest_on_pim_rules(&world, "canary").iter().map(|id| format!("canary::{id}")).collect::<Vec<_>>();
    want.extend(rest_on_pim_rules(&world, "gold").iter().map(|id| format!("gold::{id}")));
    for gate in
        ["gate::canary", "gate::canary::verdict_accuracy", "gate::gold", "gate::gold::verdict_accuracy"]
    {
        want.push(gate.to_owned());
    }
    let listed: BTreeSet<&String> =
        failed.iter().filter(|n| !n.ends_with("false_pass") && !n.ends_with("f1")).collect();
    assert_eq!(listed, want.iter().collect::<BTreeSet<_>>());
    tests.says(&[
        "broken: passed in the baseline, fails now (deterministic model, no sampling noise)",
        "check `equals /verdict`\n-\"fail\"    expected\n+\"pass\"    now",
        "answer: Differences (-baseline|+now):",
        "-  \"summary\": \"PIM_LIMIT confirmed by P1 (static_max -91.3)",
        &format!("prompt {} -> {}", *CURRENT, *NEXT),
        "again: llmx eval gold --case RF-G-016 | accept: llmx baseline accept gold",
    ]);

    // Accepting that needs a reason, and writes nothing without.
    let before = world.tree();
    let refused = world.run(&["baseline", "accept", "gold", "--yes"]).exits(1);
    refused.says(&["the decision does not speak for this run: regressed", "--override REASON"]);
    assert_eq!(world.tree(), before);

    // One case at a time, as the hint says.
    world.run(&["eval", "gold", "--case", "RF-G-016"]).exits(1).says(&["failing: RF-G-016"]);
    world.run(&["eval", "gold", "--case", "RF-G-015"]).exits(0);

    world.name_prompt(&NEXT, &CURRENT);
    let (ran, report) = world.eval(&[]);
    ran.exits(0);
    for gate in &report.gates {
        assert_eq!((gate.decision.verdict, &gate.decision.reason), (Verdict::Pass, &Some(Reason::Identical)));
    }
}

#[test]
fn a_better_prompt_fixes_cases_and_accepting_locks_them_in() {
    // The history of the example, told the other way round: first a prompt that lacks a section.
    let world = World::small();
    world.remove("data/baselines/gold.reference.json");
    world.run(&["prompt", "new", "-m", "Without the sweep limits"]).exits(0);
    world.without_section(&NEXT, "Line sweep limits");
    world.name_prompt(&CURRENT, &NEXT);
    world
        .run(&["baseline", "accept", "gold", "--yes", "--by", "Ada"])
        .exits(0)
        .says(&["first baseline: 8 cases"]);
    // Production runs what was accepted, and in this history that is the worse one.
    world.pin_prompt(&CURRENT, &NEXT);
    world.git();
    world.test(&[]).exits(0);

    let better = after(&NEXT);
    world.run(&["prompt", "new", "-m", "With the sweep limits", "--from", &CURRENT]).exits(0);
    world.name_prompt(&NEXT, &better);
    let (ran, report) = world.eval(&[]);
    ran.exits(0);
    let fixed = ids(&report, "gold", &CaseResult::Fixed);
    assert!(!fixed.is_empty());
    assert_eq!(report.gates[0].decision.verdict, Verdict::Improved);
    let summary = world.run(&["eval"]).exits(0).stdout;
    let list = fixed.iter().cloned().collect::<Vec<_>>().join(", ");
    assert!(summary.contains(&format!("fixed: {list}")), "{summary}");

    let accepted = world.run(&["baseline", "accept", "gold", "--yes", "--by", "Grace"]).exits(0);
    let accepted = accepted.says(&["decision: improved", "wrote data/baselines/gold.reference.json"]);
    assert!(fixed.iter().all(|id| accepted.stdout.contains(id.as_str())), "{}", accepted.text());

    // What was accepted is better than main and exactly what the run says.
    let (ran, report) = world.eval(&[]);
    ran.exits(0);
    let gate = &report.gates[0];
    assert_eq!(gate.decision.verdict, Verdict::Improved);
    let mine = gate.accepted.as_ref().unwrap();
    assert_eq!((mine.verdict, &mine.reason), (Verdict::Pass, &Some(Reason::Identical)));
    assert!(report.policies.iter().all(|policy| policy.problems.is_empty()), "{:?}", report.policies);
    world.test(&[]).exits(0);
    let lock = world.read("prompts/prompts.lock");
    assert!(lock.contains(&format!("{better}: {{ state: frozen")), "{lock}");

    // A line for each case whose answer changed, the header's changes apart.
    let diff = world.run(&["baseline", "diff", "gold"]).exits(0).stdout;
    let answers = |at: &str| -> Value {
        let text = if at.is_empty() {
            world.read("data/baselines/gold.reference.json")
        } else {
            git(world.root(), &["show", &format!("{at}:data/baselines/gold.reference.json")])
        };
        serde_json::from_str(&text).unwrap()
    };
    let (now, before) = (answers(""), answers("origin/main"));
    for (a, b) in now["cases"].as_array().unwrap().iter().zip(before["cases"].as_array().unwrap()) {
        let id = a["id"].as_str().unwrap();
        let lines = diff.lines().filter(|line| line.contains(id)).count();
        let changed = a["samples"][0]["answer"] != b["samples"][0]["answer"];
        assert_eq!(lines, usize::from(changed), "{id}:\n{diff}");
    }

    // Once merged, it is the baseline: the old prompt would now be a regression.
    world.commit();
    git(world.root(), &["update-ref", "refs/remotes/origin/main", "HEAD"]);
    world.run(&["eval"]).exits(0).says(&["pass: identical to the baseline over 8 cases"]);
    world
        .run(&["baseline", "diff", "gold"])
        .exits(0)
        .says(&["no difference to the baseline at the merge base"]);
    let (ran, report) = world.eval(&["--prompt", &NEXT]);
    ran.exits(1);
    assert_eq!(ids(&report, "gold", &CaseResult::Broken), fixed);
}
