//! Canary cases RF-C-001 to 018: plain, one decisive sentence, unit or sign.
//!
//! Chosen to be beyond dispute: a canary measures change, not ability.

use serde_json::json;

use super::case::{Case, FAIL, Grade, PASS, REVIEW};
use super::clean::{alignment, fiber, pim, sweep};
use super::clean_radio::{closeout, drive, kpi};

pub(crate) fn cases() -> Vec<Case> {
    plain().into_iter().chain(decisive()).chain(units()).collect()
}

fn plain() -> Vec<Case> {
    vec![
        sweep("RF-C-001", "alpha", "B5")
            .notes("en", "Yearly sweep, alpha low band.")
            .truth(PASS, "Sweep covers B5 and every figure is inside its limit.")
            .slices("easy", &["clean"])
            .why("S1, S3, S4, S5, S6 and C2 are met."),
        sweep("RF-C-002", "beta", "B66")
            .notes("en", "Beta line number 2. Bad from the first look.")
            .weak_return_loss(10.6)
            .truth(FAIL, "Return loss 10.6 dB is far below the 14.0 dB fail limit.")
            .extra(&["SWP_DTF_EVENT"])
            .slices("easy", &[]),
        pim("RF-C-003", "gamma", "B2", "P2")
            .loud(-84.5, -80.1)
            .notes("en", "Gamma P2 way over, same after cleaning the flange.")
            .truth(FAIL, "PIM is 12 to 17 dB above the limit.")
            .slices("easy", &[]),
        alignment("RF-C-004", "beta", "B12", (145.0, 2.0, 6.0, 52.0))
            .notes("en", "Beta aligned and locked, tool report in the package.")
            .truth(PASS, "All angles and the height are within tolerance.")
            .slices("easy", &["clean"])
            .why("A1 to A5 are met."),
        fiber("RF-C-005", "alpha", "n77", "F5")
            .m("endface", "fail")
            .notes("en", "F5 has a chip on the core, cleaning did not help. New jumper on order.")
            .issue("FIB_ENDFACE", Grade::Major, "repair_and_retest", &[("/measurements/endface", "fail")])
            .truth(FAIL, "End face of F5 fails inspection after cleaning.")
            .slices("easy", &[])
            .why("F5: the inspection result is fail."),
        drive("RF-C-006", "B2", 10, 0, 60)
            .m("ho_success_pct", 100.0)
            .notes("en", "Three loops, all handovers seen, no drops.")
            .truth(PASS, "Level, quality, rate and mobility are above target.")
            .slices("easy", &["clean"])
            .why("D1 to D4, D6 and D8 are met."),
        kpi("RF-C-007", "alpha", "B12")
            .m("ul_rssi_dbm_per_prb", json!({"branch_a": -101.9, "branch_b": -102.4}))
            .m("branch_imbalance_db", 0.5)
            .notes("en", "Noise on alpha has been up all day, both branches.")
            .issue("UL_NOISE", Grade::Major, "rf_engineering_review", &[
                ("/measurements/ul_rssi_dbm_per_prb/branch_a", ""),
                ("/measurements/ul_rssi_dbm_per_prb/branch_b", ""),
            ])
            .extra(&["PIM_LIMIT", "PIM_EXTERNAL"])
            .truth(FAIL, "Both branches idle 16 dB above the thermal floor.")
            .slices("easy", &[])
            .why("K1: -101.9 and -102.4 are above -110. Both branches together point at a shared or outside source."),
        closeout("RF-C-008", "guyed")
            .notes("en", "All uploaded, as far as I know.")
            .without_photo("rf_signage")
            .high_ground(7.4)
            .truth(REVIEW, "The required RF signage photo is missing and the ground reading is in the review band.")
            .slices("easy", &["missing_data", "review_band", "multi_issue"]),
    ]
}

fn decisive() -> Vec<Case> {
    vec![
        sweep("RF-C-009", "gamma", "B2")
            .rl(24.6)
            .m("dtf_events/2/rl_db", 34.1)
            .notes("en", "Gamma 1900. Noticed while packing up that the precision load was still on the end of the line, the antenna was never connected for this one.")
            .issue("TEST_SETUP", Grade::Major, "retest", &[("/notes", "the antenna was never connected for this one")])
            .extra(&["DQ_CONTRADICTION"])
            .truth(REVIEW, "The system sweep was made into a load; the antenna path is untested.")
            .slices("hard", &["note_overrides_numbers"])
            .why("T3: made on something else, so the figures are void for the antenna; no fault is known."),
        pim("RF-C-010", "alpha", "B5", "P1")
            .m("static_max", -107.0)
            .m("static_min", -108.1)
            .m("dynamic_peak", -106.2)
            .notes("en", "Steady at -107. With a tap on the 7/16 at the panel it goes to -81 and stays noisy for a while, then it is fine again. Logged the quiet value.")
            .issue("PIM_LIMIT", Grade::Major, "repair_and_retest", &[("/notes", "With a tap on the 7/16 at the panel it goes to -81")])
            .issue("DQ_CONTRADICTION", Grade::Minor, "correct_record", &[
                ("/measurements/dynamic_peak", ""),
                ("/notes", "Logged the quiet value"),
            ])
            .extra(&["INS_WORKMANSHIP"])
            .truth(FAIL, "The joint at the panel jumps to -81 dBm under tapping.")
            .slices("hard", &["note_contradicts_numbers"])
            .why("P3: -81 dBm under stimulus is 16 dB over the limit, whatever it returns to."),
        alignment("RF-C-011", "gamma", "B66", (230.0, 2.0, 4.0, 37.5))
            .notes("en", "Gamma shot with the tool in the morning, report attached. Around three the riggers loosened the mount and swung it aside to get the new radio past, then put it back by eye.")
            .issue("TEST_SETUP", Grade::Major, "retest", &[
                ("/notes", "loosened the mount and swung it aside to get the new radio past, then put it back by eye"),
            ])
            .extra(&["ALN_AZIMUTH", "ALN_REFERENCE"])
            .truth(REVIEW, "The mount was moved after the measurement; measure again.")
            .slices("hard", &["stale_measurement", "note_overrides_numbers"])
            .why("T3: the antenna was moved after the only measurement, so its angles are unknown."),
        fiber("RF-C-012", "beta", "n41", "F3")
            .notes("en", "Loss good. The alpha and beta pairs are the wrong way round in the cabinet, beta radio answers on the alpha port. Did not have time to swap them back.")
            .issue("FEED_SWAP", Grade::Major, "repair_and_retest", &[
                ("/notes", "The alpha and beta pairs are the wrong way round in the cabinet"),
                ("/notes", "Did not have time to swap them back"),
            ])
            .extra(&["DOC_ID_MISMATCH"])
            .truth(FAIL, "Alpha and beta fibres are crossed and were left so.")
            .slices("hard", &["sector_swap", "note_overrides_numbers"])
            .why("F7 and T2: crossed and left, whatever the loss."),
        closeout("RF-C-013", "self_support")
            .notes("en", "Cabinet finished. The cover of the DC busbar cracked, so the live bars are open to the front; put a warning on it with marker and left, door does not lock.")
            .issue("REG_RF_SAFETY", Grade::Critical, "escalate_safety", &[
                ("/notes", "the live bars are open to the front"),
                ("/notes", "door does not lock"),
            ])
            .extra(&["INS_WORKMANSHIP", "DQ_CONTRADICTION"])
            .truth(FAIL, "Live DC bars are exposed behind a door that does not lock; escalate.")
            .slices("medium", &["safety"])
            .why("T7 and I8: energised conductors left exposed are a live hazard and decide."),
        drive("RF-C-014", "B2", 10, 45, 18)
            .notes("en", "Loops done as planned. Saw at home that the handset had been locked to the AWS carrier the whole time, not to the 1900 one that we were sent for.")
            .issue("TEST_SETUP", Grade::Major, "retest", &[
                ("/notes", "the handset had been locked to the AWS carrier the whole time"),
            ])
            .extra(&["DQ_CONTRADICTION", "DOC_ID_MISMATCH"])
            .truth(REVIEW, "The drive measured another carrier; the B2 carrier is untested.")
            .slices("hard", &["wrong_band", "note_overrides_numbers"])
            .why("T3: the figures belong to another carrier and are void for B2."),
    ]
}

fn units() -> Vec<Case> {
    vec![
        sweep("RF-C-015", "beta", "B25")
            .m("rl_worst_db", -20.2)
            .m("vswr_worst", 1.22)
            .set("/attachments/0/summary", "S11, worst -20.2 dB")
            .notes("en", "Worst S11 in band -20.2.")
            .issue("DQ_UNITS", Grade::Minor, "correct_record", &[("/measurements/rl_worst_db", "")])
            .extra(&["DQ_CONTRADICTION"])
            .truth(PASS, "The value carries the S11 sign; 20.2 dB return loss passes.")
            .slices("medium", &["sign", "unit_confusion"])
            .why("T6: note and trace say S11, VSWR 1.22 agrees; S1 is met at 20.2 dB."),
        pim("RF-C-016", "gamma", "B5", "P4")
            .m("unit", "dBc")
            .m("static_max", -113.5)
            .m("static_min", -114.6)
            .m("dynamic_peak", -111.8)
            .notes("en", "Could be dBm or dBc, the display was cracked over the unit. Form wants one, so I ticked one.")
            .issue("DQ_UNITS", Grade::Suspected, "retest", &[
                ("/measurements/unit", "dBc"),
                ("/notes", "Could be dBm or dBc"),
            ])
            .extra(&["PIM_LIMIT", "TEST_SETUP"])
            .truth(REVIEW, "The unit of the readings cannot be settled.")
            .slices("hard", &["unit_confusion"])
            .why("T6: -111.8 dBc would be -68.8 dBm (fails P1), -111.8 dBm passes, and nothing settles it."),
        alignment("RF-C-017", "alpha", "B2", (15.0, 3.0, 2.0, 30.5))
            .m("mech_tilt_deg", -3.0)
            .set("/attachments/0/summary", "azimuth on sheet, panel face tilted upward 3.0")
            .notes("en", "Bottom bracket sits further out than the top one, so the face points up three degrees. Level says the same.")
            .issue("ALN_TILT", Grade::Major, "realign", &[
                ("/measurements/mech_tilt_deg", ""),
                ("/design/mech_tilt_deg", ""),
            ])
            .truth(FAIL, "Panel points 3 degrees up where 3 degrees down is designed.")
            .slices("medium", &["sign"])
            .why("A2: positive is down, so -3.0 is 6.0 degrees off; note and report confirm the sign."),
        closeout("RF-C-018", "monopole")
            .m("dc_volts", 54.1)
            .notes("en", "Meter clips were on the wrong way round for the rectifier reading, hence the plus. It is the usual minus 54.1 plant.")
            .issue("DQ_UNITS", Grade::Minor, "correct_record", &[
                ("/measurements/dc_volts", ""),
                ("/notes", "Meter clips were on the wrong way round"),
            ])
            .extra(&["INS_WORKMANSHIP", "DQ_CONTRADICTION"])
            .truth(PASS, "DC voltage has the wrong sign because of the meter clips; -54.1 V is normal.")
            .slices("medium", &["sign", "unit_confusion"])
            .why("T6: a -48 V plant floats near -54 V and the note says why the sign turned, so I3 is met at -54.1 V."),
    ]
}
