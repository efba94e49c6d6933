//! The worked figures at the end of every rationale, computed from the record so that they cannot be wrong.
//!
//! It states figures and the rule they belong to; it does not judge.

use llm_experiments::rf_qaqc::formulas;
use llm_experiments::rf_qaqc::labels::{budget, distance_m, expected_loss};
use serde_json::Value;

/// One sentence of arithmetic for the record's test type, marked as such when it works with a slip as it was entered.
pub(crate) fn arithmetic(record: &Value, slip: bool) -> String {
    // The return loss of a sweep is worked without its sign, so a slip of its sign is not in the sentence.
    let unsigned = record["measurements"]["rl_worst_db"].as_f64().is_some_and(|rl| rl < 0.0);
    let mark = if slip && !unsigned { "as entered: " } else { "" };
    format!("{mark}{}", sentence(record))
}

fn sentence(record: &Value) -> String {
    let (m, d) = (&record["measurements"], &record["design"]);
    match record["test_type"].as_str().unwrap_or_default() {
        "line_sweep" => sweep(record, m, d),
        "pim" => pim(m),
        "antenna_alignment" => {
            let f = |v: &Value| v.as_f64().unwrap_or(0.0);
            let circle = formulas::circular_difference_deg(f(&m["azimuth_deg"]), f(&d["azimuth_deg"]));
            format!(
                "azimuth {} against {} is {circle:.1} degrees on the circle (A1); tilts {} and {} against {} and {} (A2); height {} against {}, roll {} (A3).",
                m["azimuth_deg"],
                d["azimuth_deg"],
                m["mech_tilt_deg"],
                m["elec_tilt_deg"],
                d["mech_tilt_deg"],
                d["elec_tilt_deg"],
                m["rad_center_m"],
                d["rad_center_m"],
                m["roll_deg"]
            )
        }
        "fiber" => {
            let b = |nm| budget(record, nm).unwrap_or(0.0);
            format!(
                "budget 1310 nm {}*0.40+{}*0.5+{}*0.1={:.2} dB, found {}; 1550 nm {:.2} dB, found {} (F1); receive {} dBm in {}..{} (F4).",
                m["length_km"],
                m["connector_pairs"],
                m["splices"],
                b(1310),
                m["loss_db"]["1310"],
                b(1550),
                m["loss_db"]["1550"],
                m["rx_power_dbm"],
                m["rx_min_dbm"],
                m["rx_max_dbm"]
            )
        }
        "drive_test" => {
            let share = 100.0 * m["dl_mean_mbps"].as_f64().unwrap_or(0.0)
                / d["dl_target_mbps"].as_f64().unwrap_or(1.0);
            format!(
                "level {} % (D1), SINR {} % (D2), rate {} of {} Mbps = {share:.1} % (D3), handover {} % of {} (D4).",
                m["pct_rsrp_ge_minus105"],
                m["pct_sinr_ge_0"],
                m["dl_mean_mbps"],
                d["dl_target_mbps"],
                m["ho_success_pct"],
                m["ho_attempts"]
            )
        }
        "ran_kpi" => format!(
            "idle {} dBm per PRB against -115/-110 (K1), imbalance {} dB against 3/6 (K2), port VSWR {} against 1.5/2.0, alarm {} (K3).",
            m["ul_rssi_dbm_per_prb"], m["branch_imbalance_db"], m["vswr_ports"], m["vswr_alarm_active"]
        ),
        _ => closeout(record, m),
    }
}

fn sweep(record: &Value, m: &Value, d: &Value) -> String {
    let f = |v: &Value| v.as_f64().unwrap_or(0.0);
    let expected = expected_loss(record).unwrap_or(0.0);
    let (rl, loss) = (f(&m["rl_worst_db"]).abs(), f(&m["cable_loss_db"]));
    let edges = record["band"].as_str().and_then(formulas::band_edges_mhz).unwrap_or_default();
    format!(
        "expected loss {}*{}/100+{}*0.1+{}={expected:.2} dB, found {} (S4); {rl}-2*{}={:.1} (S5); VSWR {} is {:.1} dB (S7); span {}-{} MHz against {}-{} (S6).",
        d["length_m"],
        d["atten_db_per_100m"],
        d["connector_pairs"],
        d["jumper_loss_db"],
        m["cable_loss_db"],
        m["cable_loss_db"],
        rl - 2.0 * loss,
        m["vswr_worst"],
        formulas::return_loss_db(f(&m["vswr_worst"])),
        m["start_mhz"],
        m["stop_mhz"],
        edges[0].min(edges[2]),
        edges[1].max(edges[3])
    )
}

fn pim(m: &Value) -> String {
    let f = |v: &Value| v.as_f64().unwrap_or(0.0);
    let unit = m["unit"].as_str().unwrap_or_default();
    let carrier = f(&m["carrier_power_dbm"]);
    let peak = f(&m["dynamic_peak"]);
    let other = if unit == "dBc" {
        format!("{peak} dBc = {:.1} dBm", peak + carrier)
    } else {
        format!("{peak} dBm = {:.1} dBc", formulas::dbc(peak, carrier))
    };
    let limit = if m["termination"] == "antenna" { "-97 (P1)" } else { "-107 (P2)" };
    format!(
        "peak {other} at {} dBm carriers, limit {limit}; wander {:.1} dB (P4); residual {} dBm (P5).",
        m["carrier_power_dbm"],
        f(&m["static_max"]) - f(&m["static_min"]),
        m["residual_dbm"]
    )
}

fn closeout(record: &Value, m: &Value) -> String {
    let site = (
        record["site"]["latitude"].as_f64().unwrap_or(0.0),
        record["site"]["longitude"].as_f64().unwrap_or(0.0),
    );
    let far = record["attachments"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|a| a["lat"].as_f64().zip(a["lon"].as_f64()))
        .map(|at| distance_m(site, at))
        .fold(0.0, f64::max);
    format!(
        "ground {} ohm against 5/10 (I2), DC {} V in -57..-46 (I3), farthest photo {far:.0} m against 100 (I5).",
        m["ground_ohms"], m["dc_volts"]
    )
}
