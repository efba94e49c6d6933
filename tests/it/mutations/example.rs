//! Mutations of the example: its embedded analyst is deterministic, and the prompt lost its limits of line sweeps.

use std::sync::LazyLock;

use super::{Mutation, is_fair, run_all};
use crate::world::{CURRENT, NEXT, World};

const ALSO: &str = "also: [false_pass, code_f1, severity_f1, action_f1, certainty_f1, grounding, judge_mean]";
const SUITE: &str = "evals/gold.yml";
const GRAPH: &str = "config/prompt_graph.yml";
/// What production holds every answer against, besides the output schema.
const QUOTES: &str = "    checks:\n      - quotes_verbatim: { path: \"/issues/*/evidence\" }\n";
/// A task that asks the same, and promises nothing.
const COPY: &str = "tasks:\n  copy:\n    nodes:\n      answer: { prompt: prompt_v004.txt, model: \"@task\" }\n    output: answer\n";
const GOLD: &str = "data/gold_set.jsonl";

/// The example's first cases on a branch with the worse prompt.
static WORSE: LazyLock<World> = LazyLock::new(|| {
    let world = clean();
    world.run(&["prompt", "new", "-m", "Shorter"]).exits(0);
    world.without_section(&NEXT, "Line sweep limits");
    world.name_prompt(&CURRENT, &NEXT);
    world.commit();
    world
});

fn clean() -> World {
    let world = World::small();
    world.git();
    world
}

/// Ids of the cases that the worse prompt breaks.
fn broken(world: &World) -> Vec<String> {
    let (_, report) = world.eval(&[]);
    let failing = report.gates[0].decision.cases.iter().filter(|case| case.fails());
    failing.map(|case| case.id.clone()).collect()
}

/// Rewrite the lines of the broken cases; none takes the line away.
fn of_broken(world: &World, change: impl Fn(String) -> Option<String>) {
    let ids = broken(world);
    assert!(!ids.is_empty());
    let lines = world.read(GOLD);
    let changed = lines.lines().filter_map(|line| {
        let is_broken = ids.iter().any(|id| line.contains(&format!("\"{id}\"")));
        if is_broken { change(line.to_owned()) } else { Some(line.to_owned()) }
    });
    world.write(GOLD, &(changed.collect::<Vec<_>>().join("\n") + "\n"));
}

fn first_broken(world: &World) -> String {
    broken(world).swap_remove(0)
}

#[test]
fn the_story_is_fair() {
    is_fair(&WORSE.again(), &clean());
    assert_eq!(first_broken(&WORSE.again()), "RF-G-002");
}

#[test]
fn cases_that_go_or_change() {
    run_all(
        &|| WORSE.again(),
        &[
            Mutation {
                name: "the broken cases are removed",
                make: |w| of_broken(w, |_| None),
                named: Some("case RF-G-002: removed"),
                worse: true,
            },
            Mutation {
                name: "the broken cases get another id",
                make: |w| of_broken(w, |line| Some(line.replacen("\"RF-G-", "\"RF-X-", 1))),
                named: Some("case RF-G-002: removed"),
                worse: true,
            },
            Mutation {
                name: "the labels of the broken cases become what the prompt says now",
                make: |w| {
                    of_broken(w, |line| {
                        Some(line.replacen(
                            "\"expected\": {\"verdict\": \"fail\"",
                            "\"expected\": {\"verdict\": \"pass\"",
                            1,
                        ))
                    });
                },
                named: Some("case RF-G-002: expected changed"),
                worse: true,
            },
            Mutation {
                name: "the inputs of the broken cases change",
                make: |w| {
                    of_broken(w, |line| {
                        Some(line.replacen("\"schema_version\": \"1.0\"", "\"schema_version\": \"1.1\"", 1))
                    });
                },
                named: Some("case RF-G-002: input changed"),
                worse: true,
            },
            Mutation {
                name: "the broken cases share one cluster",
                make: |w| {
                    of_broken(w, |line| {
                        Some(line.replacen("\"expected\": {", "\"cluster\": \"all\", \"expected\": {", 1))
                    });
                },
                named: Some("case RF-G-002: cluster none -> all"),
                worse: true,
            },
            Mutation {
                name: "slices are taken away",
                make: |w| {
                    w.write(
                        GOLD,
                        &w.read(GOLD).replace("\"difficulty\": \"easy\"", "\"difficulty\": \"hard\""),
                    );
                },
                named: Some("case RF-G-001: slices changed"),
                worse: true,
            },
            Mutation {
                name: "another dataset, with the broken cases left out",
                make: |w| {
                    of_broken(w, |_| None);
                    std::fs::rename(w.path(GOLD), w.path("data/gold_v2.jsonl")).unwrap();
                    for file in [SUITE, "config/models.yml"] {
                        w.edit(file, GOLD, "data/gold_v2.jsonl");
                    }
                },
                named: Some("case RF-G-002: removed"),
                worse: true,
            },
        ],
    );
}

#[test]
fn checks_and_metrics_that_get_weaker() {
    run_all(
        &|| WORSE.again(),
        &[
            Mutation {
                name: "the check is removed",
                make: |w| {
                    w.edit(
                        SUITE,
                        "  - equals: { path: /verdict, expected: /verdict, metric: verdict_accuracy }\n",
                        "",
                    );
                    w.edit(
                        SUITE,
                        "primary: verdict_accuracy\n  also: [false_pass, code_f1",
                        "primary: pass_rate\n  also: [false_pass, code_f1",
                    );
                    w.edit(
                        SUITE,
                        "safety_false_pass, verdict_accuracy, code_f1",
                        "safety_false_pass, code_f1",
                    );
                },
                named: Some("check equals /verdict: removed"),
                worse: true,
            },
            Mutation {
                name: "the check looks at a key that is not there",
                make: |w| {
                    w.edit(
                        SUITE,
                        "path: /verdict, expected: /verdict, metric",
                        "path: /verdikt, expected: /verdict, metric",
                    );
                },
                named: Some("check equals /verdict: path /verdict -> /verdikt"),
                worse: true,
            },
            Mutation {
                name: "the check is negated",
                make: |w| {
                    w.edit(SUITE, "metric: verdict_accuracy }", "metric: verdict_accuracy, not: true }");
                },
                named: Some("check equals /verdict: negated"),
                worse: true,
            },
            Mutation {
                name: "the check asks for less",
                make: |w| w.edit(SUITE, "metric: verdict_accuracy }", "metric: verdict_accuracy, min: 0 }"),
                named: Some("check equals /verdict: min 1.0 -> 0.0"),
                worse: true,
            },
            Mutation {
                name: "the check compares the label with itself",
                make: |w| {
                    w.edit(
                        SUITE,
                        "equals: { path: /verdict, expected: /verdict, metric",
                        "one_of: { path: /verdict, values: [pass, fail, needs_review], metric",
                    );
                },
                named: Some("check equals /verdict: kind equals -> one_of"),
                worse: true,
            },
            Mutation {
                name: "a metric counts other cases",
                make: |w| {
                    w.edit(
                        SUITE,
                        "where: { path: /verdict, value: pass, not: true }",
                        "where: { path: /verdict, value: needs_review }",
                    );
                },
                named: Some("metric false_pass: where changed"),
                worse: true,
            },
            Mutation {
                name: "a metric is turned around",
                make: |w| {
                    w.edit(
                        SUITE,
                        "value: pass, not: true }, lower_is_better: true }",
                        "value: pass, not: true } }",
                    );
                },
                named: Some("metric false_pass: lower_is_better true -> false"),
                worse: true,
            },
            Mutation {
                name: "the schema takes anything",
                make: |w| w.write("data/schemas/output.schema.json", "{}\n"),
                named: Some("check json_schema data/schemas/output.schema.json: schema content changed"),
                worse: true,
            },
            Mutation {
                name: "a check need not pass any more",
                make: |w| w.edit(SUITE, "must_pass: true, ", ""),
                named: Some("check json_schema data/schemas/output.schema.json: must_pass true -> false"),
                worse: true,
            },
        ],
    );
}

#[test]
fn policies_that_get_weaker() {
    run_all(
        &|| WORSE.again(),
        &[
            Mutation {
                name: "the primary metric is one that did not move",
                make: |w| {
                    w.edit(SUITE, "primary: verdict_accuracy\n", "primary: grounding\n");
                    w.edit(SUITE, ALSO, "also: []");
                },
                named: Some("gate: primary verdict_accuracy -> grounding"),
                worse: true,
            },
            Mutation {
                name: "a metric leaves the gate",
                make: |w| w.edit(SUITE, ALSO, "also: [grounding]"),
                named: Some("gate: also without false_pass"),
                worse: true,
            },
            Mutation {
                name: "a wide margin",
                make: |w| w.edit(SUITE, "margin: 0.05", "margin: 0.9"),
                named: Some("gate: margin 0.05 -> 0.9"),
                worse: true,
            },
            Mutation {
                name: "a small alpha",
                make: |w| w.edit(SUITE, "alpha: 0.05", "alpha: 0.000001"),
                named: Some("gate: alpha 0.05 -> 1e-6"),
                worse: true,
            },
            Mutation {
                name: "missing answers are fine",
                make: |w| w.edit(SUITE, "baseline_samples: 5", "baseline_samples: 5\n  max_missing: 0.99"),
                named: Some("gate: max_missing 0.1 -> 0.99"),
                worse: true,
            },
            Mutation {
                name: "a slice is not reported any more",
                make: |w| w.edit(SUITE, "slices: [test_type, difficulty, tags]", "slices: [tags]"),
                named: Some("gate: slices without test_type"),
                worse: true,
            },
            Mutation {
                name: "higher bounds",
                make: |w| w.edit(SUITE, "latency_p95_ms: 8000", "latency_p95_ms: 80000"),
                named: Some("limits: latency_p95_ms 8000.0 -> 80000.0"),
                worse: true,
            },
            Mutation {
                name: "the judge passes everything",
                make: |w| w.edit(SUITE, "pass_at: 0.7", "pass_at: 0"),
                named: Some("judge: pass_at 0.7 -> 0.0"),
                worse: true,
            },
            Mutation {
                name: "the judge's rubric is shorter",
                make: |w| {
                    w.edit("prompts/judge_prompt.txt", "{output}", "{output}\n");
                    w.run(&["prompt", "lock", "-m", "shorter"]).exits(0);
                },
                named: Some("judge: prompt or a partial changed"),
                worse: true,
            },
            Mutation {
                name: "the judge is gone",
                make: |w| {
                    let suite = w.read(SUITE);
                    let start = suite.find("judge: {").unwrap();
                    let end = start + suite[start..].find('\n').unwrap() + 1;
                    w.write(SUITE, &format!("{}{}", &suite[..start], &suite[end..]));
                    w.edit(SUITE, ", judge_mean]", "]");
                },
                named: Some("judge: removed"),
                worse: true,
            },
            Mutation {
                name: "the suite runs on a model that is always right",
                make: |w| w.edit(SUITE, "[\"@production\"]", "[noisy]"),
                named: Some("suite: models without reference"),
                worse: false,
            },
        ],
    );
}

#[test]
fn what_is_deleted_or_renamed() {
    run_all(
        &|| WORSE.again(),
        &[
            Mutation {
                name: "the suite is deleted",
                make: |w| {
                    w.remove(SUITE);
                    w.write("evals/other.yml", "suite: other\ndataset: data/gold_set.jsonl\ntask: rf_qaqc\nmodels: [reference]\nchecks: [is_json]\n");
                },
                named: Some("suite gold: renamed to other"),
                worse: false,
            },
            Mutation {
                name: "the suite is renamed",
                make: |w| w.edit(SUITE, "suite: gold", "suite: golden"),
                named: Some("suite gold: renamed to golden"),
                worse: false,
            },
            Mutation {
                name: "the baseline is deleted",
                make: |w| w.remove("data/baselines/gold.reference.json"),
                named: Some("suite gold: baseline on reference deleted"),
                worse: true,
            },
            Mutation {
                name: "the baseline is deleted and a first one accepted in its place",
                make: |w| {
                    w.remove("data/baselines/gold.reference.json");
                    w.run(&["baseline", "accept", "gold", "--yes"]).exits(2);
                },
                named: Some("suite gold: baseline on reference deleted"),
                worse: true,
            },
            Mutation {
                name: "rules of the labels are dropped",
                make: |w| w.edit(GRAPH, "label_rules: rf_qaqc", "# label_rules: rf_qaqc"),
                named: Some("task label_rules: removed"),
                worse: true,
            },
            Mutation {
                name: "the suite evaluates a copy of the task",
                make: |w| {
                    w.edit(GRAPH, "tasks:\n", COPY);
                    w.edit(SUITE, "task: rf_qaqc", "task: copy");
                    w.edit(SUITE, "[\"@production\"]", "[reference]");
                },
                named: Some("suite: task rf_qaqc -> copy"),
                worse: true,
            },
            Mutation {
                name: "the answer comes from another model than the suite names",
                make: |w| w.edit(GRAPH, "model: \"@task\"", "model: noisy"),
                named: Some("suite: models without reference"),
                worse: false,
            },
            Mutation {
                name: "production holds answers against no schema",
                make: |w| w.edit(GRAPH, "output_schema:", "# output_schema:"),
                named: Some("task output_schema: removed"),
                worse: true,
            },
            Mutation {
                name: "production checks no quotes any more",
                make: |w| w.edit(GRAPH, QUOTES, ""),
                named: Some("task checks: removed"),
                worse: true,
            },
            Mutation {
                name: "a hand edit of the baseline",
                make: |w| {
                    let text = w.read("data/baselines/gold.reference.json");
                    w.write(
                        "data/baselines/gold.reference.json",
                        &text.replace("\"passed\":true", "\"passed\":false"),
                    );
                },
                named: None,
                worse: true,
            },
        ],
    );
}
