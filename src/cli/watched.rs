//! What `llmx canary` and `llmx task watch` have in common: the end of a look, what is kept, and its alarms.

use std::path::Path;

use super::Context;
use crate::config::Problem;
use crate::drift::{State, Watch};
use crate::files::atomic_write;
use crate::host;
use crate::pipeline::Inputs;
use crate::pipeline::deliver::step_summary;
use crate::pipeline::watched::{load, store};
use crate::report::drift as report;
use crate::report::outcome::exit;
use crate::report::traffic;
use crate::report::words::count;

/// Print what a look came to, and leave JUnit and summary in a folder; the exit code.
pub(super) fn deliver(context: &Context, inputs: &Inputs, watched: &Watch, folder: &Path) -> u8 {
    let mut codes = vec![report::exit_code(watched)];
    match write(folder, watched, inputs) {
        Ok(note) => {
            note.iter().for_each(|note| context.out.note(note));
            context.out.note(format!("reports: {}", folder.join("summary.md").display()));
        }
        Err(error) => {
            context
                .out
                .failed(format!("reports could not be written to {}: {error}", folder.display()), None);
            codes.push(exit::CANNOT_TELL);
        }
    }
    report::lines(watched).iter().for_each(|line| context.out.line(line));
    traffic::by_model(&inputs.hub.traffic()).iter().for_each(|line| context.out.note(line));
    exit::of(codes)
}

fn write(folder: &Path, watched: &Watch, inputs: &Inputs) -> std::io::Result<Option<String>> {
    std::fs::create_dir_all(folder)?;
    let markdown = report::markdown(watched);
    let xml = report::junit(watched, host::clock().utc()).map_err(std::io::Error::other)?;
    atomic_write(&folder.join("junit.xml"), xml.as_bytes())?;
    atomic_write(&folder.join("summary.md"), markdown.as_bytes())?;
    Ok(step_summary(&inputs.settings, &markdown))
}

/// What is kept in a file; something must be. `start`: the command that begins.
pub(super) fn known(context: &Context, file: &Path, hint: &str, start: &str) -> Result<State, u8> {
    match load(file, hint) {
        Ok(Some(state)) => Ok(state),
        Ok(None) => {
            let problem = Problem::of_file(file.display().to_string(), "nothing was watched yet");
            Err(context.refuse(&[problem.hint(format!("start with `{start}`"))]))
        }
        Err(problem) => Err(context.refuse(&[problem])),
    }
}

/// What the days so far have shown; the exit code.
pub(super) fn status(context: &Context, state: &State, heading: &str) -> u8 {
    context.out.line(heading);
    report::state(state).iter().for_each(|line| context.out.line(line));
    if state.alarms.is_empty() { exit::OK } else { exit::WORSE }
}

/// Alarms are dealt with.
pub(super) fn acknowledge(
    context: &Context,
    root: &Path,
    (file, mut state): (&Path, State),
    note: &str,
    by: Option<&str>,
) -> Result<u8, u8> {
    if state.alarms.is_empty() {
        context.out.note("there is no alarm to acknowledge; what the days have shown is kept");
        return Ok(exit::OK);
    }
    let by = by.map(str::to_owned).or_else(|| host::git_user(root)).unwrap_or_else(|| "unknown".to_owned());
    let alarms = state.acknowledge(format!("{} by {by}: {note}", host::clock().now()));
    store(file, &state).map_err(|problem| context.refuse(&[problem]))?;
    context.out.line(format!("{} acknowledged; watching starts anew", count(alarms, "alarm")));
    Ok(exit::OK)
}
