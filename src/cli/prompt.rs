//! `llmx prompt`: versions of prompts, their lock and their changelog.

use super::Context;
use crate::baseline::history::{self, Acceptance, History};
use crate::config::{Problem, Project};
use crate::host;
use crate::pipeline::policies;
use crate::pipeline::{Inputs, Overrides, Registry};
use crate::policy::NamedVersions;
use crate::prompt::changelog::Changelog;
use crate::prompt::compare::compare;
use crate::prompt::version::{self, Change};
use crate::prompt::{newest_like, prompt_files, text_of};
use crate::report::outcome::exit;

/// Subcommands of `llmx prompt`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Copy the newest version to the next number and open its changelog entry
    New {
        /// Why there is a new version
        #[arg(long, short = 'm', value_name = "TEXT")]
        reason: String,
        /// Version to copy (default: the newest)
        #[arg(long, value_name = "FILE")]
        from: Option<String>,
    },
    /// Bring prompts.lock up to date; a changed text without a number gets a changelog line
    Lock {
        /// Why a text without a number (judge prompt, partial) changed
        #[arg(long, short = 'm', value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Hold prompts, lock, changelog and baselines against each other (`policy::prompts`)
    Check,
    /// Versions, why they exist and what they did to the metrics
    Log,
    /// Two versions: sections, lines, and what was measured of each
    Diff {
        /// The older one, relative to prompts/
        before: String,
        /// The newer one (default: the newest numbered version)
        after: Option<String>,
    },
}

pub(super) fn run(context: &Context, command: &Command) -> Result<u8, u8> {
    let root = context.project_root()?;
    match command {
        Command::New { reason, from } => {
            refuse_under_ci(context)?;
            let _writing = context.writing()?;
            let name = version::new_version(&root, from.as_deref(), reason, &host::clock().today())
                .map_err(|problems| context.refuse(&problems))?;
            context.out.line(format!("wrote prompts/{name}"));
            context.out.note(format!(
                "edit it, name it where the version before is named ({} or a suite's `prompt:`), and run \
                 `cargo test --test evals`",
                crate::config::graph::FILE
            ));
            Ok(exit::OK)
        }
        Command::Lock { reason } => {
            refuse_under_ci(context)?;
            let _writing = context.writing()?;
            lock(context, &root, reason.as_deref())
        }
        Command::Check => {
            let inputs = Inputs::load(
                &root,
                &context.vars,
                &Overrides::default(),
                Registry::built_in(),
                host::outside(),
            );
            let report = policies::check(&inputs, "prompts", &host::clock().today(), None);
            report.hints.iter().for_each(|hint| context.out.note(format!("hint: {hint}")));
            report.problems.iter().for_each(|problem| context.out.failed(problem, None));
            if !report.problems.is_empty() {
                return Err(exit::INPUT);
            }
            context.out.line("prompts, lock, changelog and baselines agree");
            Ok(exit::OK)
        }
        Command::Log => log(context, &root),
        Command::Diff { before, after } => diff(context, &root, before, after.as_deref()),
    }
}

fn refuse_under_ci(context: &Context) -> Result<(), u8> {
    if crate::config::env::is_ci(&context.vars) {
        context.out.failed("prompts, lock and changelog are not written under CI", None);
        return Err(exit::INPUT);
    }
    Ok(())
}

fn lock(context: &Context, root: &std::path::Path, reason: Option<&str>) -> Result<u8, u8> {
    let project = Project::load(root).map_err(|problems| context.refuse(&problems))?;
    let named = NamedVersions::collect(root, &project.pins).map_err(|problems| context.refuse(&problems))?;
    let names = named.named.iter().map(|named| named.prompt.clone()).collect();
    // The reason first: a lock that is up to date asks for none any more.
    if let Some(reason) = reason {
        note_changes(root, reason).map_err(|problems| context.refuse(&problems))?;
    }
    let changes = version::relock(root, &names).map_err(|problems| context.refuse(&problems))?;
    if changes.is_empty() {
        context.out.note("prompts.lock is up to date");
    }
    let is_silent = |change: &&Change| matches!(change, Change::Unexplained { .. });
    changes.iter().filter(|change| !is_silent(change)).for_each(|change| context.out.line(change));
    let silent: Vec<String> = changes.iter().filter(is_silent).map(ToString::to_string).collect();
    if silent.is_empty() {
        return Ok(exit::OK);
    }
    let hint = format!("run again with --reason WHY, or add a line to {}", crate::prompt::changelog::FILE);
    silent.iter().for_each(|change| context.out.failed(change, Some(&hint)));
    Err(exit::INPUT)
}

/// Write down why tracked texts were changed.
fn note_changes(root: &std::path::Path, reason: &str) -> Result<(), Vec<Problem>> {
    let changed = version::unexplained(root)?;
    if changed.is_empty() {
        return Ok(());
    }
    let mut changelog = Changelog::load(root)?.unwrap_or_default();
    let one = |problem: Problem| vec![problem];
    for (name, sha256) in changed {
        changelog.add_other(&name, &sha256, &host::clock().today(), reason).map_err(one)?;
    }
    changelog.save(root).map_err(one)
}

fn diff(context: &Context, root: &std::path::Path, before: &str, after: Option<&str>) -> Result<u8, u8> {
    let files = prompt_files(root).map_err(|problem| context.refuse(&[problem]))?;
    let newest = || newest_like(before, files.iter().map(String::as_str));
    let Some(after) = after.or_else(newest) else {
        return Err(context.refuse(&[Problem::of_file(crate::prompt::DIR, "there is no numbered version")]));
    };
    let read = |name: &str| {
        if !files.iter().any(|file| file == name) {
            return Err(context.refuse(&[super::unknown("prompt", name, files.iter().map(String::as_str))]));
        }
        text_of(root, name).map_err(|problem| context.refuse(&[problem]))
    };
    let (old, new) = (read(before)?, read(after)?);
    let found = compare((before, &old), (after, &new));
    if found.lines.is_empty() {
        context.out.note(format!("{before} and {after} are the same text"));
        return Ok(exit::OK);
    }
    for change in &found.sections {
        let heading = if change.heading.is_empty() { "(before the first heading)" } else { &change.heading };
        context.out.line(match (change.before, change.after) {
            (None, Some(after)) => format!("new      {heading}: {after} characters"),
            (Some(before), None) => format!("gone     {heading}: {before} characters"),
            (before, after) => format!(
                "changed  {heading}: {} to {} characters",
                before.unwrap_or_default(),
                after.unwrap_or_default()
            ),
        });
    }
    let changelog = Changelog::load(root).map_err(|problems| context.refuse(&problems))?.unwrap_or_default();
    for history in history::load(root, Some(&changelog)).map_err(|problems| context.refuse(&problems))? {
        let of = |prompt: &str| history.acceptances.iter().rev().find(|accepted| accepted.prompt == prompt);
        let Some(accepted) = of(after) else { continue };
        let one = |(name, mean): (&String, &f64)| match of(before).and_then(|was| was.metrics.get(name)) {
            Some(was) => format!("{name} {was:.4} to {mean:.4} ({:+.4})", mean - was),
            None => format!("{name} {mean:.4}"),
        };
        let numbers: Vec<String> = accepted.metrics.iter().map(one).collect();
        context.out.line(format!("measured {} on {}: {}", history.suite, history.model, numbers.join(", ")));
    }
    context.out.text(&found.lines);
    Ok(exit::OK)
}

fn accepted_line(history: &History, accepted: &Acceptance) -> String {
    let number =
        |(name, mean): (&String, &f64)| match accepted.deltas.as_ref().and_then(|deltas| deltas.get(name)) {
            Some(delta) => format!("{name} {mean:.4} ({delta:+.4})"),
            None => format!("{name} {mean:.4}"),
        };
    let numbers: Vec<String> = accepted.metrics.iter().map(number).collect();
    format!("  {} on {}: {}  {}", history.suite, history.model, accepted.decision, numbers.join(", "))
}

/// One paragraph per version, newest first.
fn log(context: &Context, root: &std::path::Path) -> Result<u8, u8> {
    let changelog = Changelog::load(root).map_err(|problems| context.refuse(&problems))?.unwrap_or_default();
    let histories = history::load(root, Some(&changelog)).map_err(|problems| context.refuse(&problems))?;
    for section in changelog.sections() {
        context.out.line(format!("{}  {}", section.prompt, section.date));
        context.out.line(format!("  {}", section.reason));
        for history in &histories {
            let own = history.acceptances.iter().filter(|accepted| accepted.prompt == section.prompt);
            own.for_each(|accepted| context.out.line(accepted_line(history, accepted)));
        }
    }
    for other in changelog.others() {
        context.out.line(format!("{}  {}  {}", other.name, other.date, other.reason));
    }
    Ok(exit::OK)
}
