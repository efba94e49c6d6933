//! Baselines and decisions edited by hand, and one that is gone.

use super::{BASELINE, Mistake, all};
use crate::world::{CURRENT, NEXT, World};

#[test]
fn baselines_edited_by_hand() {
    all(
        World::small,
        &[
            Mistake {
                make: |w| w.edit(BASELINE, "No listed rule is broken", "Some listed rule is broken"),
                code: 2,
                policies: &["baselines"],
                says: &[
                    "data/baselines/gold.reference.json: case `RF-G-001`: the model does not give the stored answer",
                ],
            },
            Mistake {
                make: |w| w.edit(BASELINE, "\"code_f1\":1.0", "\"code_f1\":0.5"),
                code: 2,
                policies: &["baselines"],
                says: &["case `RF-G-001`: the stored scores are not those of the stored answer"],
            },
            // What an upgrade of the program does to stored scores, it is named for.
            Mistake {
                make: |w| {
                    w.edit(BASELINE, "\"code_f1\":1.0", "\"code_f1\":0.5");
                    let version = format!("\"scored_by\": \"{}\"", env!("CARGO_PKG_VERSION"));
                    w.edit(BASELINE, &version, "\"scored_by\": \"0.0.9\"");
                },
                code: 2,
                policies: &["baselines"],
                says: &[
                    "this version of llmx scores differently than llmx 0.0.9, which accepted it",
                    "the upgrade of llmx changed the measurement: llmx 0.0.9 scored the baseline's answers",
                ],
            },
            Mistake {
                make: |w| w.edit(BASELINE, "\"passed\":true", "\"passed\":false"),
                code: 2,
                policies: &["baselines"],
                says: &["case `RF-G-001`: the stored scores are not those of the stored answer"],
            },
            Mistake {
                make: |w| w.edit(BASELINE, "  \"format\": 2,", "  \"format\": 2"),
                code: 2,
                policies: &["prompts", "pins", "baselines"],
                says: &["data/baselines/gold.reference.json:3:", "not a baseline"],
            },
            Mistake {
                make: |w| w.edit(BASELINE, "  \"format\": 2,", "  \"format\": 3,"),
                code: 2,
                policies: &["prompts", "pins", "baselines"],
                says: &["data/baselines/gold.reference.json", "format"],
            },
        ],
    );
}

#[test]
fn a_baseline_that_was_deleted() {
    // Falls short without Git: nothing is compared any more, and only hints say so. What makes it visible here are
    // two known failures that became new cases, which must pass.
    let gone = Mistake {
        make: |w| w.remove(BASELINE),
        code: 1,
        policies: &[],
        says: &["gold: first run", "exit 1: cases fail that no baseline knows"],
    };
    all(World::small, &[gone]);
    // With Git the merge base's decides, and asks for it back.
    let gone = Mistake {
        make: |w| {
            w.git();
            w.remove(BASELINE);
        },
        code: 2,
        policies: &["measurement", "baselines"],
        says: &[
            "gold: suite gold: baseline on reference deleted",
            "pass: identical to the baseline over 8 cases",
            "data/baselines/gold.reference.json: stands at the merge base and is gone here",
        ],
    };
    all(World::small, &[gone]);
}

/// A branch that accepted a worse prompt, with a reason.
fn overridden() -> World {
    let world = World::small();
    world.git();
    world.run(&["prompt", "new", "-m", "Shorter"]).exits(0);
    world.without_section(&NEXT, "Line sweep limits");
    world.name_prompt(&CURRENT, &NEXT);
    world
        .run(&["baseline", "accept", "gold", "--yes", "--override", "the rules move to the field app"])
        .exits(0);
    world
}

#[test]
fn decisions_edited_by_hand() {
    // Accepted with a reason: the run is worse than `origin/main`, says so and why, and fails nothing.
    let world = overridden();
    world.run(&["eval"]).exits(0).says(&[
        "regressed, accepted",
        "accepted because: the rules move to the field app",
        "against your accepted baseline: pass: identical",
    ]);
    world.test(&[]).exits(0);
    // What is edited after that was not accepted by anybody.
    world.without_section(&NEXT, "PIM limits");
    world.run(&["eval"]).exits(2).says(&["frozen but was edited in place"]);
    assert!(world.read(BASELINE).contains("the rules move to the field app"));
    all(
        overridden,
        &[
            Mistake {
                make: |w| {
                    w.edit(BASELINE, "\"sentence\": \"regressed: ", "\"sentence\": \"almost the same: ");
                },
                code: 2,
                policies: &["baselines"],
                says: &[
                    "the decision it was accepted on does not follow from the two files: stored `almost the same: ",
                ],
            },
            Mistake {
                make: |w| w.edit(BASELINE, "\"code_f1\": -0.", "\"code_f1\": -0.0"),
                code: 2,
                policies: &["baselines"],
                says: &["the decision it was accepted on does not follow from the two files"],
            },
            Mistake {
                make: |w| w.edit(BASELINE, "\"the rules move to the field app\"", "null"),
                code: 2,
                policies: &["baselines"],
                says: &["was accepted without a reason on this decision: regressed: "],
            },
            Mistake {
                make: |w| w.edit(BASELINE, "\"verdict\": \"regressed\"", "\"verdict\": \"improved\""),
                code: 2,
                policies: &["baselines"],
                says: &["the decision it was accepted on does not follow from the two files"],
            },
        ],
    );
}
