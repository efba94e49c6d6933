//! Inputs of another kind than expected: pipes and devices in place of files, and texts that must not reach a terminal
//! or a CI log as they are.

use insta::assert_snapshot;

use crate::world::World;

/// The problems of a run, without its other lines.
fn problems(world: &World, args: &[&str]) -> String {
    let ran = world.run(args).exits(2);
    let is_problem = |line: &&str| line.starts_with("error: ") || line.starts_with("  hint: ");
    ran.stderr.lines().filter(is_problem).collect::<Vec<_>>().join("\n")
}

#[cfg(unix)]
#[test]
fn a_pipe_or_device_in_place_of_a_file_is_refused() {
    let world = World::tiny();
    world.run(&["baseline", "accept", "tiny", "--yes", "--by", "Ada"]).exits(0);
    let mut found = Vec::new();
    for file in ["evals/tiny.yml", "data/cases.csv", "prompts/tiny.txt", "data/baselines/tiny.sim.json"] {
        let (path, kept) = (world.path(file), world.path("kept"));
        std::fs::rename(&path, &kept).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let of_pipe = problems(&world, &["eval", "tiny"]);
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        let of_device = problems(&world, &["eval", "tiny"]);
        assert!(
            of_device == of_pipe || of_device.contains("a link that leads out of"),
            "{file}: {of_device}"
        );
        std::fs::remove_file(&path).unwrap();
        std::fs::rename(&kept, &path).unwrap();
        found.push(of_pipe.lines().next().unwrap_or_default().to_owned());
    }
    assert_snapshot!(found.join("\n"), @r"
    error: evals/tiny.yml: cannot be read: not a regular file
    error: data/cases.csv: cannot be read: not a regular file
    error: prompts/tiny.txt: cannot be read: not a regular file
    error: data/baselines/tiny.sim.json: cannot be read: not a regular file
    ");
}

#[test]
fn texts_of_files_neither_steer_a_terminal_nor_ci() {
    let mut world = World::tiny();
    let long = "z".repeat(3 << 20);
    world.write(
        "data/cases.csv",
        &format!("id,input,expected,must_pass\n\"a\u{1b}[31m\n::error::x\",sky,blue,\nb,sky,blue,\"\u{202e}\n##[x]{long}\"\n"),
    );
    let seen = problems(&world, &["eval", "tiny"]);
    assert_snapshot!(seen.replace('z', ""), @r#"
    error: data/cases.csv:2: id `a\u{1b}[31m ::error::x` is made of other things than letters, digits, `-`, `_`, `.`
      hint: ids are names of tests
    error: data/cases.csv:4: `must_pass`: expected true or false, found "\u{202e}\n##[x] ... (3144575 bytes left out) ... "
    "#);
    world.set("CI", "true").set("GITHUB_ACTIONS", "true");
    assert_eq!(problems(&world, &["eval", "tiny"]), seen);
    world.write("evals/tiny.yml", "suite: tiny\n\"::error::\\e[2J\\n::warning::\": 1\n");
    assert_snapshot!(problems(&world, &["eval", "tiny"]), @r"
    error: evals/tiny.yml:1:1: required key `dataset` is missing
    error: evals/tiny.yml:2:1: `::error::\u{1b}[2J ::warning::`: unknown key `::error::\u{1b}[2J ::warning::`, expected one of: suite, dataset, task, prompt, models, checks, metrics, judge, gate, limits, report
    ");
}

#[test]
fn nesting_and_references_are_bounded() {
    let world = World::tiny();
    let suite = world.read("evals/tiny.yml");
    world.write("evals/tiny.yml", &format!("{suite}x: {}\n", "[".repeat(200_000)));
    assert_snapshot!(problems(&world, &["eval", "tiny"]), @"error: evals/tiny.yml:6: nested too deeply: expected at most 128 levels");
    world.write("evals/tiny.yml", &format!("{suite}  - json_schema: {{ schema: data/s.json }}\n"));
    let defs: Vec<String> = (1..40)
        .map(|i| {
            format!(
                "\"d{i}\": {{\"allOf\": [{{\"$ref\": \"#/$defs/d{0}\"}}, {{\"$ref\": \"#/$defs/d{0}\"}}]}}",
                i - 1
            )
        })
        .collect();
    let schema = format!(
        "{{\"$ref\": \"#/$defs/d39\", \"$defs\": {{\"d0\": {{\"type\": \"string\"}}, {}}}}}",
        defs.join(", ")
    );
    world.write("data/s.json", &schema);
    assert_snapshot!(problems(&world, &["eval", "tiny"]), @"error: evals/tiny.yml:6:5: `checks[1].json_schema`: `data/s.json`: its `$ref`s are too many: written out they make more than 100000 schemas; refer to each definition once");
    let columns: Vec<String> = (0..50_000).map(|i| format!("c{i}")).collect();
    world.write("data/cases.csv", &columns.join(","));
    assert_snapshot!(problems(&world, &["eval", "tiny"]), @"error: data/cases.csv:1: expected at most 1000 columns, found 50000");
}

/// Files of another tool are one problem each, whatever they hold.
#[test]
fn files_of_promptfoo_are_named_as_such() {
    let world = World::tiny();
    let suite = world.read("evals/tiny.yml");
    world.write("evals/promptfooconfig.yaml", "prompts: [a]\nproviders: [b]\ntests:\n  - vars: { q: 1 }\n");
    let of_config = problems(&world, &["eval", "promptfooconfig"]);
    world.remove("evals/promptfooconfig.yaml");
    world.write(
        "data/cases.jsonl",
        "{\"id\": \"a\", \"vars\": {\"q\": 1}, \"assert\": [], \"threshold\": 1}\n",
    );
    world.write("evals/tiny.yml", &suite.replace("cases.csv", "cases.jsonl"));
    let of_tests = problems(&world, &["eval"]);
    world.write("evals/tiny.yml", &suite.replace("checks:\n", "checks:\n  - { type: contains, value: e }\n"));
    let of_check = problems(&world, &["eval"]);
    assert_snapshot!([of_config, of_tests, of_check].join("\n"), @r"
    error: evals/promptfooconfig.yaml: is a configuration of promptfoo, which is not read
      hint: write a suite: `suite`, `dataset`, `prompt`, `models` and `checks`, with the tests as cases of the dataset; keep other tools' files out of evals/
    error: data/cases.jsonl:1: is a test of promptfoo, with `vars` and `assert`, which are not read
      hint: write `input` (an object with the variables), `expected`, and assertions as `checks`
    error: evals/tiny.yml:5:5: `checks[0]`: unknown key `type`: write the check as `contains: { ... }`
    ");
}
