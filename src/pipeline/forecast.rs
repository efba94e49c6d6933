//! What a run would ask, before it asks: calls, tokens and dollars by model, and what recordings save.
//!
//! Requests are rendered as the run would render them and looked up in the recordings; nothing is called. What an
//! answer will say is not known, so its length is that of the recorded ones, and the judge's question about it, like an
//! embedding of it, is counted without its text.

use std::collections::{BTreeMap, BTreeSet};

use super::inputs::Inputs;
use super::recordings::embedded_answer;
use super::suite_run::Selection;
use crate::config::Problem;
use crate::config::models::ModelSpec;
use crate::config::settings::Mode;
use crate::dataset::Case;
use crate::eval::check::Embedding;
use crate::eval::judge::Judge;
use crate::eval::plan::SuitePlan;
use crate::llm::stack::budget::Tariff;
use crate::llm::{Answer, Call, Client, Draw, Operation, Request, Stream, Usage};
use crate::task::graph::Node;

/// Bytes of text that make a token, about; only the provider knows.
const BYTES_PER_TOKEN: usize = 4;

/// What one model would be asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Line {
    /// Requests that would be sent.
    pub calls: usize,
    /// Answers that are recorded.
    pub replayed: usize,
    /// Strict replay wants them and they are not recorded: cases that would not be measured.
    pub missing: usize,
    /// Input tokens of the calls, about.
    pub input_tokens: u64,
    /// Output tokens of the calls, about; at most `max_tokens` each.
    pub output_tokens: u64,
    /// USD of the calls, about; absent without a price.
    pub about_usd: Option<f64>,
    /// USD of the calls at most: every byte a token, and `max_tokens` of output.
    pub most_usd: Option<f64>,
    /// USD that the recorded answers cost when they were made.
    pub saved_usd: f64,
    /// Lives in this program: free, unless its configuration names a price.
    pub embedded: bool,
}

/// What a run would ask.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// By model alias.
    pub models: BTreeMap<String, Line>,
    /// USD that the run may spend.
    pub limit_usd: Option<f64>,
}

/// What would be asked of one model, before prices.
#[derive(Default)]
struct Tally {
    line: Line,
    tariff: Option<Tariff>,
    /// Bytes of the requests that would be sent.
    wanted: Vec<Wanted>,
    /// Output tokens of answers that are known, and how many those are.
    known_output: (u64, u64),
    /// Keys of embeddings that were counted: the same text is asked about once.
    embedded: BTreeSet<String>,
}

/// One call.
struct Wanted {
    bytes: usize,
    most_usd: Option<f64>,
    /// The answer is text, so it has output tokens.
    speaks: bool,
}

/// What the selected parts of all suites would ask.
///
/// # Errors
/// Problems of the suites' inputs, and recordings that cannot be read.
pub fn forecast(inputs: &Inputs, selections: &[Selection]) -> Result<Forecast, Vec<Problem>> {
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let mut selected = Vec::new();
    for (suite, selection) in inputs.suites.iter().zip(selections) {
        if selection.is_empty() {
            continue;
        }
        selected.push(suite);
        let plan = inputs.plan(suite)?;
        let all = selection.gate && plan.is_embedded();
        for (case, wanted) in plan.dataset.cases.iter().zip(&selection.cases) {
            if !(*wanted || all) {
                continue;
            }
            let samples = if plan.deterministic() { 1 } else { inputs.settings.samples };
            for index in 0..samples {
                look(inputs.settings.mode, &plan, case, index, &mut tallies)
                    .map_err(|message| vec![Problem::of_file(&suite.doc.file, message)])?;
            }
        }
    }
    let models = tallies.into_iter().map(|(alias, tally)| (alias, tally.priced())).collect();
    Ok(Forecast { models, limit_usd: super::money::limit(inputs, selected.into_iter()) })
}

fn look(
    mode: Mode,
    plan: &SuitePlan,
    case: &Case,
    index: u32,
    tallies: &mut BTreeMap<String, Tally>,
) -> Result<(), String> {
    let mut answers = BTreeMap::new();
    for node in plan.task.upstream() {
        look_at_node(mode, plan, case, (node, index), &mut answers, tallies)?;
    }
    let recorded = look_at_node(mode, plan, case, (plan.task.output(), index), &mut answers, tallies)?;
    look_at_checks(mode, plan, case, recorded.as_ref(), tallies)?;
    let Some(judge) = &plan.judge else { return Ok(()) };
    let (answer, known) = match recorded {
        Some(answer) => (answer, true),
        None => (Answer::embedded(String::new(), ""), false),
    };
    look_at_judge(mode, judge, case, &answer, known, tallies)
}

/// One node's question, and its answer where that is known; where it reads one that is not, only that it will be asked.
fn look_at_node(
    mode: Mode,
    plan: &SuitePlan,
    case: &Case,
    (node, index): (&Node, u32),
    answers: &mut BTreeMap<String, String>,
    tallies: &mut BTreeMap<String, Tally>,
) -> Result<Option<Answer>, String> {
    let (client, spec) = plan.asked_by(node);
    let request = plan.task.ask(node, client.card(), spec, &case.input_text, answers)?;
    if !node.reads.iter().all(|other| answers.contains_key(other)) {
        let tally = tally(client, spec, tallies);
        if mode == Mode::Replay {
            tally.line.missing += 1;
        } else {
            tally.wants(&request);
        }
        return Ok(None);
    }
    if !node.is_asked(&case.input_text, answers)? {
        answers.insert(node.name.clone(), "null".to_owned());
        return Ok(None);
    }
    let recorded = count(mode, client, spec, &request, index, tallies)?;
    // What others read of it must be known; asking an embedded one costs nothing.
    let read_by_others = node.name != plan.task.output().name;
    let known = recorded.clone().or_else(|| {
        let free = read_by_others && client.card().embedded;
        free.then(|| embedded_answer(client, &node.template, &request)).flatten()
    });
    answers.extend(known.map(|answer| (node.name.clone(), answer.as_json())));
    Ok(recorded)
}

/// The embeddings that checks ask for: of an answer that is not known yet, only that there will be one.
fn look_at_checks(
    mode: Mode,
    plan: &SuitePlan,
    case: &Case,
    answer: Option<&Answer>,
    tallies: &mut BTreeMap<String, Tally>,
) -> Result<(), String> {
    for Embedding { embedder, request } in plan.scoring.embeddings(case, answer) {
        let tally = tally(&embedder.client, &embedder.model, tallies);
        match request {
            Some(request) => {
                if tally.embedded.insert(request.key()) {
                    count(mode, &embedder.client, &embedder.model, &request, 0, tallies)?;
                }
            }
            None if mode == Mode::Replay && !embedder.client.card().embedded => tally.line.missing += 1,
            None => tally.wants(&embedder.request("")),
        }
    }
    Ok(())
}

/// The judge's question about an answer; about one that is not known yet, only that there will be one.
fn look_at_judge(
    mode: Mode,
    judge: &Judge,
    case: &Case,
    answer: &Answer,
    known: bool,
    tallies: &mut BTreeMap<String, Tally>,
) -> Result<(), String> {
    let request = judge.request(case, answer)?;
    if known {
        count(mode, &judge.client, &judge.model, &request, 0, tallies)?;
    } else {
        let tally = tally(&judge.client, &judge.model, tallies);
        if mode == Mode::Replay { tally.line.missing += 1 } else { tally.wants(&request) }
    }
    Ok(())
}

fn tally<'a>(client: &Client, spec: &ModelSpec, tallies: &'a mut BTreeMap<String, Tally>) -> &'a mut Tally {
    let tally = tallies.entry(client.card().alias.clone()).or_default();
    tally.line.embedded = client.card().embedded;
    tally.tariff.get_or_insert_with(|| Tariff::of(spec));
    tally
}

/// Count one draw; its answer, where it is recorded and would be used.
fn count(
    mode: Mode,
    client: &Client,
    spec: &ModelSpec,
    request: &Request,
    index: u32,
    tallies: &mut BTreeMap<String, Tally>,
) -> Result<Option<Answer>, String> {
    let tally = tally(client, spec, tallies);
    let draw = Draw { key: request.key(), stream: Stream::Main, index };
    let recorded = match mode {
        // Drawn anew whatever is recorded.
        Mode::Refresh => None,
        _ => client.recorded(&draw).map_err(|error| error.to_string())?,
    };
    match recorded {
        Some(recorded) => {
            tally.line.replayed += 1;
            tally.line.saved_usd += recorded.answer.cost_usd.unwrap_or(0.0);
            if let Some(usage) = recorded.answer.usage {
                tally.expects(usage, request.operation);
            }
            Ok(Some(recorded.answer))
        }
        None if mode == Mode::Replay && !client.card().embedded => {
            tally.line.missing += 1;
            Ok(None)
        }
        None => {
            tally.wants(request);
            // Asking an embedded model costs nothing before there is an account: what it would say has a known price.
            if client.card().embedded && client.can_cost() {
                let call = Call { request, draw: &draw, prompt: None, recorded_only: true };
                let answered = super::block_on(client.ask(call))?;
                if let Some(answer) = answered.ok().map(|answered| answered.answer) {
                    tally.knows(&answer, request.operation);
                }
            }
            Ok(None)
        }
    }
}

impl Tally {
    /// Answers are about as long as this one.
    fn expects(&mut self, usage: Usage, operation: Operation) {
        if operation == Operation::Chat {
            self.known_output.0 += usage.output_tokens;
            self.known_output.1 += 1;
        }
    }

    /// The last answer that is wanted will be this one.
    fn knows(&mut self, answer: &Answer, operation: Operation) {
        if let Some(usage) = answer.usage {
            self.expects(usage, operation);
        }
        if let Some(wanted) = self.wanted.last_mut() {
            wanted.most_usd = answer.cost_usd;
        }
    }

    fn wants(&mut self, request: &Request) {
        let most_usd = self.tariff.as_ref().and_then(|tariff| tariff.most(request));
        let speaks = request.operation == Operation::Chat;
        self.wanted.push(Wanted { bytes: request.text_bytes(), most_usd, speaks });
    }

    fn priced(self) -> Line {
        let Self { mut line, tariff, wanted, known_output: (tokens, answers), .. } = self;
        line.calls = wanted.len();
        if line.embedded && tariff.as_ref().is_none_or(Tariff::is_free) {
            (line.about_usd, line.most_usd) = (Some(0.0), Some(0.0));
            return line;
        }
        let most_output = tariff.as_ref().map_or(0, |tariff| tariff.max_tokens() as u64);
        let output = tokens.checked_div(answers).unwrap_or(most_output);
        let input = |wanted: &Wanted| (wanted.bytes / BYTES_PER_TOKEN) as u64;
        line.input_tokens = wanted.iter().map(input).sum();
        line.output_tokens = output * wanted.iter().filter(|wanted| wanted.speaks).count() as u64;
        let usage =
            Usage { input_tokens: line.input_tokens, output_tokens: line.output_tokens, ..Usage::default() };
        line.about_usd = tariff.and_then(|tariff| tariff.cost(Some(usage)));
        line.most_usd = wanted.iter().map(|wanted| wanted.most_usd).sum();
        line
    }
}
