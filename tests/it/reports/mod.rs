//! Reports: one fixture, one snapshot per format, and what hostile text does to them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests panic to fail them; clippy's own exception covers test functions only"
)]

mod fixture;
pub(crate) mod walk;

use insta::assert_snapshot;
use llm_experiments::gate::{CaseResult, Draws, Evidence, MetricDecision, Outcome};
use llm_experiments::report::input::Report;
use llm_experiments::report::outcome::exit_code;
use llm_experiments::report::words::Hints;
use llm_experiments::report::{console, json, junit, markdown, text};
use proptest::prelude::*;

fn case_text(report: &Report, id: &str) -> String {
    let (suite, gate) = report.pairs().next().unwrap();
    let case = suite.cases.iter().find(|case| case.id == id).unwrap();
    text::case_text(suite, case, gate, Hints::default())
}

fn junit(report: &Report) -> String {
    junit::xml(report, Hints::default()).unwrap()
}

#[test]
fn evidence_of_cases() {
    let report = fixture::report();
    let all: Vec<String> = report.run.suites[0]
        .cases
        .iter()
        .map(|case| format!("---- {} ----\n{}\n", case.id, case_text(&report, &case.id)))
        .collect();
    assert_snapshot!("case_text", all.join("\n"));
}

#[test]
fn evidence_of_a_gate() {
    let report = fixture::two_models();
    let hints = Hints { name_model: true, name_prompt: false, ..Hints::default() };
    let all: Vec<String> = report
        .pairs()
        .map(|(suite, gate)| {
            let metrics = gate.decision.metrics.iter().map(|metric| text::metric_text(gate, metric));
            let lines: Vec<String> =
                std::iter::once(text::gate_text(suite, gate, hints)).chain(metrics).collect();
            lines.join("\n\n")
        })
        .collect();
    assert_snapshot!("gate_text", all.join("\n\n====\n\n"));
}

#[test]
fn formats() {
    let report = fixture::report();
    assert_snapshot!("junit", junit(&report).replace("><", ">\n<"));
    assert_snapshot!("markdown", markdown::summary(&report, Hints::default()));
    assert_snapshot!("console", console::summary(&report, Hints::default(), false));
    let two = fixture::two_models();
    assert_snapshot!("markdown_two_models", markdown::summary(&two, Hints::default()));
    assert_eq!(exit_code(&report), 2, "a policy problem outranks a broken case");
}

#[test]
fn a_first_run_gives_rates_and_reasons_and_calls_nothing_worse() {
    let report = fixture::first_run();
    let console = console::summary(&report, Hints::default(), false);
    let summary = markdown::summary(&report, Hints::default());
    let xml = junit(&report);
    assert_snapshot!("console_first_run", console);
    assert_snapshot!("markdown_first_run", summary);
    for text in [&console, &summary, &xml] {
        for word in ["got worse", "regressed", "Regressed"] {
            assert!(!text.contains(word), "{word}: {text}");
        }
    }
    assert_eq!(exit_code(&report), 1, "a new case that fails is a plain assertion");
}

#[test]
fn what_failed_is_named_as_it_is() {
    let meaning = |report: &Report| {
        let console = console::summary(report, Hints::default(), false);
        console.lines().last().unwrap().to_owned()
    };
    let without = |report: &Report, gone: fn(&CaseResult) -> bool| {
        let mut report = report.clone();
        report.policies.clear();
        for gate in &mut report.gates {
            gate.decision.cases.retain(|verdict| !gone(&verdict.result));
            gate.meaning = Outcome::Fine;
        }
        report
    };
    let is_broken =
        |result: &CaseResult| matches!(result, CaseResult::Broken | CaseResult::NotMeasured { .. });
    let report = fixture::report();
    assert_eq!(meaning(&without(&report, |_| false)), "exit 1: the product got worse");
    assert_eq!(
        meaning(&without(&report, is_broken)),
        "exit 1: the product got worse",
        "what must pass does not"
    );
    let only_new = without(&report, |result| {
        !matches!(result, CaseResult::New { .. } | CaseResult::Ok | CaseResult::KnownFailure)
    });
    assert_eq!(meaning(&only_new), "exit 1: cases fail that no baseline knows");
    let mut first = fixture::first_run();
    first.gates[0].decision.cases[1].result = CaseResult::MustPassFailed;
    assert_eq!(meaning(&first), "exit 1: a check that must pass failed");
    first.gates[0].decision.cases.retain(|verdict| !verdict.fails());
    assert_eq!(meaning(&first), "exit 0: first run, there is no baseline to compare with yet");
    first.gates[0].limits[1].found = Some(9120.0);
    assert_eq!(meaning(&first), "exit 1: a limit was exceeded");
}

#[test]
fn the_message_of_a_failing_case_is_its_own() {
    let messages: Vec<String> = junit(&fixture::report())
        .split("<failure ")
        .skip(1)
        .map(|failure| failure.split("message=\"").nth(1).unwrap().split("\">").next().unwrap().to_owned())
        .collect();
    assert_snapshot!("junit_messages", messages.join("\n"));
    // No check fails and the judge blocks: its reason. No score: why not.
    let mut report = fixture::report();
    let unconfirmed =
        report.gates[0].decision.cases.iter_mut().find(|verdict| verdict.id == "RF-G-090").unwrap();
    unconfirmed.result = CaseResult::Broken;
    let xml = junit(&report);
    assert!(
        xml.contains("message=\"judge 0.80 -&gt; 0.60: the azimuth reference is missing; broken: "),
        "{xml}"
    );
    assert!(xml.contains("message=\"not measured: no recording for key 7c1e90aa11bb"), "{xml}");
}

#[test]
fn what_is_to_be_done_is_listed_by_name_and_bounded() {
    let report = fixture::to_do(30, 25);
    let summary = markdown::summary(&report, Hints::default());
    for part in [
        "#### Known failures: 30 cases",
        "| RF-G-0000 | 0 of 5 | pim / hard / note_overrides_numbers | equals /verdict: expected \"fail\", found \"pass\" |",
        "and 10 more; `junit.xml` has them all",
        "#### Noisy: 25 cases",
        "| RF-G-0030 | 3 of 5 | pim / hard / note_overrides_numbers | equals /verdict: expected \"fail\", found \"pass\" |",
        "and 5 more; `junit.xml` has them all",
    ] {
        assert!(summary.contains(part), "{part}\n{summary}");
    }
    assert!(!summary.contains("RF-G-0020 ") && !summary.contains("RF-G-0054 "), "{summary}");
    let console = console::summary(&report, Hints::default(), false);
    let line = |start: &str| console.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
    let ids = |from: usize| (from..from + 12).map(|n| format!("RF-G-{n:04}")).collect::<Vec<_>>().join(", ");
    assert_eq!(line("  known failures: "), format!("  known failures: {}, and 18 more", ids(0)));
    assert_eq!(line("  noisy: "), format!("  noisy: {}, and 13 more", ids(30)));
}

#[test]
fn a_run_that_stopped_early_counts_what_it_asked_for() {
    let mut report = fixture::two_models();
    let decision = &mut report.gates[1].decision;
    decision.monitor = Some(Evidence {
        metric: "verdict_accuracy".to_owned(),
        e_value: 130.0,
        limit: 100.0,
        seen: 10,
        of: 44,
        stopped: true,
    });
    decision.draws = Draws { main: 40, confirm: 60, top_up: 0, saved: 4 };
    let line = "asked for 40 of 44 planned answers; 60 more to confirm single cases";
    for text in [
        console::summary(&report, Hints::default(), false),
        markdown::summary(&report, Hints::default()),
        junit(&report),
    ] {
        assert!(text.contains(line) && !text.contains("saved"), "{text}");
    }
}

#[test]
fn one_effect_reads_the_same_everywhere() {
    // Too small for one decimal: shown all the same, and nowhere as none.
    let mut report = fixture::report();
    report.gates[0].decision.metrics[0].estimate.as_mut().unwrap().effect = -0.0004;
    let (suite, gate) = report.pairs().next().unwrap();
    let console = console::summary(&report, Hints::default(), false);
    let summary = markdown::summary(&report, Hints::default());
    let xml = junit(&report);
    assert!(console.contains("(-0.04 points)"), "{console}");
    assert_eq!(summary.matches("| -0.04 |").count(), 2, "{summary}");
    assert!(text::metric_text(gate, &gate.decision.metrics[0]).contains("(-0.04 points)"));
    assert!(xml.contains("[[PROPERTY|baseline_delta=-0.04]]"), "{xml}");
    assert_eq!(suite.suite, "gold");
}

#[test]
fn commands_name_the_model_where_it_matters() {
    let report = fixture::report();
    let (suite, gate) = report.pairs().next().unwrap();
    let named = Hints { name_model: true, ..Hints::default() };
    let text = text::case_text(suite, &suite.cases[2], gate, named);
    assert!(text.contains("llmx eval gold --model reference --case RF-G-041"), "{text}");
    assert!(text.contains("llmx baseline accept gold --model reference"), "{text}");
}

#[test]
fn junit_says_what_each_result_means() {
    let found = walk::check(&junit(&fixture::report()));
    let of = |class: &str, name: &str| {
        let case = found.iter().find(|case| case.class == class && case.name == name);
        case.map(|case| case.result.as_str())
    };
    for (id, want) in [
        ("RF-G-001", "ok"),
        ("RF-G-041", "failure"),
        ("RF-G-042", "failure"),
        ("RF-G-050", "ok"),
        ("RF-G-060", "ok"),
        ("RF-G-070", "error"),
        ("RF-G-080", "ok"),
        ("RF-G-081", "failure"),
        ("RF-G-090", "ok"),
        ("RF-G-099", "skipped"),
    ] {
        assert_eq!(of("gold", id), Some(want), "{id}");
    }
    assert_eq!(of("gate", "gold"), Some("failure"));
    assert_eq!(of("gate", "gold::verdict_accuracy"), Some("failure"));
    assert_eq!(of("gate", "gold::false_pass"), Some("ok"));
    assert_eq!(of("policy", "prompts"), Some("ok"));
    assert_eq!(of("policy", "pins"), Some("failure"));
}

#[test]
fn junit_names_the_model_only_where_a_suite_has_several() {
    let found = walk::check(&junit(&fixture::two_models()));
    assert!(found.iter().any(|case| case.class == "gold.noisy" && case.name == "RF-G-041"));
    assert!(found.iter().any(|case| case.class == "gate" && case.name == "gold::noisy::false_pass"));
    assert!(!found.iter().any(|case| case.class == "gold"));
}

#[test]
fn junit_of_nothing_and_of_bad_dates_is_still_junit() {
    let mut report = fixture::report();
    report.run.started_at = "yesterday".to_owned();
    walk::check(&junit(&report));
    report.run.started_at = "9999-12-31T23:59:59-23:59".to_owned();
    walk::check(&junit(&report));
    report.run.suites.clear();
    report.gates.clear();
    report.policies.clear();
    walk::check(&junit(&report));
    assert!(console::summary(&report, Hints::default(), false).starts_with("nothing was selected"));
    assert!(markdown::summary(&report, Hints::default()).starts_with("## Evaluation: nothing was selected"));
}

/// Text that has broken other tools' reports.
fn hostile_texts() -> Vec<String> {
    vec![
        "]]> &amp; <failure> \"quoted\" 'single'".to_owned(),
        "nul \0 esc \u{1b}[31mred\u{1b}[0m bel \u{7} title \u{1b}]0;pwned\u{7} c1 \u{9b}2J".to_owned(),
        r#"{"verdict": "\ud800", "n": 1}"#.to_owned(),
        "\u{fffe}\u{ffff}\u{202e}\u{feff} \u{1f600} ümlaut\r\nline\rline\u{2028}line".to_owned(),
        "]".repeat(40) + ">",
        "x ]]> \u{1b}[".repeat(1_000_000 / 9),
        "| a | b |\n|---|---|\n```\n<img src=x onerror=alert(1)>\n@everyone [x](http://y)\n# h".to_owned(),
        String::new(),
    ]
}

/// The fixture with `text` wherever a model, a dataset or a file can put one.
fn hostile(text: &str) -> Report {
    use llm_experiments::eval::record::SampleOutcome;
    let mut report = fixture::two_models();
    report.run.run_id = text.to_owned();
    report.policies[1].problems = vec![text.to_owned(), text.to_owned()];
    report.policies[0].hints = vec![text.to_owned()];
    for (suite, gate) in report.run.suites.iter_mut().zip(&mut report.gates) {
        suite.model.declares = text.to_owned();
        suite.identity.prompt = text.to_owned();
        suite.slice_names.push(text.to_owned());
        gate.decision.notes.push(text.to_owned());
        gate.decision.sentence = text.to_owned();
        gate.rescored = Some(text.to_owned());
        gate.baseline.accepted = Some(text.to_owned());
        for before in gate.before.values_mut() {
            before.answer = format!("{text}before");
        }
        for verdict in &mut gate.decision.cases {
            match &mut verdict.result {
                CaseResult::Unconfirmed { why } | CaseResult::NotMeasured { why } => *why = text.to_owned(),
                _ => {}
            }
        }
        for case in &mut suite.cases {
            let case = std::sync::Arc::make_mut(case);
            case.slices.insert(text.to_owned(), vec![text.to_owned()]);
            for sample in &mut case.samples {
                match &mut sample.outcome {
                    SampleOutcome::Scored { answer, scores } => {
                        answer.text = text.to_owned();
                        answer.latency_ms = Some(1234.5678);
                        for check in &mut scores.checks {
                            check.label = text.to_owned();
                            check.explanation = text.to_owned();
                            if let Some(diff) = &mut check.diff {
                                diff.found = text.into();
                            }
                        }
                        if let Some(judge) = &mut scores.judge {
                            judge.explanation = text.to_owned();
                        }
                        scores.metrics.insert(text.to_owned(), 0.5);
                    }
                    SampleOutcome::NotMeasured { reason, .. } => *reason = text.to_owned(),
                }
            }
        }
        // Two cases with the same title, and a title that is the text.
        for (n, id) in [(0, "RF-G-002"), (5, text)] {
            std::sync::Arc::make_mut(&mut suite.cases[n]).id = id.to_owned();
            gate.decision.cases[n].id = id.to_owned();
        }
    }
    report
}

#[test]
fn hostile_text_breaks_no_report() {
    for text in hostile_texts() {
        let report = hostile(&text);
        let xml = junit(&report);
        let found = walk::check(&xml);
        assert!(found.iter().any(|case| case.name == "RF-G-002 (2)"));
        // Bounded, whatever the model says: two models, a dozen cases each, at most two bounded texts a case.
        assert!(xml.len() < 4_000_000, "{}", xml.len());
        let summary = markdown::summary(&report, Hints::default());
        let console = console::summary(&report, Hints::default(), false);
        for shown in [&summary, &console] {
            assert!(!shown.contains(['\0', '\u{1b}', '\u{9b}', '\u{7}']), "control character");
            assert!(shown.len() < 200_000, "{}", shown.len());
        }
        assert!(!summary.contains("<img") && !summary.contains("\n```") && !summary.contains("@everyone"));
        let tables = summary.lines().filter(|line| line.starts_with("| ") || line.starts_with("|-"));
        for (line, cells) in tables.map(|line| (line, line.replace("\\|", "").matches('|').count() - 1)) {
            assert!([4, 6, 10].contains(&cells), "{cells} cells: {line}");
        }
        // Nothing is cut in the JSON, so a megabyte in every field would only test the machine.
        let report = if text.len() < 10_000 { report } else { continue };
        let json = eval_results(&report);
        assert_eq!(json::read(json.as_bytes()).as_ref(), Ok(&report));
    }
}

#[test]
fn the_summary_stays_readable() {
    let lines = markdown::summary(&fixture::large(60, 10), Hints::default()).lines().count();
    assert!(lines <= 150, "{lines} lines");
    let lines = markdown::summary(&fixture::large(2_000, 1_000), Hints::default()).lines().count();
    assert!(lines <= 150, "{lines} lines");
}

#[test]
fn colour_is_asked_for() {
    let report = fixture::report();
    let plain = console::summary(&report, Hints::default(), false);
    let colour = console::summary(&report, Hints::default(), true);
    assert!(!plain.contains('\u{1b}') && colour.contains("\u{1b}[31mregressed\u{1b}[0m"));
    assert_eq!(llm_experiments::report::sanitize::strip_escapes(&colour), plain);
}

#[test]
fn old_results_are_read_and_newer_ones_refused() {
    // Written by format 1. Never regenerate it: that files of this shape can be read is the promise.
    let old = include_bytes!("../../fixtures/eval_results_v1.json");
    let report = json::read(old).unwrap();
    assert_eq!(report.run.run_id, "20261123T131500Z-4f2a");
    assert_eq!(report.gates[0].decision.cases.len(), 12);
    // It stores what the gate calculated with, 95% for 5%: read, it is what was measured, and is not turned twice.
    assert_eq!(report.format, 2);
    let [accuracy, false_pass] = &report.gates[0].decision.metrics[..] else { panic!() };
    let rounded = |x: f64| (x * 1e6).round() / 1e6;
    let figures = |metric: &MetricDecision| {
        let e = metric.estimate.unwrap();
        [e.effect, e.baseline_mean, e.candidate_mean].map(rounded)
    };
    assert_eq!((accuracy.lower_is_better, figures(accuracy)), (false, [-0.125, 0.875, 0.75]));
    assert_eq!((false_pass.lower_is_better, figures(false_pass)), (true, [0.025, 0.05, 0.075]));

    let newer = String::from_utf8(old.to_vec()).unwrap().replacen("\"format\": 1", "\"format\": 3", 1);
    assert_snapshot!(
        json::read(newer.as_bytes()).unwrap_err(),
        @"expected a report of format 2 or older, found 3: a newer version wrote it"
    );
    assert!(json::read(b"{}").unwrap_err().starts_with("not a report: missing field `format`"));
    assert_eq!(json::read(eval_results(&report).as_bytes()), Ok(report));
}

#[test]
fn an_exceeded_limit_is_said_first() {
    let mut report = fixture::large(3, 0);
    let gate = &mut report.gates[0];
    gate.decision.verdict = llm_experiments::gate::Verdict::Pass;
    gate.decision.sentence = "pass: identical".to_owned();
    gate.meaning = Outcome::Fine;
    gate.limits[1].found = Some(9120.0);
    let found = walk::check(&junit(&report));
    let gate = found.iter().find(|case| case.class == "gate" && case.name == "gold").unwrap();
    assert_eq!(gate.result, "failure");
    let want = "latency_p95_ms: 9120, limit 8000, exceeded; pass: identical";
    assert!(gate.text.starts_with(want), "{}", gate.text);
    let summary = markdown::summary(&report, Hints::default());
    assert!(summary.contains("**pass, limit exceeded**") && summary.contains(want), "{summary}");
}

#[test]
fn a_shortened_baseline_answer_is_no_difference() {
    let mut report = fixture::report();
    let before = report.gates[0].before.get_mut("RF-G-041").unwrap();
    before.answer = r#"{"record_id":"RF-200041","ver..."#.to_owned();
    assert!(case_text(&report, "RF-G-041").contains("answer: begins as in the baseline"));
}

#[test]
fn the_walk_refuses_what_the_schema_refuses() {
    let good = junit(&fixture::report());
    walk::check(&good);
    for (from, to) in [
        ("<testcase name", "<testcase file=\"x\" name"),
        ("<testsuites ", "<testsuites skipped=\"0\" "),
        ("<testsuites tests=\"", "<testsuites tests=\"1"),
        ("skipped=\"1\"", "skipped=\"0\""),
        ("failures=\"4\"", "failures=\"3\""),
        ("time=\"0\">", "time=\"0.0005\">"),
        ("<![CDATA[", "<![CDATA[]]>"),
        ("</testsuites>", ""),
        ("the tapped joint", "the \u{1b} joint"),
        ("RF-G-002\"", "RF-G-001\""),
        ("message=\"equals", "message=\"<equals"),
        ("<property name", "<property id"),
        ("<properties>", "<properties name=\"x\">"),
    ] {
        assert!(good.contains(from), "{from}");
        let bad = good.replacen(from, to, 1);
        assert!(std::panic::catch_unwind(|| walk::check(&bad)).is_err(), "{from} -> {to}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_leaves_junit_valid(text in any::<String>()) {
        walk::check(&junit(&hostile(&text)));
    }
}

fn eval_results(report: &Report) -> String {
    let mut bytes = Vec::new();
    json::eval_results(report, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}
