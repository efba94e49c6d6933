//! What production runs: a prompt graph, a model and an output schema. The evals run the very same code.
//!
//! This build runs graphs of one node; graph, perspectives and synthesis take their places beside this file.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::config::models::ModelSpec;
use crate::config::suite::SuiteSpec;
use crate::config::{Problem, Project};
use crate::llm::{Message, ModelCard, Operation, Request, Role};
use crate::prompt::{Purpose, Template};

/// A task, loaded and checked.
#[derive(Debug, Clone)]
pub struct Task {
    /// Name in `config/prompt_graph.yml`, or the suite's name for a `prompt:` suite.
    pub name: String,
    /// The prompt of its one node.
    pub template: Template,
    /// JSON Schema of the answer.
    pub output_schema: Option<Value>,
}

impl Task {
    /// The task that a suite runs; `prompt` replaces the task's own prompt for this run.
    ///
    /// # Errors
    /// Every problem of the prompt and the schema.
    pub fn load(project: &Project, suite: &SuiteSpec, prompt: Option<&str>) -> Result<Self, Vec<Problem>> {
        let spec = suite.task.as_ref().and_then(|name| Some((name, project.graph.value.tasks.get(name)?)));
        let (name, file, schema_file) = match (spec, &suite.prompt) {
            (Some((name, spec)), _) => {
                let Some(node) = spec.nodes.values().next() else {
                    return Err(vec![Problem::of_file(
                        &project.graph.file,
                        format!("task `{name}` has no node"),
                    )]);
                };
                (name.clone(), node.prompt.clone(), spec.output_schema.clone())
            }
            (None, Some(prompt)) => (suite.suite.clone(), prompt.clone(), None),
            (None, None) => {
                return Err(vec![Problem::of_file(
                    &suite.suite,
                    "the suite has neither `task` nor `prompt`",
                )]);
            }
        };
        let mut problems = Vec::new();
        let template = Template::load(&project.root, prompt.unwrap_or(&file), Purpose::Task)
            .map_err(|found| problems.extend(found))
            .ok();
        let output_schema = match schema_file.map(|file| read_json(&project.root, &file)) {
            Some(Ok(schema)) => Some(schema),
            Some(Err(problem)) => {
                problems.push(problem);
                None
            }
            None => None,
        };
        match template {
            Some(template) if problems.is_empty() => Ok(Self { name, template, output_schema }),
            _ => Err(problems),
        }
    }

    /// The request that asks `model` about one input (JSON text).
    ///
    /// # Errors
    /// A template that cannot be rendered.
    pub fn request(&self, model: &ModelCard, spec: &ModelSpec, input_text: &str) -> Result<Request, String> {
        let prompt = self.template.render(&BTreeMap::from([("input_data", input_text)]))?;
        Ok(request(model, spec, prompt, self.output_schema.clone()))
    }
}

/// A request of one user message.
pub(crate) fn request(model: &ModelCard, spec: &ModelSpec, prompt: String, schema: Option<Value>) -> Request {
    Request {
        provider: model.provider,
        model_id: model.model_id.clone(),
        revision: spec.revision.clone(),
        system: None,
        messages: vec![Message { role: Role::User, content: prompt }],
        params: spec.params.clone(),
        // What is not sent must not be in the key.
        schema: schema.filter(|_| spec.structured_output),
        operation: Operation::Chat,
    }
}

/// A JSON file of the project.
///
/// # Errors
/// One problem: unreadable, or not JSON (with its line).
pub fn read_json(root: &Path, file: &str) -> Result<Value, Problem> {
    let bytes = crate::files::read(&root.join(file))
        .map_err(|error| Problem::of_file(file, format!("cannot be read: {error}")))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Problem::of_file(file, format!("not valid JSON: {error}")).at_line(error.line()))
}
