//! Gold cases RF-G-027 to 035: antenna alignment.
//!
//! Record from `clean`, truth and note by hand.

use serde_json::Value;

use super::case::{Case, FAIL, Grade, PASS, REVIEW};
use super::clean::alignment;

pub(crate) fn cases() -> Vec<Case> {
    plain().into_iter().chain(stories()).collect()
}

fn plain() -> Vec<Case> {
    vec![
        alignment("RF-G-027", "beta", "B66", (120.0, 2.0, 4.0, 41.5))
            .notes("en", "Beta set with the GPS tool, locked, report saved from the tool.")
            .truth(PASS, "All angles and the height are within tolerance.")
            .slices("easy", &["clean"])
            .why("A1, A2, A3, A4 and A5 are met."),
        alignment("RF-G-028", "gamma", "B2", (240.0, 1.0, 5.0, 36.0))
            .m("roll_deg", 3.1)
            .m("rad_center_m", 34.4)
            .notes("en", "Gamma pipe is bent from the ice, panel follows it. Measured to the middle of the radome with the laser.")
            .issue("ALN_POSITION", Grade::Major, "realign", &[
                ("/measurements/roll_deg", ""),
                ("/measurements/rad_center_m", ""),
            ])
            .extra(&["INS_WORKMANSHIP"])
            .truth(FAIL, "Panel rolls 3.1 degrees and hangs 1.6 m below its design height.")
            .slices("easy", &[])
            .why("A3b: roll over 2. A3a: 36.0-34.4=1.6 m, over 1.0."),
        alignment("RF-G-029", "alpha", "B66", (359.0, 3.0, 2.0, 28.4))
            .m("azimuth_deg", 1.4)
            .set("/attachments/0/summary", "azimuth 1.4 true, roll within 1")
            .notes("en", "Alpha looks up the valley, tool says one and a bit, sheet says 359. That is as close as the clamp allows.")
            .truth(PASS, "1.4 against 359 is 2.4 degrees on the circle, inside tolerance.")
            .slices("medium", &["circular_angle", "benign_hard_negative"])
            .why("A1 on the circle: within 3 degrees; plain subtraction would give 357.6."),
        alignment("RF-G-030", "gamma", "B25", (235.0, 2.0, 3.0, 44.0))
            .m("mech_tilt_deg", -2.0)
            .attach("document", "DEV-2026-0077_gamma.pdf", "15:20", "approved deviation DEV-2026-0077: gamma azimuth 240 to 235, tilts unchanged, revised RFDS")
            .notes("en", "New sheet with 235 is attached, DEV-2026-0077, azimuth set to that. Bracket went on the only way the holes line up, nose is up a touch, tool reads minus two.")
            .issue("ALN_TILT", Grade::Major, "realign", &[
                ("/measurements/mech_tilt_deg", ""),
                ("/design/mech_tilt_deg", ""),
            ])
            .truth(FAIL, "Panel is tilted up by 2 degrees where 2 degrees down is designed.")
            .slices("medium", &["sign", "approved_deviation"])
            .why("A2: positive is down; -2.0 against 2.0 is 4.0 degrees off, over 1.0. T5 and A6: the deviation is valid but covers the azimuth only and the design block already holds it."),
    ]
}

fn stories() -> Vec<Case> {
    vec![
        alignment("RF-G-031", "alpha", "B2", (350.0, 2.0, 3.0, 39.2))
            .set("/job/work_type", "modification")
            .m("azimuth_deg", 8.1)
            .set("/attachments/0/summary", "azimuth 8.1 true, roll within 1")
            .attach("document", "DEV-2026-0114_RFDS_rev_F.pdf", "15:05", "deviation DEV-2026-0114 approved by RF engineering: alpha azimuth 350 changed to 8, RFDS rev F")
            .notes("en", "Alpha moved to 8 because the old 350 looks straight into the new silo. RF approved it, DEV-2026-0114, rev F of the sheet is attached. Portal still carries the old design value.")
            .issue("DQ_CONTRADICTION", Grade::Minor, "correct_record", &[
                ("/design/azimuth_deg", ""),
                ("/attachments/1/summary", "alpha azimuth 350 changed to 8"),
            ])
            .extra(&["ALN_AZIMUTH"])
            .truth(PASS, "Azimuth follows the attached approved deviation; update the design block.")
            .slices("hard", &["approved_deviation", "note_overrides_numbers", "circular_angle"])
            .cluster("aln-silo")
            .why("T5 and A6: reference number and revised sheet are both there, so the design value is 8 and 8.1 is within A1."),
        alignment("RF-G-032", "alpha", "B2", (350.0, 2.0, 3.0, 42.6))
            .m("azimuth_deg", 7.6)
            .set("/attachments/0/summary", "azimuth 7.6 true, roll within 1")
            .notes("en", "Turned alpha to 8, the old direction looks straight into the new silo. Market RF guy said on the phone it is approved, he will fix the sheet some day.")
            .issue("ALN_AZIMUTH", Grade::Major, "realign", &[
                ("/measurements/azimuth_deg", ""),
                ("/design/azimuth_deg", ""),
            ])
            .extra(&["DOC_MISSING"])
            .truth(FAIL, "Azimuth is 17.6 degrees off design and the approval has no reference or document.")
            .slices("medium", &["unreferenced_approval", "circular_angle"])
            .cluster("aln-silo")
            .why("T5 and A6: a spoken approval moves nothing, so A1 is broken by more than 5 degrees."),
        alignment("RF-G-033", "beta", "B12", (110.0, 0.0, 6.0, 51.0))
            .times("2026-09-14", "08:00", "12:10", "17:30")
            .m("elec_tilt_deg", 6.8)
            .notes("en", "RET would not go under 6.8, tried three times.")
            .issue("ALN_TILT", Grade::Suspected, "rf_engineering_review", &[
                ("/measurements/elec_tilt_deg", ""),
                ("/design/elec_tilt_deg", ""),
            ])
            .overdue("2026-08-31")
            .truth(REVIEW, "Electrical tilt is 0.8 degrees off and the alignment tool was overdue.")
            .slices("easy", &["review_band", "calibration", "multi_issue"])
            .why("A2: 0.8 degrees is between 0.5 and 1.0."),
        alignment("RF-G-034", "beta", "B66", (130.0, 1.0, 5.0, 33.3))
            .notes("en", "All angles good. For the RET check I drove beta down from the laptop and the rod on gamma moved, beta stayed where it was. Serials on the labels are as listed, so somebody crossed the control cables at the radio. Ran out of daylight, left as found.")
            .issue("RET_MISMATCH", Grade::Major, "repair_and_retest", &[
                ("/notes", "drove beta down from the laptop and the rod on gamma moved"),
                ("/notes", "left as found"),
            ])
            .extra(&["FEED_SWAP", "INS_WORKMANSHIP", "DQ_CONTRADICTION", "ALN_TILT"])
            .truth(FAIL, "The beta tilt command moves the gamma antenna and the crossing was left.")
            .slices("hard", &["sector_swap", "note_overrides_numbers"])
            .why("T2 and A5: the control map is wrong by direct observation although serials and angles agree."),
        alignment("RF-G-035", "gamma", "B5", (250.0, 2.0, 0.0, 46.8))
            .set("/instrument", Value::Null)
            .m("method", "compass")
            .m("north_reference", "unknown")
            .set("/attachments/0/summary", "hand-filled sheet, azimuth 250 by compass")
            .notes("en", "Tool battery dead, used the compass from my vest standing on the platform between the legs. Lined it up with 250. No idea what the declination is here.")
            .issue("ALN_REFERENCE", Grade::Major, "retest", &[
                ("/notes", "used the compass from my vest standing on the platform between the legs"),
                ("/measurements/north_reference", ""),
            ])
            .extra(&["ALN_AZIMUTH", "TEST_SETUP", "DQ_CONTRADICTION"])
            .truth(REVIEW, "Azimuth was read by an uncorrected compass between steel legs.")
            .slices("easy", &[])
            .why("A4: a compass counts only with documented declination and away from steel; T3: the azimuth figure is void, so neither pass nor fail."),
    ]
}
