//! Watch a task's sample day by day: gather what is usual first, then hold each day against it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::marks::{Marked, Marking, sample, shuffled};
use super::sampled::{Sampled, folder};
use crate::config::Problem;
use crate::drift::{Standing, State, Watch, Watched};
use crate::eval::run::Reach;
use crate::json::sha256_hex;
use crate::live::{FORMAT, Judged, Reference, Request};
use crate::llm::Day;
use crate::llm::Stream;
use crate::pipeline::watched::{day_until, load, read, store};
use crate::pipeline::{Inputs, block_on, money};

/// Answers of the reference that the judge judges again each day.
const FROZEN: usize = 20;

/// What to do about a file that is no state.
pub const STATE_HINT: &str = "remove it to start watching anew";

/// Share of a day's requests without marks beyond which the day does not count.
const MAX_MISSING: f64 = 0.10;

/// The reference as it is kept, with the answers that are judged again.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    reference: Reference,
    frozen: Vec<Frozen>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Frozen {
    request: Sampled,
    score: f64,
}

/// Files of a task's watch.
#[must_use]
pub fn files(inputs: &Inputs, task: &str) -> (PathBuf, PathBuf) {
    let folder = folder(inputs, task);
    (folder.join("reference.json"), folder.join("state.json"))
}

/// Watch every day of a task's sample that was not watched yet, up to `until` (`YYYY-MM-DD`), which has ended or is `today`.
///
/// # Errors
/// Problems of the task, of `config/live.yml`, of the files of the sample.
pub fn watch(inputs: &Inputs, task: &str, (until, today): (&str, &str)) -> Result<Watch, Vec<Problem>> {
    day_until(until, today).map_err(|problem| vec![problem])?;
    let marking = Marking::load(inputs, task)?;
    let problem = money::problems(inputs, &marking.plan).into_iter().next();
    problem
        .map_or(Ok(()), Err)
        .and_then(|()| money::open_account_of(inputs, &marking.plan))
        .map_err(|p| vec![p])?;
    let (reference_file, state_file) = files(inputs, task);
    let known = load(&state_file, STATE_HINT).map_err(|problem| vec![problem])?;
    let alias = marking.plan.alias.clone();
    let mut watch = Watch {
        suite: task.to_owned(),
        model: alias.clone(),
        declares: marking.declares.clone(),
        day: until.to_owned(),
        standing: Standing::Known,
        state: State::new(Watched::Live, task, &alias, "", until, std::collections::BTreeSet::new()),
        alarms: Vec::new(),
        missing: Vec::new(),
        notes: Vec::new(),
    };
    let found = read_reference(&reference_file).map_err(|problem| vec![problem])?;
    let fits = |(kept, _): &(Kept, String)| {
        let reference = &kept.reference;
        (&reference.task_sha256, &reference.marks_sha256) == (&marking.task_sha256, &marking.marks_sha256)
    };
    let had = found.is_some();
    let found = match found.filter(fits) {
        Some(found) => found,
        None => {
            if had {
                let open = known.as_ref().map(State::open_alarms).unwrap_or_default();
                watch.notes.push(format!(
                    "model, prompt, checks, judge or what is hidden are others than before: what is usual is gathered anew{open}"
                ));
            }
            match gather(inputs, &marking, until, &mut watch)? {
                Some(kept) => {
                    inputs.not_ended()?;
                    let bytes = store(&reference_file, &kept).map_err(|problem| vec![problem])?;
                    (kept, sha256_hex(&bytes))
                }
                None => return Ok(watch),
            }
        }
    };
    let (Kept { reference, frozen }, sha256) = found;
    watch.state = known.filter(|state| state.baseline == sha256).unwrap_or_else(|| {
        State::new(Watched::Live, task, &alias, &sha256, &reference.days.1, reference.served.clone())
    });
    let after = watch.state.last.as_ref().map_or(&reference.days.1, |last| &last.day).clone();
    for (day, requests) in sample(inputs, task, &after, until)? {
        if day == after {
            continue;
        }
        watch.day.clone_from(&day);
        let all = requests.len();
        let ours = of_this_task(&marking, requests);
        if ours.len() < all {
            watch.notes.push(format!(
                "{day}: {} of {all} requests were answered by another version of the task and are left out",
                all - ours.len()
            ));
        }
        let mut ours = shuffled(ours, &day);
        ours.truncate(marking.spec.per_day as usize);
        if ours.is_empty() {
            continue;
        }
        let Some(of_day) = Day::parse(&day) else { continue };
        let marked = marks(inputs, &marking, &ours, Stream::Main, &mut watch)?;
        let Some(requests) = enough(&ours, marked, &mut watch) else {
            // Later days go on: what one day's judge said that nobody can read must not end all watching.
            watch.notes.push(format!("{day}: too many of {} requests have no marks", ours.len()));
            continue;
        };
        let judged = again(inputs, &marking, &frozen, of_day, &mut watch)?;
        if let Err(problems) = inputs.not_ended() {
            watch.notes.extend(problems.iter().map(ToString::to_string));
            watch.standing = Standing::Missing;
            return Ok(watch);
        }
        let requests: Vec<Request> = requests.into_iter().map(|marked| marked.request).collect();
        let alarms = watch.state.day(&day, &reference.measured(&requests, &judged));
        watch.alarms.extend(alarms);
        watch.standing = Standing::Counted;
        store(&state_file, &watch.state).map_err(|problem| vec![problem])?;
    }
    Ok(watch)
}

fn of_this_task(marking: &Marking, requests: Vec<Sampled>) -> Vec<Sampled> {
    requests.into_iter().filter(|request| request.task_sha256 == marking.task_sha256).collect()
}

fn marks(
    inputs: &Inputs,
    marking: &Marking,
    requests: &[Sampled],
    stream: Stream,
    watch: &mut Watch,
) -> Result<Vec<Option<Marked>>, Vec<Problem>> {
    let marked = block_on(marking.mark(requests, stream, inputs.settings.concurrency, Reach::Run));
    let marked = marked.map_err(|message| vec![Problem::of_file(&marking.task, message)])?;
    let named = requests.iter().map(super::marks::name).zip(marked);
    let kept = named.map(|(name, marked)| marked.map_err(|why| watch.missing.push((name, why))).ok());
    Ok(kept.collect())
}

/// The marks, unless too many are missing.
fn enough(requests: &[Sampled], marked: Vec<Option<Marked>>, watch: &mut Watch) -> Option<Vec<Marked>> {
    let marked: Vec<Marked> = marked.into_iter().flatten().collect();
    let absent = requests.len() - marked.len();
    if absent as f64 > MAX_MISSING * requests.len() as f64 {
        watch.standing = Standing::Missing;
        return None;
    }
    Some(marked)
}

/// What the first requests of the task say is usual, if there are enough.
fn gather(
    inputs: &Inputs,
    marking: &Marking,
    until: &str,
    watch: &mut Watch,
) -> Result<Option<Kept>, Vec<Problem>> {
    let want = marking.spec.reference;
    let mut requests: Vec<Sampled> = Vec::new();
    let mut days: Option<(String, String)> = None;
    for (day, found) in sample(inputs, &marking.task, "", until)? {
        let found = of_this_task(marking, found);
        if found.is_empty() {
            continue;
        }
        let first = days.map_or_else(|| day.clone(), |(first, _)| first);
        days = Some((first, day));
        requests = shuffled(requests.into_iter().chain(found).collect(), "reference");
        if requests.len() >= want as usize {
            break;
        }
    }
    let Some(days) = days.filter(|_| requests.len() >= want as usize) else {
        watch.standing = Standing::Gathering(requests.len(), want);
        return Ok(None);
    };
    requests.truncate(want as usize);
    let marked = marks(inputs, marking, &requests, Stream::Main, watch)?;
    let judged = requests.iter().zip(&marked).filter_map(|(request, marked)| {
        let score = marked.as_ref()?.judge.as_ref()?.score;
        Some(Frozen { request: request.clone(), score })
    });
    let frozen: Vec<Frozen> = judged.take(FROZEN).collect();
    let Some(marked) = enough(&requests, marked, watch) else { return Ok(None) };
    let marked: Vec<Request> = marked.into_iter().map(|marked| marked.request).collect();
    let of = [&marking.task, &marking.task_sha256, &marking.marks_sha256].map(String::as_str);
    watch.notes.push(format!(
        "what is usual: {} requests of {} to {}; days after that are watched",
        marked.len(),
        days.0,
        days.1
    ));
    Ok(Some(Kept { reference: Reference::new(of, days, &marked), frozen }))
}

/// The judge's word of today about frozen answers.
fn again(
    inputs: &Inputs,
    marking: &Marking,
    frozen: &[Frozen],
    day: Day,
    watch: &mut Watch,
) -> Result<Vec<Judged>, Vec<Problem>> {
    if frozen.is_empty() {
        return Ok(Vec::new());
    }
    let requests: Vec<Sampled> = frozen.iter().map(|frozen| frozen.request.clone()).collect();
    let marked = marks(inputs, marking, &requests, Stream::Canary(day), watch)?;
    let both = frozen.iter().zip(marked);
    Ok(both
        .filter_map(|(frozen, marked)| Some(Judged { then: frozen.score, now: marked?.judge?.score }))
        .collect())
}

/// The reference, with the hash of its file.
fn read_reference(file: &Path) -> Result<Option<(Kept, String)>, Problem> {
    const HINT: &str = "remove it to gather what is usual anew";
    let Some((kept, bytes)) = read::<Kept>(file, "reference of a task", HINT)? else { return Ok(None) };
    if kept.reference.format > FORMAT {
        let message = format!("has format {}, and this program knows {FORMAT}", kept.reference.format);
        return Err(Problem::of_file(file.display().to_string(), message).hint(HINT));
    }
    Ok(Some((kept, sha256_hex(&bytes))))
}
