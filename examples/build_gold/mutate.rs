//! Mutations of a clean record, each tied to one rule and one code: the field, the issue and the reason together.
//!
//! A mutation states what it breaks; how the case is answered otherwise is the author's business.

use llm_experiments::rf_qaqc::formulas;
use serde_json::json;

use super::case::{Case, Grade};
use super::clean_radio::photo_index;
use super::rng::round;

impl Case {
    /// Return loss with the VSWR that belongs to it.
    pub(crate) fn rl(self, db: f64) -> Self {
        self.m("rl_worst_db", db)
            .m("vswr_worst", round(formulas::vswr(db), 2))
            .set("/attachments/0/summary", format!("system sweep, worst RL {db:?} dB"))
    }

    /// S1: worst return loss of a system sweep in the review or fail band.
    pub(crate) fn weak_return_loss(self, db: f64) -> Self {
        let (grade, action, band) = if db < 14.0 {
            (Grade::Major, "repair_and_retest", "below the fail limit 14.0")
        } else {
            (Grade::Suspected, "rf_engineering_review", "in the review band 14.0 to 15.5")
        };
        self.rl(db)
            // The antenna is what reflects; its event has no limit of its own (S3c).
            .m("dtf_events/2/rl_db", round(db - 1.3, 1))
            .issue("SWP_RL_LIMIT", grade, action, &[("/measurements/rl_worst_db", "")])
            .why(&format!("S1: return loss {db:?} dB is {band}."))
    }

    /// S6: a span that misses part of the band.
    pub(crate) fn off_band(self, lo: u32, hi: u32) -> Self {
        self.m("start_mhz", lo)
            .m("stop_mhz", hi)
            .m("rl_worst_freq_mhz", f64::from(hi - 8))
            .set("/instrument/field_cal/start_mhz", lo - 20)
            .set("/instrument/field_cal/stop_mhz", hi + 20)
            .issue(
                "SWP_BAND_COVERAGE",
                Grade::Major,
                "retest",
                &[("/measurements/start_mhz", ""), ("/measurements/stop_mhz", "")],
            )
            .why(&format!("S6: the span {lo} to {hi} MHz does not hold the band's uplink and downlink."))
    }

    /// C1: the instrument was overdue on the day.
    pub(crate) fn overdue(self, cal_due: &str) -> Self {
        self.set("/instrument/cal_due", cal_due)
            .issue("CAL_INVALID", Grade::Major, "recalibrate_and_retest", &[("/instrument/cal_due", "")])
            .why(&format!("C1: the instrument was due on {cal_due}, before the test."))
    }

    /// P1: static and dynamic PIM above the limit on the antenna.
    pub(crate) fn loud(self, static_max: f64, dynamic_peak: f64) -> Self {
        self.m("static_max", static_max)
            .m("static_min", round(static_max - 1.2, 1))
            .m("dynamic_peak", dynamic_peak)
            .issue(
                "PIM_LIMIT",
                Grade::Major,
                "repair_and_retest",
                &[("/measurements/static_max", ""), ("/measurements/dynamic_peak", "")],
            )
            .why(&format!("P1: {static_max:?} dBm static and {dynamic_peak:?} dBm dynamic exceed -97 dBm."))
    }

    /// I4: a required photograph that was not delivered.
    pub(crate) fn without_photo(mut self, kind: &str) -> Self {
        if let Some(files) = self.record["attachments"].as_array_mut() {
            files.remove(photo_index(kind));
        }
        self.issue("DOC_MISSING", Grade::Major, "resubmit_document", &[("/design/required_photos", kind)])
            .why(&format!("I4: required photo {kind} is absent."))
    }

    /// I2: ground resistance in the review or fail band.
    pub(crate) fn high_ground(self, ohms: f64) -> Self {
        let (grade, action) = if ohms > 10.0 {
            (Grade::Major, "repair_and_retest")
        } else {
            (Grade::Suspected, "rf_engineering_review")
        };
        self.m("ground_ohms", ohms)
            .issue("INS_GROUNDING", grade, action, &[("/measurements/ground_ohms", "")])
            .why(&format!("I2: ground resistance {ohms:?} ohm against 5 (pass) and 10 (fail)."))
    }

    /// S3b: an arrestor near the bottom, good for an inline device, poor if it were a joint.
    pub(crate) fn with_arrestor(mut self, distance_m: f64, rl_db: f64) -> Self {
        let event = json!({"distance_m": distance_m, "rl_db": rl_db, "component": "arrestor"});
        if let Some(events) = self.record["measurements"]["dtf_events"].as_array_mut() {
            events.insert(1, event);
        }
        self
    }

    /// All photographs at one position (I5).
    pub(crate) fn placed(mut self, lat: f64, lon: f64) -> Self {
        for photo in self.record["attachments"].as_array_mut().into_iter().flatten() {
            photo["lat"] = lat.into();
            photo["lon"] = lon.into();
        }
        self
    }

    /// One photograph at another time and position (I5, I6).
    pub(crate) fn photo_at(self, index: usize, taken_at: &str, lat: f64, lon: f64) -> Self {
        self.set(&format!("/attachments/{index}/taken_at"), taken_at)
            .set(&format!("/attachments/{index}/lat"), lat)
            .set(&format!("/attachments/{index}/lon"), lon)
    }
}
