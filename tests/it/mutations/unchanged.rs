//! No false alarm: what measures the same makes no finding.

use crate::world::{World, git};

fn accepted() -> World {
    let world = World::small();
    world.git();
    world
}

/// Changes that the run names, open or not.
fn changes(world: &World) -> Vec<String> {
    world.commit();
    let (ran, report) = world.eval(&[]);
    ran.exits(0);
    report.measurement.into_iter().flat_map(|found| found.changes).map(|change| change.change.name).collect()
}

#[test]
fn an_unchanged_project_has_no_finding() {
    let world = accepted();
    assert_eq!(changes(&world), [""; 0]);
    // Nor has one whose documentation changed.
    world.write("README.md", "# Ours\n");
    assert_eq!(changes(&world), [""; 0]);
}

#[test]
fn formatting_makes_no_finding() {
    let world = accepted();
    let suite = world.read("evals/gold.yml");
    world.write(
        "evals/gold.yml",
        &suite.replace(
            "  alpha: 0.05\n  margin: 0.05\n",
            "  # Five points.\n  margin: 0.050\n\n  alpha: 5.0e-2\n",
        ),
    );
    let schema: serde_json::Value =
        serde_json::from_str(&world.read("data/schemas/output.schema.json")).unwrap();
    world.write("data/schemas/output.schema.json", &schema.to_string());
    assert_eq!(changes(&world), [""; 0]);
}

#[test]
fn a_moved_file_makes_no_finding() {
    let world = accepted();
    std::fs::rename(world.path("data/gold_set.jsonl"), world.path("data/gold.jsonl")).unwrap();
    std::fs::rename(world.path("evals/gold.yml"), world.path("evals/the_gold_suite.yml")).unwrap();
    for file in ["evals/the_gold_suite.yml", "config/models.yml"] {
        world.edit(file, "data/gold_set.jsonl", "data/gold.jsonl");
    }
    assert_eq!(changes(&world), [""; 0]);
}

#[test]
fn more_cases_are_a_note() {
    let world = accepted();
    let lines = world.read("data/gold_set.jsonl");
    let last = lines.lines().next().unwrap().replacen("RF-G-0", "RF-G-9", 1);
    world.write("data/gold_set.jsonl", &format!("{lines}{last}\n"));
    let names = changes(&world);
    assert_eq!(names.len(), 1);
    assert!(names[0].starts_with("cases: added RF-G-9"), "{names:?}");
    world.test(&["policy::"]).exits(0);
}

#[test]
fn a_stricter_measurement_is_a_note() {
    let world = accepted();
    world.edit("evals/gold.yml", "margin: 0.05", "margin: 0.04");
    assert_eq!(changes(&world), ["gate: margin 0.05 -> 0.04"]);
}

/// An acceptance is for this change, and only until it is merged.
#[test]
fn a_change_that_was_accepted_once_is_named_again_when_it_comes_back() {
    let world = accepted();
    let weaker = |world: &World| {
        world.edit("evals/gold.yml", "margin: 0.05", "margin: 0.2");
        world.commit();
    };
    weaker(&world);
    world.run(&["eval"]).exits(2);
    world.run(&["baseline", "accept", "gold", "--yes", "--reason", "too few cases"]).exits(0);
    world.run(&["eval"]).exits(0).says(&["accepted by", "too few cases"]);
    let merge = |world: &World| {
        world.commit();
        git(world.root(), &["update-ref", "refs/remotes/origin/main", "HEAD"]);
    };
    merge(&world);
    assert_eq!(changes(&world), [""; 0]);
    world.edit("evals/gold.yml", "margin: 0.2", "margin: 0.05");
    merge(&world);
    weaker(&world);
    world.run(&["eval"]).exits(2).says(&["gold: gate: margin 0.05 -> 0.2"]);
}
