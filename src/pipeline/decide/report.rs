//! What `llmx perspectives` left behind, as evidence.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Seen;
use crate::eval::record::Identity;
use crate::finetune::evidence::{Beside, Gain, Level, Measured};

/// What the decision needs of the report.
#[derive(Deserialize)]
struct Report {
    format: u32,
    suite: String,
    model: String,
    metric: String,
    identity: Identity,
    cases: usize,
    missing: BTreeMap<String, String>,
    assessment: Option<Assessment>,
}

#[derive(Deserialize)]
struct Assessment {
    synthesis: f64,
    synthesis_ci95: [f64; 2],
    own: Option<Own>,
}

#[derive(Deserialize)]
struct Own {
    lift: f64,
    ci95: [f64; 2],
}

impl Seen<'_> {
    /// The synthesis against the task's own prompt.
    pub(super) fn report(&self, name: &str) -> Result<Beside, String> {
        let bytes = crate::files::read(&self.inputs.root().join(name))
            .map_err(|error| format!("{name} cannot be read: {error}"))?;
        let found: Report = serde_json::from_slice(&bytes)
            .map_err(|error| format!("{name} is no report of `llmx perspectives --format json`: {error}"))?;
        let own = &self.plan.spec;
        if found.suite != own.suite || found.metric != own.gate.primary || !self.fits(&found.identity, true) {
            return Err(format!(
                "{name} is about another suite, prompt, case or check than now: make it anew"
            ));
        }
        // What another model gains is not the remedy's.
        if found.model != self.plan.alias {
            return Err(format!(
                "{name} is about {}, and the task runs on {}: llmx perspectives {} --model {}",
                found.model, self.plan.alias, own.suite, self.plan.alias
            ));
        }
        let missing = found.missing.len();
        if let Some(why) = self.too_few(name, missing, found.cases + missing) {
            return Err(why);
        }
        let assessed = found.assessment.ok_or_else(|| format!("{name} measured no case"))?;
        let own = assessed
            .own
            .ok_or_else(|| format!("{name} did not measure the task's own prompt on every case"))?;
        let level = Level { mean: assessed.synthesis, ci95: assessed.synthesis_ci95, cases: found.cases };
        let gain = Gain { mean: own.lift, ci95: own.ci95 };
        // The first format held figures of which more is better.
        let turned = found.format > 1 && self.plan.spec.lower_is_better().contains(&found.metric);
        let (level, gain) = if turned { (level.turned(), gain.turned()) } else { (level, gain) };
        let measured = Measured { level, usd_per_case: None, source: name.to_owned() };
        Ok(Beside { measured, gain })
    }
}
