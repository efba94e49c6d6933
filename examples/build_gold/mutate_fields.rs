//! More mutations tied to one rule: the value, the issue that follows from its band, and the reason.
//!
//! A value inside its limit (or exactly on it) adds no issue, so the same call serves both halves of a pair.

use llm_experiments::rf_qaqc::formulas;
use llm_experiments::rf_qaqc::labels::{budget, expected_loss};
use serde_json::{Value, json};

use super::case::{Case, Grade};
use super::rng::round;

/// Sums of decimal fractions carry dust; a limit met exactly is met.
const DUST: f64 = 1e-9;

/// The grade of a value that should be at most `pass` and fails beyond `fail`.
fn band(value: f64, pass: f64, fail: f64) -> Option<Grade> {
    if value <= pass + DUST {
        None
    } else if value <= fail + DUST {
        Some(Grade::Suspected)
    } else {
        Some(Grade::Major)
    }
}

/// What to do in the review band and beyond it.
fn action(grade: Grade, beyond: &'static str) -> &'static str {
    if matches!(grade, Grade::Suspected) { "rf_engineering_review" } else { beyond }
}

fn word(grade: Option<Grade>) -> &'static str {
    match grade {
        None => "meets the limit",
        Some(Grade::Suspected) => "lies in the review band",
        Some(_) => "is beyond the fail limit",
    }
}

impl Case {
    fn graded(self, code: &str, grade: Option<Grade>, beyond: &'static str, at: &[&str]) -> Self {
        let Some(grade) = grade else { return self };
        let evidence: Vec<_> = at.iter().map(|pointer| (*pointer, "")).collect();
        self.issue(code, grade, action(grade, beyond), &evidence)
    }

    fn number(&self, pointer: &str) -> f64 {
        self.record.pointer(pointer).and_then(Value::as_f64).unwrap_or(0.0)
    }

    /// S3a, S3b: one event of the distance-to-fault plot.
    pub(crate) fn joint(self, index: usize, component: &str, rl_db: f64) -> Self {
        let inline = ["arrestor", "tma", "diplexer"].contains(&component);
        let (rule, pass, fail) = if inline { ("S3b", 20.0, 18.0) } else { ("S3a", 25.0, 22.0) };
        let grade = band(-rl_db, -pass, -fail);
        let at = format!("dtf_events/{index}");
        self.m(&format!("{at}/component"), component)
            .m(&format!("{at}/rl_db"), rl_db)
            .graded("SWP_DTF_EVENT", grade, "repair_and_retest", &[&format!("/measurements/{at}/rl_db")])
            .why(&format!("{rule}: {component} at {rl_db:?} dB {} ({pass:?}/{fail:?}).", word(grade)))
    }

    /// S4: line loss at `over` dB above the expected loss.
    pub(crate) fn excess_loss(self, over: f64) -> Self {
        let loss = round(expected_loss(&self.record).unwrap_or(0.0) + over, 2);
        let grade = band(over, 0.5, 1.0);
        self.m("cable_loss_db", loss)
            .graded(
                "SWP_CABLE_LOSS",
                grade,
                "repair_and_retest",
                &["/measurements/cable_loss_db", "/design/length_m"],
            )
            .why(&format!("S4: about {over:?} dB above the expected loss {}.", word(grade)))
    }

    /// S2: a sweep into a precision load instead of the antenna.
    pub(crate) fn into_load(self, rl_db: f64) -> Self {
        let grade = band(-rl_db, -20.0, -18.0);
        self.rl(rl_db)
            .m("termination", "precision_load")
            .m("dtf_events/2/component", "connector")
            .m("dtf_events/2/rl_db", 33.6)
            .set("/attachments/0/summary", format!("load sweep, worst RL {rl_db:?} dB"))
            .graded("SWP_RL_LIMIT", grade, "repair_and_retest", &["/measurements/rl_worst_db"])
            .why(&format!("S2: {rl_db:?} dB into the load {} (20/18).", word(grade)))
    }

    /// Static maximum, static minimum and dynamic peak of a PIM test, in the unit of the record.
    pub(crate) fn levels(self, max: f64, min: f64, peak: f64) -> Self {
        self.m("static_max", max).m("static_min", min).m("dynamic_peak", peak)
    }

    /// A1: azimuth as found.
    pub(crate) fn turned(self, degrees: f64) -> Self {
        let off = formulas::circular_difference_deg(degrees, self.number("/design/azimuth_deg"));
        let grade = band(off, 3.0, 5.0);
        self.m("azimuth_deg", degrees)
            .graded("ALN_AZIMUTH", grade, "realign", &["/measurements/azimuth_deg", "/design/azimuth_deg"])
            .why(&format!("A1: {off:.1} degrees on the circle {}.", word(grade)))
    }

    /// A2: one of the two tilts as found.
    pub(crate) fn tilted(self, field: &str, degrees: f64) -> Self {
        let off = (degrees - self.number(&format!("/design/{field}"))).abs();
        let grade = band(off, 0.5, 1.0);
        let at = [format!("/measurements/{field}"), format!("/design/{field}")];
        self.m(field, degrees)
            .graded("ALN_TILT", grade, "realign", &[&at[0], &at[1]])
            .why(&format!("A2: {field} {off:.1} degrees off {}.", word(grade)))
    }

    /// A3b: roll as found.
    pub(crate) fn rolled(self, degrees: f64) -> Self {
        let grade = band(degrees.abs(), 1.0, 2.0);
        self.m("roll_deg", degrees)
            .graded("ALN_POSITION", grade, "realign", &["/measurements/roll_deg"])
            .why(&format!("A3b: roll {degrees:?} degrees {}.", word(grade)))
    }

    /// F1, F2a: a fibre whose two connectors lose `near` and `far`.
    pub(crate) fn link(self, near: f64, far: f64) -> Self {
        let (at_1310, at_1550) = (round(near + far + 0.03, 2), round(near + far + 0.01, 2));
        let worst = near.max(far);
        let over = at_1310 - budget(&self.record, 1310).unwrap_or(0.0);
        let grade = match (band(worst, 0.5, 0.75), band(over, 0.0, 0.5)) {
            (Some(Grade::Major), _) | (_, Some(Grade::Major)) => Some(Grade::Major),
            (one, other) => one.or(other),
        };
        let event = format!("/measurements/events/{}/loss_db", usize::from(far >= near));
        self.m("events/0/loss_db", near)
            .m("events/1/loss_db", far)
            .m("loss_db/1310", at_1310)
            .m("loss_db/1550", at_1550)
            .graded("FIB_OPTICAL", grade, "repair_and_retest", &[&event, "/measurements/loss_db/1310"])
            .why(&format!(
                "F2a: the worse connector loses {worst:?} dB (0.5/0.75); F1: {over:+.2} dB against the budget."
            ))
    }

    /// D1, D2, D4: a share in per cent against 95/90 or, for handover, 98/95.
    pub(crate) fn share(self, field: &str, percent: f64) -> Self {
        let (rule, code, pass, fail) = match field {
            "pct_rsrp_ge_minus105" => ("D1", "RF_COVERAGE", 95.0, 90.0),
            "pct_sinr_ge_0" => ("D2", "RF_QUALITY", 95.0, 90.0),
            _ => ("D4", "RF_MOBILITY", 98.0, 95.0),
        };
        let grade = band(-percent, -pass, -fail);
        self.m(field, percent)
            .graded(code, grade, "rf_engineering_review", &[&format!("/measurements/{field}")])
            .why(&format!("{rule}: {percent:?} % {} ({pass:?}/{fail:?}).", word(grade)))
    }

    /// D3: mean downlink rate.
    pub(crate) fn rate(self, mbps: f64) -> Self {
        let percent = 100.0 * mbps / self.number("/design/dl_target_mbps");
        let grade = band(-percent, -100.0, -80.0);
        self.m("dl_mean_mbps", mbps)
            .graded(
                "RF_THROUGHPUT",
                grade,
                "rf_engineering_review",
                &["/measurements/dl_mean_mbps", "/design/dl_target_mbps"],
            )
            .why(&format!("D3: {percent:.1} % of the target {}.", word(grade)))
    }

    /// K1, K2: idle level of both branches and the imbalance between them.
    pub(crate) fn idle(self, a: f64, b: f64) -> Self {
        let (louder, level) = if a > b { ("branch_a", a) } else { ("branch_b", b) };
        let gap = round((a - b).abs(), 1);
        let (noise, imbalance) = (band(level, -115.0, -110.0), band(gap, 3.0, 6.0));
        self.m("ul_rssi_dbm_per_prb", json!({"branch_a": a, "branch_b": b}))
            .m("branch_imbalance_db", gap)
            .graded(
                "UL_NOISE",
                noise,
                "rf_engineering_review",
                &[&format!("/measurements/ul_rssi_dbm_per_prb/{louder}")],
            )
            .graded("UL_IMBALANCE", imbalance, "repair_and_retest", &["/measurements/branch_imbalance_db"])
            .why(&format!("K1: {level:?} dBm {}; K2: {gap:?} dB {}.", word(noise), word(imbalance)))
    }

    /// I4: a required value that was not entered.
    pub(crate) fn blank(self, field: &str) -> Self {
        self.m(field, Value::Null)
            .issue(
                "DOC_MISSING",
                Grade::Major,
                "resubmit_document",
                &[(&format!("/measurements/{field}"), "")],
            )
            .why(&format!("I4: {field} is required and empty."))
    }
}
