//! `config/settings.yml` (optional) and the environment, merged: command line over environment over file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::problem::{Problem, did_you_mean};
use super::{base, env};
use crate::git::base::Asked;

/// The file, relative to the project root.
pub const FILE: &str = "config/settings.yml";

/// What happens to recorded answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Use what is recorded, call no provider.
    Replay,
    /// Use what is recorded, call and store the rest.
    Record,
    /// Draw anew and store.
    Refresh,
    /// Call; keep answers in the run's own folder.
    Live,
    /// `replay` under CI, else `record`.
    Auto,
}

/// Names of the modes, for messages.
pub const MODES: [&str; 5] = ["replay", "record", "refresh", "live", "auto"];

impl Mode {
    /// Read a mode as written on the command line or in the environment.
    ///
    /// # Errors
    /// A message that lists the modes.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(match text {
            "replay" => Self::Replay,
            "record" => Self::Record,
            "refresh" => Self::Refresh,
            "live" => Self::Live,
            "auto" => Self::Auto,
            other => {
                let hint = did_you_mean(other, MODES).map_or(String::new(), |hint| format!(" ({hint})"));
                return Err(format!("expected one of: {}, found `{other}`{hint}", MODES.join(", ")));
            }
        })
    }

    /// `auto` resolved.
    #[must_use]
    pub fn resolved(self, ci: bool) -> Self {
        match self {
            Self::Auto if ci => Self::Replay,
            Self::Auto => Self::Record,
            other => other,
        }
    }

    /// Name as written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Record => "record",
            Self::Refresh => "refresh",
            Self::Live => "live",
            Self::Auto => "auto",
        }
    }
}

/// What an Inconclusive gate does to the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnInconclusive {
    /// Say so and pass.
    Warn,
    /// Exit 4.
    Fail,
}

/// The file.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SettingsFile {
    /// See [`Mode`]; default `auto`.
    pub mode: Option<Mode>,
    /// Folder for reports, relative to the project root; default `reports`.
    pub reports_dir: Option<String>,
    /// Cases under way at once; default 256. How many requests are at a provider is its model's `limits`.
    pub concurrency: Option<usize>,
    /// USD that a run may spend; default: the sum of the suites' `budget_usd`.
    pub max_cost_usd: Option<f64>,
    /// Default `warn`.
    pub on_inconclusive: Option<OnInconclusive>,
}

/// Settings in force for one run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Resolved: never [`Mode::Auto`].
    pub mode: Mode,
    /// Absolute, or relative to the project root.
    pub reports_dir: PathBuf,
    /// Cases under way at once.
    pub concurrency: usize,
    /// What an Inconclusive gate does.
    pub on_inconclusive: OnInconclusive,
    /// Model aliases that replace the suites' own; empty: the suites' own.
    pub models: Vec<String>,
    /// Answers asked for per case.
    pub samples: u32,
    /// Stop a suite's first pass as soon as the evidence against it suffices. `llmx eval` does, tests do not.
    pub fail_fast: bool,
    /// USD that this run may spend.
    pub max_cost_usd: Option<f64>,
    /// Spend on models without a known price although there is a budget.
    pub allow_unpriced: bool,
    /// Processes with the same value share one budget, also when they follow each other.
    pub nextest_run: Option<String>,
    /// Run id of an unfinished `live` run to go on with.
    pub resume: Option<String>,
    /// Prompt file that replaces the tasks' own.
    pub prompt: Option<String>,
    /// Task whose pinned model and prompt are evaluated, on the task's suites only.
    pub production: Option<String>,
    /// Where the base of the change is to be looked for.
    pub base: Asked,
    /// Running under CI.
    pub ci: bool,
    /// GitHub's job summary: the Markdown summary is appended to it.
    pub step_summary: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Record,
            reports_dir: "reports".into(),
            concurrency: CONCURRENCY,
            on_inconclusive: OnInconclusive::Warn,
            models: Vec::new(),
            samples: 1,
            fail_fast: false,
            max_cost_usd: None,
            allow_unpriced: false,
            nextest_run: None,
            resume: None,
            prompt: None,
            production: None,
            base: Asked::default(),
            ci: false,
            step_summary: None,
        }
    }
}

/// Cases under way at once unless told. Requests are bounded by each model's limits; this bounds memory.
const CONCURRENCY: usize = 256;

/// Answers that a run may ask for per case: as many as a baseline keeps.
const MAX_SAMPLES: u32 = 20;

impl Settings {
    /// Merge file and environment. Flags of the command line are put over the environment by the caller,
    /// under the same names.
    ///
    /// # Errors
    /// Every variable whose value cannot be read.
    pub fn merge(file: &SettingsFile, vars: &BTreeMap<String, String>) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let get = |name: &str| vars.get(name).map(String::as_str).filter(|value| !value.is_empty());
        let known = || env::ALL.iter().map(|(name, _)| *name);
        for name in vars.keys().filter(|name| name.starts_with(env::PREFIX) && !known().any(|k| k == *name)) {
            let mut problem = Problem::of_file(
                format!("environment variable {name}"),
                "is none of ours: `llmx doctor` lists them".to_owned(),
            );
            problem.hint = did_you_mean(name, known());
            problems.push(problem);
        }
        let ci = env::is_ci(vars);
        let mut bad = |name: &str, message: String| {
            problems.push(Problem::of_file(format!("environment variable {name}"), message));
        };
        let mode = match get(env::MODE).map(Mode::parse) {
            Some(Ok(mode)) => mode,
            Some(Err(message)) => {
                bad(env::MODE, message);
                Mode::Auto
            }
            None => file.mode.unwrap_or(Mode::Auto),
        };
        let concurrency = match get(env::CONCURRENCY).map(|v| (v, v.parse::<usize>())) {
            Some((_, Ok(n))) if n > 0 => n,
            Some((text, _)) => {
                bad(env::CONCURRENCY, format!("expected a whole number of 1 or more, found `{text}`"));
                CONCURRENCY
            }
            None => file.concurrency.unwrap_or(CONCURRENCY).max(1),
        };
        let samples = match get(env::SAMPLES).map(|v| (v, v.parse::<u32>())) {
            Some((_, Ok(n))) if (1..=MAX_SAMPLES).contains(&n) => n,
            Some((text, _)) => {
                let message = format!("expected a whole number from 1 to {MAX_SAMPLES}, found `{text}`");
                bad(env::SAMPLES, message);
                1
            }
            None => 1,
        };
        let is_money = |usd: f64| usd.is_finite() && usd >= 0.0;
        let max_cost_usd = match get(env::MAX_COST).map(|v| (v, v.parse::<f64>())) {
            Some((_, Ok(usd))) if is_money(usd) => Some(usd),
            Some((text, _)) => {
                bad(env::MAX_COST, format!("expected US dollars, 0 or more, found `{text}`"));
                None
            }
            None => file.max_cost_usd,
        };
        if file.max_cost_usd.is_some_and(|usd| !is_money(usd)) {
            let message = "`max_cost_usd`: expected US dollars, 0 or more";
            problems.push(Problem::of_file(FILE, message));
        }
        let mut bad = |name: &str, message: String| {
            problems.push(Problem::of_file(format!("environment variable {name}"), message));
        };
        let unpriced = get(env::ALLOW_UNPRICED).unwrap_or_default();
        let allow_unpriced = env::switch(unpriced).unwrap_or_else(|| {
            bad(env::ALLOW_UNPRICED, format!("expected `1` or `0`, found `{unpriced}`"));
            false
        });
        let on_inconclusive = match get(env::ON_INCONCLUSIVE) {
            Some("warn") => OnInconclusive::Warn,
            Some("fail") => OnInconclusive::Fail,
            Some(other) => {
                bad(env::ON_INCONCLUSIVE, format!("expected `warn` or `fail`, found `{other}`"));
                OnInconclusive::Warn
            }
            None => file.on_inconclusive.unwrap_or(OnInconclusive::Warn),
        };
        let chosen = [env::MODEL, env::PROMPT].into_iter().find(|name| get(name).is_some());
        if let (Some(task), Some(chosen)) = (get(env::PRODUCTION), chosen) {
            bad(
                env::PRODUCTION,
                format!("the pin of `{task}` names model and prompt: {chosen} cannot be set as well"),
            );
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            mode: mode.resolved(ci),
            reports_dir: get(env::REPORTS_DIR)
                .map(str::to_owned)
                .or_else(|| file.reports_dir.clone())
                .unwrap_or_else(|| "reports".to_owned())
                .into(),
            concurrency,
            on_inconclusive,
            models: get(env::MODEL).into_iter().flat_map(list).collect(),
            samples,
            fail_fast: false,
            max_cost_usd,
            allow_unpriced,
            nextest_run: get(env::NEXTEST_RUN_ID).map(str::to_owned),
            resume: get(env::RESUME).map(str::to_owned),
            prompt: get(env::PROMPT).map(str::to_owned),
            production: get(env::PRODUCTION).map(str::to_owned),
            base: base::asked(vars),
            ci,
            step_summary: get(env::GITHUB_STEP_SUMMARY).map(PathBuf::from),
        })
    }
}

/// `a, b` as its entries, each once.
fn list(text: &str) -> Vec<String> {
    let mut entries: Vec<String> = Vec::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        if !entries.iter().any(|known| known == entry) {
            entries.push(entry.to_owned());
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(vars: &[(&str, &str)]) -> Result<Settings, Vec<Problem>> {
        let vars = vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Settings::merge(&SettingsFile { mode: Some(Mode::Live), ..SettingsFile::default() }, &vars)
    }

    #[test]
    fn environment_over_file_and_ci() {
        assert_eq!(merge(&[]).unwrap().mode, Mode::Live);
        assert_eq!(merge(&[("EVALS_MODE", "auto"), ("CI", "true")]).unwrap().mode, Mode::Replay);
        assert_eq!(merge(&[("EVALS_MODE", "auto"), ("CI", "false")]).unwrap().mode, Mode::Record);
        assert_eq!(merge(&[("EVALS_MODE", "refresh"), ("CI", "1")]).unwrap().mode, Mode::Refresh);
        assert_eq!(merge(&[("EVALS_MODEL", "")]).unwrap().models, Vec::<String>::new());
        assert_eq!(merge(&[("EVALS_MODEL", "a, b,a")]).unwrap().models, ["a", "b"]);
    }

    #[test]
    fn every_bad_variable_is_named() {
        let problems =
            merge(&[("EVALS_MODE", "recrod"), ("EVALS_CONCURRENCY", "0"), ("EVALS_MODLE", "x")]).unwrap_err();
        let text = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(text.contains("did you mean `record`?"), "{text}");
        assert!(text.contains("did you mean `EVALS_MODE`"), "{text}");
        assert_eq!(problems.len(), 3, "{text}");
    }
}
