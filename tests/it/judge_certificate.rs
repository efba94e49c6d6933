//! A judge fails cases only while a certificate says that it may.

use llm_experiments::gate::Reason;
use serde_json::Value;

use crate::world::World;

/// The example, with those labelled answers only on which its rubric judge can be right.
pub(crate) fn certifiable() -> World {
    let world = World::small();
    let known = |line: &&str| {
        let label: Value = serde_json::from_str(line).unwrap();
        let defects: Vec<&str> =
            label["defects"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        defects.is_empty() || defects.contains(&"wrong_verdict")
    };
    let labels = world.read("data/judge_labels.jsonl");
    let gold = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/data/gold_set.jsonl")).unwrap();
    // The small project's own cases stay as they are; a suite that only lends its cases holds the others.
    world.write("data/labelled.jsonl", &gold);
    world.write(
        "evals/labelled.yml",
        "suite: labelled\ndataset: data/labelled.jsonl\ntask: rf_qaqc\nmodels: [\"@production\"]\nchecks:\n  - is_json\n",
    );
    // Fifty at least, so each stands there three times, as three people would have labelled it.
    let copies = |line: &str| {
        let mut label: Value = serde_json::from_str(line).unwrap();
        let id = label["id"].as_str().unwrap().to_owned();
        (1..=3)
            .map(|n| {
                label["id"] = format!("{id}-{n}").into();
                format!("{label}\n")
            })
            .collect::<String>()
    };
    world.write("data/judge_labels.jsonl", &labels.lines().filter(known).map(copies).collect::<String>());
    world
}

fn notes(world: &World) -> String {
    let (_, report) = world.eval(&["gold"]);
    report.gates[0].decision.notes.join("\n")
}

#[test]
fn without_a_valid_certificate_the_judge_informs_and_says_why() {
    let world = certifiable();
    std::fs::remove_dir_all(world.path("data/judge_certificates")).unwrap();
    let informs = "the judge informs and fails nothing: ";
    assert!(notes(&world).contains(&format!("{informs}it has no certificate")), "{}", notes(&world));

    let ran = world.run(&["judge", "calibrate", "gold"]).exits(0);
    ran.says(&[
        "kappa                      1.00",
        "may fail cases",
        "written: data/judge_certificates/gold.json",
    ]);
    assert!(!notes(&world).contains(informs), "{}", notes(&world));

    // Other labels, another threshold: what was measured no longer is what is used.
    let labels = world.read("data/judge_labels.jsonl");
    world.write("data/judge_labels.jsonl", &labels.lines().skip(1).collect::<Vec<_>>().join("\n"));
    assert!(notes(&world).contains("is stale: data/judge_labels.jsonl changed"), "{}", notes(&world));
    world.write("data/judge_labels.jsonl", &labels);
    assert!(!notes(&world).contains(informs));
    world.edit("evals/gold.yml", "pass_at: 0.7", "pass_at: 0.8");
    assert!(
        notes(&world).contains("is stale: model, parameters, prompt or threshold changed"),
        "{}",
        notes(&world)
    );
    world.edit("evals/gold.yml", "pass_at: 0.8", "pass_at: 0.7");

    // A hand that grants what the numbers do not.
    let certificate = world.read("data/judge_certificates/gold.json");
    let mut edited: Value = serde_json::from_str(&certificate).unwrap();
    edited["kappa"]["ci95"][0] = 0.3.into();
    world.write("data/judge_certificates/gold.json", &edited.to_string());
    assert!(notes(&world).contains("its lower bound must reach 0.6"), "{}", notes(&world));
    world.write("data/judge_certificates/gold.json", "{");
    world
        .run(&["eval", "gold"])
        .exits(2)
        .says(&["data/judge_certificates/gold.json:1", "llmx judge calibrate gold"]);
}

/// What the judge decided when the baseline was accepted is decided by nothing once its certificate is stale.
#[test]
fn a_judge_that_lost_its_certificate_makes_the_gate_inconclusive() {
    let world = certifiable();
    world.run(&["judge", "calibrate", "gold"]).exits(0);
    let reason = "the judge counts from here on";
    world.run(&["baseline", "accept", "gold", "--yes", "--override", reason]).exits(0);
    world.eval(&["gold"]).0.exits(0);
    let labels = world.read("data/judge_labels.jsonl");
    world.write("data/judge_labels.jsonl", &labels.lines().skip(1).collect::<Vec<_>>().join("\n"));
    let (ran, report) = world.eval(&["gold"]);
    ran.exits(3);
    assert_eq!(report.gates[0].decision.reason, Some(Reason::JudgeChanged));
}

#[test]
fn under_ci_and_in_a_dry_run_nothing_is_certified() {
    let mut world = certifiable();
    let before = world.read("data/judge_certificates/gold.json");
    world.run(&["judge", "calibrate", "gold", "--dry-run"]).exits(0).says(&["is left as it is: as asked"]);
    world.set("CI", "1");
    world.run(&["judge", "calibrate", "gold"]).exits(0).says(&["under CI nothing is certified"]);
    assert_eq!(world.read("data/judge_certificates/gold.json"), before);
    world.run(&["judge", "calibrate", "nope"]).exits(2).says(&["no suite is called `nope`"]);
}
