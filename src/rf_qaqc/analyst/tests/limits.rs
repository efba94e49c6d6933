//! Every applied rule: on the limit, in the review band, beyond it, and without its line in the prompt.

use super::*;
use crate::json::is_verbatim;

type Row = (&'static str, &'static str, &'static [(&'static str, &'static str)], &'static str);

const FIELD_CAL: &str = "/instrument/field_cal";

/// Rule, clean record, edits, the one issue expected (`""` for none). Fields stand without `/measurements`.
const ROWS: &[Row] = &[
    ("S1", "sweep", &[("rl_worst_db", "15.5")], ""),
    ("S1", "sweep", &[("rl_worst_db", "15.4")], "SWP_RL_LIMIT suspected"),
    ("S1", "sweep", &[("rl_worst_db", "14.0")], "SWP_RL_LIMIT suspected"),
    ("S1", "sweep", &[("rl_worst_db", "13.9")], "SWP_RL_LIMIT confirmed"),
    ("S1", "sweep", &[("rl_worst_db", "13.9"), ("termination", "\"precision_load\"")], ""),
    ("S3a", "sweep", &[("dtf_events/0/rl_db", "25")], ""),
    ("S3a", "sweep", &[("dtf_events/0/rl_db", "22.0")], "SWP_DTF_EVENT suspected"),
    ("S3a", "sweep", &[("dtf_events/0/rl_db", "21.9")], "SWP_DTF_EVENT confirmed"),
    (
        "S3a",
        "sweep",
        &[("dtf_events/0/rl_db", "21.9"), ("dtf_events/0/component", "\"unknown\"")],
        "SWP_DTF_EVENT confirmed",
    ),
    ("S3b", "sweep", &[("dtf_events/0/rl_db", "20"), ("dtf_events/0/component", "\"tma\"")], ""),
    (
        "S3b",
        "sweep",
        &[("dtf_events/0/rl_db", "18"), ("dtf_events/0/component", "\"arrestor\"")],
        "SWP_DTF_EVENT suspected",
    ),
    (
        "S3b",
        "sweep",
        &[("dtf_events/0/rl_db", "17.9"), ("dtf_events/0/component", "\"diplexer\"")],
        "SWP_DTF_EVENT confirmed",
    ),
    // The expected loss is 38.0 * 3.2 / 100 + 4 * 0.1 + 0.25 = 1.866 dB.
    ("S4", "sweep", &[("cable_loss_db", "2.366")], ""),
    ("S4", "sweep", &[("cable_loss_db", "2.866")], "SWP_CABLE_LOSS suspected"),
    ("S4", "sweep", &[("cable_loss_db", "2.867")], "SWP_CABLE_LOSS confirmed"),
    // B13: downlink 746 to 756, uplink 777 to 787 MHz.
    ("S6", "sweep", &[("start_mhz", "746"), ("stop_mhz", "787")], ""),
    ("S6", "sweep", &[("start_mhz", "747")], "SWP_BAND_COVERAGE confirmed"),
    ("S6", "sweep", &[("stop_mhz", "786.9")], "SWP_BAND_COVERAGE confirmed"),
    ("S6", "sweep", &[("stop_mhz", "786.9"), ("/band", "null")], ""),
    ("C1", "sweep", &[("/instrument/cal_due", "\"2026-03-10\"")], ""),
    ("C1", "sweep", &[("/instrument/cal_due", "\"2026-03-09\"")], "CAL_INVALID confirmed"),
    ("C2", "sweep", &[("/instrument/field_cal/at", "\"2026-03-10T05:42:00Z\"")], ""),
    ("C2", "sweep", &[("/instrument/field_cal/at", "\"2026-03-10T05:41:59Z\"")], "CAL_INVALID confirmed"),
    ("C2", "sweep", &[("/instrument/field_cal/at", "\"2026-03-10T13:42:00Z\"")], ""),
    ("C2", "sweep", &[("/instrument/field_cal/at", "\"2026-03-10T13:42:01Z\"")], "CAL_INVALID confirmed"),
    (
        "C2",
        "sweep",
        &[("/instrument/field_cal/start_mhz", "740"), ("/instrument/field_cal/stop_mhz", "800")],
        "",
    ),
    ("C2", "sweep", &[("/instrument/field_cal/start_mhz", "741")], "CAL_INVALID confirmed"),
    ("C2", "sweep", &[("/instrument/field_cal/stop_mhz", "799")], "CAL_INVALID confirmed"),
    ("C2", "sweep", &[("/instrument/field_cal/performed", "false")], "CAL_INVALID confirmed"),
    ("C2", "sweep", &[(FIELD_CAL, "null")], "CAL_INVALID confirmed"),
    ("C2", "sweep", &[("/instrument", "null")], "CAL_INVALID confirmed"),
    ("P1", "pim", &[("static_max", "-97.0"), ("static_min", "-98")], ""),
    ("P1", "pim", &[("static_max", "-96.9"), ("static_min", "-98")], "PIM_LIMIT confirmed"),
    ("P1", "pim", &[("dynamic_peak", "-97")], ""),
    ("P1", "pim", &[("dynamic_peak", "-96.9")], "PIM_LIMIT confirmed"),
    // With 43 dBm carriers, -140 dBc is -97 dBm.
    (
        "P1",
        "pim",
        &[("unit", "\"dBc\""), ("static_max", "-141"), ("static_min", "-142"), ("dynamic_peak", "-140")],
        "",
    ),
    (
        "P1",
        "pim",
        &[("unit", "\"dBc\""), ("static_max", "-141"), ("static_min", "-142"), ("dynamic_peak", "-139.9")],
        "PIM_LIMIT confirmed",
    ),
    (
        "P2",
        "pim",
        &[
            ("termination", "\"low_pim_load\""),
            ("static_max", "-109"),
            ("static_min", "-110"),
            ("dynamic_peak", "-107"),
        ],
        "",
    ),
    (
        "P2",
        "pim",
        &[
            ("termination", "\"low_pim_load\""),
            ("static_max", "-109"),
            ("static_min", "-110"),
            ("dynamic_peak", "-106.9"),
        ],
        "PIM_LIMIT confirmed",
    ),
    ("P4", "pim", &[("static_min", "-108.5")], ""),
    ("P4", "pim", &[("static_min", "-108.6")], "PIM_LIMIT suspected"),
    ("P5", "pim", &[("residual_dbm", "-107.0")], ""),
    ("P5", "pim", &[("residual_dbm", "-106.9")], "TEST_SETUP confirmed"),
    ("P6", "pim", &[("f1_mhz", "1930"), ("f2_mhz", "1990")], ""),
    ("P6", "pim", &[("f1_mhz", "1929.9")], "TEST_SETUP confirmed"),
    ("P7", "pim", &[("carrier_power_dbm", "42.5")], ""),
    ("P7", "pim", &[("carrier_power_dbm", "43.6")], "TEST_SETUP confirmed"),
    ("P7", "pim", &[("carrier_power_dbm", "null")], ""),
    ("P9", "pim", &[("dynamic_peak", "-140")], ""),
    ("P9", "pim", &[("dynamic_peak", "-140.1")], "DQ_IMPLAUSIBLE confirmed"),
    ("A1", "alignment", &[("azimuth_deg", "1.0")], ""),
    ("A1", "alignment", &[("azimuth_deg", "3.0")], "ALN_AZIMUTH suspected"),
    ("A1", "alignment", &[("azimuth_deg", "3.1")], "ALN_AZIMUTH confirmed"),
    ("A2", "alignment", &[("mech_tilt_deg", "2.5"), ("elec_tilt_deg", "3.5")], ""),
    ("A2", "alignment", &[("mech_tilt_deg", "3.0")], "ALN_TILT suspected"),
    ("A2", "alignment", &[("elec_tilt_deg", "2.9")], "ALN_TILT confirmed"),
    ("A2", "alignment", &[("mech_tilt_deg", "-2.0")], "ALN_TILT confirmed"),
    ("A3a", "alignment", &[("rad_center_m", "42.2")], ""),
    ("A3a", "alignment", &[("rad_center_m", "43.7")], "ALN_POSITION suspected"),
    ("A3a", "alignment", &[("rad_center_m", "43.8")], "ALN_POSITION confirmed"),
    ("A3b", "alignment", &[("roll_deg", "-1")], ""),
    ("A3b", "alignment", &[("roll_deg", "-2")], "ALN_POSITION suspected"),
    ("A3b", "alignment", &[("roll_deg", "2.1")], "ALN_POSITION confirmed"),
    ("A4", "alignment", &[("method", "\"laser\"")], ""),
    ("A4", "alignment", &[("north_reference", "\"magnetic\"")], "ALN_REFERENCE confirmed"),
    ("A5", "alignment", &[("ret_serial", "null")], ""),
    ("A5", "alignment", &[("ret_serial", "\"RET-B-1\"")], "RET_MISMATCH confirmed"),
    // The budget at 1310 nm is 0.08 * 0.40 + 2 * 0.5 = 1.032 dB.
    ("F1", "fiber", &[("loss_db/1310", "1.032")], ""),
    ("F1", "fiber", &[("loss_db/1310", "1.532")], "FIB_OPTICAL suspected"),
    ("F1", "fiber", &[("loss_db/1310", "1.533")], "FIB_OPTICAL confirmed"),
    ("F1", "fiber", &[("loss_db/1550", "1.021")], "FIB_OPTICAL suspected"),
    ("F2a", "fiber", &[("events/0/loss_db", "0.5")], ""),
    ("F2a", "fiber", &[("events/0/loss_db", "0.75")], "FIB_OPTICAL suspected"),
    ("F2a", "fiber", &[("events/0/loss_db", "0.76")], "FIB_OPTICAL confirmed"),
    ("F2b", "fiber", &[("events/0/kind", "\"splice\""), ("events/0/loss_db", "0.15")], ""),
    (
        "F2b",
        "fiber",
        &[("events/0/kind", "\"splice\""), ("events/0/loss_db", "0.3")],
        "FIB_OPTICAL suspected",
    ),
    (
        "F2b",
        "fiber",
        &[("events/0/kind", "\"splice\""), ("events/0/loss_db", "0.31")],
        "FIB_OPTICAL confirmed",
    ),
    ("F2c", "fiber", &[("events/0/kind", "\"bend\""), ("events/0/loss_db", "0.1")], ""),
    ("F2c", "fiber", &[("events/0/kind", "\"bend\""), ("events/0/loss_db", "0.3")], "FIB_OPTICAL suspected"),
    (
        "F2c",
        "fiber",
        &[("events/0/kind", "\"unknown\""), ("events/0/loss_db", "0.31")],
        "FIB_OPTICAL confirmed",
    ),
    ("F3", "fiber", &[("worst_reflectance_db", "-50")], ""),
    ("F3", "fiber", &[("worst_reflectance_db", "-45")], "FIB_OPTICAL suspected"),
    ("F3", "fiber", &[("worst_reflectance_db", "-44.9")], "FIB_OPTICAL confirmed"),
    ("F3", "fiber", &[("polish", "\"APC\""), ("worst_reflectance_db", "-60")], ""),
    ("F3", "fiber", &[("polish", "\"APC\""), ("worst_reflectance_db", "-55")], "FIB_OPTICAL suspected"),
    ("F3", "fiber", &[("polish", "\"APC\""), ("worst_reflectance_db", "-54.9")], "FIB_OPTICAL confirmed"),
    ("F3", "fiber", &[("worst_reflectance_db", "null")], ""),
    ("F4", "fiber", &[("rx_power_dbm", "-12.4")], ""),
    ("F4", "fiber", &[("rx_power_dbm", "-14.4")], "FIB_OPTICAL suspected"),
    ("F4", "fiber", &[("rx_power_dbm", "-14.5")], "FIB_OPTICAL confirmed"),
    ("F4", "fiber", &[("rx_power_dbm", "0.5")], ""),
    ("F4", "fiber", &[("rx_power_dbm", "0.6")], "FIB_OPTICAL confirmed"),
    ("F5", "fiber", &[("endface", "\"fail\"")], "FIB_ENDFACE confirmed"),
    ("F5", "fiber", &[("endface", "\"not_inspected\"")], "DOC_MISSING confirmed"),
    ("F6", "fiber", &[("launch_fiber", "false")], "TEST_SETUP confirmed"),
    ("F6", "fiber", &[("launch_fiber", "null")], ""),
    ("D1", "drive", &[("pct_rsrp_ge_minus105", "95")], ""),
    ("D1", "drive", &[("pct_rsrp_ge_minus105", "90.0")], "RF_COVERAGE suspected"),
    ("D1", "drive", &[("pct_rsrp_ge_minus105", "89.9")], "RF_COVERAGE confirmed"),
    ("D2", "drive", &[("pct_sinr_ge_0", "95")], ""),
    ("D2", "drive", &[("pct_sinr_ge_0", "90")], "RF_QUALITY suspected"),
    ("D2", "drive", &[("pct_sinr_ge_0", "89.9")], "RF_QUALITY confirmed"),
    ("D3", "drive", &[("dl_mean_mbps", "20")], ""),
    ("D3", "drive", &[("dl_mean_mbps", "16")], "RF_THROUGHPUT suspected"),
    ("D3", "drive", &[("dl_mean_mbps", "15.9")], "RF_THROUGHPUT confirmed"),
    ("D4", "drive", &[("ho_success_pct", "98")], ""),
    ("D4", "drive", &[("ho_success_pct", "95")], "RF_MOBILITY suspected"),
    ("D4", "drive", &[("ho_success_pct", "94.9")], "RF_MOBILITY confirmed"),
    ("D4", "drive", &[("ho_attempts", "20")], ""),
    ("D4", "drive", &[("ho_attempts", "19"), ("ho_success_pct", "80")], "DOC_MISSING confirmed"),
    ("D7", "drive", &[("rsrp_mean_dbm", "-44")], ""),
    ("D7", "drive", &[("rsrp_mean_dbm", "-43.9")], "DQ_IMPLAUSIBLE confirmed"),
    ("D7", "drive", &[("rsrp_mean_dbm", "-43.9"), ("/rat", "\"NR\"")], ""),
    ("D7", "drive", &[("pct_sinr_ge_0", "100.1")], "DQ_IMPLAUSIBLE confirmed"),
    ("D8", "drive", &[("samples", "500")], ""),
    ("D8", "drive", &[("samples", "499")], "DOC_MISSING confirmed"),
    ("K1", "kpi", &[("ul_rssi_dbm_per_prb/branch_b", "-115")], ""),
    ("K1", "kpi", &[("ul_rssi_dbm_per_prb/branch_b", "-110")], "UL_NOISE suspected"),
    ("K1", "kpi", &[("ul_rssi_dbm_per_prb/branch_b", "-109.9")], "UL_NOISE confirmed"),
    ("K2", "kpi", &[("branch_imbalance_db", "3.0")], ""),
    ("K2", "kpi", &[("branch_imbalance_db", "6.0")], "UL_IMBALANCE suspected"),
    ("K2", "kpi", &[("branch_imbalance_db", "6.1")], "UL_IMBALANCE confirmed"),
    ("K3", "kpi", &[("vswr_ports/1", "1.5")], ""),
    ("K3", "kpi", &[("vswr_ports/1", "2.0")], "SWP_RL_LIMIT suspected"),
    ("K3", "kpi", &[("vswr_ports/1", "2.01")], "SWP_RL_LIMIT confirmed"),
    ("K3", "kpi", &[("vswr_alarm_active", "true")], "SWP_RL_LIMIT confirmed"),
    ("I2", "closeout", &[("ground_ohms", "5.0")], ""),
    ("I2", "closeout", &[("ground_ohms", "10")], "INS_GROUNDING suspected"),
    ("I2", "closeout", &[("ground_ohms", "10.1")], "INS_GROUNDING confirmed"),
    ("I3", "closeout", &[("dc_volts", "-57")], ""),
    ("I3", "closeout", &[("dc_volts", "-46")], ""),
    ("I3", "closeout", &[("dc_volts", "-45.9")], "INS_WORKMANSHIP suspected"),
    ("I3", "closeout", &[("dc_volts", "54.4")], "INS_WORKMANSHIP suspected"),
    ("I4", "sweep", &[("rl_worst_db", "null")], "DOC_MISSING confirmed"),
    ("I4", "sweep", &[("trace_file", "null")], "DOC_MISSING confirmed"),
    ("I4", "pim", &[("residual_dbm", "null")], "DOC_MISSING confirmed"),
    ("I4", "pim", &[("unit", "\"dBc\""), ("carrier_power_dbm", "null")], "DOC_MISSING confirmed"),
    ("I4", "alignment", &[("roll_deg", "null")], "DOC_MISSING confirmed"),
    ("I4", "alignment", &[("/attachments", "[]")], "DOC_MISSING confirmed"),
    ("I4", "alignment", &[("/attachments/0/kind", "\"photo\"")], "DOC_MISSING confirmed"),
    ("I4", "fiber", &[("loss_db/1550", "null")], "DOC_MISSING confirmed"),
    ("I4", "drive", &[("log_file", "null")], "DOC_MISSING confirmed"),
    ("I4", "closeout", &[("ground_ohms", "null")], "DOC_MISSING confirmed"),
    ("I4", "closeout", &[("/design/required_photos/0", "\"roof \\\"b\\\"\"")], "DOC_MISSING confirmed"),
    ("I4", "closeout", &[("/attachments/3/kind", "\"document\"")], "DOC_MISSING confirmed"),
    // 0.0008 degrees of latitude are 89 m, 0.001 are 111 m.
    ("I5", "closeout", &[("/attachments/0/lat", "40.7310")], ""),
    ("I5", "closeout", &[("/attachments/0/lat", "40.7312")], "DOC_ID_MISMATCH confirmed"),
    ("I5", "closeout", &[("/attachments/0/lat", "null")], ""),
    ("I6", "closeout", &[("/attachments/0/taken_at", "\"2026-09-07T08:00:00Z\"")], ""),
    ("I6", "closeout", &[("/attachments/0/taken_at", "\"2026-09-07T07:59:59Z\"")], "DQ_TIMESTAMP confirmed"),
    ("I6", "closeout", &[("/attachments/0/taken_at", "\"2026-09-08T21:20:01Z\"")], "DQ_TIMESTAMP confirmed"),
    (
        "I6",
        "closeout",
        &[("/attachments/0/taken_at", "\"2026-09-07T07:59:59Z\""), ("/job/started_at", "null")],
        "",
    ),
    ("I7", "closeout", &[("serials/1/observed", "\"AAU-33812\"")], "DOC_ID_MISMATCH confirmed"),
    ("Q1", "kpi", &[("/job/submitted_at", "\"2026-08-03T23:59:00Z\"")], ""),
    ("Q1", "kpi", &[("/job/submitted_at", "\"2026-08-03T23:58:59Z\"")], "DQ_TIMESTAMP confirmed"),
];

fn record((_, kind, edits, _): &Row) -> Value {
    let full: Vec<(String, &str)> = edits
        .iter()
        .map(|(field, json)| {
            let absolute = field.starts_with('/');
            (if absolute { (*field).to_owned() } else { format!("/measurements/{field}") }, *json)
        })
        .collect();
    let borrowed: Vec<(&str, &str)> = full.iter().map(|(p, j)| (p.as_str(), *j)).collect();
    edited(clean(kind), &borrowed)
}

#[test]
fn every_rule_at_its_limits() {
    for row in ROWS {
        let record = record(row);
        let got = ask(PROMPT, &record);
        let want: Vec<&str> = if row.3.is_empty() { vec![] } else { vec![row.3] };
        assert_eq!(issues(&got), want, "{row:?}");
        let text = record.to_string();
        for item in got["issues"].as_array().unwrap().iter().flat_map(|i| i["evidence"].as_array().unwrap()) {
            let (source, quote) = (item["source"].as_str().unwrap(), item["quote"].as_str().unwrap());
            assert!(is_verbatim(&text, source, quote), "{source} {quote}");
        }
    }
}

#[test]
fn a_rule_that_is_not_listed_does_not_apply() {
    for row in ROWS.iter().filter(|row| !row.3.is_empty()) {
        let got = ask(&without(row.0), &record(row));
        assert_eq!(issues(&got), Vec::<String>::new(), "{row:?}");
        assert_eq!(got["verdict"], "pass");
    }
}

#[test]
fn clean_records_have_no_finding() {
    for kind in ["sweep", "pim", "alignment", "fiber", "drive", "kpi", "closeout"] {
        let got = ask(PROMPT, &clean(kind));
        assert_eq!(issues(&got), Vec::<String>::new(), "{kind}");
        assert_eq!((&got["verdict"], &got["confidence"]), (&"pass".into(), &0.9.into()));
    }
}

#[test]
fn the_antenna_at_the_line_end_is_no_joint() {
    // The last event of the clean sweep stands at the line end with 17.1 dB.
    let unknown = edited(clean("sweep"), &[("/measurements/dtf_events/2/component", "\"unknown\"")]);
    assert_eq!(issues(&ask(PROMPT, &unknown)), Vec::<String>::new());
    assert_eq!(issues(&ask(&without("S3c"), &unknown)), ["SWP_DTF_EVENT confirmed"]);
    for (distance, want) in [("40.8", 0), ("40.7", 1)] {
        let moved = edited(unknown.clone(), &[("/measurements/dtf_events/2/distance_m", distance)]);
        assert_eq!(issues(&ask(PROMPT, &moved)).len(), want, "{distance}");
    }
    let loaded = edited(unknown, &[("/measurements/termination", "\"precision_load\"")]);
    assert_eq!(issues(&ask(PROMPT, &loaded)), ["SWP_DTF_EVENT confirmed"]);
}

#[test]
fn void_readings_are_not_judged() {
    let positive = edited(clean("pim"), &[("/measurements/dynamic_peak", "-12")]);
    assert_eq!(issues(&ask(PROMPT, &positive)), ["DQ_IMPLAUSIBLE confirmed"]);
    assert_eq!(issues(&ask(&without("P9"), &positive)), ["PIM_LIMIT confirmed"]);
}

#[test]
fn one_issue_per_code() {
    let both = edited(
        clean("pim"),
        &[("/measurements/static_max", "-90.50"), ("/measurements/dynamic_peak", "-88.0")],
    );
    let got = ask(PROMPT, &both);
    // P1 twice and P4: one issue, confirmed.
    assert_eq!(issues(&got), ["PIM_LIMIT confirmed"]);
    assert_eq!(got["issues"][0]["evidence"].as_array().unwrap().len(), 3);
    assert_eq!(got["issues"][0]["action"], "repair_and_retest");
}
