//! The limits of profile BAP-1 that fields alone decide, applied to one record.
//!
//! Reads no notes, no summaries and no photo contents: that blindness is the point. The result backs the label
//! checks and the threshold baseline. Rules that need the text (P3, most of P8, A6, F7, K4, I8, checklist items
//! left `not_checked`) are not here.

use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::json::resolve_one;
use crate::rf_qaqc::codes::{Certainty, Severity, Verdict, derive_verdict, lookup};
use crate::rf_qaqc::formulas;

/// One limit of BAP-1 that the fields of a record do not meet.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Row of the limits table, e.g. `S1`.
    pub rule: &'static str,
    /// Code that the row gives.
    pub code: &'static str,
    /// `Suspected` in the review band, `Confirmed` beyond it.
    pub certainty: Certainty,
    /// What was expected and found.
    pub what: String,
}

/// Rules of the threshold baseline; the rest of [`findings`] needs a formula over several fields or a plan.
const BASELINE: [&str; 39] = [
    "S1", "S3", "S4", "S6", "C1", "C2", "P1", "P2", "P4", "P5", "P6", "P7", "P9", "A1", "A2", "A3", "A4",
    "A5", "F1", "F2", "F3", "F4", "F5", "F6", "D1", "D2", "D3", "D4", "D7", "D8", "K1", "K2", "K3", "I2",
    "I3", "I4", "I5", "I6", "I7",
];

/// The verdict of the threshold baseline: structured fields only, any fail rule gives `fail`, else any review
/// rule gives `needs_review`.
#[must_use]
pub fn baseline_verdict(record: &Value) -> Verdict {
    let issues: Vec<_> = findings(record)
        .iter()
        .filter(|f| BASELINE.contains(&f.rule))
        .filter_map(|f| lookup(f.code).map(|c| (c.class, Severity::Major, f.certainty)))
        .collect();
    derive_verdict(&issues)
}

/// Every limit that the fields of `record` do not meet.
#[must_use]
pub fn findings(record: &Value) -> Vec<Finding> {
    let mut look = Look { record, found: Vec::new() };
    look.times_and_instrument();
    match look.text("/test_type") {
        Some("line_sweep") => look.line_sweep(),
        Some("pim") => look.pim(),
        Some("antenna_alignment") => look.alignment(),
        Some("fiber") => look.fiber(),
        Some("drive_test") => look.drive(),
        Some("ran_kpi") => look.kpi(),
        Some("closeout") => look.closeout(),
        _ => {}
    }
    look.found
}

/// Sums of decimal fractions carry dust in the last bits; a limit met exactly is met.
pub(super) const DUST: f64 = 1e-9;

pub(super) fn at_most(value: f64, pass: f64, fail: f64) -> Option<Certainty> {
    if value <= pass + DUST {
        None
    } else if value <= fail + DUST {
        Some(Certainty::Suspected)
    } else {
        Some(Certainty::Confirmed)
    }
}

pub(super) fn at_least(value: f64, pass: f64, fail: f64) -> Option<Certainty> {
    at_most(-value, -pass, -fail)
}

pub(super) struct Look<'a> {
    pub(super) record: &'a Value,
    found: Vec<Finding>,
}

impl<'a> Look<'a> {
    pub(super) fn at(&self, pointer: &str) -> Option<&'a Value> {
        resolve_one(self.record, pointer)
    }
    pub(super) fn num(&self, pointer: &str) -> Option<f64> {
        self.at(pointer).and_then(Value::as_f64)
    }
    pub(super) fn text(&self, pointer: &str) -> Option<&'a str> {
        self.at(pointer).and_then(Value::as_str)
    }
    pub(super) fn list(&self, pointer: &str) -> &'a [Value] {
        self.at(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
    fn moment(&self, pointer: &str) -> Option<OffsetDateTime> {
        self.text(pointer).and_then(|t| OffsetDateTime::parse(t, &Rfc3339).ok())
    }
    pub(super) fn add(
        &mut self,
        rule: &'static str,
        code: &'static str,
        certainty: Option<Certainty>,
        what: String,
    ) {
        if let Some(certainty) = certainty {
            self.found.push(Finding { rule, code, certainty, what });
        }
    }
    pub(super) fn flag(&mut self, when: bool, rule: &'static str, code: &'static str, what: &str) {
        self.add(rule, code, when.then_some(Certainty::Confirmed), what.to_owned());
    }
    pub(super) fn required(&mut self, fields: &[&str]) {
        for field in fields {
            let missing = self.at(field).is_none_or(Value::is_null);
            self.flag(missing, "I4", "DOC_MISSING", &format!("required field {field} is null"));
        }
    }

    fn times_and_instrument(&mut self) {
        let (done, sent) = (self.moment("/job/performed_at"), self.moment("/job/submitted_at"));
        self.flag(done > sent, "Q1", "DQ_TIMESTAMP", "performed after it was submitted");
        if let (Some(due), Some(done)) = (self.text("/instrument/cal_due"), self.text("/job/performed_at")) {
            let late = done.get(..10).is_some_and(|day| due < day);
            self.flag(late, "C1", "CAL_INVALID", &format!("cal_due {due} is before the test"));
        }
        let start = self.moment("/job/started_at");
        let here = self.num("/site/latitude").zip(self.num("/site/longitude"));
        for (i, photo) in self.list("/attachments").iter().enumerate() {
            if photo["kind"] != "photo" {
                continue;
            }
            let taken = self.moment(&format!("/attachments/{i}/taken_at"));
            let early = start.zip(taken).is_some_and(|(s, t)| t < s);
            let late = sent.zip(taken).is_some_and(|(s, t)| t > s);
            self.flag(early || late, "I6", "DQ_TIMESTAMP", &format!("photo {i} is outside the job window"));
            if let (Some(site), Some(shot)) = (here, photo["lat"].as_f64().zip(photo["lon"].as_f64())) {
                let far = distance_m(site, shot);
                let what = format!("photo {i} is {far:.0} m from the site");
                self.flag(far > 100.0, "I5", "DOC_ID_MISMATCH", &what);
            }
        }
    }

    fn line_sweep(&mut self) {
        const M: &str = "/measurements";
        self.required(&[
            "/measurements/rl_worst_db",
            "/measurements/cable_loss_db",
            "/measurements/trace_file",
        ]);
        let on_antenna = self.text("/measurements/termination") == Some("antenna");
        let on_load = self.text("/measurements/termination") == Some("precision_load");
        let rl = self.num("/measurements/rl_worst_db");
        let loss = self.num("/measurements/cable_loss_db");
        if let Some(rl) = rl {
            let what = format!("return loss {rl} dB");
            if on_antenna {
                self.add("S1", "SWP_RL_LIMIT", at_least(rl, 15.5, 14.0), what.clone());
                self.add("S8", "TEST_SETUP", (rl > 30.0).then_some(Certainty::Suspected), what.clone());
                if let Some(loss) = loss.filter(|loss| rl >= 15.5 && rl - 2.0 * loss < 10.0 - DUST) {
                    let what = format!("return loss {rl} less twice the line loss {loss} is below 10");
                    self.add("S5", "SWP_RL_LIMIT", Some(Certainty::Suspected), what);
                }
            } else if on_load {
                self.add("S2", "SWP_RL_LIMIT", at_least(rl, 20.0, 18.0), what.clone());
            }
            if let Some(vswr) = self.num("/measurements/vswr_worst") {
                let from_vswr = formulas::return_loss_db(vswr);
                let what = format!("return loss {rl} dB against {from_vswr:.2} dB from VSWR {vswr}");
                self.flag((rl - from_vswr).abs() > 0.5 + DUST, "S7", "DQ_CONTRADICTION", &what);
            }
        }
        let end = self.num("/measurements/line_end_m");
        for event in self.list("/measurements/dtf_events") {
            let (Some(at), Some(rl)) = (event["distance_m"].as_f64(), event["rl_db"].as_f64()) else {
                continue;
            };
            let part = event["component"].as_str().unwrap_or_default();
            let is_antenna =
                part == "antenna" || (on_antenna && end.is_some_and(|e| (at - e).abs() <= 1.0 + DUST));
            let inline = ["arrestor", "tma", "diplexer"].contains(&part);
            let band = if inline { at_least(rl, 20.0, 18.0) } else { at_least(rl, 25.0, 22.0) };
            let what = format!("{part} at {at} m reflects {rl} dB");
            self.add("S3", "SWP_DTF_EVENT", band.filter(|_| !is_antenna), what);
        }
        if let (Some(loss), Some(expected)) = (loss, expected_loss(self.record)) {
            let what = format!("line loss {loss} dB against {expected:.2} expected");
            self.add("S4", "SWP_CABLE_LOSS", at_most(loss - expected, 0.5, 1.0), what.clone());
            let low = (expected - loss > 1.0 + DUST).then_some(Certainty::Suspected);
            self.add("S4b", "DQ_IMPLAUSIBLE", low, what);
        }
        let span = |l: &Look<'_>, base: &str| {
            l.num(&format!("{base}/start_mhz")).zip(l.num(&format!("{base}/stop_mhz")))
        };
        let swept = span(self, M);
        if let (Some((lo, hi)), Some(edges)) = (swept, self.text("/band").and_then(formulas::band_edges_mhz))
        {
            let short = lo > edges[0].min(edges[2]) || hi < edges[1].max(edges[3]);
            self.flag(short, "S6", "SWP_BAND_COVERAGE", &format!("span {lo} to {hi} MHz misses the band"));
        }
        let cal = "/instrument/field_cal";
        let made = self.at("/instrument/field_cal/performed").and_then(Value::as_bool) == Some(true);
        let at = self.moment("/instrument/field_cal/at");
        let fresh = at.zip(self.moment("/job/performed_at")).is_some_and(|(cal, test)| {
            let age = test - cal;
            !age.is_negative() && age <= time::Duration::hours(8)
        });
        let covers =
            span(self, cal).zip(swept).is_some_and(|(cal, swept)| cal.0 <= swept.0 && cal.1 >= swept.1);
        self.flag(
            !(made && fresh && covers),
            "C2",
            "CAL_INVALID",
            "field calibration missing, late or short",
        );
    }

    fn pim(&mut self) {
        self.required(&[
            "/measurements/static_max",
            "/measurements/dynamic_peak",
            "/measurements/residual_dbm",
            "/measurements/trace_file",
        ]);
        let carrier = self.num("/measurements/carrier_power_dbm").unwrap_or(43.0);
        let shift = if self.text("/measurements/unit") == Some("dBc") { carrier } else { 0.0 };
        let on_load = self.text("/measurements/termination") == Some("low_pim_load");
        let (rule, limit) = if on_load { ("P2", -107.0) } else { ("P1", -97.0) };
        for field in ["static_max", "dynamic_peak"] {
            let Some(dbm) = self.num(&format!("/measurements/{field}")).map(|v| v + shift) else { continue };
            let what = format!("{field} is {dbm:.1} dBm against {limit}");
            let range = (-140.0..=-40.0).contains(&dbm);
            self.flag(!range, "P9", "DQ_IMPLAUSIBLE", &what);
            self.flag(range && dbm > limit + DUST, rule, "PIM_LIMIT", &what);
        }
        if let (Some(max), Some(min)) =
            (self.num("/measurements/static_max"), self.num("/measurements/static_min"))
        {
            let wander = (max - min > 4.0 + DUST).then_some(Certainty::Suspected);
            self.add("P4", "PIM_LIMIT", wander, format!("static reading wanders {:.1} dB", max - min));
        }
        if let Some(residual) = self.num("/measurements/residual_dbm") {
            let what = format!("residual {residual} dBm under a limit of {limit}");
            self.flag(residual > limit - 10.0 + DUST, "P5", "TEST_SETUP", &what);
        }
        if let Some(edges) = self.text("/band").and_then(formulas::band_edges_mhz) {
            for tone in ["f1_mhz", "f2_mhz"] {
                let outside = self
                    .num(&format!("/measurements/{tone}"))
                    .is_some_and(|f| !(edges[2]..=edges[3]).contains(&f));
                self.flag(outside, "P6", "TEST_SETUP", &format!("{tone} is outside the downlink"));
            }
        }
        let off = (carrier - 43.0).abs() > 0.5 + DUST;
        self.flag(off, "P7", "TEST_SETUP", &format!("carriers at {carrier} dBm"));
        let antenna = self.num("/measurements/antenna_distance_m");
        for event in self.list("/measurements/rtf_events") {
            let beyond = event["distance_m"].as_f64().zip(antenna).is_some_and(|(d, a)| d > a + 1.0);
            let loud = event["level_dbm"].as_f64().is_some_and(|l| l > limit);
            let source = (beyond && loud).then_some(Certainty::Suspected);
            self.add("P8", "PIM_EXTERNAL", source, "source beyond the antenna".to_owned());
        }
    }
}

/// Expected one-way loss of a line-sweep record, from its design block.
#[must_use]
pub fn expected_loss(record: &Value) -> Option<f64> {
    let get = |field: &str| record["design"][field].as_f64();
    Some(formulas::expected_cable_loss_db(
        get("length_m")?,
        get("atten_db_per_100m")?,
        get("connector_pairs")?,
        get("jumper_loss_db")?,
    ))
}

/// Optical budget of a fibre record at 1310 or 1550 nm.
#[must_use]
pub fn budget(record: &Value, nm: u32) -> Option<f64> {
    let get = |field: &str| record["measurements"][field].as_f64();
    Some(formulas::optical_budget_db(get("length_km")?, nm, get("connector_pairs")?, get("splices")?))
}

/// Distance over ground in metres between two (latitude, longitude) points in degrees (haversine).
#[must_use]
pub fn distance_m(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (la, lb) = (a.0.to_radians(), b.0.to_radians());
    let (dlat, dlon) = ((lb - la) / 2.0, (b.1 - a.1).to_radians() / 2.0);
    let h = dlat.sin().powi(2) + la.cos() * lb.cos() * dlon.sin().powi(2);
    2.0 * 6_371_000.0 * h.sqrt().asin()
}
