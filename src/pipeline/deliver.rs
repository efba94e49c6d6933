//! Write what a run leaves in `reports/`. The only module that knows what is where in that folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::Settings;
use crate::eval::event::{Event, Listener};
use crate::files::{atomic_write, atomic_write_with};
use crate::report::input::Report;
use crate::report::words::Hints;
use crate::report::{json, junit, markdown};

/// What happened, as it happens; gone when the results are written.
const EVENTS: &str = "record.jsonl";

/// Services of one project that run at the same time.
const MOST_SERVICES: u32 = 64;

/// Where reports of one run go.
#[derive(Debug, Clone)]
pub struct Folder {
    /// `reports/`.
    pub reports: PathBuf,
    /// `reports/runs/<run-id>/`.
    pub run: PathBuf,
}

impl Folder {
    /// The folders for a run. Nothing is created.
    #[must_use]
    pub fn new(root: &Path, reports_dir: &Path, run_id: &str) -> Self {
        let reports = root.join(reports_dir);
        let run = reports.join("runs").join(run_id);
        Self { reports, run }
    }

    /// Where the run's spans go: OTLP as JSON lines. Whoever writes the first ones makes the folder.
    #[must_use]
    pub fn spans(&self) -> PathBuf {
        self.run.join("traces").join("spans.jsonl")
    }

    /// Where the run's access lines go: one JSON line for each request.
    #[must_use]
    pub fn access(&self) -> PathBuf {
        self.run.join("traces").join("access.jsonl")
    }

    /// The folder of a service: `runs/serve`, or `runs/serve-2` and so on where others run beside it. It stays the same
    /// after a restart, so that what a service leaves is bounded. The file is locked for as long as it is open.
    ///
    /// # Errors
    /// The folder cannot be made, or its file cannot be locked.
    pub fn of_service(root: &Path, reports_dir: &Path) -> io::Result<(Self, File)> {
        for number in 1..=MOST_SERVICES {
            let name = if number == 1 { "serve".to_owned() } else { format!("serve-{number}") };
            let folder = Self::new(root, reports_dir, &name);
            let traces = folder.run.join("traces");
            let failed = |error: io::Error| io::Error::other(format!("{}: {error}", traces.display()));
            std::fs::create_dir_all(&traces).map_err(failed)?;
            let lock = traces.join(".lock");
            let lock = OpenOptions::new().create(true).append(true).open(lock).map_err(failed)?;
            match lock.try_lock() {
                Ok(()) => return Ok((folder, lock)),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
        Err(io::Error::other(format!("{MOST_SERVICES} services of this project run already")))
    }

    /// A listener that appends every event to `record.jsonl` as it happens, so that a killed run leaves what it
    /// had. [`Self::write`] removes it.
    ///
    /// # Errors
    /// The folder or the file cannot be made.
    pub fn record(&self) -> io::Result<Listener> {
        std::fs::create_dir_all(&self.run)?;
        let file: File = OpenOptions::new().create(true).append(true).open(self.run.join(EVENTS))?;
        let file = Mutex::new(file);
        Ok(Arc::new(move |event: &Event| {
            let Ok(mut line) = serde_json::to_vec(event) else { return };
            line.push(b'\n');
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = file.write_all(&line) {
                tracing::warn!(%error, "record.jsonl could not be written");
            }
        }))
    }

    /// Write every report; `is_newest`: its `junit.xml` and `summary.md` also stand directly in `reports/`. Gives the note of
    /// [`step_summary`].
    ///
    /// # Errors
    /// The first file that could not be written.
    pub fn write(&self, report: &Report, settings: &Settings, is_newest: bool) -> io::Result<Option<String>> {
        std::fs::create_dir_all(&self.run)?;
        let id = &report.run.run_id;
        let full_report = settings.reports_dir.join("summary.md").display().to_string();
        let hints = Hints {
            name_model: !settings.models.is_empty(),
            name_prompt: settings.prompt.is_some(),
            full_report: &full_report,
            ..Hints::default()
        };
        let results = self.run.join(format!("eval_results_{id}.json"));
        let (xml, summary) = (self.run.join("junit.xml"), self.run.join("summary.md"));
        let markdown = markdown::summary(report, hints);
        // The long ones side by side: with many cases they take as long as a replay does.
        std::thread::scope(|scope| {
            let json = scope.spawn(|| atomic_write_with(&results, |file| json::eval_results(report, file)));
            let text = junit::xml(report, hints).map_err(io::Error::other)?;
            atomic_write(&xml, text.as_bytes())?;
            atomic_write(&summary, markdown.as_bytes())?;
            json.join().unwrap_or_else(|_| Err(io::Error::other("writing the results panicked")))
        })?;
        if is_newest {
            newest(&xml, &self.reports.join("junit.xml"))?;
            newest(&summary, &self.reports.join("summary.md"))?;
        }
        // All that it holds is in the results now; it is for runs that do not get this far.
        if let Err(error) = std::fs::remove_file(self.run.join(EVENTS))
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        Ok(step_summary(settings, &markdown))
    }
}

/// Append to the summary of the CI job, where there is one. It is a page of the job and none of the reports: where it cannot
/// be written, a note says so, and the result stands.
#[must_use]
pub fn step_summary(settings: &Settings, markdown: &str) -> Option<String> {
    let path = settings.step_summary.as_ref()?;
    let opened = OpenOptions::new().create(true).append(true).open(path);
    let written = opened.and_then(|mut file| file.write_all(format!("{markdown}\n").as_bytes()));
    written.err().map(|error| format!("the job's summary {} cannot be written: {error}", path.display()))
}

/// The newest report under its fixed name: the same file as the run's own where the file system can share one, else a
/// copy.
fn newest(own: &Path, fixed: &Path) -> io::Result<()> {
    let beside = fixed.with_extension("new");
    let _ = std::fs::remove_file(&beside);
    if std::fs::hard_link(own, &beside).and_then(|()| std::fs::rename(&beside, fixed)).is_ok() {
        return Ok(());
    }
    let _ = std::fs::remove_file(&beside);
    atomic_write(fixed, &crate::files::read(own)?)
}
