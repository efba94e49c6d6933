//! One process for each test, as cargo-nextest runs them.
//!
//! What the processes of a run have in common lies in files: recordings (whoever comes first asks, the others wait), the
//! budget's account, the run's id. A gate needs all cases of its suite, so its process runs them all; they are answered
//! from what the cases' own processes recorded. nextest writes the JUnit of all tests; a suite's gate leaves the suite's
//! reports in `reports/runs/<run-id>-<suite>/`, and a case leaves none.
//!
//! Where nothing can be asked (a replay, embedded models) the results of one process are the results of all: whoever comes
//! first runs everything, leaves the reports of a whole run, and keeps every test's result for the others, which then load
//! nothing at all ([`Results`]).

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use serde::{Deserialize, Serialize};

use super::listing::{Subject, Test};
use crate::config::env;
use crate::config::settings::Mode;
use crate::files::atomic_write;
use crate::json::sha256_hex;
use crate::pipeline::{Inputs, Selection, money};

/// Where results are kept, relative to the project root. May be removed at any time.
const FOLDER: &str = "reports/.cache/nextest";

/// No nextest run takes longer.
const OLD: Duration = Duration::from_secs(24 * 60 * 60);

/// What a process is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// The whole run.
    Whole,
    /// Tests that leave no reports.
    Silent,
    /// A suite's gate: its reports, under this id.
    Suite(String),
}

/// What this process is for, by the tests that were selected.
pub(super) fn part<'a>(inputs: &Inputs, selected: impl Iterator<Item = &'a Test>) -> Part {
    if inputs.settings.nextest_run.is_none() {
        return Part::Whole;
    }
    let gates = selected.filter_map(|test| match &test.subject {
        Subject::Gate(suite, None) => inputs.suites.get(*suite),
        _ => None,
    });
    let labels: Vec<String> = gates.map(|suite| suite.label().replace("::", "-")).collect();
    if labels.is_empty() || refused(inputs).is_some() {
        Part::Silent
    } else {
        Part::Suite(format!("{}-{}", inputs.run_id, labels.join("-")))
    }
}

/// A gate's own process runs its whole suite.
pub(super) fn whole_suites(selections: &mut [Selection]) {
    for selection in selections.iter_mut().filter(|selection| selection.gate) {
        *selection = Selection::all(selection.cases.len());
    }
}

/// Why a test cannot have a process of its own, where that is so.
pub(super) fn refused(inputs: &Inputs) -> Option<&'static str> {
    (inputs.settings.nextest_run.is_some() && inputs.settings.mode == Mode::Refresh).then_some(
        "`refresh` asks everything anew, and nextest would do so in the process of each case and of each gate: \
         run `cargo test --test evals`, or `llmx eval --mode refresh`",
    )
}

/// One test's result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    test: String,
    kind: String,
    /// Why it failed.
    failed: Option<String>,
}

impl Kept {
    pub(super) fn new(test: &Test, result: &Result<(), Failed>) -> Self {
        let failed = result.as_ref().err().map(|failed| failed.message().unwrap_or_default().to_owned());
        Self { test: test.name.clone(), kind: test.kind.clone(), failed }
    }

    /// nextest asks for tests as they are listed: `[gold] gold::RF-G-001`.
    fn is(&self, name: &str) -> bool {
        self.test == name || name.strip_prefix(&format!("[{}] ", self.kind)) == Some(&self.test)
    }

    /// The test, done.
    pub(super) fn trial(self) -> Trial {
        let Self { test, kind, failed } = self;
        Trial::test(test, move || failed.map_or(Ok(()), |why| Err(Failed::from(why)))).with_kind(kind)
    }
}

/// The results of one nextest run.
pub(super) struct Results {
    file: PathBuf,
    name: String,
}

impl Results {
    /// Of the run and the test that this process is for; nothing where it is for more than one test.
    pub(super) fn of(args: &Arguments, vars: &BTreeMap<String, String>, root: &Path) -> Option<Self> {
        let own = vars.get(env::NEXTEST_EXECUTION_MODE).is_some_and(|mode| mode == env::PROCESS_PER_TEST);
        let run = vars.get(env::NEXTEST_RUN_ID).filter(|run| own && args.exact && !run.is_empty())?;
        let name = args.filter.clone().filter(|_| args.skip.is_empty() && !args.list && !args.ignored)?;
        // Other settings, another result.
        let mut settings = vars.clone();
        settings.retain(|name, _| name.starts_with(env::PREFIX) || name == env::CI);
        let key = sha256_hex(format!("{run}\n{settings:?}"));
        Some(Self { file: root.join(FOLDER).join(format!("{}.jsonl", key.get(..16)?)), name })
    }

    /// The test's result, if it is known.
    pub(super) fn known(&self) -> Option<Kept> {
        let text = std::fs::read_to_string(&self.file).ok()?;
        text.lines()
            .filter(|line| self.name.split(' ').next_back().is_some_and(|name| line.contains(name)))
            .filter_map(|line| serde_json::from_str::<Kept>(line).ok())
            .find(|kept| self.is_of(kept))
    }

    /// Whether it is the result of this process's test.
    pub(super) fn is_of(&self, kept: &Kept) -> bool {
        kept.is(&self.name)
    }

    /// Whether one process may run everything for all the others: nobody can be asked, and all inputs load.
    pub(super) fn may_be_shared(inputs: &Inputs) -> bool {
        inputs.problems.is_empty()
            && inputs.suite_problems.is_empty()
            && inputs.suites.iter().all(|suite| {
                inputs.plan(suite).is_ok()
                    && (inputs.settings.mode == Mode::Replay || !money::spends(inputs, suite))
            })
    }

    /// Wait until nobody else makes them.
    ///
    /// # Errors
    /// The file cannot be made or locked.
    pub(super) fn lock(&self) -> io::Result<File> {
        std::fs::create_dir_all(self.file.parent().unwrap_or(Path::new(".")))?;
        let path = self.file.with_extension("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        lock.lock()?;
        Ok(lock)
    }

    /// Keep all results; those of runs that ended a day ago go.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn keep(&self, all: &[Kept]) -> io::Result<()> {
        let mut text = String::new();
        for kept in all {
            text.push_str(&serde_json::to_string(kept).map_err(io::Error::other)?);
            text.push('\n');
        }
        let folder = self.file.parent().unwrap_or(Path::new("."));
        for entry in std::fs::read_dir(folder)?.flatten() {
            let age = entry.metadata().and_then(|known| known.modified()).map(|made| made.elapsed());
            if matches!(age, Ok(Ok(age)) if age > OLD) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        atomic_write(&self.file, text.as_bytes())
    }
}
