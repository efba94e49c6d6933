//! From a pin to a task that can be asked.

use std::sync::Arc;

use super::Production;
use crate::config::document::parse_yaml;
use crate::config::graph::{FILE as GRAPH, TaskSpec};
use crate::config::live::{FILE as LIVE, LiveSpec};
use crate::config::pins::FILE;
use crate::config::suite::{JudgeSpec, SuiteSpec};
use crate::config::{Document, Problem, Project, Step, did_you_mean};
use crate::dataset::Dataset;
use crate::eval::plan::{Options, SuitePlan};
use crate::llm::Hub;
use crate::pipeline::{Inputs, money};
use crate::prompt::content_sha256;
use crate::task::schema::{file_sha256, prepare, read};

impl Production {
    /// Spend from one account, if the run has a limit.
    ///
    /// # Errors
    /// A model without a known price under a limit; the account cannot be opened.
    pub fn open_account(&self, inputs: &Inputs) -> Result<(), Problem> {
        for plan in [Some(&self.plan), self.fallback.as_ref()].into_iter().flatten() {
            if let Some(problem) = money::problems(inputs, plan).into_iter().next() {
                return Err(problem);
            }
            money::open_account_of(inputs, plan)?;
        }
        Ok(())
    }

    /// Load a task as it is pinned.
    ///
    /// # Errors
    /// No such pin or task; texts that are others than pinned; problems of prompt, schemas, checks or models.
    pub fn load(inputs: &Inputs, task: &str) -> Result<Self, Vec<Problem>> {
        Self::load_on(inputs, &inputs.hub, task)
    }

    /// The same, asking and recording through this hub.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_on(inputs: &Inputs, hub: &Hub, task: &str) -> Result<Self, Vec<Problem>> {
        if !inputs.problems.is_empty() {
            return Err(inputs.problems.clone());
        }
        let project = inputs.loaded().ok_or_else(|| inputs.problems.clone())?;
        let pins = &project.pins;
        let spec = project.graph.value.tasks.get(task);
        let (Some(pin), Some(spec)) = (pins.value.pins.get(task), spec) else {
            let mut problem = Problem::of_file(FILE, format!("no task `{task}` is pinned"));
            let known = pins.value.pins.keys().map(String::as_str).filter(|name| *name != "judge");
            problem.hint = did_you_mean(task, known);
            return Err(vec![problem]);
        };
        let plan = plan((inputs, hub), project, (task, spec), (&pin.model, &pin.prompt), None)?;
        let at = |key: &str| ["pins", task, key].map(Step::from);
        let mut problems = Vec::new();
        let mut hold = |key: &str, what: &str, pinned: Option<&String>, now: Option<String>| {
            if pinned.is_some_and(|pinned| !now.is_some_and(|now| now.eq_ignore_ascii_case(pinned))) {
                let message = format!("{what} is another than pinned");
                let hint = "take the edit back, or pin what was accepted (`llmx pins check` says more)";
                problems.push(pins.problem(&at(key), message).hint(hint));
            }
        };
        let prompt = content_sha256(&project.root, &pin.prompt).map_err(|problem| vec![problem])?;
        let schema = spec.output_schema.as_ref().and_then(|file| file_sha256(&project.root, file));
        hold("prompt_sha256", "the prompt's text", Some(&pin.prompt_sha256), Some(prompt));
        hold(
            "graph_sha256",
            "the task's graph",
            pin.graph_sha256.as_ref(),
            plan.identity.graph_sha256.clone(),
        );
        hold(
            "kb_sha256",
            "the task's knowledge base",
            pin.kb_sha256.as_ref(),
            plan.identity.kb_sha256.clone(),
        );
        hold("schema_sha256", "the task's output schema", pin.schema_sha256.as_ref(), schema);
        if !problems.is_empty() {
            return Err(problems);
        }
        let fallback = pin
            .fallback
            .as_ref()
            .map(|alias| self::plan((inputs, hub), project, (task, spec), (alias, &pin.prompt), None));
        let fallback = fallback.transpose()?.map(Arc::new);
        let input_schema = spec.input_schema.as_ref().map(|file| read(&project.root, file)).transpose();
        let input_schema = input_schema.map_err(|problem| vec![problem])?;
        let output_schema = plan.task.output_schema.clone();
        let prepared = |schema: &Option<serde_json::Value>, key: &str| {
            let message = |error: String| {
                let path = ["tasks", task, key].map(Step::from);
                vec![project.graph.problem(&path, error)]
            };
            schema.as_ref().map(|schema| prepare(schema).map_err(message)).transpose()
        };
        Ok(Self {
            name: task.to_owned(),
            input: prepared(&input_schema, "input_schema")?,
            output: prepared(&output_schema, "output_schema")?,
            schemas: (input_schema, output_schema),
            plan: Arc::new(plan),
            fallback,
            patience: None,
            sampled: None,
        })
    }
}

/// The plan that marks what a pinned task served: its own checks and those of `config/live.yml`, and that file's judge.
///
/// # Errors
/// As [`Production::load`]; a task that the file does not name; a judge that asks for a label.
pub(super) fn marking(inputs: &Inputs, task: &str) -> Result<(SuitePlan, LiveSpec), Vec<Problem>> {
    let project = inputs.loaded().ok_or_else(|| inputs.problems.clone())?;
    let live = project.live.value.tasks.get(task).ok_or_else(|| {
        let problem =
            Problem::of_file(LIVE, format!("says nothing of task `{task}`: none of its requests is kept"));
        let known = project.live.value.tasks.keys().map(String::as_str);
        let near = did_you_mean(task, known);
        vec![
            problem.hint(
                near.unwrap_or_else(|| format!("name it there: `tasks: {{ {task}: {{ share: 0.1 }} }}`")),
            ),
        ]
    })?;
    let pin = project.pins.value.pins.get(task);
    let (Some(pin), Some(spec)) = (pin, project.graph.value.tasks.get(task)) else {
        return Err(vec![Problem::of_file(FILE, format!("no task `{task}` is pinned"))]);
    };
    let hub = &inputs.hub;
    let plan = plan((inputs, hub), project, (task, spec), (&pin.model, &pin.prompt), Some(live))?;
    if let Some(judge) = &plan.judge
        && judge.template.placeholders().iter().any(|name| name == "expected")
    {
        let at = ["tasks", task, "judge", "prompt"].map(Step::from);
        let problem =
            project.live.problem(&at, "the prompt reads `{expected}`, and what is served has no label");
        return Err(vec![problem.hint("give it a rubric that holds the answer against the input alone")]);
    }
    Ok((plan, live.clone()))
}

/// The task on a model, with the checks that need no label.
fn plan(
    (inputs, hub): (&Inputs, &Hub),
    project: &Project,
    (task, spec): (&str, &TaskSpec),
    (alias, prompt): (&str, &str),
    live: Option<&LiveSpec>,
) -> Result<SuitePlan, Vec<Problem>> {
    let mut doc: Document<SuiteSpec> =
        parse_yaml(GRAPH, &format!("suite: {task}\ndataset: {GRAPH}\ntask: {task}\n"))?;
    doc.value.checks.clone_from(&spec.checks);
    if let Some(live) = live {
        doc.value.checks.extend(live.checks.iter().cloned());
        doc.value.judge = live.judge.as_ref().map(|judge| JudgeSpec::informing(&judge.prompt, &judge.model));
    }
    let dataset = Dataset { file: GRAPH.to_owned(), cases: Vec::new(), sha256: String::new() };
    let custom = &inputs.registry.checks;
    let options = Options { prompt: Some(prompt), custom, hub, graph: None, measured_by: None };
    SuitePlan::load(project, &doc, alias, Arc::new(dataset), options)
}
