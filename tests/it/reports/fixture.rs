//! One realistic report, built by hand: fixed run id and clock, one case of every kind.

use std::collections::BTreeSet;

use std::collections::BTreeMap;
use std::sync::Arc;

use llm_experiments::config::models::ProviderKind;
use llm_experiments::config::settings::Mode;
use llm_experiments::eval::limits::Limit;
use llm_experiments::eval::record::{
    self, CaseRecord, CheckResult, Difference, Identity, JudgeResult, MetricInfo, RunRecord, SampleOutcome,
    SampleRecord, Scores, SuiteRecord,
};
use llm_experiments::gate::{
    CaseClass, CaseResult, CaseVerdict, Counts, Decision, Draws, Estimate, Level, Method, MetricDecision,
    NoiseTest, Outcome, Reason, Verdict,
};
use llm_experiments::llm::{Answer, FinishReason, ModelCard};
use llm_experiments::report::input::{
    self, BaseInfo, BaselineInfo, BaselineSource, Before, GateReport, PolicyReport, Report,
};
use serde_json::{Value, json};

/// A prompt change that broke two cases on the embedded reference model.
pub(crate) fn report() -> Report {
    Report {
        format: input::FORMAT,
        run: RunRecord {
            ended: None,
            shard: None,
            samples: 1,
            traffic: BTreeMap::new(),
            format: record::FORMAT,
            run_id: "20261123T131500Z-4f2a".to_owned(),
            product_version: "0.1.0".to_owned(),
            started_at: "2026-11-23T13:15:00Z".to_owned(),
            finished_at: Some("2026-11-23T13:15:02Z".to_owned()),
            mode: Mode::Record,
            suites: vec![suite()],
        },
        base: Some(BaseInfo::MergeBase {
            reference: "origin/main".to_owned(),
            commit: "1a2b3c4d5e".to_owned(),
            from: Some("GITHUB_BASE_REF".to_owned()),
            merging: false,
        }),
        gates: vec![gate()],
        policies: vec![
            policy("policy::prompts", &[]),
            policy(
                "policy::pins",
                &["config/model_pins.yml:3: pin `rf_qaqc` names prompt_v001.txt, whose hash differs"],
            ),
        ],
        measurement: None,
    }
}

/// The same, with the suite also run on a simulated (noisy) model that took measurable time.
pub(crate) fn two_models() -> Report {
    let mut report = report();
    let mut suite = suite();
    suite.model = ModelCard {
        alias: "noisy".to_owned(),
        provider: ProviderKind::Simulated,
        model_id: "simulated".to_owned(),
        deterministic: false,
        embedded: true,
        declares: "simulated answers, accuracy 0.95, not an LLM".to_owned(),
    };
    for case in &mut suite.cases {
        for sample in &mut Arc::make_mut(case).samples {
            if let SampleOutcome::Scored { answer, .. } = &mut sample.outcome {
                answer.latency_ms = Some(812.4);
                answer.cost_usd = Some(0.0021);
            }
        }
    }
    let mut gate = gate();
    gate.alias = "noisy".to_owned();
    gate.decision.deterministic = false;
    gate.decision.metrics[0].method = Method::Exact;
    gate.decision.metrics[0].noise = Some(NoiseTest {
        p_drop: 0.003,
        p_rise: 0.999,
        p_general: 0.01,
        limit: 0.005,
        limit_rise: 0.005,
        ci95: [-0.5, -0.0625],
        lower95: -0.4375,
        upper95: -0.125,
        lost_guard: 0.5,
        noise_sd: 0.0625,
        mde80: 0.25,
    });
    gate.accepted = Some(Decision { sentence: "pass: identical".to_owned(), ..gate.decision.clone() });
    report.run.suites.push(suite);
    report.gates.push(gate);
    report
}

/// `report()` with `cases` cases that are ok, of which the last `broken` are broken.
pub(crate) fn large(cases: usize, broken: usize) -> Report {
    let mut report = report();
    let suite = &mut report.run.suites[0];
    let gate = &mut report.gates[0];
    let (ok, bad) = ((*suite.cases[0]).clone(), (*suite.cases[2]).clone());
    suite.cases.clear();
    gate.decision.cases.clear();
    for n in 0..cases {
        let is_broken = n + broken >= cases;
        let id = format!("RF-G-{n:04}");
        let like = if is_broken { bad.clone() } else { ok.clone() };
        suite.cases.push(Arc::new(CaseRecord { id: id.clone(), ..like }));
        let result = if is_broken { CaseResult::Broken } else { CaseResult::Ok };
        gate.decision.cases.push(verdict(&id, Some(CaseClass::StablePass), 1, result));
    }
    suite.dataset_cases = cases;
    gate.decision.counts = Counts { ok: cases - broken, broken, ..Counts::default() };
    report
}

/// `report()` with cases that were never right and cases that are sometimes.
pub(crate) fn to_do(known: usize, noisy: usize) -> Report {
    let mut report = large(known + noisy, known + noisy);
    let gate = &mut report.gates[0];
    for (n, case) in gate.decision.cases.iter_mut().enumerate() {
        let (class, passes, result) = if n < known {
            (CaseClass::KnownFailure, 0, CaseResult::KnownFailure)
        } else {
            (CaseClass::Noisy, 3, CaseResult::NoisyFail)
        };
        *case = CaseVerdict { kb: 5, ..verdict(&case.id, Some(class), passes, result) };
    }
    gate.decision.counts = Counts { known_failures: known, noisy, ..Counts::default() };
    report
}

/// The suite's first run: no baseline knows any of its cases.
pub(crate) fn first_run() -> Report {
    let mut report = report();
    report.policies.clear();
    let gate = &mut report.gates[0];
    gate.baseline = BaselineInfo::none();
    gate.before.clear();
    gate.rescored = None;
    gate.meaning = Outcome::Warns;
    let suite = &mut report.run.suites[0];
    suite.cases.retain(|case| case.id != "RF-G-070");
    suite.dataset_cases = suite.cases.len();
    let new = |case: &Arc<CaseRecord>| {
        let pass = case.samples[0].scores().is_some_and(|scores| scores.passed);
        verdict(&case.id, None, 0, CaseResult::New { pass, changed: false })
    };
    let decision = &mut gate.decision;
    decision.cases = suite.cases.iter().map(new).collect();
    let failing = decision.cases.iter().filter(|verdict| verdict.fails()).count();
    decision.counts = Counts { new: decision.cases.len(), new_failing: failing, ..Counts::default() };
    decision.verdict = Verdict::Inconclusive;
    decision.reason = Some(Reason::NoBaseline);
    decision.notes.clear();
    decision.sentence =
        "first run: verdict_accuracy 50.0% over 10 cases, false_pass 7.5% (lower is better) (no baseline yet); 10 new (6 \
         failing)"
            .to_owned();
    for (metric, mean) in decision.metrics.iter_mut().zip([0.5, 0.075]) {
        metric.verdict = Verdict::Inconclusive;
        metric.reason = Some(Reason::NoComparableCases);
        metric.method = Method::NotCompared;
        (metric.n_cases, metric.estimate) = (0, None);
        metric.level = Some(Level { mean, cases: 10 });
    }
    report
}

fn suite() -> SuiteRecord {
    SuiteRecord {
        suite: "gold".to_owned(),
        model: ModelCard {
            alias: "reference".to_owned(),
            provider: ProviderKind::Reference,
            model_id: "reference".to_owned(),
            deterministic: true,
            embedded: true,
            declares: "rule-based reference analyst, not an LLM".to_owned(),
        },
        judge: Some(ModelCard {
            alias: "reference-judge".to_owned(),
            provider: ProviderKind::Reference,
            model_id: "reference".to_owned(),
            deterministic: true,
            embedded: true,
            declares: "rule-based rubric judge, not an LLM".to_owned(),
        }),
        identity: Identity {
            task: "rf_qaqc".to_owned(),
            prompt: "prompt_v002.txt".to_owned(),
            prompt_sha256: "b2".repeat(32),
            graph_sha256: None,
            kb_sha256: None,
            dataset: "data/gold_set.jsonl".to_owned(),
            dataset_sha256: "d0".repeat(32),
            checks_sha256: "c0".repeat(32),
            judge_sha256: Some("10".repeat(32)),
        },
        metrics: [
            ("verdict_accuracy", false),
            ("false_pass", true),
            ("schema_valid", false),
            ("pass_rate", false),
        ]
        .map(|(name, lower_is_better)| MetricInfo { name: name.to_owned(), lower_is_better })
        .to_vec(),
        slice_names: vec!["test_type".to_owned(), "difficulty".to_owned()],
        dataset_cases: 12,
        cases: [
            case("RF-G-001", "line_sweep", "easy", passing("fail")),
            case("RF-G-002", "line_sweep", "easy", passing("pass")),
            case("RF-G-041", "pim", "hard", failing("fail", "pass")),
            CaseRecord { must_pass: true, ..case("RF-G-042", "pim", "hard", cut_answer()) },
            case("RF-G-050", "fiber", "hard", passing("needs_review")),
            case("RF-G-060", "fiber", "hard", failing("needs_review", "pass")),
            case("RF-G-070", "pim", "easy", not_measured()),
            case("RF-G-080", "alignment", "easy", passing("pass")),
            case("RF-G-081", "alignment", "hard", failing("fail", "pass")),
            case("RF-G-090", "alignment", "easy", judged_down()),
            case("RF-G-095", "alignment", "easy", failing("fail", "pass")),
        ]
        .map(Arc::new)
        .to_vec(),
    }
}

pub(crate) fn case(id: &str, test_type: &str, difficulty: &str, outcome: SampleOutcome) -> CaseRecord {
    let tags = if id == "RF-G-041" { vec!["note_overrides_numbers".to_owned()] } else { Vec::new() };
    CaseRecord {
        id: id.to_owned(),
        content_hash: "ab".repeat(32),
        slices: BTreeMap::from([
            ("difficulty".to_owned(), vec![difficulty.to_owned()]),
            ("tags".to_owned(), tags),
            ("test_type".to_owned(), vec![test_type.to_owned()]),
        ]),
        cluster: None,
        must_pass: false,
        samples: vec![SampleRecord { index: 0, key: "7c1e90aa11bb22cc".repeat(4), outcome }],
        confirm: Vec::new(),
        top_up: Vec::new(),
    }
}

pub(crate) fn answer(text: &str) -> Answer {
    Answer {
        text: text.to_owned(),
        served_model: "reference".to_owned(),
        behind: BTreeSet::new(),
        fingerprint: None,
        finish_reason: FinishReason::Stop,
        usage: None,
        latency_ms: None,
        cost_usd: Some(0.0),
    }
}

fn answer_text(verdict: &str) -> String {
    json!({"record_id": "RF-200041", "verdict": verdict, "confidence": 0.9, "issues": [
        {"code": "PIM_LIMIT", "evidence": "PIM -94.1 dBm", "source": "measurements"}
    ]})
    .to_string()
}

fn equals(expected: &str, found: Value) -> CheckResult {
    let passed = found == json!(expected);
    CheckResult {
        label: "equals /verdict".to_owned(),
        score: if passed { 1.0 } else { 0.0 },
        passed,
        must_pass: false,
        explanation: if passed { String::new() } else { format!("expected \"{expected}\", found {found}") },
        diff: (!passed).then(|| Difference { expected: json!(expected), found }),
    }
}

fn schema(passed: bool) -> CheckResult {
    CheckResult {
        label: "json_schema".to_owned(),
        score: if passed { 1.0 } else { 0.0 },
        passed,
        must_pass: true,
        explanation: if passed {
            String::new()
        } else {
            "no JSON: expected a value at line 1 column 1".to_owned()
        },
        diff: None,
    }
}

fn judge(score: f64, explanation: &str) -> JudgeResult {
    JudgeResult {
        score,
        passed: score >= 0.7,
        blocking: true,
        explanation: explanation.to_owned(),
        key: None,
    }
}

pub(crate) fn scored(text: &str, checks: Vec<CheckResult>, judge: JudgeResult) -> SampleOutcome {
    let accuracy = checks.iter().find(|c| c.label == "equals /verdict").map_or(0.0, |c| c.score);
    let valid = checks.iter().find(|c| c.label == "json_schema").map_or(0.0, |c| c.score);
    let passed = checks.iter().all(|c| c.passed) && judge.passed;
    SampleOutcome::Scored {
        answer: answer(text),
        scores: Scores {
            passed,
            metrics: BTreeMap::from([
                ("pass_rate".to_owned(), if passed { 1.0 } else { 0.0 }),
                ("verdict_accuracy".to_owned(), accuracy),
                ("schema_valid".to_owned(), valid),
            ]),
            weighted: 0.5 * (accuracy + valid),
            checks,
            judge: Some(judge),
            ..Scores::default()
        },
    }
}

fn passing(verdict: &str) -> SampleOutcome {
    scored(
        &answer_text(verdict),
        vec![schema(true), equals(verdict, json!(verdict))],
        judge(0.9, "covers the rubric"),
    )
}

fn failing(expected: &str, found: &str) -> SampleOutcome {
    scored(
        &answer_text(found),
        vec![schema(true), equals(expected, json!(found))],
        judge(0.35, "the tapped joint at port 3 is not mentioned"),
    )
}

fn cut_answer() -> SampleOutcome {
    scored(
        "I cannot say | maybe `fail` <b>?</b>",
        vec![schema(false), equals("fail", Value::Null)],
        judge(0.0, "no answer to judge"),
    )
}

fn judged_down() -> SampleOutcome {
    scored(
        &answer_text("pass"),
        vec![schema(true), equals("pass", json!("pass"))],
        judge(0.6, "the azimuth reference is missing"),
    )
}

fn not_measured() -> SampleOutcome {
    SampleOutcome::NotMeasured {
        reason: "no recording for key 7c1e90aa11bb; record it with `EVALS_MODE=record`".to_owned(),
        answer: None,
    }
}

fn verdict(id: &str, class: Option<CaseClass>, passes: usize, result: CaseResult) -> CaseVerdict {
    let kb = usize::from(class.is_some());
    CaseVerdict { id: id.to_owned(), class, passes, kb, deterministic: true, result, redrawn: None }
}

fn gate() -> GateReport {
    let (stable, known) = (Some(CaseClass::StablePass), Some(CaseClass::KnownFailure));
    let before = |answer: String, passes, judge_score| Before { answer, passes, of: 1, judge_score };
    GateReport {
        suite: "gold".to_owned(),
        alias: "reference".to_owned(),
        selected: true,
        decision: Decision {
            look: 1,
            draws: Draws::default(),
            monitor: None,
            verdict: Verdict::Regressed,
            reason: None,
            sentence: "regressed: verdict_accuracy -12.5 points over 8 cases (deterministic model: no sampling \
                       noise); 1 failing a check that must pass, 1 broken, 1 failed once (unconfirmed), 1 fixed, \
                       1 known failure, 3 new (2 failing), 1 not measured"
                .to_owned(),
            notes: vec!["some cases have only 1 sample in the baseline; with 5 each the gate sees smaller drops".to_owned()],
            metrics: vec![
                metric("verdict_accuracy", 0.5, (0.875, 0.75), Verdict::Regressed),
                MetricDecision {
                    lower_is_better: true,
                    ..metric("false_pass", 0.5, (0.05, 0.075), Verdict::Pass)
                },
            ],
            counts: Counts {
                ok: 2,
                broken: 1,
                unconfirmed: 1,
                must_pass_failed: 1,
                fixed: 1,
                known_failures: 1,
                new: 3,
                new_failing: 2,
                missing: 1,
                not_selected: 1,
                ..Counts::default()
            },
            n_cases: 8,
            deterministic: true,
            alpha: 0.05,
            margin: 0.05,
            cases: vec![
                verdict("RF-G-001", stable, 1, CaseResult::Ok),
                verdict("RF-G-002", stable, 1, CaseResult::Ok),
                verdict("RF-G-041", stable, 1, CaseResult::Broken),
                verdict("RF-G-042", stable, 1, CaseResult::MustPassFailed),
                verdict("RF-G-050", known, 0, CaseResult::Fixed),
                verdict("RF-G-060", known, 0, CaseResult::KnownFailure),
                verdict(
                    "RF-G-070",
                    stable,
                    1,
                    CaseResult::NotMeasured {
                        why: "no recording for key 7c1e90aa11bb; record it with `EVALS_MODE=record`".to_owned(),
                    },
                ),
                verdict("RF-G-080", None, 0, CaseResult::New { pass: true, changed: false }),
                verdict("RF-G-081", None, 0, CaseResult::New { pass: false, changed: false }),
                verdict("RF-G-090", stable, 1, CaseResult::Unconfirmed { why: "judge changed".to_owned() }),
                verdict("RF-G-095", None, 0, CaseResult::New { pass: false, changed: true }),
                verdict("RF-G-099", stable, 1, CaseResult::NotSelected),
            ],
        },
        meaning: Outcome::Worse,
        baseline: BaselineInfo {
            source: BaselineSource::MergeBase { reference: "origin/main".to_owned(), commit: "1a2b3c4".to_owned() },
            sha256: Some("ba".repeat(32)),
            prompt: Some("prompt_v001.txt".to_owned()),
            prompt_sha256: Some("a1".repeat(32)),
            accepted: Some("2026-11-20 by Ada, run 20261120T101500Z-77aa".to_owned()),
        },
        accepted: None,
        excuse: None,
        limits: vec![
            Limit { name: "cost_usd_per_case".to_owned(), bound: 0.05, found: Some(0.0), untold: false },
            Limit { name: "latency_p95_ms".to_owned(), bound: 8000.0, found: None, untold: false },
        ],
        before: BTreeMap::from([
            ("RF-G-041".to_owned(), before(answer_text("fail"), 1, Some(0.9))),
            ("RF-G-042".to_owned(), before(answer_text("fail"), 1, Some(0.9))),
            ("RF-G-090".to_owned(), before(answer_text("pass"), 1, Some(0.8))),
        ]),
        rescored: Some("the check `equals /verdict` changed".to_owned()),
        by_main: None,
        judge_accepted: None,
        faults: Vec::new(),
    }
}

fn metric(name: &str, weight: f64, (before, now): (f64, f64), verdict: Verdict) -> MetricDecision {
    MetricDecision {
        metric: name.to_owned(),
        lower_is_better: false,
        weight,
        verdict,
        reason: (verdict == Verdict::Pass).then_some(Reason::WithinMargin),
        method: Method::Deterministic,
        n_cases: 8,
        n_units: 8,
        e_value: None,
        missing: 1,
        estimate: Some(Estimate {
            effect: now - before,
            baseline_mean: before,
            candidate_mean: now,
            kb: (1, 1),
            k: (1, 1),
        }),
        noise: None,
        level: None,
    }
}

fn policy(name: &str, problems: &[&str]) -> PolicyReport {
    PolicyReport {
        name: name.to_owned(),
        problems: problems.iter().map(|problem| (*problem).to_owned()).collect(),
        hints: Vec::new(),
    }
}
