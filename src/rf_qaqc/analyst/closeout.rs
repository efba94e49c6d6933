//! Closeout packages: I2, I3 and I7.
//!
//! Photos are in `common`; what a checklist or note says about defects and safety (I1, I8) is left to a
//! reader, because an `ok` tick proves as little as a tick left open.

use super::inspection::Inspection;
use crate::rf_qaqc::codes::Certainty;

pub(super) fn inspect(i: &mut Inspection<'_>) -> Result<(), String> {
    i.field("I2", "INS_GROUNDING", "/measurements/ground_ohms")?;
    let volts = "/measurements/dc_volts";
    if let Some(range) = i.rules.range("I3")
        && i.record.number(volts)?.is_some_and(|value| !range.contains(value))
    {
        i.report("I3", "INS_WORKMANSHIP", Certainty::Suspected, &[volts])?;
    }
    if i.rules.lists("I7") {
        for serial in i.record.children("/measurements/serials")? {
            let (planned, found) = (format!("{serial}/bom"), format!("{serial}/observed"));
            if i.record.text_at(&planned)? != i.record.text_at(&found)? {
                i.report("I7", "DOC_ID_MISMATCH", Certainty::Confirmed, &[&planned, &found])?;
            }
        }
    }
    Ok(())
}
