//! What watching from day to day came to: for people, for the job's summary, for a dashboard.
//!
//! Each cause is a test of its own, so that a dashboard shows which one it was and since when.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use super::escape::escape;
use super::outcome::{Status, exit};
use super::{junit, sanitize, words};
use crate::drift::{CAUSES, Cause, Day, Standing, State, THRESHOLD, Watch, Watched};
use crate::stats::rounding::plain_points;

/// Ids shown of one kind.
const MAX_IDS: usize = 12;

/// What the look means for one cause.
#[must_use]
pub fn status(watch: &Watch, cause: Cause) -> Status {
    if watch.state.alarms.iter().any(|alarm| alarm.cause == cause) {
        return Status::Worse;
    }
    match watch.standing {
        Standing::Counted | Standing::Known => Status::Ok,
        Standing::Missing if cause == Cause::SubjectDrift => Status::CannotTell,
        Standing::Missing | Standing::OwnChange(_) | Standing::Gathering(..) => Status::Skipped,
    }
}

/// What the look means for what we changed ourselves.
fn own_status(watch: &Watch) -> Status {
    match watch.standing {
        Standing::OwnChange(_) => Status::BadInput,
        _ => Status::Ok,
    }
}

/// The exit code of the look: 2 we changed something ourselves, 1 an alarm that nobody acknowledged, 3 too little
/// measured to count the day, 0 else.
#[must_use]
pub fn exit_code(watch: &Watch) -> u8 {
    let causes = CAUSES.iter().map(|cause| status(watch, *cause));
    exit::of(causes.chain([own_status(watch)]).map(Status::exit_code))
}

/// The look for people, a line each.
#[must_use]
pub fn lines(watch: &Watch) -> Vec<String> {
    let as_served = match watch.state.watched {
        Watched::Canary => "",
        Watched::Live => " as served,",
    };
    let mut out =
        vec![format!("{}{as_served} on {} ({}), {}", watch.suite, watch.model, watch.declares, watch.day)];
    match &watch.standing {
        Standing::Counted => {}
        Standing::Known if watch.state.watched == Watched::Live => {
            out.push("no request since the last day that counts".to_owned());
        }
        Standing::Known => out.push("this day counts already: nothing was asked".to_owned()),
        Standing::Gathering(have, want) => out.push(format!(
            "what is usual is not known yet: {have} of the {want} requests that say so are there"
        )),
        Standing::OwnChange(what) => {
            out.push(format!("changed by us, so nothing was asked: {what}"));
            out.push(format!(
                "  accept what is right as the new baseline (`llmx baseline accept {} --model {}`), or undo the change",
                watch.suite, watch.model
            ));
        }
        Standing::Missing => out.push(format!(
            "not counted: {} without an answer; the same command again asks for these alone",
            words::count(watch.missing.len(), watch.state.watched.one())
        )),
    }
    out.extend(watch.missing.iter().take(MAX_IDS).map(|(id, why)| format!("  {id}: {why}")));
    if !matches!(watch.standing, Standing::Gathering(..)) {
        out.extend(state(&watch.state));
    }
    out.extend(watch.notes.iter().map(|note| format!("note: {note}")));
    // Models name themselves, and failures quote servers.
    out.iter().map(|line| clean(line)).collect()
}

/// What is kept, for people, a line each.
#[must_use]
pub fn state(state: &State) -> Vec<String> {
    let mut out = Vec::new();
    out.extend(state.last.iter().flat_map(|last| day(state.watched, last)));
    let levels: Vec<String> = state.levels().iter().map(|(name, level)| format!("{name} {level}")).collect();
    out.push(format!(
        "evidence of a change after {} since {}: {} (alarm at {})",
        words::count(state.days as usize, "day"),
        state.since,
        levels.join(", "),
        THRESHOLD
    ));
    out.extend(
        state
            .alarms
            .iter()
            .map(|alarm| format!("ALARM {}, {}: {}", alarm.cause.name(), alarm.day, alarm.text)),
    );
    if !state.alarms.is_empty() {
        let State { suite, model, .. } = state;
        out.push(match state.watched {
            Watched::Canary => format!(
                "  look closer with fresh answers: `llmx eval {suite} --model {model} --mode refresh`; once dealt with: \
                 `llmx canary ack {suite} --model {model} --note WHY`"
            ),
            Watched::Live => format!(
                "  harder inputs look the same: a canary tells. See what fails: `llmx task sample {suite} --pick worst`; \
                 once dealt with: `llmx task ack {suite} --note WHY`"
            ),
        });
    }
    out.extend(state.acknowledged.iter().map(|note| format!("last acknowledged: {note}")));
    out.iter().map(|line| clean(line)).collect()
}

/// One line that nothing acts on, indented as it was.
fn clean(line: &str) -> String {
    let rest = line.trim_start_matches(' ');
    format!("{}{}", " ".repeat(line.len() - rest.len()), sanitize::line(rest))
}

fn day(watched: Watched, day: &Day) -> Vec<String> {
    let mut out = vec![format!(
        "{}: {} answered, {} of {} {} fail, scores {} points (a drop of {} says nothing)",
        day.day,
        words::count(day.answered, watched.one()),
        day.failing.len(),
        day.held,
        watched.held(),
        words::points(day.change),
        plain_points(day.tolerance)
    )];
    if !day.failing.is_empty() {
        let more = day.failing.len().saturating_sub(MAX_IDS);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let shown: Vec<&str> = day.failing.iter().take(MAX_IDS).map(String::as_str).collect();
        out.push(format!("  failing: {}{more}", shown.join(", ")));
    }
    if day.judged > 0 {
        out.push(format!(
            "  the judge scores {} {} points from what it said then",
            words::count(day.judged, "frozen answer"),
            words::points(day.judge_change)
        ));
    }
    out
}

/// The look as Markdown, for the job's summary or an issue.
#[must_use]
pub fn markdown(watch: &Watch) -> String {
    let heading = match exit_code(watch) {
        exit::OK if matches!(watch.standing, Standing::Gathering(..)) => "not watched yet",
        exit::OK => "no drift seen",
        exit::WORSE => "ALARM",
        exit::INPUT => "changed by us",
        _ => "not measured",
    };
    let what = match watch.state.watched {
        Watched::Canary => "Canary",
        Watched::Live => "Served",
    };
    let mut out = vec![format!("## {what}: {heading}"), String::new()];
    out.extend(lines(watch).iter().map(|line| format!("- {}", escape(line.trim_start()))));
    out.push(String::new());
    out.join("\n")
}

/// The look as JUnit XML: a test for each cause. `now`: when the look was.
///
/// # Errors
/// A message, when the XML writer fails; it writes to memory and has no reason to.
pub fn junit(watch: &Watch, now: OffsetDateTime) -> Result<String, String> {
    let evidence = lines(watch).join("\n");
    let class = match watch.state.watched {
        Watched::Canary => "canary",
        Watched::Live => "live",
    };
    let name = |cause: &str| format!("{}::{}::{}", watch.suite, watch.model, cause.replace(' ', "_"));
    let alarms: BTreeMap<Cause, &str> =
        watch.state.alarms.iter().map(|alarm| (alarm.cause, alarm.text.as_str())).collect();
    let mut tests: Vec<_> = CAUSES
        .iter()
        .map(|cause| {
            let status = status(watch, *cause);
            let message = alarms.get(cause).copied().unwrap_or(match status {
                Status::CannotTell => "too few have an answer",
                Status::Skipped => "not watched",
                _ => "no change seen",
            });
            junit::test(class, &name(cause.name()), status, cause.name(), message, &evidence)
        })
        .collect();
    let own = match &watch.standing {
        Standing::OwnChange(what) => what.as_str(),
        _ => "nothing changed by us",
    };
    tests.push(junit::test(class, &name("own change"), own_status(watch), "own change", own, &evidence));
    junit::document(vec![junit::test_suite(class, tests, Some(sanitize::text(&evidence)), now)])
}
