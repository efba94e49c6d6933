//! `config/live.yml`: what is kept of served requests, and how they are watched.

use std::collections::BTreeMap;

use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;

use super::check::CheckSpec;
use super::document::{Document, Step};
use super::graph::{self, GraphFile};
use super::pins;
use super::problem::{Problem, did_you_mean};
use super::suite::JUDGE;

/// The file, relative to the project root.
pub const FILE: &str = "config/live.yml";

/// The whole file.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LiveFile {
    /// Task name to what is kept of it. A task that is not named leaves nothing.
    pub tasks: BTreeMap<String, LiveSpec>,
}

/// What is kept of one task's requests.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LiveSpec {
    /// Share of the requests that are kept, above 0 and at most 1; each has the same chance.
    pub share: f64,
    /// Days after which they are removed.
    #[serde(default = "ninety")]
    pub keep_days: u32,
    /// What is hidden before anything is written.
    #[serde(default)]
    pub redact: RedactSpec,
    /// Checks besides the task's own. None may need a label.
    #[serde(default)]
    pub checks: Vec<CheckSpec>,
    /// A model that scores what was served by a rubric that needs no label.
    #[serde(default)]
    pub judge: Option<LiveJudge>,
    /// Requests that say what is usual, before anything is watched.
    #[serde(default = "two_hundred")]
    pub reference: u32,
    /// Requests of a day that are looked at, at most.
    #[serde(default = "two_hundred")]
    pub per_day: u32,
}

/// What is hidden. E-mail addresses, telephone numbers and what is shaped like a key always are.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RedactSpec {
    /// JSON pointers into the input (`*`: every element). Text that stands there is hidden wherever else it stands, in the
    /// answer too; another value becomes `null`.
    pub fields: Vec<String>,
    /// Regular expressions over every text of input and answer.
    pub patterns: Vec<String>,
}

/// The judge of what was served: its score is watched and fails nobody.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LiveJudge {
    /// Judge prompt, relative to `prompts/`; without `{expected}`, since what is served has no label.
    pub prompt: String,
    /// Model alias; `@judge` is the judge's pin.
    #[serde(default = "judge_pin")]
    pub model: String,
}

fn ninety() -> u32 {
    90
}

fn two_hundred() -> u32 {
    200
}

fn judge_pin() -> String {
    JUDGE.to_owned()
}

/// Requests below which nothing usual can be said.
const FEWEST: u32 = 20;

impl LiveFile {
    pub(super) fn problems(doc: &Document<Self>) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (task, spec) in &doc.value.tasks {
            let at = |steps: &[Step]| [["tasks", task].map(Step::from).as_slice(), steps].concat();
            let mut wrong = |steps: &[Step], message: String| problems.push(doc.problem(&at(steps), message));
            if !(spec.share > 0.0 && spec.share <= 1.0) {
                wrong(&["share".into()], "expected a number above 0 and at most 1".to_owned());
            }
            if spec.keep_days == 0 {
                wrong(&["keep_days".into()], "expected 1 or more".to_owned());
            }
            for (key, n, least) in [("reference", spec.reference, FEWEST), ("per_day", spec.per_day, 1)] {
                if n < least {
                    wrong(&[key.into()], format!("expected {least} or more"));
                }
            }
            for (i, field) in spec.redact.fields.iter().enumerate() {
                if !field.starts_with('/') {
                    let message = format!("expected a JSON pointer: `/{field}`, found `{field}`");
                    wrong(&["redact".into(), "fields".into(), Step::Index(i)], message);
                }
            }
            for (i, pattern) in spec.redact.patterns.iter().enumerate() {
                let message = match Regex::new(pattern) {
                    Err(error) => {
                        let why = error.to_string();
                        let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
                        format!("is no regular expression: {why}")
                    }
                    Ok(regex) if regex.is_match("") => {
                        "matches nothing at all too: every text would change".to_owned()
                    }
                    Ok(_) => continue,
                };
                wrong(&["redact".into(), "patterns".into(), Step::Index(i)], message);
            }
            for (i, check) in spec.checks.iter().enumerate() {
                if check.args.expected.is_some() || check.args.extra_ok.is_some() {
                    let message = format!("`{}` needs a label, and what is served has none", check.label());
                    wrong(&["checks".into(), Step::Index(i)], message);
                }
            }
        }
        problems
    }

    /// Tasks that nobody pinned, and judges that nobody configured. `unknown` says what is wrong with an alias.
    pub(super) fn cross_problems(
        doc: &Document<Self>,
        graph: &GraphFile,
        judge_is_pinned: bool,
        unknown: impl Fn(&str) -> Option<(String, Option<String>)>,
    ) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (task, spec) in &doc.value.tasks {
            let at = ["tasks", task].map(Step::from);
            if !graph.tasks.contains_key(task) {
                let mut problem = doc.problem(&at, format!("no task is called `{task}` in {}", graph::FILE));
                problem.hint = did_you_mean(task, graph.tasks.keys().map(String::as_str));
                problems.push(problem);
            }
            let Some(judge) = &spec.judge else { continue };
            let at = [at.as_slice(), &["judge", "model"].map(Step::from)].concat();
            if judge.model == JUDGE {
                if !judge_is_pinned {
                    let message = format!("`{JUDGE}` needs the pin `judge` in {}", pins::FILE);
                    problems.push(doc.problem(&at, message));
                }
            } else if let Some((message, hint)) = unknown(&judge.model) {
                let mut problem = doc.problem(&at, message);
                problem.hint = hint;
                problems.push(problem);
            }
        }
        problems
    }
}
