//! Results of tests that one process ran for all processes of a nextest run.
//!
//! Where nothing can be asked (a replay, embedded models) the results of one process are the results of all: whoever comes
//! first runs everything, leaves the reports of a whole run, and keeps every test's result for the others, which then load
//! nothing at all.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use serde::{Deserialize, Serialize};

use super::listing::Test;
use crate::config::env;
use crate::config::settings::Mode;
use crate::files::atomic_write;
use crate::json::sha256_hex;
use crate::pipeline::{Inputs, money};

/// Where results are kept, relative to the project root. May be removed at any time.
const FOLDER: &str = "reports/.cache/nextest";

/// No nextest run takes longer.
const OLD: Duration = Duration::from_secs(24 * 60 * 60);

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
        let text = crate::files::read_to_string(&self.file).ok()?;
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
