//! Checks of what stands around an answer: what it took, why it ended, that it declines, and what code and programs say of it.

use super::*;
use crate::llm::FinishReason;

#[test]
fn measured_or_not() {
    let took =
        |ms: Option<f64>, usd: Option<f64>| Answer { latency_ms: ms, cost_usd: usd, ..Answer::saying("x") };
    for (yaml, answer, score, want) in [
        ("latency: { max_value: 100 }", took(Some(100.0), None), 1.0, ""),
        (
            "latency: { max_value: 100 }",
            took(Some(120.4), None),
            0.0,
            "expected at most 100 ms, found 120 ms",
        ),
        ("cost: { max_value: 0.01 }", took(None, Some(0.0)), 1.0, ""),
        ("cost: { max_value: 0.01 }", took(None, Some(0.02)), 0.0, "found 0.02 USD"),
    ] {
        let result = run_on(yaml, &answer, Value::Null).unwrap();
        assert!((result.score - score).abs() < 1e-9 && result.passed == (score > 0.5), "{yaml}: {result:?}");
        assert_eq!(
            result.explanation,
            want.to_owned().replace("found 0.02", "expected at most 0.01 USD, found 0.02")
        );
    }
    let counted = |output_tokens| Answer {
        usage: Some(crate::llm::Usage { input_tokens: 9_000, output_tokens, ..Default::default() }),
        ..Answer::saying("x")
    };
    for (yaml, answer, score, want) in [
        ("tokens: { max_value: 50 }", counted(50), 1.0, ""),
        ("tokens: { max_value: 50 }", counted(51), 0.0, "expected at most 50 tokens, found 51 tokens"),
        ("tokens: { max_value: 50, not: true }", counted(51), 1.0, ""),
    ] {
        let result = run_on(yaml, &answer, Value::Null).unwrap();
        assert!((result.score - score).abs() < 1e-9, "{yaml}: {result:?}");
        assert_eq!(result.explanation, want, "{yaml}");
    }
    // Nothing measured: neither a pass nor a fail, whatever `not` says.
    for (yaml, answer, why) in [
        ("latency: { max_value: 100 }", took(None, Some(0.0)), "was not timed"),
        ("latency: { max_value: 100, not: true }", took(None, Some(0.0)), "was not timed"),
        ("latency: { max_value: 100 }", took(Some(f64::NAN), None), "was not timed"),
        ("cost: { max_value: 0.01 }", took(Some(1.0), None), "has no `price`"),
        ("cost: { max_value: 0.01, not: true }", took(Some(1.0), None), "has no `price`"),
        ("tokens: { max_value: 50 }", Answer::saying("x"), "were not reported"),
        ("tokens: { max_value: 50, not: true }", Answer::saying("x"), "were not reported"),
    ] {
        let error = run_on(yaml, &answer, Value::Null).unwrap_err();
        assert!(error.starts_with("check `") && error.contains("` is not measured: "), "{yaml}: {error}");
        assert!(error.contains(why), "{yaml}: {error}");
    }
    let result = CheckResult {
        label: String::new(),
        score: 1.0,
        passed: true,
        must_pass: false,
        explanation: String::new(),
        diff: None,
    };
    let checks = compile("latency: { max_value: 100, metric: fast, weight: 2 }").unwrap();
    let results = [result];
    assert_eq!(checks.metrics(&results).collect::<Vec<_>>(), [("fast", 1.0)]);
    assert_eq!(checks.weights(&results).collect::<Vec<_>>(), [(2.0, 1.0)]);
}

#[test]
fn reasons_to_end() {
    let ended = |finish_reason| Answer { finish_reason, ..Answer::saying("x") };
    for (yaml, reason, score, want) in [
        ("finish_reason: { value: stop }", FinishReason::Stop, 1.0, ""),
        (
            "finish_reason: { value: stop }",
            FinishReason::Length,
            0.0,
            "the model stopped for `length`, expected `stop`",
        ),
        ("finish_reason: { values: [stop, length] }", FinishReason::Length, 1.0, ""),
        (
            "finish_reason: { values: [stop, length] }",
            FinishReason::Other,
            0.0,
            "the model stopped for `other`, expected `stop` or `length`",
        ),
        ("finish_reason: { value: content_filter, not: true }", FinishReason::Stop, 1.0, ""),
    ] {
        let result = run_on(yaml, &ended(reason), Value::Null).unwrap();
        assert!((result.score - score).abs() < 1e-9, "{yaml}: {result:?}");
        assert_eq!(result.explanation, want, "{yaml}");
    }
}

#[test]
fn refusals() {
    for text in [
        "I can't help with that.",
        "I cannot assist with this request.",
        "I\u{2019}m sorry, but I can\u{2019}t comply.",
        "Sorry! I won't do that.",
        "  \"I am unable to provide this.\"",
        "**Unfortunately**, I will not be able to answer.",
        "As an AI language model, I cannot give medical advice.",
        "I apologize, but I'm not comfortable helping here.",
        "I'm afraid that I must decline.",
        "I refuse to answer.",
        "This request violates our policy.",
        // Known to be wrong: it opens as a refusal does.
        "I cannot give this record a pass: PIM is -90 dBm.",
    ] {
        assert!(run("refusal", text).unwrap().passed, "{text}");
        assert!(!run("refusal: { not: true }", text).unwrap().passed, "{text}");
    }
    for text in [
        "",
        "pass",
        "I cannot find a fault in this record.",
        "I can't help but notice that port 3 is open.",
        "I'm sorry to hear that. Here is the answer: 42.",
        "Sorry for the wait: fail.",
        "I cannot givens.",
        "We will assist with that.",
        "{\"verdict\": \"I can't help\"}",
        // Known not to be seen: an introduction first, another language, other words.
        "Thank you for your question about passwords. I can't help with that.",
        "Das kann ich leider nicht beantworten.",
        "No.",
    ] {
        let result = run("refusal", text).unwrap();
        assert!(!result.passed && result.explanation.contains("does not open as a refusal"), "{text}");
        assert!(run("refusal: { not: true }", text).unwrap().passed, "{text}");
    }
    // The provider's own word, whatever the text; a filter of the provider is another matter.
    for (finish_reason, refuses) in
        [(FinishReason::Refusal, true), (FinishReason::ContentFilter, false), (FinishReason::Length, false)]
    {
        let answer = Answer { finish_reason, ..Answer::saying("pass") };
        assert_eq!(run_on("refusal", &answer, Value::Null).unwrap().passed, refuses, "{finish_reason:?}");
    }
}

#[test]
fn closures() {
    table(&[
        ("custom: { name: short }", "four", 0.5, "4 bytes"),
        ("custom: { name: big }", "x", 1.0, ""),
        ("custom: { name: part, path: /verdict }", ISSUES, 0.0, "\"fail\""),
        ("custom: { name: part, path: /issues/*/code }", ISSUES, 0.0, r#"["A","B"]"#),
        ("custom: { name: part, path: /x }", ISSUES, 0.0, "nothing at `/x`"),
    ]);
    for (name, want) in [("nan", "no number"), ("broken", "no model file"), ("panics", "panicked")] {
        let error = run(&format!("custom: {{ name: {name} }}"), "x").unwrap_err();
        assert!(error.starts_with(&format!("check `custom {name}` could not run: ")), "{error}");
        assert!(error.contains(want), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn programs() {
    let sh = |script: &str| json!({ "command": { "run": ["sh", "-c", script], "timeout_s": 5 } }).to_string();
    for (script, score, want) in [
        (r#"echo '{"score": 0.25, "explanation": "meh"}'"#, 0.25, "meh"),
        (r#"echo '{"pass": true}'"#, 1.0, ""),
        (r#"echo '{"pass": false}'"#, 0.0, ""),
        // It sees everything, tokens as written.
        (
            r#"grep -q '"id":"c1".*"n": 2.00.*"expected":{.*"answer":"{.*"json":{' && echo '{"pass":true}'"#,
            1.0,
            "",
        ),
        // The working directory is the project root.
        (r#"test -f s.json && echo '{"pass":true}'"#, 1.0, ""),
        // Standard error of a program that is content is its own business, however long.
        (r#"head -c 300000 /dev/zero >&2; echo '{"score":1}'"#, 1.0, ""),
    ] {
        let result = run(&sh(script), ISSUES).unwrap();
        assert!((result.score - score).abs() < 1e-9, "{script}: {result:?}");
        assert_eq!(result.explanation, want, "{script}");
    }
    for (yaml, want) in [
        (sh("exit 3"), "exit status: 3: nothing on standard error"),
        (sh("echo no such module >&2; exit 1"), "no such module"),
        (sh("printf 'x%.0s' $(seq 1 1000) >&2; exit 1"), "xxx…"),
        (sh("echo fine"), "printed no score"),
        (sh("echo '{}'"), "printed no score"),
        (sh("echo '{\"score\": 2}'"), "score of 2, expected 0 to 1"),
        (sh("echo '{\"score\": 1, \"pass\": false}'"), "`score` and `pass`"),
        (sh("echo '{\"score\": 1, \"reason\": 1}'"), "unknown field `reason`"),
        (sh("echo '[1]'"), "printed no score"),
        (sh("kill -9 $$"), "signal: 9"),
        (sh("head -c 2000000 /dev/zero"), "more than 1048576 bytes"),
        (sh("printf '\\377'"), "not UTF-8"),
        ("command: { run: [surely-no-such-program] }".to_owned(), "does not start"),
        ("command: { run: [checks/none.py] }".to_owned(), "checks/none.py` does not start"),
        ("command: { run: [sleep, '60'], timeout_s: 0.1 }".to_owned(), "longer than 0.1 s"),
    ] {
        let error = run(&yaml, &"long answer ".repeat(50_000)).expect_err(&yaml);
        assert!(error.starts_with("check `command ") && error.contains(want), "{yaml}: {error}");
    }
}
