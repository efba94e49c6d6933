//! Every environment variable the product reads, in one place. Surfaces read them; nothing below does.

/// Variables that begin like this are ours; one that is not in [`ALL`] is a slip of the finger.
pub const PREFIX: &str = "EVALS_";

/// Project root instead of the nearest ancestor with `config/models.yml`.
pub const ROOT: &str = "EVALS_ROOT";
/// `replay`, `record`, `refresh`, `live` or `auto`.
pub const MODE: &str = "EVALS_MODE";
/// Model alias, or several with commas, for this run instead of the suites' own.
pub const MODEL: &str = "EVALS_MODEL";
/// Prompt file for this run instead of the tasks' own.
pub const PROMPT: &str = "EVALS_PROMPT";
/// Git ref whose merge base with HEAD holds the baseline (default `origin/main` where it exists).
pub const BASELINE_REF: &str = "EVALS_BASELINE_REF";
/// Folder for reports (default `reports`).
pub const REPORTS_DIR: &str = "EVALS_REPORTS_DIR";
/// Cases under way at once.
pub const CONCURRENCY: &str = "EVALS_CONCURRENCY";
/// `warn` or `fail`.
pub const ON_INCONCLUSIVE: &str = "EVALS_ON_INCONCLUSIVE";
/// Answers asked for per case.
pub const SAMPLES: &str = "EVALS_SAMPLES";
/// USD that a run may spend.
pub const MAX_COST: &str = "EVALS_MAX_COST";
/// `1`: spend on models without a known price although there is a budget.
pub const ALLOW_UNPRICED: &str = "EVALS_ALLOW_UNPRICED";
/// Run id of an unfinished `live` run to go on with.
pub const RESUME: &str = "EVALS_RESUME";
/// Log filter for stderr, e.g. `llm_experiments=debug`.
pub const LOG: &str = "EVALS_LOG";
/// Set by CI systems: strict replay, no writes under data/.
pub const CI: &str = "CI";
/// Set by cargo-nextest, the same for all processes of a run: they share one budget.
pub const NEXTEST_RUN_ID: &str = "NEXTEST_RUN_ID";
/// GitHub's file for the job summary; the Markdown summary is appended to it.
pub const GITHUB_STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";
/// No colour on the console.
pub const NO_COLOR: &str = "NO_COLOR";

/// All of them, with one line each for `llmx doctor` and the documentation.
pub const ALL: &[(&str, &str)] = &[
    (ROOT, "project root (default: nearest ancestor with config/models.yml)"),
    (MODE, "replay | record | refresh | live | auto (default: auto = replay under CI, else record)"),
    (MODEL, "model alias, or several with commas, for this run"),
    (PROMPT, "prompt file for this run"),
    (BASELINE_REF, "git ref whose merge base holds the baseline (default: origin/main where it exists)"),
    (REPORTS_DIR, "folder for reports (default: reports)"),
    (CONCURRENCY, "cases under way at once (default: 256; requests are bounded by each model's limits)"),
    (SAMPLES, "answers asked for per case (default: 1)"),
    (MAX_COST, "USD that a run may spend (default: the sum of the suites' budget_usd)"),
    (ALLOW_UNPRICED, "1: spend on models without a known price although there is a budget"),
    (RESUME, "run id of an unfinished live run to go on with"),
    (ON_INCONCLUSIVE, "warn | fail (default: warn)"),
    (LOG, "log filter for stderr, e.g. llm_experiments=debug"),
    (CI, "set by CI systems: strict replay, nothing under data/ is written"),
    (NEXTEST_RUN_ID, "set by cargo-nextest: processes of one run share one budget"),
    (GITHUB_STEP_SUMMARY, "the Markdown summary is appended to this file"),
    (NO_COLOR, "no colour on the console"),
];

/// Running under CI: set, and not to `0` or `false`.
#[must_use]
pub fn is_ci(vars: &std::collections::BTreeMap<String, String>) -> bool {
    vars.get(CI).is_some_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}
