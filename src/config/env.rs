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
/// Git ref whose merge base with HEAD holds the baseline (default: what [`super::base`] and `git` say).
pub const BASELINE_REF: &str = "EVALS_BASELINE_REF";
/// Folder for reports (default `reports`).
pub const REPORTS_DIR: &str = "EVALS_REPORTS_DIR";
/// Cases under way at once.
pub const CONCURRENCY: &str = "EVALS_CONCURRENCY";
/// `warn` or `fail`.
pub const ON_INCONCLUSIVE: &str = "EVALS_ON_INCONCLUSIVE";
/// Task whose pinned model and prompt are evaluated, on every suite of the task.
pub const PRODUCTION: &str = "EVALS_PRODUCTION";
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
/// Set by Azure Pipelines, which sets no [`CI`].
pub const TF_BUILD: &str = "TF_BUILD";
/// GitHub, Gitea and Forgejo: branch that the pull request goes to; empty on a push.
pub const GITHUB_BASE_REF: &str = "GITHUB_BASE_REF";
/// GitLab: branch that the merge request goes to.
pub const GITLAB_TARGET: &str = "CI_MERGE_REQUEST_TARGET_BRANCH_NAME";
/// GitLab: commit at which the merge request branched off.
pub const GITLAB_DIFF_BASE: &str = "CI_MERGE_REQUEST_DIFF_BASE_SHA";
/// Bitbucket: branch that the pull request goes to.
pub const BITBUCKET_TARGET: &str = "BITBUCKET_PR_DESTINATION_BRANCH";
/// Azure Pipelines: branch that the pull request goes to, as `refs/heads/NAME`.
pub const AZURE_TARGET: &str = "SYSTEM_PULLREQUEST_TARGETBRANCH";
/// Jenkins, multibranch: branch that the change goes to.
pub const JENKINS_TARGET: &str = "CHANGE_TARGET";
/// Buildkite: branch that the pull request goes to; empty elsewhere.
pub const BUILDKITE_TARGET: &str = "BUILDKITE_PULL_REQUEST_BASE_BRANCH";
/// Cirrus CI: branch that the pull request goes to.
pub const CIRRUS_TARGET: &str = "CIRRUS_BASE_BRANCH";
/// Woodpecker: branch that the pull request goes to; empty on a push.
pub const WOODPECKER_TARGET: &str = "CI_COMMIT_TARGET_BRANCH";
/// Drone: branch that the pull request goes to; on a push the branch itself.
pub const DRONE_TARGET: &str = "DRONE_TARGET_BRANCH";
/// Drone: number of the pull request.
pub const DRONE_NUMBER: &str = "DRONE_PULL_REQUEST";
/// Travis CI: branch that the pull request goes to; on a push the branch itself.
pub const TRAVIS_TARGET: &str = "TRAVIS_BRANCH";
/// Travis CI: number of the pull request, or `false`.
pub const TRAVIS_NUMBER: &str = "TRAVIS_PULL_REQUEST";
/// AppVeyor: branch that the pull request goes to; on a push the branch itself.
pub const APPVEYOR_TARGET: &str = "APPVEYOR_REPO_BRANCH";
/// AppVeyor: number of the pull request.
pub const APPVEYOR_NUMBER: &str = "APPVEYOR_PULL_REQUEST_NUMBER";
/// GitLab: the default branch.
pub const GITLAB_DEFAULT: &str = "CI_DEFAULT_BRANCH";
/// Woodpecker: the default branch.
pub const WOODPECKER_DEFAULT: &str = "CI_REPO_DEFAULT_BRANCH";
/// Drone: the default branch.
pub const DRONE_DEFAULT: &str = "DRONE_REPO_BRANCH";
/// Buildkite: the default branch.
pub const BUILDKITE_DEFAULT: &str = "BUILDKITE_PIPELINE_DEFAULT_BRANCH";
/// Set by cargo-nextest, the same for all processes of a run: they share one budget and one run id.
pub const NEXTEST_RUN_ID: &str = "NEXTEST_RUN_ID";
/// Set by cargo-nextest to [`PROCESS_PER_TEST`].
pub const NEXTEST_EXECUTION_MODE: &str = "NEXTEST_EXECUTION_MODE";
/// The value of [`NEXTEST_EXECUTION_MODE`] where every test has a process of its own.
pub const PROCESS_PER_TEST: &str = "process-per-test";
/// GitHub's file for the job summary; the Markdown summary is appended to it.
pub const GITHUB_STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";
/// No colour on the console.
pub const NO_COLOR: &str = "NO_COLOR";
/// `true` puts prompts, answers and explanations into traces.
pub const OTEL_CONTENT: &str = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
/// `true`: no spans at all, not even in the run's own folder.
pub const OTEL_SDK_DISABLED: &str = "OTEL_SDK_DISABLED";
/// `none`: no spans leave this machine, whatever endpoint is set.
pub const OTEL_TRACES_EXPORTER: &str = "OTEL_TRACES_EXPORTER";
/// A collector; spans go to `/v1/traces` below it.
pub const OTEL_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// A collector, the whole URL.
pub const OTEL_TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
/// Headers for the collector; secret.
pub const OTEL_HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
/// Headers for the collector of spans; secret.
pub const OTEL_TRACES_HEADERS: &str = "OTEL_EXPORTER_OTLP_TRACES_HEADERS";
/// Milliseconds for one export.
pub const OTEL_TIMEOUT: &str = "OTEL_EXPORTER_OTLP_TIMEOUT";
/// Milliseconds for one export of spans.
pub const OTEL_TRACES_TIMEOUT: &str = "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT";
/// Spans that may wait for the collector.
pub const OTEL_QUEUE: &str = "OTEL_BSP_MAX_QUEUE_SIZE";
/// This build speaks `http/protobuf`.
pub const OTEL_PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
/// This build speaks `http/protobuf`.
pub const OTEL_TRACES_PROTOCOL: &str = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL";
/// `service.name` of the spans.
pub const OTEL_SERVICE_NAME: &str = "OTEL_SERVICE_NAME";
/// Further attributes of the resource.
pub const OTEL_RESOURCE_ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";

/// All of them, with one line each for `llmx doctor` and the documentation.
pub const ALL: &[(&str, &str)] = &[
    (ROOT, "project root (default: nearest ancestor with config/models.yml)"),
    (MODE, "replay | record | refresh | live | auto (default: auto = replay under CI, else record)"),
    (MODEL, "model alias, or several with commas, for this run"),
    (PROMPT, "prompt file for this run"),
    (PRODUCTION, "task whose pinned model and prompt are evaluated, on every suite of the task"),
    (
        BASELINE_REF,
        "git ref whose merge base holds the baseline (default: the pull request's target, else the default branch)",
    ),
    (REPORTS_DIR, "folder for reports (default: reports)"),
    (CONCURRENCY, "cases under way at once (default: 256; requests are bounded by each model's limits)"),
    (SAMPLES, "answers asked for per case (default: 1)"),
    (MAX_COST, "USD that a run may spend (default: the sum of the suites' budget_usd)"),
    (ALLOW_UNPRICED, "1: spend on models without a known price although there is a budget"),
    (RESUME, "run id of an unfinished live run to go on with"),
    (ON_INCONCLUSIVE, "warn | fail (default: warn)"),
    (LOG, "log filter for stderr, e.g. llm_experiments=debug"),
    (CI, "set by CI systems: strict replay, nothing under data/ is written"),
    (TF_BUILD, "set by Azure Pipelines: as CI"),
    (GITHUB_BASE_REF, "set by GitHub, Gitea, Forgejo: branch that the pull request goes to"),
    (GITLAB_TARGET, "set by GitLab: branch that the merge request goes to"),
    (GITLAB_DIFF_BASE, "set by GitLab: commit at which the merge request branched off"),
    (BITBUCKET_TARGET, "set by Bitbucket: branch that the pull request goes to"),
    (AZURE_TARGET, "set by Azure Pipelines: branch that the pull request goes to"),
    (JENKINS_TARGET, "set by Jenkins: branch that the change goes to"),
    (BUILDKITE_TARGET, "set by Buildkite: branch that the pull request goes to"),
    (CIRRUS_TARGET, "set by Cirrus CI: branch that the pull request goes to"),
    (WOODPECKER_TARGET, "set by Woodpecker: branch that the pull request goes to"),
    (DRONE_TARGET, "set by Drone: branch that the pull request goes to"),
    (DRONE_NUMBER, "set by Drone: number of the pull request"),
    (TRAVIS_TARGET, "set by Travis CI: branch that the pull request goes to"),
    (TRAVIS_NUMBER, "set by Travis CI: number of the pull request"),
    (APPVEYOR_TARGET, "set by AppVeyor: branch that the pull request goes to"),
    (APPVEYOR_NUMBER, "set by AppVeyor: number of the pull request"),
    (GITLAB_DEFAULT, "set by GitLab: the default branch"),
    (WOODPECKER_DEFAULT, "set by Woodpecker: the default branch"),
    (DRONE_DEFAULT, "set by Drone: the default branch"),
    (BUILDKITE_DEFAULT, "set by Buildkite: the default branch"),
    (NEXTEST_EXECUTION_MODE, "set by cargo-nextest: every test has a process of its own"),
    (NEXTEST_RUN_ID, "set by cargo-nextest: processes of one run share one budget and one run id"),
    (GITHUB_STEP_SUMMARY, "the Markdown summary is appended to this file"),
    (NO_COLOR, "no colour on the console"),
    (
        OTEL_ENDPOINT,
        "send spans to this collector, at /v1/traces (OTLP over HTTP, protobuf; passwords go into headers)",
    ),
    (OTEL_TRACES_ENDPOINT, "send spans to exactly this URL"),
    (OTEL_HEADERS, "headers for the collector, e.g. an API key: k=v,k2=v2 (never shown)"),
    (OTEL_TRACES_HEADERS, "the same, for spans only (never shown)"),
    (OTEL_TIMEOUT, "milliseconds for one export (default: 10000)"),
    (OTEL_TRACES_TIMEOUT, "the same, for spans only"),
    (OTEL_QUEUE, "spans that may wait for the collector before further ones are dropped (default: 8192)"),
    (OTEL_PROTOCOL, "http/protobuf is what this build speaks"),
    (OTEL_TRACES_PROTOCOL, "the same, for spans only"),
    (OTEL_SERVICE_NAME, "service.name of the spans (default: llmx)"),
    (OTEL_RESOURCE_ATTRIBUTES, "further attributes of the spans' resource: k=v,k2=v2"),
    (OTEL_TRACES_EXPORTER, "none = send no spans; traces/spans.jsonl is written all the same"),
    (OTEL_SDK_DISABLED, "true = no spans at all"),
    (OTEL_CONTENT, "true = spans hold prompts, answers and explanations (default: none of them)"),
];

/// A value as it may be shown: headers hold keys, and an address may hold a password.
#[must_use]
pub fn shown(name: &str, value: &str) -> String {
    if [OTEL_HEADERS, OTEL_TRACES_HEADERS].contains(&name) && !value.is_empty() {
        return "(set)".to_owned();
    }
    without_user_info(value)
}

/// A text with `user:password@` cut out of every address in it.
#[must_use]
pub fn without_user_info(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after.find(|c: char| "/?#".contains(c) || c.is_whitespace()).unwrap_or(after.len());
        let (authority, tail) = after.split_at(end);
        out.push_str(authority.rsplit_once('@').map_or(authority, |(_, host)| host));
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// `true`, as OpenTelemetry reads switches: in any case, and nothing else.
#[must_use]
pub fn is_true(vars: &std::collections::BTreeMap<String, String>, name: &str) -> bool {
    vars.get(name).is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
}

/// A switch in its usual spellings, in any case: `1`, `true`, `yes`, `on`, or `0`, `false`, `no`, `off` and nothing at
/// all. Any other text is neither.
#[must_use]
pub fn switch(value: &str) -> Option<bool> {
    match value.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "y" | "on" => Some(true),
        "" | "0" | "false" | "no" | "n" | "off" => Some(false),
        _ => None,
    }
}

/// Running under CI: [`CI`] is set to anything but a spelling of "no"; on Azure Pipelines [`TF_BUILD`] is true.
#[must_use]
pub fn is_ci(vars: &std::collections::BTreeMap<String, String>) -> bool {
    vars.get(CI).is_some_and(|value| switch(value) != Some(false)) || is_true(vars, TF_BUILD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ci_is_off_in_every_spelling_of_no() {
        let ci = |name: &str, value: &str| is_ci(&[(name.to_owned(), value.to_owned())].into());
        for no in ["", " ", "0", "false", "False", "FALSE", "no", "No", "n", "off", "OFF", " false "] {
            assert!(!ci(CI, no), "{no:?}");
            assert_eq!(switch(no), Some(false));
        }
        // Some systems set their own name.
        for yes in ["1", "true", "True", "YES", "on", "woodpecker", "2"] {
            assert!(ci(CI, yes), "{yes:?}");
        }
        assert!(ci(TF_BUILD, "True") && !ci(TF_BUILD, "False"));
        assert!(!is_ci(&std::collections::BTreeMap::new()));
        assert_eq!((switch("On"), switch("maybe")), (Some(true), None));
    }

    #[test]
    fn secrets_are_not_shown() {
        assert_eq!(shown(OTEL_HEADERS, "authorization=Bearer x"), "(set)");
        assert_eq!(shown(OTEL_TRACES_HEADERS, "k=x"), "(set)");
        assert_eq!(shown(OTEL_HEADERS, ""), "");
        for (text, want) in [
            ("http://u:p@h:4318/v1", "http://h:4318/v1"),
            ("http://u:p@ss@h", "http://h"),
            ("http://h/a@b", "http://h/a@b"),
            ("https://h:4318", "https://h:4318"),
            ("no http://u:p@h/x and https://v@i here", "no http://h/x and https://i here"),
            ("://", "://"),
            ("plain", "plain"),
        ] {
            assert_eq!(without_user_info(text), want);
        }
        assert_eq!(shown(OTEL_ENDPOINT, "http://u:p@h"), "http://h");
    }
}
