//! `llmx finetune export`: what is measured never reaches a training file.

use serde_json::Value;

use crate::world::World;

const OUT: [&str; 2] = ["--out", "tuned"];

fn export(world: &World, format: &str, more: &[&str]) -> crate::world::Ran {
    let fixed = ["finetune", "export", "tiny", "--labels", "data/labels.jsonl", "--format", format];
    world.run(&[&fixed, &OUT[..], more].concat())
}

/// The smallest project, and forty labelled cases that nothing measures, two to a story.
fn labelled() -> World {
    let world = World::tiny();
    let line = |i: usize| {
        format!(
            "{{\"id\": \"l-{i}\", \"input\": \"thing number {i} that nobody measures\", \"expected\": \"colour {i}\", \"cluster\": \"story-{}\"}}\n",
            i / 2
        )
    };
    world.write("data/labels.jsonl", &(0..40).map(line).collect::<String>());
    world
}

fn lines(world: &World, file: &str) -> Vec<Value> {
    world.read(file).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn examples_are_what_the_task_asks_and_what_it_should_answer() {
    let world = labelled();
    export(&world, "openai", &["--validation-share", "0.3", "--seed", "4"]).exits(0).says(&["to train on"]);
    let (train, validation) = (lines(&world, "tuned/train.jsonl"), lines(&world, "tuned/validation.jsonl"));
    assert_eq!(train.len() + validation.len(), 40);
    assert!(
        validation.len() >= 4 && validation.len() % 2 == 0,
        "stories stay together: {}",
        validation.len()
    );
    let first = &train[0]["messages"];
    let asked = first[0]["content"].as_str().unwrap();
    assert!(
        asked.starts_with("Say the colour.\n<input_data id=") && asked.contains("that nobody measures"),
        "{asked}"
    );
    assert!(first[1]["content"].as_str().unwrap().starts_with("colour "), "{first}");
    let manifest: Value = serde_json::from_str(&world.read("tuned/manifest.json")).unwrap();
    assert_eq!(manifest["train"]["examples"], train.len());
    assert_eq!(manifest["held_against"]["data/cases.csv"].as_str().map(str::len), Some(64), "{manifest}");
    // The same command writes the same bytes.
    let before = world.tree();
    export(&world, "openai", &["--validation-share", "0.3", "--seed", "4"]).exits(0);
    assert_eq!(world.tree(), before);
    export(&world, "bedrock", &[]).exits(0);
    let line = &lines(&world, "tuned/train.jsonl")[0];
    assert_eq!(line["schemaVersion"], "bedrock-conversation-2024");
    assert!(line["messages"][1]["content"][0]["text"].is_string(), "{line}");
}

#[test]
fn what_is_measured_is_refused_by_name() {
    let world = labelled();
    let labels = world.read("data/labels.jsonl");
    let measured =
        "a long measured text about a field of grass that is seen from the top of the hill on a bright day";
    world.write(
        "data/cases.csv",
        &format!("id,input,expected\nc-1,sky,blue\nc-2,{measured},green\nc-3,blood,red\n"),
    );
    let line = |id: &str, input: &str| {
        format!("{{\"id\": \"{id}\", \"input\": \"{input}\", \"expected\": \"x\"}}\n")
    };
    for (added, says) in [
        (
            line("l-x", "SKY!"),
            "data/labels.jsonl:41: case `l-x` says the same as case `c-1` of data/cases.csv:2",
        ),
        (line("l-x", &measured.replace("bright", "rainy")), "data/labels.jsonl:41: case `l-x` is nearly ("),
        (
            line("c-3", "another text"),
            "data/labels.jsonl:41: case `c-3` has the id of a measured case (data/cases.csv:4)",
        ),
    ] {
        world.write("data/labels.jsonl", &(labels.clone() + &added));
        export(&world, "openai", &[]).exits(2).says(&[says, "what is measured is never trained on"]);
        assert!(!world.path("tuned").exists());
    }
    let gold = |file| ["finetune", "export", "tiny", "--labels", file, "--format", "openai"];
    world
        .run(&[&gold("data/cases.csv"), &OUT[..]].concat())
        .exits(2)
        .says(&["data/cases.csv: is what a suite measures with"]);
    // Under another name, and by another path.
    world.write("data/copy.csv", &world.read("data/cases.csv"));
    for file in ["data/copy.csv", "data/../data/cases.csv"] {
        let says = format!("{file}: is data/cases.csv, which a suite measures with");
        world.run(&[&gold(file), &OUT[..]].concat()).exits(2).says(&[&says]);
    }
    world.write("data/labels.jsonl", &labels);
    export(&world, "openai", &["--validation-share", "1"]).exits(2).says(&["from 0 to below 1"]);
    export(&world, "openai", &[]).exits(0);
}

#[test]
fn another_form_of_a_measured_case_is_still_one() {
    let world = labelled();
    let labels = world.read("data/labels.jsonl");
    let measured = r#"{"id": "c-1", "input": {"loss": 2.5, "note": "grass seen from the hill on a bright day", "tags": ["a", "b"]}, "expected": "green"}"#;
    world.write("data/cases.jsonl", &format!("{measured}\n"));
    world.edit("evals/tiny.yml", "data/cases.csv", "data/cases.jsonl");
    for input in [
        r#"{"tags": ["a", "b"], "note": "grass seen from the hill on a bright day", "loss": 2.5}"#,
        r#"{"loss": 2.50, "note": "grass\u0020seen from the HILL on a bright\nday", "tags": ["a", "b"]}"#,
        r#"{"l": "2.5", "n": "grass seen from the hill on a bright day", "t": ["a", "b"]}"#,
        r#""{\"loss\": 2.5, \"note\": \"grass seen from the hill on a bright day\", \"tags\": [\"a\", \"b\"]}""#,
    ] {
        let line = format!("{{\"id\": \"l-x\", \"input\": {input}, \"expected\": \"x\"}}\n");
        world.write("data/labels.jsonl", &(labels.clone() + &line));
        let says = "data/labels.jsonl:41: case `l-x` says the same as case `c-1` of data/cases.jsonl:1";
        export(&world, "openai", &[]).exits(2).says(&[says]);
    }
}

#[test]
fn nothing_is_written_while_a_suite_cannot_be_held_against() {
    let world = labelled();
    let suite = world.read("evals/tiny.yml").replace("suite: tiny", "suite: other");
    world.write("evals/other.yml", &suite.replace("data/cases.csv", "data/absent.csv"));
    let why = "no label can be held against it";
    export(&world, "openai", &[]).exits(2).says(&[why, "data/absent.csv"]);
    world.write("evals/other.yml", "suite: other\ndataset: 7\n");
    export(&world, "openai", &[]).exits(2).says(&[why, "evals/other.yml"]);
    assert!(!world.path("tuned").exists());
    // What another suite measures counts too.
    world.write("data/other.csv", "id,input,expected\no-1,thing number 3 that nobody measures,x\n");
    world.write("evals/other.yml", &suite.replace("data/cases.csv", "data/other.csv"));
    export(&world, "openai", &[]).exits(2).says(&["case `l-3` says the same as case `o-1`"]);
}

#[test]
fn labels_that_repeat_or_contradict_each_other() {
    let world = labelled();
    let labels = world.read("data/labels.jsonl");
    let copy = |expected: &str| {
        format!(
            "{{\"id\": \"l-y\", \"input\": \"Thing number 3, that nobody measures.\", \"expected\": \"{expected}\"}}\n"
        )
    };
    world.write("data/labels.jsonl", &(labels.clone() + &copy("colour 3")));
    export(&world, "openai", &[]).exits(0).says(&["1 label left out, since they repeat another"]);
    let written = world.read("tuned/train.jsonl") + &world.read("tuned/validation.jsonl");
    assert_eq!(written.lines().count(), 40);
    let manifest: Value = serde_json::from_str(&world.read("tuned/manifest.json")).unwrap();
    assert_eq!((&manifest["version"], &manifest["labels"]["copies_left_out"]), (&1.into(), &1.into()));

    world.write("data/labels.jsonl", &(labels + &copy("colour 4")));
    let says = "data/labels.jsonl:41: case `l-y` says the same as case `l-3` (line 4) and is to be answered differently";
    export(&world, "openai", &[]).exits(2).says(&[says]);
}

#[test]
fn what_is_nearly_the_same_stays_on_one_side() {
    let world = World::tiny();
    // Twenty pairs that differ in one word; nobody said that they belong together.
    let line = |i: usize| {
        let (pair, word) = (i / 2, ["bright", "rainy"][i % 2]);
        format!(
            "{{\"id\": \"l-{i}\", \"input\": \"on a {word} day {pair} number{pair} of place{pair} asked town{pair} about hill{pair} and road{pair} near lake{pair} with house{pair} and tree{pair}\", \"expected\": \"pair {pair}\"}}\n"
        )
    };
    world.write("data/labels.jsonl", &(0..40).map(line).collect::<String>());
    export(&world, "openai", &["--validation-share", "0.4", "--seed", "1"]).exits(0);
    let side = |file: &str| -> std::collections::BTreeSet<String> {
        lines(&world, file).iter().map(|line| line["messages"][1]["content"].to_string()).collect()
    };
    let (train, validation) = (side("tuned/train.jsonl"), side("tuned/validation.jsonl"));
    assert!(train.is_disjoint(&validation), "{train:?} {validation:?}");
    assert_eq!(train.len() + validation.len(), 20);
}

#[test]
fn a_side_is_never_empty_by_chance() {
    let world = labelled();
    let two: String =
        world.read("data/labels.jsonl").lines().take(2).map(|line| format!("{line}\n")).collect();
    export(&world, "openai", &[]).exits(0);
    assert!(world.path("tuned/validation.jsonl").exists());
    world.write("data/labels.jsonl", &two);
    export(&world, "openai", &[]).exits(2).says(&["the split leaves nothing to", "--validation-share"]);
    export(&world, "openai", &["--validation-share", "0"])
        .exits(0)
        .says(&["2 examples to train on, 0 to validate"]);
    assert!(
        !world.path("tuned/validation.jsonl").exists(),
        "an earlier export's file would be taken for this one's"
    );
    let manifest: Value = serde_json::from_str(&world.read("tuned/manifest.json")).unwrap();
    assert_eq!(manifest["validation"], Value::Null);
}

/// The measure does not cry wolf: no record of the example is nearly another one.
#[cfg(feature = "rf-qaqc")]
#[test]
fn different_records_of_one_form_are_not_alike() {
    use llm_experiments::finetune::{leaks, words};
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let said = |file: &str| -> Vec<Vec<String>> {
        let dataset = llm_experiments::dataset::load(root, file).unwrap();
        dataset.cases.iter().map(|case| words(&case.input())).collect()
    };
    let (gold, canary) = (said("data/gold_set.jsonl"), said("data/canary_set.jsonl"));
    assert!(gold.len() >= 200 && canary.len() >= 30);
    assert_eq!(leaks(&canary, &gold), []);
}

#[cfg(feature = "rf-qaqc")]
#[test]
fn an_answer_that_the_schema_refuses_is_no_label() {
    let world = World::small();
    let line = "{\"id\": \"L-1\", \"input\": {\"note\": \"quite another record\"}, \"expected\": {\"verdict\": \"maybe\"}}\n";
    world.write("data/labels.jsonl", line);
    let args = ["finetune", "export", "gold", "--labels", "data/labels.jsonl", "--format", "bedrock"];
    world
        .run(&[&args, &OUT[..]].concat())
        .exits(2)
        .says(&["data/labels.jsonl:1: case `L-1`: `expected", "is no answer"]);
}
