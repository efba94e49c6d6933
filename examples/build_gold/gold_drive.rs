//! Gold cases RF-G-043 to 054: drive tests and counters.
//!
//! Record from `clean_radio`, truth and note by hand.

use serde_json::json;

use super::case::{Case, FAIL, Grade, PASS, REVIEW};
use super::clean_radio::{drive, kpi};

pub(crate) fn cases() -> Vec<Case> {
    drives().into_iter().chain(swaps()).chain(counters()).collect()
}

fn drives() -> Vec<Case> {
    vec![
        drive("RF-G-043", "B66", 10, 10, 120)
            .notes("en", "Two loops clockwise, one back. No parked time in the log.")
            .truth(PASS, "Level, quality, rate and mobility are above target.")
            .slices("easy", &["clean"])
            .why("D1 to D4 and D8 are met; every lobe shows its planned PCI (D6)."),
        drive("RF-G-044", "B2", 10, 30, 45)
            .m("pct_rsrp_ge_minus105", 86.4)
            .m("rsrp_mean_dbm", -97.2)
            .m("ho_success_pct", 93.1)
            .notes("en", "Lost the site behind the quarry on every loop, plus two dropped calls at the east end.")
            .issue("RF_COVERAGE", Grade::Major, "rf_engineering_review", &[("/measurements/pct_rsrp_ge_minus105", "")])
            .issue("RF_MOBILITY", Grade::Major, "rf_engineering_review", &[("/measurements/ho_success_pct", "")])
            .truth(FAIL, "Coverage and handover success are both under their fail limits.")
            .slices("easy", &["multi_issue"])
            .why("D1: 86.4 % is under 90. D4: 93.1 % is under 95, with enough attempts."),
        drive("RF-G-045", "B12", 10, 0, 300)
            .m("dl_mean_mbps", 17.8)
            .notes("en", "Throughput 17.8 against 20. Market lead says anything over 15 is approved for them, so call it done.")
            .issue("RF_THROUGHPUT", Grade::Suspected, "rf_engineering_review", &[
                ("/measurements/dl_mean_mbps", ""),
                ("/design/dl_target_mbps", ""),
            ])
            .truth(REVIEW, "Mean rate is 89 % of target, in the review band; the spoken allowance does not count.")
            .slices("easy", &["review_band", "unreferenced_approval"])
            .why("D3: 89 % lies between 80 and 100. T5: an approval without reference moves nothing."),
    ]
}

fn swaps() -> Vec<Case> {
    vec![
        drive("RF-G-046", "B66", 20, 20, 210)
            .m("serving", json!([
                {"bearing_deg": 20, "dominant_pci": 211},
                {"bearing_deg": 140, "dominant_pci": 210},
                {"bearing_deg": 260, "dominant_pci": 212}]))
            .notes("en", "Great site, three bars everywhere, fast. Nothing to add.")
            .issue("FEED_SWAP", Grade::Major, "repair_and_retest", &[
                ("/measurements/serving/0/dominant_pci", ""),
                ("/measurements/serving/1/dominant_pci", ""),
            ])
            .extra(&["DQ_CONTRADICTION", "RET_MISMATCH"])
            .truth(FAIL, "Alpha and beta are exchanged: each lobe is served by the other's PCI.")
            .slices("hard", &["sector_swap", "note_contradicts_numbers"])
            .cluster("drv-swap")
            .why("D6: in the 20 degree lobe 211 dominates (planned at 140), in the 140 degree lobe 210 (planned at 20); a mutual exchange. Good rates do not show it."),
        drive("RF-G-047", "B66", 20, 40, 84)
            .times("2026-07-15", "07:10", "14:25", "19:05")
            .m("log_file", "SSV_loop_after_fix.log")
            .set("/attachments/0/name", "SSV_loop_after_fix.log")
            .set("/attachments/0/summary", "retest drive after jumpers alpha/beta were put right, planned PCI in each lobe")
            .notes("en", "Morning drive had alpha and beta swapped, clear as day. Crew traced the jumpers at the radios and put them right at noon. Drove all of it again, this log and these numbers are the second drive.")
            .truth(PASS, "The swap was corrected and the recorded second drive is clean.")
            .slices("medium", &["sector_swap", "retest_supersedes", "benign_hard_negative"])
            .cluster("drv-swap")
            .why("T4: the latest valid test governs, its log is attached and agrees with the note, and the fields are of that drive. D6: each lobe shows its planned PCI; D1 to D4 are met."),
        drive("RF-G-048", "B5", 10, 60, 33)
            .m("pct_sinr_ge_0", 87.9)
            .m("sinr_mean_db", 6.2)
            .m("overlaps", json!([
                {"pci_a": 34, "rsrp_a_dbm": -84.0, "pci_b": 190, "rsrp_b_dbm": -86.5, "pct_samples": 11.8}]))
            .notes("en", "South-east corner stutters whenever the neighbour across the lake is as strong as ours. Level is fine there.")
            .issue("RF_PCI", Grade::Major, "rf_engineering_review", &[
                ("/measurements/overlaps/0/pci_a", ""),
                ("/measurements/overlaps/0/pci_b", ""),
                ("/measurements/overlaps/0/rsrp_a_dbm", ""),
                ("/measurements/overlaps/0/rsrp_b_dbm", ""),
                ("/measurements/pct_sinr_ge_0", ""),
            ])
            .issue("RF_QUALITY", Grade::Major, "rf_engineering_review", &[("/measurements/pct_sinr_ge_0", "")])
            .truth(FAIL, "PCI 34 and 190 share their remainder by 3 in an overlap, and SINR fails.")
            .slices("medium", &["multi_issue"])
            .why("D5: 34 mod 3 = 190 mod 3 = 1, 2.5 dB apart, and D2 does not pass, so confirmed. D2: 87.9 % is under 90."),
        drive("RF-G-049", "B25", 10, 0, 150)
            .m("rsrp_mean_dbm", -41.3)
            .m("pct_rsrp_ge_minus105", 100.0)
            .notes("en", "Strongest drive I have ever logged. Phone sat on the dash the whole way.")
            .issue("DQ_IMPLAUSIBLE", Grade::Major, "retest", &[("/measurements/rsrp_mean_dbm", "")])
            .extra(&["DQ_UNITS", "RF_COVERAGE"])
            .truth(REVIEW, "A mean RSRP of -41.3 dBm is outside the reporting range; the column is not RSRP.")
            .slices("easy", &["too_good_to_be_true"])
            .why("D7: LTE RSRP is reported from -140 to -44 dBm; -41.3 cannot be RSRP (wideband power is about 28 dB higher), so D1 is not shown."),
        drive("RF-G-050", "B2", 20, 90, 402)
            .m("ho_attempts", 100)
            .m("ho_success_pct", 98.0)
            .m("dl_mean_mbps", 40.0)
            .m("pct_rsrp_ge_minus105", 95.0)
            .notes("en", "Bang on target everywhere, rain for the last loop.")
            .truth(PASS, "Rate, coverage and handover sit exactly on their limits, which counts as met.")
            .slices("easy", &["clean"])
            .why("D1: 95 % meets >= 95. D3: 40 of 40 Mbps is 100 %. D4: 98.0 % meets >= 98."),
    ]
}

fn counters() -> Vec<Case> {
    vec![
        kpi("RF-G-051", "gamma", "B13")
            .m("ul_rssi_dbm_per_prb", json!({"branch_a": -117.6, "branch_b": -106.2}))
            .m("branch_imbalance_db", 11.4)
            .notes("en", "Day after the hanger job. Branch b is up on gamma, the others did not move.")
            .issue("UL_NOISE", Grade::Major, "rf_engineering_review", &[("/measurements/ul_rssi_dbm_per_prb/branch_b", "")])
            .issue("UL_IMBALANCE", Grade::Major, "repair_and_retest", &[("/measurements/branch_imbalance_db", "")])
            .extra(&["PIM_LIMIT"])
            .truth(FAIL, "Branch b idles 11 dB above branch a.")
            .slices("easy", &["multi_issue"])
            .why("K1: -106.2 is above -110. K2: 11.4 dB is over 6. One branch raised points at that branch's path."),
        kpi("RF-G-052", "alpha", "B66")
            .m("vswr_ports", json!([1.24, 2.31]))
            .m("vswr_alarm_active", true)
            .notes("en", "Alarm 2 on alpha since the swap. Cell carries traffic.")
            .issue("SWP_RL_LIMIT", Grade::Major, "repair_and_retest", &[
                ("/measurements/vswr_ports/1", ""),
                ("/measurements/vswr_alarm_active", ""),
            ])
            .truth(FAIL, "Port 2 shows VSWR 2.31 with an active alarm.")
            .slices("easy", &[])
            .why("K3: 2.31 is over 2.0 and the alarm is active."),
        kpi("RF-G-053", "beta", "B2")
            .m("ul_rssi_dbm_per_prb", json!({"branch_a": -117.9, "branch_b": -113.4}))
            .m("branch_imbalance_db", 4.5)
            .notes("en", "Counters for the whole day as asked. Crew was on the tower until 15:00 replacing the beta jumpers, radio locked and unlocked a few times. After 15:00 it looks quieter but I only have the daily file.")
            .issue("TEST_SETUP", Grade::Major, "retest", &[
                ("/notes", "Crew was on the tower until 15:00 replacing the beta jumpers"),
                ("/measurements/window_start", ""),
            ])
            .extra(&["UL_NOISE", "UL_IMBALANCE"])
            .truth(REVIEW, "Site work fell inside the counter window; take a clean day.")
            .slices("hard", &["stale_measurement"])
            .cluster("kpi-window")
            .why("K4 and T3: the window holds site work until 15:00, so the raised branch (K1, K2 review band) describes a mixture of before and after and is void."),
        kpi("RF-G-054", "gamma", "B3")
            .set("/job/work_type", "maintenance")
            .notes("pt", "Contadores de um dia inteiro depois do serviço. A equipa trocou os jumpers da gamma na véspera e saiu às 15:00; hoje ninguém tocou no site. Ruído normal nos dois ramos.")
            .truth(PASS, "The window starts after the work ended; noise, balance and VSWR are normal.")
            .slices("medium", &["foreign_language", "benign_hard_negative"])
            .cluster("kpi-window")
            .why("K4: the work ended the day before the window. K1, K2 and K3 are met. T9."),
    ]
}
