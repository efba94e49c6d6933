//! Pins against the texts and the calendar: production runs what the pin says, while the provider still does.

use std::path::Path;

use super::Findings;
use crate::config::document::{Document, Step};
use crate::config::pins::PinsFile;
use crate::prompt::{DIR, content_sha256};

/// Check every pin; `today` is `YYYY-MM-DD`.
#[must_use]
pub fn check(root: &Path, pins: &Document<PinsFile>, today: &str) -> Findings {
    let mut findings = Findings::default();
    for (name, pin) in &pins.value.pins {
        let path = |key: &str| [Step::from("pins"), Step::from(name.as_str()), Step::from(key)];
        match content_sha256(root, &pin.prompt) {
            Ok(sha256) if !sha256.eq_ignore_ascii_case(&pin.prompt_sha256) => {
                let message = format!("`{DIR}/{}` is another text now: its hash is {sha256}", pin.prompt);
                findings.problems.push(
                    pins.problem(&path("prompt_sha256"), message)
                        .hint("take the edit back, or pin the new text once its baseline is accepted"),
                );
            }
            Ok(_) => {}
            Err(problem) => findings.problems.push(pins.problem(&path("prompt"), problem.to_string())),
        }
        // Dates of this form are in order when their texts are.
        if let Some(date) = pin.retires_on.as_deref().filter(|date| *date < today) {
            let message = format!("`{}` was retired on {date}, today is {today}", pin.model);
            findings
                .problems
                .push(pins.problem(&path("retires_on"), message).hint("pin another model in its place"));
        }
    }
    findings
}
