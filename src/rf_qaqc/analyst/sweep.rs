//! Line sweeps: S1, S3a to S3c, S4 and S6.
//!
//! Masking, load sweeps and agreement of VSWR with return loss (S2, S4b, S5, S7, S8) are left to a reader.

use super::inspection::Inspection;
use crate::rf_qaqc::codes::Certainty;
use crate::rf_qaqc::formulas::expected_cable_loss_db;
use crate::rf_qaqc::instructions::Outcome;

pub(super) fn inspect(i: &mut Inspection<'_>) -> Result<(), String> {
    if i.rules.lists("S1") && antenna_on(i)? {
        i.field("S1", "SWP_RL_LIMIT", "/measurements/rl_worst_db")?;
    }
    if i.rules.lists("S3a") || i.rules.lists("S3b") {
        for event in i.record.children("/measurements/dtf_events")? {
            dtf_event(i, &event)?;
        }
    }
    cable_loss(i)?;
    band_coverage(i)
}

fn antenna_on(i: &Inspection<'_>) -> Result<bool, String> {
    match i.record.text_at("/measurements/termination")? {
        "antenna" => Ok(true),
        "precision_load" | "short" | "open" => Ok(false),
        other => Err(format!("record field `/measurements/termination`: unknown termination `{other}`")),
    }
}

fn dtf_event(i: &mut Inspection<'_>, event: &str) -> Result<(), String> {
    let label = format!("{event}/component");
    let rule = match i.record.text_at(&label)? {
        "connector" | "jumper" | "feeder" | "unknown" => "S3a",
        "arrestor" | "tma" | "diplexer" => "S3b",
        "antenna" => return Ok(()),
        other => return Err(format!("record field `{label}`: unknown component `{other}`")),
    };
    if i.rules.lists("S3c") && antenna_on(i)? && at_line_end(i, event)? {
        return Ok(());
    }
    i.field(rule, "SWP_DTF_EVENT", &format!("{event}/rl_db"))
}

fn at_line_end(i: &Inspection<'_>, event: &str) -> Result<bool, String> {
    let Some(end) = i.record.number("/measurements/line_end_m")? else { return Ok(false) };
    let distance = (i.record.number_at(&format!("{event}/distance_m"))? - end).abs();
    Ok(i.rules.limit("S3c").is_some_and(|near| near.outcome(distance) == Outcome::Pass))
}

fn cable_loss(i: &mut Inspection<'_>) -> Result<(), String> {
    let pointer = "/measurements/cable_loss_db";
    let limit = i.rules.limit("S4");
    if limit.is_none() {
        return Ok(());
    }
    let Some(loss) = i.record.number(pointer)? else { return Ok(()) };
    let expected = expected_cable_loss_db(
        i.record.number_at("/design/length_m")?,
        i.record.number_at("/design/atten_db_per_100m")?,
        i.record.number_at("/design/connector_pairs")?,
        i.record.number_at("/design/jumper_loss_db")?,
    );
    i.grade(limit, "S4", "SWP_CABLE_LOSS", loss - expected, &[pointer, "/design/length_m"])
}

fn band_coverage(i: &mut Inspection<'_>) -> Result<(), String> {
    if !i.rules.lists("S6") {
        return Ok(());
    }
    let Some([up_low, up_high, down_low, down_high]) = i.record.band_edges()? else { return Ok(()) };
    let (start, stop) = ("/measurements/start_mhz", "/measurements/stop_mhz");
    let covered = i.record.number_at(start)? <= up_low.min(down_low)
        && i.record.number_at(stop)? >= up_high.max(down_high);
    if covered {
        return Ok(());
    }
    i.report("S6", "SWP_BAND_COVERAGE", Certainty::Confirmed, &[start, stop])
}
