//! Look after the recordings of a project: list them, prove them, and find those that nothing needs.
//!
//! A recording is needed when a baseline names it (the working copy's, HEAD's, the merge base's), as an answer or as a
//! judge's word, when today's checks and judge ask for it to score a baseline's answer, or when a run of the tree as it
//! stands would ask for it: each suite on each model that could be chosen for it, with its own prompt and with every
//! prompt file of the project, with the roles of its task, and its judge about labelled answers. The answers that a needed
//! request of an accepted graph quotes are needed too. Everything else may go, unless a living run may have added it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::calibrate;
use super::inputs::{Inputs, SuiteInputs};
use super::observe::stored_answer;
use crate::baseline::{self, Baseline, MergeBase, Stored};
use crate::config::Problem;
use crate::config::graph::TaskSpec;
use crate::dataset::Case;
use crate::eval::judge::{Judge, labels};
use crate::eval::plan::SuitePlan;
use crate::eval::run::Reach;
use crate::eval::walk::{self, Walked};
use crate::llm::recording::format::FORMAT;
use crate::llm::recording::sweep::Sweep;
use crate::llm::recording::{DIR, Recording, Store};
use crate::llm::{Answer, Call, Client, Draw, PromptTag, Request, Stream};
use crate::prompt::{self, Template};

/// One recording, in a line.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// Its file.
    pub path: PathBuf,
    /// Bytes of the file.
    pub bytes: u64,
    /// What it says; `Err`: what is wrong with it.
    pub recording: Result<Recording, String>,
}

/// Every recording of the project.
///
/// # Errors
/// The folder cannot be listed.
pub fn all(inputs: &Inputs) -> Result<Vec<Entry>, Problem> {
    let failed = |error: std::io::Error| Problem::of_file(DIR, format!("cannot be listed: {error}"));
    let files = Store::new(&inputs.root(), DIR).list().map_err(failed)?;
    Ok(files
        .into_iter()
        .map(|(key, path)| Entry {
            bytes: std::fs::metadata(&path).map_or(0, |found| found.len()),
            recording: Store::read(&path),
            key,
            path,
        })
        .collect())
}

/// What is wrong with the recordings: unreadable files, names that are not the request's key, draws out of order.
///
/// # Errors
/// The folder cannot be listed.
pub fn verify(inputs: &Inputs) -> Result<(usize, Vec<Problem>), Problem> {
    let root = inputs.root();
    let entries = all(inputs)?;
    let mut problems = Vec::new();
    for entry in &entries {
        let file = entry.path.strip_prefix(&root).unwrap_or(&entry.path).display().to_string();
        problems.extend(flaws(entry).into_iter().map(|message| {
            Problem::of_file(&file, message).hint(format!(
                "take it back: `git checkout -- {file}`; or remove it, and its answers are asked for again"
            ))
        }));
    }
    Ok((entries.len(), problems))
}

fn flaws(entry: &Entry) -> Vec<String> {
    let recording = match &entry.recording {
        Ok(recording) => recording,
        Err(message) => return vec![message.clone()],
    };
    let mut flaws = Vec::new();
    if recording.format > FORMAT {
        flaws.push(format!("has format {}, this program reads up to {FORMAT}", recording.format));
    }
    let key = recording.request.key();
    if key != recording.key || key != entry.key {
        flaws.push(format!("its request has the key {key}, its name says another: edited by hand"));
    }
    let folder = entry.path.parent().and_then(|folder| folder.file_name()).and_then(|name| name.to_str());
    if folder != entry.key.get(..2) {
        flaws.push("stands in the wrong folder, where nobody finds it".to_owned());
    }
    if !recording.draws.is_sorted_by(|a, b| (a.stream, a.index) < (b.stream, b.index)) {
        flaws.push("its draws are not sorted by stream and index, each once".to_owned());
    }
    if recording.draws.is_empty() {
        flaws.push("holds no answer".to_owned());
    }
    flaws
}

/// What may go.
pub struct Garbage {
    /// Removes it, where that is still right.
    pub sweep: Sweep,
    /// Recordings that nothing needs.
    pub unneeded: Vec<PathBuf>,
    /// Files that killed runs left behind.
    pub litter: Vec<PathBuf>,
    /// Recordings that stay.
    pub kept: usize,
    /// Of those, recordings that stay only because a living run may have added them.
    pub young: usize,
    /// Bytes that would be freed.
    pub bytes: u64,
}

/// Find what nothing needs. Removes nothing.
///
/// # Errors
/// Inputs that do not load: as long as not everything is known, nothing may be called unneeded.
pub fn garbage(inputs: &Inputs) -> Result<Garbage, Vec<Problem>> {
    let problems = inputs.all_problems();
    if !problems.is_empty() {
        return Err(problems);
    }
    let one = |problem: Problem| vec![problem];
    let listed = |error: std::io::Error| vec![Problem::of_file(DIR, format!("cannot be listed: {error}"))];
    let store = Store::new(&inputs.root(), DIR);
    // Begins first: what is added while the tree is looked through is younger.
    let sweep = Sweep::of(&store).map_err(listed)?;
    let mut needed = BTreeSet::new();
    let prompts: Vec<String> = prompt::every_file(&inputs.root()).map_err(one)?;
    let mut seen = BTreeSet::new();
    for suite in inputs.suites.iter().filter(|suite| seen.insert(&suite.doc.value.suite)) {
        for alias in aliases(inputs, suite) {
            let plan = inputs.plan_of(suite, &alias, None)?;
            needed_by(inputs, &plan, &mut needed)?;
            about_labels(inputs, suite, &plan, &mut needed);
            if let Some(roles) = roles(inputs, suite) {
                // Roles that do not load cannot have been asked.
                if let Ok(plan) = inputs.plan_of_graph(suite, &alias, &roles) {
                    needed_by(inputs, &plan, &mut needed)?;
                }
            }
            for prompt in &prompts {
                // A file that does not load for this suite cannot have been asked by it.
                if let Ok(plan) = inputs.plan_of(suite, &alias, Some(prompt)) {
                    needed_by(inputs, &plan, &mut needed)?;
                }
            }
        }
    }
    let (head, base) = (MergeBase::head(&inputs.root()), inputs.merge_base().map_err(one)?);
    let mut of_graphs = BTreeSet::new();
    // Baselines of suites and models that this tree no longer runs are still part of its history.
    for (suite, alias) in baseline::list(&inputs.root()).map_err(one)? {
        let mut stored = vec![baseline::read(&inputs.root(), &suite, &alias).map_err(one)?];
        for commit in [&head, &*base] {
            stored.push(commit.baseline(&suite, &alias).map_err(one)?);
        }
        let known = inputs.suites.iter().find(|known| known.doc.value.suite == suite);
        let plan =
            known.and_then(|known| inputs.plan_of(known, &alias, None).ok()).filter(asks_about_answers);
        for Stored { baseline, .. } in stored.into_iter().flatten() {
            keys_of(&baseline, &mut needed);
            if baseline.header.graph_sha256.is_some() {
                keys_of(&baseline, &mut of_graphs);
            }
            if let Some(plan) = &plan {
                about_baseline(&store, plan, &baseline, &mut needed);
                about_pairs(&store, plan, &baseline, &mut needed);
            }
        }
    }
    let entries = all(inputs).map_err(one)?;
    needed.extend(quoted(&entries, of_graphs));
    let (mut unneeded, mut kept, mut young, mut bytes) = (Vec::new(), 0, 0, 0);
    for entry in entries {
        // What cannot be read is `verify`'s to report, never garbage.
        if needed.contains(&entry.key) || entry.recording.is_err() {
            kept += 1;
        } else if sweep.is_young(&entry.path).map_err(listed)? {
            kept += 1;
            young += 1;
        } else {
            bytes += entry.bytes;
            unneeded.push(entry.path);
        }
    }
    let litter = sweep.litter().map_err(listed)?;
    Ok(Garbage { sweep, unneeded, litter, kept, young, bytes })
}

/// Recordings whose answers the requests of `asking` quote, and theirs in turn: earlier steps of graphs that the tree no
/// longer has. A short answer may be quoted by chance, and its recording then stays.
fn quoted(entries: &[Entry], asking: BTreeSet<String>) -> BTreeSet<String> {
    let read: Vec<(&str, &Recording)> = entries
        .iter()
        .filter_map(|entry| Some((entry.key.as_str(), entry.recording.as_ref().ok()?)))
        .collect();
    let (mut open, mut found) = (asking.clone(), BTreeSet::new());
    while let Some(key) = open.pop_first() {
        let Some((_, asked)) = read.iter().find(|(known, _)| *known == key) else { continue };
        for (key, recording) in &read {
            if asking.contains(*key) || found.contains(*key) {
                continue;
            }
            let is_quoted = recording.draws.iter().any(|draw| {
                let answer = draw.answer.text.trim();
                !answer.is_empty()
                    && asked.request.messages.iter().any(|message| message.content.contains(answer))
            });
            if is_quoted {
                found.insert((*key).to_owned());
                open.insert((*key).to_owned());
            }
        }
    }
    found
}

/// Models that a run of this suite may be about: those of its own, and whatever could be chosen instead.
fn aliases(inputs: &Inputs, suite: &SuiteInputs) -> BTreeSet<String> {
    let Some(project) = inputs.loaded() else { return BTreeSet::new() };
    let spec = &suite.doc.value;
    if let Some(own) = project.own_model(spec) {
        return BTreeSet::from([own.to_owned()]);
    }
    let models = project.models.value.models.iter();
    let network = models.filter(|(_, model)| !model.provider.is_embedded()).map(|(alias, _)| alias.clone());
    network.chain(project.aliases_of(spec).unwrap_or_default()).collect()
}

/// Keys that a run of this plan asks for.
fn needed_by(inputs: &Inputs, plan: &SuitePlan, needed: &mut BTreeSet<String>) -> Result<(), Vec<Problem>> {
    let store = Store::new(&inputs.root(), DIR);
    let failed = |message: String| vec![Problem::of_file(&plan.dataset.file, message)];
    for case in &plan.dataset.cases {
        for request in requests(&store, plan, case).map_err(failed)? {
            let key = request.key();
            if asks_about_answers(plan) {
                for answer in &answers(&store, plan, &request).map_err(failed)? {
                    needed.extend(about_answer(&store, plan, case, answer).map_err(failed)?);
                }
            }
            needed.insert(key);
        }
        needed.extend(asked_before(&store, plan, case).map_err(failed)?.1);
    }
    Ok(())
}

/// The answers to a request that are at hand.
fn answers(store: &Store, plan: &SuitePlan, request: &Request) -> Result<Vec<Answer>, String> {
    if plan.model.card().embedded {
        // Its answers are not recorded: asking it is how to know what is asked about them.
        return Ok(embedded_answer(&plan.model, plan.task.template(), request, 0).into_iter().collect());
    }
    let draws = store.draws(&request.key()).map_err(|error| error.to_string())?;
    Ok(draws.into_iter().map(|recorded| recorded.answer).collect())
}

/// The requests for the task's answer to a case: one, or of a graph one for each draw of the answers before it.
fn requests(store: &Store, plan: &SuitePlan, case: &Case) -> Result<Vec<Request>, String> {
    let (model, spec) = (plan.model.card(), &plan.model_spec);
    if let Some(request) = plan.task.request(model, spec, &case.input_text)? {
        return Ok(vec![request]);
    }
    let walks = asked_before(store, plan, case)?.0;
    let known = walks.iter().filter_map(|walked| walked.answers().ok());
    known.map(|answers| plan.task.ask(plan.task.output(), model, spec, &case.input_text, &answers)).collect()
}

/// The nodes before a graph's output, as far as answers are at hand, for every draw of those that read no other; and
/// the keys of all that they ask.
fn asked_before(store: &Store, plan: &SuitePlan, case: &Case) -> Result<(Vec<Walked>, Vec<String>), String> {
    let roots = plan.task.upstream().iter().filter(|node| node.reads.is_empty());
    let mut draws = BTreeSet::from([(Stream::Main, 0)]);
    for node in roots {
        let (client, spec) = plan.asked_by(node);
        let request = plan.task.ask(node, client.card(), spec, &case.input_text, &BTreeMap::new())?;
        let recorded = store.draws(&request.key()).map_err(|error| error.to_string())?;
        draws.extend(recorded.iter().map(|recorded| (recorded.stream, recorded.index)));
    }
    let (mut walks, mut keys) = (Vec::new(), Vec::new());
    for (stream, index) in draws {
        let walked = super::block_on(walk::upstream(plan, case, stream, index, Reach::Recorded))?;
        keys.extend(walked.steps.iter().filter_map(|step| Some(step.request.as_ref()?.key())));
        walks.push(walked);
    }
    Ok((walks, keys))
}

/// A judge or a check of the plan asks a model that is recorded.
fn asks_about_answers(plan: &SuitePlan) -> bool {
    let judge = plan.judge.iter().map(|judge| &judge.client);
    let embedders = plan.scoring.embedders();
    let checks = embedders.values().map(|embedder| &embedder.client);
    judge.chain(checks).any(|client| !client.card().embedded)
}

/// Keys that scoring an answer asks for.
fn about_answer(
    store: &Store,
    plan: &SuitePlan,
    case: &Case,
    answer: &Answer,
) -> Result<Vec<String>, String> {
    let embeddings = plan.scoring.embeddings(case, Some(answer));
    let mut keys: Vec<String> =
        embeddings.iter().filter_map(|embedding| Some(embedding.request.as_ref()?.key())).collect();
    if let Some(judge) = &plan.judge {
        keys.extend(asked_of_judge(store, judge, case, answer)?);
    }
    Ok(keys)
}

/// What rescoring the answers of a baseline asks for: the whole text of each, from the file or its recording.
fn about_baseline(store: &Store, plan: &SuitePlan, baseline: &Baseline, needed: &mut BTreeSet<String>) {
    for (case, sample) in baseline
        .cases
        .iter()
        .filter_map(|past| Some((plan.case(&past.id)?.1, &past.samples)))
        .flat_map(|(case, samples)| samples.iter().map(move |sample| (case, sample)))
    {
        // What cannot be rendered or read cannot be asked about either.
        if let Some(answer) = stored_answer(plan, sample) {
            needed.extend(about_answer(store, plan, case, &answer).unwrap_or_default());
        }
    }
}

/// The roles and the synthesis of the suite's task as a graph, where it has some.
fn roles(inputs: &Inputs, suite: &SuiteInputs) -> Option<TaskSpec> {
    let project = inputs.loaded()?;
    let name = suite.doc.value.task.as_ref()?;
    let roles = project.perspectives.value.perspectives.get(name)?;
    Some(roles.as_task(project.graph.value.tasks.get(name)?))
}

/// What calibrating the plan's judge asks about the labelled answers.
fn about_labels(inputs: &Inputs, suite: &SuiteInputs, plan: &SuitePlan, needed: &mut BTreeSet<String>) {
    let (Some(judge), Some(spec)) = (&plan.judge, &plan.spec.judge) else { return };
    if judge.client.card().embedded {
        return;
    }
    // Labels that cannot be read were not asked about.
    let Ok((labels, _)) = labels::read(&inputs.root(), &spec.labels) else { return };
    let Ok(cases) = calibrate::cases(inputs, suite, &labels, &spec.labels) else { return };
    let store = Store::new(&inputs.root(), DIR);
    for (label, case) in labels.iter().zip(&cases) {
        let answer = Answer::embedded(label.output.clone(), "");
        needed.extend(asked_of_judge(&store, judge, case, &answer).unwrap_or_default());
    }
}

/// Keys of what a judge is asked about an answer.
fn asked_of_judge(store: &Store, judge: &Judge, case: &Case, answer: &Answer) -> Result<Vec<String>, String> {
    let request = judge.request(case, answer)?;
    let replies = store.draws(&request.key()).map_err(|error| error.to_string())?;
    let again = replies.iter().filter_map(|reply| judge.follow_up(&request, &reply.answer.text));
    Ok(again.map(|request| request.key()).chain([request.key()]).collect())
}

/// What a judge of pairs is asked about accepted answers and those of a run of this plan, in both orders.
fn about_pairs(store: &Store, plan: &SuitePlan, baseline: &Baseline, needed: &mut BTreeSet<String>) {
    let Some(judge) = plan.judge.as_ref().filter(|judge| judge.pairwise.is_some()) else { return };
    for past in &baseline.cases {
        let Some((_, case)) = plan.case(&past.id) else { continue };
        let Some(accepted) = past.samples.iter().find_map(|sample| stored_answer(plan, sample)) else {
            continue;
        };
        // What cannot be rendered or read cannot be asked about either.
        let asked = requests(store, plan, case).unwrap_or_default();
        for answer in asked.iter().flat_map(|request| answers(store, plan, request).unwrap_or_default()) {
            for (a, b) in [(&accepted, &answer), (&answer, &accepted)] {
                needed.extend(judge.compare_request(case, a, b).map(|request| request.key()));
            }
        }
    }
}

/// What an embedded model answers: asking it costs nothing.
pub(super) fn embedded_answer(
    client: &Client,
    template: &Template,
    request: &Request,
    index: u32,
) -> Option<Answer> {
    let draw = Draw { key: request.key(), stream: Stream::Main, index };
    let prompt = Some(PromptTag { name: &template.name, sha256: &template.sha256 });
    let answered = super::block_on(client.ask(Call { request, draw: &draw, prompt, recorded_only: true }));
    Some(answered.ok()?.ok()?.answer)
}

fn keys_of(baseline: &Baseline, needed: &mut BTreeSet<String>) {
    for sample in baseline.cases.iter().flat_map(|case| &case.samples) {
        needed.insert(sample.key.clone());
        needed.extend(sample.judge.as_ref().and_then(|judge| judge.key.clone()));
    }
}

/// The first line of a request that says something of its own: the start of its last message's data.
#[must_use]
pub fn about(request: &Request) -> String {
    let text = request.messages.last().map_or("", |message| message.content.as_str());
    let fenced = text
        .rsplit_once("\n<input_data")
        .map_or(text, |(_, data)| data.split_once('\n').map_or("", |(_, d)| d));
    fenced.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::recording::store::tests::{recorded, request};

    fn entry(asks: &str, answer: &str) -> Entry {
        let request = request("m", asks);
        let key = request.key();
        let (format, generated) = (FORMAT, String::new());
        let recording =
            Recording { format, generated, key: key.clone(), request, draws: vec![recorded(0, answer)] };
        Entry { key, path: PathBuf::new(), bytes: 0, recording: Ok(recording) }
    }

    #[test]
    fn answers_that_an_accepted_request_quotes_are_needed_and_theirs_in_turn() {
        let first = entry("the case", "three cracks");
        let second = entry("facts: three cracks", "repair it\n");
        let last = entry("advice: repair it", "pass");
        let other = entry("another case", "no cracks");
        let keys = |all: &[&Entry]| all.iter().map(|entry| entry.key.clone()).collect::<BTreeSet<_>>();
        let entries = [first.clone(), second.clone(), last.clone(), other];
        assert_eq!(quoted(&entries, keys(&[&last])), keys(&[&first, &second]));
        assert_eq!(quoted(&entries, BTreeSet::new()), BTreeSet::new());
    }
}
