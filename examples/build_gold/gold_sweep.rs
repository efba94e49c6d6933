//! Gold cases RF-G-001 to 014: line sweeps.
//!
//! Record from `clean`, truth and note by hand.

use serde_json::json;

use super::case::{Case, FAIL, Grade, PASS, REVIEW};
use super::clean::sweep;

pub(crate) fn cases() -> Vec<Case> {
    plain().into_iter().chain(stories()).collect()
}

fn plain() -> Vec<Case> {
    vec![
        sweep("RF-G-001", "alpha", "B2")
            .with_arrestor(4.3, 22.7)
            .notes("en", "Alpha B2 main, system sweep from the jumper at the radio. Nothing to report.")
            .truth(PASS, "Sweep covers B2 and every figure is inside its limit.")
            .slices("easy", &["clean"])
            .why("S1, S4, S5, S6 and C2 are met; the arrestor at 22.7 dB is an inline device (S3b, 20 dB), not a joint."),
        sweep("RF-G-002", "gamma", "B12")
            .notes("en", "G2 at 700. Worst point sits near the top of the downlink. Load not tried, lift had to go back.")
            .weak_return_loss(12.4)
            .m("rl_worst_freq_mhz", 743.8)
            .truth(FAIL, "Return loss 12.4 dB is below the 14.0 dB fail limit.")
            .extra(&["SWP_DTF_EVENT"])
            .slices("easy", &[]),
        sweep("RF-G-003", "beta", "B25")
            .m("cable_loss_db", 4.1)
            .d("length_m", 38.0)
            .d("atten_db_per_100m", 5.4)
            .d("jumper_loss_db", 0.25)
            .m("line_end_m", 41.6)
            .m("dtf_events", json!([
                {"distance_m": 1.2, "rl_db": 30.9, "component": "connector"},
                {"distance_m": 17.4, "rl_db": 20.6, "component": "feeder"},
                {"distance_m": 39.4, "rl_db": 29.3, "component": "connector"},
                {"distance_m": 41.6, "rl_db": 16.7, "component": "antenna"}]))
            .rl(21.4)
            .notes("en", "Beta feeder. There is a hump halfway up where the old stand-off used to be, could be the cable got squeezed there. Overall number still fine so I moved on to the next line.")
            .issue("SWP_DTF_EVENT", Grade::Major, "repair_and_retest", &[("/measurements/dtf_events/1/rl_db", "")])
            .issue("SWP_CABLE_LOSS", Grade::Major, "repair_and_retest", &[
                ("/measurements/cable_loss_db", ""),
                ("/design/length_m", ""),
            ])
            .extra(&["INS_WORKMANSHIP", "SWP_RL_LIMIT"])
            .truth(FAIL, "Feeder reflects at 17.4 m and the line loses well over its expected loss.")
            .slices("medium", &["multi_issue"])
            .why("S3a: 20.6 dB in the feeder body is below 22. S4: measured loss is more than 1.0 dB above expected. The good system figure does not clear either."),
        sweep("RF-G-004", "alpha", "B5")
            .notes("en", "850 line on alpha. Had the same reading with two different leads and my load checks out, so I believe it.")
            .weak_return_loss(14.8)
            .truth(REVIEW, "Return loss 14.8 dB lies in the review band.")
            .extra(&["SWP_DTF_EVENT"])
            .slices("easy", &["review_band"]),
        sweep("RF-G-005", "beta", "B13")
            .off_band(690, 760)
            .notes("en", "Lines are labelled 700 upper and 700 lower and I had one preset for both, so B13 went up on the same screen as B12. Curves look alike anyway.")
            .truth(REVIEW, "Sweep stops at 760 MHz; the B13 uplink 777-787 was not swept.")
            .extra(&["TEST_SETUP"])
            .slices("medium", &["wrong_band"])
            .why("B13 has its uplink above the downlink (777-787), which the span leaves out."),
        sweep("RF-G-006", "gamma", "B66")
            .set("/job/work_type", "modification")
            .times("2026-05-12", "06:40", "16:55", "20:10")
            .set("/instrument/field_cal/at", "2026-05-12T07:05:00Z")
            .notes("pt", "Calibração OSL feita de manhã no carro. Varredura da gamma no fim da tarde, depois de trocar os outros setores. Sem novidades.")
            .issue("CAL_INVALID", Grade::Major, "recalibrate_and_retest", &[("/instrument/field_cal/at", "")])
            .truth(REVIEW, "Field calibration was almost ten hours old at the sweep.")
            .slices("easy", &["calibration", "foreign_language"])
            .why("C2: calibration 07:05, sweep 16:55, that is 9 h 50 min, over the 8 h allowed."),
    ]
}

fn stories() -> Vec<Case> {
    vec![
        sweep("RF-G-007", "beta", "B2")
            .times("2026-03-18", "08:10", "10:50", "17:35")
            .rl(12.7)
            .m("rl_worst_freq_mhz", 1948.5)
            .m("dtf_events/1/component", "jumper")
            .m("dtf_events/1/rl_db", 13.9)
            .attach("trace", "beta_B2_after_jumper.dat", "13:25", "retest, new top jumper, worst RL 19.2 dB at 1862.0 MHz, system sweep 1840-2000 MHz, DTF at the top jumper 30.4 dB")
            .notes("en", "Beta came up ugly, 12.7 at 1948. Top jumper had a crushed ferrule. Swapped it from the spares box, retest at 13:25 gave 19.2 worst. Second file is in the package, the portal kept my first number.")
            .issue("DQ_CONTRADICTION", Grade::Minor, "correct_record", &[
                ("/measurements/rl_worst_db", ""),
                ("/attachments/1/summary", "worst RL 19.2 dB"),
            ])
            .extra(&["SWP_RL_LIMIT", "SWP_DTF_EVENT"])
            .truth(PASS, "First sweep failed, jumper replaced, attached retest passes at 19.2 dB; correct the stale field.")
            .slices("hard", &["retest_supersedes", "note_overrides_numbers"])
            .cluster("sweep-retest-file")
            .why("T4: the retest file is attached and its summary agrees with the note, so 19.2 dB governs (S1), the jumper event is cleared (S3a) and 12.7 is a stale field."),
        sweep("RF-G-008", "beta", "B2")
            .times("2026-03-26", "07:45", "11:15", "18:05")
            .rl(12.2)
            .m("rl_worst_freq_mhz", 1933.0)
            .m("dtf_events/1/component", "jumper")
            .m("dtf_events/1/rl_db", 13.2)
            .notes("en", "Ugly first shot on beta, 12.2 at 1933, crushed ferrule on the top jumper. Put in a spare from the box. Retest around 13:40 was 19.6 worst, saved it on the tablet, did not get round to uploading it.")
            .issue("DOC_MISSING", Grade::Major, "resubmit_document", &[("/notes", "did not get round to uploading it")])
            .extra(&["SWP_RL_LIMIT", "SWP_DTF_EVENT", "DQ_CONTRADICTION", "TEST_SETUP"])
            .truth(REVIEW, "A passing retest is claimed but its trace is not in the package.")
            .slices("hard", &["retest_supersedes", "missing_data"])
            .cluster("sweep-retest-file")
            .why("T4: a repair with a retest counts only with the file; without it needs_review. The 12.2 dB describes the jumper that is gone, so it no longer fails the line (S1)."),
        sweep("RF-G-009", "alpha", "B66")
            .d("length_m", 71.0)
            .d("atten_db_per_100m", 5.3)
            .d("jumper_loss_db", 0.3)
            .m("cable_loss_db", 4.42)
            .m("line_end_m", 74.8)
            .m("dtf_events", json!([
                {"distance_m": 1.3, "rl_db": 31.7, "component": "connector"},
                {"distance_m": 72.6, "rl_db": 30.2, "component": "connector"},
                {"distance_m": 74.8, "rl_db": 9.4, "component": "antenna"}]))
            .rl(17.6)
            .notes("en", "Long one, 71 m of 7/8. System number is comfortable. Office always says long lines flatter the antenna but ok is ok.")
            .issue("SWP_RL_LIMIT", Grade::Suspected, "rf_engineering_review", &[
                ("/measurements/rl_worst_db", ""),
                ("/measurements/cable_loss_db", ""),
            ])
            .truth(REVIEW, "With 4.42 dB of line loss a reading of 17.6 dB can hide a bad antenna.")
            .slices("hard", &["masking"])
            .cluster("sweep-long-line")
            .why("S5: after taking off twice the line loss 8.8 dB is left, under 10; the antenna event of 9.4 dB has no limit of its own (S3c) but agrees. The loss itself is as expected (S4)."),
        sweep("RF-G-010", "gamma", "B66")
            .d("length_m", 68.5)
            .d("atten_db_per_100m", 5.2)
            .d("jumper_loss_db", 0.2)
            .m("cable_loss_db", 4.08)
            .m("line_end_m", 72.1)
            .m("dtf_events", json!([
                {"distance_m": 1.5, "rl_db": 29.8, "component": "connector"},
                {"distance_m": 69.9, "rl_db": 31.1, "component": "connector"},
                {"distance_m": 72.1, "rl_db": 12.8, "component": "antenna"}]))
            .rl(20.3)
            .notes("en", "68 m run. I know the office worries that a lossy line hides a bad antenna, so I worked it out: there is more than 12 dB left after the two-way loss.")
            .truth(PASS, "Long line, but the antenna still shows 12.1 dB after twice the line loss.")
            .slices("medium", &["masking", "benign_hard_negative"])
            .cluster("sweep-long-line")
            .why("S5 is met with the line loss counted twice; S1 and S4 are met too."),
        sweep("RF-G-011", "alpha", "B71")
            .m("rl_worst_db", -19.4)
            .m("vswr_worst", 1.24)
            .set("/attachments/0/summary", "S11 log magnitude, worst -19.4 dB in band")
            .notes("en", "Typed the worst value as the analyzer shows it, S11 in dB, that is why there is a minus.")
            .issue("DQ_UNITS", Grade::Minor, "correct_record", &[
                ("/measurements/rl_worst_db", ""),
                ("/attachments/0/summary", "worst -19.4 dB"),
            ])
            .extra(&["DQ_CONTRADICTION"])
            .truth(PASS, "Return loss was entered with the S11 sign; 19.4 dB passes.")
            .slices("medium", &["sign", "unit_confusion"])
            .why("T6: -19.4 is S11; as return loss it is 19.4 dB, the VSWR 1.24 and the trace agree, and no other reading is sensible. S1 is met."),
        sweep("RF-G-012", "gamma", "B5")
            .with_arrestor(3.8, 24.1)
            .times("2026-06-22", "07:30", "10:20", "18:45")
            .notes("en", "Swept gamma at 10:20, beautiful. After lunch the antenna guys wanted more slack so we took the top jumper off and fitted a longer one, made it up hand tight plus wrench, and closed the boot. Analyzer was already in the truck by then.")
            .issue("TEST_SETUP", Grade::Major, "retest", &[("/notes", "took the top jumper off and fitted a longer one")])
            .extra(&["DOC_MISSING"])
            .truth(REVIEW, "The top jumper was replaced after the sweep; the line as it stands was never measured.")
            .slices("hard", &["stale_measurement", "note_overrides_numbers"])
            .cluster("sweep-jumper-order")
            .why("T3: the hardware changed after the only test, so its numbers are void for what now hangs there; no fault is known."),
        sweep("RF-G-013", "gamma", "B5")
            .times("2026-06-30", "07:40", "13:05", "19:20")
            .notes("en", "Long day so a long note. Gate code had changed, waited till 08:20 for somebody to read me the new one. Tailgate talk with the rigger, permit on the dashboard, rescue kit at the foot of the pole. Sorted the leads first since the last crew had put them back in one knot, two of them had no dust caps, those went in the red bag. Phase-stable lead checked against the open and the short, no movement on the screen when I bent it. Antenna guys had asked for more slack on gamma, so the first thing we did up there was take the old top jumper off and fit a longer one, torqued with the wrench, boot closed. There was water in the hanger channel from last night's rain, not in any joint, wiped it. Lunch in the truck, hail on the roof, nobody could hear a thing. Calibrated at 12:35, and only then swept gamma, 13:05, with the new jumper in the path. Nothing was touched after that. Alpha and beta are on their own sheets. The DTF shows the connectors at both ends and the antenna, in that order, nothing in the body. Left 15:10, gate locked, told the owner about the hinge on the compound door.")
            .truth(PASS, "Jumper was changed before the sweep; the sweep shows the line as built.")
            .slices("medium", &["long_record", "benign_hard_negative"])
            .cluster("sweep-jumper-order")
            .why("T3 does not apply: the change came before the 13:05 sweep and nothing was touched later. T10: rain water in the hanger channel is not a finding on a joint. S1, S3, S4 and S6 are met."),
        sweep("RF-G-014", "beta", "B7")
            .notes("es", "El barrido salió bien. Al abrir el conector de arriba para revisar salió un chorro de agua y la cinta estaba podrida. Lo cerré a mano y lo dejé así, no llevaba mastique ni cinta.")
            .issue("INS_WEATHERPROOF", Grade::Major, "repair_and_retest", &[
                ("/notes", "salió un chorro de agua y la cinta estaba podrida"),
                ("/notes", "lo dejé así"),
            ])
            .extra(&["TEST_SETUP", "INS_WORKMANSHIP"])
            .truth(FAIL, "Water came out of the top connector and it was closed again without a seal.")
            .slices("hard", &["foreign_language", "note_overrides_numbers"])
            .why("T2: a defect seen and left in place beats a passing sweep (I1). T9: the language is no issue."),
    ]
}
