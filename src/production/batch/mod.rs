//! Many inputs: exactly one output for each id, whatever stops in between.
//!
//! The output is its own journal: a line is written whole or, after a crash, cut off and asked for again, where the answer
//! comes from the run's recordings. What is no input, or has no answer that holds, goes to the dead-letter file with its
//! reason; what a provider could not answer now goes nowhere, so that the next call asks for it.

pub mod input;
pub mod manifest;
pub mod output;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream;
use serde::{Deserialize, Serialize};

use super::{Produced, Production, Refused, Remedy};
use crate::eval::shard::Shard;
use input::{Bad, Record};
use output::{Dead, Line};

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

    /// Another input is done with, of any kind.
    fn step(&mut self) {}
}

/// Answer every record that is not in `done` yet, `at_once` at the same time, in the order in which they are ready.
///
/// # Errors
/// What the sink says: what was answered before stands.
pub async fn run<S: Sink>(
    production: Arc<Production>,
    records: impl Iterator<Item = Result<Record, Bad>>,
    done: &BTreeSet<String>,
    shard: Shard,
    at_once: usize,
    sink: &mut S,
) -> std::io::Result<(Counts, Told)> {
    let (mut counts, mut told) = (Counts::default(), Told::default());
    let mut seen = BTreeSet::new();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let stop = &stop;
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
            let is_done = outcome.as_ref().is_ok_and(|record| done.contains(&record.id));
            async move {
                match outcome {
                    Err(bad) => Step::Bad(bad),
                    Ok(_) if is_done => Step::Before,
                    Ok(_) if stop.load(std::sync::atomic::Ordering::Relaxed) => Step::Stopped,
                    Ok(record) => {
                        let answer = production.answer(&record.id, &record.text).await;
                        Step::Answered(record, answer)
                    }
                }
            }
        })
    }))
    .buffer_unordered(at_once.max(1));
    while let Some(step) = ready.next().await {
        counts.inputs += 1;
        match step {
            Step::Before => counts.before += 1,
            Step::Stopped => counts.stopped += 1,
            Step::Bad(bad) => {
                counts.dead += 1;
                sink.dead(&Dead {
                    line: bad.line,
                    id: bad.id.as_deref(),
                    kind: "input",
                    reasons: &[bad.reason],
                })?;
            }
            Step::Answered(record, Ok(produced)) => {
                counts.answered += 1;
                counts.repaired += usize::from(produced.repaired);
                counts.fell_back += usize::from(produced.fell_back);
                sink.output(&line(&production, &record, &produced))?;
            }
            Step::Answered(record, Err(refused)) => match refused {
                Refused::Unanswered { remedy: Remedy::Later, message, .. } => {
                    counts.later += 1;
                    told.later.get_or_insert(message);
                }
                Refused::Unanswered { remedy: Remedy::Mend, message, .. } => {
                    counts.stopped += 1;
                    told.mend.get_or_insert(message);
                    stop.store(true, std::sync::atomic::Ordering::Relaxed);
                }
                Refused::Unanswered { remedy: Remedy::Never, message, kind } => {
                    counts.dead += 1;
                    sink.dead(&letter(&record, kind, &[message]))?;
                }
                Refused::Malformed(reason) => {
                    counts.dead += 1;
                    sink.dead(&letter(&record, "input", &[reason]))?;
                }
                Refused::Input(reasons) => {
                    counts.dead += 1;
                    sink.dead(&letter(&record, "input", &reasons))?;
                }
                Refused::Invalid(reasons) => {
                    counts.dead += 1;
                    sink.dead(&letter(&record, "answer", &reasons))?;
                }
            },
        }
        sink.step();
    }
    Ok((counts, told))
}

enum Step {
    Bad(Bad),
    Before,
    Stopped,
    Answered(Record, Result<Produced, Refused>),
}

fn line<'a>(production: &'a Production, record: &'a Record, produced: &'a Produced) -> Line<'a> {
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
    }
}

fn letter<'a>(record: &'a Record, kind: &'static str, reasons: &'a [String]) -> Dead<'a> {
    Dead { line: record.line, id: Some(&record.id), kind, reasons }
}
