//! What a run would ask, before it asks: calls, tokens and dollars by model, and what recordings save.
//!
//! Requests are rendered as the run would render them and looked up in the recordings; nothing is called. The answers are
//! not known, so there are two figures. *About*: the first pass, with answers as long as the recorded ones; the judge's
//! question about an answer, like an embedding of it, is counted without its text. *At most*: all that the run may come
//! to ask for (see `further`), every byte a token, every answer as long as it may be, and a judge that has to be asked
//! twice each time. Tries that fail and are repeated are not in it; [`Forecast::billed_retries`] bounds
//! what a provider may bill for them.

mod by_main;
mod further;
mod most;

use std::collections::{BTreeMap, BTreeSet};

use self::further::Further;
pub use self::most::Most;
use self::most::largest_answer;
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
use crate::llm::stack::MOST_BILLED_RETRIES;
use crate::llm::stack::budget::Tariff;
use crate::llm::{Answer, Call, Client, Draw, Operation, Request, Stream, Usage};
use crate::task::graph::Node;

/// Bytes of text that make a token, about; only the provider knows.
const BYTES_PER_TOKEN: usize = 4;

/// How far a run goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The answers that are asked for from the start.
    FirstPass,
    /// Whatever the gate may want as well.
    Gate,
}

/// What one model would be asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Line {
    /// Requests that the first pass would send.
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
    /// The most that the whole run may ask.
    pub most: Most,
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
    /// All models together, at most.
    pub most: Most,
    /// USD that the run may spend.
    pub limit_usd: Option<f64>,
}

impl Forecast {
    /// USD on top of `most`, if a provider bills every try of every call and all but the last fail; absent where `most` has
    /// no price.
    #[must_use]
    pub fn billed_retries(&self) -> Option<f64> {
        self.most.usd.map(|usd| usd * MOST_BILLED_RETRIES as f64)
    }
}

/// What would be asked of one model, before prices.
#[derive(Default)]
struct Tally {
    line: Line,
    tariff: Option<Tariff>,
    /// Bytes of the requests that would be sent.
    wanted: Vec<Wanted>,
    recorded_output: (u64, u64),
    /// Keys of embeddings that were counted: the same text is asked about once.
    embedded: BTreeSet<String>,
}

/// One call.
struct Wanted {
    bytes: usize,
    /// The answer is text, so it has output tokens.
    speaks: bool,
}

/// By model alias.
#[derive(Default)]
struct Tallies(BTreeMap<String, Tally>);

impl Tallies {
    fn of(&mut self, client: &Client, spec: &ModelSpec) -> &mut Tally {
        let tally = self.0.entry(client.card().alias.clone()).or_default();
        tally.line.embedded = client.card().embedded;
        tally.tariff.get_or_insert_with(|| Tariff::of(spec));
        tally
    }
}

/// What the selected parts of all suites would ask.
///
/// # Errors
/// Problems of the suites' inputs, and recordings that cannot be read.
pub fn forecast(inputs: &Inputs, selections: &[Selection], extent: Extent) -> Result<Forecast, Vec<Problem>> {
    let mut tallies = Tallies::default();
    let mut selected = Vec::new();
    let mode = inputs.settings.mode;
    for (suite, selection) in inputs.suites.iter().zip(selections) {
        if selection.is_empty() {
            continue;
        }
        selected.push(suite);
        let plan = inputs.plan(suite)?;
        let all = selection.gate && plan.is_embedded();
        let wanted: Vec<bool> = selection.cases.iter().map(|wanted| *wanted || all).collect();
        let mut further = match extent {
            Extent::FirstPass => None,
            Extent::Gate => Some(Further::of(inputs, suite, &plan, selection, &wanted)?),
        };
        let failed = |message| vec![Problem::of_file(&suite.doc.file, message)];
        for (case, _) in plan.dataset.cases.iter().zip(&wanted).filter(|(_, wanted)| **wanted) {
            let samples = if plan.deterministic() { 1 } else { inputs.settings.samples };
            let ask = Ask { mode, plan: &plan, case };
            let mut firsts = Vec::new();
            for index in 0..samples {
                firsts.push(ask.look(index, &mut tallies).map_err(failed)?);
            }
            if let Some(further) = &mut further {
                further.look(case, &firsts, &mut tallies).map_err(failed)?;
            }
        }
        if selection.gate {
            by_main::look(inputs, suite, &plan, extent, &mut tallies)?;
        }
    }
    let models: BTreeMap<String, Line> =
        tallies.0.into_iter().map(|(alias, tally)| (alias, tally.priced())).collect();
    let mut most = Most::default();
    models.values().for_each(|line| most.add(line.most, 1));
    Ok(Forecast { models, most, limit_usd: super::money::limit(inputs, selected.into_iter()) })
}

/// One case, asked about.
#[derive(Clone, Copy)]
struct Ask<'a> {
    mode: Mode,
    plan: &'a SuitePlan,
    case: &'a Case,
}

/// A question's answer, as far as it is known.
enum Known {
    /// The key of the question, and the answer that is recorded or costs nothing to ask for.
    Answer(String, Answer),
    /// The question will not be asked.
    NotAsked,
    /// It will be.
    Nothing,
}

impl Ask<'_> {
    /// A first answer with all that it asks for; its request key and the answer, where that is known.
    fn look(self, index: u32, tallies: &mut Tallies) -> Result<Option<(String, Answer)>, String> {
        let mut answers = BTreeMap::new();
        for node in self.plan.task.upstream() {
            self.node(node, index, &mut answers, tallies)?;
        }
        let known = match self.node(self.plan.task.output(), index, &mut answers, tallies)? {
            Known::Answer(key, answer) => Some((key, answer)),
            Known::NotAsked | Known::Nothing => None,
        };
        let answer = known.as_ref().map(|(_, answer)| answer);
        self.checks(answer, tallies)?;
        if let Some(judge) = &self.plan.judge {
            self.judge(judge, answer, tallies)?;
        }
        Ok(known)
    }

    /// One node's question, and its answer where that is known; where it reads one that is not, only that it will be asked.
    fn node(
        self,
        node: &Node,
        index: u32,
        answers: &mut BTreeMap<String, String>,
        tallies: &mut Tallies,
    ) -> Result<Known, String> {
        let (plan, case) = (self.plan, self.case);
        let (client, spec) = plan.asked_by(node);
        let request = |answers: &BTreeMap<String, String>| {
            plan.task.ask(node, client.card(), spec, &case.input_text, answers)
        };
        let unknown: Vec<&Node> = plan
            .task
            .upstream()
            .iter()
            .filter(|other| node.reads.contains(&other.name) && !answers.contains_key(&other.name))
            .collect();
        if !unknown.is_empty() {
            // An answer has at least no text, and at most its model's limit.
            let (mut least, mut largest) = (answers.clone(), Some(answers.clone()));
            for other in unknown {
                least.insert(other.name.clone(), "\"\"".to_owned());
                let text = largest_answer(plan.asked_by(other).1);
                largest = largest.zip(text).map(|(mut known, text)| {
                    known.insert(other.name.clone(), text);
                    known
                });
            }
            let largest = largest.map(|answers| request(&answers)).transpose()?;
            let tally = tallies.of(client, spec);
            if self.mode == Mode::Replay {
                tally.line.missing += 1;
            } else {
                tally.wants(&request(&least)?, largest.as_ref());
            }
            return Ok(Known::Nothing);
        }
        if !node.is_asked(&case.input_text, answers)? {
            answers.insert(node.name.clone(), "null".to_owned());
            return Ok(Known::NotAsked);
        }
        let request = request(answers)?;
        let recorded = self.count(client, spec, &request, index, tallies)?;
        // Asking an embedded model costs nothing; it is done where another model is asked about its answer.
        let known = recorded.or_else(|| {
            let asked_about = node.name != plan.task.output().name || self.asks_others();
            let free = asked_about && client.card().embedded;
            free.then(|| embedded_answer(client, &node.template, &request, index)).flatten()
        });
        Ok(match known {
            Some(answer) => {
                answers.insert(node.name.clone(), answer.as_json());
                Known::Answer(request.key(), answer)
            }
            None => Known::Nothing,
        })
    }

    /// A judge or a check asks a model that does not live in this program.
    fn asks_others(self) -> bool {
        let judge = self.plan.judge.as_ref().is_some_and(|judge| !judge.client.card().embedded);
        judge || self.plan.scoring.embedders().values().any(|embedder| !embedder.client.card().embedded)
    }

    /// The embeddings that checks ask for: of an answer that is not known yet, only that there will be one.
    fn checks(self, answer: Option<&Answer>, tallies: &mut Tallies) -> Result<(), String> {
        for Embedding { embedder, request, .. } in self.plan.scoring.embeddings(self.case, answer) {
            let tally = tallies.of(&embedder.client, &embedder.model);
            match request {
                Some(request) => {
                    if tally.embedded.insert(request.key()) {
                        self.count(&embedder.client, &embedder.model, &request, 0, tallies)?;
                    }
                }
                None if self.mode == Mode::Replay && !embedder.client.card().embedded => {
                    tally.line.missing += 1;
                }
                None => tally.about(&embedder.request("")),
            }
        }
        if answer.is_none() && self.mode != Mode::Replay {
            let largest = largest_answer(self.plan.asked_by(self.plan.task.output()).1);
            self.may_embed(largest.map(|text| Answer::embedded(text, "")).as_ref(), 1, tallies);
        }
        Ok(())
    }

    /// Embeddings that as many answers may ask for; `largest` is the largest that such an answer can be.
    fn may_embed(self, largest: Option<&Answer>, times: u64, tallies: &mut Tallies) {
        for Embedding { embedder, request, many } in self.plan.scoring.embeddings(self.case, None) {
            let tally = tallies.of(&embedder.client, &embedder.model);
            match request {
                // The text that answers are held against is embedded once.
                Some(request) => {
                    if tally.embedded.insert(request.key()) {
                        tally.may_want(Some(&request), 1);
                    }
                }
                None => {
                    let whole = largest.map(|answer| embedder.request(&answer.text));
                    tally.may_want(whole.as_ref(), times);
                    // Several texts of one answer are no longer together than it is, and each has a token at least.
                    let texts = self.plan.asked_by(self.plan.task.output()).1.max_tokens();
                    match texts.filter(|_| many) {
                        Some(texts) => {
                            tally.may_want(Some(&embedder.request("")), times * texts.saturating_sub(1));
                        }
                        None if many => tally.may_want_any(),
                        None => {}
                    }
                }
            }
        }
    }

    /// The judge's questions about an answer; about one that is not known yet, only that there will be some.
    fn judge(self, judge: &Judge, answer: Option<&Answer>, tallies: &mut Tallies) -> Result<(), String> {
        let embedded = judge.client.card().embedded;
        let Some(answer) = answer else {
            let blank = judge.request(self.case, &Answer::embedded(String::new(), ""))?;
            let tally = tallies.of(&judge.client, &judge.model);
            if self.mode == Mode::Replay && !embedded {
                tally.line.missing += judge.samples as usize;
                return Ok(());
            }
            (0..judge.samples).for_each(|_| tally.about(&blank));
            let largest = largest_answer(self.plan.asked_by(self.plan.task.output()).1);
            let largest = largest.map(|text| Answer::embedded(text, ""));
            return self.may_judge(judge, largest.as_ref(), 1, tallies);
        };
        let request = judge.request(self.case, answer)?;
        for index in 0..judge.samples {
            let reply = self.count(&judge.client, &judge.model, &request, index, tallies)?;
            match reply.map(|reply| judge.follow_up(&request, &reply.text)) {
                // It was read, or rules replied: they reply the same again.
                Some(None) => {}
                _ if embedded => {}
                Some(Some(again)) => {
                    self.count(&judge.client, &judge.model, &again, index, tallies)?;
                }
                None if self.mode == Mode::Replay => {}
                None => {
                    let again = repair(judge, &request);
                    tallies.of(&judge.client, &judge.model).may_want(again.as_ref(), 1);
                }
            }
        }
        Ok(())
    }

    /// The judge's questions about so many answers, at most: each judgement once, and once more where it cannot be read.
    fn may_judge(
        self,
        judge: &Judge,
        largest: Option<&Answer>,
        times: u64,
        tallies: &mut Tallies,
    ) -> Result<(), String> {
        let request = largest.map(|answer| judge.request(self.case, answer)).transpose()?;
        let times = times * u64::from(judge.samples);
        let tally = tallies.of(&judge.client, &judge.model);
        tally.may_want(request.as_ref(), times);
        if !judge.client.card().embedded {
            tally.may_want(request.and_then(|request| repair(judge, &request)).as_ref(), times);
        }
        Ok(())
    }

    /// Count one draw; its answer, where it is recorded and would be used.
    fn count(
        self,
        client: &Client,
        spec: &ModelSpec,
        request: &Request,
        index: u32,
        tallies: &mut Tallies,
    ) -> Result<Option<Answer>, String> {
        let tally = tallies.of(client, spec);
        let draw = Draw { key: request.key(), stream: Stream::Main, index };
        let recorded = match self.mode {
            // Asked again whatever is recorded.
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
            None if self.mode == Mode::Replay && !client.card().embedded => {
                tally.line.missing += 1;
                Ok(None)
            }
            None => {
                tally.wants(request, Some(request));
                // A priced embedded model answers for nothing before there is an account: what it would cost is known.
                if client.card().embedded && client.can_cost() {
                    let call = Call { request, draw: &draw, prompt: None, recorded_only: true };
                    let answered = super::block_on(client.ask(call))?;
                    if let Some(usage) = answered.ok().and_then(|answered| answered.answer.usage) {
                        tally.expects(usage, request.operation);
                    }
                }
                Ok(None)
            }
        }
    }
}

/// The judge's second question, as large as it can be: it quotes the reply that could not be read, and what was wrong with
/// it.
fn repair(judge: &Judge, request: &Request) -> Option<Request> {
    /// Bytes of what was wrong, at most.
    const WRONG: usize = 2 * 1024;
    let reply = largest_answer(&judge.model)? + &"x".repeat(WRONG);
    judge.follow_up(request, &reply)
}

impl Tally {
    /// A request of the first pass; `largest` is the same as large as it can be, none where nothing bounds it.
    fn wants(&mut self, request: &Request, largest: Option<&Request>) {
        self.about(request);
        self.may_want(largest, 1);
    }

    /// A request of the first pass, whose bound is counted apart.
    fn about(&mut self, request: &Request) {
        let speaks = request.operation == Operation::Chat;
        self.wanted.push(Wanted { bytes: request.text_bytes(), speaks });
    }

    /// A request that the run may come to send so many times.
    fn may_want(&mut self, request: Option<&Request>, times: u64) {
        if let Some(tariff) = &self.tariff {
            self.line.most.add(Most::of(tariff, request), times);
        }
    }

    /// Requests of which not even the number has a bound.
    fn may_want_any(&mut self) {
        if let Some(tariff) = &self.tariff {
            self.line.most.add(Most::unbounded(tariff), 1);
        }
    }

    /// Answers are about as long as this one.
    fn expects(&mut self, usage: Usage, operation: Operation) {
        if operation == Operation::Chat {
            self.recorded_output.0 += usage.output_tokens;
            self.recorded_output.1 += 1;
        }
    }

    fn priced(self) -> Line {
        let Self { mut line, tariff, wanted, recorded_output: (tokens, answers), .. } = self;
        line.calls = wanted.len();
        if line.embedded && tariff.as_ref().is_none_or(Tariff::is_free) {
            line.about_usd = Some(0.0);
            line.most = Most { calls: line.most.calls, ..Most::default() };
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
        line
    }
}
