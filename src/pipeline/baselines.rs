//! Which baselines a suite is compared with: the merge base's decides, the working copy's informs.

use std::sync::Arc;

use super::compare_files::reason;
use super::inputs::{Inputs, SuiteInputs};
use super::pinned;
use super::suite_run::Baselines;
use crate::baseline::{self, Stored, git};
use crate::config::Problem;
use crate::report::input::{BaselineInfo, BaselineSource};

/// Find the baselines of a suite.
///
/// # Errors
/// A file that cannot be read, or a ref set by hand whose merge base cannot be found.
pub fn find(inputs: &Inputs, suite: &SuiteInputs) -> Result<Baselines, Problem> {
    let found = of(&stored(inputs, suite)?);
    Ok(pinned::baselines(inputs, suite, &found)?.unwrap_or(found))
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
    }
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
    let name = &suite.doc.value.suite;
    let working = baseline::read(&inputs.root(), name, &suite.alias)?;
    let base = inputs.baseline_at_merge_base(suite)?;
    let (source, why) = match inputs.merge_base()?.found() {
        git::Found::Commit { reference, sha } => {
            let commit = sha.chars().take(10).collect();
            (BaselineSource::MergeBase { reference: reference.clone(), commit }, None)
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
