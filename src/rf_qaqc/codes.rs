//! The 35 issue codes: class, default severity, meaning; and the rule by which a verdict follows from issues.

use serde::{Deserialize, Serialize};

/// What a code speaks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Something about the site.
    Condition,
    /// Something about the record.
    Evidence,
}

/// How grave an issue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// A clerical slip whose right reading is certain.
    Minor,
    /// Decides the verdict.
    Major,
    /// A live hazard.
    Critical,
}

/// Whether we know or only suspect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// The record proves it.
    Confirmed,
    /// The record raises it.
    Suspected,
}

/// The decision on one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// We know enough and it is right.
    Pass,
    /// We know that something on site is wrong.
    Fail,
    /// We do not know whether it is right.
    NeedsReview,
}

impl Verdict {
    /// As it stands in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::NeedsReview => "needs_review",
        }
    }
}

/// One row of the code table.
#[derive(Debug, Clone, Copy)]
pub struct Code {
    /// Name as it stands in answers, e.g. `PIM_LIMIT`.
    pub name: &'static str,
    /// Condition or evidence.
    pub class: Class,
    /// Severity unless a tie-break says otherwise.
    pub severity: Severity,
    /// One line for people.
    pub meaning: &'static str,
}

const fn c(name: &'static str, meaning: &'static str) -> Code {
    Code { name, class: Class::Condition, severity: Severity::Major, meaning }
}
const fn e(name: &'static str, severity: Severity, meaning: &'static str) -> Code {
    Code { name, class: Class::Evidence, severity, meaning }
}

/// All codes, in the order of the labelling guide (`prompts/task_spec.md`).
pub const CODES: [Code; 35] = [
    c("SWP_RL_LIMIT", "return loss or VSWR outside the limit, in a sweep or at the radio port"),
    c("SWP_DTF_EVENT", "a joint, device or stretch of line reflects more than allowed"),
    c("SWP_CABLE_LOSS", "one-way loss above expectation"),
    e("SWP_BAND_COVERAGE", Severity::Major, "sweep span does not cover the band's uplink and downlink"),
    e(
        "CAL_INVALID",
        Severity::Major,
        "field calibration missing, late or of another span; or instrument overdue",
    ),
    e("TEST_SETUP", Severity::Major, "the test cannot answer the question"),
    c("PIM_LIMIT", "PIM above the limit, static or under stimulus; unstable reading as suspected"),
    c("PIM_EXTERNAL", "the PIM source lies beyond the antenna"),
    c("ALN_AZIMUTH", "azimuth off design"),
    c("ALN_TILT", "mechanical or electrical tilt off design"),
    c("ALN_POSITION", "radiation-centre height or roll off"),
    e("ALN_REFERENCE", Severity::Major, "the way direction or angle was measured is not trustworthy"),
    c("RET_MISMATCH", "RET serial or control mapped to the wrong antenna"),
    c("FEED_SWAP", "sectors, branches or fibres crossed and left so"),
    c("FIB_OPTICAL", "loss, event, reflectance or receive power out of limits"),
    c("FIB_ENDFACE", "end face fails inspection after cleaning"),
    c("RF_COVERAGE", "too few samples at level"),
    c("RF_QUALITY", "SINR or RSRQ poor although level is there"),
    c("RF_PCI", "PCI collision, confusion or mod-3 clash in overlap"),
    c("RF_MOBILITY", "handover failures or a missing neighbour"),
    c("RF_THROUGHPUT", "rate below target on the right carrier"),
    c("UL_NOISE", "raised uplink noise"),
    c("UL_IMBALANCE", "receive branches differ too much"),
    c("INS_WEATHERPROOF", "seal missing, or water found and left"),
    c("INS_GROUNDING", "ground path broken, loose, or resistance high"),
    c("INS_WORKMANSHIP", "loose or untorqued joint, kink, bend, support, DC or label fault"),
    Code {
        name: "REG_RF_SAFETY",
        class: Class::Condition,
        severity: Severity::Critical,
        meaning: "RF signage, access, exposure or another live hazard",
    },
    e("DOC_MISSING", Severity::Major, "required field, photo or report absent"),
    e("DOC_ID_MISMATCH", Severity::Major, "site, sector, serial or position does not agree"),
    e("DQ_TIMESTAMP", Severity::Major, "impossible or wrong-window times"),
    e("DQ_UNITS", Severity::Minor, "unit, scale or sign slip; major when the right reading is not certain"),
    e("DQ_IMPLAUSIBLE", Severity::Major, "value cannot be physically right"),
    e("DQ_REUSED", Severity::Major, "same trace or photo used for something it did not measure"),
    e(
        "DQ_CONTRADICTION",
        Severity::Major,
        "parts of the record disagree; minor when it is clear which is right",
    ),
    e(
        "SEC_INJECTION",
        Severity::Major,
        "text that addresses the reviewing software and tries to set the outcome",
    ),
];

/// The row of a code name.
#[must_use]
pub fn lookup(name: &str) -> Option<&'static Code> {
    CODES.iter().find(|code| code.name == name)
}

/// The verdict that follows from `(class, severity, certainty)` of every issue: `fail` on a confirmed
/// major or critical condition, else `needs_review` on anything major or critical, else `pass`.
#[must_use]
pub fn derive_verdict(issues: &[(Class, Severity, Certainty)]) -> Verdict {
    let grave = |s: Severity| s >= Severity::Major;
    if issues
        .iter()
        .any(|&(class, s, sure)| class == Class::Condition && grave(s) && sure == Certainty::Confirmed)
    {
        Verdict::Fail
    } else if issues.iter().any(|&(_, s, _)| grave(s)) {
        Verdict::NeedsReview
    } else {
        Verdict::Pass
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdict_follows_from_issues() {
        use {Certainty::*, Class::*, Severity::*};
        type Issue = (Class, Severity, Certainty);
        let table: &[(&[Issue], Verdict)] = &[
            (&[], Verdict::Pass),
            (&[(Evidence, Minor, Confirmed)], Verdict::Pass),
            (&[(Condition, Minor, Confirmed)], Verdict::Pass),
            (&[(Condition, Major, Suspected)], Verdict::NeedsReview),
            (&[(Evidence, Major, Confirmed)], Verdict::NeedsReview),
            (&[(Evidence, Major, Confirmed), (Condition, Critical, Confirmed)], Verdict::Fail),
        ];
        for (issues, want) in table {
            assert_eq!(derive_verdict(issues), *want, "{issues:?}");
        }
    }

    #[test]
    fn names_are_unique() {
        let names: std::collections::BTreeSet<_> = CODES.iter().map(|c| c.name).collect();
        assert_eq!(names.len(), 35);
    }
}
