//! Everything a run needs, loaded as far as it can be, with all problems of all inputs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::measurement::Measurement;
use super::runs::shared_id;
use super::{money, pinned};
use crate::baseline::{Found, MergeBase, Stored};
use crate::config::graph::TaskSpec;
use crate::config::settings::Mode;
use crate::config::suite::SuiteSpec;
use crate::config::{Document, Problem, Project, Settings};
use crate::dataset::{self, Case, Dataset};
use crate::eval::check::CustomChecks;
use crate::eval::plan::{Options, SuitePlan};
use crate::eval::shard::Shard;
use crate::llm::recording::DIR;
use crate::llm::{Hub, Outside, stack};

/// Rules that the labels of a task obey, beyond the schema: every problem of one case.
pub type LabelRule = Arc<dyn Fn(&Case) -> Vec<String> + Send + Sync>;

/// What a team registers in `evals/main.rs`.
#[derive(Clone, Default)]
pub struct Registry {
    /// Closures for checks of kind `custom`.
    pub checks: CustomChecks,
    /// Label rules by the name that `config/prompt_graph.yml` uses.
    pub label_rules: BTreeMap<String, LabelRule>,
}

impl Registry {
    /// The rules that come with the product.
    #[must_use]
    pub fn built_in() -> Self {
        Self { checks: CustomChecks::new(), label_rules: built_in_label_rules() }
    }
}

#[cfg(feature = "rf-qaqc")]
fn built_in_label_rules() -> BTreeMap<String, LabelRule> {
    use crate::rf_qaqc::labels::check_labels;
    let rule: LabelRule = Arc::new(|case: &Case| check_labels(&case.input_text, &case.expected));
    BTreeMap::from([("rf_qaqc".to_owned(), rule)])
}

#[cfg(not(feature = "rf-qaqc"))]
fn built_in_label_rules() -> BTreeMap<String, LabelRule> {
    BTreeMap::new()
}

/// The loaded inputs of a run.
pub struct Inputs {
    /// The project's files; absent when they do not load.
    pub project: Option<Project>,
    /// Settings in force.
    pub settings: Settings,
    /// What was registered in code.
    pub registry: Registry,
    /// Where models come from.
    pub hub: Hub,
    /// The id of the run that these inputs are for.
    pub run_id: String,
    /// The id of this process among those of one run.
    pub process: String,
    /// The part of each dataset that this run is about.
    pub shard: Option<Shard>,
    /// One entry per suite and model whose dataset loads, in listing order.
    pub suites: Vec<SuiteInputs>,
    /// Problems that stop everything: settings, models, pins, the prompt graph.
    pub problems: Vec<Problem>,
    /// Problems of single suites and their datasets; the other suites still run.
    pub suite_problems: Vec<Problem>,
    merge_base: OnceLock<Result<Arc<MergeBase>, Problem>>,
    measurement: OnceLock<Result<Arc<Measurement>, Vec<Problem>>>,
}

/// One suite on one model.
pub struct SuiteInputs {
    /// The suite file.
    pub doc: Document<SuiteSpec>,
    /// Alias of the model under test.
    pub alias: String,
    /// The suite runs on several models, so names carry the alias.
    pub several: bool,
    /// The cases.
    pub dataset: Arc<Dataset>,
    plan: OnceLock<Result<Arc<SuitePlan>, Vec<Problem>>>,
}

impl SuiteInputs {
    /// `gold`, or `gold::noisy` where the suite runs on several models.
    #[must_use]
    pub fn label(&self) -> String {
        let suite = &self.doc.value.suite;
        if self.several { format!("{suite}::{}", self.alias) } else { suite.clone() }
    }

    /// The name of a case's test.
    #[must_use]
    pub fn case_name(&self, case: &Case) -> String {
        let suite = &self.doc.value.suite;
        if self.several {
            format!("{suite}::{}::{}", case.id, self.alias)
        } else {
            format!("{suite}::{}", case.id)
        }
    }
}

impl Inputs {
    /// Load the project, its suites and their datasets. Prompts, checks and models wait for [`Self::plan`].
    #[must_use]
    pub fn load(
        root: &Path,
        vars: &BTreeMap<String, String>,
        overrides: &Overrides,
        registry: Registry,
        outside: Outside,
    ) -> Self {
        let mut problems = Vec::new();
        let project = Project::load(root).map_err(|found| problems.extend(found)).ok();
        let file = project.as_ref().map(|project| project.settings.clone()).unwrap_or_default();
        let mut settings = match Settings::merge(&file, &overrides.over(vars)) {
            Ok(settings) => settings,
            Err(found) => {
                problems.extend(found);
                Settings::default()
            }
        };
        if let (Some(task), Some(project)) = (settings.production.clone(), &project) {
            match pinned::of(project, &task) {
                Ok(pin) => {
                    settings.models = vec![pin.model.clone()];
                    settings.prompt = Some(pin.prompt.clone());
                }
                Err(problem) => problems.push(problem),
            }
        }
        let own = outside.clock.run_id();
        let run_id = match (&settings.resume, &settings.nextest_run) {
            (Some(resumed), _) => resumed.clone(),
            (None, Some(group)) => shared_id(&root.join(&settings.reports_dir), group, &own),
            (None, None) => own.clone(),
        };
        let hub = hub(root, &settings, &run_id, outside);
        let mut inputs = Self {
            project,
            settings,
            registry,
            hub,
            run_id,
            process: own,
            shard: None,
            suites: Vec::new(),
            problems,
            suite_problems: Vec::new(),
            merge_base: OnceLock::new(),
            measurement: OnceLock::new(),
        };
        inputs.load_suites();
        inputs
    }

    /// No project was found: nothing but the problem.
    #[must_use]
    pub fn nowhere(problem: Problem, registry: Registry, outside: Outside) -> Self {
        Self {
            project: None,
            settings: Settings::default(),
            registry,
            run_id: outside.clock.run_id(),
            process: outside.clock.run_id(),
            shard: None,
            hub: Hub::new(Path::new("."), DIR, stack::Policy::Replay, outside),
            suites: Vec::new(),
            problems: vec![problem],
            suite_problems: Vec::new(),
            merge_base: OnceLock::new(),
            measurement: OnceLock::new(),
        }
    }

    /// Nothing that a run's answers decide is written after the run was ended early: they are not all there.
    ///
    /// # Errors
    /// Why the run was ended.
    pub fn not_ended(&self) -> Result<(), Vec<Problem>> {
        match self.hub.halt().cause() {
            None => Ok(()),
            Some(cause) => Err(vec![Problem::of_file("run", format!("nothing was written: {cause}"))]),
        }
    }

    /// The project root; the working folder where no project was found.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.project.as_ref().map_or_else(|| PathBuf::from("."), |project| project.root.clone())
    }

    /// The project, if its files load.
    #[must_use]
    pub fn loaded(&self) -> Option<&Project> {
        self.project.as_ref()
    }

    /// The merge base that baselines are read at, resolved once per run.
    ///
    /// # Errors
    /// A base that was named and cannot be found, or under CI none at all.
    pub(super) fn merge_base(&self) -> Result<Arc<MergeBase>, Problem> {
        let find = || MergeBase::find(&self.root(), &self.settings.base).map(Arc::new);
        self.merge_base.get_or_init(find).clone()
    }

    /// The measurement against that of the merge base, compared once per run.
    ///
    /// # Errors
    /// `git` fails, or a file of acceptances cannot be read.
    pub fn measurement(&self) -> Result<Arc<Measurement>, Vec<Problem>> {
        self.measurement.get_or_init(|| Measurement::of(self).map(Arc::new)).clone()
    }

    /// The commit that baselines are read at, for commands in messages.
    pub(super) fn base_name(&self) -> String {
        match self.merge_base().as_ref().map(|base| base.found()) {
            Ok(Found::Commit(base)) => base.short().to_owned(),
            Ok(Found::Nothing(_)) | Err(_) => "HEAD".to_owned(),
        }
    }

    /// The baseline of a suite at the merge base, where there is one.
    ///
    /// # Errors
    /// The merge base cannot be found, or its file cannot be read.
    pub fn baseline_at_merge_base(&self, suite: &SuiteInputs) -> Result<Option<Stored>, Problem> {
        self.merge_base()?.baseline(&suite.doc.value.suite, &suite.alias)
    }

    fn load_suites(&mut self) {
        let Some(project) = &self.project else { return };
        self.suite_problems.extend(project.suite_problems.iter().cloned());
        for alias in &self.settings.models {
            if let Err((message, hint)) = project.expect_alias(alias) {
                let mut problem = Problem::of_file("the model of this run (--model, EVALS_MODEL)", message);
                problem.hint = hint;
                self.problems.push(problem);
            }
        }
        if !self.problems.is_empty() {
            return;
        }
        let mut datasets: BTreeMap<String, Option<Arc<Dataset>>> = BTreeMap::new();
        let production = self.settings.production.as_deref();
        for doc in &project.suites {
            if production.is_some_and(|task| doc.value.task.as_deref() != Some(task)) {
                continue;
            }
            let problems = &mut self.suite_problems;
            let file = &doc.value.dataset;
            let dataset = datasets.entry(file.clone()).or_insert_with(|| {
                dataset::load(&project.root, file).map(Arc::new).map_err(|found| problems.extend(found)).ok()
            });
            let Some(dataset) = dataset else { continue };
            let chosen = &self.settings.models;
            let aliases = match project.own_model(&doc.value) {
                // Answers of one model must not be held against the baseline of another.
                Some(own) if production.is_none() && chosen.iter().any(|alias| alias != own) => {
                    problems.push(Problem::of_file(
                        &project.graph.file,
                        format!(
                            "the task of suite `{}` insists on model `{own}`, asked for `{}`",
                            doc.value.suite,
                            chosen.join(", ")
                        ),
                    ));
                    continue;
                }
                Some(own) => vec![own.to_owned()],
                None if !chosen.is_empty() => chosen.clone(),
                None => project.aliases_of(&doc.value).unwrap_or_else(|message| {
                    let problem = doc.problem(&["suite".into()], message);
                    problems.push(problem.hint("or name it for this run: --model, EVALS_MODEL"));
                    Vec::new()
                }),
            };
            for alias in &aliases {
                self.suites.push(SuiteInputs {
                    doc: doc.clone(),
                    alias: alias.clone(),
                    several: aliases.len() > 1,
                    dataset: Arc::clone(dataset),
                    plan: OnceLock::new(),
                });
            }
        }
    }

    /// The plan of a suite: prompts read, checks compiled, models found. Done once, on first need.
    ///
    /// # Errors
    /// Every problem of the suite's inputs.
    pub fn plan(&self, suite: &SuiteInputs) -> Result<Arc<SuitePlan>, Vec<Problem>> {
        suite
            .plan
            .get_or_init(|| self.plan_with(suite, self.settings.prompt.as_deref()).map(Arc::new))
            .clone()
    }

    /// A plan of a suite with another prompt, e.g. the one a baseline was recorded with.
    ///
    /// # Errors
    /// Every problem of the suite's inputs.
    pub fn plan_with(&self, suite: &SuiteInputs, prompt: Option<&str>) -> Result<SuitePlan, Vec<Problem>> {
        let plan = self.plan_of(suite, &suite.alias, prompt)?;
        let problems = money::problems(self, &plan);
        if problems.is_empty() { Ok(plan) } else { Err(problems) }
    }

    /// A plan of a suite on any model, for looking at: whether it may spend is not asked.
    ///
    /// # Errors
    /// Every problem of the suite's inputs.
    pub(super) fn plan_of(
        &self,
        suite: &SuiteInputs,
        alias: &str,
        prompt: Option<&str>,
    ) -> Result<SuitePlan, Vec<Problem>> {
        self.plan_at(suite, alias, prompt, None)
    }

    /// A plan of a suite that answers from the recordings in Git alone, whatever the run's mode is.
    ///
    /// # Errors
    /// Every problem of the suite's inputs.
    pub(super) fn plan_of_recordings(
        &self,
        suite: &SuiteInputs,
        prompt: Option<&str>,
    ) -> Result<SuitePlan, Vec<Problem>> {
        let Some(project) = &self.project else { return Err(self.problems.clone()) };
        let hub = self.hub.beside(DIR, stack::Policy::Replay);
        let options =
            Options { prompt, custom: &self.registry.checks, hub: &hub, graph: None, measured_by: None };
        SuitePlan::load(project, &suite.doc, &suite.alias, Arc::clone(&suite.dataset), options)
    }

    /// A plan of a suite on any model whose task is this graph, for looking at.
    ///
    /// # Errors
    /// Every problem of the suite's inputs.
    pub(super) fn plan_of_graph(
        &self,
        suite: &SuiteInputs,
        alias: &str,
        graph: &TaskSpec,
    ) -> Result<SuitePlan, Vec<Problem>> {
        self.plan_at(suite, alias, None, Some(graph))
    }

    fn plan_at(
        &self,
        suite: &SuiteInputs,
        alias: &str,
        prompt: Option<&str>,
        graph: Option<&TaskSpec>,
    ) -> Result<SuitePlan, Vec<Problem>> {
        let Some(project) = &self.project else { return Err(self.problems.clone()) };
        let options =
            Options { prompt, custom: &self.registry.checks, hub: &self.hub, graph, measured_by: None };
        SuitePlan::load(project, &suite.doc, alias, Arc::clone(&suite.dataset), options)
    }

    /// A plan of a suite whose task is this graph.
    ///
    /// # Errors
    /// Every problem of the suite's inputs.
    pub(super) fn plan_as(&self, suite: &SuiteInputs, graph: &TaskSpec) -> Result<SuitePlan, Vec<Problem>> {
        let plan = self.plan_of_graph(suite, &suite.alias, graph)?;
        let problems = money::problems(self, &plan);
        if problems.is_empty() { Ok(plan) } else { Err(problems) }
    }

    /// Suites whose own file loads, in listing order.
    #[must_use]
    pub fn suite_names(&self) -> Vec<&str> {
        self.project.iter().flat_map(|project| &project.suites).map(|doc| doc.value.suite.as_str()).collect()
    }

    /// Whether `name` is a suite that [`Self::suite_problems`] keeps from running: its file or its dataset.
    #[must_use]
    pub fn does_not_load(&self, name: &str) -> bool {
        let loaded = || self.suites.iter().any(|suite| suite.doc.value.suite == name);
        let file = |problem: &Problem| Path::new(&problem.file).file_stem().is_some_and(|stem| stem == name);
        (self.suite_names().contains(&name) || self.suite_problems.iter().any(file)) && !loaded()
    }

    /// Every problem, those of the plans included.
    #[must_use]
    pub fn all_problems(&self) -> Vec<Problem> {
        let mut problems = self.problems.clone();
        problems.extend(self.suite_problems.iter().cloned());
        for suite in &self.suites {
            if let Err(found) = self.plan(suite) {
                problems.extend(found);
            }
        }
        problems.sort();
        problems.dedup();
        problems
    }
}

/// The mode in the stack's words: where answers are kept, and when a model may be called.
fn hub(root: &Path, settings: &Settings, run_id: &str, outside: Outside) -> Hub {
    let (folder, policy) = match settings.mode {
        // Resolved by the settings; the careful one, should it ever come here.
        Mode::Replay | Mode::Auto => (DIR.to_owned(), stack::Policy::Replay),
        Mode::Record => (DIR.to_owned(), stack::Policy::Record),
        Mode::Refresh => (DIR.to_owned(), stack::Policy::Refresh),
        Mode::Live => {
            let folder = settings.reports_dir.join("runs").join(run_id).join("recordings");
            (folder.display().to_string(), stack::Policy::Record)
        }
    };
    Hub::new(root, &folder, policy, outside)
}

/// Flags of the command line, under the names of the environment variables they override.
#[derive(Debug, Clone, Default)]
pub struct Overrides(pub BTreeMap<&'static str, String>);

impl Overrides {
    fn over(&self, vars: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut all = vars.clone();
        all.extend(self.0.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        all
    }
}
