//! The measurement of the merge base against that of the working tree, and plans that score today's answers by the
//! merge base's.
//!
//! The merge base's configuration, cases and schemas are written to a temporary folder and loaded like any project.
//! Where Git reports no difference, nothing is loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use tempfile::TempDir;

use super::inputs::{Inputs, SuiteInputs};
use crate::baseline::{self, AcceptedChange, Found, MergeBase};
use crate::config::check::CheckSpec;
use crate::config::settings::OnInconclusive;
use crate::config::suite::{JUDGE_MEAN, SuiteSpec};
use crate::config::{Document, Problem, Project, models};
use crate::dataset::{self, Dataset};
use crate::eval::plan::{Options, SuitePlan, judge_model};
use crate::llm::Hub;
use crate::measurement::compare::{JUDGE_LOST, case_of, of_suite};
use crate::measurement::facts::Source;
use crate::measurement::{Change, Effect, Facts, accepted, between};
use crate::report::input::{MeasurementReport, SuiteChange};
use crate::task::schema;

/// What changed in the measurement since the merge base.
#[derive(Default)]
pub struct Measurement {
    /// The merge base's project, where anything that measures may differ.
    base: Option<Base>,
    /// Where the merge base is, e.g. `origin/main (1a2b3c4d5e)`; absent where there is none.
    reference: Option<String>,
    /// Every change.
    changes: Vec<SuiteChange>,
}

/// The project at the merge base.
struct Base {
    project: Project,
    /// By suite.
    datasets: BTreeMap<String, Arc<Dataset>>,
    /// The first problem of a dataset that does not load, by suite.
    unread: BTreeMap<String, Problem>,
    /// Holds the files; removed when the run ends.
    _folder: TempDir,
}

impl Measurement {
    /// Compare. Without a merge base there is nothing to compare with.
    ///
    /// # Errors
    /// `git` fails, or a file of acceptances cannot be read.
    pub(super) fn of(inputs: &Inputs) -> Result<Self, Vec<Problem>> {
        let (Some(project), Ok(merge_base)) = (inputs.loaded(), inputs.merge_base()) else {
            // What does not load, and a merge base that is not found, are reported by those who need them.
            return Ok(Self::default());
        };
        let one = |problem: Problem| vec![problem];
        let Some(differing) = merge_base.differing().map_err(one)? else { return Ok(Self::default()) };
        let reference = match merge_base.found() {
            Found::Commit(base) => Some(format!("{} ({})", base.reference, base.short())),
            Found::Nothing(_) => None,
        };
        let mut found = Self { reference, ..Self::default() };
        let measures =
            |path: &String| !path.starts_with("data/recordings/") && !path.starts_with("data/baselines/");
        let mut changes = Vec::new();
        if differing.iter().any(measures) {
            match Base::load(&merge_base).map_err(one)? {
                Loaded::Absent => {}
                Loaded::Broken(problem) => {
                    let what = format!("does not load at the merge base, so nothing is compared: {problem}");
                    changes.push(("*".to_owned(), of_suite("*", &what, Effect::CanHide, &json!(what))));
                }
                Loaded::Project(base) => found.base = Some(*base),
            }
        }
        if let Some(base) = &found.base {
            changes.extend(found.of_suites(inputs, project, base));
        }
        changes.extend(deleted_baselines(&project.root, &differing, &changes));
        let accepted = acceptances(&project.root, &merge_base, &changes)?;
        found.changes = changes
            .into_iter()
            .map(|(suite, change)| {
                let accepted = accepted.iter().find(|accepted| accepted.id == change.id).cloned();
                SuiteChange { suite, accepted: accepted.filter(|_| change.effect == Effect::CanHide), change }
            })
            .collect();
        Ok(found)
    }

    /// For reports; nothing where no merge base was found or nothing changed.
    #[must_use]
    pub fn report(&self) -> Option<MeasurementReport> {
        let base = self.reference.clone().filter(|_| !self.changes.is_empty())?;
        Some(MeasurementReport { base, changes: self.changes.clone() })
    }

    /// Changes of a suite that can hide a loss and that nobody accepted yet.
    pub fn open<'a>(&'a self, suite: &'a str) -> impl Iterator<Item = &'a Change> {
        let of = self.changes.iter().filter(move |change| change.suite == suite && change.is_open());
        of.map(|change| &change.change)
    }

    /// A change of this suite that is there today was accepted under this id.
    pub(super) fn is_accepted(&self, suite: &str, id: &str) -> bool {
        self.changes.iter().any(|change| {
            change.suite == suite && change.accepted.as_ref().is_some_and(|accepted| accepted.id == id)
        })
    }

    /// The judge could fail something at the merge base, and may not any more.
    pub(super) fn judge_lost(&self, suite: &str) -> bool {
        self.changes.iter().any(|change| change.suite == suite && change.change.name == JUDGE_LOST)
    }

    /// Why a change of the suite's judge was accepted; absent where it did not change, or a change is still open.
    pub(super) fn judge_accepted(&self, suite: &str) -> Option<String> {
        let of_judge = |change: &&SuiteChange| {
            change.suite == suite
                && change.change.name.starts_with("judge: ")
                && change.change.effect == Effect::CanHide
        };
        let mut own = self.changes.iter().filter(of_judge);
        let first = own.next()?.accepted.as_ref()?;
        own.all(|change| change.accepted.is_some()).then(|| first.reason.clone())
    }

    /// Cases whose removal or change was accepted by name, among these ids, with the reason.
    pub(super) fn settled<'a>(
        &self,
        suite: &str,
        ids: impl Iterator<Item = &'a str> + Clone,
    ) -> BTreeMap<String, String> {
        let own = self.changes.iter().filter(|change| change.suite == suite);
        own.filter_map(|change| {
            let accepted = change.accepted.as_ref()?;
            Some((case_of(&change.change.name, ids.clone())?.to_owned(), accepted.reason.clone()))
        })
        .collect()
    }

    /// Whether the merge base scores this suite in another way than the tree, and whether its verdict decides: a person
    /// may have accepted every change that can hide a loss.
    #[must_use]
    pub fn scores_otherwise(&self, suite: &str) -> Option<Decides> {
        let mut of = self.changes.iter().filter(|change| change.suite == suite).peekable();
        of.peek()?;
        let (mut otherwise, mut open, mut stricter) = (false, false, false);
        for change in of {
            otherwise |= change.change.effect != Effect::Addition;
            open |= change.is_open();
            stricter |= change.change.effect == Effect::Stricter;
        }
        // A stricter measurement asks for no acceptance, so only the verdict itself can show a loss that it hides.
        let all_stricter = stricter && !self.changes.iter().any(|c| c.suite == suite && c.accepted.is_some());
        otherwise.then_some(if open || all_stricter { Decides::Yes } else { Decides::No })
    }

    /// A plan of today's task that scores by the merge base's cases, checks and judge.
    ///
    /// # Errors
    /// Every problem of the merge base's measurement with today's program.
    pub fn plan(
        &self,
        inputs: &Inputs,
        suite: &SuiteInputs,
        hub: &Hub,
    ) -> Option<Result<SuitePlan, Vec<Problem>>> {
        let (base, project) = (self.base.as_ref()?, inputs.loaded()?);
        let doc = base.doc(&suite.doc.value.suite)?;
        let dataset = base.datasets.get(&doc.value.suite)?;
        Some(plan_by(inputs, project, base, (doc, suite), Arc::clone(dataset), hub))
    }

    /// What an inconclusive gate does under the merge base's measurement.
    #[must_use]
    pub fn on_inconclusive(&self, inputs: &Inputs) -> OnInconclusive {
        let own = inputs.loaded().map(|project| project.settings.on_inconclusive);
        match &self.base {
            Some(base) if own != Some(base.project.settings.on_inconclusive) => {
                base.project.settings.on_inconclusive.unwrap_or(OnInconclusive::Warn)
            }
            _ => inputs.settings.on_inconclusive,
        }
    }

    fn of_suites(&self, inputs: &Inputs, project: &Project, base: &Base) -> Vec<(String, Change)> {
        let mut changes = Vec::new();
        let names: BTreeSet<&str> = project.suites.iter().map(|doc| doc.value.suite.as_str()).collect();
        for problem in &base.project.suite_problems {
            let name = Path::new(&problem.file).file_stem().and_then(|stem| stem.to_str()).unwrap_or("*");
            let what = format!("does not load at the merge base, so it is not compared: {problem}");
            changes.push((name.to_owned(), of_suite(name, &what, Effect::CanHide, &json!(what))));
        }
        for doc in &base.project.suites {
            let name = &doc.value.suite;
            if !names.contains(name.as_str()) {
                if !inputs.does_not_load(name) {
                    changes.push((name.clone(), gone(doc, project, base)));
                }
                continue;
            }
            let Some(suite) = inputs.suites.iter().find(|suite| suite.doc.value.suite == *name) else {
                continue;
            };
            // What does not load in the tree is an input problem, and reported as that.
            let Ok(plan) = inputs.plan(suite) else { continue };
            let Some(dataset) = base.datasets.get(name) else {
                let what =
                    format!("{} does not load at the merge base, so it is not compared", doc.value.dataset);
                let why = base.unread.get(name).map(|problem| format!("{what}: {problem}"));
                let shown = why.unwrap_or_else(|| what.clone());
                changes.push((name.clone(), of_suite(name, &shown, Effect::CanHide, &json!(what))));
                continue;
            };
            let by_base = plan_by(inputs, project, base, (doc, suite), Arc::clone(dataset), &inputs.hub);
            match by_base {
                Ok(by_base) => {
                    let before = facts(&base.project, doc, dataset, &by_base);
                    let now = facts(project, &suite.doc, &suite.dataset, &plan);
                    changes.extend(between(&before, &now).into_iter().map(|change| (name.clone(), change)));
                }
                Err(problems) => {
                    let first = problems.first().map(ToString::to_string).unwrap_or_default();
                    let what = format!("the merge base's measurement does not load any more: {first}");
                    changes.push((name.clone(), of_suite(name, &what, Effect::CanHide, &json!(what))));
                }
            }
        }
        let known: BTreeSet<&str> = base.project.suites.iter().map(|doc| doc.value.suite.as_str()).collect();
        for name in names.into_iter().filter(|name| !known.contains(name)) {
            changes.push((name.to_owned(), of_suite(name, "new", Effect::Addition, &json!(null))));
        }
        changes
    }
}

/// Whether the verdict by the merge base's measurement counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decides {
    /// The worse verdict of the two is the suite's.
    Yes,
    /// Every change was accepted: it is shown beside the suite's.
    No,
}

/// What was found at the merge base.
enum Loaded {
    /// No project.
    Absent,
    /// A project that does not load: its first problem.
    Broken(Problem),
    /// A project.
    Project(Box<Base>),
}

impl Base {
    fn load(merge_base: &MergeBase) -> Result<Loaded, Problem> {
        let folder = tempfile::tempdir()
            .map_err(|error| Problem::of_file("temporary folder", format!("cannot be made: {error}")))?;
        let write = |paths: &[String]| merge_base.write_to(folder.path(), &merge_base.files(paths)?);
        write(&["config", "evals", "prompts", "data/judge_certificates"].map(str::to_owned))?;
        if !folder.path().join(models::FILE).exists() {
            return Ok(Loaded::Absent);
        }
        let project = match Project::load(folder.path()) {
            Ok(project) => project,
            Err(problems) => {
                let first = problems.into_iter().next();
                return Ok(Loaded::Broken(
                    first.unwrap_or_else(|| Problem::of_file("config", "does not load")),
                ));
            }
        };
        let mut named: BTreeSet<String> = BTreeSet::new();
        for doc in &project.suites {
            let spec = &doc.value;
            named.insert(spec.dataset.clone());
            named.extend(spec.judge.iter().map(|judge| judge.labels.clone()));
            named
                .extend(spec.checks.iter().chain(spec.metrics.values().map(|m| &m.check)).flat_map(files_of));
        }
        for task in project.graph.value.tasks.values() {
            named.extend(
                [&task.case_schema, &task.input_schema, &task.output_schema].into_iter().flatten().cloned(),
            );
            named.extend(task.checks.iter().flat_map(files_of));
        }
        let relative =
            |path: &String| !path.is_empty() && Path::new(path).is_relative() && !path.contains("..");
        let is_data = |path: &String| [".jsonl", ".csv"].iter().any(|end| path.ends_with(end));
        // A schema needs the files that it refers to.
        let write_all = |named: BTreeSet<String>| -> Result<(), Problem> {
            let mut next: Vec<String> = named.into_iter().filter(relative).collect();
            let mut written: BTreeSet<String> = BTreeSet::new();
            while !next.is_empty() {
                write(&next)?;
                let found = next.iter().filter(|path| !is_data(path));
                let found: BTreeSet<String> =
                    found.flat_map(|path| schema::neighbours(folder.path(), path)).collect();
                written.extend(next);
                next = found.difference(&written).cloned().collect();
            }
            Ok(())
        };
        write_all(named)?;
        let (mut datasets, mut unread) = (BTreeMap::new(), BTreeMap::new());
        let mut of_cases: BTreeSet<String> = BTreeSet::new();
        for doc in &project.suites {
            let suite = doc.value.suite.clone();
            match dataset::load(folder.path(), &doc.value.dataset) {
                Ok(dataset) => {
                    of_cases.extend(dataset.cases.iter().flat_map(|case| &case.checks).flat_map(files_of));
                    datasets.insert(suite, Arc::new(dataset));
                }
                Err(problems) => unread.extend(problems.into_iter().next().map(|problem| (suite, problem))),
            }
        }
        write_all(of_cases)?;
        Ok(Loaded::Project(Box::new(Self { project, datasets, unread, _folder: folder })))
    }

    fn doc(&self, suite: &str) -> Option<&Document<SuiteSpec>> {
        self.project.suites.iter().find(|doc| doc.value.suite == suite)
    }
}

/// Files that a check reads or runs, as far as they can be in the repository.
fn files_of(check: &CheckSpec) -> Vec<String> {
    let words = check.args.run.iter().flatten().filter(|word| word.contains('/') || word.contains('.'));
    check.args.schema.iter().chain(words).cloned().collect()
}

fn plan_by(
    inputs: &Inputs,
    project: &Project,
    base: &Base,
    (doc, suite): (&Document<SuiteSpec>, &SuiteInputs),
    dataset: Arc<Dataset>,
    hub: &Hub,
) -> Result<SuitePlan, Vec<Problem>> {
    let mut doc = doc.clone();
    // What is tested is the tree's; what measures it is the merge base's.
    let tested = &suite.doc.value;
    (doc.value.task, doc.value.prompt) = (tested.task.clone(), tested.prompt.clone());
    let options = Options {
        prompt: inputs.settings.prompt.as_deref(),
        custom: &inputs.registry.checks,
        hub,
        graph: None,
        measured_by: Some(&base.project),
    };
    SuitePlan::load(project, &doc, &suite.alias, dataset, options)
}

fn facts(project: &Project, doc: &Document<SuiteSpec>, dataset: &Dataset, plan: &SuitePlan) -> Facts {
    let spec = &doc.value;
    let gated = spec.gate.primary == JUDGE_MEAN || spec.gate.also.iter().any(|name| name == JUDGE_MEAN);
    let judge = plan.judge.as_ref().zip(spec.judge.as_ref()).map(|(judge, written)| {
        let may_fail = (written.blocking || gated) && plan.judge_informs.is_none();
        (judge.template.sha256.clone(), judge_model(judge), may_fail)
    });
    let source = Source {
        root: &project.root,
        spec,
        dataset,
        task: spec.task.as_ref().and_then(|task| project.graph.value.tasks.get(task)),
        on_inconclusive: project.settings.on_inconclusive.unwrap_or(OnInconclusive::Warn),
    };
    let models = match project.own_model(spec) {
        Some(model) => vec![model.to_owned()],
        None => project.aliases_of(spec).unwrap_or_default(),
    };
    Facts::of(source, models, judge)
}

/// A suite that the tree does not have any more.
fn gone(doc: &Document<SuiteSpec>, project: &Project, base: &Base) -> Change {
    let spec = &doc.value;
    let checks: Vec<_> = spec.checks.iter().map(CheckSpec::canonical).collect();
    let before = json!([base.datasets.get(&spec.suite).map(|dataset| &dataset.sha256), checks]);
    let is_new = |other: &&Document<SuiteSpec>| base.doc(&other.value.suite).is_none();
    let mut new = project.suites.iter().filter(is_new);
    let what = match new.find(|other| other.value.dataset == spec.dataset || other.file == doc.file) {
        Some(other) => format!("renamed to {}", other.value.suite),
        None => "deleted".to_owned(),
    };
    of_suite(&spec.suite, &what, Effect::CanHide, &before)
}

/// Baseline files that the merge base has and the tree has not, of suites that are still there.
fn deleted_baselines(
    root: &Path,
    differing: &[String],
    changes: &[(String, Change)],
) -> Vec<(String, Change)> {
    let name = |path: &String| {
        let (suite, alias) = path
            .strip_prefix(baseline::file::DIR)?
            .strip_prefix('/')?
            .strip_suffix(".json")?
            .split_once('.')?;
        (!root.join(path).exists()).then(|| (suite.to_owned(), alias.to_owned()))
    };
    let suite_is_gone = |suite: &str| {
        let gone = format!("suite {suite}: ");
        changes.iter().any(|(_, change)| change.name.starts_with(&gone) && change.effect == Effect::CanHide)
    };
    let found = differing.iter().filter_map(name).filter(|(suite, _)| !suite_is_gone(suite));
    found
        .map(|(suite, alias)| {
            let change = baseline_deleted(&suite, &alias);
            (suite, change)
        })
        .collect()
}

/// The change that a baseline file is gone.
pub(super) fn baseline_deleted(suite: &str, alias: &str) -> Change {
    of_suite(suite, &format!("baseline on {alias} deleted"), Effect::CanHide, &json!(alias))
}

/// Acceptances of the tree that the merge base does not have yet: older ones were for earlier changes.
fn acceptances(
    root: &Path,
    merge_base: &MergeBase,
    changes: &[(String, Change)],
) -> Result<Vec<AcceptedChange>, Vec<Problem>> {
    if changes.iter().all(|(_, change)| change.effect != Effect::CanHide) {
        return Ok(Vec::new());
    }
    let one = |problem: Problem| vec![problem];
    let mut found = accepted::read(root)?;
    let mut earlier = accepted::read_at(merge_base).map_err(one)?;
    let suites: BTreeSet<&String> = changes.iter().map(|(suite, _)| suite).collect();
    for (suite, alias) in baseline::list(root).map_err(one)? {
        // A baseline that cannot be read is reported where it is needed.
        if let (true, Ok(Some(stored))) = (suites.contains(&suite), baseline::read(root, &suite, &alias)) {
            found.extend(stored.baseline.measurement);
            let before = merge_base.baseline(&suite, &alias).map_err(one)?;
            earlier.extend(before.into_iter().flat_map(|stored| stored.baseline.measurement));
        }
    }
    found.retain(|accepted| !earlier.contains(accepted));
    Ok(found)
}
