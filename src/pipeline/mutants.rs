//! Plant faults in the accepted answers of a suite, and score them with its checks. No request is made: recordings,
//! embedded models, programs and closures alone decide.

mod stale;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::inputs::{Inputs, SuiteInputs};
use super::observe::scorable_answer;
use super::{block_on, side_by_side};
use crate::baseline::{self, Baseline, BaselineCase, Stored};
use crate::config::Problem;
use crate::config::check::CheckSpec;
use crate::config::suite::JUDGE_MEAN;
use crate::dataset::Case;
use crate::eval::check::Subject;
use crate::eval::plan::SuitePlan;
use crate::eval::run::{self, Reach};
use crate::eval::score::each::{NotRun, Scorer};
use crate::files::atomic_write;
use crate::json::same;
use crate::llm::{Answer, FinishReason, Stream};
use crate::mutants::answer::{Parsed, excerpts};
use crate::mutants::outcome::{Seen, seen, today};
use crate::mutants::table::{CaseSeen, Field, Left, MutantSeen, table};
use crate::mutants::{
    Guard, Kind, Labels, Mutant, Mutants, Original, Outcome, Part, Ran, Readings, Today, plant,
};
use crate::report::mutants::markdown;
use crate::stats::rng::Rng;

/// What to plant.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish {
    /// Decides every choice.
    pub seed: u64,
    /// One kind of fault alone.
    pub fault: Option<Kind>,
}

/// Called for every case that is done, with how many there are.
pub type OnCase = Arc<dyn Fn(usize) + Send + Sync>;

/// Plant faults in the suite's accepted answers, and score them.
///
/// # Errors
/// Problems of the suite's inputs; no baseline, or one that cannot be read.
pub fn measure(
    inputs: &Inputs,
    suite: &SuiteInputs,
    wish: Wish,
    on_case: &OnCase,
) -> Result<Mutants, Vec<Problem>> {
    let plan = Arc::new(inputs.plan_of_recordings(suite, None)?);
    let stored = accepted(inputs, suite).map_err(|problem| vec![problem])?;
    let failed = |message| vec![Problem::of_file(&suite.doc.file, message)];
    let guards = Arc::new(Guards::of(&plan));
    let (originals, left) = block_on(originals(inputs, &plan, &stored.baseline, &guards)).map_err(failed)?;
    let planting = Arc::new(Planting {
        plan: Arc::clone(&plan),
        guards: Arc::clone(&guards),
        labels: labels(&plan),
        seed: wish.seed,
        kinds: wish.fault.map_or_else(|| Kind::ALL.to_vec(), |kind| vec![kind]),
        earlier: stale::answers(inputs, &plan, &stored, &originals),
        originals,
        on_case: Arc::clone(on_case),
    });
    let all = (0..planting.originals.len()).map(|i| {
        let planting = Arc::clone(&planting);
        async move { planting.case(i).await }
    });
    let done = block_on(side_by_side(inputs.settings.concurrency, all)).map_err(failed)?;
    let mut field = Field {
        suite: plan.spec.suite.clone(),
        model: plan.alias.clone(),
        baseline_sha256: stored.sha256.clone(),
        seed: wish.seed,
        fault: wish.fault,
        guards: guards.list.clone(),
        slices: plan.spec.gate.slices.clone(),
        left,
        cases: Vec::with_capacity(done.len()),
        notes: notes(&plan),
    };
    for case in done {
        match case {
            Some(case) => field.cases.push(case),
            None => not_scored(&mut field.left, "scoring a mutant panicked; stderr says where"),
        }
    }
    let unscored = field.cases.iter().flat_map(|case| &case.mutants).find_map(|m| m.seen.failed.as_ref());
    field.notes.extend(unscored.map(|(_, why)| format!("not every mutant could be scored: {why}")));
    Ok(table(&field))
}

/// The baseline in the working copy, else the one at the merge base.
fn accepted(inputs: &Inputs, suite: &SuiteInputs) -> Result<Stored, Problem> {
    let name = &suite.doc.value.suite;
    let found = match baseline::read(&inputs.root(), name, &suite.alias)? {
        Some(working) => Some(working),
        None => inputs.baseline_at_merge_base(suite)?,
    };
    found.ok_or_else(|| {
        let message =
            format!("suite `{name}` has no baseline on `{}`: no accepted answers to change", suite.alias);
        let hint = format!("`llmx baseline accept {name} --model {}`", suite.alias);
        Problem::of_file(&suite.doc.file, message).hint(hint)
    })
}

/// The guards of a suite, and where each check and metric of a case is among them.
struct Guards {
    list: Vec<Guard>,
    /// Checks that cases bring along, by name.
    own: BTreeMap<String, usize>,
    /// Entries under `metrics:`, by name.
    metrics: BTreeMap<String, usize>,
    judge: Option<usize>,
}

impl Guards {
    fn of(plan: &SuitePlan) -> Self {
        let gate = &plan.spec.gate;
        let gated = |name: &str| gate.primary == name || gate.also.iter().any(|also| also == name);
        let labels = named(&plan.spec.checks);
        let checks = plan.spec.checks.iter().zip(labels).map(|(check, name)| Guard {
            name,
            part: Part::Check,
            fails: true,
            gated: check.args.metric.as_deref().is_some_and(gated),
            embedded: false,
        });
        let mut list: Vec<Guard> = checks.collect();
        let mut own = BTreeMap::new();
        let names = plan.dataset.cases.iter().flat_map(|case| named(&case.checks));
        for name in names.collect::<std::collections::BTreeSet<_>>() {
            own.insert(name.clone(), list.len());
            let name = format!("{name} (of cases)");
            list.push(Guard { name, part: Part::CaseCheck, fails: true, gated: false, embedded: false });
        }
        let mut metrics = BTreeMap::new();
        for name in plan.spec.metrics.keys() {
            metrics.insert(name.clone(), list.len());
            let gated = gated(name);
            list.push(Guard { name: name.clone(), part: Part::Metric, fails: false, gated, embedded: false });
        }
        let judge = plan.judge.as_ref().map(|judge| {
            let card = judge.client.card();
            list.push(Guard {
                name: format!("judge {}", card.alias),
                part: Part::Judge,
                fails: judge.blocking,
                gated: gated(JUDGE_MEAN),
                embedded: card.embedded,
            });
            list.len() - 1
        });
        Self { list, own, metrics, judge }
    }

    /// Every guard of one case on one answer.
    async fn read(&self, plan: &SuitePlan, case: &Case, answer: &Answer) -> Readings {
        let json = crate::json::parse(&answer.text).ok();
        let own = named(&case.checks);
        let mut readings = Readings::new();
        for single in plan.scoring.each(&Subject { case, answer, json: json.as_ref() }).await {
            let at = match single.part {
                Scorer::Check(i) => Some(i),
                Scorer::Own(i) => own.get(i).and_then(|name| self.own.get(name)).copied(),
                Scorer::Metric(name) => self.metrics.get(name).copied(),
            };
            let lower = match single.part {
                Scorer::Metric(name) => {
                    plan.spec.metrics.get(name).is_some_and(|metric| metric.lower_is_better)
                }
                Scorer::Check(_) | Scorer::Own(_) => false,
            };
            let ran = match single.found {
                Ok(found) => Ran::Scored {
                    score: if lower { 1.0 - found.score } else { found.score },
                    passed: found.passed,
                },
                Err(NotRun::NotRecorded) => Ran::NotAsked,
                Err(NotRun::Failed(why)) => Ran::Failed(why),
            };
            readings.extend(at.map(|at| (at, ran)));
        }
        if let Some(at) = self.judge {
            readings.push((at, judged(plan, case, answer).await));
        }
        readings
    }
}

/// A judge behind a network is not asked, and no reply to a mutant can be recorded.
async fn judged(plan: &SuitePlan, case: &Case, answer: &Answer) -> Ran {
    if plan.judge.as_ref().is_none_or(|judge| !judge.client.card().embedded) {
        return Ran::NotAsked;
    }
    match run::judge(plan, case, answer, Stream::Main, Reach::Recorded).await {
        Ok(Some(judged)) => Ran::Scored { score: judged.score, passed: judged.passed },
        Ok(None) => Ran::NotAsked,
        Err(why) => Ran::Failed(why),
    }
}

/// The labels of checks, with a number where one comes again.
fn named(checks: &[CheckSpec]) -> Vec<String> {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    let name = |check: &CheckSpec| {
        let label = check.label();
        let times = times.entry(label.clone()).or_default();
        *times += 1;
        if *times > 1 { format!("{label} #{times}") } else { label }
    };
    checks.iter().map(name).collect()
}

/// An accepted answer that passes today.
struct Accepted {
    /// Position of its case in the dataset.
    position: usize,
    answer: Answer,
    readings: Readings,
}

/// For each case the first accepted answer that passes, in the order of the dataset.
async fn originals(
    inputs: &Inputs,
    plan: &Arc<SuitePlan>,
    baseline: &Baseline,
    guards: &Arc<Guards>,
) -> (Vec<Accepted>, Left) {
    let mut left = Left::default();
    let mut wanted: Vec<(usize, BaselineCase)> = Vec::new();
    for past in &baseline.cases {
        match plan.case(&past.id) {
            Some((position, case)) if case.content_hash() == past.content_hash => {
                wanted.push((position, past.clone()));
            }
            _ => left.changed += 1,
        }
    }
    wanted.sort_by_key(|(position, _)| *position);
    let all = wanted.into_iter().map(|(position, past)| {
        let (plan, guards) = (Arc::clone(plan), Arc::clone(guards));
        async move { original(&plan, &guards, position, &past).await }
    });
    let mut found = Vec::new();
    for original in side_by_side(inputs.settings.concurrency, all).await {
        match original {
            Some(Ok(accepted)) => found.push(accepted),
            Some(Err(Unfit::Failing)) => left.failing += 1,
            Some(Err(Unfit::NotRecorded)) => left.not_recorded += 1,
            Some(Err(Unfit::NotScored(why))) => not_scored(&mut left, &why),
            None => not_scored(&mut left, "scoring an answer panicked; stderr says where"),
        }
    }
    (found, left)
}

fn not_scored(left: &mut Left, why: &str) {
    left.not_scored += 1;
    left.not_scored_because.get_or_insert_with(|| why.to_owned());
}

/// Why a case has no original.
enum Unfit {
    Failing,
    NotRecorded,
    NotScored(String),
}

/// The first answer that passed when it was accepted and passes now.
async fn original(
    plan: &SuitePlan,
    guards: &Guards,
    position: usize,
    past: &BaselineCase,
) -> Result<Accepted, Unfit> {
    let mut unfit = Unfit::Failing;
    let Some((_, case)) = plan.case(&past.id) else { return Err(unfit) };
    for sample in past.samples.iter().filter(|sample| sample.passed) {
        let Some(answer) = scorable_answer(plan, case, sample) else {
            unfit = Unfit::NotRecorded;
            continue;
        };
        let readings = guards.read(plan, case, &answer).await;
        match today(&guards.list, &readings) {
            Today::Passes => return Ok(Accepted { position, answer, readings }),
            Today::Fails => {}
            Today::NotScored(why) => unfit = Unfit::NotScored(why),
        }
    }
    Err(unfit)
}

/// The labels of the dataset, and the places in an answer that checks compare with them.
fn labels(plan: &SuitePlan) -> Labels {
    let checks = plan.spec.checks.iter().chain(plan.spec.metrics.values().map(|metric| &metric.check));
    let pair =
        |check: &CheckSpec| Some((check.args.path.clone().unwrap_or_default(), check.args.expected.clone()?));
    Labels::of(plan.dataset.cases.iter().map(|case| &case.expected), checks.filter_map(pair))
}

/// Everything that scoring the mutants of a case takes.
struct Planting {
    plan: Arc<SuitePlan>,
    guards: Arc<Guards>,
    labels: Labels,
    seed: u64,
    kinds: Vec<Kind>,
    originals: Vec<Accepted>,
    /// Answers of earlier baselines, by position among the originals.
    earlier: BTreeMap<usize, String>,
    on_case: OnCase,
}

impl Planting {
    /// Plants and scores the mutants of one original.
    async fn case(&self, at: usize) -> CaseSeen {
        let found = self
            .originals
            .get(at)
            .and_then(|original| Some((original, self.plan.dataset.cases.get(original.position)?)));
        let Some((original, case)) = found else { return CaseSeen::default() };
        let planted = plant(
            &Original {
                case: &case.id,
                text: &original.answer.text,
                expected: &case.expected,
                others: self.others(at, case),
                earlier: self.earlier.get(&at).map(String::as_str),
            },
            &self.labels,
            self.seed,
            &self.kinds,
        );
        let mut mutants = Vec::with_capacity(planted.mutants.len());
        for mutant in planted.mutants {
            mutants.push(self.mutant(original, case, mutant).await);
        }
        (self.on_case)(self.originals.len());
        CaseSeen {
            id: case.id.clone(),
            cluster: case.cluster.clone(),
            slices: case.slices.clone(),
            mutants,
            left_out: planted.left_out,
        }
    }

    async fn mutant(&self, original: &Accepted, case: &Case, mutant: Mutant) -> MutantSeen {
        let before = &original.answer.text;
        let mut answer = Answer { text: mutant.text, ..original.answer.clone() };
        if mutant.kind == Kind::Truncated {
            // As a provider says of an answer that breaks off.
            answer.finish_reason = FinishReason::Length;
        }
        let readings = self.guards.read(&self.plan, case, &answer).await;
        let equal = Parsed::of(before).same(&Parsed::of(&answer.text));
        let seen: Seen = seen(&self.guards.list, &original.readings, &readings, equal);
        let survived = seen.outcome == Outcome::Survived;
        MutantSeen {
            kind: mutant.kind,
            at: mutant.at,
            seen,
            excerpts: survived.then(|| excerpts(before, &answer.text)),
        }
    }

    /// A seeded other case's accepted answer, where that case expects something else and the answer says something else.
    fn others(&self, at: usize, case: &Case) -> Option<&str> {
        let original = Parsed::of(&self.originals.get(at)?.answer.text);
        let count = self.originals.len();
        let start = Rng::from_text(&format!("{}|{}|others", self.seed, case.id)).below(count);
        (0..count).map(|i| (start + i) % count).filter_map(|i| self.originals.get(i)).find_map(|other| {
            let expected = &self.plan.dataset.cases.get(other.position)?.expected;
            let text = other.answer.text.as_str();
            (!same(expected, &case.expected) && !Parsed::of(text).same(&original)).then_some(text)
        })
    }
}

/// Facts about the models behind the figures.
fn notes(plan: &SuitePlan) -> Vec<String> {
    let mut notes = Vec::new();
    let card = plan.model.card();
    if card.embedded {
        notes.push(format!("the answers are those of `{}`: {}", card.alias, card.declares));
    }
    let Some(judge) = &plan.judge else { return notes };
    let card = judge.client.card();
    let gate = &plan.spec.gate;
    let gates =
        judge.blocking || gate.primary == JUDGE_MEAN || gate.also.iter().any(|name| name == JUDGE_MEAN);
    let says = if card.embedded { format!(" ({})", card.declares) } else { String::new() };
    let name = format!("judge `{}`{says}", card.alias);
    notes.push(match (gates, &plan.judge_informs) {
        (true, _) if card.embedded => {
            format!("{name} was asked: it is part of this program and costs nothing")
        }
        (true, _) => format!("{name} was not asked: it is behind a network, and no request is made"),
        (false, Some(why)) => format!("{name} only informs and cannot notice a fault: {why}"),
        (false, None) => format!("{name} fails nothing and is not gated, so it cannot notice a fault"),
    });
    notes
}

/// The folder of the reports.
#[must_use]
pub fn folder(inputs: &Inputs) -> PathBuf {
    inputs.root().join(&inputs.settings.reports_dir).join("mutants")
}

/// Writes the report as JSON and Markdown; the file of one kind of fault does not replace the file of all. Returns the
/// Markdown file.
///
/// # Errors
/// The first file that could not be written.
pub fn write(folder: &Path, mutants: &Mutants) -> std::io::Result<PathBuf> {
    let kind = mutants.fault.map_or(String::new(), |kind| format!(".{kind}"));
    let file =
        |extension: &str| folder.join(format!("{}.{}{kind}.{extension}", mutants.suite, mutants.model));
    let mut json = serde_json::to_vec_pretty(mutants)?;
    json.push(b'\n');
    atomic_write(&file("json"), &json)?;
    let page = file("md");
    atomic_write(&page, markdown(mutants).as_bytes())?;
    Ok(page)
}
