//! Everything one suite needs on one model, loaded and checked before anything is asked.
//!
//! Planning touches no network and no runtime.

mod models;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::check::{CustomChecks, Parts};
use super::judge::labels::People;
use super::judge::{Judge, certificate, labels};
use super::record::{CaseRecord, Identity, MetricInfo, SuiteRecord};
use super::score::{Scoring, misspelt};
use crate::config::check::CheckSpec;
use crate::config::graph::TaskSpec;
use crate::config::models::ModelSpec;
use crate::config::suite::{JUDGE_MEAN, PASS_RATE, SuiteSpec, Uncertified};
use crate::config::{Document, Problem, Project, Step};
use crate::dataset::{Case, Dataset, grouped};
use crate::json::{canonical, sha256_hex};
use crate::llm::{Client, Hub};
use crate::prompt::{Purpose, Template};
use crate::task::graph::Node;
use crate::task::{Task, schema};
use models::{embedder, speaker, speaker_of};

/// One suite on one model.
pub struct SuitePlan {
    /// The suite as written.
    pub spec: SuiteSpec,
    /// Alias of the model under test.
    pub alias: String,
    /// What production runs.
    pub task: Task,
    /// The model under test.
    pub model: Client,
    /// Its configuration.
    pub model_spec: ModelSpec,
    /// Other models that nodes insist on, by alias.
    pub others: BTreeMap<String, (Client, ModelSpec)>,
    /// The judge, where the suite has one.
    pub judge: Option<Judge>,
    /// The cases.
    pub dataset: Arc<Dataset>,
    /// Checks and metrics, compiled.
    pub scoring: Scoring,
    /// Why the suite's judge, which is meant to fail cases or to gate its metric, only informs.
    pub judge_informs: Option<String>,
    /// The suite wants its judge to fail cases, whether or not it may.
    pub judge_is_to_block: bool,
    /// Hashes and names of everything that decides an answer or a score.
    pub identity: Identity,
}

/// What a plan needs besides the project's files.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Prompt file that replaces the task's own.
    pub prompt: Option<&'a str>,
    /// Closures registered in `evals/main.rs`.
    pub custom: &'a CustomChecks,
    /// Where models come from.
    pub hub: &'a Hub,
    /// Graph that replaces the task's own.
    pub graph: Option<&'a TaskSpec>,
    /// Project whose judge, certificate, labels and schemas score the answers instead of the project's own: the merge
    /// base's.
    pub measured_by: Option<&'a Project>,
}

impl SuitePlan {
    /// Load and check everything.
    ///
    /// # Errors
    /// Every problem of the suite's inputs on this model.
    pub fn load(
        project: &Project,
        doc: &Document<SuiteSpec>,
        alias: &str,
        dataset: Arc<Dataset>,
        options: Options<'_>,
    ) -> Result<Self, Vec<Problem>> {
        let mut spec = doc.value.clone();
        let judge_is_to_block = spec.judge.as_ref().is_some_and(|judge| judge.blocking);
        let mut problems = Vec::new();
        let measure = options.measured_by.unwrap_or(project);
        let task = Task::load(project, &spec, options.prompt, options.graph)
            .map_err(|found| problems.extend(found))
            .ok();
        let nothing = task.as_ref().and_then(|task| {
            task.kb.as_ref()?.asks_nothing(dataset.cases.iter().map(|case| case.input_text.as_str()))
        });
        if let Some(message) = nothing {
            let message = format!("{message} of {}, so no prompt gets a passage", dataset.file);
            problems.push(
                project.kb.problem(&["query".into()], message).hint(
                    "name where the question stands in the input, as a JSON pointer; `\"\"` is all of it",
                ),
            );
        }
        let alias = alias.to_owned();
        let model = speaker(project, options.hub, &alias).map_err(|problem| problems.push(problem)).ok();
        let mut others = BTreeMap::new();
        let nodes = task.iter().flat_map(|task| task.upstream().iter().chain([task.output()]));
        let insisted = nodes.filter_map(|node| node.model.as_ref()).filter(|model| **model != alias);
        for alias in insisted.collect::<std::collections::BTreeSet<_>>() {
            match speaker(project, options.hub, alias) {
                Ok(found) => {
                    others.insert(alias.clone(), found);
                }
                Err(problem) => problems.push(problem),
            }
        }
        let judge = match (&spec.judge, measure.judge_alias(&spec)) {
            (Some(judge), Some(judge_alias)) => {
                let template = Template::load(&measure.root, &judge.prompt, Purpose::Judge)
                    .map_err(|found| problems.extend(found))
                    .ok();
                let pairwise = judge.pairwise.as_ref().and_then(|prompt| {
                    Template::load(&measure.root, prompt, Purpose::Pairwise)
                        .map_err(|found| problems.extend(found))
                        .ok()
                });
                let client = speaker_of(project, measure, options.hub, &judge_alias)
                    .map_err(|problem| problems.push(problem))
                    .ok();
                template.zip(client).map(|(template, (client, model))| Judge {
                    client,
                    model,
                    template,
                    pairwise,
                    pass_at: judge.pass_at,
                    blocking: judge.blocking,
                    samples: judge.samples,
                    people: Arc::default(),
                })
            }
            _ => None,
        };
        let mut judge: Option<Judge> = judge;
        let judge_sha256 = judge.as_ref().map(judge_hash);
        let judge_informs = judge
            .as_ref()
            .and_then(|judge| standing(measure, doc, judge, &mut spec).map_err(|p| problems.push(p)).ok())
            .flatten();
        if let Some(judge) = &mut judge {
            judge.blocking &= judge_informs.is_none();
            // A gated judge has a certificate, so it has labels.
            if gates_judge(&spec) {
                judge.people =
                    people(&measure.root, &spec).map_err(|found| problems.extend(found)).unwrap_or_default();
            }
        }
        let models = |alias: &str| embedder(project, measure, options.hub, alias);
        let parts =
            Parts { root: &project.root, files: &measure.root, custom: options.custom, models: &models };
        let scoring = Scoring::compile(&spec, &doc.file, &dataset, parts)
            .map_err(|found| problems.extend(found.into_iter().map(|problem| located(doc, problem))))
            .ok();
        // The merge base's checks on today's labels may lack what was renamed since.
        if options.measured_by.is_none() {
            let found = misspelt::find(&spec, &doc.file, &dataset);
            problems.extend(found.into_iter().map(|problem| located(doc, problem)));
        }
        let (Some(task), Some((model, model_spec)), Some(scoring), true) =
            (task, model, scoring, problems.is_empty())
        else {
            // One cause, several suites' worth of symptoms: say each thing once.
            problems.sort();
            problems.dedup();
            return Err(problems);
        };
        let dataset = grouped(&dataset, |input| task.question(input)).map_or(dataset, Arc::new);
        let identity = Identity {
            task: task.name.clone(),
            prompt: task.template().name.clone(),
            prompt_sha256: task.template().sha256.clone(),
            kb_sha256: task.kb.as_ref().map(|kb| kb.sha256()),
            graph_sha256: graph_hash(&task, &model_spec, &others),
            dataset: dataset.file.clone(),
            dataset_sha256: dataset.sha256.clone(),
            checks_sha256: checks_hash(&measure.root, &spec, &scoring),
            judge_sha256,
        };
        Ok(Self {
            spec,
            alias,
            task,
            model,
            model_spec,
            others,
            judge,
            dataset,
            scoring,
            judge_informs,
            judge_is_to_block,
            identity,
        })
    }

    /// Metrics in reporting order: as the suite says, then the primary, the gated, the rest.
    #[must_use]
    pub fn metrics(&self) -> Vec<MetricInfo> {
        let mut names = self.spec.report.order.clone();
        names.push(self.spec.gate.primary.clone());
        names.extend(self.spec.gate.also.iter().cloned());
        names.extend(self.spec.metric_names());
        if self.judge.is_none() {
            names.retain(|name| name != JUDGE_MEAN);
        }
        let mut metrics: Vec<MetricInfo> = Vec::new();
        for name in names {
            if !metrics.iter().any(|m| m.name == name) {
                let lower_is_better = self.spec.metrics.get(&name).is_some_and(|m| m.lower_is_better);
                metrics.push(MetricInfo { name, lower_is_better });
            }
        }
        metrics
    }

    /// The same request gets the same answer and the same score, always: the model declares it, and so do the judge
    /// and the models that checks ask, where there are such.
    #[must_use]
    pub fn deterministic(&self) -> bool {
        let judge = self.judge.as_ref().is_none_or(|judge| judge.client.card().deterministic);
        let embedders = self.scoring.embedders();
        let checks = embedders.values().all(|embedder| embedder.client.card().deterministic);
        self.answerers().all(|client| client.card().deterministic) && judge && checks
    }

    /// The judge may fail a case or move the gate; absent without a judge that is meant to.
    #[must_use]
    pub fn judge_may_fail(&self) -> Option<bool> {
        match (&self.judge, &self.judge_informs) {
            (None, _) => None,
            (Some(_), Some(_)) => Some(false),
            (Some(judge), None) => (judge.blocking || gates_judge(&self.spec)).then_some(true),
        }
    }

    /// Nothing may fail this case: no check, and no judge that may.
    #[must_use]
    pub fn is_unjudged(&self, case: &Case) -> bool {
        self.judge.is_some() && self.judge_may_fail() != Some(true) && !self.scoring.may_fail(case)
    }

    /// Nothing measures the suite, and its policy does not take that for a pass: every case is unjudged, and the gate
    /// compares nothing but the cases' passes.
    #[must_use]
    pub fn measures_nothing(&self) -> bool {
        let gated = std::iter::once(&self.spec.gate.primary).chain(&self.spec.gate.also);
        self.spec.judge.as_ref().is_some_and(|judge| judge.uncertified == Uncertified::Inconclusive)
            && gated.into_iter().all(|metric| metric == PASS_RATE || metric == JUDGE_MEAN)
            && self.judge_may_fail() != Some(true)
            && self.dataset.cases.iter().all(|case| self.is_unjudged(case))
    }

    /// Every model that answers for the task lives in this program: asking costs nothing.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.answerers().all(|client| client.card().embedded)
    }

    /// A decision rests on the judge: it can fail a case, or its metric is gated.
    #[must_use]
    pub fn needs_judge(&self) -> bool {
        self.judge.as_ref().is_some_and(|judge| judge.blocking || gates_judge(&self.spec))
    }

    /// The record of this suite with these results.
    #[must_use]
    pub fn record(&self, cases: Vec<Arc<CaseRecord>>) -> SuiteRecord {
        SuiteRecord {
            suite: self.spec.suite.clone(),
            model: self.model.card().clone(),
            judge: self.judge.as_ref().map(|judge| judge.client.card().clone()),
            identity: self.identity.clone(),
            metrics: self.metrics(),
            slice_names: self.spec.gate.slices.clone(),
            dataset_cases: self.dataset.cases.len(),
            cases,
        }
    }

    /// Who answers a node: the model that it insists on, else the model under test.
    #[must_use]
    pub fn asked_by(&self, node: &Node) -> (&Client, &ModelSpec) {
        let own = node.model.as_ref().and_then(|alias| self.others.get(alias));
        own.map_or((&self.model, &self.model_spec), |(client, spec)| (client, spec))
    }

    /// Every model that answers for the task: the one under test, and those that nodes insist on.
    pub fn answerers(&self) -> impl Iterator<Item = &Client> {
        std::iter::once(&self.model).chain(self.others.values().map(|(client, _)| client))
    }

    /// The case with this id and its position.
    #[must_use]
    pub fn case(&self, id: &str) -> Option<(usize, &Case)> {
        self.dataset.cases.iter().enumerate().find(|(_, case)| case.id == id)
    }
}

/// A problem of a check of the suite, with the line on which that check stands.
fn located(doc: &Document<SuiteSpec>, problem: Problem) -> Problem {
    let spec = &doc.value;
    let checks = (0..spec.checks.len()).map(|i| (format!("checks[{i}]."), ["checks".into(), Step::Index(i)]));
    let metrics = spec
        .metrics
        .keys()
        .map(|name| (format!("metrics.{name}."), ["metrics".into(), name.as_str().into()]));
    match checks.chain(metrics).find(|(key, _)| problem.file == doc.file && problem.key.starts_with(key)) {
        Some((_, path)) => {
            let place = doc.problem(&path, "");
            Problem { line: place.line, column: place.column, ..problem }
        }
        None => problem,
    }
}

/// SHA-256 over the nodes of a task and the models that they insist on; none for a task of one node, whose prompt and
/// model say everything.
fn graph_hash(
    task: &Task,
    model: &ModelSpec,
    others: &BTreeMap<String, (Client, ModelSpec)>,
) -> Option<String> {
    if task.upstream().is_empty() {
        return None;
    }
    let nodes: Vec<Value> = task.upstream().iter().chain([task.output()]).map(Node::identity).collect();
    let identity = |spec: &ModelSpec| {
        let mut identity = json!({ "params": spec.params, "revision": spec.revision });
        if let (true, Some(members)) = (spec.structured_output, identity.as_object_mut()) {
            members.insert("structured_output".to_owned(), true.into());
        }
        identity
    };
    let models: BTreeMap<&String, Value> = others
        .iter()
        .map(|(alias, (client, spec))| {
            let card = client.card();
            let of = json!({ "provider": card.provider, "model_id": card.model_id, "spec": identity(spec) });
            (alias, of)
        })
        .collect();
    // The model of the run by what it is asked with; which one it is says the record.
    let own = json!({ "spec": identity(model), "schema": task.output_schema });
    Some(sha256_hex(canonical(&json!({ "nodes": nodes, "models": models, "own": own }))))
}

/// SHA-256 over what decides a judge's word: its prompt, its model and the threshold, and whether it is meant to block.
fn judge_hash(judge: &Judge) -> String {
    let mut identity = judge_identity(judge);
    if let Some(members) = identity.as_object_mut() {
        members.insert("blocking".to_owned(), judge.blocking.into());
    }
    sha256_hex(canonical(&identity))
}

/// SHA-256 over what a judge is, whatever it is used for: what its certificate is bound to.
#[must_use]
pub fn judge_certified_hash(judge: &Judge) -> String {
    sha256_hex(canonical(&judge_identity(judge)))
}

/// The model that judges, as far as it decides a score.
#[must_use]
pub fn judge_model(judge: &Judge) -> Value {
    let card = judge.client.card();
    json!({ "provider": card.provider, "model_id": card.model_id, "revision": judge.model.revision, "params": judge.model.params })
}

fn judge_identity(judge: &Judge) -> Value {
    let card = judge.client.card();
    let mut identity = json!({
        "prompt": judge.template.sha256,
        "provider": card.provider,
        "model_id": card.model_id,
        "params": judge.model.params,
        "pass_at": judge.pass_at,
    });
    // One judgement is how every judge began; its hash stays what it was.
    if let (true, Some(members)) = (judge.samples > 1, identity.as_object_mut()) {
        members.insert("samples".to_owned(), judge.samples.into());
    }
    identity
}

/// The judge's metric takes part in the gate.
fn gates_judge(spec: &SuiteSpec) -> bool {
    spec.gate.primary == JUDGE_MEAN || spec.gate.also.iter().any(|name| name == JUDGE_MEAN)
}

/// What people said about answers.
fn people(root: &Path, spec: &SuiteSpec) -> Result<Arc<People>, Vec<Problem>> {
    let Some(judge) = &spec.judge else { return Ok(Arc::default()) };
    labels::read(root, &judge.labels).map(|(labels, _)| Arc::new(People::of(labels)))
}

/// Why a judge that is meant to fail something may not, and then a specification in which it does not.
fn standing(
    project: &Project,
    doc: &Document<SuiteSpec>,
    judge: &Judge,
    spec: &mut SuiteSpec,
) -> Result<Option<String>, Problem> {
    if !judge.blocking && !gates_judge(spec) {
        return Ok(None);
    }
    let labels = spec.judge.as_ref().map_or("", |judge| judge.labels.as_str());
    let why = certificate::why_not(&project.root, &spec.suite, labels, &judge_certified_hash(judge))?;
    let Some(why) = why else { return Ok(None) };
    if spec.gate.primary == JUDGE_MEAN {
        let message = format!("the judge may not decide the gate: {why}");
        return Err(doc.problem(&["gate".into(), "primary".into()], message));
    }
    spec.gate.also.retain(|name| name != JUDGE_MEAN);
    if let Some(judge) = &mut spec.judge {
        judge.blocking = false;
    }
    Ok(Some(why))
}

/// SHA-256 over what decides scores besides the judge: checks, metrics, the bytes of their schema files and the models
/// they ask.
fn checks_hash(root: &Path, spec: &SuiteSpec, scoring: &Scoring) -> String {
    let all = spec.checks.iter().chain(spec.metrics.values().map(|metric| &metric.check));
    let schemas: Vec<Value> = all
        .filter_map(|check| check.args.schema.as_ref())
        .map(|file| schema::file_sha256(root, file).map_or(Value::Null, Value::from))
        .collect();
    let mut text = json!({
        "checks": spec.checks.iter().map(CheckSpec::canonical).collect::<Vec<_>>(),
        "metrics": spec.metrics.iter().map(|(name, m)| (name.clone(), m.canonical())).collect::<BTreeMap<_, _>>(),
        "schemas": schemas,
    });
    let embedders: BTreeMap<&str, Value> = scoring
        .embedders()
        .into_iter()
        .map(|(alias, embedder)| (alias, Value::from(embedder.request("").key())))
        .collect();
    // Absent where no check asks a model: the hashes of all other suites stay what they are.
    if let (false, Some(members)) = (embedders.is_empty(), text.as_object_mut()) {
        members.insert("embedders".to_owned(), json!(embedders));
    }
    sha256_hex(canonical(&text))
}
