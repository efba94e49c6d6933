//! Antenna alignment: A1, A2, A3a, A3b, A4 by the recorded north reference, and A5 by the two serial fields.
//!
//! How a direction was really taken is told in words and not read here.

use super::inspection::Inspection;
use crate::rf_qaqc::codes::Certainty;
use crate::rf_qaqc::formulas::circular_difference_deg;

/// Measured against designed: rule, code, field name.
const DIFFERENCES: [(&str, &str, &str); 4] = [
    ("A1", "ALN_AZIMUTH", "azimuth_deg"),
    ("A2", "ALN_TILT", "mech_tilt_deg"),
    ("A2", "ALN_TILT", "elec_tilt_deg"),
    ("A3a", "ALN_POSITION", "rad_center_m"),
];

pub(super) fn inspect(i: &mut Inspection<'_>) -> Result<(), String> {
    for (rule, code, field) in DIFFERENCES {
        let limit = i.rules.limit(rule);
        let (found, planned) = (format!("/measurements/{field}"), format!("/design/{field}"));
        if limit.is_some()
            && let Some(value) = i.record.number(&found)?
        {
            let design = i.record.number_at(&planned)?;
            let difference =
                if rule == "A1" { circular_difference_deg(value, design) } else { (value - design).abs() };
            i.grade(limit, rule, code, difference, &[&found, &planned])?;
        }
    }
    let roll = "/measurements/roll_deg";
    if let (Some(limit), Some(value)) = (i.rules.limit("A3b"), i.record.number(roll)?) {
        i.grade(Some(limit), "A3b", "ALN_POSITION", value.abs(), &[roll])?;
    }
    let north = "/measurements/north_reference";
    if i.rules.lists("A4") {
        match i.record.text_at(north)? {
            "true" => {}
            "magnetic" | "unknown" => i.report("A4", "ALN_REFERENCE", Certainty::Confirmed, &[north])?,
            other => return Err(format!("record field `{north}`: unknown reference `{other}`")),
        }
    }
    let (found, planned) = ("/measurements/ret_serial", "/design/ret_serial");
    if i.rules.lists("A5")
        && let (Some(a), Some(b)) = (i.record.text(found)?, i.record.text(planned)?)
        && a != b
    {
        i.report("A5", "RET_MISMATCH", Certainty::Confirmed, &[found, planned])?;
    }
    Ok(())
}
