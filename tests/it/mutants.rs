//! `llmx mutants`: whole measurements through the command line. Each fault by itself is tested in `src/mutants/`.

use serde_json::Value;

use crate::network;
use crate::world::World;

/// The report as JSON.
#[track_caller]
fn measured(world: &World, args: &[&str]) -> Value {
    let ran = world.run(&[&["mutants", "--format", "json"], args].concat()).exits(0);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// `planted`, `noticed` and `survived` of one kind.
#[track_caller]
fn of_kind(found: &Value, kind: &str) -> [u64; 3] {
    counts(found["faults"].as_array().unwrap().iter().find(|row| row["fault"] == kind).unwrap())
}

fn counts(row: &Value) -> [u64; 3] {
    ["planted", "noticed", "survived"].map(|name| row[name].as_u64().unwrap())
}

/// The same of one kind and place.
#[cfg(feature = "rf-qaqc")]
#[track_caller]
fn of_place(found: &Value, kind: &str, at: &str) -> [u64; 3] {
    let all = found["places"].as_array().unwrap();
    counts(all.iter().find(|row| row["fault"] == kind && row["at"] == at).unwrap())
}

/// The tiny project with an accepted baseline and other checks.
fn accepted(checks: &str) -> World {
    let world = World::tiny();
    world.edit("evals/tiny.yml", "  - equals: { expected: \"\" }\n", checks);
    world.run(&["baseline", "accept", "tiny", "--yes", "--by", "Ada", "--thin"]).exits(0);
    world
}

#[test]
fn one_exact_check_notices_everything() {
    let world = accepted("  - equals: { expected: \"\" }\n");
    let before = world.tree();
    let found = measured(&world, &["tiny"]);
    // Three answers of one word: swapped, another label, empty, refused, cut, in Latin, and prose on two sides.
    assert_eq!(counts(&found["total"]), [24, 24, 0], "{found:#}");
    assert_eq!((&found["format"], &found["score"]), (&1.into(), &1.0.into()));
    assert_eq!(found["ci95"], Value::Null, "three cases are too few");
    assert_eq!((&found["guards"][0]["sees"], &found["guards"][0]["only_it"]), (&24.into(), &24.into()));
    // It writes its reports and nothing else.
    assert_eq!(world.tree(), before);
    let file: Value = serde_json::from_str(&world.read("reports/mutants/tiny.sim.json")).unwrap();
    assert_eq!(file, found);
    world.run(&["mutants", "tiny", "--min-score", "1"]).exits(0).says(&[
        "tiny on sim: 24 planted faults in 3 accepted answers, seed 0",
        "score 100.0%: the suite notices 24 of 24 planted faults",
        "Every case has a part that notices some fault.",
        "not applicable: negated, number_off, stale, missing_field, wrapped, fenced",
        "Note: the answers are those of `sim`: simulated from",
    ]);
    let page = world.run(&["mutants", "tiny", "--format", "markdown"]).exits(0).stdout;
    assert_eq!(page, world.read("reports/mutants/tiny.sim.md"));
}

#[test]
fn a_check_that_looks_at_nothing_guards_no_case() {
    let world = accepted("  - word_count: { max_value: 100 }\n");
    let found = measured(&world, &["tiny"]);
    assert_eq!(counts(&found["total"]), [24, 0, 24], "{found:#}");
    assert_eq!(
        (&found["score"], &found["unguarded"]),
        (&0.0.into(), &serde_json::json!(["c-1", "c-2", "c-3"]))
    );
    world.run(&["mutants", "tiny"]).exits(0).says(&[
        "sees nothing: word_count",
        "Cases that nothing guards (3): c-1, c-2, c-3",
        "other_label in c-1, and 2 more",
        "was: blue",
    ]);
    world
        .run(&["mutants", "tiny", "--min-score", "0.5"])
        .exits(1)
        .says(&["error: the score is 0.0%: expected at least 50.0% (--min-score)"]);
    world.run(&["mutants", "tiny", "--min-score", "0"]).exits(0);
}

#[test]
fn one_kind_of_fault_has_a_report_of_its_own() {
    let world = accepted("  - equals: { expected: \"\" }\n");
    measured(&world, &["tiny"]);
    let whole = world.read("reports/mutants/tiny.sim.json");
    let found = measured(&world, &["tiny", "--fault", "other_label"]);
    assert_eq!((counts(&found["total"]), &found["fault"]), ([3, 3, 0], &"other_label".into()));
    assert_eq!(found["faults"].as_array().unwrap().len(), 1);
    assert_eq!(world.read("reports/mutants/tiny.sim.json"), whole);
    assert!(world.path("reports/mutants/tiny.sim.other_label.md").exists());
}

#[test]
fn the_seed_decides_every_choice() {
    let world = accepted("  - contains: { expected: \"\" }\n");
    let survivors =
        |seed: &str| measured(&world, &["tiny", "--fault", "truncated", "--seed", seed])["survivors"].clone();
    let faults: Vec<Value> =
        (0..8).map(|seed| measured(&world, &["tiny", "--seed", &seed.to_string()])).collect();
    assert_eq!(measured(&world, &["tiny", "--seed", "3"]), faults[3]);
    assert_eq!(survivors("1"), survivors("1"));
    // A label is swapped for one of two others: eight seeds do not always take the same one.
    let world = accepted("  - word_count: { max_value: 100 }\n");
    let taken: std::collections::BTreeSet<String> = (0..8)
        .map(|seed| measured(&world, &["tiny", "--fault", "other_label", "--seed", &seed.to_string()]))
        .map(|found| found["survivors"][0]["after"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(taken.into_iter().collect::<Vec<_>>(), ["green", "red"]);
}

#[test]
fn form_that_no_check_minds_is_not_counted() {
    let world = World::of_cases(
        "id,input,expected\nc-1,sky,\"{\"\"colour\"\": \"\"blue\"\"}\"\nc-2,blood,\"{\"\"colour\"\": \"\"red\"\"}\"\n",
    );
    world.edit("evals/tiny.yml", "equals: { expected: \"\" }", "contains: { expected: /colour }");
    world.run(&["baseline", "accept", "tiny", "--yes", "--by", "Ada", "--thin"]).exits(0);
    let found = measured(&world, &["tiny"]);
    assert_eq!((of_kind(&found, "fenced"), &found["total"]["equal"]), ([0, 0, 0], &2.into()), "{found:#}");
    assert_eq!(of_kind(&found, "wrapped"), [4, 0, 4]);
    assert_eq!(of_kind(&found, "missing_field"), [2, 2, 0]);
    world.run(&["mutants", "tiny"]).exits(0).says(&["2 more changed the form alone and were not noticed."]);
    // A check that minds the fence notices it.
    world.edit("evals/tiny.yml", "  - contains", "  - is_json\n  - contains");
    let found = measured(&world, &["tiny"]);
    assert_eq!((of_kind(&found, "fenced"), &found["total"]["equal"]), ([2, 2, 0], &0.into()));
}

#[cfg(unix)]
#[test]
fn a_program_that_breaks_on_a_mutant_tells_nothing_about_it() {
    let world = World::tiny();
    // Ends with an error where the answer is empty, and likes all else.
    let script = "read -r line\ncase \"$line\" in\n  *'\"answer\":\"\"'*) exit 3 ;;\n  *) echo '{\"score\": 1}' ;;\nesac\n";
    world.write("checks/any.sh", script);
    world.edit("evals/tiny.yml", "equals: { expected: \"\" }", "command: { run: [/bin/sh, checks/any.sh] }");
    world.run(&["baseline", "accept", "tiny", "--yes", "--by", "Ada", "--thin"]).exits(0);
    let found = measured(&world, &["tiny"]);
    let empty = found["faults"].as_array().unwrap().iter().find(|row| row["fault"] == "empty").unwrap();
    assert_eq!((counts(empty), &empty["not_assessed"]), ([3, 0, 0], &3.into()), "{found:#}");
    assert_eq!(of_kind(&found, "refusal"), [3, 0, 3]);
    world.run(&["mutants", "tiny"]).exits(0).says(&[
        "Note: not every mutant could be scored: check `command /bin/sh` could not run",
        "3 more were not assessed",
    ]);
}

#[test]
fn an_earlier_answer_comes_from_git() {
    let world = accepted("  - contains: { expected: \"\" }\n");
    // The model of that day said more.
    world.write(
        "data/said.csv",
        "id,input,expected\nc-1,sky,blue as ever\nc-2,grass,green\nc-3,blood,red as ever\n",
    );
    world.edit("config/models.yml", "data/cases.csv", "data/said.csv");
    let accept =
        ["baseline", "accept", "tiny", "--yes", "--by", "Ada", "--thin", "--override", "said otherwise"];
    world.run(&accept).exits(0);
    world.git();
    world.edit("config/models.yml", "data/said.csv", "data/cases.csv");
    assert_eq!(
        of_kind(&measured(&world, &["tiny"]), "stale"),
        [0, 0, 0],
        "the only version is the accepted one"
    );
    world.run(&accept).exits(0);
    // `green` was said then, too.
    let found = measured(&world, &["tiny"]);
    assert_eq!(of_kind(&found, "stale"), [2, 0, 2], "{found:#}");
    let stale = found["survivors"].as_array().unwrap().iter().find(|row| row["fault"] == "stale").unwrap();
    assert_eq!((&stale["before"], &stale["after"]), (&"blue".into(), &"blue as ever".into()));
}

#[test]
fn mistakes_are_named() {
    let world = World::tiny();
    world.run(&["mutants", "tiny"]).exits(2).says(&[
        "suite `tiny` has no baseline on `sim`: no accepted answers to change",
        "hint: `llmx baseline accept tiny --model sim`",
    ]);
    let world = accepted("  - equals: { expected: \"\" }\n");
    for (args, says) in [
        (&["mutants", "tinny"][..], "did you mean `tiny`"),
        (&["mutants", "tiny", "--fault", "swoped"], "swapped"),
        (&["mutants", "tiny", "--min-score", "80"], "expected a fraction from 0 to 1, such as 0.8 for 80%"),
        (&["mutants", "tiny", "--seed", "x"], "--seed"),
        (&["mutants", "tiny", "--model", "smi"], "did you mean `sim`"),
    ] {
        world.run(args).exits(2).says(&[says]);
    }
    assert!(!world.path("reports/mutants").exists());
    // A case that changed since has no accepted answer.
    world.edit("data/cases.csv", "blood", "cherry");
    assert_eq!(measured(&world, &["tiny"])["left"]["changed"], 1);
    // Answers that no longer pass are no originals, and nothing planted is nothing assessed.
    world.edit("evals/tiny.yml", "equals: { expected: \"\" }", "equals: { value: violet }");
    let ran = world.run(&["mutants", "tiny", "--min-score", "0"]).exits(3);
    ran.says(&[
        "no score: nothing was planted",
        "no accepted answer passes (2)",
        "nothing could be assessed",
    ]);
    world.run(&["mutants", "tiny"]).exits(0);
}

/// Labels that a baseline of a network model does not keep whole.
fn long_answers() -> World {
    let reason = "for a reason that takes many words to tell ".repeat(8);
    let row = |i: usize| {
        format!("c-{i},question {i},{} {reason}{i}", if i.is_multiple_of(3) { "yes" } else { "no" })
    };
    let rows: Vec<String> = (0..12).map(row).collect();
    World::of_cases(&format!("id,input,expected\n{}\n", rows.join("\n")))
}

#[test]
fn recorded_answers_are_enough() {
    let world = long_answers();
    let server = network::server(&world, &[]);
    network::point_at(&world, &server, "");
    world.edit("config/models.yml", "max_tokens: 10", "max_tokens: 1000");
    world.run(&["baseline", "accept", "tiny", "--yes", "--by", "Ada", "--thin"]).exits(0);
    let asked = network::requests(&server);
    assert_eq!(asked, 12);
    let found = measured(&world, &["tiny"]);
    let [planted, noticed, survived] = counts(&found["total"]);
    assert!(planted > 12 * 6 && planted == noticed && survived == 0, "{found:#}");
    assert_eq!(network::requests(&server), asked);
    // Whatever mode is set: there is nothing to ask for.
    let mut world = world;
    world.set("EVALS_MODE", "refresh");
    assert_eq!(measured(&world, &["tiny"]), found);
    assert_eq!(network::requests(&server), asked);
    // Without recordings only the start of each answer is known.
    std::fs::remove_dir_all(world.path("data/recordings")).unwrap();
    let found = measured(&world, &["tiny"]);
    assert_eq!((&found["left"]["not_recorded"], &found["cases"]), (&12.into(), &0.into()));
    assert_eq!(network::requests(&server), asked);
}

#[test]
fn a_judge_behind_a_network_is_not_assessed() {
    let world = network::world(9);
    world.write("prompts/judge.txt", "Score it.\n{output}\n");
    let judge =
        "judge: { prompt: judge.txt, model: net-judge, pass_at: 0.7, blocking: true }\nmodels: [net]\n";
    world.edit("evals/tiny.yml", "checks:\n  - equals: { expected: \"\" }\n", judge);
    let server = network::server(&world, &["--judge-answer", "{\"score\": 0.9, \"explanation\": \"good\"}"]);
    let model = format!(
        "  net-judge: {{ provider: openai, base_url: {}/v1, model_id: a-judge, params: {{ max_tokens: 50 }} }}\n",
        server.url
    );
    network::point_at(&world, &server, &model);
    world.run(&["baseline", "accept", "tiny", "--yes", "--by", "Ada", "--thin"]).exits(0);
    let asked = network::requests(&server);
    let found = measured(&world, &["tiny"]);
    let [planted, noticed, survived] = counts(&found["total"]);
    assert_eq!((noticed, survived, &found["total"]["not_assessed"]), (0, 0, &planted.into()), "{found:#}");
    assert!(planted > 9 && found["score"].is_null());
    world.run(&["mutants", "tiny"]).exits(0).says(&["not assessed: nothing that could notice"]);
    world.run(&["mutants", "tiny", "--min-score", "0.1"]).exits(3).says(&["nothing could be assessed"]);
    assert_eq!(network::requests(&server), asked);
}

#[test]
fn an_embedding_that_is_not_recorded_is_not_asked_for() {
    let world = network::world(6);
    let server = network::server(&world, &[]);
    let model =
        format!("  emb: {{ provider: openai, base_url: {}/v1, model_id: tiny-embedder }}\n", server.url);
    network::point_at(&world, &server, &model);
    let check = "models: [net]\nchecks:\n  - similar: { model: emb, value: yes or no, min: 0.3 }\n";
    world.edit("evals/tiny.yml", "checks:\n  - equals: { expected: \"\" }\n", check);
    world.run(&["baseline", "accept", "tiny", "--yes", "--by", "Ada", "--thin"]).exits(0);
    let asked = network::requests(&server);
    let found = measured(&world, &["tiny"]);
    // `yes` for `no` is an answer to another case, so its embedding is recorded.
    for kind in ["swapped", "other_label", "negated"] {
        assert_eq!(of_kind(&found, kind), [6, 0, 6], "{found:#}");
    }
    // Nothing is like an empty text: that takes no embedding.
    assert_eq!(of_kind(&found, "empty"), [6, 6, 0]);
    // Refused, cut, in Latin, and prose on two sides.
    assert_eq!(found["total"]["not_assessed"], 30);
    assert_eq!(found["guards"][0]["not_asked"], 30);
    assert_eq!(network::requests(&server), asked);
}

#[cfg(feature = "rf-qaqc")]
mod example {
    //! The shipped example.

    use insta::assert_snapshot;

    use super::*;
    use crate::judge_certificate::certifiable;
    use crate::world::Ran;

    /// A suite over the gold cases that stays as it is here when the shipped one changes.
    const SUITE: &str = "\
suite: gold
dataset: data/gold_set.jsonl
task: rf_qaqc
models: [\"@production\"]
checks:
  - json_schema: { schema: data/schemas/output.schema.json }
  - equals: { path: /verdict, expected: /verdict, metric: verdict_accuracy }
  - set_f1: { path: \"/issues/*/code\", expected: \"/issues/*/code\", extra_ok: /acceptable_extra_codes, min: 0.5, metric: code_f1 }
  - quotes_verbatim: { path: \"/issues/*/evidence\" }
metrics:
  false_pass: { equals: { path: /verdict, value: pass }, where: { path: /verdict, value: pass, not: true }, lower_is_better: true }
  injection_resistance: { equals: { path: /verdict, expected: /verdict }, where: { slice: tags, value: prompt_injection } }
gate: { primary: verdict_accuracy, also: [false_pass, code_f1], slices: [test_type, difficulty] }
";

    #[test]
    fn blind_spots_of_the_gold_suite() {
        let world = World::example();
        // An embedded judge that informs is computed, and says what it is.
        world.run(&["mutants", "gold"]).exits(0).says(&["embedded rubric judge: rules, not an LLM"]);
        world.write("evals/gold.yml", SUITE);
        let found = measured(&world, &["gold"]);
        // What the suite is about is guarded.
        for kind in ["missing_field", "empty", "refusal", "truncated", "wrapped", "fenced", "extra_prose"] {
            let [planted, noticed, _] = of_kind(&found, kind);
            assert!(planted > 100 && planted == noticed, "{kind} {planted} {noticed}");
        }
        for at in ["/verdict", "/issues/*/code"] {
            let [planted, noticed, _] = of_place(&found, "other_label", at);
            assert!(planted > 50 && planted == noticed, "{at}");
        }
        let [planted, noticed, _] = of_place(&found, "number_off", "/issues/*/evidence/*/quote");
        assert!(planted > 50 && planted == noticed, "a misquoted number");
        // Labelled, and compared with nothing.
        for at in ["/issues/*/severity", "/issues/*/certainty", "/issues/*/action"] {
            let [planted, _, survived] = of_place(&found, "other_label", at);
            assert!(planted > 50 && planted == survived, "{at}");
        }
        let [planted, _, survived] = of_place(&found, "number_off", "/record_id");
        assert!(planted > 100 && planted == survived, "an answer about another record");
        // The case is known by its name, and every mutant is counted once.
        let total = counts(&found["total"]);
        let sum = |rows: &Value| {
            let mut sum = [0; 3];
            for row in rows.as_array().unwrap() {
                sum.iter_mut().zip(counts(row)).for_each(|(sum, n)| *sum += n);
            }
            sum
        };
        assert_eq!(
            (sum(&found["faults"]), sum(&found["by_case"]), sum(&found["places"])),
            (total, total, total)
        );
        let [low, high] = [0, 1].map(|i| found["ci95"][i].as_f64().unwrap());
        let score = found["score"].as_f64().unwrap();
        assert!(low < score && score < high, "{low} {score} {high}");
    }

    #[test]
    fn an_embedded_judge_that_may_fail_cases_is_counted_apart() {
        let world = certifiable();
        // Leave something to the judge.
        world.edit(
            "evals/gold.yml",
            " severity_f1, action_f1, certainty_f1, grounding, judge_mean]",
            " grounding, judge_mean]",
        );
        let informs = measured(&world, &["gold"]);
        world.run(&["judge", "calibrate", "gold"]).exits(0);
        let blocks = measured(&world, &["gold"]);
        let judge = |found: &Value| found["guards"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((&judge(&informs)["gates"], &judge(&blocks)["gates"]), (&false.into(), &true.into()));
        let only = judge(&blocks)["only_it"].as_u64().unwrap();
        assert!(only > 0 && judge(&informs)["only_it"] == only, "{blocks:#}");
        // What only the judge notices survives without it.
        assert_eq!(counts(&blocks["total"])[1], counts(&informs["total"])[1] + only);
        assert_eq!(blocks["score_without_judge"], informs["score"]);
        let says = ["Without the embedded judge the score is"];
        world.run(&["mutants", "gold"]).exits(0).says(&says);
    }

    /// Lines of a terminal.
    #[track_caller]
    fn fits(ran: &Ran) {
        for line in ran.stdout.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    #[test]
    fn the_console_is_eighty_columns_wide() {
        let world = World::example();
        fits(&world.run(&["mutants", "canary"]).exits(0));
        let small = World::small();
        small.write("evals/gold.yml", SUITE);
        let ran = small.run(&["mutants", "gold", "--seed", "7"]).exits(0);
        fits(&ran);
        assert_snapshot!("mutants_text", ran.stdout);
        assert_snapshot!("mutants_markdown", small.read("reports/mutants/gold.reference.md"));
    }

    #[test]
    fn the_guide_prints_what_the_program_prints() {
        let world = World::example();
        let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/mutants.md")).unwrap();
        let mut ran = 0;
        for block in guide.split("```console\n").skip(1) {
            let block = block.split("```").next().unwrap();
            let mut lines = block.lines();
            let command = lines.next().unwrap().strip_prefix("$ llmx ").unwrap();
            let (command, code) = command.split_once("  # exit ").unwrap_or((command, "0"));
            let args: Vec<&str> = command.split_whitespace().collect();
            let text = world.run(&args).exits(code.parse().unwrap()).text();
            let mut rest = text.lines();
            for want in lines.filter(|line| *line != "...") {
                assert!(
                    rest.any(|line| line == want),
                    "`{command}` does not print, in this order:\n{want}\n\n{text}"
                );
            }
            ran += 1;
        }
        assert!(ran >= 2, "{ran} commands: is the guide still read?");
    }
}
