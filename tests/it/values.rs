//! Values that are easily misread, through the command line: variables, switches, long numbers.

use crate::world::World;

#[test]
fn ci_is_off_in_every_spelling_of_no() {
    let mut world = World::tiny();
    for (value, mode) in [("False", "record"), ("no", "record"), ("OFF", "record"), ("true", "replay")] {
        world.set("CI", value);
        world.run(&["eval", "--dry-run"]).exits(0).says(&[&format!("mode {mode}")]);
    }
    world.set("CI", "off").set("EVALS_ALLOW_UNPRICED", "Yes");
    world.run(&["eval"]).exits(0);
    world.set("EVALS_ALLOW_UNPRICED", "perhaps");
    world.run(&["eval"]).exits(2).says(&["EVALS_ALLOW_UNPRICED", "expected `1` or `0`, found `perhaps`"]);
}

#[test]
fn a_variable_in_a_configuration_file_is_refused_before_anything_runs() {
    let world = World::tiny();
    world.write("config/settings.yml", "reports_dir: ${HOME}/reports\n");
    world.run(&["eval"]).exits(2).says(&[
        "config/settings.yml:1:1",
        "variables are not expanded",
        "`${HOME}`",
    ]);
    assert!(!world.path("${HOME}").exists());
    world.write("config/settings.yml", "concurrency: 2\n");
    let models = world.read("config/models.yml");
    world.write(
        "config/models.yml",
        &format!("{models}  b: {{ provider: openai, base_url: '$URL', model_id: m }}\n"),
    );
    let ran = world.run(&["eval"]).exits(2).says(&["`models.b.base_url`", "found `$URL`"]);
    assert!(!ran.text().contains("relative URL"), "one thing is said of one place:\n{}", ran.text());
}

#[test]
fn a_number_of_more_than_64_bits_in_a_suite_is_refused_with_its_place() {
    let world = World::tiny();
    let suite = world.read("evals/tiny.yml");
    world.write(
        "evals/tiny.yml",
        &suite.replace("checks:\n", "checks:\n  - one_of: { values: [12345678901234567890123] }\n"),
    );
    world.run(&["eval"]).exits(2).says(&["evals/tiny.yml", "64 bits", "`12345678901234567890123`"]);
}
