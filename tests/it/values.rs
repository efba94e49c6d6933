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

/// Programs of checks fail on each answer in their own way: no case is given the fault of another.
#[cfg(unix)]
#[test]
fn a_fault_of_a_check_is_shown_for_its_own_case() {
    let world = World::tiny();
    let suite = world.read("evals/tiny.yml");
    let with = |script: &str| {
        let check = format!("checks:\n  - command: {{ run: [sh, -c, '{script}'] }}\n");
        world.write("evals/tiny.yml", &suite.replace("checks:\n", &check));
        world.run(&["eval"])
    };
    let ran = with("id=$(grep -o c-[0-9]); echo fault of $id >&2; exit 3");
    for id in ["c-1", "c-2", "c-3"] {
        let line =
            ran.text().lines().find(|line| line.starts_with(&format!("    {id}: "))).map(str::to_owned);
        assert!(line.is_some_and(|line| line.ends_with(&format!("fault of {id}"))), "{}", ran.text());
    }
    assert!(!ran.text().contains("like it"), "{}", ran.text());
    // Equal faults are one line.
    with("cat > /dev/null; echo broken >&2; exit 3").says(&["c-1 (and 2 like it): ", "broken"]);
}

#[test]
fn cases_with_one_input_share_a_cluster_in_records() {
    let world = World::of_cases("id,input,expected\nc-1,sky,blue\nc-2,grass,green\nc-3,sky,blue\n");
    world.run(&["eval"]).exits(0);
    let folder = world.run_folder();
    let run = folder.file_name().and_then(|name| name.to_str()).unwrap();
    let report = world.read(&format!("reports/runs/{run}/eval_results_{run}.json"));
    assert_eq!(report.matches("\"same input: c-1\"").count(), 2, "{report}");
    // Nothing changed: the stored measurement agrees with the dataset.
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    world.run(&["eval"]).exits(0);
}
