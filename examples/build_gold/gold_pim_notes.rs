//! Gold cases RF-G-116 to 122: PIM whose truth is in the text.
//!
//! Record from `clean`, truth and note by hand.

use super::case::{Case, FAIL, Grade, PASS, REVIEW};
use super::clean::pim;

pub(crate) fn cases() -> Vec<Case> {
    short_notes().into_iter().chain(remade()).chain(long_notes()).collect()
}

fn short_notes() -> Vec<Case> {
    vec![
        pim("RF-G-116", "gamma", "B66", "P3")
            .levels(-104.4, -105.5, -101.9)
            .notes("en", "Good port. Only when somebody steps on the grating next to the RRU it shoots to minus 79 for a blink, the jumper runs under there. On its own it stays at -104, and the form has the numbers without anyone walking.")
            .issue("PIM_LIMIT", Grade::Major, "repair_and_retest", &[
                ("/notes", "it shoots to minus 79 for a blink"),
            ])
            .issue("DQ_CONTRADICTION", Grade::Minor, "correct_record", &[
                ("/measurements/dynamic_peak", ""),
                ("/notes", "the form has the numbers without anyone walking"),
            ])
            .extra(&["INS_WORKMANSHIP"])
            .truth(FAIL, "The jumper under the grating jumps to -79 dBm when it is moved.")
            .slices("hard", &["note_contradicts_numbers", "note_overrides_numbers"])
            .cluster("pim-grating")
            .why("P3: 18 dB over -97 under movement fails even if it recovers; the dynamic field holds a value taken without any."),
        pim("RF-G-117", "gamma", "B66", "P2")
            .levels(-105.7, -106.6, -102.8)
            .notes("en", "When somebody stepped on the grating next to the RRU it shot to minus 79. Strapped the jumper to the rail and put a new seal ring in before the measurement that you have here: two people jumping on the grating, taps on every joint, nothing above -102.8.")
            .truth(PASS, "The loose jumper was strapped down before the recorded test, which includes the same stimulus.")
            .slices("hard", &["benign_hard_negative"])
            .cluster("pim-grating")
            .why("P3 and P1: the recorded dynamic test was made after the repair with the same movement and stays 5.8 dB under the limit; nothing is left in place (T2)."),
        pim("RF-G-118", "beta", "B12", "P3")
            .times("2026-05-21", "07:40", "13:10", "17:30")
            .set("/site/structure", "rooftop")
            .m("termination", "low_pim_load")
            .levels(-117.2, -118.3, -115.6)
            .attach("trace", "P3_on_antenna_before.dat", "12:10", "same port on the antenna, peak -84.0 dBm, range to fault 9 m beyond the antenna")
            .set("/attachments/0/summary", "PIM vs time into low-PIM load, 2x43 dBm, IM3 712 MHz, peak -115.6 dBm")
            .notes("en", "What counts is in the form: line into the load, superb. On the antenna it was -84 before, range to fault 9 m out in the air, that is the neighbour's tin roof and not ours, so I leave that out.")
            .issue("PIM_EXTERNAL", Grade::Major, "rf_engineering_review", &[
                ("/notes", "On the antenna it was -84 before, range to fault 9 m out in the air"),
                ("/attachments/1/summary", "range to fault 9 m beyond the antenna"),
                ("/measurements/dynamic_peak", ""),
            ])
            .issue("PIM_LIMIT", Grade::Major, "rf_engineering_review", &[
                ("/attachments/1/summary", "on the antenna, peak -84.0 dBm"),
            ])
            .extra(&["DQ_CONTRADICTION", "TEST_SETUP"])
            .truth(FAIL, "Feed is clean into the load and the source lies 9 m beyond the antenna: external PIM at -84 dBm.")
            .slices("hard", &["note_overrides_numbers", "multi_issue"])
            .cluster("pim-outside")
            .why("P1: -84.0 dBm on the antenna is 13 dB over -97, seen and left out of the form (T2). P8: source more than 1.0 m beyond the antenna and a clean load test (P2), both, so confirmed; whose roof it is does not matter to the receiver."),
    ]
}

fn remade() -> Vec<Case> {
    vec![
        pim("RF-G-119", "alpha", "B25", "P4")
            .levels(-106.2, -107.5, -103.3)
            .times("2026-06-10", "07:15", "11:05", "16:45")
            .attach("photo", "RRU_alpha_new_height.jpg", "13:30", "RRU of alpha on its bracket, jumpers connected")
            .notes("en", "Eleven o'clock: -103.3 worst, tap or no tap, sweet. One o'clock: electricians wanted the RRU ten centimetres lower, so the jumper of this port came off and went back on, hand and wrench. Analyzer was on its way to gamma by then and stayed there.")
            .issue("TEST_SETUP", Grade::Major, "retest", &[
                ("/notes", "the jumper of this port came off and went back on"),
            ])
            .extra(&["DOC_MISSING"])
            .truth(REVIEW, "The joint was opened after the test and not measured again.")
            .slices("hard", &["stale_measurement", "note_overrides_numbers"])
            .cluster("pim-reopened")
            .why("T3: the numbers describe a joint that was opened later; no fault is known, so neither pass nor fail."),
        pim("RF-G-120", "alpha", "B25", "P4")
            .times("2026-06-17", "07:25", "11:15", "17:20")
            .levels(-92.8, -94.0, -88.5)
            .attach("trace", "alpha_P4_after_remake.dat", "14:05", "retest 14:05 after jumper was remade, 2x43 dBm, static -107.9, dynamic peak -104.6 dBm")
            .notes("en", "Eleven fifteen: -88.5, bad. Flange had a burr. New jumper on, wrench, and once more at 14:05: peak -104.6, that file is with the rest. Number one is what the portal shows because it never lets go of it.")
            .issue("DQ_CONTRADICTION", Grade::Minor, "correct_record", &[
                ("/measurements/dynamic_peak", ""),
                ("/attachments/1/summary", "dynamic peak -104.6 dBm"),
            ])
            .extra(&["PIM_LIMIT"])
            .truth(PASS, "Jumper replaced; the attached second test peaks at -104.6 dBm. Correct the stale fields.")
            .slices("hard", &["retest_supersedes", "note_overrides_numbers"])
            .cluster("pim-reopened")
            .why("T4: the file of the second test is attached and agrees with the note, so -104.6 dBm governs (P1)."),
    ]
}

fn long_notes() -> Vec<Case> {
    vec![
        pim("RF-G-121", "beta", "B66", "P1")
            .times("2026-03-24", "08:15", "10:40", "17:10")
            .notes("en", "Notes of the day, port by port, as asked for after the last audit. The set was warmed up in the truck with the inverter, a good half hour, because it was four degrees outside and it drifts when cold. Residual into the load first, written on the form. The load has its own sticker and its own bag and nobody else touches it. Ladder to the first platform, then the fixed rail, then the second platform where the RRUs of beta hang in a row of three, left to right B2, B66, B12. I went for the one in the middle. Cable marker on the jumper says B66 P1, the same as on the port, I rubbed the dirt off to be sure. Opened the flange, looked at both faces with the lamp, no grit, no scratches, wiped with the lint-free cloths and not with the sleeve. Closed it with the torque wrench, click. Low carriers first, then full power, the fan of the set is loud enough for two. Static run: thirty seconds, a line as flat as the fields around here. Dynamic run: rubber mallet on the panel, on the pipe, on the flange, on the elbow, three blows each. Hand on the cable, pull, push, twist. The peak is on the form. For the second half I had to move the strap of my bag since it was knocking on the mast, which would have been a funny thing to report. Then the outside look, as the order says. The three jumpers are dressed side by side, all with labels at both ends. Colour rings present. The pair of bolts that hold the top clamp of the beta panel are without their lock nuts, and one of them has backed out by a finger's width; my sockets were the wrong size, so that is how it hangs. RET cable has its drip loop. Grounding tail short and straight. The plate with the antenna serial is readable from the platform if you kneel. On the way down I counted the anchor shackles, all pinned. Ground level: gate, padlock, sign, all there. Sent the files from the truck with one bar of signal, which took longer than the test. For the statistics of the depot: start of climbing ten past nine, port one finished at five to eleven, down at half past one with a break for a shower of rain which we sat out under the platform, wind between four and seven, no lightning in the log of the weather service. The second man was with me all day and signed the rescue sheet.")
            .issue("INS_WORKMANSHIP", Grade::Major, "repair_and_retest", &[
                ("/notes", "one of them has backed out by a finger's width"),
                ("/notes", "so that is how it hangs"),
            ])
            .truth(FAIL, "The top clamp of the beta panel has no lock nuts and one bolt has backed out; it was left so.")
            .slices("hard", &["long_record", "note_overrides_numbers"])
            .why("T2 and I1: a defect seen and left in place beats a passing PIM test; P1 to P7 are met and do not clear it."),
        pim("RF-G-122", "gamma", "B71", "P1")
            .levels(-105.1, -106.0, -104.1)
            .attach("photo", "gamma_port_label.jpg", "14:10", "label of gamma port P1")
            .notes("en", "Static is measured. For the tapping part I would have needed a second man on the mallet, so the dynamic number is the static one plus one, that is about what it comes to on these panels. Approved way of doing it at my old company.")
            .issue("TEST_SETUP", Grade::Major, "retest", &[
                ("/notes", "the dynamic number is the static one plus one"),
            ])
            .extra(&["DOC_MISSING", "DQ_REUSED", "DQ_CONTRADICTION"])
            .truth(REVIEW, "The dynamic value was made up; the joints were never tapped.")
            .slices("hard", &["integrity", "note_overrides_numbers"])
            .why("T3: the dynamic figure was not measured, so P1 and P3 are not shown; -105.1+1.0=-104.1. T5: a habit elsewhere is no approval."),
    ]
}
