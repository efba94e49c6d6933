//! The knowledge base of a project: searched, measured, and held against what answers made of it.

use super::inputs::{Inputs, SuiteInputs};
use super::runs;
use crate::config::Problem;
use crate::config::text::read_text;
use crate::eval::record::CaseRecord;
use crate::json::resolve;
use crate::kb::context::Retriever;
use crate::kb::explanation::{Cause, Explained, Explanation};
use crate::kb::metrics::recall_at;
use crate::kb::questions::{Measured, Question, Split, flaws, measure, parse, places};

/// The knowledge base, and what is wrong with single documents.
///
/// # Errors
/// The project does not load.
pub fn load(inputs: &Inputs) -> Result<(Retriever, Vec<Problem>), Vec<Problem>> {
    let project = inputs.loaded().ok_or_else(|| inputs.problems.clone())?;
    Ok(Retriever::load(&project.root, &project.kb.value))
}

/// Measure retrieval over the project's questions of one split, or of all; `min_score` and the file of questions (relative
/// to the root) instead of the configured ones.
///
/// # Errors
/// Problems of the questions.
pub fn evaluate(
    inputs: &Inputs,
    retriever: &Retriever,
    split: Option<Split>,
    (min_score, questions): (Option<f64>, Option<&str>),
) -> Result<Measured, Vec<Problem>> {
    let project = inputs.loaded().ok_or_else(|| inputs.problems.clone())?;
    let spec = &project.kb.value;
    let questions = questions.unwrap_or(&spec.questions);
    let text = read_text(&project.root, questions).map_err(|problem| vec![problem])?;
    let text = text.ok_or_else(|| {
        let problem = Problem::of_file(questions, "cannot be read: there is no such file");
        vec![problem.hint("write questions with the places that answer them; docs/kb.md has the form")]
    })?;
    let all = parse(questions, &text, &retriever.kb)?;
    let chosen: Vec<&Question> = all.iter().filter(|q| split.is_none_or(|split| q.split == split)).collect();
    if chosen.is_empty() {
        return Err(vec![Problem::of_file(questions, "has no question of this split")]);
    }
    Ok(measure(&retriever.kb, &chosen, min_score.unwrap_or(spec.min_score), spec.passages))
}

/// Tell apart what retrieval missed and what the model ignored: in the newest run of the suite with the present prompt,
/// cases and knowledge base. A case names the places that it needs (groups of them) at `pointer` in its `expected`.
///
/// # Errors
/// A task without knowledge base; no such run; cases that name no places, or in another form.
pub fn explain(inputs: &Inputs, suite: &SuiteInputs, pointer: &str) -> Result<Explanation, Vec<Problem>> {
    let plan = inputs.plan(suite)?;
    let Some(retriever) = &plan.task.kb else {
        let problem = Problem::of_file(&suite.doc.file, "no prompt of its task has `{kb_context}`");
        return Err(vec![problem.hint("put `{kb_context}` where the passages belong; see docs/kb.md")]);
    };
    let holds = |record: &crate::eval::record::SuiteRecord| {
        record.suite == plan.spec.suite
            && record.model.alias == plan.alias
            && record.identity.prompt_sha256 == plan.identity.prompt_sha256
            && record.identity.dataset_sha256 == plan.identity.dataset_sha256
            && record.identity.kb_sha256 == plan.identity.kb_sha256
    };
    let run = runs::newest(&runs::folder(inputs), |report| report.run.suites.iter().any(holds));
    let found = run.as_ref().and_then(|run| Some((run, run.run.suites.iter().find(|record| holds(record))?)));
    let Some((run, record)) = found else {
        let message = "no stored run with the present prompt, cases and knowledge base";
        let command = format!("make one: llmx eval {} --model {}", plan.spec.suite, plan.alias);
        return Err(vec![Problem::of_file(&suite.doc.file, message).hint(command)]);
    };
    let known = places(&retriever.kb);
    let (mut cases, mut problems) = (Vec::new(), Vec::new());
    for answered in &record.cases {
        let Some((_, case)) = plan.case(&answered.id) else { continue };
        let Some(named) = resolve(&case.expected, pointer).first().copied() else { continue };
        let Ok(needs) = serde_json::from_value::<Vec<Vec<String>>>(named.clone()) else {
            let message = format!(
                "case `{}`: expected lists of places at `expected{pointer}`, such as [[\"KB-01#3.1\"]]",
                case.id
            );
            problems.push(Problem::of_file(&plan.dataset.file, message).at_line(case.line));
            continue;
        };
        let flaws = flaws(&known, &needs);
        if !flaws.is_empty() {
            let said = flaws.into_iter().map(|flaw| {
                let message = format!("case `{}` {flaw}", case.id);
                Problem::of_file(&plan.dataset.file, message).at_line(case.line)
            });
            problems.extend(said);
            continue;
        }
        let Some(passed) = passed(answered) else { continue };
        let found = retriever.for_input(&case.input_text);
        let places = found.places();
        let whole = recall_at(&places, &needs, places.len()) >= 1.0;
        let cause = Cause::of(passed, whole);
        let found = places.into_iter().map(str::to_owned).collect();
        cases.push(Explained { case: case.id.clone(), cause, needs, found });
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    if cases.is_empty() {
        let message = format!("no measured case names places at `expected{pointer}`");
        return Err(vec![
            Problem::of_file(&plan.dataset.file, message).hint("name the pointer with --cites"),
        ]);
    }
    let (suite, model) = (plan.spec.suite.clone(), plan.alias.clone());
    Ok(Explanation { run: run.run.run_id.clone(), suite, model, cases })
}

/// The first answer's result; none where nothing was measured.
fn passed(case: &CaseRecord) -> Option<bool> {
    case.samples.iter().find_map(|sample| sample.scores()).map(|scores| scores.passed)
}
