//! Drive tests (D1 to D4, the reporting ranges of D7, D8) and RAN counters (K1 to K3).
//!
//! Overlaps, lobes and the carrier's peak rate (D5, D6, the rest of D7) need a judgement and are not read.

use super::inspection::Inspection;
use crate::rf_qaqc::codes::Certainty;

/// Reporting ranges that hold for LTE and NR alike: field, lowest, highest. SINR: 3GPP TS 38.133, 10.1.16.
const RANGES: [(&str, f64, f64); 4] = [
    ("sinr_mean_db", -23.0, 40.0),
    ("pct_rsrp_ge_minus105", 0.0, 100.0),
    ("pct_sinr_ge_0", 0.0, 100.0),
    ("ho_success_pct", 0.0, 100.0),
];
/// LTE with the extended ranges, so that no report of a later release is called impossible (TS 36.133, 9.1).
const LTE_RANGES: [(&str, f64, f64); 2] = [("rsrp_mean_dbm", -156.0, -44.0), ("rsrq_mean_db", -34.0, 2.5)];
/// NR (TS 38.133, 10.1.6 and 10.1.11).
const NR_RANGES: [(&str, f64, f64); 2] = [("rsrp_mean_dbm", -156.0, -31.0), ("rsrq_mean_db", -43.0, 20.0)];

pub(super) fn inspect_drive(i: &mut Inspection<'_>) -> Result<(), String> {
    i.field("D8", "DOC_MISSING", "/measurements/samples")?;
    i.field("D1", "RF_COVERAGE", "/measurements/pct_rsrp_ge_minus105")?;
    i.field("D2", "RF_QUALITY", "/measurements/pct_sinr_ge_0")?;
    throughput(i)?;
    handover(i)?;
    if !i.rules.lists("D7") {
        return Ok(());
    }
    let by_rat = match i.record.text_at("/rat")? {
        "LTE" => LTE_RANGES,
        "NR" => NR_RANGES,
        other => return Err(format!("record field `/rat`: unknown technology `{other}`")),
    };
    for (field, low, high) in RANGES.into_iter().chain(by_rat) {
        let pointer = format!("/measurements/{field}");
        if i.record.number(&pointer)?.is_some_and(|value| value < low || value > high) {
            i.report("D7", "DQ_IMPLAUSIBLE", Certainty::Confirmed, &[&pointer])?;
        }
    }
    Ok(())
}

fn throughput(i: &mut Inspection<'_>) -> Result<(), String> {
    let (rate, target) = ("/measurements/dl_mean_mbps", "/design/dl_target_mbps");
    let limit = i.rules.limit("D3");
    if limit.is_none() {
        return Ok(());
    }
    let Some(mean) = i.record.number(rate)? else { return Ok(()) };
    let goal = i.record.number_at(target)?;
    if goal <= 0.0 {
        return Err(format!("record field `{target}`: expected a rate above 0, found `{goal}`"));
    }
    i.grade(limit, "D3", "RF_THROUGHPUT", 100.0 * mean / goal, &[rate, target])
}

fn handover(i: &mut Inspection<'_>) -> Result<(), String> {
    let (attempts, success) = ("/measurements/ho_attempts", "/measurements/ho_success_pct");
    let Some(enough) = i.rules.part_limit("D4", "attempts") else { return Ok(()) };
    let tried = i.record.number_at(attempts)?;
    if tried < enough.edge {
        // A share of a handful of attempts is noise, so it is not compared at all.
        return i.report("D4", "DOC_MISSING", Certainty::Confirmed, &[attempts]);
    }
    let Some(share) = i.record.number(success)? else { return Ok(()) };
    i.grade(i.rules.part_limit("D4", "success"), "D4", "RF_MOBILITY", share, &[success])
}

pub(super) fn inspect_kpi(i: &mut Inspection<'_>) -> Result<(), String> {
    if i.rules.lists("K1") {
        for branch in i.record.children("/measurements/ul_rssi_dbm_per_prb")? {
            i.field("K1", "UL_NOISE", &branch)?;
        }
    }
    i.field("K2", "UL_IMBALANCE", "/measurements/branch_imbalance_db")?;
    if i.rules.lists("K3") {
        for port in i.record.children("/measurements/vswr_ports")? {
            i.field("K3", "SWP_RL_LIMIT", &port)?;
        }
        let alarm = "/measurements/vswr_alarm_active";
        if i.record.flag(alarm)? == Some(true) {
            i.report("K3", "SWP_RL_LIMIT", Certainty::Confirmed, &[alarm])?;
        }
    }
    Ok(())
}
