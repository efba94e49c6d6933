//! Whether to fine-tune: no, not yet, or yes, with the reasons and where each can be read.
//!
//! Training is the last remedy: it costs money, labels and time, ties a team to one model, and is undone by the next one.
//! So each topic must speak for it or at least not against it: one *no* decides, and so does one topic that nobody has
//! looked into. Nothing is assumed: what is not known is *not yet*.

use serde::Serialize;

use super::evidence::{Beside, Costs, Evidence, Gain, History, Labels, Level, Tried, Twice, Version};
use crate::baseline::file::DIR;
use crate::config::finetune::ErrorKind;
use crate::stats::rounding::{percent, plain_points, points};

/// Prompt versions that must have been measured before prompting can be said to be used up: with fewer there is no
/// plateau to see.
pub const LEAST_VERSIONS: usize = 3;

/// Agreement of two people (kappa) from which labels are taken to teach one thing: "substantial" after Landis and Koch
/// 1977, "The measurement of observer agreement for categorical data".
pub const LEAST_KAPPA: f64 = 0.6;

/// Lines, headings not counted, that a note needs to describe what was tried and what came of it.
pub const LEAST_LINES: usize = 2;

/// Characters of a note that are shown.
const SHOWN: usize = 160;

/// Notes on the history that are shown.
const MOST_NOTES: usize = 5;

/// Cases labelled twice before their agreement says anything.
pub const LEAST_TWICE: usize = 30;

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Something speaks against it.
    No,
    /// Something has not been tried, or is not known.
    NotYet,
    /// Every topic speaks for it, or at least not against it.
    Yes,
}

/// What a reason does to the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Decides.
    No,
    /// Decides, unless there is a no.
    NotYet,
    /// Speaks for it.
    Supports,
    /// Is good to know.
    Informs,
}

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// What it is about.
    pub topic: &'static str,
    /// What it does.
    pub weight: Weight,
    /// Why, with the figures.
    pub sentence: String,
    /// The run or the file that shows it; what to do where nothing does.
    pub source: String,
}

/// The decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The answer.
    pub answer: Answer,
    /// In the order of the remedies, cheapest first.
    pub reasons: Vec<Reason>,
}

/// Decide.
#[must_use]
pub fn decide(evidence: &Evidence) -> Decision {
    let mut reasons = vec![gap(evidence)];
    reasons.extend(prompting(evidence));
    reasons.push(remedy(evidence, "retrieval", &evidence.retrieval));
    reasons.push(remedy(evidence, "perspectives", &evidence.perspectives));
    reasons.extend(models(evidence));
    reasons.extend(errors(evidence));
    reasons.extend(labels(evidence));
    let has = |weight| reasons.iter().any(|reason: &Reason| reason.weight == weight);
    let answer = match (has(Weight::No), has(Weight::NotYet)) {
        (true, _) => Answer::No,
        (false, true) => Answer::NotYet,
        (false, false) => Answer::Yes,
    };
    Decision { answer, reasons }
}

fn reason(topic: &'static str, weight: Weight, sentence: impl Into<String>, source: &str) -> Reason {
    Reason { topic, weight, sentence: sentence.into(), source: source.to_owned() }
}

/// A level as measured.
fn shown(evidence: &Evidence, share: f64) -> String {
    percent(if evidence.lower_is_better { 1.0 - share } else { share })
}

fn level(evidence: &Evidence, level: &Level) -> String {
    let [low, high] = if evidence.lower_is_better { [level.ci95[1], level.ci95[0]] } else { level.ci95 };
    let show = |share| shown(evidence, share);
    format!("{} ({}..{}, {} cases)", show(level.mean), show(low), show(high), level.cases)
}

fn gap(evidence: &Evidence) -> Reason {
    const TOPIC: &str = "gap";
    let now = match &evidence.now {
        Ok(now) => now,
        Err(todo) => return reason(TOPIC, Weight::NotYet, "the task as it is has not been measured", todo),
    };
    let said = format!(
        "{}{} is {}, the target {}",
        evidence.metric,
        if evidence.lower_is_better { " (lower is better)" } else { "" },
        level(evidence, &now.level),
        shown(evidence, evidence.target)
    );
    let [low, high] = now.level.ci95;
    let (weight, what) = if low >= evidence.target {
        (Weight::No, "it is reached without training")
    } else if high < evidence.target {
        (Weight::Supports, "it is missed")
    } else {
        (Weight::NotYet, "cannot tell whether it is missed: measure more cases")
    };
    reason(TOPIC, weight, format!("{said}: {what}"), &now.source)
}

/// Whether prompting is used up, on the task's own model and on every other that has accepted versions.
fn prompting(evidence: &Evidence) -> Vec<Reason> {
    let mut reasons = vec![plateau(evidence, &evidence.prompting, true)];
    let seen = evidence.elsewhere.iter().filter(|history| history.versions.len() >= LEAST_VERSIONS);
    reasons.extend(seen.map(|history| plateau(evidence, history, false)));
    let notes = std::iter::once(&evidence.prompting).chain(&evidence.elsewhere).flat_map(|h| &h.notes);
    reasons.extend(notes.take(MOST_NOTES).map(|note| reason("prompt", Weight::Informs, note.as_str(), DIR)));
    reasons
}

fn plateau(evidence: &Evidence, history: &History, own: bool) -> Reason {
    const TOPIC: &str = "prompt";
    let all = &history.versions;
    let source = match (all.first(), all.last()) {
        (Some(first), Some(last)) => format!("{} to {}", first.source, last.source),
        _ => DIR.to_owned(),
    };
    if all.len() < LEAST_VERSIONS {
        let sentence = format!(
            "{} accepted prompt versions of this suite and model: with fewer than {LEAST_VERSIONS} no plateau can be seen",
            all.len()
        );
        return reason(TOPIC, Weight::NotYet, sentence, &source);
    }
    let (before, last) = all.split_at(all.len() - 2);
    let best = |versions: &[Version]| versions.iter().map(|version| version.mean).fold(f64::MIN, f64::max);
    let gained = best(last) - best(before);
    let on = if own { String::new() } else { format!("on {} ", history.model) };
    let said = format!(
        "{on}over {} accepted versions the last two gained {} points over the best before",
        all.len(),
        points(gained)
    );
    if gained >= evidence.margin {
        let sentence = format!("{said}: prompting is not used up");
        reason(TOPIC, Weight::NotYet, sentence, &source)
    } else {
        let sentence =
            format!("{said}, less than the margin of {}: a plateau", plain_points(evidence.margin));
        reason(TOPIC, if own { Weight::Supports } else { Weight::Informs }, sentence, &source)
    }
}

fn remedy(evidence: &Evidence, topic: &'static str, tried: &Tried) -> Reason {
    let todo = format!("name a run, or say what was tried, under `tried.{topic}` of config/finetune.yml");
    let beside = match tried {
        Tried::Not => return reason(topic, Weight::NotYet, "not tried: it is cheaper than training", &todo),
        Tried::Unreadable(why) => return reason(topic, Weight::NotYet, why.as_str(), &todo),
        Tried::Said { note, source } => {
            let lines = note.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
            let words: String = lines.clone().collect::<Vec<_>>().join(" ").chars().take(SHOWN).collect();
            if lines.count() < LEAST_LINES {
                let sentence = format!("a note of one line is not evidence: {words}");
                let todo = format!(
                    "name a run under `tried.{topic}` of config/finetune.yml, or write what was tried, when and what came of it"
                );
                return reason(topic, Weight::NotYet, sentence, &todo);
            }
            let sentence = format!("written by hand, not measured: {words}");
            return reason(topic, Weight::Supports, sentence, source);
        }
        Tried::Measured(beside) => beside,
    };
    let Gain { mean, ci95: [low, high] } = beside.gain;
    let said = format!(
        "{}; it gains {} points ({}..{})",
        level(evidence, &beside.measured.level),
        points(mean),
        points(low),
        points(high)
    );
    let (weight, what) = if beside.measured.level.ci95[0] >= evidence.target {
        (Weight::No, "it reaches the target without training")
    } else if low > 0.0 {
        (Weight::NotYet, "it helps: take it in, and measure what is left")
    } else if high < evidence.margin {
        (Weight::Supports, "less than the margin: it does not help")
    } else {
        (Weight::NotYet, "cannot tell whether it helps: measure more cases")
    };
    reason(topic, weight, format!("{said}: {what}"), &beside.measured.source)
}

/// How far the models that are not tuned get, and what the cheapest that gets there costs beside a tuned one.
fn models(evidence: &Evidence) -> Vec<Reason> {
    const STRONGEST: &str = "strongest model";
    let strongest = evidence.strongest.as_ref();
    let measured: Vec<(&str, &str, &Beside)> = strongest
        .iter()
        .map(|(alias, beside)| (STRONGEST, alias.as_str(), beside))
        .chain(evidence.others.iter().map(|(alias, beside)| ("other model", alias.as_str(), beside)))
        .collect();
    let ci95 = |beside: &Beside| beside.measured.level.ci95;
    let reaches = |beside: &Beside| ci95(beside)[0] >= evidence.target;
    let misses = |beside: &Beside| ci95(beside)[1] < evidence.target;
    let enough: Vec<(&str, Option<f64>)> = measured
        .iter()
        .filter(|(_, _, beside)| reaches(beside))
        .map(|(_, alias, beside)| (*alias, beside.measured.usd_per_case))
        .collect();
    let mut reasons: Vec<Reason> = Vec::new();
    reasons.extend(
        strongest.err().map(|todo| reason(STRONGEST, Weight::NotYet, "not measured on this suite", todo)),
    );
    for (topic, alias, beside) in &measured {
        let said = format!(
            "{alias}: {}, {} points better than the task as it is",
            level(evidence, &beside.measured.level),
            points(beside.gain.mean)
        );
        let (weight, what) = match (reaches(beside), misses(beside)) {
            (true, _) => (Weight::Informs, "it reaches the target"),
            (false, true) if enough.is_empty() => {
                (Weight::Supports, "it misses the target too, so it is not the remedy")
            }
            (false, true) => (Weight::Informs, "it misses the target"),
            (false, false) if enough.is_empty() => {
                (Weight::NotYet, "cannot tell whether it reaches the target: measure more cases")
            }
            (false, false) => (Weight::Informs, "cannot tell whether it reaches the target"),
        };
        reasons.push(reason(topic, weight, format!("{said}: {what}"), &beside.measured.source));
    }
    if !enough.is_empty() {
        reasons.push(break_even(evidence, &enough));
    } else if strongest.is_ok() && measured.iter().all(|(_, _, beside)| misses(beside)) {
        reasons.push(price(evidence));
    }
    reasons
}

/// Cases after which training is paid for by what each costs less: `training / (other - tuned)`, where the other is the
/// cheapest model that reaches the target. `enough`: USD of a case of each that does.
fn break_even(evidence: &Evidence, enough: &[(&str, Option<f64>)]) -> Reason {
    const TOPIC: &str = "cost";
    let Costs { training_usd, tuned_usd_per_case, cases, source } = &evidence.costs;
    // One whose price is not known may be cheaper than all others.
    let unpriced: Vec<&str> =
        enough.iter().filter(|(_, usd)| usd.is_none()).map(|(alias, _)| *alias).collect();
    let cheapest = enough
        .iter()
        .filter_map(|(alias, usd)| Some((*alias, (*usd)?)))
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .filter(|_| unpriced.is_empty());
    let (Some(training), Some(tuned), Some(cases), Some((alias, strongest))) =
        (training_usd, tuned_usd_per_case, cases, cheapest)
    else {
        let price = format!("the price of {}, on a task whose tokens are reported", unpriced.join(" and "));
        let known = [
            (training_usd.is_some(), "`training_usd`"),
            (tuned_usd_per_case.is_some(), "`tuned` with a price, on a task whose tokens are reported"),
            (cases.is_some(), "`cases_per_month`"),
            (unpriced.is_empty(), price.as_str()),
        ];
        let missing: Vec<&str> = known.iter().filter(|(known, _)| !known).map(|(_, name)| *name).collect();
        let sentence = format!("no break-even without {}", missing.join(", "));
        return reason(TOPIC, Weight::NotYet, sentence, source);
    };
    let said = format!("a case costs {strongest:.6} USD of {alias} and {tuned:.6} USD tuned");
    let saved = strongest - tuned;
    if saved <= 0.0 {
        return reason(TOPIC, Weight::No, format!("{said}: training never pays, use {alias}"), source);
    }
    let even = training / saved;
    let said = format!("{said}; training for {training:.2} USD is paid for after {even:.0} cases");
    if even > *cases {
        let sentence = format!("{said}, and {cases:.0} are planned: use {alias}");
        return reason(TOPIC, Weight::No, sentence, source);
    }
    reason(TOPIC, Weight::Supports, format!("{said} of {cases:.0} planned"), source)
}

/// What it would cost, where no cheaper way reaches the target.
fn price(evidence: &Evidence) -> Reason {
    let Costs { training_usd, tuned_usd_per_case, source, .. } = &evidence.costs;
    match training_usd {
        None => reason("cost", Weight::NotYet, "what training costs is not known: `training_usd`", source),
        Some(training) => {
            let case = tuned_usd_per_case.map_or_else(|| "unknown".to_owned(), |usd| format!("{usd:.6} USD"));
            let sentence = format!("training {training:.2} USD, a case of the tuned model {case}");
            reason("cost", Weight::Informs, sentence, source)
        }
    }
}

/// What is wrong decides what helps. Facts are learned badly by training and looked up well: Ovadia et al. 2023,
/// "Fine-Tuning or Retrieval? Comparing Knowledge Injection in LLMs", arXiv 2312.05934; Gekhman et al. 2024, "Does
/// Fine-Tuning LLMs on New Knowledge Encourage Hallucinations?", arXiv 2405.05904.
fn errors(evidence: &Evidence) -> Option<Reason> {
    const TOPIC: &str = "errors";
    let source = evidence.now.as_ref().map_or("", |now| now.source.as_str());
    let failing: usize = evidence.errors.values().sum();
    if failing == 0 {
        return None;
    }
    let of = |kind: Option<ErrorKind>| evidence.errors.get(&kind).copied().unwrap_or(0);
    let said = format!(
        "of {failing} failing cases {} fail by form, {} for want of a fact, {} by a wrong conclusion, {} unsorted",
        of(Some(ErrorKind::Format)),
        of(Some(ErrorKind::Knowledge)),
        of(Some(ErrorKind::Reasoning)),
        of(None)
    );
    let most = |kind| 2 * of(kind) > failing;
    let (weight, what) = if most(None) {
        (Weight::NotYet, "say what each check shows, under `errors` of config/finetune.yml")
    } else if most(Some(ErrorKind::Format)) {
        (Weight::NotYet, "ask for structured output, or for one repair, before training form")
    } else if most(Some(ErrorKind::Knowledge)) {
        (Weight::No, "facts are looked up, not trained: put documents into the prompt")
    } else if most(Some(ErrorKind::Reasoning)) {
        (Weight::Supports, "labels can teach a conclusion")
    } else {
        (Weight::Informs, "no kind is the most frequent")
    };
    Some(reason(TOPIC, weight, format!("{said}: {what}"), source))
}

fn labels(evidence: &Evidence) -> Vec<Reason> {
    const TOPIC: &str = "labels";
    const QUALITY: &str = "label quality";
    let labels = match &evidence.labels {
        Ok(labels) => labels,
        Err(why) => return vec![reason(TOPIC, Weight::NotYet, why.as_str(), "config/finetune.yml")],
    };
    let Labels { usable, least, source, twice } = labels;
    let said =
        format!("{usable} labelled cases that differ and that nothing measures, {least} to begin with");
    let enough = if usable >= least { Weight::Supports } else { Weight::NotYet };
    let what = if usable >= least { "enough" } else { "too few" };
    let number = reason(TOPIC, enough, format!("{said}: {what}"), source);
    let quality = match twice {
        None => {
            let sentence = "nobody has labelled them twice, so nobody knows whether they say one thing";
            reason(
                QUALITY,
                Weight::NotYet,
                sentence,
                "name a file under `second_labels` of config/finetune.yml",
            )
        }
        Some(Twice { cases, source, .. }) if *cases < LEAST_TWICE => {
            let sentence = format!("{cases} cases are labelled twice: label {LEAST_TWICE} or more");
            reason(QUALITY, Weight::NotYet, sentence, source)
        }
        Some(Twice { cases, kappa: None, source }) => {
            let sentence =
                format!("all {cases} cases that are labelled twice have one label: no agreement to see");
            reason(QUALITY, Weight::NotYet, sentence, source)
        }
        Some(Twice { cases, kappa: Some(kappa), source }) => {
            let said = format!("two people agree on {cases} cases at a kappa of {kappa:.2}");
            if *kappa < LEAST_KAPPA {
                let sentence =
                    format!("{said}, below {LEAST_KAPPA}: settle what is right before teaching it");
                reason(QUALITY, Weight::NotYet, sentence, source)
            } else {
                reason(QUALITY, Weight::Supports, said, source)
            }
        }
    };
    vec![number, quality]
}

#[cfg(test)]
mod tests;
