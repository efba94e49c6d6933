//! Many inputs: exactly one output for each id, whatever stops in between.
//!
//! The output is its own journal: a line is written whole or, after a crash, cut off and asked for again, where the answer
//! comes from the run's recordings. It holds the hashes of its input and of the task, so that what was answered once is
//! never taken for the answer to another input, or by another model. What is no input, or has no answer that holds, goes to the dead-letter file with its
//! reason; what a provider could not answer now goes nowhere, so that the next call asks for it.

pub mod asked;
pub mod form;
pub mod hashed;
pub mod input;
pub mod manifest;
pub mod output;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt as _;
use futures_util::stream;
use serde::{Deserialize, Serialize};

use super::{Produced, Production, Refused, Remedy};
use crate::clock::Clock;
use crate::eval::shard::Shard;
use crate::json::sha256_hex;
use crate::llm::stack::Ids;
use asked::{Asked, Asking};
use form::Line;
use input::{Bad, Record};
use output::{Dead, Done};

/// What came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Inputs of this shard, those that are none included.
    pub inputs: usize,
    /// Outputs that were there before.
    pub before: usize,
    /// Outputs written now.
    pub answered: usize,
    /// Of those, answers that hold only after a repair.
    pub repaired: usize,
    /// Of those, answers of the fallback model.
    pub fell_back: usize,
    /// Dead letters.
    pub dead: usize,
    /// Inputs that a provider could not answer now: the same command asks for them again.
    pub later: usize,
    /// Inputs that nobody was asked about, since a person must mend something first.
    pub stopped: usize,
}

impl Counts {
    /// Those of another part too.
    pub fn add(&mut self, other: &Self) {
        let Self { inputs, before, answered, repaired, fell_back, dead, later, stopped } = other;
        for (sum, more) in [
            (&mut self.inputs, inputs),
            (&mut self.before, before),
            (&mut self.answered, answered),
            (&mut self.repaired, repaired),
            (&mut self.fell_back, fell_back),
            (&mut self.dead, dead),
            (&mut self.later, later),
            (&mut self.stopped, stopped),
        ] {
            *sum += more;
        }
    }
}

/// What somebody must mend before more is asked, or why the first input must wait.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Credentials, quota, budget or configuration.
    pub mend: Option<String>,
    /// The first failure that time may heal.
    pub later: Option<String>,
}

/// Where outputs and dead letters go.
pub trait Sink {
    /// Write one output whole.
    ///
    /// # Errors
    /// It cannot be written.
    fn output(&mut self, line: &Line<'_>) -> std::io::Result<()>;

    /// Write one dead letter whole.
    ///
    /// # Errors
    /// It cannot be written.
    fn dead(&mut self, letter: &Dead<'_>) -> std::io::Result<()>;

    /// Log one input that was tried, whatever came of it. Inputs that had their output before are not tried.
    fn asked(&mut self, asked: &Asked<'_>);

    /// Another input is done with, of any kind.
    fn step(&mut self) {}
}

/// Why not all inputs were gone through.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The inputs cannot be read any further.
    #[error("the inputs cannot be read: {0}")]
    Input(std::io::Error),
    /// An output cannot be written.
    #[error("the outputs cannot be written: {0}")]
    Output(#[from] std::io::Error),
    /// An id has its output already, of another input.
    #[error("line {line}: `{id}` has its output already, of another input than this one")]
    Changed {
        /// Line of the input.
        line: usize,
        /// Its id.
        id: String,
    },
}

/// How to go through the inputs.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// What has its output.
    pub done: &'a Done,
    /// Which part of the inputs.
    pub shard: Shard,
    /// Inputs that are asked about at the same time.
    pub at_once: usize,
    /// Once it is set, no further input is asked about.
    pub halt: &'a AtomicBool,
    /// Inputs that had an answer before in the same run, if not one that holds: they enter a sample of what is served no
    /// second time.
    pub tried: &'a BTreeSet<String>,
    /// Ids of the requests.
    pub ids: &'a Ids,
    /// The time, for the access log.
    pub clock: &'a Clock,
}

/// Answer every record that is not `done` yet, in the order in which they are ready.
///
/// # Errors
/// See [`Broken`]: what was answered before stands.
pub async fn run<S: Sink>(
    production: Arc<Production>,
    records: impl Iterator<Item = std::io::Result<Result<Record, Bad>>>,
    terms: Terms<'_>,
    sink: &mut S,
) -> Result<(Counts, Told), Broken> {
    let Terms { done, shard, at_once, halt, tried, ids, clock } = terms;
    let (mut counts, mut told) = (Counts::default(), Told::default());
    let mut seen = BTreeSet::new();
    let stop = &AtomicBool::new(false);
    let task_sha256 = production.sha256();
    let mut broken = None;
    let records =
        records.map_while(|record| record.map_err(|error| broken = Some(Broken::Input(error))).ok());
    // Asked lazily: an input is read when there is room for it.
    let mut ready = stream::iter(records.filter_map(|record| {
        let outcome = match record {
            // A line that is no input has no id: it is the first shard's, so that it is told once.
            Err(bad) => (shard.index <= 1).then_some(Err(bad)),
            Ok(record) if !shard.holds(&record.id) => None,
            Ok(record) if !seen.insert(record.id.clone()) => {
                let reason = format!("the id `{}` is there twice", record.id);
                Some(Err(Bad { line: record.line, id: Some(record.id), reason }))
            }
            Ok(record) => Some(Ok(record)),
        };
        outcome.map(|outcome| {
            let production = Arc::clone(&production);
            let before = outcome.as_ref().ok().and_then(|record| done.get(&record.id));
            async move {
                match (outcome, before) {
                    (Err(bad), _) => Step::Bad(bad, Asking::nothing(ids, clock)),
                    (Ok(record), Some(before)) if *before == sha256_hex(&record.text) => Step::Before,
                    (Ok(record), Some(_)) => Step::Changed(record),
                    (Ok(_), None) if stop.load(Ordering::Relaxed) || halt.load(Ordering::Relaxed) => {
                        Step::Stopped
                    }
                    (Ok(record), None) => {
                        let again = tried.contains(&record.id);
                        let (asking, answer) = Asking::about(&production, &record, again, (ids, clock)).await;
                        Step::Answered(record, answer, asking)
                    }
                }
            }
        })
    }))
    .buffer_unordered(at_once.max(1));
    let mut changed = None;
    while let Some(step) = ready.next().await {
        counts.inputs += 1;
        match step {
            Step::Before => counts.before += 1,
            Step::Changed(Record { line, id, .. }) => {
                // Those under way are waited for: they are paid.
                stop.store(true, Ordering::Relaxed);
                changed.get_or_insert(Broken::Changed { line, id });
            }
            Step::Stopped => counts.stopped += 1,
            Step::Bad(bad, asking) => {
                counts.dead += 1;
                let Bad { line, id, reason } = bad;
                let (id, request_id) = (id.as_deref(), asking.request_id());
                sink.asked(&asking.of_nothing(&production, line, id));
                sink.dead(&Dead { line, id, kind: "input", reasons: &[reason], request_id })?;
            }
            Step::Answered(record, answer, asking) => {
                let asked = asking.of(&production, &record, &answer);
                sink.asked(&asked);
                let letter = |reasons: &[String], sink: &mut S| {
                    let Asked { line, id, request_id, .. } = asked;
                    sink.dead(&Dead { line, id, kind: asked.error.unwrap_or_default(), reasons, request_id })
                };
                match &answer {
                    Ok(produced) => {
                        counts.answered += 1;
                        counts.repaired += usize::from(produced.repaired);
                        counts.fell_back += usize::from(produced.fell_back);
                        let input_sha256 = sha256_hex(&record.text);
                        let hashes = (task_sha256.as_str(), input_sha256.as_str());
                        sink.output(&line(&production, &record, produced, hashes, asking.request_id()))?;
                    }
                    Err(Refused::Unanswered { remedy: Remedy::Later, message, .. }) => {
                        counts.later += 1;
                        told.later.get_or_insert_with(|| message.clone());
                    }
                    Err(Refused::Unanswered { remedy: Remedy::Mend, message, .. }) => {
                        counts.stopped += 1;
                        told.mend.get_or_insert_with(|| message.clone());
                        stop.store(true, Ordering::Relaxed);
                    }
                    Err(
                        Refused::Unanswered { remedy: Remedy::Never, message: reason, .. }
                        | Refused::Malformed(reason),
                    ) => {
                        counts.dead += 1;
                        letter(std::slice::from_ref(reason), sink)?;
                    }
                    Err(Refused::Input(reasons) | Refused::Invalid(reasons)) => {
                        counts.dead += 1;
                        letter(reasons, sink)?;
                    }
                }
            }
        }
        sink.step();
    }
    drop(ready);
    match broken.or(changed) {
        Some(broken) => Err(broken),
        None => Ok((counts, told)),
    }
}

/// Outputs of ids that are not among these inputs, the first of them and how many.
///
/// # Errors
/// The inputs cannot be read.
pub fn strangers(
    records: impl Iterator<Item = std::io::Result<Result<Record, Bad>>>,
    done: &Done,
    shard: Shard,
) -> std::io::Result<Option<(String, usize)>> {
    let mut left: BTreeSet<&String> = done.keys().collect();
    for record in records {
        if let Ok(record) = record?
            && shard.holds(&record.id)
        {
            left.remove(&record.id);
        }
    }
    Ok(left.first().map(|first| ((*first).clone(), left.len())))
}

enum Step {
    Bad(Bad, Asking),
    Before,
    Changed(Record),
    Stopped,
    Answered(Record, Result<Produced, Refused>, Asking),
}

fn line<'a>(
    production: &'a Production,
    record: &'a Record,
    produced: &'a Produced,
    (task_sha256, input_sha256): (&'a str, &'a str),
    request_id: &'a str,
) -> Line<'a> {
    let (prompt, prompt_sha256) = production.prompt();
    Line {
        id: &record.id,
        output: &produced.output,
        model: &produced.model,
        served_model: &produced.served_model,
        prompt,
        prompt_sha256,
        repaired: produced.repaired,
        fell_back: produced.fell_back,
        cost_usd: produced.cost_usd,
        task_sha256,
        input_sha256,
        request_id,
    }
}
