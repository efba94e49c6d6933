//! Training files from labelled cases: rendered as the task renders them, and held against what is measured.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use super::inputs::{Inputs, SuiteInputs};
use crate::config::Problem;
use crate::dataset::{self, Case, Dataset};
use crate::eval::plan::SuitePlan;
use crate::files::atomic_write;
use crate::finetune::{Example, Format, Kind, leaks, split, stories, words};
use crate::json::{canonical, sha256_hex};
use crate::task::schema::prepare;

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
    /// File name and text; `None` removes what an earlier export left under that name.
    pub files: Vec<(&'static str, Option<String>)>,
    /// Examples to train on, and to validate with.
    pub counts: (usize, usize),
    /// Labels that repeat an earlier one and were left out.
    pub copies: usize,
}

/// Form of the manifest.
const MANIFEST_VERSION: u32 = 1;

/// Problems shown of one kind.
const MOST: usize = 20;

/// Render, check and split. Writes nothing.
///
/// # Errors
/// Cases that a suite measures, or nearly; a suite or dataset that cannot be read, since nothing can be held against it;
/// labels that contradict each other; answers that the output schema refuses; a task of several nodes; a split that leaves
/// one side empty.
pub fn export(inputs: &Inputs, suite: &SuiteInputs, terms: &Terms) -> Result<Export, Vec<Problem>> {
    let plan = inputs.plan(suite)?;
    if !plan.task.upstream().is_empty() {
        return Err(vec![Problem::of_file(
            &suite.doc.file,
            "its task is a graph: a fine-tune trains one prompt",
        )]);
    }
    let labels = Labels::load(inputs, &terms.labels)?;
    answers_fit(&plan, &labels)?;
    let examples = labels.kept().map(|(case, story)| example(&plan, &terms.labels, case, story));
    let examples = examples.collect::<Result<Vec<Example>, Problem>>().map_err(|problem| vec![problem])?;
    let (train, validation) = split(examples, terms.validation_share, terms.seed);
    if train.is_empty() || (validation.is_empty() && terms.validation_share > 0.0) {
        let side = if train.is_empty() { "train on" } else { "validate with" };
        let problem = Problem::of_file(&terms.labels, format!("the split leaves nothing to {side}"));
        return Err(vec![problem.hint(
            "label more stories, or choose another --validation-share (0 leaves validation out) or --seed",
        )]);
    }
    let text =
        |side: &[Example]| side.iter().map(|example| example.line(terms.format) + "\n").collect::<String>();
    let (trains, validates) = (text(&train), text(&validation));
    let side =
        |examples: &[Example], text: &str| json!({ "examples": examples.len(), "sha256": sha256_hex(text) });
    let measured = labels.measured.iter().map(|dataset| (dataset.file.as_str(), dataset.sha256.as_str()));
    let manifest = json!({
        "version": MANIFEST_VERSION,
        "format": match terms.format { Format::Openai => "openai", Format::Bedrock => "bedrock" },
        "suite": plan.spec.suite,
        "task": plan.task.name,
        "prompt": plan.identity.prompt,
        "prompt_sha256": plan.identity.prompt_sha256,
        "labels": { "file": terms.labels, "sha256": labels.dataset.sha256, "copies_left_out": labels.copies },
        "seed": terms.seed,
        "validation_share": terms.validation_share,
        "train": side(&train, &trains),
        "validation": if validation.is_empty() { Value::Null } else { side(&validation, &validates) },
        "held_against": measured.collect::<BTreeMap<_, _>>(),
        "nearly_the_same_from": crate::finetune::leak::NEARLY,
    });
    Ok(Export {
        counts: (train.len(), validation.len()),
        copies: labels.copies,
        files: vec![
            ("train.jsonl", Some(trains)),
            ("validation.jsonl", Some(validates).filter(|text| !text.is_empty())),
            ("manifest.json", Some(format!("{manifest:#}\n"))),
        ],
    })
}

fn example(plan: &SuitePlan, file: &str, case: &Case, story: &str) -> Result<Example, Problem> {
    let request = plan.task.request(plan.model.card(), &plan.model_spec, &case.input_text);
    let request = request.map_err(|message| Problem::of_file(file, message).at_line(case.line))?;
    let prompt =
        request.and_then(|request| request.messages.into_iter().next()).map(|message| message.content);
    let answer = match &case.expected {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Ok(Example { id: case.id.clone(), story: story.to_owned(), prompt: prompt.unwrap_or_default(), answer })
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
    export.files.iter().try_for_each(|(name, text)| match text {
        Some(text) => atomic_write(&folder.join(name), text.as_bytes()).map_err(failed),
        None => match std::fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        },
    })
}

/// Labelled cases that nothing measures.
pub(super) struct Labels {
    pub(super) dataset: Dataset,
    /// Position of the first case that says the same; its own where it is the first. Copies are left out.
    first: Vec<usize>,
    /// Name of each case's story.
    story: Vec<String>,
    /// Cases left out, since they repeat another.
    pub(super) copies: usize,
    /// Datasets of all suites.
    measured: Vec<Dataset>,
}

impl Labels {
    /// Read labels and hold them against each other and against what every suite of the project measures.
    ///
    /// # Errors
    /// As [`export`].
    pub(super) fn load(inputs: &Inputs, file: &str) -> Result<Self, Vec<Problem>> {
        let root = inputs.root();
        let measured = measured(inputs)?;
        let dataset = dataset::load(&root, file)?;
        if let Some(known) = measured.iter().find(|known| known.sha256 == dataset.sha256) {
            let message = if known.file == file {
                "is what a suite measures with: it is never trained on".to_owned()
            } else {
                format!("is {}, which a suite measures with: it is never trained on", known.file)
            };
            let hint = "label other cases: a model that saw these would only look better";
            return Err(vec![Problem::of_file(file, message).hint(hint)]);
        }
        let said: Vec<Vec<String>> = dataset.cases.iter().map(|case| words(&case.input())).collect();
        held_out(&dataset, &said, &measured)?;
        let first = distinct(&dataset, &said)?;
        let clusters: Vec<Option<&str>> = dataset.cases.iter().map(|case| case.cluster.as_deref()).collect();
        let name = |at: usize| {
            dataset.cases.get(at).map(|case| case.cluster.clone().unwrap_or_else(|| case.id.clone()))
        };
        let story = stories(&said, &clusters).into_iter().map(|at| name(at).unwrap_or_default()).collect();
        let copies = first.iter().enumerate().filter(|(at, first)| at != *first).count();
        Ok(Self { first, story, copies, measured, dataset })
    }

    /// Cases to train on, each with its story.
    pub(super) fn kept(&self) -> impl Iterator<Item = (&Case, &str)> {
        let all = self.dataset.cases.iter().zip(&self.story).zip(&self.first).enumerate();
        all.filter(|(at, (_, first))| at == *first).map(|(_, ((case, story), _))| (case, story.as_str()))
    }
}

/// What the suites of the project measure; every one of them, whether it could run here or not.
pub(crate) fn measured(inputs: &Inputs) -> Result<Vec<Dataset>, Vec<Problem>> {
    let Some(project) = inputs.loaded() else { return Err(inputs.problems.clone()) };
    let mut problems = project.suite_problems.clone();
    let files: BTreeSet<&str> = project.suites.iter().map(|doc| doc.value.dataset.as_str()).collect();
    let mut all = Vec::new();
    for file in files {
        match dataset::load(&project.root, file) {
            Ok(dataset) => all.push(dataset),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() {
        return Ok(all);
    }
    let why = "what a suite measures cannot be read, so no label can be held against it";
    problems.insert(0, Problem::of_file("evals", why).hint("mend what follows"));
    Err(problems)
}

/// No example is, or nearly is, a case that a suite measures.
fn held_out(dataset: &Dataset, said: &[Vec<String>], measured: &[Dataset]) -> Result<(), Vec<Problem>> {
    let known: Vec<(&Dataset, &Case)> =
        measured.iter().flat_map(|dataset| dataset.cases.iter().map(move |case| (dataset, case))).collect();
    let known_said: Vec<Vec<String>> = known.iter().map(|(_, case)| words(&case.input())).collect();
    let mut problems = Vec::new();
    for leak in leaks(said, &known_said) {
        let (Some(case), Some((of, known))) = (dataset.cases.get(leak.example), known.get(leak.other)) else {
            continue;
        };
        let how = match leak.kind {
            Kind::Same => "says the same as".to_owned(),
            Kind::Nearly(share) => format!("is nearly ({:.0}% of its word triples)", 100.0 * share),
        };
        let message = format!("case `{}` {how} case `{}` of {}:{}", case.id, known.id, of.file, known.line);
        problems.push(Problem::of_file(&dataset.file, message).at_line(case.line));
    }
    let ids: BTreeMap<&str, (&Dataset, &Case)> =
        known.iter().rev().map(|(of, case)| (case.id.as_str(), (*of, *case))).collect();
    for case in &dataset.cases {
        if let Some((of, known)) = ids.get(case.id.as_str()) {
            let message =
                format!("case `{}` has the id of a measured case ({}:{})", case.id, of.file, known.line);
            problems.push(Problem::of_file(&dataset.file, message).at_line(case.line));
        }
    }
    few(problems, "take it out: what is measured is never trained on")
}

/// The first case that says what each says.
///
/// # Errors
/// Two cases that say the same and are to be answered differently: a model would be taught both.
fn distinct(dataset: &Dataset, said: &[Vec<String>]) -> Result<Vec<usize>, Vec<Problem>> {
    let mut firsts: BTreeMap<&[String], usize> = BTreeMap::new();
    let mut problems = Vec::new();
    let mut first = Vec::new();
    for (at, (case, words)) in dataset.cases.iter().zip(said).enumerate() {
        let before = *firsts.entry(words).or_insert(at);
        first.push(before);
        let Some(other) = dataset.cases.get(before) else { continue };
        if canonical(&case.expected) != canonical(&other.expected) {
            let message = format!(
                "case `{}` says the same as case `{}` (line {}) and is to be answered differently",
                case.id, other.id, other.line
            );
            problems.push(Problem::of_file(&dataset.file, message).at_line(case.line));
        }
    }
    few(problems, "decide which of the two is right").map(|()| first)
}

/// Labels are written as answers: what the output schema refuses is none.
pub(super) fn answers_fit(plan: &SuitePlan, labels: &Labels) -> Result<(), Vec<Problem>> {
    let Some(schema) = &plan.task.output_schema else { return Ok(()) };
    let validator = prepare(schema).map_err(|error| {
        let message = format!("the output schema of task `{}` cannot be used: {error}", plan.task.name);
        vec![Problem::of_file("config/prompt_graph.yml", message)]
    })?;
    let file = &labels.dataset.file;
    let problems = labels.dataset.cases.iter().filter_map(|case| {
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
