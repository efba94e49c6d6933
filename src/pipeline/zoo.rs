//! Run one suite over several models, and compare them. One account of money, the run's mode, recordings like any run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::inputs::{Inputs, SuiteInputs};
use super::{block_on, money, side_by_side};
use crate::config::models::ProviderKind;
use crate::config::suite::JUDGE_MEAN;
use crate::config::{Problem, did_you_mean};
use crate::eval::judge::certificate;
use crate::eval::plan::{SuitePlan, judge_certified_hash};
use crate::eval::record::SampleOutcome;
use crate::eval::run::{self, Reach, Sampled};
use crate::files::atomic_write;
use crate::llm::Stream;
use crate::report::words::count;
use crate::report::zoo::{html, markdown};
use crate::zoo::{Answered, CaseKnown, Field, ModelSeen, Scored, Terms, Zoo, assess};

/// What is asked besides the suite and its models.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// A metric instead of the gate's primary one.
    pub metric: Option<String>,
    /// A margin instead of the gate's.
    pub margin: Option<f64>,
}

/// Called for every answer.
pub type OnAnswer = Arc<dyn Fn() + Send + Sync>;

/// Ask every model of `suites`, entries of one suite, about every case, and compare. What is recorded is not asked again.
///
/// # Errors
/// Problems of the suite's inputs; fewer than two models; an unknown metric; a judge that may not decide.
pub fn compare(
    inputs: &Inputs,
    suites: &[&SuiteInputs],
    wish: &Wish,
    on_answer: &OnAnswer,
) -> Result<Zoo, Vec<Problem>> {
    let plans: Vec<Arc<SuitePlan>> =
        suites.iter().map(|suite| inputs.plan(suite)).collect::<Result<_, _>>()?;
    let Some((suite, plan)) = suites.first().zip(plans.first()).filter(|_| plans.len() > 1) else {
        let problem = Problem::of_file("command line", "expected at least two models to compare");
        return Err(vec![problem.hint("name them with --models A,B or in the suite's `models`")]);
    };
    let failed = |message| vec![Problem::of_file(&suite.doc.file, message)];
    let spec = &plan.spec;
    let metric = wish.metric.clone().unwrap_or_else(|| spec.gate.primary.clone());
    may_decide(inputs, plan, &metric).map_err(|problem| vec![problem])?;
    money::open_account(inputs, suites.iter().copied()).map_err(|problem| vec![problem])?;
    // Case by case, not model by model: when the money ends, it ends for all of them on the same cases.
    let samples = inputs.settings.samples.max(1);
    let of = |plan: &SuitePlan| if plan.deterministic() { 1 } else { samples };
    let wanted: Vec<(usize, usize, u32)> = (0..plan.dataset.cases.len())
        .flat_map(|case| plans.iter().enumerate().map(move |(model, plan)| (case, model, plan)))
        .flat_map(|(case, model, plan)| (0..of(plan)).map(move |index| (case, model, index)))
        .collect();
    let asked = wanted.iter().filter_map(|(case, model, index)| {
        let plan = plans.get(*model)?;
        let place = (*case, *index);
        Some(ask(Arc::clone(plan), place, metric == JUDGE_MEAN, Arc::clone(on_answer)))
    });
    let answers = block_on(side_by_side(inputs.settings.concurrency, asked)).map_err(failed)?;
    let mut models: Vec<ModelSeen> = plans.iter().map(|plan| seen(plan)).collect();
    let mut judge_missing: Vec<String> = Vec::new();
    for ((case, model, _), answer) in wanted.iter().zip(answers) {
        let Some(model) = models.get_mut(*model) else { continue };
        let (answer, why) = answer.unwrap_or_else(|| {
            let reason = "evaluating this case panicked; stderr says where".to_owned();
            let answer =
                Answered::Missing { kind: "panicked".to_owned(), reason, usd: None, latency_ms: None };
            (answer, None)
        });
        judge_missing.extend(why.map(|why| format!("{}: {why}", model.alias)));
        if let Some(slot) = model.cases.get_mut(*case) {
            slot.push(answer);
        }
    }
    let record = plan.record(Vec::new());
    let field = Field {
        suite: spec.suite.clone(),
        prompt: plan.identity.prompt.clone(),
        dataset: plan.identity.dataset.clone(),
        metric,
        metrics: record.metrics.into_iter().map(|metric| (metric.name, metric.lower_is_better)).collect(),
        slices: record.slice_names,
        samples,
        cases: plan
            .dataset
            .cases
            .iter()
            .map(|case| CaseKnown {
                id: case.id.clone(),
                cluster: case.cluster.clone(),
                slices: case.slices.clone(),
            })
            .collect(),
        models,
        notes: inputs
            .hub
            .halt()
            .cause()
            .map(ToString::to_string)
            .into_iter()
            .chain(notes(plan, &judge_missing))
            .collect(),
    };
    let gate = &spec.gate;
    let margin = wish.margin.unwrap_or(gate.margin);
    // A model that lost answers to an early end is left out, however few they are.
    let max_missing = if inputs.hub.halt().is_set() { 0.0 } else { gate.max_missing };
    Ok(assess(&field, Terms { margin, alpha: gate.alpha, max_missing }))
}

/// The metric exists, and where it is a judge's, the judge may decide.
fn may_decide(inputs: &Inputs, plan: &SuitePlan, metric: &str) -> Result<(), Problem> {
    let names = plan.spec.metric_names();
    if !names.iter().any(|name| name == metric) {
        let message = format!("no metric is called `{metric}`, expected one of: {}", names.join(", "));
        let mut problem = Problem::of_file("command line", message);
        problem.hint = did_you_mean(metric, names.iter().map(String::as_str));
        return Err(problem);
    }
    let Some(judge) = plan.judge.as_ref().filter(|_| metric == JUDGE_MEAN) else { return Ok(()) };
    let labels = plan.spec.judge.as_ref().map_or("", |judge| judge.labels.as_str());
    match certificate::why_not(&inputs.root(), &plan.spec.suite, labels, &judge_certified_hash(judge))? {
        Some(why) => Err(Problem::of_file("command line", format!("the judge may not decide: {why}"))),
        None => Ok(()),
    }
}

fn notes(plan: &SuitePlan, judge_missing: &[String]) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(judge_missing.first().map(|first| {
        let answers = count(judge_missing.len(), "answer");
        format!("the judge gave no score for {answers}: {JUDGE_MEAN} is not measured there (first: {first})")
    }));
    notes
        .extend(plan.judge_informs.as_ref().map(|why| format!("the judge informs and fails nothing: {why}")));
    if plan.judge.is_some() {
        notes.push("costs and latencies are the models' own; the judge's are not in them".to_owned());
    }
    if !plan.others.is_empty() {
        let others: Vec<&str> = plan.others.keys().map(String::as_str).collect();
        notes.push(format!("steps of the task insist on {}: with every model", others.join(", ")));
    }
    notes
}

fn seen(plan: &SuitePlan) -> ModelSeen {
    let card = plan.model.card();
    ModelSeen {
        alias: plan.alias.clone(),
        declares: card.declares.clone(),
        embedded: card.embedded,
        rules: card.provider == ProviderKind::Reference,
        cases: vec![Vec::new(); plan.dataset.cases.len()],
    }
}

/// The outcome of one request, and why a judge that only informs gave its answer no score.
async fn ask(
    plan: Arc<SuitePlan>,
    (position, index): (usize, u32),
    by_judge: bool,
    on_answer: OnAnswer,
) -> (Answered, Option<String>) {
    let Some(case) = plan.dataset.cases.get(position) else {
        let (kind, reason) = ("no such case".to_owned(), String::new());
        return (Answered::Missing { kind, reason, usd: None, latency_ms: None }, None);
    };
    let sampled = run::sample_at_todays_prices(&plan, case, Stream::Main, index, Reach::Run).await;
    on_answer();
    let judge_missing = sampled.record.scores().and_then(|scores| scores.judge_missing.clone());
    (answered(sampled, by_judge), judge_missing)
}

/// `by_judge`: the metric that decides is the judge's.
fn answered(sampled: Sampled, by_judge: bool) -> Answered {
    let Sampled { record, kind, usd_today: usd } = sampled;
    let latency_ms = record.answer().and_then(|answer| answer.latency_ms);
    let missing = |kind: &str, reason| Answered::Missing { kind: kind.to_owned(), reason, usd, latency_ms };
    match record.outcome {
        SampleOutcome::Scored { answer, scores } => match scores.judge_missing {
            Some(why) if by_judge => missing("not judged", why),
            _ => {
                let cut = answer.finish_reason.cut().map(str::to_owned);
                Answered::Scored(Scored { metrics: scores.metrics, usd, latency_ms, cut })
            }
        },
        SampleOutcome::NotMeasured { reason, .. } => missing(kind.unwrap_or("not measured"), reason),
    }
}

/// Where the reports of a suite's comparison stand.
#[must_use]
pub fn folder(inputs: &Inputs) -> PathBuf {
    inputs.root().join(&inputs.settings.reports_dir).join("zoo")
}

/// Write the comparison as JSON, Markdown and HTML.
///
/// # Errors
/// The first file that could not be written.
pub fn write(folder: &Path, zoo: &Zoo) -> std::io::Result<()> {
    let file = |extension: &str| folder.join(format!("{}.{extension}", zoo.suite));
    let mut json = serde_json::to_vec_pretty(zoo)?;
    json.push(b'\n');
    atomic_write(&file("json"), &json)?;
    atomic_write(&file("md"), markdown(zoo).as_bytes())?;
    atomic_write(&file("html"), html(zoo).as_bytes())
}
