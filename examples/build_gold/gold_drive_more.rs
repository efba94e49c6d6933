//! Gold cases RF-G-159 to 176: drive tests.
//!
//! Record from `clean_radio`, truth and note by hand.

use serde_json::json;

use super::case::{Case, FAIL, Grade, PASS, REVIEW};
use super::clean_radio::drive;

pub(crate) fn cases() -> Vec<Case> {
    plain().into_iter().chain(cells()).chain(stories()).collect()
}

fn plain() -> Vec<Case> {
    vec![
        drive("RF-G-159", "B66", 20, 15, 63)
            .notes("en", "Loops A, B and C, clockwise, windows up since it rained, kit fine.")
            .truth(PASS, "Level, quality, rate and mobility are above target.")
            .slices("easy", &["clean"])
            .why("D1 to D4, D6 and D8 are met."),
        drive("RF-G-160", "B5", 10, 50, 246)
            .m("rsrp_mean_dbm", -95.8)
            .share("pct_rsrp_ge_minus105", 88.2)
            .m("ho_attempts", 112)
            .share("ho_success_pct", 96.4)
            .notes("en", "Polygon driven in full, the two farm tracks included. Four handovers did not make it on the ridge.")
            .truth(FAIL, "Only 88.2 % of the samples have the level; handover success is in the review band.")
            .slices("easy", &["multi_issue", "review_band"]),
        drive("RF-G-161", "B2", 10, 0, 33)
            .share("pct_sinr_ge_0", 93.4)
            .share("pct_rsrp_ge_minus105", 92.8)
            .notes("en", "School-run traffic, network under load, drizzle and water on the roads. Route as in the KML, wrong turn at the mill, turned round at once.")
            .truth(REVIEW, "Coverage and SINR shares are both in the review band.")
            .slices("easy", &["review_band", "multi_issue"]),
        drive("RF-G-162", "B12", 10, 40, 417)
            .m("samples", 430)
            .issue("DOC_MISSING", Grade::Major, "resubmit_document", &[("/measurements/samples", "")])
            .notes("en", "Short one, the north loop is behind a gate. What I got is clean as a whistle, so I would not retest, still it is your call.")
            .truth(REVIEW, "430 samples are fewer than the 500 that a decision needs.")
            .slices("easy", &["missing_data"])
            .why("D8: at least 500 samples."),
        drive("RF-G-163", "B25", 10, 80, 96)
            .rate(14.2)
            .notes("en", "Download server is the one in the capital, as ordered. Phone on charger, screen off.")
            .truth(FAIL, "Mean rate is 71 % of target, below the 80 % fail limit.")
            .slices("easy", &[]),
        drive("RF-G-164", "B4", 10, 100, 354)
            .share("pct_sinr_ge_0", 95.0)
            .notes("en", "SINR bucket came out at 95.0 on the nose, approved route, server since last year the same. The bus depot is what pulls it down, always has.")
            .truth(PASS, "SINR share is exactly 95.0 %, which counts as met.")
            .slices("easy", &["clean"]),
        drive("RF-G-165", "B71", 10, 0, 183)
            .m("ho_attempts", 14)
            .m("ho_success_pct", 100.0)
            .issue("DOC_MISSING", Grade::Major, "resubmit_document", &[("/measurements/ho_attempts", "")])
            .notes("en", "Not a single one failed. Lone site on the plain, hardly anywhere to hand over to.")
            .truth(REVIEW, "14 handover attempts are fewer than the 20 that a decision needs.")
            .extra(&["RF_MOBILITY"])
            .slices("easy", &["missing_data", "too_good_to_be_true"])
            .why("D4 needs at least 20 attempts; 100 % of 14 says little."),
    ]
}

fn cells() -> Vec<Case> {
    vec![
        drive("RF-G-166", "B66", 10, 25, 270)
            .m("ho_attempts", 102)
            .share("ho_success_pct", 94.1)
            .rate(17.4)
            .notes("en", "Calls stick on the old cell by the school and drop. 317 is on the required list but the network never offered it.")
            .truth(FAIL, "Handover success is 94.1 % with a neighbour that is never used; the rate is in the review band.")
            .slices("medium", &["multi_issue", "review_band"])
            .why("The missing neighbour 317 belongs to the same finding."),
        drive("RF-G-167", "B2", 20, 70, 129)
            .share("pct_rsrp_ge_minus105", 89.5)
            .share("pct_sinr_ge_0", 91.6)
            .m("overlaps", json!([
                {"pci_a": 130, "rsrp_a_dbm": -83.0, "pci_b": 262, "rsrp_b_dbm": -88.0, "pct_samples": 9.1}]))
            .issue("RF_PCI", Grade::Major, "rf_engineering_review", &[
                ("/measurements/overlaps/0/pci_a", ""),
                ("/measurements/overlaps/0/pci_b", ""),
                ("/measurements/overlaps/0/rsrp_a_dbm", ""),
                ("/measurements/overlaps/0/rsrp_b_dbm", ""),
                ("/measurements/pct_sinr_ge_0", ""),
            ])
            .root("RF_PCI")
            .notes("en", "South side shares the street with the mall site. Log has a marker where the two are close.")
            .truth(FAIL, "PCI 130 and 262 are equal mod 3 where they overlap 5 dB apart, with SINR short of its pass limit; coverage fails.")
            .slices("medium", &["multi_issue"])
            .why("D5: 130 mod 3 = 262 mod 3 = 1, 5 dB apart, and D2 does not pass, so confirmed."),
        drive("RF-G-168", "B5", 10, 10, 201)
            .m("overlaps", json!([
                {"pci_a": 202, "rsrp_a_dbm": -82.0, "pci_b": 340, "rsrp_b_dbm": -91.5, "pct_samples": 7.4},
                {"pci_a": 203, "rsrp_a_dbm": -85.0, "pci_b": 114, "rsrp_b_dbm": -87.0, "pct_samples": 4.8}]))
            .notes("en", "Two spots where a neighbour is up. By the pond ours is nearly ten ahead, by the church it is close but its number is harmless. Did the sums in the car.")
            .truth(PASS, "One overlap is 9.5 dB apart, the other pair does not clash; everything else passes.")
            .slices("medium", &["benign_hard_negative"])
            .cluster("drv-pci")
            .why("D5: 202 and 340 share remainder 1 but are 9.5 dB apart; 203 and 114 are 2 dB apart with remainders 2 and 0. D1 to D4 are met."),
        drive("RF-G-169", "B5", 10, 10, 207)
            .m("overlaps", json!([
                {"pci_a": 208, "rsrp_a_dbm": -84.5, "pci_b": 115, "rsrp_b_dbm": -88.0, "pct_samples": 6.2}]))
            .issue("RF_PCI", Grade::Suspected, "rf_engineering_review", &[
                ("/measurements/overlaps/0/pci_a", ""),
                ("/measurements/overlaps/0/pci_b", ""),
                ("/measurements/overlaps/0/rsrp_a_dbm", ""),
                ("/measurements/overlaps/0/rsrp_b_dbm", ""),
                ("/measurements/pct_sinr_ge_0", ""),
            ])
            .notes("en", "One spot where a neighbour is up, by the church, close in level. Nothing stutters there today. Did no sums in the car.")
            .truth(REVIEW, "PCI 208 and 115 clash by 3 in an overlap; SINR still passes, so it is suspected.")
            .slices("medium", &["review_band"])
            .cluster("drv-pci")
            .why("D5: 208 mod 3 = 115 mod 3 = 1, 3.5 dB apart, D2 passes."),
        drive("RF-G-170", "B3", 20, 35, 291)
            .set("/job/work_type", "maintenance")
            .notes("es", "El año pasado este recorrido daba fallos de traspaso junto al depósito de agua. Hoy pasé tres veces por allí y nada. Carga normal en la red, lluvia al final.")
            .truth(PASS, "The failures are history; today's drive is above target throughout.")
            .slices("medium", &["foreign_language", "benign_hard_negative"])
            .why("T10: last year's drops are no finding. D1 to D4, D6 and D8 are met. T9."),
        drive("RF-G-171", "B25", 10, 45, 324)
            .m("serving", json!([
                {"bearing_deg": 45, "dominant_pci": 324},
                {"bearing_deg": 165, "dominant_pci": 326},
                {"bearing_deg": 285, "dominant_pci": 326}]))
            .issue("FEED_SWAP", Grade::Suspected, "rf_engineering_review", &[("/measurements/serving/1/dominant_pci", "")])
            .extra(&["RF_COVERAGE"])
            .notes("en", "Beta side is mostly served by gamma. Might be the hill, might be something up there. Rates are fine in every street.")
            .truth(REVIEW, "In the beta lobe gamma's PCI dominates; one cell off is suspected only.")
            .slices("medium", &["sector_swap"])
            .cluster("drv-lobes")
            .why("D6: one lobe off plan, no exchange; D1 to D4 are met."),
    ]
}

fn stories() -> Vec<Case> {
    vec![
        drive("RF-G-172", "B25", 10, 45, 330)
            .m("serving", json!([
                {"bearing_deg": 45, "dominant_pci": 330},
                {"bearing_deg": 165, "dominant_pci": 332},
                {"bearing_deg": 285, "dominant_pci": 331}]))
            .issue("FEED_SWAP", Grade::Major, "repair_and_retest", &[
                ("/measurements/serving/1/dominant_pci", ""),
                ("/measurements/serving/2/dominant_pci", ""),
            ])
            .extra(&["DQ_CONTRADICTION"])
            .notes("en", "Beta side is served by gamma and gamma side by beta, funny how the map comes out. Rates are fine in every street, so I see no harm.")
            .truth(FAIL, "Beta and gamma are exchanged: each lobe is served by the other's PCI.")
            .slices("hard", &["sector_swap", "note_overrides_numbers"])
            .cluster("drv-lobes")
            .why("D6: 332 dominates at 165 degrees (planned at 285) and 331 at 285; a mutual exchange is confirmed. Good rates do not clear it (T1)."),
        drive("RF-G-173", "B66", 20, 30, 450)
            .m("serving", json!([
                {"bearing_deg": 30, "dominant_pci": 451},
                {"bearing_deg": 150, "dominant_pci": 450},
                {"bearing_deg": 270, "dominant_pci": 452}]))
            .attach("document", "CR-2026-0418_pci.pdf", "07:30", "change CR-2026-0418 approved by RF engineering: alpha PCI 450 to 451, beta PCI 451 to 450, effective before the drive")
            .issue("DQ_CONTRADICTION", Grade::Minor, "correct_record", &[
                ("/design/cells/0/pci", ""),
                ("/attachments/1/summary", "alpha PCI 450 to 451, beta PCI 451 to 450"),
            ])
            .extra(&["FEED_SWAP"])
            .notes("en", "450 and 451 trade places on purpose, change CR-2026-0418, paper attached, design block in the portal not yet redone. Lobes are as in the change.")
            .truth(PASS, "The exchanged PCIs follow an attached approved change; update the design block.")
            .slices("hard", &["approved_deviation", "sector_swap"])
            .cluster("drv-plan")
            .why("T5 and A6: reference and document are there, so D6 is judged against the change and met. D1 to D4 are met."),
        drive("RF-G-174", "B66", 20, 30, 456)
            .attach("report", "lobe_map.pdf", "15:10", "map of the dominant PCI along the route")
            .m("serving", json!([
                {"bearing_deg": 30, "dominant_pci": 457},
                {"bearing_deg": 150, "dominant_pci": 456},
                {"bearing_deg": 270, "dominant_pci": 458}]))
            .issue("FEED_SWAP", Grade::Major, "repair_and_retest", &[
                ("/measurements/serving/0/dominant_pci", ""),
                ("/measurements/serving/1/dominant_pci", ""),
            ])
            .extra(&["DOC_MISSING", "DQ_CONTRADICTION"])
            .notes("en", "456 and 457 trade places, somebody at the desk said that is approved and on purpose. No paper that I know of. Lobes are clean otherwise.")
            .truth(FAIL, "Alpha and beta are exchanged, and the approval is hearsay.")
            .slices("hard", &["sector_swap", "unreferenced_approval"])
            .cluster("drv-plan")
            .why("D6: a mutual exchange is confirmed; T5: a spoken approval moves nothing."),
        drive("RF-G-175", "B2", 20, 110, 15)
            .m("dl_mean_mbps", 34.2)
            .m("bandwidth_mhz", 20)
            .notes("en", "Phone was stuck on the AWS layer until the last lap, found the lock in the menu at the petrol station. Log is one piece, laps one to four on AWS, lap five on the 1900 we came for. Mean over all of it as the tool gives it.")
            .issue("TEST_SETUP", Grade::Major, "retest", &[
                ("/notes", "laps one to four on AWS, lap five on the 1900 we came for"),
            ])
            .extra(&["RF_THROUGHPUT", "DQ_CONTRADICTION"])
            .truth(REVIEW, "Four of five laps were driven on another band; the figures do not describe B2.")
            .slices("hard", &["wrong_band"])
            .why("T3: the log mixes two carriers, so every share and rate is void for B2, the 85.5 % of D3 included."),
        drive("RF-G-176", "B12", 10, 65, 378)
            .times("2026-06-17", "06:40", "13:15", "16:05")
            .notes("en", "Drive diary for a site that does not like me. Tuesday the car would not start, so this is Wednesday. Left at six with the kit on the seat, two phones, one scanner, the small antenna on the roof with its magnet. The first kilometre is outside the polygon and was cut from the log by the start marker. Loop one is the town: school, church, town hall, the square where they had the market up, so I went round by the back and came out at the same corner. Loop two is the ring road at sixty, steady, wipers on. Loop three is the valley, down one side and up the other. The last time I did this site, two years back, the valley was a hole, there was no service at the sawmill at all and a call failed at each end of the tunnel; that was with the old panels at the old height. Today I parked at the sawmill, outside the log, and had a video call with my daughter. In the log it is one of the weaker corners but it is there. The tunnel is not in the polygon, I drove it for the fun of it with the marker off. A tractor made me crawl for some minutes on the second leg, which gives a few hundred samples in one place; the tool bins by distance, so it makes no difference. Around ten the scanner lost its GPS for a moment under the trees, it came back before the next bin. Somebody from the village stopped me to ask whether the tower is bad for his bees; I gave him the number on the sign. Handovers between all three sectors and to the two neighbours that can be seen from the hill, back and forth, as the order wants. The load on the network was what it is on a weekday. Loop one once more at the end, because the first time the market had the square closed, and it looks the same. Log closed at a quarter past one, copied twice, sent from the office because the hotel wants money for its network. For those who count: one hundred and four kilometres in all, of which sixty-one inside the polygon, three stops, no parked time in the log, one battery change on the scanner, made with the marker off. The two phones were on the same firmware, the one on the left did data and the one on the right did calls, the scanner was only along as a witness. The kit is back on the shelf, the magnet has left a ring on the roof which I will have to explain.")
            .truth(PASS, "A long diary whose troubles are old, outside the polygon or without effect; the drive passes.")
            .slices("hard", &["long_record", "benign_hard_negative"])
            .why("T10: the hole of two years ago is history. D1 to D4, D6 and D8 are met."),
    ]
}
