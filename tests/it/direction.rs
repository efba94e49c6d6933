//! A metric where less is better reads as it was measured, wherever it is stored or printed.

use llm_experiments::report::input::Report;
use serde_json::Value;

use crate::world::{Ran, World};

const NAME: &str = "false_pass";

/// Two hundred cases with the verdicts pass and fail. Models are right as often as their names say; the first is pinned
/// and accepted, and of the answers to what must fail, the share of `pass` decides.
fn world() -> World {
    let world = World::tiny();
    let case = |i: usize| {
        let verdict = ["pass", "fail"][i % 2];
        format!(
            "{{\"id\": \"c-{i}\", \"input\": \"question {i}\", \"expected\": {{\"verdict\": \"{verdict}\"}}}}\n"
        )
    };
    world.write("data/cases.jsonl", &(0..200).map(case).collect::<String>());
    let model = |name: &str, accuracy: f64, seed: u32| {
        format!(
            "  {name}: {{ provider: simulated, params: {{ accuracy: {accuracy}, answers: data/cases.jsonl, seed: {seed} }} }}\n"
        )
    };
    let models = [model("m90", 0.9, 1), model("m60", 0.6, 2), model("m95", 0.95, 3)].concat();
    world.write("config/models.yml", &format!("models:\n{models}"));
    world.write(
        "config/prompt_graph.yml",
        "tasks:\n  verdicts:\n    nodes:\n      answer: { prompt: tiny.txt }\n    output: answer\n",
    );
    world.write(
        "config/perspectives.yml",
        "perspectives:\n  verdicts:\n    roles:\n      left: { prompt: left.txt, model: m60 }\n      \
         right: { prompt: right.txt, model: m90 }\n    synthesis: { prompt: join.txt, model: m95 }\n",
    );
    for role in ["left", "right"] {
        world.write(&format!("prompts/{role}.txt"), &format!("You are {role}.\n{{input_data}}\n"));
    }
    world.write("prompts/join.txt", "Join.\n{left}\n{right}\n{input_data}\n");
    world.write(
        "config/model_pins.yml",
        &format!(
            "pins:\n  verdicts:\n    model: m90\n    prompt: tiny.txt\n    prompt_sha256: {}\n    pinned_on: 2026-01-01\n",
            llm_experiments::json::sha256_hex(world.read("prompts/tiny.txt"))
        ),
    );
    world.write(
        "evals/tiny.yml",
        &format!(
            "suite: tiny\ndataset: data/cases.jsonl\ntask: verdicts\nmodels: [\"@production\"]\nchecks:\n  \
             - equals: {{ path: /verdict, expected: /verdict }}\nmetrics:\n  {NAME}: {{ equals: {{ path: /verdict, value: pass }}, \
             where: {{ path: /verdict, value: pass, not: true }}, lower_is_better: true }}\ngate: {{ primary: {NAME}, also: \
             [pass_rate] }}\n"
        ),
    );
    world.run(&["baseline", "accept", "tiny", "--yes", "--by", "Ada"]).exits(0);
    world
}

/// Mean over the cases of the scores that the answers got.
fn measured(report: &Report) -> f64 {
    let of_case = |samples: &[llm_experiments::eval::record::SampleRecord]| {
        let all: Vec<f64> = samples.iter().filter_map(|s| s.scores()?.metrics.get(NAME).copied()).collect();
        (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
    };
    let means: Vec<f64> =
        report.run.suites[0].cases.iter().filter_map(|case| of_case(&case.samples)).collect();
    means.iter().sum::<f64>() / means.len() as f64
}

/// Percentages in a text, such as `28.9% -> 40.6%`.
fn percentages(text: &str) -> Vec<f64> {
    let words = text.split(|c: char| !(c.is_ascii_digit() || ".%+-".contains(c)));
    words.filter_map(|word| word.strip_suffix('%')?.parse().ok()).collect()
}

#[track_caller]
fn line(ran: &Ran, start: &str) -> String {
    let found = ran.stdout.lines().find(|line| line.starts_with(start));
    assert!(found.is_some(), "no line begins with `{start}`:\n{}", ran.text());
    found.unwrap_or_default().to_owned()
}

#[track_caller]
fn about(is: f64, should: f64) {
    assert!((is - should).abs() < 0.051, "{is} is not about {should}");
}

#[test]
fn in_a_run_and_its_reports() {
    let world = world();
    // The alias answers worse than what was accepted.
    world.edit("config/models.yml", "accuracy: 0.9,", "accuracy: 0.6,");
    world.forget_runs();
    let (ran, report) = world.eval(&["--no-fail-fast"]);
    let decision = &report.gates[0].decision;
    let metric = &decision.metrics[0];
    let estimate = metric.estimate.unwrap();
    assert!(metric.lower_is_better && !decision.metrics[1].lower_is_better);
    assert!((estimate.candidate_mean - measured(&report)).abs() < 1e-9, "{estimate:?}");
    assert!(
        (estimate.candidate_mean - estimate.baseline_mean - estimate.effect).abs() < 1e-9,
        "{estimate:?}"
    );
    assert!(
        estimate.baseline_mean < 0.2 && estimate.effect > 0.15,
        "one in ten before, four in ten now: {estimate:?}"
    );
    assert_eq!(ran.code, 1, "{}", decision.sentence);

    let (before, now, change) =
        (100.0 * estimate.baseline_mean, 100.0 * estimate.candidate_mean, 100.0 * estimate.effect);
    let start = format!("regressed: {NAME} +{change:.1} points (lower is better) over 100 cases; ");
    assert!(decision.sentence.starts_with(&start), "{}", decision.sentence);
    let summary = world.read("reports/summary.md");
    let row =
        format!("| {NAME} (lower is better) | 100 | {before:.1}% | {now:.1}% | +{change:.1} | regressed |");
    assert!(summary.contains(&row.replace('_', "\\_")) || summary.contains(&row), "{row}\n{summary}");
    let junit = world.read("reports/junit.xml");
    for part in [
        format!("[[PROPERTY|baseline_delta=+{change:.1}]]\n[[PROPERTY|lower_is_better=true]]"),
        format!("value=\"{before:.1}% -&gt; {now:.1}% (+{change:.1} points, lower is better)\""),
    ] {
        assert!(junit.contains(&part), "{part}\n{junit}");
    }
    let console = world.run(&["gate"]).exits(1);
    about(percentages(&line(&console, "tiny: regressed"))[0], before);
    assert!(line(&console, "tiny: regressed").contains(&format!("(+{change:.1} points, lower is better)")));

    // What a reader of the first format stored says the same once it is read.
    let id = &report.run.run_id;
    let file = format!("reports/runs/{id}/eval_results_{id}.json");
    let mut old: Value = serde_json::from_str(&world.read(&file)).unwrap();
    assert_eq!(old["format"], 2);
    old["format"] = 1.into();
    let stored = &mut old["gates"][0]["decision"]["metrics"][0];
    for key in ["baseline_mean", "candidate_mean"] {
        let mean = stored["estimate"][key].as_f64().unwrap();
        stored["estimate"][key] = (1.0 - mean).into();
    }
    stored["estimate"]["effect"] = (-estimate.effect).into();
    stored.as_object_mut().unwrap().remove("lower_is_better");
    world.write("old.json", &old.to_string());
    let read = llm_experiments::report::json::read(world.read("old.json").as_bytes()).unwrap();
    let again = read.gates[0].decision.metrics[0].estimate.unwrap();
    assert!(
        read.gates[0].decision.metrics[0].lower_is_better && (again.effect - estimate.effect).abs() < 1e-9
    );
    world.run(&["gate", "old.json"]).exits(1).says(&[&start]);
}

#[test]
fn in_an_upgrade_and_what_it_writes_down() {
    let world = world();
    let ran = world.run(&[
        "pins",
        "upgrade",
        "verdicts",
        "--to",
        "m95",
        "--yes",
        "--by",
        "Ada",
        "--override",
        "try it",
    ]);
    let ran = ran.exits(0);
    let shown = line(&ran, &format!("  {NAME} -"));
    assert!(shown.ends_with("%, lower is better)"), "{shown}");
    let [before, now] = percentages(&shown)[..] else { panic!("{shown}") };
    // Ten in a hundred are wrong before, five now.
    assert!(before < 20.0 && now < before, "{shown}");
    // A worse model in its place, accepted with a reason: the baseline keeps the change as measured.
    world.edit("config/models.yml", "accuracy: 0.95", "accuracy: 0.6");
    world.run(&["baseline", "accept", "tiny", "--yes", "--override", "cheaper"]).exits(0);
    let stored = world.read("data/baselines/tiny.m95.json");
    let header: Value = serde_json::from_str::<Value>(&stored).unwrap();
    let decision = &header["header"]["accepted"]["decision"];
    assert!(decision["deltas"][NAME].as_f64().unwrap() > 0.15, "{decision}");
    assert!(decision["sentence"].as_str().unwrap().contains("points (lower is better)"), "{decision}");
}

#[test]
fn in_comparisons_of_models_and_of_roles() {
    let world = world();
    let ran = world.run(&["zoo", "tiny", "--models", "m95,m60", "--format", "json"]).exits(0);
    let zoo: Value = serde_json::from_str(&ran.stdout).unwrap();
    let model = |at: usize| &zoo["models"][at];
    assert_eq!((&model(0)["alias"], &zoo["format"]), (&"m95".into(), &2.into()));
    let mean = |at: usize| model(at)["quality"]["mean"].as_f64().unwrap();
    assert!(mean(0) < 0.2 && mean(1) > 0.25, "{zoo:#}");
    assert!((model(1)["behind"]["mean"].as_f64().unwrap() - (mean(1) - mean(0))).abs() < 1e-9);
    world
        .run(&["zoo", "tiny", "--models", "m95,m60"])
        .exits(0)
        .says(&[&format!("{NAME} (lower is better) over 100 cases"), &format!("{:.1}% (", 100.0 * mean(0))]);
    for page in ["reports/zoo/tiny.md", "reports/zoo/tiny.html"] {
        assert!(!world.read(page).contains("100% - "), "{page}");
    }

    let ran = world.run(&["perspectives", "tiny", "--format", "json"]).exits(0);
    let found: Value = serde_json::from_str(&ran.stdout).unwrap();
    let of = &found["assessment"];
    let number = |value: &Value| value.as_f64().unwrap();
    assert_eq!((&found["lower_is_better"], &found["format"]), (&true.into(), &2.into()));
    // The role that is right in nine of ten is the best, the one in six of ten is not.
    assert_eq!(of["best"], 1);
    assert!(number(&of["roles"][0]["mean"]) > 0.25 && number(&of["roles"][1]["mean"]) < 0.2, "{of:#}");
    let lift = number(&of["synthesis"]) - number(&of["roles"][1]["at_equal_cost"]);
    assert!((number(&of["lift"]) - lift).abs() < 1e-9, "{of:#}");
    world.run(&["perspectives", "tiny"]).exits(0).says(&[
        &format!("{NAME} (lower is better) over 100 cases"),
        &format!("synthesis     100     {:.1}%", 100.0 * number(&of["synthesis"])),
    ]);

    // The fine-tune decision reads both, and shows levels as they were measured.
    world.run(&["eval", "tiny"]);
    world.write(
        "config/finetune.yml",
        "suites:\n  tiny:\n    target: 0.98\n    tried: { perspectives: { report: reports/perspectives/tiny.m90.json } }\n",
    );
    world.run(&["finetune", "decide", "tiny"]).says(&[
        &format!("{NAME} (lower is better) is "),
        "the target 2.0%",
        &format!("{:.1}% (", 100.0 * number(&of["synthesis"])),
    ]);
}

#[test]
fn in_planning() {
    let world = world();
    let ran = world.run(&["power", "tiny"]).exits(0);
    ran.says(&[
        "% (lower is better)",
        "per case: a rise of ",
        "can rule out a rise of 5 points",
        "to find a rise of 5 points",
    ]);
}
