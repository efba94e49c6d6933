//! Values that are easily misread: numbers with more digits than a double, text that only looks equal, labels that are
//! lists.

use super::*;

fn with(expected: &str, check: &str, answer: &str) -> Result<CheckResult, String> {
    run_on(check, &Answer::saying(answer), crate::json::parse(expected).unwrap())
}

#[test]
fn numbers_are_compared_by_all_their_digits() {
    let (label, other) = ("12345678901234567890123", "12345678901234567890999");
    for check in [
        "equals: { path: /n, expected: /n }",
        "one_of: { path: /n, expected: /all }",
        "set_f1: { path: /n, expected: /n }",
        "contains: { expected: /n }",
        "levenshtein: { path: /n, expected: /n }",
        "starts_with: { path: /n, expected: /n }",
    ] {
        let expected = format!(r#"{{"n": {label}, "all": [1, {label}]}}"#);
        let passes = |answer: &str| with(&expected, check, &format!(r#"{{"n": {answer}}}"#)).unwrap();
        assert!(passes(label).passed, "{check}");
        assert!(!passes(other).passed, "{check}");
    }
    let failed = with(label, "equals: { expected: '' }", other).unwrap();
    assert_eq!(failed.explanation, format!("expected `{label}`, found `{other}`"));
    // As text it is another value; spelled in another way it is the same.
    assert!(
        with(label, "equals: { path: /n, expected: '' }", &format!(r#"{{"n": "{label}"}}"#)).unwrap().score
            < 1.0
    );
    assert!(with(label, "equals: { expected: '' }", "1.2345678901234567890123e22").unwrap().passed);
    assert!(with("1", "equals: { expected: '' }", "1.0").unwrap().passed);
    assert!(with("1", "equals: { expected: '' }", "1e0").unwrap().passed);
}

#[test]
fn other_kinds_take_long_numbers_for_numbers() {
    let answer = r#"{"n": 12345678901234567890123, "t": "1"}"#;
    for (check, passes) in [
        ("range: { path: /n, min_value: 1e22, max_value: 1e23 }", true),
        ("range: { path: /n, max_value: 1e22 }", false),
        ("json_schema: { path: /n, schema: int.json }", true),
        ("is_json: { path: /n }", true),
    ] {
        assert_eq!(run(check, answer).unwrap().passed, passes, "{check}");
    }
    let part = run("custom: { name: part, path: /n }", answer).unwrap();
    assert_eq!(part.explanation, "1.2345678901234568e+22");
}

#[cfg(unix)]
#[test]
fn a_program_reads_long_numbers_as_numbers() {
    let script = r#"grep -q '"expected":{"n":12345678901234567890123}.*"json":\[0.12345678901234567890\]' && echo '{"pass":true}'"#;
    let check = json!({ "command": { "run": ["sh", "-c", script] } }).to_string();
    let ran = with(r#"{"n": 12345678901234567890123}"#, &check, "[0.12345678901234567890]");
    assert!(ran.unwrap().passed);
}

#[test]
fn text_that_only_looks_equal_is_called_that() {
    let nfd = "cafe\u{301}";
    for (check, answer, want) in [
        ("equals: { value: café }", nfd, "NFC against NFD"),
        ("equals: { path: /v, value: café }", r#"{"v": "cafe\u0301"}"#, "NFC against NFD"),
        ("equals: { value: 1 000 km }", "1\u{a0}000 km", "non-breaking"),
        ("equals: { value: yes }", "yes\u{200b}", "zero-width"),
        ("one_of: { values: [tea, café] }", nfd, "NFC against NFD"),
        ("contains: { value: a b }", "x a\u{202f}b", "looks alike"),
        ("contains_any: { values: [tea, café] }", "un cafe\u{301} noir", "looks alike"),
        ("icontains: { value: CAFÉ }", "un cafe\u{301}", "looks alike"),
        ("starts_with: { value: yes }", "\u{feff}yes, it is", "looks alike"),
        ("ends_with: { value: café }", "un cafe\u{301}", "looks alike"),
        ("set_f1: { path: /v, values: [café] }", r#"{"v": ["cafe\u0301"]}"#, "look alike"),
    ] {
        let failed = run(check, answer).unwrap();
        assert!(!failed.passed && failed.explanation.contains(want), "{check}: {failed:?}");
        let normal = check.replace(" }", ", normalize: true }");
        assert!(run(&normal, answer).unwrap().passed, "{normal}");
        let not = normal.replace(" }", ", not: true }");
        assert!(!run(&not, answer).unwrap().passed, "{not}");
    }
    // What looks different gets no such remark, and stays different.
    for (check, answer) in [("equals: { value: café }", "cafe"), ("contains: { value: a b }", "ab")] {
        for check in [check.to_owned(), check.replace(" }", ", normalize: true }")] {
            let failed = run(&check, answer).unwrap();
            assert!(!failed.passed && !failed.explanation.contains("alike"), "{check}: {failed:?}");
        }
    }
}

#[test]
fn a_list_label_is_any_of_its_elements() {
    let list = r#"["Oslo", "Bergen"]"#;
    for (kind, hit, miss) in [
        ("starts_with", "Bergen is it", "It is Bergen"),
        ("ends_with", "It is Oslo", "Oslo it is"),
        ("levenshtein", "Bergen", "Trondheim"),
        ("rouge", "bergen!", "Trondheim"),
        ("bleu", "Oslo", "Trondheim"),
    ] {
        let variant = if kind == "rouge" { ", variant: 1" } else { "" };
        let check = |not: &str| format!("{kind}: {{ expected: ''{variant}{not} }}");
        assert!(with(list, &check(""), hit).unwrap().passed, "{kind}");
        assert!(!with(list, &check(""), miss).unwrap().passed, "{kind}");
        // Under `not`: none of them.
        assert!(!with(list, &check(", not: true"), hit).unwrap().passed, "{kind}");
        let all = format!(r#"{{"words": {list}}}"#);
        let star = check("").replace("''", "/words/*");
        assert!(with(&all, &star, hit).unwrap().passed, "{kind}: every element of `*` counts");
    }
    for kind in ["starts_with", "ends_with"] {
        let check = format!("{kind}: {{ expected: '', not: true }}");
        assert!(with(list, &check, "Trondheim").unwrap().passed);
        let said = with(list, &check.replace(", not: true", ""), "Trondheim").unwrap().explanation;
        assert!(said.contains("`Oslo` or `Bergen`"), "{said}");
    }
    let similar = "similar: { expected: '', model: fake }";
    assert!(with(r#"["north", "east"]"#, similar, "east").unwrap().passed);
    assert!(with(r#"["north", "east"]"#, similar, "huge").unwrap().score > 0.7);
    assert!(with(r#"["north", "west"]"#, similar, "east").unwrap().score < 0.1);
}

#[test]
fn a_label_that_is_no_text_is_not_compared() {
    for kind in ["starts_with", "ends_with", "levenshtein", "bleu", "similar"] {
        let model = if kind == "similar" { ", model: fake" } else { "" };
        for (label, want) in [
            ("[]", "is empty"),
            (r#"{"a": 1}"#, "found an object"),
            (r#"[["a"]]"#, "found a list of lists"),
            ("null", "found null"),
        ] {
            for not in ["", ", not: true"] {
                let check = format!("{kind}: {{ expected: /l{model}{not} }}");
                let error = with(&format!(r#"{{"l": {label}}}"#), &check, "a").unwrap_err();
                assert!(error.contains(want) && error.contains("`/l`"), "{check}: {error}");
            }
        }
        let error = compile(&format!("{kind}: {{ value: [a, b]{model} }}")).err().unwrap_or_default();
        assert!(error.contains("`value`: expected text"), "{kind}: {error}");
    }
}

#[test]
fn a_list_label_that_is_compared_whole_points_at_one_of() {
    let said = with(r#"["Yes.", "Aye."]"#, "equals: { expected: '', not: true }", "Aye.").unwrap();
    assert!(!said.passed && said.explanation.contains("`one_of`"), "{said:?}");
}

/// Many more programs than cores: as many run at once as there are cores, and waiting takes nothing of the time limit,
/// which is shorter than all of them take.
#[cfg(unix)]
#[test]
fn programs_wait_for_a_core_before_their_time_starts() {
    let cores = std::thread::available_parallelism().unwrap().get();
    let dir = project();
    let script = format!(
        "mkdir -p now; touch now/$$; sleep 0.2; n=$(ls now | wc -l); rm now/$$; \
         [ $n -le {cores} ] && echo '{{\"pass\":true}}'"
    );
    let check = json!({ "command": { "run": ["sh", "-c", script], "timeout_s": 2 } }).to_string();
    let checks = compile_in(dir.path(), &check).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (case, answer) = (case(label()), Answer::saying("x"));
    let subject = Subject { case: &case, answer: &answer, json: None };
    let all = (0..12 * cores).map(|_| checks.run(&subject, false));
    let results = runtime.block_on(futures_util::future::join_all(all));
    assert!(results.iter().all(|result| result.as_ref().is_ok_and(|found| found[0].passed)), "{results:?}");
}
