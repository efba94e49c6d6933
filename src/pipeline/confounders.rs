//! Notes about a run whose difference to its baseline may have another cause than the change under test.

use std::collections::{BTreeMap, BTreeSet};

use crate::baseline::Baseline;
use crate::eval::plan::SuitePlan;
use crate::eval::record::{CaseRecord, SampleRecord};
use crate::llm::Answer;

/// Models that answered, and that did not when the baseline was recorded: the name stayed, what is behind it may not.
pub(super) fn other_served<'a>(
    baseline: Option<&Baseline>,
    cases: impl Iterator<Item = &'a CaseRecord>,
) -> Option<String> {
    let known = &baseline?.header.served_models;
    let answers = cases.flat_map(|case| &case.samples).filter_map(SampleRecord::answer);
    let others: BTreeSet<&str> = answers
        .flat_map(Answer::served_models)
        .filter(|name| !name.is_empty() && !known.contains(*name))
        .collect();
    let list = |names: Vec<&str>| names.join(", ");
    (!known.is_empty() && !others.is_empty()).then(|| {
        format!(
            "confounded: {} answered, the baseline was answered by {}",
            list(others.into_iter().collect()),
            list(known.iter().map(String::as_str).collect())
        )
    })
}

/// Answers that a model did not bring to their end: what their checks find is not what the prompt did.
pub(super) fn not_whole<'a>(cases: impl Iterator<Item = &'a CaseRecord>) -> Option<String> {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    let answers = cases.flat_map(|case| &case.samples).filter_map(SampleRecord::answer);
    for why in answers.filter_map(|answer| answer.finish_reason.cut()) {
        *reasons.entry(why).or_default() += 1;
    }
    let total: usize = reasons.values().sum();
    let list: Vec<String> = reasons.iter().map(|(why, count)| format!("{count} x {why}")).collect();
    (total > 0).then(|| format!("answers that are not whole: {}", list.join("; ")))
}

/// The alias means another model than when the baseline was recorded: the change may not be ours.
pub(super) fn other_model(plan: &SuitePlan, baseline: Option<&Baseline>) -> Option<String> {
    let header = &baseline?.header;
    let card = plan.model.card();
    ((header.provider, &header.model_id) != (card.provider, &card.model_id)).then(|| {
        format!(
            "confounded: the baseline was recorded on {} {}, this run on {} {}",
            header.provider, header.model_id, card.provider, card.model_id
        )
    })
}
