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
    assert_eq!(manifest["held_against"][0], "data/cases.csv");
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
    let gold = ["finetune", "export", "tiny", "--labels", "data/cases.csv", "--format", "openai"];
    world.run(&[&gold, &OUT[..]].concat()).exits(2).says(&["is what suite `tiny` measures with"]);
    world.write("data/labels.jsonl", &labels);
    export(&world, "openai", &["--validation-share", "1"]).exits(2).says(&["from 0 to below 1"]);
    export(&world, "openai", &[]).exits(0);
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
