//! Checks that cannot work, and that every kind has its builder.

use super::*;

#[test]
fn what_cannot_work_is_said_before_anything_runs() {
    for (yaml, want) in [
        ("json_schema: { schema: nope.json }", "nope.json: cannot be read"),
        ("json_schema: { schema: broken.json }", "broken.json:1: not valid JSON"),
        ("json_schema: { schema: wrong.json }", "`wrong.json`: not a JSON Schema"),
        ("json_schema: { schema: remote.json }", "`https://example.com/s.json` is not followed"),
        ("json_schema: { schema: file.json }", "`file:///etc/hosts` is not followed"),
        ("json_schema: { schema: relative.json }", "gone.json: cannot be read: there is no such file"),
        (
            "custom: { name: shor }",
            "expected one of: big, broken, nan, panics, part, short (did you mean `short`?)",
        ),
        ("command: { run: [x], timeout_s: 0 }", "seconds above 0, found 0"),
        ("command: { run: [x], timeout_s: -1 }", "seconds above 0"),
        ("command: { run: [x], timeout_s: .nan }", "seconds above 0"),
        ("range: { min_value: 2, max_value: 1 }", "no number is at least 2 and at most 1"),
        ("range: { min_value: .inf }", "`min_value`: expected a number"),
        ("word_count: { min_value: 2, max_value: 1 }", "no number is at least 2 and at most 1"),
        ("tokens: { max_value: .nan }", "`max_value`: expected a number"),
        (
            "finish_reason: { value: lenght }",
            "no model stops for `\"lenght\"`, expected one of: stop, length, refusal, content_filter, \
             context_window, other (did you mean `length`?)",
        ),
        ("finish_reason: { values: [stop, 1] }", "no model stops for `1`"),
        ("similar: { value: a, model: fakke }", "unknown model `fakke` (did you mean `fake`?)"),
        ("finish_reason: { values: [] }", "found an empty list"),
        // What holds of every answer, or of none.
        ("contains_all: { values: [] }", "found an empty list"),
        ("one_of: { values: [] }", "found an empty list"),
        ("contains: { value: '' }", "every answer has the empty text"),
        ("ends_with: { value: '' }", "every answer has the empty text"),
        ("contains: { value: [a, b] }", "`value`: expected text"),
        ("latency: { max_value: -5 }", "no answer has less than 0"),
    ] {
        let error = compile(yaml).err().unwrap_or_else(|| panic!("{yaml} compiles"));
        assert!(error.starts_with("evals/s.yml: `checks[0].") && error.contains(want), "{yaml}: {error}");
    }
    let two = [spec("custom: { name: a }"), spec("is_json"), spec("custom: { name: b }")];
    let parts =
        Parts { root: Path::new("."), files: Path::new("."), custom: &CustomChecks::new(), models: &models };
    let problems = Checks::compile(&two, "f", parts).err().unwrap();
    assert_eq!(problems.len(), 2, "all at once");
    assert_eq!(problems[1].key, "checks[2].custom");
}

#[test]
fn every_kind_of_the_table_is_built() {
    let values = json!({
        "path": "", "value": "a", "values": ["a"], "pattern": "a", "min_value": 0, "max_value": 1,
        "schema": "s.json", "run": ["x"], "name": "short", "variant": 1, "model": "fake",
    });
    for kind in crate::config::check::KINDS {
        let mut args = serde_json::Map::new();
        let wanted = [kind.required, kind.one_of.get(..1).unwrap_or_default()].concat();
        let range = if ["range", "word_count"].contains(&kind.name) { vec!["max_value"] } else { Vec::new() };
        for name in wanted.into_iter().chain(range) {
            args.insert(name.to_owned(), values[name].clone());
        }
        if kind.name == "finish_reason" {
            args.insert("value".to_owned(), "stop".into());
        }
        let yaml = json!({ kind.name: args }).to_string();
        compile(&yaml)
            .map_err(|error| format!("{yaml}: {error}"))
            .map(|checks| assert_eq!(checks.len(), 1))
            .unwrap();
    }
}
