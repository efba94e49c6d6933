//! Gold cases RF-G-177 to 186: counters after work on a cell.
//!
//! Record from `clean_radio`, truth and note by hand.

use serde_json::json;

use super::case::{Case, FAIL, Grade, PASS, REVIEW};
use super::clean_radio::kpi;

pub(crate) fn cases() -> Vec<Case> {
    plain().into_iter().chain(stories()).collect()
}

fn plain() -> Vec<Case> {
    vec![
        kpi("RF-G-177", "alpha", "B25")
            .notes("en", "Daily export, alpha, one row, approved template, window since midnight.")
            .truth(PASS, "Noise, balance and port VSWR are inside their limits.")
            .slices("easy", &["clean"])
            .why("K1, K2 and K3 are met."),
        kpi("RF-G-178", "beta", "B13")
            .set("/job/work_type", "maintenance")
            .idle(-107.4, -106.9)
            .notes("en", "Beta export for the quiet hours, two branches, same formula as last month. Still the old portal, so no picture attached.")
            .extra(&["PIM_EXTERNAL", "PIM_LIMIT"])
            .truth(FAIL, "Both branches idle about 11 dB above the thermal floor.")
            .slices("easy", &[])
            .why("Both branches together point at a shared or outside source."),
        kpi("RF-G-179", "gamma", "B2")
            .idle(-117.2, -112.8)
            .notes("en", "Gamma. Traffic load was normal all day, a football match in the evening. Approved window, no work.")
            .truth(REVIEW, "Branch b idles at -112.8 dBm and differs by 4.4 dB, both in the review band.")
            .slices("easy", &["review_band", "multi_issue"]),
        kpi("RF-G-180", "alpha", "B66")
            .idle(-116.6, -115.0)
            .notes("en", "Second branch sits at minus 115.0 every night, the threshold in our tool is the same number and it did not fire.")
            .truth(PASS, "Branch b idles at exactly -115.0 dBm, which counts as met.")
            .slices("easy", &["clean"])
            .why("K3 is met."),
        kpi("RF-G-181", "gamma", "B5")
            .m("vswr_ports", json!([1.71, 1.22]))
            .m("vswr_alarm_active", true)
            .issue("SWP_RL_LIMIT", Grade::Major, "repair_and_retest", &[
                ("/measurements/vswr_alarm_active", ""),
                ("/measurements/vswr_ports/0", ""),
            ])
            .notes("en", "Alarm list was open in the other window while I pulled this. Port 1 is under two, the guide says two.")
            .truth(FAIL, "The VSWR alarm is active, with port 1 at 1.71.")
            .slices("medium", &["note_contradicts_numbers"])
            .why("K3: 1.71 alone would be review (1.5/2.0), an active alarm fails; T1."),
        kpi("RF-G-182", "beta", "B71")
            .notes("en", "Crew was on site that day, but on the other operator's arms, our cabinet was never opened according to the door contact. Numbers of beta did not notice, so no retest asked for.")
            .truth(PASS, "The work concerned another operator and did not touch this cell; everything is met.")
            .slices("medium", &["benign_hard_negative"])
            .why("K4: no work on this site's equipment fell into the window (T10). K1, K2 and K3 are met."),
        kpi("RF-G-183", "alpha", "B12")
            .m("vswr_ports", json!([1.31, 2.0]))
            .m("ul_rssi_dbm_per_prb", json!({"branch_a": -118.4, "branch_b": -116.0}))
            .m("branch_imbalance_db", 5.0)
            .issue("UL_IMBALANCE", Grade::Suspected, "rf_engineering_review", &[("/measurements/branch_imbalance_db", "")])
            .issue("SWP_RL_LIMIT", Grade::Suspected, "rf_engineering_review", &[("/measurements/vswr_ports/1", "")])
            .notes("en", "Imbalance is weighted by traffic, so it is larger than what the idle levels show. Port 2 reads two point zero.")
            .truth(REVIEW, "Port 2 is exactly 2.0 and the weighted imbalance is 5.0 dB, both in the review band.")
            .slices("medium", &["review_band", "multi_issue"])
            .why("K1: both branches are under -115. K3: fail is > 2.0, so 2.0 is review. K2: 5.0 dB lies between 3 and 6 and is weighted by traffic, not the idle difference."),
    ]
}

fn stories() -> Vec<Case> {
    vec![
        kpi("RF-G-184", "beta", "B66")
            .notes("fr", "Journée entière comme demandé. À dix heures l'équipe a remplacé la radio de bêta, remise en service à treize heures, le compteur additionne avant et après.")
            .issue("TEST_SETUP", Grade::Major, "retest", &[
                ("/notes", "l'équipe a remplacé la radio de bêta"),
                ("/notes", "le compteur additionne avant et après"),
            ])
            .truth(REVIEW, "The radio was exchanged inside the counter window; take a day after the work.")
            .slices("hard", &["foreign_language", "stale_measurement", "note_overrides_numbers"])
            .cluster("kpi-radio")
            .why("K4 and T3: the day mixes the old and the new radio, so its figures are void; no fault is known. T9."),
        kpi("RF-G-185", "beta", "B66")
            .notes("fr", "Journée entière comme demandé. L'équipe a remplacé la radio de bêta la veille, remise en service à treize heures, tout le compteur est donc après les travaux. Charge habituelle.")
            .truth(PASS, "The radio was exchanged the day before; the window is free of work and the figures pass.")
            .slices("hard", &["foreign_language", "benign_hard_negative"])
            .cluster("kpi-radio")
            .why("K4: the work ended before the window. K1, K2 and K3 are met. T9."),
        kpi("RF-G-186", "gamma", "B25")
            .notes("en", "Counters are fine, see above. Field tech says the second receive jumper of gamma goes to alpha's panel and the one of alpha to gamma's, seen from the ladder with the tracer on it. He left them, needs a longer lift. Levels even out so nobody would notice.")
            .issue("FEED_SWAP", Grade::Major, "repair_and_retest", &[
                ("/notes", "the second receive jumper of gamma goes to alpha's panel"),
                ("/notes", "He left them"),
            ])
            .extra(&["INS_WORKMANSHIP"])
            .truth(FAIL, "One receive branch of gamma and alpha is crossed, was seen with a tracer and left.")
            .slices("hard", &["sector_swap", "note_overrides_numbers"])
            .why("T2: a crossing seen directly and left beats even counters (K1, K2)."),
    ]
}
