//! `config/perspectives.yml`: roles that read the same case apart, and the synthesis that joins them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::document::{Document, Step};
use super::graph::{GraphFile, NodeSpec, TaskSpec, flaws};
use super::problem::{Problem, did_you_mean};

/// The file, relative to the project root.
pub const FILE: &str = "config/perspectives.yml";

/// Name of the node that joins the roles.
pub const SYNTHESIS: &str = "synthesis";

/// The whole file.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PerspectivesFile {
    /// Task name to its roles.
    pub perspectives: BTreeMap<String, PerspectivesSpec>,
}

/// The roles of one task.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PerspectivesSpec {
    /// Role name to its prompt, its model and when it is asked.
    pub roles: BTreeMap<String, NodeSpec>,
    /// The prompt that joins them: it reads each role by its name.
    pub synthesis: NodeSpec,
}

impl PerspectivesSpec {
    /// The roles and the synthesis as a graph of the task.
    #[must_use]
    pub fn as_task(&self, task: &TaskSpec) -> TaskSpec {
        TaskSpec { nodes: self.nodes(), output: Some(SYNTHESIS.to_owned()), ..task.clone() }
    }

    fn nodes(&self) -> BTreeMap<String, NodeSpec> {
        let mut nodes = self.roles.clone();
        nodes.insert(SYNTHESIS.to_owned(), self.synthesis.clone());
        nodes
    }
}

impl PerspectivesFile {
    pub(super) fn problems(doc: &Document<Self>) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (task, spec) in &doc.value.perspectives {
            let at = [Step::from("perspectives"), Step::from(task.as_str())];
            if spec.roles.len() < 2 {
                problems.push(doc.problem(&at, "expected at least two roles: one needs no synthesis"));
            }
            if spec.roles.contains_key(SYNTHESIS) {
                let message = format!("`{SYNTHESIS}` cannot name a role: it joins them");
                problems.push(doc.problem(&at, message));
            }
            for (node, message) in flaws(&spec.nodes(), Some(SYNTHESIS)) {
                let at = if node == SYNTHESIS {
                    [at.as_slice(), &[Step::from(SYNTHESIS)]].concat()
                } else {
                    [at.as_slice(), &["roles", node].map(Step::from)].concat()
                };
                problems.push(doc.problem(&at, message));
            }
        }
        problems
    }

    /// Tasks that the graph does not have.
    pub(super) fn cross_problems(doc: &Document<Self>, graph: &GraphFile) -> Vec<Problem> {
        let unknown = doc.value.perspectives.keys().filter(|task| !graph.tasks.contains_key(*task));
        unknown
            .map(|task| {
                let at = [Step::from("perspectives"), Step::from(task.as_str())];
                let mut problem =
                    doc.problem(&at, format!("no task is called `{task}` in {}", super::graph::FILE));
                problem.hint = did_you_mean(task, graph.tasks.keys().map(String::as_str));
                problem
            })
            .collect()
    }
}
