//! Passive intermodulation: P1, P2, P4 to P7 and P9, in dBm after conversion of dBc readings.
//!
//! What happens under tapping (P3) and where the source lies (P8) is told in words and not read here.

use super::inspection::Inspection;
use crate::rf_qaqc::codes::Certainty;
use crate::rf_qaqc::instructions::Outcome;

const MAX: &str = "/measurements/static_max";
const MIN: &str = "/measurements/static_min";
const PEAK: &str = "/measurements/dynamic_peak";
const UNIT: &str = "/measurements/unit";
const CARRIER: &str = "/measurements/carrier_power_dbm";

pub(super) fn inspect(i: &mut Inspection<'_>) -> Result<(), String> {
    // The limit in use depends on what the line ends in.
    let limit_rule = match i.record.text_at("/measurements/termination")? {
        "antenna" => "P1",
        "low_pim_load" => "P2",
        other => {
            return Err(format!("record field `/measurements/termination`: unknown termination `{other}`"));
        }
    };
    let limit = i.rules.limit(limit_rule);
    for pointer in [MAX, PEAK] {
        if let Some(level) = plausible(i, pointer)? {
            let sources = evidence(i, pointer)?;
            i.grade(limit, limit_rule, "PIM_LIMIT", level, &sources)?;
        }
    }
    if let Some(wander) = i.rules.limit("P4")
        && let (Some(max), Some(min)) = (plausible(i, MAX)?, plausible(i, MIN)?)
        && wander.outcome(max - min) != Outcome::Pass
    {
        // An unstable joint inside the limit is a warning, never proof.
        i.report("P4", "PIM_LIMIT", Certainty::Suspected, &[MAX, MIN])?;
    }
    implausible(i)?;
    let residual = "/measurements/residual_dbm";
    if let (Some(limit), Some(margin)) = (limit, i.rules.limit("P5"))
        && let Some(level) = i.record.number(residual)?
    {
        i.grade(Some(margin), "P5", "TEST_SETUP", limit.edge - level, &[residual])?;
    }
    carriers(i)
}

/// A reading in dBm; `None` where it is absent, cannot be converted, or is void by P9.
fn plausible(i: &Inspection<'_>, pointer: &str) -> Result<Option<f64>, String> {
    let level = dbm(i, pointer)?;
    Ok(level.filter(|&level| i.rules.range("P9").is_none_or(|range| range.contains(level))))
}

fn dbm(i: &Inspection<'_>, pointer: &str) -> Result<Option<f64>, String> {
    let Some(value) = i.record.number(pointer)? else { return Ok(None) };
    if in_dbc(i)? {
        // dBm = dBc + carrier; without the carrier the reading says nothing and I4 asks for it.
        return Ok(i.record.number(CARRIER)?.map(|carrier| value + carrier));
    }
    Ok(Some(value))
}

/// Whether the readings are in dBc.
pub(super) fn in_dbc(i: &Inspection<'_>) -> Result<bool, String> {
    match i.record.text_at(UNIT)? {
        "dBm" => Ok(false),
        "dBc" => Ok(true),
        other => Err(format!("record field `{UNIT}`: unknown unit `{other}`")),
    }
}

fn evidence<'p>(i: &Inspection<'_>, pointer: &'p str) -> Result<Vec<&'p str>, String> {
    Ok(if in_dbc(i)? { vec![pointer, UNIT, CARRIER] } else { vec![pointer] })
}

fn implausible(i: &mut Inspection<'_>) -> Result<(), String> {
    let Some(range) = i.rules.range("P9") else { return Ok(()) };
    for pointer in [MAX, MIN, PEAK] {
        if dbm(i, pointer)?.is_some_and(|level| !range.contains(level)) {
            let sources = evidence(i, pointer)?;
            i.report("P9", "DQ_IMPLAUSIBLE", Certainty::Confirmed, &sources)?;
        }
    }
    Ok(())
}

fn carriers(i: &mut Inspection<'_>) -> Result<(), String> {
    if i.rules.lists("P6")
        && let Some([_, _, low, high]) = i.record.band_edges()?
    {
        for pointer in ["/measurements/f1_mhz", "/measurements/f2_mhz"] {
            let carrier = i.record.number_at(pointer)?;
            if carrier < low || carrier > high {
                i.report("P6", "TEST_SETUP", Certainty::Confirmed, &[pointer])?;
            }
        }
    }
    if let Some(range) = i.rules.range("P7")
        && let Some(power) = i.record.number(CARRIER)?
        && !range.contains(power)
    {
        i.report("P7", "TEST_SETUP", Certainty::Confirmed, &[CARRIER])?;
    }
    Ok(())
}
