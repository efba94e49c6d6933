//! `config/prompt_graph.yml`: tasks, and the prompt of each that is under test.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

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
    /// JSON Schema that every case of a dataset of this task obeys.
    pub case_schema: Option<String>,
    /// Rules that labels of this task obey: `rf_qaqc`, or a name registered in `evals/main.rs`.
    pub label_rules: Option<String>,
    /// Nodes by name; this build runs graphs of one node.
    pub nodes: BTreeMap<String, NodeSpec>,
    /// The node whose answer is the task's; may be left out when there is one node.
    pub output: Option<String>,
}

/// One node: a prompt and a model.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeSpec {
    /// Prompt file, relative to `prompts/`.
    pub prompt: String,
    /// Model alias, or `@task` for the model chosen for the run.
    #[serde(default = "task_model")]
    pub model: String,
}

fn task_model() -> String {
    TASK_MODEL.to_owned()
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
            if task.nodes.len() != 1 {
                problems.push(doc.problem(
                    &path("nodes"),
                    format!(
                        "expected one node, found {}: graphs of several nodes are not in this build",
                        task.nodes.len()
                    ),
                ));
            }
            if let Some(output) = task.output.as_ref().filter(|output| !task.nodes.contains_key(*output)) {
                problems.push(doc.problem(&path("output"), format!("no node is called `{output}`")));
            }
        }
        problems
    }
}
