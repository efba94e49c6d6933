//! Candidate cases out of a task's sample, for people to label.
//!
//! A candidate is no case yet: nobody has said what is right. It carries what was answered and what checks and judge made
//! of it, and leaves out what a suite measures already.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::marks::{Marked, Marking, name, sample, shuffled};
use super::sampled::Sampled;
use crate::config::Problem;
use crate::eval::run::Reach;
use crate::finetune::{leaks, words};
use crate::llm::Stream;
use crate::pipeline::finetune::measured;
use crate::pipeline::{Inputs, block_on};

/// Which requests are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// Each with the same chance: what they show is what is served.
    Random,
    /// Refused ones first, then those that fail a check, by the judge's score, repaired ones, all others.
    Worst,
}

/// What is wanted.
#[derive(Debug, Clone)]
pub struct Terms {
    /// First and last day, `YYYY-MM-DD`, both included.
    pub days: (String, String),
    /// How many, at most.
    pub most: usize,
    /// Which.
    pub pick: Pick,
}

/// What came of it.
pub struct Candidates {
    /// Requests of the sample in these days.
    pub requests: usize,
    /// Those that ask something of their own.
    pub distinct: usize,
    /// Of these, such as a suite measures already, or nearly.
    pub measured: usize,
    /// Of the others, such as fail a check or were refused.
    pub failing: usize,
    /// Lines of a dataset, each without a label.
    pub lines: Vec<String>,
}

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    input: &'a RawValue,
    expected: Value,
    metadata: Value,
}

/// Choose candidates; asks no model that was not asked before.
///
/// # Errors
/// Problems of the task, of the sample's files, or of what the suites measure.
pub fn candidates(inputs: &Inputs, task: &str, terms: &Terms) -> Result<Candidates, Vec<Problem>> {
    let marking = Marking::load(inputs, task)?;
    let known: Vec<Vec<String>> = measured(inputs)?
        .iter()
        .flat_map(|dataset| dataset.cases.iter().map(|case| words(&case.input())).collect::<Vec<_>>())
        .collect();
    let days = sample(inputs, task, &terms.days.0, &terms.days.1)?;
    let all: Vec<Sampled> = days.into_iter().flat_map(|(_, requests)| requests).collect();
    let requests = all.len();
    let mut distinct = shuffled(all, "candidates");
    let count = distinct.len();
    let said: Vec<Vec<String>> = distinct
        .iter()
        .map(|request| words(&serde_json::from_str(request.input.get()).unwrap_or(Value::Null)))
        .collect();
    let found: std::collections::BTreeSet<usize> =
        leaks(&said, &known).into_iter().map(|leak| leak.example).collect();
    let mut at = 0;
    distinct.retain(|_| {
        at += 1;
        !found.contains(&(at - 1))
    });
    let marked = marking.mark(&distinct, Stream::Main, inputs.settings.concurrency, Reach::Recorded);
    let marked = block_on(marked).map_err(|message| vec![Problem::of_file(task, message)])?;
    let mut both: Vec<(Sampled, Option<Marked>)> =
        distinct.into_iter().zip(marked).map(|(request, marked)| (request, marked.ok())).collect();
    let failing =
        both.iter().filter(|(_, marked)| marked.as_ref().is_some_and(|marked| !marked.request.pass)).count();
    if terms.pick == Pick::Worst {
        // Stable: within a rank the fair order stays.
        both.sort_by(|a, b| rank(a).total_cmp(&rank(b)));
    }
    both.truncate(terms.most);
    let lines: Result<Vec<String>, _> = both.iter().map(line).collect();
    let lines = lines.map_err(|error| vec![Problem::of_file(task, error.to_string())])?;
    Ok(Candidates { requests, distinct: count, measured: found.len(), failing, lines })
}

/// The smaller, the worse.
fn rank((request, marked): &(Sampled, Option<Marked>)) -> f64 {
    if request.output.is_none() {
        return 0.0;
    }
    match marked {
        Some(marked) if !marked.request.pass => 1.0,
        Some(Marked { judge: Some(judge), .. }) => 2.0 + judge.score,
        _ if request.repaired || request.fell_back => 4.0,
        _ => 5.0,
    }
}

fn line((request, marked): &(Sampled, Option<Marked>)) -> serde_json::Result<String> {
    let Sampled { at, output, refused, model, served_model, repaired, fell_back, task_sha256, .. } = request;
    let metadata = json!({
        "candidate": "nobody has labelled this: write `expected`, then move the line into a dataset",
        "served": {
            "at": at, "output": output, "refused": refused, "model": model, "served_model": served_model,
            "repaired": repaired, "fell_back": fell_back, "task_sha256": task_sha256,
        },
        "failing": marked.as_ref().map(|marked| &marked.failing),
        "judge": marked.as_ref().and_then(|marked| marked.judge.as_ref()),
    });
    serde_json::to_string(&Line {
        id: &name(request),
        input: &request.input,
        expected: Value::Null,
        metadata,
    })
}
