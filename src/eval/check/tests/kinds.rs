//! What each kind of check says of an answer.

use super::*;

#[test]
fn equals() {
    table(&[
        ("equals: { value: pass }", "pass", 1.0, ""),
        ("equals: { value: pass }", "pass\n", 0.0, "differ only in white space"),
        ("equals: { value: pass }", "PASS", 0.0, r#"expected "pass", found "PASS""#),
        ("equals: { value: pass }", "\"pass\"", 0.0, "found"),
        ("equals: { value: 1 }", " 1.0 ", 1.0, ""),
        ("equals: { value: 18446744073709551615 }", "18446744073709551614", 0.0, "found"),
        ("equals: { value: 9007199254740993 }", "9007199254740992", 0.0, "found"),
        ("equals: { value: -0.0 }", "0", 1.0, ""),
        ("equals: { expected: /nil }", "null", 1.0, ""),
        ("equals: { value: { a: [1, 2] } }", r#"{"a":[1.0,2]}"#, 1.0, ""),
        ("equals: { value: { a: [1, 2] } }", r#"{"a":[2,1]}"#, 0.0, "expected `{\"a\":[1,2]}`"),
        ("equals: { value: 1 }", "one", 0.0, "the answer is not JSON: \"one\""),
        ("equals: { path: /verdict, expected: /verdict }", ISSUES, 1.0, ""),
        ("equals: { path: /n, expected: /n }", ISSUES, 1.0, ""),
        (
            "equals: { path: /verdict, expected: /verdict }",
            r#"{"verdict":"pass"}"#,
            0.0,
            "expected `\"fail\"`, found",
        ),
        ("equals: { path: /n, value: '3' }", r#"{"n":3}"#, 0.0, "one is a string"),
        ("equals: { path: /x, value: 1 }", ISSUES, 0.0, "nothing at `/x`"),
        ("equals: { path: /verdict, value: pass }", "pass", 0.0, "not JSON"),
        ("equals: { path: /a, value: 1 }", "```json\n{\"a\":1}\n```", 0.0, "code fence"),
        ("equals: { path: /a, value: 1 }", "", 0.0, "it is empty"),
        ("equals: { expected: /verdict }", "fail", 1.0, ""),
        ("equals: { path: '', expected: /deep }", r#"{"a":[1,2]}"#, 1.0, ""),
        // `*`: all of them; with `*` in `expected`: the list, in order.
        ("equals: { path: /*, value: 1 }", "[1,1.0]", 1.0, ""),
        ("equals: { path: /*, value: 1 }", "[1,2]", 0.0, "found `2`"),
        ("equals: { path: /*, value: 1 }", "[]", 0.0, "nothing at `/*`"),
        ("equals: { path: /issues/*/code, expected: /issues/*/code }", ISSUES, 1.0, ""),
        ("equals: { path: /*, expected: /issues/*/code }", r#"["B","A"]"#, 0.0, "expected"),
        ("equals: { path: /*, expected: /none/* }", "[]", 1.0, ""),
        // `not`
        ("equals: { value: pass, not: true }", "fail", 1.0, ""),
        ("equals: { value: pass, not: true }", "pass", 0.0, "`not` says"),
        ("equals: { path: /x, value: 1, not: true }", ISSUES, 1.0, ""),
        // Of several values `not` says that none is like it.
        ("equals: { path: /issues/*/code, value: A, not: true }", ISSUES, 0.0, "`not` says"),
        ("equals: { path: /issues/*/code, value: C, not: true }", ISSUES, 1.0, ""),
        ("one_of: { path: /issues/*/code, values: [A, C], not: true }", ISSUES, 0.0, "`not` says"),
        ("one_of: { path: /issues/*/code, values: [C, D], not: true }", ISSUES, 1.0, ""),
        ("range: { path: /*, min_value: 2, not: true }", "[1, 3]", 0.0, "`not` says"),
        ("range: { path: /*, min_value: 2, not: true }", "[1, 0]", 1.0, ""),
        ("equals: { path: /verdict, value: pass, not: true }", "gibberish", 0.0, "not JSON"),
    ]);
    let result = run("equals: { path: /verdict, expected: /verdict }", r#"{"verdict":"pass"}"#).unwrap();
    assert_eq!(result.diff, Some(Difference { expected: json!("fail"), found: json!("pass") }));
    let error = run("equals: { path: /verdict, expected: /verdikt }", ISSUES).unwrap_err();
    assert_eq!(
        error,
        "check `equals /verdict` could not run: the case's `expected` has nothing at `/verdikt`"
    );
}

#[test]
fn texts() {
    table(&[
        ("contains: { value: jump }", "the jumper", 1.0, ""),
        ("contains: { value: Jump }", "the jumper", 0.0, "not found: `Jump`"),
        ("contains: { value: 12 }", "it is 12 dB", 1.0, ""),
        ("contains: { expected: /words }", "alpha", 0.5, "not found: `beta`"),
        ("contains: { expected: /verdict }", "a fail", 1.0, ""),
        ("contains: { path: /issues/*/t, value: alpha }", ISSUES, 1.0, ""),
        ("contains: { path: /issues, value: '\"code\":\"A\"' }", ISSUES, 1.0, ""),
        ("contains: { path: /x, value: a }", ISSUES, 0.0, "nothing at `/x`"),
        ("contains: { path: /x, value: a }", "a", 0.0, "not JSON"),
        ("contains: { value: a, not: true }", "bcd", 1.0, ""),
        ("icontains: { value: STRASSE }", "eine Straße", 1.0, ""),
        ("icontains: { value: οδος }", "ΟΔΟΣ", 1.0, ""),
        ("icontains: { value: ÉTÉ }", "un été", 1.0, ""),
        ("icontains: { value: été }", "un ete", 0.0, "not found"),
        ("contains_any: { values: [x, beta] }", "beta", 1.0, ""),
        ("contains_any: { values: [x, y] }", "beta", 0.0, "none of these was found: `x`, `y`"),
        ("contains_any: { expected: /none }", "beta", 0.0, "no value to look for"),
        ("contains_all: { expected: /none }", "beta", 1.0, ""),
        ("contains_all: { values: [a, b, x] }", "ab", 2.0 / 3.0, "not found: `x`"),
        ("contains_all: { path: /*, values: [a, b] }", r#"["a","ab"]"#, 1.0, ""),
        ("contains_all: { path: /*, values: [a, b] }", r#"["a","b"]"#, 0.5, "not found: `b`"),
        ("icontains_any: { values: [X, BETA] }", "beta", 1.0, ""),
        ("icontains_all: { values: [ALPHA, BETA] }", "Alpha", 0.5, "not found: `BETA`"),
        ("contains_all: { values: [a, b], not: true }", "a", 0.5, "holds to 0.50"),
        ("starts_with: { value: The }", "The end", 1.0, ""),
        ("starts_with: { value: the }", "The end", 0.0, "expected a start of `the`, found \"The end\""),
        ("starts_with: { path: /issues/*/t, value: two }", ISSUES, 1.0, ""),
        ("ends_with: { value: end. }", "The end.", 1.0, ""),
        ("ends_with: { value: end. }", "The end.\n", 0.0, "white space at the end"),
        ("ends_with: { value: End }", "The end", 0.0, "expected an end of `End`, found \"The end\""),
        ("ends_with: { path: /issues/*/t, value: wo }", ISSUES, 1.0, ""),
        ("ends_with: { expected: /verdict, not: true }", "no fail", 0.0, "`not` says"),
        ("ends_with: { path: /x, value: a }", "a", 0.0, "not JSON"),
        ("word_count: { min_value: 2, max_value: 3 }", " one\n two\u{a0}three ", 1.0, ""),
        ("word_count: { min_value: 1 }", " \n", 0.0, "expected at least 1 words, found 0"),
        ("word_count: { max_value: 2 }", "one two-fold three", 0.0, "expected at most 2 words, found 3"),
        ("word_count: { path: /issues/*/t, max_value: 1 }", ISSUES, 0.0, "found 2"),
        ("word_count: { max_value: 2, not: true }", "a b c", 1.0, ""),
        ("regex: { pattern: '^RF-\\d+$' }", "RF-12", 1.0, ""),
        ("regex: { pattern: '^RF-\\d+$' }", "RF-x", 0.0, "matches nowhere in \"RF-x\""),
        ("regex: { path: /n, pattern: '^3' }", ISSUES, 1.0, ""),
        ("regex: { pattern: 'a.*b', not: true }", "ab", 0.0, "`not` says"),
    ]);
    // `min` decides what passes, within the tolerance.
    for (min, passed) in [("0.6666666666", true), ("0.67", false), ("0", true)] {
        let result = run(&format!("contains_all: {{ values: [a, b, x], min: {min} }}"), "ab").unwrap();
        assert_eq!(result.passed, passed, "{min}");
    }
}

#[test]
fn huge_answers_stay_out_of_explanations_and_differences() {
    let huge = format!("{}needle", "hay ".repeat(2_000_000));
    assert!(run("icontains: { value: NEEDLE }", &huge).unwrap().passed);
    let result = run("equals: { value: x }", &huge).unwrap();
    assert!(result.explanation.len() < 300);
    assert!(result.diff.unwrap().found.as_str().unwrap().len() < 5_000);
    let result = run("equals: { path: /a, value: x }", &huge).unwrap();
    assert_eq!(result.explanation.matches("hay").count(), 20, "the first 80 characters");
    assert!(!run("regex: { pattern: '(a+)+$' }", &huge).unwrap().passed);
}

#[test]
fn shape() {
    table(&[
        ("is_json", " [1] ", 1.0, ""),
        ("is_json", "[1] [2]", 0.0, "not JSON"),
        ("is_json: { not: true }", "plain", 1.0, ""),
        ("is_json: { path: /a }", r#"{"a":"{\"b\":1}"}"#, 1.0, ""),
        ("is_json: { path: /a }", r#"{"a":"{"}"#, 0.0, "the text at `/a` is not JSON"),
        ("is_json: { path: /a }", r#"{"a":{}}"#, 1.0, ""),
        ("is_json: { path: /b }", r#"{"a":{}}"#, 0.0, "nothing at `/b`"),
        ("json_schema: { schema: s.json }", ISSUES, 1.0, ""),
        (
            "json_schema: { schema: s.json }",
            r#"{"verdict":"maybe"}"#,
            0.0,
            "`/verdict`: \"maybe\" is not one of",
        ),
        ("json_schema: { schema: s.json }", "{}", 0.0, "\"verdict\" is a required property"),
        ("json_schema: { schema: s.json }", "verdict: pass", 0.0, "not JSON"),
        ("json_schema: { schema: int.json, path: /n }", ISSUES, 1.0, ""),
        ("json_schema: { schema: int.json, path: /* }", "[1,2]", 1.0, ""),
        ("json_schema: { schema: int.json, path: /* }", "[1,\"a\",\"b\",\"c\",\"d\"]", 0.0, "; and more"),
        ("json_schema: { schema: int.json, not: true }", "\"a\"", 1.0, ""),
    ]);
}

#[test]
fn values() {
    table(&[
        ("one_of: { values: [pass, fail] }", "fail", 1.0, ""),
        ("one_of: { values: [pass, fail] }", "fail\n", 0.0, "white space"),
        ("one_of: { values: [pass, fail] }", "maybe", 0.0, "`\"maybe\"` is none of `pass`, `fail`"),
        ("one_of: { values: [1, 2] }", "2.0", 1.0, ""),
        ("one_of: { values: [1, 2] }", "two", 0.0, "not JSON"),
        ("one_of: { values: [1, two] }", "one", 0.0, "none of"),
        ("one_of: { path: /verdict, values: [fail] }", ISSUES, 1.0, ""),
        ("one_of: { path: /issues/*/code, values: [A] }", ISSUES, 0.0, "`\"B\"` is none of `A`"),
        ("one_of: { path: /x, values: [A] }", ISSUES, 0.0, "nothing at"),
        ("one_of: { expected: /words }", "beta", 1.0, ""),
        ("one_of: { values: [a], not: true }", "b", 1.0, ""),
        ("range: { min_value: 1, max_value: 3, path: /n }", ISSUES, 1.0, ""),
        ("range: { max_value: 2.5, path: /n }", ISSUES, 0.0, "expected at most 2.5, found 3.0"),
        ("range: { min_value: 1 }", "1", 1.0, ""),
        ("range: { min_value: 1 }", "0.99", 0.0, "expected at least 1, found 0.99"),
        ("range: { min_value: 1 }", "\"5\"", 0.0, "expected a number at least 1"),
        ("range: { min_value: 1 }", "five", 0.0, "not JSON"),
        ("range: { min_value: 1, path: /* }", "[1,2,0]", 0.0, "found 0"),
        ("range: { min_value: 1, path: /x }", "{}", 0.0, "nothing at `/x`"),
        ("range: { min_value: 1, not: true }", "0", 1.0, ""),
    ]);
    let result = run("range: { max_value: 2.5, path: /n }", ISSUES).unwrap();
    assert_eq!(result.diff, Some(Difference { expected: json!({"max_value": 2.5}), found: json!(3.0) }));
}

#[test]
fn sets() {
    let codes = "path: /issues/*/code, expected: /issues/*/code";
    for (extra, text, score, want) in [
        ("", ISSUES, 1.0, ""),
        ("", r#"{"issues":[{"code":"A"}]}"#, 2.0 / 3.0, "missing: `B`"),
        ("", r#"{"issues":[{"code":"A"},{"code":"X"}]}"#, 0.5, "missing: `B`; not expected: `X`"),
        (", extra_ok: /extra", r#"{"issues":[{"code":"A"},{"code":"X"}]}"#, 2.0 / 3.0, "missing: `B`"),
        (", extra_ok: /issues/*/code", ISSUES, 1.0, ""),
        (", extra_ok: /nothing", ISSUES, 1.0, ""),
        ("", r#"{"issues":[]}"#, 0.0, "missing: `A`, `B`"),
        ("", "{}", 0.0, "missing"),
        ("", "A, B", 0.0, "not JSON"),
        (", not: true", "{}", 1.0, ""),
    ] {
        table(&[(&format!("set_f1: {{ {codes}{extra} }}"), text, score, want)]);
    }
    table(&[
        ("set_f1: { path: /a, expected: /none }", r#"{"a":[]}"#, 1.0, ""),
        ("set_f1: { path: /a, expected: /none }", r#"{"a":null}"#, 1.0, ""),
        ("set_f1: { path: /a, expected: /none/* }", "{}", 1.0, ""),
        ("set_f1: { path: /a, expected: /none }", r#"{"a":"x"}"#, 0.0, "not expected: `x`"),
        ("set_f1: { path: /a, values: [1, {b: 1, a: 2}] }", r#"{"a":[1.0,{"a":2,"b":1},1]}"#, 1.0, ""),
    ]);
    let error = run("set_f1: { path: /a, expected: /isues/*/code }", "{}").unwrap_err();
    assert!(error.contains("nothing at `/isues/*/code`"), "{error}");
    let result = run("set_f1: { path: /a, values: [a] }", r#"{"a":["b"]}"#).unwrap();
    assert_eq!(result.diff, Some(Difference { expected: json!(["a"]), found: json!(["b"]) }));
}

#[test]
fn quotes() {
    for (source, quote, holds) in [
        ("/note", "tapped the \"jumper\"\nport", true),
        ("/note", "tapped  the", false),
        ("/n", "2.00", true),
        ("/n", "2.0", false),
        ("/n", "2", false),
        ("/big", "1e3", true),
        ("/ok", "true", true),
        ("/ok", "tru", false),
        ("/gone", "null", true),
        ("/list", "[1, 2.50, {\"a\": \"b\"}]", true),
        ("/list", "2.50, {\"a\"", true),
        ("/list", "1,2.50", false),
        ("/list/1", "2.50", true),
        ("/a~1b", "slash", true),
        ("", "\"id\": \"R1\", \"n\": 2.00", true),
        ("/nowhere", "x", false),
        ("/list/*", "1", false),
        ("/note", "", false),
    ] {
        let text = json!({"e": {"source": source, "quote": quote}}).to_string();
        let result = run("quotes_verbatim: { path: /e }", &text).unwrap();
        assert_eq!(result.passed, holds, "{source} {quote}: {}", result.explanation);
    }
    let good = r#"{"source":"/n","quote":"2.00"}"#;
    let bad = r#"{"source":"/n","quote":"3"}"#;
    let list = |items: &[&str]| format!(r#"{{"i":[{{"e":[{}]}},{{"e":[{good}]}}]}}"#, items.join(","));
    let path = "quotes_verbatim: { path: '/i/*/e' }";
    table(&[
        (path, r#"{"i":[]}"#, 1.0, ""),
        (path, "{}", 1.0, ""),
        (path, "no", 0.0, "not JSON"),
        (path, &list(&[good, good]), 1.0, ""),
        (path, &list(&[good, bad]), 2.0 / 3.0, "1 of 3 quotes do not stand in the input: \"3\" at `/n`"),
        (
            path,
            &list(&["\"just text\"", r#"{"source":"/n","quote":2.00}"#]),
            1.0 / 3.0,
            "expected text under",
        ),
    ]);
}
