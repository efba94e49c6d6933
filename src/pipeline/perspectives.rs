//! Ask every role and the synthesis about a suite's cases, and hold the whole against the best role at equal cost.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::inputs::{Inputs, SuiteInputs};
use super::observe::higher_is_better;
use super::{block_on, money, side_by_side};
use crate::config::perspectives::FILE;
use crate::config::suite::{JUDGE_MEAN, PASS_RATE};
use crate::config::{Problem, did_you_mean};
use crate::dataset::Case;
use crate::eval::plan::SuitePlan;
use crate::eval::record::Identity;
use crate::eval::run::{self, Reach};
use crate::eval::score::Measured;
use crate::eval::walk::{self, Step};
use crate::files::atomic_write;
use crate::llm::{Answer, Stream};
use crate::perspectives::{Answered, Assessment, CaseSeen, assess, best_role};

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Perspectives {
    /// The suite.
    pub suite: String,
    /// Alias of the model of the run.
    pub model: String,
    /// What the models say they are.
    pub declares: BTreeSet<String>,
    /// What the task's own prompt and the cases are.
    pub identity: Identity,
    /// The metric that is compared.
    pub metric: String,
    /// A small value of it is good: of the figures, all as measured, a negative lift is a gain.
    pub lower_is_better: bool,
    /// Calls for one case: every role, and the synthesis.
    pub calls: usize,
    /// A lift below it is not worth them.
    pub margin: f64,
    /// Cases that were compared.
    pub cases: usize,
    /// Cases without an answer, and why.
    pub missing: Vec<(String, String)>,
    /// Cases about which the metric says nothing.
    pub not_applicable: usize,
    /// None where no case was measured, or no role was asked about all that were.
    pub assessment: Option<Assessment>,
    /// The models are embedded: roles and synthesis are rules and only illustrate.
    pub illustrative: bool,
}

/// Ask and compare. What is recorded is not asked again.
///
/// # Errors
/// Problems of the suite's inputs; a task without roles; a suite whose primary metric is a judge's.
pub fn compare(inputs: &Inputs, suite: &SuiteInputs) -> Result<Perspectives, Vec<Problem>> {
    let plan = plan(inputs, suite)?;
    let own = inputs.plan(suite)?;
    let metric = plan.spec.gate.primary.clone();
    if metric == JUDGE_MEAN {
        let message = "perspectives are compared by checks: the primary metric is a judge's";
        return Err(vec![Problem::of_file(&suite.doc.file, message)]);
    }
    money::open_account_of(inputs, &plan).map_err(|problem| vec![problem])?;
    let failed = |message| vec![Problem::of_file(&suite.doc.file, message)];
    let at_once = inputs.settings.concurrency;
    let cases = 0..plan.dataset.cases.len();
    let first =
        block_on(side_by_side(at_once, cases.map(|at| read(Arc::clone(&plan), Arc::clone(&own), at))))
            .map_err(failed)?;
    let (mut seen, mut missing, mut not_applicable) = (Vec::new(), Vec::new(), 0);
    for (case, outcome) in plan.dataset.cases.iter().zip(first) {
        match outcome.unwrap_or_else(|| Err("evaluating this case panicked; stderr says where".to_owned())) {
            Ok(Some(found)) => seen.push(found),
            Ok(None) => not_applicable += 1,
            Err(why) => missing.push((case.id.clone(), why)),
        }
    }
    let names: Vec<String> = plan.task.upstream().iter().map(|node| node.name.clone()).collect();
    let calls = names.len() + 1;
    let best = best_role(&seen, names.len());
    let mut failed_draws: Vec<(usize, String)> = Vec::new();
    if let Some(best) = best.filter(|_| !plan.deterministic()) {
        // The best role, asked as often as the whole costs calls.
        let wanted: Vec<(usize, u32)> = (0..seen.len())
            .flat_map(|at| (1..u32::try_from(calls).unwrap_or(1)).map(move |index| (at, index)))
            .collect();
        let position =
            |at: usize| seen.get(at).and_then(|case| plan.case(&case.id)).map_or(0, |(position, _)| position);
        let draws = wanted.iter().map(|(at, index)| again(Arc::clone(&plan), position(*at), best, *index));
        let drawn = block_on(side_by_side(at_once, draws)).map_err(failed)?;
        for ((at, _), outcome) in wanted.iter().zip(drawn) {
            let draws = seen.get_mut(*at).and_then(|case| case.roles.get_mut(best));
            match (draws, outcome) {
                (Some(draws), Some(Ok(answered))) => draws.push(answered),
                (_, outcome) => {
                    let why =
                        outcome.and_then(Result::err).unwrap_or_else(|| "evaluating it panicked".to_owned());
                    failed_draws.push((*at, why));
                }
            }
        }
    }
    // At equal cost, or not at all: a case without all its draws is left out.
    failed_draws.sort_by_key(|(at, _)| *at);
    failed_draws.dedup_by_key(|(at, _)| *at);
    for (at, why) in failed_draws.into_iter().rev() {
        let case = seen.remove(at);
        missing.push((case.id, format!("a further draw of the best role: {why}")));
    }
    let margin = plan.spec.gate.margin;
    let assessment = best.and_then(|best| assess(&names, &seen, margin, best));
    let lower_is_better = plan.spec.lower_is_better().contains(&metric);
    Ok(Perspectives {
        suite: plan.spec.suite.clone(),
        model: plan.alias.clone(),
        declares: plan.answerers().map(|client| client.card().declares.clone()).collect(),
        identity: own.identity.clone(),
        lower_is_better,
        metric,
        calls,
        margin,
        cases: seen.len(),
        missing,
        not_applicable,
        assessment: assessment.map(|found| if lower_is_better { found.measured() } else { found }),
        illustrative: plan.is_embedded(),
    })
}

/// The suite's plan with the roles as its graph; its judge is not asked.
fn plan(inputs: &Inputs, suite: &SuiteInputs) -> Result<Arc<SuitePlan>, Vec<Problem>> {
    let spec = &suite.doc.value;
    let project = inputs.loaded().ok_or_else(|| inputs.problems.clone())?;
    let all = &project.perspectives.value.perspectives;
    let found =
        spec.task.as_ref().and_then(|task| Some((all.get(task)?, project.graph.value.tasks.get(task)?)));
    let Some((roles, task)) = found else {
        let name = spec.task.as_deref().unwrap_or("(none)");
        let mut problem =
            Problem::of_file(FILE, format!("the task `{name}` of suite `{}` has no roles here", spec.suite));
        problem.hint = did_you_mean(name, all.keys().map(String::as_str));
        return Err(vec![problem]);
    };
    let mut plan = inputs.plan_as(suite, &roles.as_task(task))?;
    if let Some(node) = plan.task.upstream().iter().find(|node| !node.reads.is_empty()) {
        let message =
            format!("the role `{}` reads {}: roles read the case apart", node.name, node.reads.join(", "));
        return Err(vec![Problem::of_file(FILE, message)]);
    }
    plan.judge = None;
    Ok(Arc::new(plan))
}

/// One case, read by everybody; nothing where the metric says nothing about it.
async fn read(
    plan: Arc<SuitePlan>,
    own: Arc<SuitePlan>,
    position: usize,
) -> Result<Option<CaseSeen>, String> {
    let case = plan.dataset.cases.get(position).ok_or("no such case")?;
    let walked = walk::upstream(&plan, case, Stream::Main, 0, Reach::Run).await;
    walked.answers()?;
    // What was just asked comes from the recordings.
    let joined = run::answer(&plan, case, 0).await?;
    let measured = run::check(&plan, case, &joined, Reach::Run).await?;
    let Some(synthesis) = answered(&plan, &joined, &measured) else { return Ok(None) };
    let mut roles = Vec::new();
    for step in &walked.steps {
        roles.push(match &step.answer {
            Ok(Some(answer)) => vec![scored(&plan, case, answer).await?],
            Ok(None) | Err(_) => Vec::new(),
        });
    }
    let own = match run::answer(&own, case, 0).await {
        Ok(answer) => scored(&plan, case, &answer).await.ok().map(|answered| answered.score),
        Err(_) => None,
    };
    Ok(Some(CaseSeen {
        id: case.id.clone(),
        cluster: case.cluster.clone(),
        label: measured.confusion.map(|pair| pair.expected),
        expected: measured.sets.map(|pair| pair.expected).unwrap_or_default(),
        roles,
        synthesis,
        own,
    }))
}

/// A further draw of one role.
async fn again(plan: Arc<SuitePlan>, position: usize, role: usize, index: u32) -> Result<Answered, String> {
    let case = plan.dataset.cases.get(position).ok_or("no such case")?;
    let node = plan.task.upstream().get(role).ok_or("no such role")?;
    let Step { answer, .. } = walk::alone(&plan, case, node, index, Reach::Run).await;
    let answer = answer?.ok_or("not asked")?;
    scored(&plan, case, &answer).await
}

/// How an answer does by the suite's checks.
async fn scored(plan: &SuitePlan, case: &Case, answer: &Answer) -> Result<Answered, String> {
    let measured = run::check(plan, case, answer, Reach::Run).await?;
    let name = plan.spec.gate.primary.as_str();
    answered(plan, answer, &measured).ok_or_else(|| format!("`{name}` says nothing about this answer"))
}

/// The same of an answer that was checked; nothing where the metric says nothing about it.
fn answered(plan: &SuitePlan, answer: &Answer, measured: &Measured) -> Option<Answered> {
    let score = match plan.spec.gate.primary.as_str() {
        PASS_RATE => f64::from(u8::from(measured.checks.iter().all(|check| check.passed))),
        name => higher_is_better(plan, name, *measured.metrics.get(name)?),
    };
    let label = measured.confusion.as_ref().and_then(|pair| pair.found.clone());
    let found = measured.sets.as_ref().map(|pair| pair.found.clone());
    Some(Answered { score, label, found, text: answer.text.clone() })
}

/// Keep the report as `perspectives/<suite>.<model>.json` below the reports; returns the file.
///
/// # Errors
/// It cannot be written.
pub fn keep(inputs: &Inputs, found: &Perspectives) -> Result<PathBuf, Problem> {
    let folder = inputs.root().join(&inputs.settings.reports_dir).join("perspectives");
    let file = folder.join(format!("{}.{}.json", found.suite, found.model));
    let failed = |error: std::io::Error| {
        Problem::of_file(file.display().to_string(), format!("cannot be written: {error}"))
    };
    std::fs::create_dir_all(&folder).map_err(failed)?;
    atomic_write(&file, format!("{:#}\n", as_json(found)).as_bytes()).map_err(failed)?;
    Ok(file)
}

/// Form of the report. Since 2 its figures are as measured; before, those of a metric where less is better were `1 - x`.
const FORMAT: u32 = 2;

/// The assessment and what it is about, as JSON.
#[must_use]
pub fn as_json(found: &Perspectives) -> serde_json::Value {
    serde_json::json!({
        "format": FORMAT,
        "suite": found.suite,
        "model": found.model,
        "declares": found.declares,
        "identity": found.identity,
        "illustrative": found.illustrative,
        "metric": found.metric,
        "lower_is_better": found.lower_is_better,
        "calls_per_case": found.calls,
        "margin": found.margin,
        "cases": found.cases,
        "missing": found.missing.iter().cloned().collect::<BTreeMap<_, _>>(),
        "not_applicable": found.not_applicable,
        "assessment": found.assessment,
    })
}
