//! The smallest projects, and where a project may stand: without Git, in a folder of a repository, seen from inside.

use llm_experiments::gate::{CaseResult, Verdict};

use crate::world::{World, git};

#[test]
fn three_files_and_a_dataset_are_a_project() {
    let world = World::tiny();
    assert_eq!(world.tree().len(), 4);
    let (ran, report) = world.eval(&[]);
    ran.exits(0);
    let gate = &report.gates[0];
    assert_eq!(gate.decision.counts.new, 3);
    assert_eq!(gate.decision.verdict, Verdict::Inconclusive);
    world
        .run(&["baseline", "accept", "tiny", "--yes", "--by", "Ada"])
        .exits(0)
        .says(&["first baseline: 3 cases"]);
    world.run(&["eval"]).exits(0).says(&["pass: identical"]);
    // Fully made by the person who accepted, and by nobody else.
    assert!(world.read("data/baselines/tiny.sim.json").contains("\"by\": \"Ada\""));
    world.run(&["baseline", "show", "tiny"]).exits(0).says(&["c-1", "c-3"]);
    world.run(&["baseline", "diff", "tiny"]).exits(0).says(&["the merge base has no baseline"]);
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0).says(&["nothing to accept"]);
    world.run(&["doctor"]).exits(0);
    world.run(&["prompt", "lock"]).exits(0).says(&["added tiny.txt (tracked)"]);
    world.run(&["prompt", "check"]).exits(0);
    world.test(&[]).exits(0);
}

#[test]
fn a_tracked_text_is_not_changed_without_a_word() {
    let world = World::tiny();
    world.run(&["baseline", "accept", "tiny", "--yes", "--by", "Ada"]).exits(0);
    world.run(&["prompt", "lock"]).exits(0);
    world.write("prompts/part.txt", "Be brief.\n");
    world.run(&["prompt", "lock"]).exits(0).says(&["added part.txt (tracked)"]);
    world.write("prompts/part.txt", "Be long.\n");
    // Neither the lock nor the check takes it without a reason.
    for _ in 0..2 {
        world
            .run(&["prompt", "lock"])
            .exits(2)
            .says(&["part.txt was changed, and nothing says why", "--reason WHY"]);
        world.run(&["prompt", "check"]).exits(2).says(&["`prompts/part.txt` was changed"]);
    }
    // A changelog that cannot be read loses no reason.
    let log = "prompts/prompt_changelog.md";
    let before = std::fs::read_to_string(world.path(log)).unwrap_or_default();
    world.write(log, "## prompt_v001.txt - not a day\n");
    world.run(&["prompt", "lock", "--reason", "details help"]).exits(2);
    world.write(log, &before);
    world.run(&["prompt", "check"]).exits(2);
    world.run(&["prompt", "lock", "--reason", "details help"]).exits(0).says(&["updated part.txt (tracked)"]);
    assert!(world.read(log).contains(": details help"), "{}", world.read(log));
    world.run(&["prompt", "check"]).exits(0);
}

#[test]
fn cases_come_go_and_change() {
    // Thirty cases, so that one changed and one removed are few enough to decide without them.
    let rows: Vec<String> = (0..30).map(|n| format!("c-{n},thing {n},colour {n}\n")).collect();
    let csv = |rows: &[String]| format!("id,input,expected\n{}", rows.concat());
    let world = World::of_cases(&csv(&rows));
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    let mut edited = rows[..29].to_vec();
    edited[1] = "c-1,thing 1,yellow\n".to_owned();
    edited.push("c-new,snow,white\n".to_owned());
    world.write("data/cases.csv", &csv(&edited));
    let (ran, report) = world.eval(&[]);
    ran.exits(0);
    let cases = &report.gates[0].decision.cases;
    let new = |changed| CaseResult::New { pass: true, changed };
    assert_eq!(
        [&cases[0].result, &cases[1].result, &cases[29].result],
        [&CaseResult::Ok, &new(true), &new(false)]
    );
    let counts = &report.gates[0].decision.counts;
    assert_eq!((counts.ok, counts.new, counts.removed), (28, 2, 1));
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    world.run(&["eval"]).exits(0).says(&["pass: identical"]);
    // A new case that fails is a plain assertion.
    world.write("data/cases.csv", &(world.read("data/cases.csv") + "c-coal,coal,black\n"));
    world.edit("evals/tiny.yml", "- equals", "- contains: { value: black, not: true }\n  - equals");
    world.run(&["eval"]).exits(1).says(&[
        "tiny: pass",
        "failing: c-coal\n    c-coal: not contains: ",
        "exit 1: cases fail that no baseline knows",
    ]);
    // Most of the baseline taken away is no way to pass.
    world.write("data/cases.csv", &csv(&rows[..5]));
    world.run(&["eval"]).exits(3).says(&["inconclusive: ", "removed"]);
}

#[test]
fn a_first_run_gives_rates_and_reasons() {
    let world = World::of_cases("id,input,expected\nc-1,sky,blue\nc-2,coal,black\nc-3,blood,red\n");
    world.edit("evals/tiny.yml", "- equals", "- contains: { value: black, not: true }\n  - equals");
    let ran = world.run(&["eval"]).exits(1).says(&[
        "tiny: first run",
        "first run: pass_rate 66.7% over 3 cases (no baseline yet); 3 new (1 failing)",
        "failing: c-2\n    c-2: not contains: ",
        "accept: llmx baseline accept tiny",
        "exit 1: cases fail that no baseline knows",
    ]);
    let tests = world.test(&[]).exits(101);
    assert_eq!(tests.failed(), ["tiny::c-2"]);
    let (summary, junit) = (world.read("reports/summary.md"), world.read("reports/junit.xml"));
    for text in [ran.text(), tests.text(), summary, junit] {
        assert!(!text.contains("got worse") && !text.to_lowercase().contains("regressed"), "{text}");
    }
}

#[test]
fn an_input_is_a_json_value() {
    // Texts that are spelled like JSON and mean nothing: taken for `null`, two of them would be the same case.
    for (input, says) in [
        (r#""\ud800""#, "hex escape"),
        (r#"{"a": ["x\udc00"]}"#, "hex escape"),
        ("[1e400]", "number out of range"),
        (&format!("{{\"n\": {}}}", "9".repeat(400)), "number out of range"),
        (&format!("{}1{}", "[".repeat(200), "]".repeat(200)), "nested too deeply"),
    ] {
        let world = World::tiny();
        world.write(
            "data/cases.jsonl",
            &format!("{{\"id\":\"a\",\"input\":1,\"expected\":1}}\n{{\"id\":\"b\",\"input\":{input},\"expected\":1}}\n"),
        );
        world.edit("config/models.yml", "cases.csv", "cases.jsonl");
        world.edit("evals/tiny.yml", "cases.csv", "cases.jsonl");
        world.run(&["eval"]).exits(2).says(&["data/cases.jsonl:2:", "not valid JSON", says]);
        // What looks like them and is a value is taken as it stands.
        world.edit("data/cases.jsonl", input, r#"["\ud83d\ude00", 1e300, "1e400 \u0041"]"#);
        let (ran, report) = world.eval(&[]);
        ran.exits(0);
        assert_eq!(report.gates[0].decision.counts.new, 2);
    }
}

#[test]
fn spreadsheets_and_editors_write_what_they_like() {
    // A byte order mark, Windows' line ends, quoted commas and line breaks, JSON in a cell, an empty last line.
    let world = World::of_cases(
        "\u{feff}id,input,expected,slices.kind,slices.tags,must_pass\r\nc-1,\"a, \"\"b\"\"\nc\",x,k,\"[\"\"s\"\", \"\"t\"\"]\",true\r\nc-2,\"{\"\"n\"\": 2.00}\",\"[1, 2]\",,,\r\n\r\n",
    );
    let (ran, report) = world.eval(&[]);
    ran.exits(0);
    let cases = &report.run.suites[0].cases;
    assert_eq!(cases.len(), 2);
    assert!(cases[0].must_pass && !cases[1].must_pass);
    assert_eq!((cases[0].slices["kind"].len(), cases[0].slices["tags"].len()), (1, 2));
    assert_eq!(cases[1].samples[0].answer().map(|answer| answer.text.as_str()), Some("[1,2]"));
    // A case that must pass is named as such when it does not.
    world.edit("evals/tiny.yml", "expected: \"\"", "value: y");
    world.run(&["eval"]).exits(1).says(&["1 failing a check that must pass"]);
}

#[test]
fn a_table_of_cases_is_read_strictly() {
    for (csv, says) in [
        ("id,input,expected\n", "data/cases.csv: expected at least one case, found none"),
        ("id,input\nc,i\n", "data/cases.csv:1: required column `expected` is missing"),
        ("id,input,expectd\nc,i,x\n", "did you mean `expected`?"),
        ("id,id,input,expected\na,b,i,x\n", "data/cases.csv:1: column `id` is there twice"),
        ("id,input,expected\na,i\n", "data/cases.csv:2: has 2 cells, and the header has 3"),
        ("id,input,expected,must_pass\na,i,x,maybe\n", "data/cases.csv:2: `must_pass`"),
        ("id,input,expected\na b,i,x\n", "data/cases.csv:2: id `a b`"),
        ("id,input,expected\na,i,x\na,j,x\n", "data/cases.csv:3: id `a` stands already on line 2"),
    ] {
        World::of_cases(csv).run(&["eval"]).exits(2).says(&[says]);
    }
}

#[test]
fn a_suite_that_checks_nothing_is_refused() {
    let world = World::tiny();
    world.edit("evals/tiny.yml", "checks:\n  - equals: { expected: \"\" }\n", "checks: []\n");
    world.run(&["eval"]).exits(2).says(&["every answer passes"]);
}

#[test]
fn a_list_where_a_mapping_belongs_is_refused() {
    let world = World::tiny();
    world.write("evals/tiny.yml", &(world.read("evals/tiny.yml") + "gate: [pass_rate]\nlimits: [1]\n"));
    world
        .run(&["eval"])
        .exits(2)
        .says(&["`gate`: expected a mapping, found a list", "`limits`: expected a mapping, found a list"]);
}

#[test]
fn a_filter_that_selects_nothing_leaves_the_reports_of_the_run_before() {
    let world = World::tiny();
    world.run(&["eval"]).exits(0);
    let before = world.read("reports/junit.xml");
    world.test(&["nothing-is-called-so"]).exits(0);
    assert_eq!(world.read("reports/junit.xml"), before);
}

#[test]
fn a_broken_suite_stops_no_other() {
    let world = World::tiny();
    world.write(
        "evals/other.yml",
        &world.read("evals/tiny.yml").replace("tiny\n", "other\n").replace("cases.csv", "none.csv"),
    );
    let ran = world.test(&[]).exits(101).says(&["data/none.csv: cannot be read"]);
    assert_eq!(ran.failed(), ["policy::inputs"]);
    assert_eq!(ran.tests("... ok").iter().filter(|name| name.starts_with("tiny::")).count(), 3);
    world.run(&["eval", "tiny"]).exits(2).says(&["data/none.csv: cannot be read"]);
    world.write("evals/other.yml", &world.read("evals/tiny.yml"));
    world.run(&["eval"]).exits(2).says(&["evals/", "tiny"]);
}

#[test]
fn a_project_is_found_from_below_and_may_be_told() {
    let mut world = World::tiny();
    let mut from_below = world.command(&["eval"]);
    let ran = crate::world::ended(from_below.current_dir(world.path("data")).output().unwrap()).exits(0);
    assert!(ran.stdout.starts_with("tiny: "), "{}", ran.text());
    assert!(world.path("reports/junit.xml").exists());
    let elsewhere = |args: &[&str], world: &World| {
        crate::world::ended(world.command(args).current_dir(world.outside()).output().unwrap())
    };
    elsewhere(&["eval"], &world).exits(2).says(&["no project here or above"]);
    elsewhere(&["test"], &world).exits(101).says(&["policy::inputs", "no project here or above"]);
    elsewhere(&["--root", "project", "eval"], &world).exits(0);
    elsewhere(&["eval", "--root", "project"], &world).exits(0);
    elsewhere(&["--root", "project", "test"], &world).exits(0);
    world.set("EVALS_ROOT", "project");
    elsewhere(&["eval"], &world).exits(0);
    elsewhere(&["test"], &world).exits(0);
    // The command line wins over the environment.
    elsewhere(&["--root", "nosuch", "eval"], &world).exits(2).says(&["no project here"]);
}

#[test]
fn a_project_in_a_folder_of_a_repository() {
    let world = World::tiny();
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    let above = world.outside();
    git(above, &["init", "-q", "-b", "main"]);
    git(above, &["add", "-A", "-f", "--", "project", ":!project/reports"]);
    git(above, &["commit", "-q", "-m", "state"]);
    world.run(&["eval"]).exits(0).says(&["pass: identical"]);
    let (_, report) = world.eval(&[]);
    let source = format!("{:?}", report.gates[0].baseline.source);
    assert!(source.contains("WorkingFile"), "without `origin/main`: {source}");

    git(above, &["update-ref", "refs/remotes/origin/main", "HEAD"]);
    // The working file may say what it likes: the merge base decides.
    world.write("data/cases.csv", "id,input,expected\nc-1,sky,blue\n");
    world.run(&["baseline", "accept", "tiny", "--yes", "--override", "two left"]).exits(2).says(&[
        "tiny: case c-2: removed",
        "tiny: case c-3: removed",
        "--reason",
    ]);
    let (ran, report) = world.eval(&[]);
    ran.exits(2);
    let gate = &report.gates[0];
    let source = format!("{:?}", gate.baseline.source);
    assert!(source.contains("MergeBase") && source.contains("origin/main"), "{source}");
    assert_eq!(gate.decision.counts.removed, 2);
    // Accepted by name, they are not missing any more.
    world.run(&["baseline", "accept", "tiny", "--yes", "--reason", "two left"]).exits(0);
    let (ran, report) = world.eval(&[]);
    ran.exits(0);
    assert_eq!(report.gates[0].decision.counts.removed, 0);
    assert_eq!(report.measurement.unwrap().changes.iter().filter(|change| !change.is_open()).count(), 2);
}

#[test]
fn several_models_carry_their_names() {
    let world = World::tiny();
    world.edit("config/models.yml", "models:\n", "models:\n  two: { provider: simulated, params: { accuracy: 1.0, answers: data/cases.csv, seed: 2 } }\n");
    // Which one is meant has to be said.
    world.run(&["eval"]).exits(2).says(&["sim", "two"]);
    world.edit("evals/tiny.yml", "checks:", "models: [sim, two]\nchecks:");
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(2).says(&["say which with --model: sim, two"]);
    for alias in ["sim", "two"] {
        world.run(&["baseline", "accept", "tiny", "--yes", "--model", alias]).exits(0);
    }
    let ran = world.test(&["tiny"]).exits(0);
    let names = ran.tests("... ok");
    for name in ["tiny::c-1::sim", "tiny::c-1::two", "gate::tiny::sim", "gate::tiny::two::pass_rate"] {
        assert!(names.iter().any(|found| found == name), "{name} in {names:?}");
    }
    crate::reports::walk::check(&world.read("reports/junit.xml"));
}

#[cfg(unix)]
#[test]
fn a_program_is_a_check() {
    let world = World::tiny();
    // Reads the answer, as a program of a team would; no JSON parser at hand.
    world.write("checks/long.sh", "read -r line\ncase \"$line\" in\n  *'\"answer\":\"red\"'*) echo '{\"score\": 0.25, \"explanation\": \"too short\"}' ;;\n  *) echo '{\"score\": 1}' ;;\nesac\n");
    world.edit(
        "evals/tiny.yml",
        "  - equals",
        "  - command: { run: [/bin/sh, checks/long.sh], metric: length }\n  - equals",
    );
    let (ran, report) = world.eval(&[]);
    ran.exits(1);
    let scores = report.run.suites[0].cases[2].samples[0].scores().unwrap();
    assert!((scores.metrics["length"] - 0.25).abs() < 1e-9, "{scores:?}");
    world.test(&[]).exits(101).says(&["---- tiny::c-3 ----", "check `command /bin/sh`: too short"]);

    // A program that cannot be asked measures nothing; that is no failed answer.
    for (script, why) in [
        ("exit 3\n", "exit"),
        ("echo not json\n", "not json"),
        ("echo '{}'\n", "score"),
        ("echo '{\"score\": 7}'\n", "7"),
    ] {
        world.write("checks/long.sh", script);
        let (ran, report) = world.eval(&[]);
        let verdict = &report.gates[0].decision.cases[0].result;
        assert!(
            matches!(verdict, CaseResult::NotMeasured { why: found } if found.contains(why)),
            "{verdict:?}"
        );
        ran.exits(3);
    }
    world.edit("evals/tiny.yml", "/bin/sh, checks/long.sh", "/bin/no-such-shell");
    world.run(&["eval"]).exits(3).says(&["/bin/no-such-shell"]);
    let found = crate::reports::walk::check(&world.read("reports/junit.xml"));
    assert_eq!(found.iter().filter(|case| case.class == "tiny" && case.result == "error").count(), 3);
}

#[cfg(unix)]
#[test]
fn an_unchanged_answer_that_cannot_be_scored_is_not_ok() {
    let world = World::tiny();
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    world.edit("evals/tiny.yml", "  - equals", "  - command: { run: [/bin/no-such-shell] }\n  - equals");
    let (ran, report) = world.eval(&[]);
    for case in &report.gates[0].decision.cases {
        assert!(matches!(case.result, CaseResult::NotMeasured { .. }), "{case:?}");
    }
    assert_eq!(report.gates[0].decision.verdict, Verdict::Inconclusive);
    // The model still says what the baseline holds, so nobody edited that file.
    assert!(report.policies.iter().all(|policy| policy.problems.is_empty()), "{:?}", report.policies);
    ran.exits(3);
    world.run(&["eval", "--case", "c-1"]).exits(3).says(&["/bin/no-such-shell"]);
    let tests = world.test(&[]).exits(101);
    assert_eq!(
        tests.failed(),
        ["tiny::c-1", "tiny::c-2", "tiny::c-3", "gate::tiny", "gate::tiny::pass_rate"]
    );
}
