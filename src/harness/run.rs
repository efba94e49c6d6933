//! Turn the listing into libtest tests, run the selected ones, write the reports before the last line.

use std::fs::File;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::{Arguments, Failed, FormatSetting, Trial};

use super::alone::{self, Part};
use super::kept::{Kept, Results};
use super::listing::{Subject, Test, name_known_failures, tests};
use crate::eval::event::Listener;
use crate::host;
use crate::pipeline::deliver::Folder;
use crate::pipeline::policies::{self, POLICIES};
use crate::pipeline::{Inputs, Overrides, Registry, Selection, Session, baselines, runs};
use crate::report::input::{Past, PolicyReport};
use crate::report::outcome::{case_status, exit, gate_status, metric_status, policy_status};
use crate::report::words::{self, Hints};
use crate::report::{sanitize, text, traffic};
use crate::telemetry::{self, Purpose, Run, Telemetry};

/// What all tests share.
struct Shared {
    inputs: Arc<Inputs>,
    session: Session,
    folder: Folder,
    /// What this process leaves.
    part: Part,
    policies: Mutex<Vec<PolicyReport>>,
    today: String,
    /// Selected tests that have not ended yet; the last one writes the reports.
    open: AtomicUsize,
    reports_failed: AtomicBool,
}

/// Run the harness with libtest's arguments. `root` overrides where the project is.
#[must_use]
pub fn run(args: &Arguments, registry: Registry, root: Option<&Path>) -> ExitCode {
    let stdout = host::Stdout::guard();
    let code = run_guarded(args, registry, root);
    match stdout.finish() {
        None => code,
        Some(error) => {
            complain(&format!("{}; {}", host::lost_output(&error), host::LOST_OUTPUT_HINT));
            if code == ExitCode::SUCCESS { ExitCode::from(101) } else { code }
        }
    }
}

fn run_guarded(args: &Arguments, registry: Registry, root: Option<&Path>) -> ExitCode {
    if args.test_threads == Some(0) {
        complain("--test-threads: expected 1 or more, found 0");
        return ExitCode::from(exit::INPUT);
    }
    let mut args = args.clone();
    let vars = host::vars();
    let root = host::root(&vars, root);
    let results = root.as_ref().ok().and_then(|root| Results::of(&args, &vars, root));
    if let Some(known) = results.as_ref().and_then(Results::known) {
        return libtest_mimic::run(&args, vec![known.trial()]).exit_code();
    }
    let purpose = if args.list { Purpose::Log } else { Purpose::Run };
    let telemetry = telemetry::start(&vars, purpose);
    let interrupts = host::Interrupts::default();
    let mut outside = host::outside();
    outside.halt = interrupts.halt().clone();
    if !args.list {
        interrupts.listen(|cause| say(&host::ending(cause)));
    }
    let mut inputs = match root {
        Ok(root) => Inputs::load(&root, &vars, &Overrides::default(), registry, outside),
        Err(problem) => Inputs::nowhere(problem, registry, outside),
    };
    if let Some(problem) = runs::unknown_resume(&inputs) {
        inputs.problems.push(problem);
        inputs.suites.clear();
    }
    let inputs = Arc::new(inputs);
    let mut listed = tests(&inputs);
    // nextest knows a test by its line in the list, which must be the same in every run.
    if !args.list && inputs.settings.nextest_run.is_none() {
        name_known_failures(&inputs, &mut listed);
    }
    if args.list {
        let trials = listed.into_iter().map(|test| trial(test, |_| Ok(()))).collect();
        let conclusion = libtest_mimic::run(&args, trials);
        return listed_with(&args, &inputs).unwrap_or_else(|| conclusion.exit_code());
    }
    // The model calls run side by side whatever this says; one thread makes the lines come in listing order.
    args.test_threads = args.test_threads.or(Some(1));
    if let Some(results) = results.filter(|_| Results::may_be_shared(&inputs)) {
        match results.lock() {
            Ok(lock) => return for_all(&args, inputs, &listed, &results, lock, &telemetry),
            Err(error) => complain(&format!("results cannot be shared between processes: {error}")),
        }
    }

    let selected: Vec<bool> = listed
        .iter()
        .map(|test| {
            let probe = trial(test.clone(), |_| Ok(()));
            !args.is_filtered_out(&probe) && !args.is_ignored(&probe)
        })
        .collect();
    let mut selections = selections(&inputs, &listed, &selected);
    let chosen = listed.iter().zip(&selected).filter(|(_, selected)| **selected).map(|(test, _)| test);
    let part = alone::part(&inputs, chosen);
    if part != Part::Whole {
        alone::whole_suites(&mut selections);
    }
    let open = selected.iter().filter(|s| **s).count();
    let shared = begin(inputs, &telemetry, selections, part, open);
    let trials = listed
        .into_iter()
        .map(|test| {
            let shared = Arc::clone(&shared);
            trial(test, move |subject| {
                let _open = Open(&shared);
                judge(&shared, subject)
            })
        })
        .collect();
    let watched = Arc::clone(&shared);
    let watch = host::Ticker::every(host::TELL_EVERY, move || {
        if let Some(waiting) = traffic::waiting(&watched.inputs.hub.pulse()) {
            say(&waiting);
        }
    });
    let conclusion = libtest_mimic::run(&args, trials);
    drop(watch);
    end(&shared, &telemetry).unwrap_or_else(|| conclusion.exit_code())
}

/// The exit code of a list that lacks the cases of inputs that do not load; none where it is whole.
///
/// Test runners such as nextest read the list with `--format terse` and run nothing when that fails. They get what can be
/// listed, with exit code 0, because `policy::inputs` is on the list and fails when they run it.
fn listed_with(args: &Arguments, inputs: &Inputs) -> Option<ExitCode> {
    let mut problems = inputs.problems.iter().chain(&inputs.suite_problems).peekable();
    problems.peek()?;
    problems.for_each(|problem| complain(&format!("not listed: {problem}")));
    let for_a_runner = args.format == Some(FormatSetting::Terse);
    (!for_a_runner).then(|| ExitCode::from(exit::INPUT))
}

/// What all tests of this process share; `open` of them will run.
fn begin(
    inputs: Arc<Inputs>,
    telemetry: &Telemetry,
    selections: Vec<Selection>,
    part: Part,
    open: usize,
) -> Arc<Shared> {
    let clock = host::clock();
    let id = match &part {
        Part::Suite(id) => id.clone(),
        Part::Whole | Part::Silent => inputs.run_id.clone(),
    };
    let folder = Folder::new(&inputs.root(), &inputs.settings.reports_dir, &id);
    let listener = if selections.iter().all(Selection::is_empty) {
        no_listener()
    } else if part == Part::Silent {
        telemetry.open(&Run::new(&id, &inputs.process));
        no_listener()
    } else {
        telemetry.open(&Run::new(&id, &inputs.process).kept_in(&folder));
        record(&folder)
    };
    if let Some(base) = baselines::base(&inputs).filter(|_| open > 0 && part != Part::Silent) {
        say(&format!("base: {}", sanitize::line(&words::base(&base))));
    }
    let session = Session::new(Arc::clone(&inputs), selections, clock.clone(), listener).named(id);
    Arc::new(Shared {
        inputs,
        session,
        folder,
        part,
        policies: Mutex::new(Vec::new()),
        today: clock.today(),
        open: AtomicUsize::new(open),
        reports_failed: AtomicBool::new(false),
    })
}

/// Close the traces; the exit code where the run was ended early, or reports could not be written.
fn end(shared: &Shared, telemetry: &Telemetry) -> Option<ExitCode> {
    if let Some(note) = telemetry.close() {
        say(&format!("traces: {note}"));
    }
    if let Some(cause) = shared.inputs.hub.halt().cause() {
        complain(&format!("{cause}; the same command asks only for answers that were not kept"));
        return Some(ExitCode::from(exit::of_halt(cause)));
    }
    shared.reports_failed.load(Ordering::Acquire).then(|| ExitCode::from(101))
}

/// Run everything for all processes of a nextest run, unless one of them did while this one waited for the `lock`.
fn for_all(
    args: &Arguments,
    inputs: Arc<Inputs>,
    listed: &[Test],
    results: &Results,
    lock: File,
    telemetry: &Telemetry,
) -> ExitCode {
    let mut code = None;
    let mut own = results.known();
    if own.is_none() {
        let all = inputs.suites.iter().map(|suite| Selection::all(suite.dataset.cases.len())).collect();
        let shared = begin(inputs, telemetry, all, Part::Whole, listed.len());
        let kept: Vec<Kept> = listed
            .iter()
            .map(|test| {
                let _open = Open(&shared);
                Kept::new(test, &judge(&shared, &test.subject))
            })
            .collect();
        code = end(&shared, telemetry);
        // Another process would take an interrupted test for one that failed.
        if code.is_none()
            && let Err(error) = results.keep(&kept)
        {
            complain(&format!("results cannot be shared between processes: {error}"));
        }
        own = kept.into_iter().find(|kept| results.is_of(kept));
    }
    drop(lock);
    let conclusion = libtest_mimic::run(args, own.into_iter().map(Kept::trial).collect());
    code.unwrap_or_else(|| conclusion.exit_code())
}

/// One selected test under way; the last one to end, however it ends, writes the reports.
struct Open<'a>(&'a Shared);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if self.0.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            finish(self.0);
        }
    }
}

fn no_listener() -> Listener {
    Arc::new(|_| {})
}

/// `record.jsonl`; without it the run goes on, and says so.
fn record(folder: &Folder) -> Listener {
    folder.record().unwrap_or_else(|error| {
        complain(&format!("{} cannot be written: {error}", folder.run.join("record.jsonl").display()));
        no_listener()
    })
}

fn complain(message: &str) {
    say(&format!("error: {message}"));
}

/// A line on stderr. Nothing is left to do when that is gone as well.
fn say(line: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("{line}\n").as_bytes());
}

fn trial(test: Test, run: impl FnOnce(&Subject) -> Result<(), Failed> + Send + 'static) -> Trial {
    let Test { name, kind, subject } = test;
    Trial::test(name, move || run(&subject)).with_kind(kind)
}

fn selections(inputs: &Inputs, listed: &[Test], selected: &[bool]) -> Vec<Selection> {
    let mut selections: Vec<Selection> =
        inputs.suites.iter().map(|suite| Selection::none(suite.dataset.cases.len())).collect();
    for (test, _) in listed.iter().zip(selected).filter(|(_, selected)| **selected) {
        match &test.subject {
            Subject::Policy(_) => {}
            Subject::Case(suite, position) => {
                if let Some(flag) = selections.get_mut(*suite).and_then(|s| s.cases.get_mut(*position)) {
                    *flag = true;
                }
            }
            Subject::Gate(suite, _) => {
                if let Some(selection) = selections.get_mut(*suite) {
                    selection.gate = true;
                }
            }
        }
    }
    selections
}

/// The result of one test.
fn judge(shared: &Shared, subject: &Subject) -> Result<(), Failed> {
    let asks = !matches!(subject, Subject::Policy(_));
    if let Some(why) = alone::refused(&shared.inputs).filter(|_| asks) {
        return Err(not_run(why));
    }
    match subject {
        Subject::Policy(name) => {
            let report = policies::check(&shared.inputs, name, &shared.today, Some(&shared.session));
            let result = if policy_status(&report).fails() {
                Err(Failed::from(text::policy_text(&report)))
            } else {
                Ok(())
            };
            shared.policies.lock().unwrap_or_else(PoisonError::into_inner).push(report);
            result
        }
        Subject::Case(suite, position) => {
            let done = shared.session.case(*suite, *position).map_err(|message| not_run(&message))?;
            if !case_status(&done.verdict, done.excuse.as_deref()).fails() {
                return Ok(());
            }
            let Some(inputs) = shared.inputs.suites.get(*suite) else { return Ok(()) };
            let plan = shared.inputs.plan(inputs).map_err(|_| not_run("the suite's inputs do not load"))?;
            let past = Past { baseline: &done.baseline, before: done.before.as_ref() };
            let hints = hints(shared, inputs.several);
            Err(Failed::from(text::case_evidence(
                &plan.record(Vec::new()),
                &done.record,
                &done.verdict,
                past,
                hints,
            )))
        }
        Subject::Gate(suite, metric) => {
            let done = shared.session.suite(*suite).map_err(|message| not_run(&message))?;
            let (record, gate) = (&done.0, &done.1);
            let several = shared.inputs.suites.get(*suite).is_some_and(|suite| suite.several);
            match metric {
                None => match gate_status(gate) {
                    status if status.fails() => {
                        Err(Failed::from(text::gate_text(record, gate, hints(shared, several))))
                    }
                    _ => Ok(()),
                },
                Some(metric) => match gate.decision.metrics.iter().find(|found| found.metric == *metric) {
                    Some(found) if metric_status(gate, found).fails() => {
                        Err(Failed::from(text::metric_text(gate, found)))
                    }
                    _ => Ok(()),
                },
            }
        }
    }
}

/// Commands in a failure name the model where it is not the suite's own.
fn hints(shared: &Shared, several: bool) -> Hints<'static> {
    Hints {
        name_model: several || !shared.inputs.settings.models.is_empty(),
        name_prompt: shared.inputs.settings.prompt.is_some(),
        ..Hints::default()
    }
}

fn not_run(message: &str) -> Failed {
    Failed::from(format!("not run: {message}"))
}

/// Put the reports together and write them, in listing order whatever ended first.
fn finish(shared: &Shared) {
    let is_newest = match shared.part {
        Part::Silent => return,
        Part::Whole => true,
        // `reports/junit.xml` is of a whole run.
        Part::Suite(_) => false,
    };
    let mut policies = shared.policies.lock().unwrap_or_else(PoisonError::into_inner).clone();
    policies.sort_by_key(|report| POLICIES.iter().position(|name| report.name.ends_with(name)));
    let report = shared.session.report(policies);
    match shared.folder.write(&report, &shared.inputs.settings, is_newest) {
        Ok(note) => note.iter().for_each(|note| say(note)),
        Err(error) => {
            shared.reports_failed.store(true, Ordering::Release);
            complain(&format!("reports could not be written to {}: {error}", shared.folder.run.display()));
        }
    }
}
