//! Training files from labelled cases: rendered as the task renders them, and held against what is measured.

use std::path::Path;

use serde_json::{Value, json};

use super::inputs::{Inputs, SuiteInputs};
use crate::config::Problem;
use crate::dataset::{self, Case};
use crate::eval::plan::SuitePlan;
use crate::files::atomic_write;
use crate::finetune::{Example, Format, Kind, Text, leaks, split};
use crate::json::sha256_hex;

/// What is to be exported.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Labelled cases, relative to the project root.
    pub labels: String,
    /// The provider's form.
    pub format: Format,
    /// Share of the stories that validate.
    pub validation_share: f64,
    /// Decides which.
    pub seed: u64,
}

/// Training files, not yet written.
pub struct Export {
    /// File name and text.
    pub files: Vec<(String, String)>,
    /// Examples to train on, and to validate with.
    pub counts: (usize, usize),
}

/// Problems shown of one kind.
const MOST: usize = 20;

/// Render, check and split. Writes nothing.
///
/// # Errors
/// Cases that a suite measures, or nearly; answers that the output schema refuses; a task of several nodes.
pub fn export(inputs: &Inputs, suite: &SuiteInputs, terms: &Terms) -> Result<Export, Vec<Problem>> {
    let plan = inputs.plan(suite)?;
    let root = inputs.root();
    let labels = &terms.labels;
    if let Some(measured) = inputs.suites.iter().find(|known| known.dataset.file == *labels) {
        let name = &measured.doc.value.suite;
        let problem =
            Problem::of_file(labels, format!("is what suite `{name}` measures with: it is never trained on"));
        return Err(vec![problem.hint("label other cases: a model that saw these would only look better")]);
    }
    if !plan.task.upstream().is_empty() {
        return Err(vec![Problem::of_file(
            &suite.doc.file,
            "its task is a graph: a fine-tune trains one prompt",
        )]);
    }
    let cases = dataset::load(&root, labels)?.cases;
    held_out(inputs, labels, &cases)?;
    answers_fit(&plan, labels, &cases)?;
    let example = |case: &Case| -> Result<Example, Vec<Problem>> {
        let request = plan.task.request(plan.model.card(), &plan.model_spec, &case.input_text);
        let failed = |message: String| vec![Problem::of_file(labels, message).at_line(case.line)];
        let request = request.map_err(failed)?;
        let prompt =
            request.and_then(|request| request.messages.into_iter().next()).map(|message| message.content);
        let answer = match &case.expected {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let (id, cluster) = (case.id.clone(), case.cluster.clone());
        Ok(Example { id, cluster, prompt: prompt.unwrap_or_default(), answer })
    };
    let examples = cases.iter().map(example).collect::<Result<Vec<Example>, _>>()?;
    let (train, validation) = split(examples, terms.validation_share, terms.seed);
    if train.is_empty() {
        return Err(vec![Problem::of_file(labels, "the validation share leaves nothing to train on")]);
    }
    let text =
        |side: &[Example]| side.iter().map(|example| example.line(terms.format) + "\n").collect::<String>();
    let (trains, validates) = (text(&train), text(&validation));
    let manifest = json!({
        "suite": plan.spec.suite,
        "task": plan.task.name,
        "prompt": plan.identity.prompt,
        "prompt_sha256": plan.identity.prompt_sha256,
        "labels": labels,
        "seed": terms.seed,
        "validation_share": terms.validation_share,
        "train": { "examples": train.len(), "sha256": sha256_hex(&trains) },
        "validation": { "examples": validation.len(), "sha256": sha256_hex(&validates) },
        "held_against": inputs.suites.iter().map(|suite| suite.dataset.file.as_str()).collect::<std::collections::BTreeSet<_>>(),
    });
    Ok(Export {
        counts: (train.len(), validation.len()),
        files: vec![
            ("train.jsonl".to_owned(), trains),
            ("validation.jsonl".to_owned(), validates),
            ("manifest.json".to_owned(), format!("{manifest:#}\n")),
        ],
    })
}

/// Write the files into a folder; the manifest last, so that it never stands beside half of what it names.
///
/// # Errors
/// A file that cannot be written.
pub fn write(folder: &Path, export: &Export) -> Result<(), Problem> {
    let failed = |error: std::io::Error| {
        Problem::of_file(folder.display().to_string(), format!("cannot be written: {error}"))
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    export
        .files
        .iter()
        .try_for_each(|(name, text)| atomic_write(&folder.join(name), text.as_bytes()).map_err(failed))
}

/// No example is, or nearly is, a case that a suite measures.
fn held_out(inputs: &Inputs, file: &str, cases: &[Case]) -> Result<(), Vec<Problem>> {
    let text = |file: &str, case: &Case| Text {
        place: format!("{file}:{}", case.line),
        id: case.id.clone(),
        text: case.input_text.clone(),
    };
    let examples: Vec<Text> = cases.iter().map(|case| text(file, case)).collect();
    let mut measured: Vec<Text> = Vec::new();
    for suite in &inputs.suites {
        let all = suite.dataset.cases.iter().map(|case| text(&suite.dataset.file, case));
        measured.extend(all);
    }
    measured.sort_by(|a, b| a.place.cmp(&b.place));
    measured.dedup_by(|a, b| a.place == b.place);
    let mut problems = Vec::new();
    for leak in leaks(&examples, &measured) {
        let (Some(case), Some(known)) = (cases.get(leak.example), measured.get(leak.measured)) else {
            continue;
        };
        let how = match leak.kind {
            Kind::Same => "says the same as".to_owned(),
            Kind::Nearly(share) => format!("is nearly ({:.0}% of its word triples)", 100.0 * share),
        };
        let message = format!("case `{}` {how} case `{}` of {}", case.id, known.id, known.place);
        problems.push(Problem::of_file(file, message).at_line(case.line));
    }
    for case in cases {
        if let Some(known) = measured.iter().find(|known| known.id == case.id) {
            let message = format!("case `{}` has the id of a measured case ({})", case.id, known.place);
            problems.push(Problem::of_file(file, message).at_line(case.line));
        }
    }
    few(problems, "take it out: what is measured is never trained on")
}

/// Labels are written as answers: what the output schema refuses is none.
fn answers_fit(plan: &SuitePlan, file: &str, cases: &[Case]) -> Result<(), Vec<Problem>> {
    let Some(schema) = &plan.task.output_schema else { return Ok(()) };
    let Ok(validator) = jsonschema::validator_for(schema) else { return Ok(()) };
    let problems = cases.iter().filter_map(|case| {
        let error = validator.iter_errors(&case.expected).next()?;
        let place = error.instance_path().to_string();
        let message = format!("case `{}`: `expected{place}` is no answer: {error}", case.id);
        Some(Problem::of_file(file, message).at_line(case.line))
    });
    few(problems.collect(), "write `expected` as the model should answer, in the task's output schema")
}

/// The first problems, and how many there are.
fn few(mut problems: Vec<Problem>, hint: &str) -> Result<(), Vec<Problem>> {
    let more = problems.len().saturating_sub(MOST);
    problems.truncate(MOST);
    let Some(last) = problems.pop() else { return Ok(()) };
    let hint = if more > 0 { format!("{hint} ({more} more are alike)") } else { hint.to_owned() };
    problems.push(last.hint(hint));
    Err(problems)
}
