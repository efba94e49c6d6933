//! The rows of BAP-1 for alignment, fibre, drive test, counters and closeout.
//!
//! Same rules of the house as `limits`: fields only, no text.

use serde_json::Value;

use super::limits::{DUST, Look, at_least, at_most, budget};
use crate::rf_qaqc::codes::Certainty;
use crate::rf_qaqc::formulas;

impl Look<'_> {
    pub(super) fn alignment(&mut self) {
        let angles = ["azimuth_deg", "mech_tilt_deg", "elec_tilt_deg", "roll_deg", "rad_center_m"];
        for field in angles {
            self.required(&[&format!("/measurements/{field}")]);
        }
        let report = self.list("/attachments").iter().any(|a| a["kind"] == "report");
        self.flag(!report, "I4", "DOC_MISSING", "no alignment report is attached");
        let both = |l: &Look<'_>, field: &str| {
            l.num(&format!("/design/{field}")).zip(l.num(&format!("/measurements/{field}")))
        };
        if let Some((want, got)) = both(self, "azimuth_deg") {
            let d = formulas::circular_difference_deg(want, got);
            self.add("A1", "ALN_AZIMUTH", at_most(d, 3.0, 5.0), format!("azimuth {d:.1} degrees off"));
        }
        for field in ["mech_tilt_deg", "elec_tilt_deg"] {
            if let Some((want, got)) = both(self, field) {
                let d = (want - got).abs();
                self.add("A2", "ALN_TILT", at_most(d, 0.5, 1.0), format!("{field} {d:.1} degrees off"));
            }
        }
        if let Some((want, got)) = both(self, "rad_center_m") {
            let d = (want - got).abs();
            self.add("A3", "ALN_POSITION", at_most(d, 0.5, 1.0), format!("height {d:.1} m off"));
        }
        if let Some(roll) = self.num("/measurements/roll_deg") {
            self.add("A3", "ALN_POSITION", at_most(roll.abs(), 1.0, 2.0), format!("roll {roll} degrees"));
        }
        let north = self.text("/measurements/north_reference");
        self.flag(north != Some("true"), "A4", "ALN_REFERENCE", "north reference is not true north");
        if let (Some(want), Some(got)) =
            (self.text("/design/ret_serial"), self.text("/measurements/ret_serial"))
        {
            self.flag(want != got, "A5", "RET_MISMATCH", &format!("RET serial {got}, planned {want}"));
        }
    }

    pub(super) fn fiber(&mut self) {
        self.required(&[
            "/measurements/loss_db/1310",
            "/measurements/loss_db/1550",
            "/measurements/rx_power_dbm",
            "/measurements/trace_file",
        ]);
        for nm in [1310, 1550] {
            if let (Some(loss), Some(budget)) =
                (self.num(&format!("/measurements/loss_db/{nm}")), budget(self.record, nm))
            {
                let what = format!("{loss} dB at {nm} nm against a budget of {budget:.2}");
                self.add("F1", "FIB_OPTICAL", at_most(loss - budget, 0.0, 0.5), what);
            }
        }
        for event in self.list("/measurements/events") {
            let kind = event["kind"].as_str().unwrap_or_default();
            let (pass, fail) = match kind {
                "connector" => (0.5, 0.75),
                "splice" => (0.15, 0.3),
                _ => (0.1, 0.3),
            };
            if let Some(loss) = event["loss_db"].as_f64() {
                self.add("F2", "FIB_OPTICAL", at_most(loss, pass, fail), format!("{kind} loses {loss} dB"));
            }
        }
        let apc = self.text("/measurements/polish") == Some("APC");
        if let Some(r) = self.num("/measurements/worst_reflectance_db") {
            let (pass, fail) = if apc { (-60.0, -55.0) } else { (-50.0, -45.0) };
            self.add("F3", "FIB_OPTICAL", at_most(r, pass, fail), format!("reflectance {r} dB"));
        }
        if let (Some(rx), Some(min), Some(max)) = (
            self.num("/measurements/rx_power_dbm"),
            self.num("/measurements/rx_min_dbm"),
            self.num("/measurements/rx_max_dbm"),
        ) {
            let band = if rx > max { Some(Certainty::Confirmed) } else { at_least(rx, min + 2.0, min) };
            self.add("F4", "FIB_OPTICAL", band, format!("receive power {rx} dBm in {min} to {max}"));
        }
        let face = self.text("/measurements/endface");
        self.flag(face == Some("fail"), "F5", "FIB_ENDFACE", "end face fails");
        self.flag(face == Some("not_inspected"), "F5", "DOC_MISSING", "end face not inspected");
        let launch = self.at("/measurements/launch_fiber").and_then(Value::as_bool);
        self.flag(launch != Some(true), "F6", "TEST_SETUP", "no launch fibre");
    }

    pub(super) fn drive(&mut self) {
        self.required(&["/measurements/log_file"]);
        let pct = |l: &Look<'_>, field: &str| l.num(&format!("/measurements/{field}"));
        for (rule, code, field, pass, fail) in [
            ("D1", "RF_COVERAGE", "pct_rsrp_ge_minus105", 95.0, 90.0),
            ("D2", "RF_QUALITY", "pct_sinr_ge_0", 95.0, 90.0),
        ] {
            if let Some(v) = pct(self, field) {
                self.add(rule, code, at_least(v, pass, fail), format!("{field} {v} %"));
            }
        }
        if let (Some(rate), Some(target)) = (pct(self, "dl_mean_mbps"), self.num("/design/dl_target_mbps")) {
            let share = 100.0 * rate / target;
            self.add("D3", "RF_THROUGHPUT", at_least(share, 100.0, 80.0), format!("{share:.1} % of target"));
        }
        let attempts = pct(self, "ho_attempts").unwrap_or(0.0);
        if let Some(v) = pct(self, "ho_success_pct").filter(|_| attempts >= 20.0) {
            self.add("D4", "RF_MOBILITY", at_least(v, 98.0, 95.0), format!("handover success {v} %"));
        }
        let few = attempts < 20.0 || pct(self, "samples").unwrap_or(0.0) < 500.0;
        self.flag(few, "D8", "DOC_MISSING", "fewer than 500 samples or 20 handover attempts");
        let lte = self.text("/rat") == Some("LTE");
        let ranges: [(&str, f64, f64); 3] = if lte {
            [("rsrp_mean_dbm", -140.0, -44.0), ("rsrq_mean_db", -19.5, -3.0), ("sinr_mean_db", -23.0, 40.0)]
        } else {
            [("rsrp_mean_dbm", -156.0, -31.0), ("rsrq_mean_db", -43.0, 20.0), ("sinr_mean_db", -23.0, 40.0)]
        };
        for (field, lo, hi) in ranges {
            let out = pct(self, field).is_some_and(|v| !(lo..=hi).contains(&v));
            self.flag(out, "D7", "DQ_IMPLAUSIBLE", &format!("{field} outside its reporting range"));
        }
        if let (true, Some(mhz), Some(layers)) = (lte, pct(self, "bandwidth_mhz"), pct(self, "mimo_layers")) {
            let peak = formulas::lte_peak_mbps(mhz, layers);
            let above = ["dl_mean_mbps", "dl_peak_mbps"].iter().any(|f| pct(self, f) > Some(peak));
            self.flag(above, "D7b", "DQ_IMPLAUSIBLE", &format!("rate above the carrier's {peak:.0} Mbps"));
        }
        let quality = pct(self, "pct_sinr_ge_0").is_some_and(|v| v >= 95.0);
        for pair in self.list("/measurements/overlaps") {
            let get = |k: &str| pair[k].as_f64();
            let near =
                get("rsrp_a_dbm").zip(get("rsrp_b_dbm")).is_some_and(|(a, b)| (a - b).abs() <= 6.0 + DUST);
            let (a, b) = (pair["pci_a"].as_i64(), pair["pci_b"].as_i64());
            let clash = a.zip(b).is_some_and(|(a, b)| a % 3 == b % 3);
            let sure = if quality { Certainty::Suspected } else { Certainty::Confirmed };
            let what = format!("PCI {a:?} and {b:?} clash in overlap");
            self.add("D5", "RF_PCI", (near && clash).then_some(sure), what);
        }
        self.lobes();
    }

    fn lobes(&mut self) {
        let cells = self.list("/design/cells");
        let mut off = Vec::new();
        for lobe in self.list("/measurements/serving") {
            let Some(bearing) = lobe["bearing_deg"].as_f64() else { continue };
            let distance = |cell: &Value| {
                formulas::circular_difference_deg(cell["azimuth_deg"].as_f64().unwrap_or(0.0), bearing)
            };
            let planned = cells.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
            if let Some(planned) = planned.filter(|cell| cell["pci"] != lobe["dominant_pci"]) {
                off.push((&planned["pci"], &lobe["dominant_pci"]));
            }
        }
        let exchanged = off.iter().any(|(p, f)| off.contains(&(f, p)));
        let sure = if exchanged { Certainty::Confirmed } else { Certainty::Suspected };
        self.add("D6", "FEED_SWAP", (!off.is_empty()).then_some(sure), format!("lobes off plan: {off:?}"));
    }

    pub(super) fn kpi(&mut self) {
        if let Some(branches) = self.at("/measurements/ul_rssi_dbm_per_prb").and_then(Value::as_object) {
            for (branch, level) in branches {
                if let Some(dbm) = level.as_f64() {
                    let what = format!("{branch} idles at {dbm} dBm");
                    self.add("K1", "UL_NOISE", at_most(dbm, -115.0, -110.0), what);
                }
            }
        }
        if let Some(db) = self.num("/measurements/branch_imbalance_db") {
            self.add("K2", "UL_IMBALANCE", at_most(db, 3.0, 6.0), format!("branches differ by {db} dB"));
        }
        for port in self.list("/measurements/vswr_ports") {
            if let Some(v) = port.as_f64() {
                self.add("K3", "SWP_RL_LIMIT", at_most(v, 1.5, 2.0), format!("port VSWR {v}"));
            }
        }
        let alarm = self.at("/measurements/vswr_alarm_active").and_then(Value::as_bool) == Some(true);
        self.flag(alarm, "K3", "SWP_RL_LIMIT", "VSWR alarm is active");
    }

    pub(super) fn closeout(&mut self) {
        self.required(&["/measurements/ground_ohms", "/measurements/dc_volts"]);
        if let Some(ohms) = self.num("/measurements/ground_ohms") {
            self.add("I2", "INS_GROUNDING", at_most(ohms, 5.0, 10.0), format!("ground {ohms} ohm"));
        }
        if let Some(volts) = self.num("/measurements/dc_volts").filter(|v| !(-57.0..=-46.0).contains(v)) {
            let what = format!("DC plant at {volts} V");
            self.add("I3", "INS_WORKMANSHIP", Some(Certainty::Suspected), what);
        }
        let photos = self.list("/attachments");
        for kind in self.list("/design/required_photos").iter().filter_map(Value::as_str) {
            let there = photos.iter().any(|p| {
                let stem = p["name"].as_str().and_then(|n| n.rsplit_once('.')).map(|(stem, _)| stem);
                p["kind"] == "photo" && stem == Some(kind)
            });
            self.flag(!there, "I4", "DOC_MISSING", &format!("photo {kind} is missing"));
        }
        for row in self.list("/measurements/serials") {
            let what = format!("serial of {} differs from the bill of material", row["item"]);
            self.flag(row["bom"] != row["observed"], "I7", "DOC_ID_MISMATCH", &what);
        }
        if let Some(items) = self.at("/measurements/checklist").and_then(Value::as_object) {
            for (item, state) in items.iter().filter(|(_, state)| *state == "defect") {
                let code = match item.as_str() {
                    "weatherproofing" => "INS_WEATHERPROOF",
                    "grounding" => "INS_GROUNDING",
                    "rf_signage" => "REG_RF_SAFETY",
                    _ => "INS_WORKMANSHIP",
                };
                self.flag(true, "I1", code, &format!("checklist item {item} is {state}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::limits::{baseline_verdict, findings};
    use crate::rf_qaqc::codes::{Certainty, Verdict};
    use serde_json::{Value, json};

    /// Rule and certainty (`?` = suspected) of everything found, in order.
    fn rules(record: &Value) -> Vec<String> {
        findings(record)
            .iter()
            .map(|f| format!("{}{}", f.rule, if f.certainty == Certainty::Suspected { "?" } else { "" }))
            .collect()
    }

    #[test]
    fn pim_rules() {
        let pim = |unit: &str, top: f64, low: f64, power: f64, residual: f64, f2: u32| {
            json!({"test_type": "pim", "band": "B66", "measurements": {"unit": unit, "carrier_power_dbm": power,
                "static_max": top, "static_min": low, "dynamic_peak": top, "residual_dbm": residual,
                "f1_mhz": 2110, "f2_mhz": f2, "termination": "antenna", "trace_file": "a.dat",
                "antenna_distance_m": 30.0, "rtf_events": []}})
        };
        assert_eq!(rules(&pim("dBm", -97.0, -101.0, 43.5, -107.0, 2200)), [""; 0]);
        assert_eq!(rules(&pim("dBm", -96.9, -100.0, 43.0, -120.0, 2155)), ["P1", "P1"]);
        assert_eq!(rules(&pim("dBc", -140.0, -141.0, 43.0, -120.0, 2155)), [""; 0]);
        assert_eq!(rules(&pim("dBm", -171.0, -171.0, 43.0, -120.0, 2155)), ["P9", "P9"]);
        assert_eq!(rules(&pim("dBm", -105.0, -109.1, 40.0, -106.9, 2201)), ["P4?", "P5", "P6", "P7"]);
    }

    #[test]
    fn alignment_and_fiber_rules() {
        let turned = |azimuth: f64, tilt: f64, roll: f64| {
            json!({"test_type": "antenna_alignment", "attachments": [{"kind": "report"}],
                "design": {"azimuth_deg": 358.0, "mech_tilt_deg": 2.0, "elec_tilt_deg": 1.0, "rad_center_m": 30.0},
                "measurements": {"azimuth_deg": azimuth, "mech_tilt_deg": tilt, "elec_tilt_deg": 1.0,
                    "rad_center_m": 30.0, "roll_deg": roll, "north_reference": "true"}})
        };
        assert_eq!(rules(&turned(1.0, 2.5, -1.0)), [""; 0]);
        assert_eq!(rules(&turned(2.0, 3.0, 2.1)), ["A1?", "A2?", "A3"]);
        assert_eq!(rules(&turned(350.0, -2.0, 0.0)), ["A1", "A2"]);
        let link = |loss: f64, rx: f64, face: &str, launch: bool| {
            json!({"test_type": "fiber", "measurements": {"length_km": 1.0, "connector_pairs": 2, "splices": 1,
                "loss_db": {"1310": loss, "1550": 1.0}, "events": [{"kind": "splice", "loss_db": 0.15}],
                "worst_reflectance_db": -50.0, "polish": "UPC", "endface": face, "rx_power_dbm": rx,
                "rx_min_dbm": -14.4, "rx_max_dbm": 0.5, "launch_fiber": launch, "trace_file": "a.sor"}})
        };
        assert_eq!(rules(&link(1.5, -12.4, "pass", true)), [""; 0]);
        assert_eq!(rules(&link(2.1, 0.6, "not_inspected", false)), ["F1", "F4", "F5", "F6"]);
    }

    #[test]
    fn radio_and_closeout_rules() {
        let drive = |lobes: [u32; 3], sinr: f64| {
            json!({"test_type": "drive_test", "rat": "LTE",
                "design": {"dl_target_mbps": 20, "cells": [{"azimuth_deg": 0, "pci": 9},
                    {"azimuth_deg": 120, "pci": 10}, {"azimuth_deg": 240, "pci": 11}]},
                "measurements": {"samples": 500, "ho_attempts": 20, "ho_success_pct": 98.0, "pct_sinr_ge_0": sinr,
                    "pct_rsrp_ge_minus105": 95.0, "dl_mean_mbps": 20.0, "dl_peak_mbps": 98.0, "bandwidth_mhz": 10,
                    "mimo_layers": 2, "rsrp_mean_dbm": -44.0, "log_file": "a.log",
                    "overlaps": [{"pci_a": 9, "pci_b": 30, "rsrp_a_dbm": -80.0, "rsrp_b_dbm": -86.0}],
                    "serving": [{"bearing_deg": 350, "dominant_pci": lobes[0]},
                        {"bearing_deg": 118, "dominant_pci": lobes[1]}, {"bearing_deg": 240, "dominant_pci": lobes[2]}]}})
        };
        assert_eq!(rules(&drive([9, 10, 11], 95.0)), ["D5?"]);
        assert_eq!(rules(&drive([10, 9, 11], 89.9)), ["D2", "D5", "D6"]);
        assert_eq!(rules(&drive([9, 10, 400], 95.0)), ["D5?", "D6?"]);
        // The baseline knows no plan of cells.
        assert_eq!(baseline_verdict(&drive([10, 9, 11], 95.0)), Verdict::Pass);
        let counters = json!({"test_type": "ran_kpi", "measurements": {"ul_rssi_dbm_per_prb": {"a": -115.0, "b": -109.9},
            "branch_imbalance_db": 3.1, "vswr_ports": [1.5, 2.0], "vswr_alarm_active": true}});
        assert_eq!(rules(&counters), ["K1", "K2?", "K3?", "K3"]);
        let package = json!({"test_type": "closeout", "site": {"latitude": 40.0, "longitude": -90.0},
            "job": {"started_at": "2026-01-02T08:00:00Z", "submitted_at": "2026-01-02T18:00:00Z"},
            "design": {"required_photos": ["bar", "sign"]},
            "attachments": [{"kind": "photo", "name": "bar.jpg", "taken_at": "2026-01-01T09:00:00Z", "lat": 40.01,
                "lon": -90.0}],
            "measurements": {"ground_ohms": 5.1, "dc_volts": 54.0, "checklist": {"labels": "defect"},
                "serials": [{"item": "x", "bom": "1", "observed": "2"}]}});
        assert_eq!(rules(&package), ["I6", "I5", "I2?", "I3?", "I4", "I7", "I1"]);
    }
}
