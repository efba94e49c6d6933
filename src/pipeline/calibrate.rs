//! Measure a suite's judge against labelled answers.

use std::collections::BTreeMap;

use super::inputs::{Inputs, SuiteInputs};
use super::{block_on, side_by_side};
use crate::baseline;
use crate::clock::Clock;
use crate::config::Problem;
use crate::dataset::Case;
use crate::eval::judge::certificate::{BLOCKS_FROM, Certificate, FORMAT, LEAST_OF_EACH, Labels, Measured};
use crate::eval::judge::labels::{self, Label, PassFail};
use crate::eval::judge::{Judge, Unjudged};
use crate::eval::plan::judge_certified_hash;
use crate::llm::{Answer, Stream};
use crate::stats::agreement::{self, Metric, Weights};
use crate::stats::bootstrap::{RESAMPLES, interval95};
use crate::stats::judge::{Confusion, PredictionPowered, prediction_powered, rogan_gladen};
use crate::stats::rng::Rng;

/// Grades that scores are sorted into for the weighted kappa.
const GRADES: usize = 5;

/// Labelled answers asked about at once.
const AT_ONCE: usize = 16;

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// To be kept.
    pub certificate: Certificate,
    /// Answers that the judge passes and the label fails.
    pub too_kind: Vec<String>,
    /// Answers that the judge fails and the label passes.
    pub too_strict: Vec<String>,
    /// Answers without a readable judgement, and why.
    pub unscored: Vec<(String, String)>,
    /// Labelled answers that were sampled from a model's: rates are stated of these alone.
    pub sampled: usize,
    /// The judge's pass rate on the accepted answers, and what it says about the true one.
    pub level: Option<Level>,
}

/// A pass rate by the judge, corrected for its errors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// Accepted answers, one of each case that is not labelled.
    pub answers: usize,
    /// As the judge says.
    pub judged: f64,
    /// By sensitivity and specificity alone; absent for a judge no better than a coin.
    pub rogan_gladen: Option<f64>,
    /// With the labels.
    pub corrected: Option<PredictionPowered>,
}

/// One labelled answer and the judge's word about it.
struct Pair {
    label: Label,
    cluster: usize,
    passed: bool,
    score: f64,
}

/// Measure the judge of a suite.
///
/// # Errors
/// Problems of the inputs or of the labels; a suite without a judge; a judge that could not be asked.
pub fn calibrate(inputs: &Inputs, suite: &SuiteInputs, clock: &Clock) -> Result<Calibration, Vec<Problem>> {
    let plan = inputs.plan(suite)?;
    let (Some(judge), Some(spec)) = (&plan.judge, &plan.spec.judge) else {
        let problem = Problem::of_file(&suite.doc.file, "the suite has no judge to calibrate");
        return Err(vec![problem.hint("write `judge: { prompt, model, pass_at }`")]);
    };
    let (labels, sha256) = labels::read(&inputs.root(), &spec.labels)?;
    let cases = cases(inputs, suite, &labels, &spec.labels)?;
    super::money::open_account(inputs, std::iter::once(suite)).map_err(|problem| vec![problem])?;
    let judged = block_on(ask(judge, &labels, &cases))
        .map_err(|message| vec![Problem::of_file(&suite.doc.file, message)])?;
    let (mut pairs, mut unscored) = (Vec::new(), Vec::new());
    let mut clusters: BTreeMap<String, usize> = BTreeMap::new();
    for ((label, case), result) in labels.into_iter().zip(&cases).zip(judged) {
        match result {
            Ok((score, passed)) => {
                let next = clusters.len();
                let cluster =
                    *clusters.entry(case.cluster.clone().unwrap_or(case.id.clone())).or_insert(next);
                pairs.push(Pair { label, cluster, passed, score });
            }
            Err(Unjudged::Unreadable(why)) => unscored.push((label.id, why)),
            Err(Unjudged::NotAsked(error)) => {
                let message = format!("label `{}`: the judge could not be asked: {error}", label.id);
                return Err(vec![Problem::of_file(&spec.labels, message)]);
            }
        }
    }
    let mut provenance = BTreeMap::new();
    for label in pairs.iter().map(|pair| &pair.label) {
        *provenance.entry(label.provenance.labeller.clone()).or_insert(0) += 1;
    }
    let labels = Labels { file: spec.labels.clone(), sha256, provenance };
    let meter = Meter::of_pairs(pairs.iter().collect());
    // Of answers that were written or picked by hand, how many are good is the author's choice, and so is every rate.
    let sampled = Meter::of_pairs(pairs.iter().filter(|pair| pair.label.is_sampled()).collect());
    let kappa = meter.of("kappa", |pairs| agreement::kappa(&words(pairs), 2, Weights::Nominal));
    let of = |kind: PassFail| pairs.iter().filter(|pair| pair.label.label == kind).count();
    let both = of(PassFail::Pass) >= LEAST_OF_EACH && of(PassFail::Fail) >= LEAST_OF_EACH;
    let mut certificate = Certificate {
        format: FORMAT,
        suite: plan.spec.suite.clone(),
        judge: judge.client.card().alias.clone(),
        judge_sha256: judge_certified_hash(judge),
        labels,
        calibrated_on: clock.today(),
        n: pairs.len(),
        unscored: unscored.len(),
        agreement: meter.of("agreement", |pairs| agreement::share(&words(pairs))),
        kappa,
        kappa_quadratic: meter
            .of("kappa_quadratic", |pairs| agreement::kappa(&grades(pairs)?, GRADES, Weights::Quadratic)),
        alpha_interval: meter.of("alpha_interval", |pairs| {
            let units: Option<Vec<Vec<f64>>> =
                pairs.iter().map(|pair| Some(vec![pair.label.score?, pair.score])).collect();
            agreement::alpha(&units?, Metric::Interval)
        }),
        sensitivity: sampled.of("sensitivity", |pairs| confusion(pairs).sensitivity()),
        specificity: sampled.of("specificity", |pairs| confusion(pairs).specificity()),
        may_block: false,
    };
    certificate.may_block =
        both && certificate.is_enough() && kappa.is_some_and(|kappa| kappa.ci95[0] >= BLOCKS_FROM);
    let named = |wrong: fn(&Pair) -> bool| -> Vec<String> {
        pairs.iter().filter(|pair| wrong(pair)).map(|pair| pair.label.id.clone()).collect()
    };
    Ok(Calibration {
        too_kind: named(|pair| pair.passed && pair.label.label == PassFail::Fail),
        too_strict: named(|pair| !pair.passed && pair.label.label == PassFail::Pass),
        sampled: sampled.pairs.len(),
        level: level(inputs, suite, judge, &pairs, &sampled.pairs),
        certificate,
        unscored,
    })
}

/// The case of every label: of the suite's own dataset, else of another one of the project. Ids are unique in a dataset only.
pub(super) fn cases(
    inputs: &Inputs,
    suite: &SuiteInputs,
    labels: &[Label],
    file: &str,
) -> Result<Vec<Case>, Vec<Problem>> {
    let own: BTreeMap<&str, &Case> =
        suite.dataset.cases.iter().map(|case| (case.id.as_str(), case)).collect();
    let mut others: BTreeMap<&str, Vec<&Case>> = BTreeMap::new();
    for case in inputs.suites.iter().flat_map(|suite| &suite.dataset.cases) {
        let known = others.entry(case.id.as_str()).or_default();
        if !known.iter().any(|known| known.content_hash() == case.content_hash()) {
            known.push(case);
        }
    }
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    for label in labels {
        let id = label.case_id.as_str();
        let elsewhere = others.get(id).map(Vec::as_slice).unwrap_or_default();
        match own.get(id).or(elsewhere.first()) {
            Some(_) if !own.contains_key(id) && elsewhere.len() > 1 => problems.push(Problem::of_file(
                file,
                format!("label `{}`: several datasets hold a case `{id}`, and they differ", label.id),
            )),
            Some(case) => found.push((*case).clone()),
            None => problems.push(Problem::of_file(
                file,
                format!("label `{}`: no dataset holds the case `{}`", label.id, label.case_id),
            )),
        }
    }
    if problems.is_empty() { Ok(found) } else { Err(problems) }
}

/// Score and verdict of every labelled answer.
async fn ask(judge: &Judge, labels: &[Label], cases: &[Case]) -> Vec<Result<(f64, bool), Unjudged>> {
    let judged = labels.iter().zip(cases).map(|(label, case)| {
        let (judge, case, output) = (judge.clone(), case.clone(), label.output.clone());
        async move {
            let answer = Answer::embedded(output, "");
            let judged = judge.judge(&case, &answer, Stream::Main, false).await;
            judged.map(|result| (result.score, result.passed))
        }
    });
    let panicked = || Err(Unjudged::Unreadable("judging panicked; stderr says where".to_owned()));
    let results = side_by_side(AT_ONCE, judged).await;
    results.into_iter().map(|result| result.unwrap_or_else(panicked)).collect()
}

/// Measures a figure over all pairs, and its interval.
struct Meter<'a> {
    pairs: Vec<&'a Pair>,
    clusters: Vec<usize>,
}

impl<'a> Meter<'a> {
    fn of_pairs(pairs: Vec<&'a Pair>) -> Self {
        let clusters = pairs.iter().map(|pair| pair.cluster).collect();
        Self { pairs, clusters }
    }

    fn of(&self, name: &str, statistic: impl Fn(&[&Pair]) -> Option<f64>) -> Option<Measured> {
        let value = statistic(&self.pairs)?;
        let mut rng = Rng::from_text(&format!("calibrate|{name}"));
        let ci95 = interval95(&self.clusters, RESAMPLES, &mut rng, |items| {
            let some: Vec<&Pair> = items.iter().filter_map(|item| self.pairs.get(*item).copied()).collect();
            statistic(&some)
        })?;
        Some(Measured { value, ci95 })
    }
}

fn label_passes(pair: &Pair) -> bool {
    pair.label.label == PassFail::Pass
}

fn words(pairs: &[&Pair]) -> Vec<(usize, usize)> {
    pairs.iter().map(|pair| (usize::from(label_passes(pair)), usize::from(pair.passed))).collect()
}

fn confusion(pairs: &[&Pair]) -> Confusion {
    Confusion::of(&pairs.iter().map(|pair| (label_passes(pair), pair.passed)).collect::<Vec<_>>())
}

/// Scores as grades; `None` where a label has none.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a score is from 0 to 1")]
fn grades(pairs: &[&Pair]) -> Option<Vec<(usize, usize)>> {
    let grade = |score: f64| (score * (GRADES - 1) as f64).round() as usize;
    pairs.iter().map(|pair| Some((grade(pair.label.score?), grade(pair.score)))).collect()
}

/// The judge's pass rate on the accepted answers, corrected by the sampled labels; nothing without such labels.
fn level(
    inputs: &Inputs,
    suite: &SuiteInputs,
    judge: &Judge,
    pairs: &[Pair],
    sampled: &[&Pair],
) -> Option<Level> {
    if sampled.is_empty() {
        return None;
    }
    let stored = baseline::read(&inputs.root(), &suite.doc.value.suite, &suite.alias).ok()??;
    let labelled = |id: &str| pairs.iter().any(|pair| pair.label.case_id == id);
    let judged: Vec<f64> = stored
        .baseline
        .cases
        .iter()
        .filter(|case| !labelled(&case.id))
        .filter_map(|case| case.samples.first()?.judge.as_ref())
        .map(|word| f64::from(u8::from(word.score >= judge.pass_at)))
        .collect();
    if judged.is_empty() {
        return None;
    }
    let rate = judged.iter().sum::<f64>() / judged.len() as f64;
    let found = confusion(sampled);
    let number = |pass: bool| f64::from(u8::from(pass));
    let both: Vec<(f64, f64)> =
        sampled.iter().map(|pair| (number(label_passes(pair)), number(pair.passed))).collect();
    Some(Level {
        answers: judged.len(),
        judged: rate,
        rogan_gladen: found
            .sensitivity()
            .zip(found.specificity())
            .and_then(|(sensitivity, specificity)| rogan_gladen(rate, sensitivity, specificity)),
        corrected: prediction_powered(&both, &judged).map(|rate| rate.within([0.0, 1.0])),
    })
}
