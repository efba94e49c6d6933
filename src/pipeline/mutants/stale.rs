//! Stale answers: what an earlier accepted baseline answered to the same case.

use std::collections::BTreeMap;

use super::Accepted;
use crate::baseline::{self, Stored};
use crate::eval::plan::SuitePlan;
use crate::mutants::answer::Parsed;
use crate::pipeline::inputs::Inputs;
use crate::pipeline::observe::stored_answer;

/// Earlier versions of a baseline that are read for stale answers.
const VERSIONS: usize = 10;

/// For each original the newest answer of an earlier baseline to the same case that says something else.
pub(super) fn answers(
    inputs: &Inputs,
    plan: &SuitePlan,
    stored: &Stored,
    originals: &[Accepted],
) -> BTreeMap<usize, String> {
    let mut found = BTreeMap::new();
    let past = baseline::past(&inputs.root(), &plan.spec.suite, &plan.alias).take(VERSIONS);
    // A shallow clone has no more to offer.
    let versions = past.filter_map(Result::ok).map(|past| past.stored);
    for version in versions.filter(|version| version.sha256 != stored.sha256) {
        for (i, original) in
            originals.iter().enumerate().filter(|(i, _)| !found.contains_key(i)).collect::<Vec<_>>()
        {
            let Some(case) = plan.dataset.cases.get(original.position) else { continue };
            let past =
                version.baseline.case(&case.id).filter(|past| past.content_hash == case.content_hash());
            let Some(past) = past else { continue };
            let first = past.samples.iter().find(|sample| sample.passed).or(past.samples.first());
            let text = first.and_then(|sample| stored_answer(plan, sample)).map(|answer| answer.text);
            let now = Parsed::of(&original.answer.text);
            found.extend(text.filter(|text| !Parsed::of(text).same(&now)).map(|text| (i, text)));
        }
        if found.len() == originals.len() {
            break;
        }
    }
    found
}
