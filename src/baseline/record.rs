//! From what a run leaves behind to the baseline it may become. Decides nothing, writes nothing.

use crate::stats::rounding::six_decimals;
use std::collections::{BTreeMap, BTreeSet};

use super::model::{
    Accepted, Baseline, BaselineCase, BaselineSample, FileHash, Header, JudgeWord, MAX_SAMPLES, SHORT_ANSWER,
};
use crate::eval::record::{CaseRecord, SampleOutcome, SampleRecord, Scores, SuiteRecord};
use crate::json::sha256_hex;

/// The baseline that a run becomes when it is accepted, and the ids of cases without a single measured answer:
/// they are left out, and count as new cases next time.
#[must_use]
pub fn from_record(record: &SuiteRecord, accepted: Accepted) -> (Baseline, Vec<String>) {
    let (model, identity) = (&record.model, &record.identity);
    let deterministic = model.deterministic && record.judge.as_ref().is_none_or(|judge| judge.deterministic);
    let (mut cases, mut unmeasured) = (Vec::new(), Vec::new());
    let mut served_models = BTreeSet::new();
    for case in &record.cases {
        let samples = samples(case, deterministic, model.embedded, &mut served_models);
        if samples.is_empty() {
            unmeasured.push(case.id.clone());
        } else {
            let (id, content_hash) = (case.id.clone(), case.content_hash.clone());
            cases.push(BaselineCase { id, content_hash, samples });
        }
    }
    cases.sort_by(|a, b| a.id.cmp(&b.id));
    let mut accepted = accepted;
    for value in accepted.decision.deltas.values_mut() {
        *value = six_decimals(*value);
    }
    let header = Header {
        suite: record.suite.clone(),
        model: model.alias.clone(),
        provider: model.provider,
        model_id: model.model_id.clone(),
        served_models,
        deterministic,
        prompt: FileHash { file: identity.prompt.clone(), sha256: identity.prompt_sha256.clone() },
        graph_sha256: identity.graph_sha256.clone(),
        kb_sha256: identity.kb_sha256.clone(),
        dataset: FileHash { file: identity.dataset.clone(), sha256: identity.dataset_sha256.clone() },
        checks_sha256: identity.checks_sha256.clone(),
        judge_sha256: identity.judge_sha256.clone(),
        judge_may_fail: None,
        scored_by: Some(env!("CARGO_PKG_VERSION").to_owned()),
        accepted,
    };
    (Baseline { header, history: Vec::new(), measurement: Vec::new(), cases }, unmeasured)
}

/// The measured samples to keep, in index order.
fn samples(
    case: &CaseRecord,
    deterministic: bool,
    embedded: bool,
    served_models: &mut BTreeSet<String>,
) -> Vec<BaselineSample> {
    let mut measured: Vec<&SampleRecord> =
        case.samples.iter().filter(|sample| sample.scores().is_some()).collect();
    measured.sort_by_key(|sample| sample.index);
    measured.dedup_by_key(|sample| sample.index);
    if deterministic {
        // One is the whole distribution, and the lowest index makes the smallest diff.
        measured.truncate(1);
    }
    // The newest have the highest indexes.
    let from = measured.len().saturating_sub(MAX_SAMPLES);
    let mut kept = Vec::new();
    for sample in measured.into_iter().skip(from) {
        let SampleOutcome::Scored { answer, scores } = &sample.outcome else { continue };
        served_models.extend(answer.served_models().map(str::to_owned));
        let unscored = BaselineSample {
            index: sample.index,
            key: sample.key.clone(),
            passed: false,
            metrics: BTreeMap::new(),
            judge: None,
            answer: if embedded {
                answer.text.clone()
            } else {
                answer.text.chars().take(SHORT_ANSWER).collect()
            },
            answer_sha256: (!embedded).then(|| sha256_hex(&answer.text)),
        };
        kept.push(scored(unscored, scores));
    }
    kept
}

/// The same answer with these scores.
#[must_use]
pub fn scored(sample: BaselineSample, scores: &Scores) -> BaselineSample {
    let rounded = |(name, value): (&String, &f64)| (name.clone(), six_decimals(*value));
    BaselineSample {
        passed: scores.passed,
        metrics: scores.metrics.iter().map(rounded).collect(),
        judge: scores.judge.as_ref().map(|judge| JudgeWord {
            score: six_decimals(judge.score),
            explanation: judge.explanation.clone(),
            key: judge.key.clone(),
        }),
        ..sample
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::tests::baseline;
    use super::super::file::{parse, to_text};
    use super::*;
    use crate::config::models::ProviderKind;
    use crate::eval::record::{Identity, JudgeResult};
    use crate::llm::{Answer, FinishReason, ModelCard};

    fn sample(index: u32, text: &str) -> SampleRecord {
        SampleRecord {
            index,
            key: "k".to_owned(),

            outcome: SampleOutcome::Scored {
                answer: Answer {
                    text: text.to_owned(),
                    served_model: format!("m-{}", index % 2),
                    behind: BTreeSet::new(),
                    fingerprint: None,
                    finish_reason: FinishReason::Stop,
                    usage: None,
                    latency_ms: None,
                    cost_usd: None,
                },
                scores: Scores {
                    passed: true,
                    metrics: BTreeMap::from([("f1".to_owned(), 1.0 / 3.0)]),
                    weighted: 1.0,
                    checks: Vec::new(),
                    judge: Some(JudgeResult {
                        score: 2.0 / 3.0,
                        passed: true,
                        blocking: true,
                        explanation: "why".to_owned(),
                        key: None,
                    }),
                    ..Scores::default()
                },
            },
        }
    }

    fn record(deterministic: bool, embedded: bool, samples: Vec<SampleRecord>) -> SuiteRecord {
        let case = |id: &str, samples| CaseRecord {
            id: id.to_owned(),
            content_hash: "c".to_owned(),
            slices: BTreeMap::new(),
            cluster: None,
            must_pass: false,
            samples,
            confirm: Vec::new(),
            top_up: Vec::new(),
        };
        let lost = SampleRecord {
            outcome: SampleOutcome::NotMeasured { reason: "budget".to_owned(), answer: None },
            ..sample(0, "")
        };
        SuiteRecord {
            suite: "gold".to_owned(),
            model: ModelCard {
                alias: "m".to_owned(),
                provider: ProviderKind::Openai,
                model_id: "m".to_owned(),
                deterministic,
                embedded,
                declares: String::new(),
            },
            judge: None,
            identity: Identity {
                task: "t".to_owned(),
                prompt: "prompt_v001.txt".to_owned(),
                prompt_sha256: "1".to_owned(),
                graph_sha256: None,
                kb_sha256: None,
                dataset: "d.jsonl".to_owned(),
                dataset_sha256: "2".to_owned(),
                checks_sha256: "3".to_owned(),
                judge_sha256: None,
            },
            metrics: Vec::new(),
            slice_names: Vec::new(),
            dataset_cases: 2,
            cases: vec![case("b", samples).into(), case("a", vec![lost]).into()],
        }
    }

    fn accepted() -> Accepted {
        baseline().header.accepted
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "rounded numbers are exact")]
    fn what_is_not_measured_is_left_out() {
        let (baseline, unmeasured) = from_record(&record(false, true, vec![sample(0, "x")]), accepted());
        assert_eq!(unmeasured, ["a"]);
        assert_eq!(baseline.cases.len(), 1);
        let kept = &baseline.cases[0].samples[0];
        assert_eq!((kept.answer.as_str(), kept.answer_sha256.as_ref()), ("x", None));
        assert_eq!(kept.metrics["f1"], 0.333_333);
        assert_eq!(parse("x", to_text(&baseline).unwrap().as_bytes()).unwrap().baseline, baseline);
    }

    #[test]
    fn the_newest_twenty_and_short_answers() {
        let long = "é".repeat(300);
        let samples = (0..25).rev().map(|i| sample(i, &long)).collect();
        let (baseline, _) = from_record(&record(false, false, samples), accepted());
        let kept = &baseline.cases[0].samples;
        assert_eq!((kept.len(), kept[0].index, kept[19].index), (20, 5, 24));
        assert_eq!(kept[0].answer.chars().count(), SHORT_ANSWER);
        assert!(kept[0].answered(&long) && !kept[0].answered(&kept[0].answer));
        assert_eq!(baseline.header.served_models.len(), 2);
    }

    #[test]
    fn one_sample_of_a_deterministic_model() {
        let (baseline, _) =
            from_record(&record(true, true, vec![sample(1, "x"), sample(0, "x")]), accepted());
        assert_eq!(baseline.cases[0].samples.iter().map(|s| s.index).collect::<Vec<_>>(), [0]);
    }
}
