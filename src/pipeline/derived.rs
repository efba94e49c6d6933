//! `policy::baselines`: every baseline derived again, so that a hand edit is seen. Answers and scores of embedded
//! models by answering again (or from the run under way), the decision from the two files it was made between.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::compare_files::{decide, reason, speaks_for_itself};
use super::inputs::{Inputs, SuiteInputs};
use super::measurement::baseline_deleted;
use super::observe::{recorded_answer, scored_by_another_version, scores_differ};
use super::session::Session;
use super::suite_run::policy;
use super::{baselines, block_on};
use crate::baseline::{self, Acceptance, Baseline, BaselineSample, Stored, file};
use crate::config::Problem;
use crate::config::settings::Mode;
use crate::dataset::Case;
use crate::eval::plan::SuitePlan;
use crate::eval::record::{SampleOutcome, SampleRecord};
use crate::eval::run::{self, Reach};
use crate::llm::Stream;
use crate::policy::Findings;
use crate::prompt::changelog::FIRST;

/// Problems shown of one baseline: past these, the rest follows from them.
const MAX_PER_BASELINE: usize = 5;

/// Every baseline of the selected suites, derived again: answers and scores of embedded models by answering
/// again, and the decision it was accepted on.
pub(super) fn check(inputs: &Inputs, session: Option<&Session>) -> Findings {
    let mut findings = Findings::default();
    for (i, suite) in inputs.suites.iter().enumerate() {
        let name = &suite.doc.value.suite;
        let file = baseline::path(name, &suite.alias);
        let found = match baselines::stored(inputs, suite) {
            Ok(found) => found,
            Err(problem) => {
                // A merge base that cannot be found is one problem, not one of each suite.
                if !findings.problems.contains(&problem) {
                    findings.problems.push(problem);
                }
                continue;
            }
        };
        let model = if suite.several || !inputs.settings.models.is_empty() {
            format!(" --model {}", suite.alias)
        } else {
            String::new()
        };
        let Some(working) = &found.working else {
            let accepted = || {
                let deleted = baseline_deleted(name, &suite.alias);
                inputs.measurement().is_ok_and(|measurement| measurement.is_accepted(name, &deleted.id))
            };
            if found.base.is_some() && accepted() {
                findings.hints.push(format!("{file}: deleted, and the deletion was accepted"));
            } else if found.base.is_some() {
                findings.problems.push(
                    Problem::of_file(&file, "stands at the merge base and is gone here")
                        .hint(format!("bring it back: `git checkout {} -- {file}`", inputs.base_name())),
                );
            } else {
                findings
                    .hints
                    .push(format!("{file}: no baseline yet: `llmx baseline accept {name}{model}` makes one"));
            }
            continue;
        };
        // What the run asks anyway need not be asked twice.
        let answered = |position: usize| session?.case(i, position).ok()?.record.samples.first().cloned();
        let outcome = block_on(check_one(inputs, suite, &file, working, found.base.as_ref(), &answered));
        findings.extend(outcome.unwrap_or_else(|message| Findings {
            problems: vec![Problem::of_file(&file, message)],
            hints: Vec::new(),
        }));
    }
    findings
}

/// What the run under way answers to a case, by position; nothing where it does not run.
type Answered<'a> = dyn Fn(usize) -> Option<SampleRecord> + 'a;

async fn check_one(
    inputs: &Inputs,
    suite: &SuiteInputs,
    file: &str,
    working: &Stored,
    base: Option<&Stored>,
    answered: &Answered<'_>,
) -> Findings {
    let mut findings = Findings::default();
    let stored = &working.baseline;
    let accepted = &stored.header.accepted;
    let problem = |message: String| Problem::of_file(file, message);
    if !speaks_for_itself(&accepted.decision) && reason(accepted).is_none() {
        findings.problems.push(
            problem(format!(
                "was accepted without a reason on this decision: {}",
                accepted.decision.sentence
            ))
            .hint("accept again with `llmx baseline accept --override REASON`"),
        );
    }
    // The prompt the baseline was recorded with, which need not be the candidate of this branch.
    let candidate = inputs.plan(suite).ok();
    let same = |plan: &&Arc<SuitePlan>| plan.identity.prompt == stored.header.prompt.file;
    let (plan, is_candidate) = match candidate.as_ref().filter(same) {
        Some(plan) => (Arc::clone(plan), true),
        None => match inputs.plan_with(suite, Some(&stored.header.prompt.file)) {
            Ok(plan) => (Arc::new(plan), false),
            Err(found) => {
                // Inputs of the candidate that do not load are reported by `inputs`, once.
                if candidate.is_some() {
                    findings.problems.extend(found);
                }
                return findings;
            }
        },
    };
    if plan.identity.prompt_sha256 != stored.header.prompt.sha256 {
        findings.hints.push(format!(
            "{file}: {} is another text now (see policy::prompts): answers were not derived again",
            stored.header.prompt.file
        ));
        return findings;
    }
    if plan.identity.graph_sha256 != stored.header.graph_sha256 {
        findings
            .hints
            .push(format!("{file}: the task's graph changed since: answers were not derived again"));
        return findings;
    }
    if plan.identity.kb_sha256 != stored.header.kb_sha256 {
        findings
            .hints
            .push(format!("{file}: the knowledge base changed since: answers were not derived again"));
        return findings;
    }
    let card = plan.model.card();
    let header = &stored.header;
    if (header.provider, &header.model_id, header.deterministic)
        != (card.provider, &card.model_id, plan.deterministic())
    {
        findings.problems.push(
            problem(format!(
                "was recorded on another model ({} {}) than `{}` is now ({} {})",
                header.provider, header.model_id, suite.alias, card.provider, card.model_id
            ))
            .hint("accept a run of the model as it is now"),
        );
        return findings;
    }
    let nothing: &Answered<'_> = &|_| None;
    let answered = if is_candidate { answered } else { nothing };
    // A live run has recordings of its own: the stored answers are in those of Git, if they are anywhere.
    let recorded = match inputs.settings.mode {
        Mode::Live if !plan.is_embedded() => {
            inputs.plan_of_recordings(suite, Some(&stored.header.prompt.file)).ok().map(Arc::new)
        }
        _ => None,
    };
    let (recorded, answered) = match recorded {
        Some(recorded) => (recorded, nothing),
        None => (Arc::clone(&plan), answered),
    };
    findings.extend(derive_again(&recorded, file, stored, answered).await);
    if !findings.problems.is_empty() {
        return findings;
    }
    let policy = policy(&plan, inputs.settings.on_inconclusive);
    match base {
        Some(base) if base.sha256 == working.sha256 => {}
        Some(base) if base.sha256 == accepted.decision.against => {
            findings.problems.extend(dropped(base, working).map(|message| {
                problem(message).hint(format!("accept again: `llmx baseline accept {}`", stored.header.suite))
            }));
            let again = decide(&plan, base, stored, &policy).await;
            let same_words = stored.header.scored_by.as_deref() == Some(env!("CARGO_PKG_VERSION"));
            if let Some(difference) = difference(&accepted.decision, &again, same_words) {
                findings.problems.push(
                    problem(format!(
                        "the decision it was accepted on does not follow from the two files: {difference}"
                    ))
                    .hint("edited by hand, or the gate's policy changed: accept again"),
                );
            }
        }
        Some(_) => findings.problems.push(
            problem("was accepted against another baseline than the one at the merge base".to_owned())
                .hint(format!("accept again: `llmx baseline accept {}`", stored.header.suite)),
        ),
        None if accepted.decision.against == FIRST => {}
        None => findings.hints.push(format!("{file}: the baseline it was decided against is not at hand")),
    }
    findings
}

/// An acceptance that the merge base's file knows and this one does not: a careless merge drops another person's.
fn dropped(base: &Stored, working: &Stored) -> Option<String> {
    if working.format < file::FORMAT {
        return None;
    }
    let known = |sha256: &String| working.baseline.history.iter().any(|earlier| earlier.sha256 == *sha256);
    let mut expected = base.baseline.history.iter().cloned().chain([Acceptance::of(base)]);
    let lost = expected.find(|earlier| !known(&earlier.sha256))?;
    let by = lost.by.map_or(String::new(), |by| format!(" by {by}"));
    Some(format!("`history` has lost the acceptance of {}{by} (run {})", lost.prompt, lost.run))
}

/// The first thing in which a stored decision and the one derived again differ. Another version of this program may
/// have put the same decision in other words.
fn difference(stored: &baseline::Decision, again: &baseline::Decision, same_words: bool) -> Option<String> {
    if (same_words && stored.sentence != again.sentence)
        || stored.verdict != again.verdict
        || stored.broken != again.broken
    {
        return Some(format!("stored `{}`, derived again `{}`", stored.sentence, again.sentence));
    }
    let names: BTreeSet<&String> = stored.deltas.keys().chain(again.deltas.keys()).collect();
    names.into_iter().find_map(|name| match (stored.deltas.get(name), again.deltas.get(name)) {
        (Some(x), Some(y)) if (x - y).abs() < 1e-6 => None,
        (Some(x), Some(y)) => Some(format!("delta of {name} stored {x:+.4}, derived again {y:+.4}")),
        (Some(_), None) => Some(format!("delta of {name} is stored, but the gate does not compare it")),
        (None, _) => Some(format!("delta of {name} is missing")),
    })
}

/// The stored answer of a graph whose nodes before the output were drawn anew: their answers have other places than the
/// output's own, so its question cannot be put together again. The answer is recorded under the key that is stored, and is
/// scored as it stands; nothing where a check looks at more than its text, such as what the whole walk cost.
async fn under_its_key(plan: &SuitePlan, case: &Case, sample: &BaselineSample) -> Option<SampleRecord> {
    if plan.task.upstream().is_empty() || plan.scoring.looks_beyond_text(case) {
        return None;
    }
    let answer = recorded_answer(plan, sample)?;
    let outcome = match run::score(plan, case, &answer, sample.index, Reach::Recorded).await {
        Ok(scores) => SampleOutcome::Scored { answer, scores },
        Err(reason) => SampleOutcome::NotMeasured { reason, answer: Some(answer) },
    };
    Some(SampleRecord { index: sample.index, key: sample.key.clone(), outcome })
}

/// Answer and score every case of a baseline again.
async fn derive_again(plan: &SuitePlan, file: &str, stored: &Baseline, answered: &Answered<'_>) -> Findings {
    let mut findings = Findings::default();
    let same_scoring = stored.header.checks_sha256 == plan.identity.checks_sha256
        && stored.header.judge_sha256 == plan.identity.judge_sha256;
    let (mut flaws, mut compared, mut other_keys) = (Vec::new(), 0usize, 0usize);
    // Cases of a network model whose stored answers are not recorded.
    let mut unproved = Vec::new();
    // Why a stored answer or its scores could not be derived again.
    let mut unscored: Option<String> = None;
    for past in &stored.cases {
        let Some((position, case)) = plan.case(&past.id) else { continue };
        if case.content_hash() != past.content_hash {
            continue;
        }
        for sample in &past.samples {
            compared += 1;
            if sample.is_edited() {
                flaws.push((
                    &past.id,
                    "the stored text of an answer is not the text that was hashed".to_owned(),
                ));
                break;
            }
            let now = match answered(position).filter(|now| now.index == sample.index) {
                Some(now) => now,
                None => run::sample(plan, case, Stream::Main, sample.index, Reach::Recorded).await,
            };
            let now = if now.key == sample.key {
                now
            } else {
                under_its_key(plan, case, sample).await.unwrap_or(now)
            };
            let flaw = match &now.outcome {
                // Without a key the question itself could not be put together.
                _ if now.key != sample.key && !now.key.is_empty() => {
                    other_keys += 1;
                    "its request key is not that of the request".to_owned()
                }
                SampleOutcome::NotMeasured { reason, answer } => {
                    if answer.is_none() && !plan.model.card().embedded {
                        unproved.push(&past.id);
                    } else {
                        unscored.get_or_insert(reason.clone());
                    }
                    continue;
                }
                SampleOutcome::Scored { answer, .. } if !sample.answered(&answer.text) => {
                    "the model does not give the stored answer".to_owned()
                }
                SampleOutcome::Scored { scores, .. }
                    if same_scoring && scores_differ(plan, scores, sample) =>
                {
                    "the stored scores are not those of the stored answer".to_owned()
                }
                SampleOutcome::Scored { scores, .. } => {
                    if let Some(why) = &scores.judge_missing {
                        unscored.get_or_insert(why.clone());
                    }
                    continue;
                }
            };
            // A case is said once, however many of its samples differ.
            flaws.push((&past.id, flaw));
            break;
        }
    }
    if compared > 0 && other_keys == compared {
        // Not an edit of the file: every request differs, so the model's configuration does.
        findings
            .hints
            .push(format!("{file}: the model's configuration changed since: answers were not derived again"));
        return findings;
    }
    let more = flaws.len().saturating_sub(MAX_PER_BASELINE);
    for (id, message) in flaws.into_iter().take(MAX_PER_BASELINE) {
        let hint = match scored_by_another_version(plan, stored) {
            Some(version) => format!(
                "edited by hand, or this version of llmx scores differently than {version}, which accepted it: \
                 `llmx baseline accept` writes today's scores"
            ),
            None => "edited by hand, or the model's own rules changed: `llmx baseline accept` writes today's answers \
                     and scores"
                .to_owned(),
        };
        findings.problems.push(Problem::of_file(file, format!("case `{id}`: {message}")).hint(hint));
    }
    if more > 0 {
        findings.problems.push(Problem::of_file(file, format!("{more} more cases differ")));
    }
    match unproved.first() {
        None => {}
        // Nothing at all: recordings are not kept in this project, and that is its own affair.
        Some(_) if unproved.len() == compared => findings
            .hints
            .push(format!("{file}: none of its answers is recorded here: they were not derived again")),
        Some(first) => findings.problems.push(
            Problem::of_file(
                file,
                format!(
                    "{} of {compared} stored answers are not recorded (first: case `{first}`)",
                    unproved.len()
                ),
            )
            .hint("take data/recordings/ back from Git, or accept a run anew"),
        ),
    }
    if let Some(reason) = unscored {
        findings.hints.push(format!("{file}: stored scores were not derived again: {reason}"));
    }
    if !same_scoring {
        findings
            .hints
            .push(format!("{file}: checks or judge changed since: stored scores were not derived again"));
    }
    findings
}
