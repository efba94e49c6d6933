//! `config/prompt_graph.yml`: tasks, and the prompt of each that is under test.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::check::CheckSpec;
use super::document::{Document, Step};
use super::problem::Problem;

/// The file, relative to the project root.
pub const FILE: &str = "config/prompt_graph.yml";

/// Stands for the model chosen for the run.
pub const TASK_MODEL: &str = "@task";

/// The whole file.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GraphFile {
    /// Task name to task.
    pub tasks: BTreeMap<String, TaskSpec>,
}

/// What production runs: a prompt graph and an output schema.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskSpec {
    /// JSON Schema of the answer, relative to the project root.
    pub output_schema: Option<String>,
    /// JSON Schema of one input, relative to the project root: production refuses what does not obey it.
    #[serde(default)]
    pub input_schema: Option<String>,
    /// Checks that production holds every answer against, besides the output schema. None may need a label.
    #[serde(default)]
    pub checks: Vec<CheckSpec>,
    /// JSON Schema that every case of a dataset of this task obeys.
    pub case_schema: Option<String>,
    /// Rules that labels of this task obey: `rf_qaqc`, or a name registered in `evals/main.rs`.
    pub label_rules: Option<String>,
    /// Nodes by name. A node reads another one by its name as placeholder in its prompt.
    pub nodes: BTreeMap<String, NodeSpec>,
    /// The node whose answer is the task's; may be left out when there is one node.
    pub output: Option<String>,
}

/// One node: a prompt, a model, and when it is asked.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeSpec {
    /// Prompt file, relative to `prompts/`.
    pub prompt: String,
    /// Model alias, or `@task` for the model chosen for the run.
    #[serde(default = "task_model")]
    pub model: String,
    /// Ask only when this holds; else the node's answer is `null`.
    #[serde(default)]
    pub when: Option<When>,
}

/// A condition on the case's input, or on another node's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Node whose answer is looked at; absent: the case's input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// JSON pointer into it; `""` is all of it.
    pub path: String,
    /// What must stand there.
    pub value: Value,
    /// Turn the condition around.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not: bool,
}

/// Names that a prompt's placeholders have already.
const TAKEN: [&str; 6] = ["input_data", "kb_context", "expected", "output", "output_a", "output_b"];

/// A node's name is a placeholder, and the name of a fence.
fn is_node_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_lowercase())
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && !TAKEN.contains(&name)
}

impl TaskSpec {
    /// Name of the node whose answer is the task's.
    #[must_use]
    pub fn output_node(&self) -> Option<&str> {
        self.output.as_deref().or_else(|| self.nodes.keys().next().map(String::as_str))
    }
}

fn task_model() -> String {
    TASK_MODEL.to_owned()
}

/// What is wrong with nodes beside each other: the node, and a message.
pub(super) fn flaws<'a>(
    nodes: &'a BTreeMap<String, NodeSpec>,
    output: Option<&str>,
) -> Vec<(&'a str, String)> {
    let mut found = Vec::new();
    for (node, spec) in nodes {
        if !is_node_name(node) {
            let taken = TAKEN.join(", ");
            let message = format!(
                "`{node}` cannot name a node: lower-case letters, digits and `_`, and none of {taken}"
            );
            found.push((node.as_str(), message));
        }
        let Some(when) = &spec.when else { continue };
        if let Some(unknown) = when.node.as_ref().filter(|read| !nodes.contains_key(*read)) {
            found.push((node, format!("`when` reads `{unknown}`, and no node is called so")));
        }
        if !when.path.is_empty() && !when.path.starts_with('/') {
            let path = &when.path;
            found.push((node, format!("`path` is a JSON pointer: expected `/{path}`, found `{path}`")));
        }
        if output == Some(node.as_str()) {
            found.push((node, "the output is always asked: `when` cannot stand here".to_owned()));
        }
    }
    found
}

impl GraphFile {
    pub(super) fn problems(doc: &Document<Self>) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (name, task) in &doc.value.tasks {
            let path = |key: &str| [Step::from("tasks"), Step::from(name.as_str()), Step::from(key)];
            if name == super::pins::JUDGE {
                let at = [Step::from("tasks"), Step::from(name.as_str())];
                problems.push(doc.problem(&at, "`judge` is the judge's pin: give the task another name"));
            }
            for (at, check) in task.checks.iter().enumerate() {
                if check.args.expected.is_some() || check.args.extra_ok.is_some() {
                    let at = [path("checks").as_slice(), &[Step::from(at)]].concat();
                    let message = format!("`{}` needs a label, and production has none", check.label());
                    problems.push(doc.problem(&at, message));
                }
            }
            if task.nodes.is_empty() {
                problems.push(doc.problem(&path("nodes"), "expected at least one node, found none"));
            }
            if task.nodes.len() > 1 && task.output.is_none() {
                let names = task.nodes.keys().cloned().collect::<Vec<_>>().join(", ");
                let message = format!("`output` must say which node's answer is the task's: {names}");
                problems.push(doc.problem(&path("nodes"), message));
            }
            for (node, message) in flaws(&task.nodes, task.output_node()) {
                let at = [path("nodes").as_slice(), &[Step::from(node)]].concat();
                problems.push(doc.problem(&at, message));
            }
            if let Some(output) = task.output.as_ref().filter(|output| !task.nodes.contains_key(*output)) {
                problems.push(doc.problem(&path("output"), format!("no node is called `{output}`")));
            }
        }
        problems
    }
}
