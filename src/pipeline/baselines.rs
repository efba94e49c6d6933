//! Which baselines a suite is compared with: the merge base's decides, the working copy's informs.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::compare_files::reason;
use super::inputs::{Inputs, SuiteInputs};
use super::pinned;
use super::suite_run::Baselines;
use crate::baseline::{self, Stored, git};
use crate::config::{Problem, conflict};
use crate::report::input::{BaseInfo, BaselineInfo, BaselineSource};
use crate::stats::rounding::percent;

/// Find the baselines of a suite.
///
/// # Errors
/// A file that cannot be read, or a ref set by hand whose merge base cannot be found.
pub fn find(inputs: &Inputs, suite: &SuiteInputs) -> Result<Baselines, Problem> {
    let stored = stored(inputs, suite)?;
    let mut found = of(&stored);
    if stored.base.is_none() {
        found.elsewhere = elsewhere(inputs, suite)?;
    }
    let mut baselines = pinned::baselines(inputs, suite, &found)?.unwrap_or(found);
    // A comparison that failed is reported by `policy::measurement`.
    if let (Some(compared), Ok(measurement)) = (&mut baselines.compared, inputs.measurement()) {
        // A file of format 1 does not hold whether its judge could fail anything; the merge base's certificate does.
        if compared.header.judge_may_fail.is_none() && measurement.judge_lost(&suite.doc.value.suite) {
            Arc::make_mut(compared).header.judge_may_fail = Some(true);
        }
        let ids = compared.cases.iter().map(|case| case.id.as_str());
        baselines.settled = measurement.settled(&suite.doc.value.suite, ids);
        baselines.judge_accepted = measurement.judge_accepted(&suite.doc.value.suite);
    }
    Ok(baselines)
}

/// The commit that baselines are read at, for reports; none where it cannot be found, which is a problem of its own.
#[must_use]
pub fn base(inputs: &Inputs) -> Option<BaseInfo> {
    Some(match inputs.merge_base().ok()?.found() {
        git::Found::Commit(base) => BaseInfo::MergeBase {
            reference: base.reference.clone(),
            commit: base.short().to_owned(),
            from: base.from.clone(),
            merging: base.merging,
        },
        git::Found::Nothing(why) => BaseInfo::None { why: why.clone() },
    })
}

/// Both files as baselines to compare with.
pub(super) fn of(found: &Found) -> Baselines {
    let (compared, source) = match (&found.base, &found.working) {
        (Some(base), _) => (Some(base), found.source.clone()),
        (None, Some(working)) => (Some(working), BaselineSource::WorkingFile { why: found.why.clone() }),
        (None, None) => (None, BaselineSource::None),
    };
    let working = match (&found.base, &found.working) {
        (Some(base), Some(working)) if base.sha256 != working.sha256 => Some(working),
        _ => None,
    };
    // Only a reason given against this very base counts.
    let excuse = found.base.as_ref().zip(working).and_then(|(base, working)| {
        let accepted = &working.baseline.header.accepted;
        (accepted.decision.against == base.sha256).then(|| reason(accepted).map(str::to_owned)).flatten()
    });
    Baselines {
        excuse,
        info: Some(Arc::new(info(compared, source))),
        compared: compared.map(|stored| Arc::new(stored.baseline.clone())),
        working: working.map(|stored| Arc::new(stored.baseline.clone())),
        settled: BTreeMap::new(),
        judge_accepted: None,
        elsewhere: None,
    }
}

/// The level that the merge base accepted for this suite on other models, where it has none on this one: a run that is
/// compared with nothing of the merge base must not hide that its model is worse than the one before.
fn elsewhere(inputs: &Inputs, suite: &SuiteInputs) -> Result<Option<String>, Problem> {
    let merge_base = inputs.merge_base()?;
    let git::Found::Commit(base) = merge_base.found() else { return Ok(None) };
    let (spec, Some(project)) = (&suite.doc.value, &inputs.project) else { return Ok(None) };
    let metric = &spec.gate.primary;
    let mut levels = Vec::new();
    for alias in project.models.value.models.keys().filter(|alias| **alias != suite.alias) {
        let stored = merge_base.baseline(&spec.suite, alias)?;
        let level = stored.and_then(|stored| stored.baseline.means().get(metric).copied());
        levels.extend(level.map(|level| format!("{} on {alias}", percent(level))));
    }
    let (reference, levels) = (&base.reference, levels.join(", "));
    Ok((!levels.is_empty()).then(|| {
        format!(
            "not compared with {reference}, which has no baseline on {}; there {metric} is {levels}",
            suite.alias
        )
    }))
}

/// Both files, as they are.
pub(super) struct Found {
    /// At the merge base, where there is one and it holds the file.
    pub base: Option<Stored>,
    /// In the working copy.
    pub working: Option<Stored>,
    /// Where `base` came from.
    source: BaselineSource,
    /// Why there is no merge base, where there is none.
    why: Option<String>,
}

/// Read both files.
pub(super) fn stored(inputs: &Inputs, suite: &SuiteInputs) -> Result<Found, Problem> {
    let working = baseline::read(&inputs.root(), &suite.doc.value.suite, &suite.alias)?;
    around(inputs, suite, working)
}

/// Read both files for an acceptance, which replaces the one in the working copy: where a merge left conflict markers
/// in it, the merge base's counts alone. While a merge is under way that is the other side's, so no acceptance of
/// another person is lost.
pub(super) fn stored_or_conflicted(inputs: &Inputs, suite: &SuiteInputs) -> Result<Found, Problem> {
    let file = baseline::path(&suite.doc.value.suite, &suite.alias);
    let text = crate::files::read(&inputs.root().join(&file)).unwrap_or_default();
    if conflict::has_markers(&String::from_utf8_lossy(&text)) {
        let found = around(inputs, suite, None)?;
        if found.base.is_some() {
            return Ok(found);
        }
    }
    stored(inputs, suite)
}

fn around(inputs: &Inputs, suite: &SuiteInputs, working: Option<Stored>) -> Result<Found, Problem> {
    let base = inputs.baseline_at_merge_base(suite)?;
    let (source, why) = match inputs.merge_base()?.found() {
        git::Found::Commit(base) => {
            let (reference, commit) = (base.reference.clone(), base.short().to_owned());
            (BaselineSource::MergeBase { reference, commit }, None)
        }
        git::Found::Nothing(why) => (BaselineSource::None, Some(why.clone())),
    };
    Ok(Found { base, working, source, why })
}

pub(super) fn info(stored: Option<&Stored>, source: BaselineSource) -> BaselineInfo {
    let Some(stored) = stored else { return BaselineInfo::none() };
    let header = &stored.baseline.header;
    let accepted = &header.accepted;
    BaselineInfo {
        source,
        sha256: Some(stored.sha256.clone()),
        prompt: Some(header.prompt.file.clone()),
        prompt_sha256: Some(header.prompt.sha256.clone()),
        accepted: Some(format!("{} by {}, run {}", accepted.at, accepted.by, accepted.run_id)),
    }
}
