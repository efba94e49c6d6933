//! What a run leaves behind: reports that are whole and readable whatever the model said, and nothing else.

use llm_experiments::gate::CaseResult;

use crate::reports::walk;
use crate::world::{CURRENT, NEXT, World};

/// Reports of a run against each other: every format of the same run exists and says the same.
fn check(world: &World, code: i32) -> llm_experiments::report::input::Report {
    world.forget_runs();
    let ran = world.run(&["eval"]).exits(code);
    let report = world.report();
    let folder = world.run_folder();
    let junit = world.read("reports/junit.xml");
    for file in ["junit.xml", "summary.md"] {
        let own = std::fs::read_to_string(folder.join(file)).unwrap();
        assert!(own == world.read(&format!("reports/{file}")), "{file} of the run and the last one differ");
    }
    let found = walk::check(&junit);
    let cases: usize = report.gates.iter().map(|gate| gate.decision.cases.len()).sum();
    let gates: usize = report.gates.iter().map(|gate| 1 + gate.decision.metrics.len()).sum();
    assert_eq!(found.len(), cases + gates + report.policies.len());
    for gate in &report.gates {
        for case in &gate.decision.cases {
            let shown = found.iter().find(|f| f.class == gate.suite && f.name == case.id).unwrap();
            let want = match &case.result {
                CaseResult::NotMeasured { .. } => "error",
                _ if case.fails() => "failure",
                _ => "ok",
            };
            assert_eq!(shown.result, want, "{}", case.id);
        }
    }
    // What was appended as things happened is for runs that are killed.
    assert!(!folder.join("record.jsonl").exists());

    for text in [&ran.stdout, &world.read("reports/summary.md")] {
        let control = text.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(control, None);
        assert!(text.len() < 200_000, "{}", text.len());
    }
    report
}

#[test]
fn of_a_good_and_of_a_bad_run() {
    let world = World::small();
    let report = check(&world, 0);
    let known = report.gates[0].decision.counts.known_failures;
    assert!(known > 0);
    // Known failures stay green, and every report counts them.
    let found = walk::check(&world.read("reports/junit.xml"));
    assert!(found.iter().all(|case| case.result == "ok"));
    let words = format!("{known} known failure");
    assert!(world.read("reports/summary.md").contains(&words));
    world.run(&["eval"]).exits(0).says(&[&words]);
    let gate = found.iter().find(|case| case.class == "gate" && case.name == "gold").unwrap();
    assert!(gate.text.contains(&words), "{}", gate.text);
    let tests = world.test(&[]).exits(0);
    assert!(tests.failed().is_empty());

    world.run(&["prompt", "new", "-m", "Shorter"]).exits(0);
    world.without_section(&NEXT, "Line sweep limits");
    world.name_prompt(&CURRENT, &NEXT);
    let report = check(&world, 1);
    assert!(report.gates[0].decision.counts.broken > 0);
    world.edit("data/baselines/gold.reference.json", "\"grounding\":1.0", "\"grounding\":0.5");
    check(&world, 2);
}

/// Labels that the simulated model answers, word for word.
fn hostile() -> Vec<String> {
    vec![
        "]]> ]]]]><![CDATA[ &amp; <failure/> \"q\" 'q'".to_owned(),
        "nul \0 bel \u{7} vt \u{b} c1 \u{9b}2J del \u{7f}".to_owned(),
        "\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7} \u{1b}P1$r\u{1b}\\".to_owned(),
        r#"{"verdict": "\ud800", "n": 1}"#.to_owned(),
        "\u{fffe}\u{ffff}\u{202e}\u{feff}\u{2028}\r\n\r".to_owned(),
        "| a | b |\n```\n<img src=x onerror=alert(1)>\n@everyone\n# heading".to_owned(),
        "[[PROPERTY|model=other]]\n::error file=x::y\n##vso[task.complete result=Failed]".to_owned(),
        "x ]]> \u{1b}[".repeat(1_000_000 / 9),
        " ".to_owned(),
    ]
}

#[test]
fn whatever_the_model_says() {
    let world = World::tiny();
    let lines: Vec<String> = hostile()
        .iter()
        .enumerate()
        .map(|(n, text)| {
            let slices = serde_json::json!({ "kind": text.chars().take(50).collect::<String>() });
            serde_json::json!({ "id": format!("h-{n}"), "input": n, "expected": text, "slices": slices })
                .to_string()
        })
        .collect();
    world.remove("data/cases.csv");
    world.write("data/cases.jsonl", &(lines.join("\n") + "\n"));
    world.edit("config/models.yml", "cases.csv", "cases.jsonl");
    world.edit("evals/tiny.yml", "cases.csv", "cases.jsonl");
    world.write("evals/tiny.yml", &(world.read("evals/tiny.yml") + "gate: { slices: [kind] }\n"));
    let report = check(&world, 0);
    for (case, text) in report.run.suites[0].cases.iter().zip(hostile()) {
        assert_eq!(
            case.samples[0].answer().map(|answer| answer.text.as_str()),
            Some(text.as_str()),
            "{}",
            case.id
        );
    }
    // The same answers in a baseline, read back, and shown where every case fails.
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    check(&world, 0);
    world.edit(
        "evals/tiny.yml",
        "checks:\n",
        "checks:\n  - equals: { value: never, must_pass: true }\n  - is_json\n",
    );
    // Checks that fail on everything that was accepted are at fault, which never hides what they found.
    let report = check(&world, 2);
    assert_eq!(report.gates[0].faults.len(), 2);
    assert_eq!(report.gates[0].decision.counts.must_pass_failed, hostile().len());
    let tests = world.test(&[]).exits(101);
    assert_eq!(tests.failed().iter().filter(|name| name.starts_with("tiny::")).count(), hostile().len());
    let control = tests.stdout.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(control, None, "escape sequences of a model reach the terminal");
    assert!(tests.stdout.len() < 500_000, "{}", tests.stdout.len());
    assert!(world.read("reports/junit.xml").len() < 2_000_000);
}

#[test]
fn a_run_writes_reports_and_nothing_else() {
    let mut world = World::small();
    world.forget_runs();
    let outside = world.outside().join("summary.md");
    let before = world.tree();
    for ci in ["", "true"] {
        for mode in ["auto", "replay", "record", "refresh", "live"] {
            world.set("CI", ci).set("EVALS_MODE", mode);
            world.run(&["eval", "--case", "RF-G-001"]).exits(0);
        }
        world.set("EVALS_MODE", "");
        world.run(&["eval"]).exits(0);
        world.test(&[]).exits(0);
        world.run(&["doctor"]).exits(0);
        world.run(&["baseline", "show", "gold"]).exits(0);
        world.run(&["prompt", "log"]).exits(0);
    }
    assert_eq!(world.tree(), before);
    // Each run has a folder of its own: fourteen runs.
    assert_eq!(std::fs::read_dir(world.path("reports/runs")).unwrap().count(), 14);
    // Nobody asked for a job summary.
    assert!(!outside.exists());
}

#[test]
fn the_same_inputs_say_the_same_however_many_run_at_once() {
    let mut world = World::small();
    let mut said = Vec::new();
    for concurrency in ["1", "3", "64"] {
        world.set("EVALS_CONCURRENCY", concurrency);
        let (ran, report) = world.eval(&[]);
        ran.exits(0);
        said.push((report.run.suites, report.gates, report.policies));
    }
    assert!(said.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_job_summary_that_cannot_be_written_is_told_and_costs_nothing() {
    let mut world = World::tiny();
    let path = world.outside().join("not/there.md").display().to_string();
    world.set("GITHUB_STEP_SUMMARY", &path);
    let says = format!("the job's summary {path} cannot be written");
    world.run(&["eval"]).exits(0).says(&[&says]);
    world.test(&[]).exits(0).says(&[&says]);
}

#[test]
fn the_job_summary_is_appended_to() {
    let mut world = World::tiny();
    let file = world.outside().join("step.md");
    let path = file.to_str().unwrap().to_owned();
    world.set("GITHUB_STEP_SUMMARY", &path);
    std::fs::copy(world.path("prompts/tiny.txt"), &file).unwrap();
    world.run(&["eval"]).exits(0);
    let first = world.read("reports/summary.md");
    world.test(&[]).exits(0);
    let second = world.read("reports/summary.md");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("Say the colour.\n"), "{text}");
    let (a, b) = (text.find(first.trim()).unwrap(), text.find(second.trim()).unwrap());
    assert!(a < b);
    // A listing and a filter that selects nothing have nothing to add.
    world.test(&["--list"]).exits(0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn reports_may_stand_elsewhere_and_are_missed_where_they_cannot() {
    let mut world = World::tiny();
    world.set("EVALS_REPORTS_DIR", "out/here");
    world.run(&["eval"]).exits(0);
    walk::check(&world.read("out/here/junit.xml"));
    assert!(!world.path("reports").exists());
    // A file stands where the folder should be.
    world.set("EVALS_REPORTS_DIR", "prompts/tiny.txt");
    world.run(&["eval"]).exits(3).says(&["cannot be written"]);
    world.test(&[]).exits(101).says(&["reports could not be written to"]);
}
