//! What production runs: a prompt graph, a model and an output schema. The evals run the very same code.
//!
//! Here a task is loaded, and its requests are put together; [`graph`] knows which node reads which. Asking is the
//! caller's.

pub mod graph;
pub mod schema;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::config::graph::{NodeSpec, TASK_MODEL, TaskSpec};
use crate::config::models::ModelSpec;
use crate::config::suite::SuiteSpec;
use crate::config::text::read_text;
use crate::config::{Problem, Project, Step};
use crate::files;
use crate::json::why;
use crate::kb::context::Retriever;
use crate::llm::{Message, ModelCard, Operation, Request, Role};
use crate::prompt::{Purpose, Template};
use graph::{KB_CONTEXT, Node, in_order};

/// Name of the only node of a `prompt:` suite.
const ONLY: &str = "answer";

/// A task, loaded and checked.
#[derive(Debug, Clone)]
pub struct Task {
    /// Name in `config/prompt_graph.yml`, or the suite's name for a `prompt:` suite.
    pub name: String,
    upstream: Vec<Node>,
    output: Node,
    /// Where passages come from, if a prompt asks for them.
    pub kb: Option<Arc<Retriever>>,
    /// JSON Schema of the answer.
    pub output_schema: Option<Value>,
}

impl Task {
    /// The task that a suite runs; `prompt` replaces the prompt of its output node for this run, `instead` its graph.
    ///
    /// # Errors
    /// Every problem of the prompts, of the graph and of the schema.
    pub fn load(
        project: &Project,
        suite: &SuiteSpec,
        prompt: Option<&str>,
        instead: Option<&TaskSpec>,
    ) -> Result<Self, Vec<Problem>> {
        let spec = suite.task.as_ref().and_then(|name| Some((name, project.graph.value.tasks.get(name)?)));
        let Some((name, spec)) = spec else {
            let Some(file) = &suite.prompt else {
                let message = "the suite has neither `task` nor `prompt`";
                return Err(vec![Problem::of_file(&suite.suite, message)]);
            };
            let template = Template::load(&project.root, prompt.unwrap_or(file), Purpose::Task)?;
            let output = Node::alone(ONLY, template);
            let kb = passages(project, [&output])?;
            let (name, upstream) = (suite.suite.clone(), Vec::new());
            return Ok(Self { name, upstream, output, kb, output_schema: None });
        };
        let spec = instead.unwrap_or(spec);
        let mut problems = Vec::new();
        let output = spec.output_node().unwrap_or_default();
        let mut nodes = Vec::new();
        for (node, written) in &spec.nodes {
            let others: Vec<&str> =
                spec.nodes.keys().filter(|other| *other != node).map(String::as_str).collect();
            let file = prompt.filter(|_| node == output).unwrap_or(&written.prompt);
            match Template::load_among(&project.root, file, Purpose::Task, &others) {
                Ok(template) => nodes.push(loaded(node, written, template, &others)),
                Err(found) => problems.extend(found),
            }
        }
        let output_schema = match spec.output_schema.as_ref().map(|file| schema::read(&project.root, file)) {
            Some(Ok(schema)) => Some(schema),
            Some(Err(problem)) => {
                problems.push(problem);
                None
            }
            None => None,
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut nodes = in_order(nodes, output).map_err(|found| {
            let at = [Step::from("tasks"), Step::from(name.as_str()), Step::from("nodes")];
            found.into_iter().map(|message| project.graph.problem(&at, message)).collect::<Vec<_>>()
        })?;
        let Some(output) = nodes.pop() else {
            return Err(vec![Problem::of_file(&project.graph.file, format!("task `{name}` has no node"))]);
        };
        let kb = passages(project, nodes.iter().chain([&output]))?;
        Ok(Self { name: name.clone(), upstream: nodes, output, kb, output_schema })
    }

    /// The prompt under test: that of the output node.
    #[must_use]
    pub fn template(&self) -> &Template {
        &self.output.template
    }

    /// The node whose answer is the task's.
    #[must_use]
    pub fn output(&self) -> &Node {
        &self.output
    }

    /// The nodes that are asked before the output, each after those that it reads; empty for most tasks.
    #[must_use]
    pub fn upstream(&self) -> &[Node] {
        &self.upstream
    }

    /// The request that asks about one input (JSON text) where the task is one node; none for a graph, whose last
    /// question depends on the answers before it.
    ///
    /// # Errors
    /// A template that cannot be rendered.
    pub fn request(
        &self,
        model: &ModelCard,
        spec: &ModelSpec,
        input_text: &str,
    ) -> Result<Option<Request>, String> {
        if !self.upstream.is_empty() {
            return Ok(None);
        }
        self.ask(&self.output, model, spec, input_text, &BTreeMap::new()).map(Some)
    }

    /// The prompt that an input (JSON text) becomes, where that alone decides the request: two inputs that share it share
    /// every recorded draw. Of a graph, and of a prompt with passages, it is the input itself.
    #[must_use]
    pub fn question(&self, input_text: &str) -> String {
        let alone = self.upstream.is_empty() && !self.output.reads_kb();
        let prompt =
            alone.then(|| self.output.template.render(&BTreeMap::from([("input_data", input_text)])));
        prompt.and_then(Result::ok).unwrap_or_else(|| input_text.to_owned())
    }

    /// The request of one node, about one input (JSON text) and the answers (JSON text) of the nodes that it reads.
    ///
    /// # Errors
    /// A template that cannot be rendered.
    pub fn ask(
        &self,
        node: &Node,
        model: &ModelCard,
        spec: &ModelSpec,
        input_text: &str,
        answers: &BTreeMap<String, String>,
    ) -> Result<Request, String> {
        let mut values: BTreeMap<&str, &str> =
            answers.iter().map(|(name, answer)| (name.as_str(), answer.as_str())).collect();
        values.insert("input_data", input_text);
        let context =
            self.kb.as_ref().filter(|_| node.reads_kb()).map(|kb| kb.for_input(input_text).context());
        values.extend(context.as_deref().map(|context| (KB_CONTEXT, context)));
        let prompt = node.template.render(&values)?;
        let schema = self.output_schema.clone().filter(|_| node.name == self.output.name);
        Ok(request(model, spec, prompt, schema))
    }
}

/// The knowledge base, where one of the nodes asks for passages.
fn passages<'a>(
    project: &Project,
    nodes: impl IntoIterator<Item = &'a Node>,
) -> Result<Option<Arc<Retriever>>, Vec<Problem>> {
    if !nodes.into_iter().any(Node::reads_kb) {
        return Ok(None);
    }
    // A prompt that silently lacks a document would be another prompt.
    let (retriever, problems) = Retriever::load(&project.root, &project.kb.value);
    if problems.is_empty() { Ok(Some(Arc::new(retriever))) } else { Err(problems) }
}

fn loaded(name: &str, written: &NodeSpec, template: Template, others: &[&str]) -> Node {
    let mut reads: Vec<String> =
        template.placeholders().iter().filter(|name| others.contains(&name.as_str())).cloned().collect();
    reads.extend(written.when.as_ref().and_then(|when| when.node.clone()));
    reads.sort();
    reads.dedup();
    let model = Some(written.model.clone()).filter(|model| model != TASK_MODEL);
    Node { name: name.to_owned(), template, model, when: written.when.clone(), reads }
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
    if files::leads_out(root, file) {
        return Err(Problem::of_file(file, format!("cannot be read: {}", files::LEADS_OUT)));
    }
    let text = read_text(root, file)?;
    let text = text.ok_or_else(|| Problem::of_file(file, "cannot be read: there is no such file"))?;
    serde_json::from_str(&text).map_err(|error| {
        Problem::of_file(file, format!("not valid JSON: {}", why(&error))).at_line(error.line())
    })
}
