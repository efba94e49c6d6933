//! A project of its own for each test, and the program run on it: a temporary folder, nothing from outside.
//!
//! Variables of the caller never reach the program: it gets `PATH`, an empty home and what the test says.

#![expect(
    clippy::panic,
    reason = "helpers of tests panic to fail them; clippy's own exception covers test functions only"
)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use llm_experiments::config::document::parse_yaml;
use llm_experiments::config::graph::{self, GraphFile};
use llm_experiments::report::input::Report;
use tempfile::TempDir;

/// The version that the example's tasks name today, such as `prompt_v003.txt`.
pub(crate) static CURRENT: LazyLock<String> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join(graph::FILE)).unwrap();
    let graph = parse_yaml::<GraphFile>(graph::FILE, &text).unwrap();
    graph.value.tasks["rf_qaqc"].nodes["answer"].prompt.clone()
});

/// What `llmx prompt new` makes of it.
pub(crate) static NEXT: LazyLock<String> = LazyLock::new(|| after(&CURRENT));

/// The name of the version after this one.
pub(crate) fn after(name: &str) -> String {
    let (stem, number) = name.strip_suffix(".txt").unwrap().rsplit_once("_v").unwrap();
    let next = number.parse::<u32>().unwrap() + 1;
    format!("{stem}_v{next:0width$}.txt", width = number.len())
}

/// Where a version lies.
pub(crate) fn prompt_file(name: &str) -> String {
    format!("prompts/{name}")
}

/// What the program did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Both streams, for messages and for texts that may stand in either.
    pub(crate) fn text(&self) -> String {
        format!("exit {}\n{}\n{}", self.code, self.stdout, self.stderr)
    }

    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}", self.text());
        self
    }

    #[track_caller]
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        let text = self.text();
        for part in parts {
            assert!(text.contains(part), "expected `{part}` in:\n{text}");
        }
        self
    }

    /// Arguments of the first command in backticks that begins and ends like this, without the program's name.
    #[track_caller]
    pub(crate) fn command(&self, begins: &str, ends: &str) -> Vec<String> {
        let text = self.text();
        let is_meant = |part: &&str| part.starts_with(begins) && part.ends_with(ends);
        let command = text.split('`').find(is_meant);
        let command = command.unwrap_or_else(|| panic!("no command `{begins}...{ends}` in:\n{text}"));
        command.split(' ').skip(1).map(str::to_owned).collect()
    }

    /// Names of tests that ended as `result` (`ok`, `FAILED`), in the order of their lines.
    pub(crate) fn tests(&self, result: &str) -> Vec<String> {
        let lines = self.stdout.lines().filter(|line| line.starts_with("test ") && line.ends_with(result));
        lines
            .filter_map(|line| line.split_whitespace().find(|word| word.contains("::")))
            .map(str::to_owned)
            .collect()
    }

    pub(crate) fn failed(&self) -> Vec<String> {
        self.tests("... FAILED")
    }
}

/// A project in a temporary folder.
pub(crate) struct World {
    root: PathBuf,
    vars: BTreeMap<String, String>,
    home: TempDir,
}

/// The example with the first cases of its gold set, accepted: small enough to be run many times.
static SMALL: LazyLock<World> = LazyLock::new(|| {
    let world = World::example();
    for file in ["evals/canary.yml", "data/canary_set.jsonl", "data/baselines/canary.reference.json"] {
        world.remove(file);
    }
    let cases: Vec<String> = world.read("data/gold_set.jsonl").lines().take(8).map(str::to_owned).collect();
    world.write("data/gold_set.jsonl", &(cases.join("\n") + "\n"));
    world.remove("data/baselines/gold.reference.json");
    world.run(&["baseline", "accept", "gold", "--yes", "--by", "Ada"]).exits(0);
    world
});

impl World {
    fn empty() -> Self {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("project");
        std::fs::create_dir(&root).unwrap();
        Self { root, vars: BTreeMap::new(), home }
    }

    /// The project as it is shipped, without reports.
    pub(crate) fn example() -> Self {
        let world = Self::empty();
        let source = Path::new(env!("CARGO_MANIFEST_DIR"));
        for folder in ["config", "data", "prompts"] {
            copy(&source.join(folder), &world.path(folder));
        }
        for suite in ["gold", "canary"] {
            let file = format!("evals/{suite}.yml");
            world.write(&file, &std::fs::read_to_string(source.join(&file)).unwrap());
        }
        world
    }

    /// The example with eight gold cases and their accepted baseline.
    pub(crate) fn small() -> Self {
        let world = Self::empty();
        copy(&SMALL.root, &world.root);
        world
    }

    /// A project of the compatibility corpus as 0.1.0 left it, reports included.
    pub(crate) fn corpus(project: &str) -> Self {
        let world = Self::empty();
        world.lay(&corpus(project, "project"), "");
        world.lay(&corpus(project, "left"), "reports");
        world
    }

    /// A copy of this project, with its history.
    pub(crate) fn again(&self) -> Self {
        let world = Self::empty();
        copy(&self.root, &world.root);
        world
    }

    /// The smallest project: one simulated model that is always right, one suite, one prompt, three cases.
    pub(crate) fn tiny() -> Self {
        Self::of_cases("id,input,expected\nc-1,sky,blue\nc-2,grass,green\nc-3,blood,red\n")
    }

    /// [`Self::tiny`] with other cases, as CSV.
    pub(crate) fn of_cases(csv: &str) -> Self {
        let world = Self::empty();
        world.write("config/models.yml", TINY_MODELS);
        world.write("evals/tiny.yml", TINY_SUITE);
        world.write("prompts/tiny.txt", "Say the colour.\n{input_data}\n");
        world.write("data/cases.csv", csv);
        world
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.root.join(file)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The folder around the project.
    pub(crate) fn outside(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.vars.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// Replace the first `from`, which must be there.
    #[track_caller]
    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) {
        let text = self.read(file);
        assert!(text.contains(from), "{file} does not hold `{from}`:\n{}", &text[..text.len().min(2_000)]);
        self.write(file, &text.replacen(from, to, 1));
    }

    /// Copy all files of a folder into one of the project.
    pub(crate) fn lay(&self, folder: &Path, under: &str) {
        copy(folder, &self.path(under));
    }

    pub(crate) fn remove(&self, file: &str) {
        std::fs::remove_file(self.path(file)).unwrap();
    }

    /// Names in the configuration, and only there, which prompt is the candidate.
    #[track_caller]
    pub(crate) fn name_prompt(&self, from: &str, to: &str) {
        self.edit(graph::FILE, from, to);
    }

    /// Names in the pins, by hand, which prompt production runs.
    #[track_caller]
    pub(crate) fn pin_prompt(&self, from: &str, to: &str) {
        let hash = |name: &str| llm_experiments::prompt::content_sha256(&self.root, name).unwrap();
        self.edit("config/model_pins.yml", from, to);
        self.edit("config/model_pins.yml", &hash(from), &hash(to));
    }

    /// Text of a prompt version without the section of this title.
    pub(crate) fn without_section(&self, prompt: &str, title: &str) {
        let prompt = &prompt_file(prompt);
        let text = self.read(prompt);
        let start = text.find(&format!("## {title}\n")).unwrap();
        let end = start + 3 + text[start + 3..].find("\n## ").unwrap() + 1;
        self.write(prompt, &(text[..start].to_owned() + &text[end..]));
    }

    /// Make the project a repository whose `origin/main` is what stands there now.
    pub(crate) fn git(&self) -> &Self {
        git(&self.root, &["init", "-q", "-b", "main"]);
        self.commit();
        git(&self.root, &["update-ref", "refs/remotes/origin/main", "HEAD"]);
        self
    }

    pub(crate) fn commit(&self) {
        git(&self.root, &["add", "-A", "-f", "--", ".", ":!reports"]);
        git(&self.root, &["commit", "-q", "--allow-empty", "-m", "state"]);
    }

    /// The program, ready to be started in the project.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_llmx"));
        hermetic(&mut command, self.home.path());
        command.args(args).current_dir(&self.root).stdin(Stdio::null()).envs(&self.vars);
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        ended(self.command(args).output().unwrap())
    }

    /// `llmx test` with libtest's arguments.
    pub(crate) fn test(&self, args: &[&str]) -> Ran {
        self.run(&[&["test", "--"], args].concat())
    }

    /// The run's own folder; there must be one run.
    pub(crate) fn run_folder(&self) -> PathBuf {
        let runs = std::fs::read_dir(self.path("reports/runs")).unwrap();
        let mut runs: Vec<PathBuf> = runs.map(|run| run.unwrap().path()).collect();
        // Commands that measure nothing of a suite leave traces alone.
        let holds_more = |run: &PathBuf| {
            std::fs::read_dir(run).unwrap().any(|entry| entry.unwrap().file_name() != "traces")
        };
        runs.retain(holds_more);
        assert_eq!(runs.len(), 1, "one run: {runs:?}");
        runs.remove(0)
    }

    /// The report that the only run left in its folder.
    pub(crate) fn report(&self) -> Report {
        let folder = self.run_folder();
        self.report_of(folder.file_name().unwrap().to_str().unwrap())
    }

    /// The report of a run.
    pub(crate) fn report_of(&self, id: &str) -> Report {
        let file = self.path(&format!("reports/runs/{id}/eval_results_{id}.json"));
        llm_experiments::report::json::read(&std::fs::read(file).unwrap()).unwrap()
    }

    /// Reports of earlier runs go.
    pub(crate) fn forget_runs(&self) {
        if self.path("reports").exists() {
            std::fs::remove_dir_all(self.path("reports")).unwrap();
        }
    }

    /// The whole report of an `llmx eval` with further arguments.
    #[track_caller]
    pub(crate) fn eval(&self, args: &[&str]) -> (Ran, Report) {
        let ran = self.run(&[&["eval", "--format", "json"], args].concat());
        match llm_experiments::report::json::read(ran.stdout.as_bytes()) {
            Ok(report) => (ran, report),
            Err(error) => panic!("{error}\n{}", ran.text()),
        }
    }

    /// Every file of `reports/` whose path holds this, with its content.
    pub(crate) fn reported(&self, part: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        walk(&self.root, &mut |path| {
            let name = path.strip_prefix(&self.root).unwrap();
            if name.starts_with("reports") && name.to_string_lossy().contains(part) {
                files.insert(name.to_path_buf(), std::fs::read(path).unwrap());
            }
        });
        files
    }

    /// Every file with its content, `reports/` and `.git/` left out.
    pub(crate) fn tree(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        walk(&self.root, &mut |path| {
            let name = path.strip_prefix(&self.root).unwrap();
            // An empty file that runs side by side lock; Git is told to leave it out.
            let is_lock = name.ends_with("data/recordings/.lock");
            if !is_lock && !name.starts_with("reports") && !name.starts_with(".git") {
                files.insert(name.to_path_buf(), std::fs::read(path).unwrap());
            }
        });
        files
    }
}

/// A folder of a project of the compatibility corpus.
pub(crate) fn corpus(project: &str, folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/compat/0.1.0").join(project).join(folder)
}

pub(crate) fn ended(output: std::process::Output) -> Ran {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap_or(-1);
    Ran { code, stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// `git` with a command that the program printed, in the project.
pub(crate) fn follow(world: &World, command: &[String]) {
    git(&world.root, &command.iter().map(String::as_str).collect::<Vec<_>>());
}

/// `git` in a folder, as nobody's configuration wants it; its standard output.
pub(crate) fn git(root: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    hermetic(&mut command, root.parent().unwrap());
    command.args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "gc.auto=0"]);
    let ran = ended(command.args(args).current_dir(root).output().unwrap());
    assert_eq!(ran.code, 0, "git {args:?}\n{}", ran.text());
    ran.stdout
}

/// Nothing of the caller's environment but where programs and temporary files are.
#[expect(clippy::disallowed_methods, reason = "tools are found, and coverage written, as the caller says")]
fn hermetic(command: &mut Command, home: &Path) {
    command
        .env_clear()
        .env("HOME", home)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1");
    // A repository around the temporary folder is none of ours.
    command.env("GIT_CEILING_DIRECTORIES", home.parent().unwrap_or(home));
    for name in ["PATH", "TMPDIR", "SystemRoot", "TEMP", "LLVM_PROFILE_FILE"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
}

fn walk(folder: &Path, found: &mut dyn FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, found) } else { found(&path) }
    }
}

fn copy(from: &Path, to: &Path) {
    walk(from, &mut |path| {
        let target = to.join(path.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(path, target).unwrap();
    });
}

const TINY_MODELS: &str =
    "models:\n  sim: { provider: simulated, params: { accuracy: 1.0, answers: data/cases.csv, seed: 1 } }\n";

const TINY_SUITE: &str = "\
suite: tiny
dataset: data/cases.csv
prompt: tiny.txt
checks:
  - equals: { expected: \"\" }
";
