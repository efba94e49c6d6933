//! Fibre links: F1, F2a to F2c, F3, F4, F5 and F6.
//!
//! Which sector a fibre serves (F7) is told in words and not read here.

use super::inspection::Inspection;
use crate::rf_qaqc::codes::Certainty;
use crate::rf_qaqc::formulas::optical_budget_db;

pub(super) fn inspect(i: &mut Inspection<'_>) -> Result<(), String> {
    link_loss(i)?;
    events(i)?;
    reflectance(i)?;
    receive_power(i)?;
    let endface = "/measurements/endface";
    if i.rules.lists("F5") {
        match i.record.text_at(endface)? {
            "pass" => {}
            "fail" => i.report("F5", "FIB_ENDFACE", Certainty::Confirmed, &[endface])?,
            "not_inspected" => i.report("F5", "DOC_MISSING", Certainty::Confirmed, &[endface])?,
            other => return Err(format!("record field `{endface}`: unknown result `{other}`")),
        }
    }
    let launch = "/measurements/launch_fiber";
    if i.rules.lists("F6") && i.record.flag(launch)? == Some(false) {
        i.report("F6", "TEST_SETUP", Certainty::Confirmed, &[launch])?;
    }
    Ok(())
}

fn link_loss(i: &mut Inspection<'_>) -> Result<(), String> {
    let limit = i.rules.limit("F1");
    if limit.is_none() {
        return Ok(());
    }
    for (wavelength, pointer) in [(1310, "/measurements/loss_db/1310"), (1550, "/measurements/loss_db/1550")]
    {
        let Some(loss) = i.record.number(pointer)? else { continue };
        let budget = optical_budget_db(
            i.record.number_at("/measurements/length_km")?,
            wavelength,
            i.record.number_at("/measurements/connector_pairs")?,
            i.record.number_at("/measurements/splices")?,
        );
        i.grade(limit, "F1", "FIB_OPTICAL", loss - budget, &[pointer])?;
    }
    Ok(())
}

fn events(i: &mut Inspection<'_>) -> Result<(), String> {
    if !["F2a", "F2b", "F2c"].iter().any(|rule| i.rules.lists(rule)) {
        return Ok(());
    }
    for event in i.record.children("/measurements/events")? {
        let kind = format!("{event}/kind");
        let rule = match i.record.text_at(&kind)? {
            "connector" => "F2a",
            "splice" => "F2b",
            "bend" | "unknown" => "F2c",
            other => return Err(format!("record field `{kind}`: unknown event `{other}`")),
        };
        i.field(rule, "FIB_OPTICAL", &format!("{event}/loss_db"))?;
    }
    Ok(())
}

fn reflectance(i: &mut Inspection<'_>) -> Result<(), String> {
    if !i.rules.lists("F3") {
        return Ok(());
    }
    let (pointer, polish) = ("/measurements/worst_reflectance_db", "/measurements/polish");
    let Some(value) = i.record.number(pointer)? else { return Ok(()) };
    let limit = match i.record.text_at(polish)? {
        "UPC" => i.rules.part_limit("F3", "UPC"),
        "APC" => i.rules.part_limit("F3", "APC"),
        other => return Err(format!("record field `{polish}`: unknown polish `{other}`")),
    };
    i.grade(limit, "F3", "FIB_OPTICAL", value, &[pointer, polish])
}

fn receive_power(i: &mut Inspection<'_>) -> Result<(), String> {
    let (power, low, high) =
        ("/measurements/rx_power_dbm", "/measurements/rx_min_dbm", "/measurements/rx_max_dbm");
    let Some(margin) = i.rules.limit("F4") else { return Ok(()) };
    let Some(value) = i.record.number(power)? else { return Ok(()) };
    if value > i.record.number_at(high)? {
        return i.report("F4", "FIB_OPTICAL", Certainty::Confirmed, &[power, high]);
    }
    i.grade(Some(margin), "F4", "FIB_OPTICAL", value - i.record.number_at(low)?, &[power, low])
}
