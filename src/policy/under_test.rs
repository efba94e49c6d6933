//! Which prompt versions the configuration puts under test, and which suite on which model runs them.

use crate::config::document::Step;
use crate::config::{Problem, Project};

/// A prompt that a task or a suite names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// File relative to `prompts/`.
    pub prompt: String,
    /// The place that names it, as a problem whose message the check fills in.
    pub place: Problem,
}

/// A suite on a model, as the configuration has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Suite name.
    pub suite: String,
    /// Model alias.
    pub alias: String,
    /// The prompt whose answers are measured.
    pub prompt: String,
    /// Hash over the nodes of the task's graph, where it has several.
    pub graph_sha256: Option<String>,
    /// The place that names the prompt, as a problem whose message the check fills in.
    pub place: Problem,
}

/// Everything under test, apart from models and prompts that are chosen for a single run.
#[derive(Debug, Clone, Default)]
pub struct UnderTest {
    /// Every prompt that a task or a suite names.
    pub candidates: Vec<Candidate>,
    /// Every suite on each of its models.
    pub runs: Vec<Run>,
}

impl UnderTest {
    /// Collects what the project's files put under test; `graph` gives the hash of a suite's graph on a model.
    #[must_use]
    pub fn of(project: &Project, graph: impl Fn(&str, &str) -> Option<String>) -> Self {
        let mut found = Self::default();
        for (name, task) in &project.graph.value.tasks {
            for (node, spec) in &task.nodes {
                let path = ["tasks", name, "nodes", node, "prompt"].map(Step::from);
                let place = project.graph.problem(&path, "");
                found.candidates.push(Candidate { prompt: spec.prompt.clone(), place });
            }
        }
        for doc in &project.suites {
            let spec = &doc.value;
            let mut name = |prompt: Option<&String>, path: &[Step]| {
                let candidate =
                    |prompt: &String| Candidate { prompt: prompt.clone(), place: doc.problem(path, "") };
                found.candidates.extend(prompt.map(candidate));
            };
            name(spec.prompt.as_ref(), &["prompt".into()]);
            name(spec.judge.as_ref().map(|judge| &judge.prompt), &["judge".into(), "prompt".into()]);
            let pairwise = spec.judge.as_ref().and_then(|judge| judge.pairwise.as_ref());
            name(pairwise, &["judge".into(), "pairwise".into()]);

            let tasks = &project.graph.value.tasks;
            let task = spec.task.as_ref().and_then(|name| Some((name, tasks.get(name)?)));
            let measured = match (&spec.prompt, task) {
                (Some(prompt), _) => Some((prompt, doc.problem(&["prompt".into()], ""))),
                (None, Some((name, task))) => task.output_node().and_then(|node| {
                    let path = ["tasks", name, "nodes", node, "prompt"].map(Step::from);
                    Some((&task.nodes.get(node)?.prompt, project.graph.problem(&path, "")))
                }),
                (None, None) => None,
            };
            let Some((prompt, place)) = measured else { continue };
            let has_graph = task.is_some_and(|(_, task)| task.nodes.len() > 1);
            let own = project.own_model(spec).map(|own| vec![own.to_owned()]);
            // A suite whose models do not load is reported by `inputs`.
            for alias in own.or_else(|| project.aliases_of(spec).ok()).unwrap_or_default() {
                found.runs.push(Run {
                    suite: spec.suite.clone(),
                    graph_sha256: has_graph.then(|| graph(&spec.suite, &alias)).flatten(),
                    alias,
                    prompt: prompt.clone(),
                    place: place.clone(),
                });
            }
        }
        found
    }
}
