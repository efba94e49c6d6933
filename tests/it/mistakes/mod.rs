//! One mistake at a time: the right policy test fails, `llmx eval` ends with the right code, and the message names
//! the place.

mod baselines;
mod commands;
mod files;

use crate::world::{CURRENT, World};

/// What is done to a healthy project, and how it is caught.
struct Mistake {
    make: fn(&mut World),
    /// Exit code of `llmx eval`.
    code: i32,
    /// Policy tests that fail, all of them.
    policies: &'static [&'static str],
    /// Parts of what `llmx eval` says; see [`with_line`].
    says: &'static [&'static str],
}

/// What is not as it should be with the mistake made.
fn complaints(mut world: World, mistake: &Mistake) -> Vec<String> {
    (mistake.make)(&mut world);
    let before = world.tree();
    let eval = world.run(&["eval"]);
    let says = mistake.says.iter().map(|part| with_line(&world, part));
    let missing = says.filter(|part| !eval.text().contains(part.as_str()));
    let mut found: Vec<String> = missing.map(|part| format!("`{part}` is not said")).collect();
    if eval.code != mistake.code {
        found.push(format!("exit {} instead of {}", eval.code, mistake.code));
    }
    let tests = world.test(&["policy::"]);
    let want: Vec<String> = mistake.policies.iter().map(|name| format!("policy::{name}")).collect();
    if (tests.failed(), tests.code) != (want, if mistake.policies.is_empty() { 0 } else { 101 }) {
        found.push(format!("{} instead of {:?}", tests.failed().join(", "), mistake.policies));
    }
    if world.tree() != before {
        found.push("files other than reports were written".to_owned());
    }
    if !found.is_empty() {
        found.push(eval.text());
    }
    found
}

/// `FILE:{text}...` with the number of the first line of the file that holds the text; `<current>` is the name of
/// the prompt that the example's task names.
fn with_line(world: &World, part: &str) -> String {
    let part = &part.replace("<current>", &CURRENT);
    let Some((file, (text, rest))) =
        part.split_once(":{").and_then(|(file, rest)| Some((file, rest.split_once('}')?)))
    else {
        return part.to_owned();
    };
    let line = world.read(file).lines().position(|line| line.contains(text)).unwrap() + 1;
    format!("{file}:{line}{rest}")
}

#[track_caller]
fn all(world: fn() -> World, mistakes: &[Mistake]) {
    let found: Vec<String> = mistakes
        .iter()
        .enumerate()
        .map(|(n, mistake)| (n, complaints(world(), mistake)))
        .filter(|(_, found)| !found.is_empty())
        .map(|(n, found)| format!("-- mistake {n}\n{}", found.join("\n")))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

const GOLD: &str = "data/gold_set.jsonl";
const BASELINE: &str = "data/baselines/gold.reference.json";
const LOG: &str = "prompts/prompt_changelog.md";
const SUITE: &str = "evals/gold.yml";
const MODELS: &str = "config/models.yml";

#[test]
fn nothing_wrong() {
    all(World::small, &[Mistake { make: |_| {}, code: 0, policies: &[], says: &["nothing got worse"] }]);
}
