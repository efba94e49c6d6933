//! The project root and every YAML file below it, loaded together with all problems of all files.
//!
//! Names that point from one file to another are checked here (a suite's models, a pin's alias). Prompts,
//! datasets and baselines belong to their own rooms.

use std::path::{Path, PathBuf};

use super::document::{Document, Step, salvage_yaml};
use super::finetune::{self, FinetuneFile};
use super::graph::{self, GraphFile, TASK_MODEL};
use super::kb::{self, KbSpec};
use super::live::{self, LiveFile};
use super::models::{self, ModelsFile};
use super::perspectives::{self, PerspectivesFile};
use super::pins::{self, PinsFile};
use super::problem::{Problem, did_you_mean};
use super::settings::{self, SettingsFile};
use super::suite::{self, SuiteSpec};
use super::text::read_text;
use super::variables;

/// Everything people configured, as far as it could be read.
#[derive(Debug)]
pub struct Project {
    /// Absolute path of the project root.
    pub root: PathBuf,
    /// `config/models.yml`.
    pub models: Document<ModelsFile>,
    /// `config/model_pins.yml`, empty where absent.
    pub pins: Document<PinsFile>,
    /// `config/prompt_graph.yml`, empty where absent.
    pub graph: Document<GraphFile>,
    /// `config/perspectives.yml`, empty where absent.
    pub perspectives: Document<PerspectivesFile>,
    /// `config/kb.yml`, the defaults where absent.
    pub kb: Document<KbSpec>,
    /// `config/finetune.yml`, empty where absent.
    pub finetune: Document<FinetuneFile>,
    /// `config/live.yml`, empty where absent.
    pub live: Document<LiveFile>,
    /// `config/settings.yml`, empty where absent.
    pub settings: SettingsFile,
    /// Suites that loaded, by name.
    pub suites: Vec<Document<SuiteSpec>>,
    /// Problems of single suites (the others still run).
    pub suite_problems: Vec<Problem>,
}

/// One problem in place of many for a promptfoo configuration, which has no key of a suite.
fn of_another_tool(problems: Vec<Problem>) -> Vec<Problem> {
    let has = |key: &str| problems.iter().any(|problem| problem.key == key);
    if !(has("providers") && (has("tests") || has("prompts"))) {
        return problems;
    }
    let Some(file) = problems.first().map(|problem| problem.file.clone()) else { return problems };
    let hint = "write a suite: `suite`, `dataset`, `prompt`, `models` and `checks`, with the tests as cases of the \
                dataset; keep other tools' files out of evals/";
    vec![Problem::of_file(file, "is a configuration of promptfoo, which is not read").hint(hint)]
}

/// The nearest ancestor of `start` that holds `config/models.yml`.
///
/// # Errors
/// A problem that says where was looked.
pub fn find_root(start: &Path, explicit: Option<&Path>) -> Result<PathBuf, Problem> {
    if let Some(root) = explicit {
        return if root.join(models::FILE).is_file() {
            Ok(root.to_path_buf())
        } else {
            Err(Problem::of_file(
                root.display().to_string(),
                format!("no project here: `{}` is missing", models::FILE),
            ))
        };
    }
    start.ancestors().find(|dir| dir.join(models::FILE).is_file()).map(Path::to_path_buf).ok_or_else(|| {
        Problem::of_file(
            start.display().to_string(),
            format!("no project here or above: no folder holds `{}`", models::FILE),
        )
        .hint(format!("change into the project, or say where it is with --root DIR or {}", super::env::ROOT))
    })
}

impl Project {
    /// Load every file.
    ///
    /// # Errors
    /// Problems of the files that everything depends on: models, pins, graph, settings.
    pub fn load(root: &Path) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut keep = |found: Vec<Problem>| problems.extend(found);
        let models = load(root, models::FILE, true, ModelsFile::problems).map_err(&mut keep).ok();
        let pins = load(root, pins::FILE, false, PinsFile::problems).map_err(&mut keep).ok();
        let graph = load(root, graph::FILE, false, GraphFile::problems).map_err(&mut keep).ok();
        let perspectives =
            load(root, perspectives::FILE, false, PerspectivesFile::problems).map_err(&mut keep).ok();
        let kb = load(root, kb::FILE, false, KbSpec::problems).map_err(&mut keep).ok();
        let finetune = load(root, finetune::FILE, false, FinetuneFile::problems).map_err(&mut keep).ok();
        let live = load(root, live::FILE, false, LiveFile::problems).map_err(&mut keep).ok();
        let settings =
            load(root, settings::FILE, false, |_: &Document<SettingsFile>| Vec::new()).map_err(keep).ok();
        let (
            Some(models),
            Some(pins),
            Some(graph),
            Some(perspectives),
            Some(kb),
            Some(finetune),
            Some(live),
            Some(settings),
        ) = (models, pins, graph, perspectives, kb, finetune, live, settings)
        else {
            return Err(problems);
        };
        let mut project = Self {
            root: root.to_path_buf(),
            models,
            pins,
            graph,
            perspectives,
            kb,
            finetune,
            live,
            settings: settings.value,
            suites: Vec::new(),
            suite_problems: Vec::new(),
        };
        problems.extend(project.cross_problems());
        if !problems.is_empty() {
            return Err(problems);
        }
        project.load_suites();
        Ok(project)
    }

    fn load_suites(&mut self) {
        let dir = self.root.join("evals");
        let mut files: Vec<String> = std::fs::read_dir(&dir)
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| (name.ends_with(".yml") || name.ends_with(".yaml")) && !name.starts_with('.'))
            .collect();
        // Gold first would be nicer to read, but any rule beyond the alphabet would surprise somebody.
        files.sort_unstable();
        if files.is_empty() {
            self.suite_problems.push(
                Problem::of_file("evals", "expected at least one suite (`evals/NAME.yml`), found none")
                    .hint("see the README, section \"The daily loop\""),
            );
        }
        for name in files {
            let check = |doc: &Document<SuiteSpec>| {
                let mut problems = SuiteSpec::problems(doc);
                problems.extend(self.suite_cross_problems(doc));
                if let Some(twin) = self.suites.iter().find(|s| s.value.suite == doc.value.suite) {
                    let message = format!("`{}` also calls itself `{}`", twin.file, doc.value.suite);
                    problems.push(doc.problem(&["suite".into()], message));
                }
                problems
            };
            match load(&self.root, &format!("evals/{name}"), true, check) {
                Ok(doc) => self.suites.push(doc),
                Err(problems) => self.suite_problems.extend(of_another_tool(problems)),
            }
        }
    }

    /// A problem unless `alias` names a model, with the nearest name as a hint.
    ///
    /// # Errors
    /// The message and the hint.
    pub fn expect_alias(&self, alias: &str) -> Result<(), (String, Option<String>)> {
        let known = &self.models.value.models;
        if known.contains_key(alias) {
            return Ok(());
        }
        let names: Vec<&str> = known.keys().map(String::as_str).collect();
        Err((
            format!("unknown model `{alias}`, expected one of: {}", names.join(", ")),
            did_you_mean(alias, names.iter().copied()),
        ))
    }

    fn cross_problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (name, pin) in &self.pins.value.pins {
            if let Err((message, hint)) = self.expect_alias(&pin.model) {
                let mut problem =
                    self.pins.problem(&["pins".into(), name.as_str().into(), "model".into()], message);
                problem.hint = hint;
                problems.push(problem);
            }
            let tasks = &self.graph.value.tasks;
            for (key, alias) in [("replacement", &pin.replacement), ("fallback", &pin.fallback)] {
                if let Some((message, hint)) = alias.as_ref().and_then(|alias| self.expect_alias(alias).err())
                {
                    let mut problem = self.pins.problem(&["pins", name, key].map(Step::from), message);
                    problem.hint = hint;
                    problems.push(problem);
                }
            }
            if name != pins::JUDGE && !tasks.contains_key(name) {
                let mut problem = self.pins.problem(
                    &["pins".into(), name.as_str().into()],
                    format!("no task is called `{name}` in {}", graph::FILE),
                );
                problem.hint = did_you_mean(name, tasks.keys().map(String::as_str));
                problems.push(problem);
            }
        }
        problems.extend(PerspectivesFile::cross_problems(&self.perspectives, &self.graph.value));
        problems.extend(FinetuneFile::cross_problems(&self.finetune, |alias| self.expect_alias(alias).err()));
        let judge_is_pinned = self.pins.value.pins.contains_key(pins::JUDGE);
        problems.extend(LiveFile::cross_problems(&self.live, &self.graph.value, judge_is_pinned, |alias| {
            self.expect_alias(alias).err()
        }));
        for (name, task) in &self.graph.value.tasks {
            for (node, spec) in &task.nodes {
                if spec.model == TASK_MODEL {
                    continue;
                }
                if let Err((message, hint)) = self.expect_alias(&spec.model) {
                    let path: Vec<Step> =
                        ["tasks", name, "nodes", node, "model"].into_iter().map(Step::from).collect();
                    let mut problem = self.graph.problem(&path, message);
                    problem.hint = hint;
                    problems.push(problem);
                }
            }
        }
        problems
    }

    fn suite_cross_problems(&self, doc: &Document<SuiteSpec>) -> Vec<Problem> {
        let spec = &doc.value;
        let mut problems = Vec::new();
        if let Some(task) = &spec.task {
            let tasks = &self.graph.value.tasks;
            if !tasks.contains_key(task) {
                let mut problem = doc.problem(
                    &["task".into()],
                    format!(
                        "no task is called `{task}` in {}, which has: {}",
                        graph::FILE,
                        list(tasks.keys())
                    ),
                );
                problem.hint = did_you_mean(task, tasks.keys().map(String::as_str));
                problems.push(problem);
            }
        }
        for (i, alias) in spec.models.iter().enumerate() {
            let path = [Step::from("models"), Step::Index(i)];
            if alias == suite::PRODUCTION {
                if spec.task.as_ref().is_none_or(|task| !self.pins.value.pins.contains_key(task)) {
                    problems.push(doc.problem(
                        &path,
                        format!("`{}` needs a pin of the suite's task in {}", suite::PRODUCTION, pins::FILE),
                    ));
                }
            } else if let Err((message, hint)) = self.expect_alias(alias) {
                let mut problem = doc.problem(&path, message);
                problem.hint = hint;
                problems.push(problem);
            }
        }
        if let Some(judge) = &spec.judge {
            let path = [Step::from("judge"), Step::from("model")];
            if judge.model == suite::JUDGE {
                if !self.pins.value.pins.contains_key(pins::JUDGE) {
                    problems.push(doc.problem(
                        &path,
                        format!("`{}` needs the pin `judge` in {}", suite::JUDGE, pins::FILE),
                    ));
                }
            } else if let Err((message, hint)) = self.expect_alias(&judge.model) {
                let mut problem = doc.problem(&path, message);
                problem.hint = hint;
                problems.push(problem);
            }
        }
        problems
    }

    /// The model aliases that a suite runs: its own list, else the task's pin, else the only alias.
    ///
    /// # Errors
    /// A message that lists the aliases when none of these decides.
    pub fn aliases_of(&self, spec: &SuiteSpec) -> Result<Vec<String>, String> {
        let pin = || {
            spec.task.as_ref().and_then(|task| self.pins.value.pins.get(task)).map(|pin| pin.model.clone())
        };
        if spec.models.is_empty() {
            let models = &self.models.value.models;
            let only = (models.len() == 1).then(|| models.keys().next().cloned()).flatten();
            return pin().or(only).map(|alias| vec![alias]).ok_or_else(|| {
                format!("`models` is missing and no pin decides, expected some of: {}", list(models.keys()))
            });
        }
        let mut aliases = Vec::new();
        for alias in &spec.models {
            let alias = if alias == suite::PRODUCTION {
                pin().ok_or_else(|| format!("`{}` needs a pin", suite::PRODUCTION))?
            } else {
                alias.clone()
            };
            if !aliases.contains(&alias) {
                aliases.push(alias);
            }
        }
        Ok(aliases)
    }

    /// The model that a suite's task insists on, whatever model the run is about.
    #[must_use]
    pub fn own_model(&self, spec: &SuiteSpec) -> Option<&str> {
        let task = self.graph.value.tasks.get(spec.task.as_ref()?)?;
        let output = task.nodes.get(task.output_node()?)?;
        Some(output.model.as_str()).filter(|model| *model != TASK_MODEL)
    }

    /// The alias of a suite's judge, if it has one.
    #[must_use]
    pub fn judge_alias(&self, spec: &SuiteSpec) -> Option<String> {
        let judge = spec.judge.as_ref()?;
        if judge.model == suite::JUDGE {
            self.pins.value.pins.get(pins::JUDGE).map(|pin| pin.model.clone())
        } else {
            Some(judge.model.clone())
        }
    }
}

fn list<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.map(String::as_str).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Read and parse one file; an absent optional file is an empty mapping.
fn load<T: serde::de::DeserializeOwned>(
    root: &Path,
    file: &str,
    required: bool,
    check: impl Fn(&Document<T>) -> Vec<Problem>,
) -> Result<Document<T>, Vec<Problem>> {
    let text = match read_text(root, file).map_err(|problem| vec![problem])? {
        Some(text) => text,
        None if required => {
            return Err(vec![Problem::of_file(file, "cannot be read: there is no such file")]);
        }
        // The two optional files of mappings need their one key; settings take none.
        None => match file {
            pins::FILE => "pins: {}".to_owned(),
            graph::FILE => "tasks: {}".to_owned(),
            perspectives::FILE => "perspectives: {}".to_owned(),
            finetune::FILE => "suites: {}".to_owned(),
            live::FILE => "tasks: {}".to_owned(),
            _ => "{}".to_owned(),
        },
    };
    let (doc, mut problems) = salvage_yaml(file, &text);
    problems.extend(doc.iter().flat_map(check));
    let variables = variables::problems(file, &text);
    // One thing is said of one place.
    problems.retain(|problem| variables.iter().all(|variable| variable.key != problem.key));
    problems.extend(variables);
    problems.sort_by_key(|problem| (problem.line, problem.column));
    match doc {
        Some(doc) if problems.is_empty() => Ok(doc),
        _ => Err(problems),
    }
}
