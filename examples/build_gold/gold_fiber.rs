//! Gold cases RF-G-036 to 042: fibre to the radio.
//!
//! Record from `clean`, truth and note by hand.

use serde_json::json;

use super::case::{Case, FAIL, Grade, PASS, REVIEW};
use super::clean::fiber;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        fiber("RF-G-036", "alpha", "n77", "F1")
            .notes("en", "F1 both ways, scope picture fine, light level fine.")
            .truth(PASS, "Loss, events, reflectance, end face and receive power are within limits.")
            .slices("easy", &["clean"])
            .why("F1 to F6 are met."),
        fiber("RF-G-037", "beta", "n41", "F4")
            .m("loss_db/1310", 2.31)
            .m("loss_db/1550", 2.28)
            .m("events/1/loss_db", 1.92)
            .m("rx_power_dbm", -9.6)
            .notes("en", "F4 far end connector is the bad one, cleaned it, no change. Radio comes up.")
            .issue("FIB_OPTICAL", Grade::Major, "repair_and_retest", &[
                ("/measurements/loss_db/1310", ""),
                ("/measurements/events/1/loss_db", ""),
            ])
            .extra(&["FIB_ENDFACE"])
            .truth(FAIL, "The far connector loses 1.92 dB and the link is over its budget.")
            .slices("easy", &[])
            .why("F2a: a connector over 0.75 dB fails. F1: the link is over budget by more than 0.5 dB. A radio that comes up proves nothing about margin (T1)."),
        fiber("RF-G-038", "gamma", "n77", "F3")
            .times("2026-05-25", "08:40", "14:05", "17:40")
            .attach("photo", "F3_RRU_end_second_look.png", "13:40", "end face image after second cleaning, core and cladding clear")
            .notes("de", "Beim ersten Blick auf F3 lag ein Fussel quer über dem Kern. Trocken und dann feucht gereinigt, zweites Bild ist sauber und liegt bei. Danach erst gesteckt und gemessen.")
            .truth(PASS, "Dirt seen at first was cleaned away, with an image; all values pass.")
            .slices("medium", &["foreign_language", "benign_hard_negative"])
            .cluster("fib-face")
            .why("F5: the end face as connected passes, with the second image attached; T2 does not apply because nothing was left in place. T9."),
        fiber("RF-G-039", "gamma", "n77", "F2")
            .notes("de", "F2 zweimal trocken und einmal feucht gereinigt, der Kratzer quer über dem Kern bleibt. Dämpfung ist gut, darum habe ich ihn so gesteckt und bestanden angekreuzt.")
            .issue("FIB_ENDFACE", Grade::Major, "repair_and_retest", &[
                ("/notes", "der Kratzer quer über dem Kern bleibt"),
            ])
            .issue("DQ_CONTRADICTION", Grade::Minor, "correct_record", &[
                ("/measurements/endface", "pass"),
                ("/notes", "bestanden angekreuzt"),
            ])
            .truth(FAIL, "A scratch across the core of F2 remains after cleaning; re-terminate or replace the connector.")
            .slices("hard", &["foreign_language", "note_contradicts_numbers"])
            .cluster("fib-face")
            .why("F5 and T2: single-mode UPC allows no scratch in the core zone, and it was left connected; good loss does not replace inspection. T9."),
        fiber("RF-G-040", "alpha", "n41", "F6")
            .times("2026-02-17", "08:20", "13:30", "16:40")
            .set("/job/submitted_at", "2026-02-17T12:05:00Z")
            .m("endface", "not_inspected")
            .notes("en", "Scope is at repair. Shot F6 anyway.")
            .issue("DOC_MISSING", Grade::Major, "resubmit_document", &[("/measurements/endface", "not_inspected")])
            .issue("DQ_TIMESTAMP", Grade::Major, "correct_record", &[
                ("/job/performed_at", ""),
                ("/job/submitted_at", ""),
            ])
            .truth(REVIEW, "End face was not inspected and the test is dated after the submission.")
            .slices("easy", &["missing_data", "timestamp", "multi_issue"])
            .why("F5: not inspected gives DOC_MISSING. Q1: performed 13:30, submitted 12:05."),
        fiber("RF-G-041", "beta", "n77", "F2")
            .m("rx_power_dbm", -11.8)
            .m("splices", 2)
            .m("length_km", 0.145)
            .m("loss_db/1310", 0.79)
            .m("loss_db/1550", 0.76)
            .m("events", json!([
                {"distance_m": 0.0, "loss_db": 0.28, "reflectance_db": -55.4, "kind": "connector"},
                {"distance_m": 61.0, "loss_db": 0.07, "reflectance_db": null, "kind": "splice"},
                {"distance_m": 74.0, "loss_db": 0.09, "reflectance_db": null, "kind": "splice"},
                {"distance_m": 145.0, "loss_db": 0.33, "reflectance_db": -54.1, "kind": "connector"}]))
            .m("worst_reflectance_db", -54.1)
            .notes("fr", "Deux épaisseurs de boue dans le regard, mais la boîte est sèche. Fibre F2 refaite avec deux soudures hier, contrôlées au réflectomètre. Réception à -11,8, un peu faible sans doute, mais encore au-dessus du minimum plus deux.")
            .truth(PASS, "Everything is within limits, including the low but sufficient receive power.")
            .slices("medium", &["foreign_language", "benign_hard_negative"])
            .why("F4: min+2 is -12.4 dBm, -11.8 is above it. F1 and F2 are met. T9; T10: mud in the pit is not a finding on the fibre."),
        fiber("RF-G-042", "gamma", "n41", "F4")
            .times("2026-09-24", "08:10", "14:20", "19:40")
            .m("length_km", 0.142)
            .m("loss_db/1310", 0.61)
            .m("loss_db/1550", 0.58)
            .m("events/0/loss_db", 0.27)
            .m("events/1/loss_db", 0.31)
            .m("events/1/distance_m", 142.0)
            .set("/attachments/0/summary", "bidirectional 1310/1550, 0.61 / 0.58 dB")
            .attach("trace", "GAMMA_F3_OTDR.sor", "12:05", "bidirectional 1310/1550, 0.61 / 0.58 dB")
            .notes("en", "Hybrid trunk, twelve fibres, I count F1 to F12 from the yellow tracer. Hung the reel box on the ladder, ran the launch fibre from the cabinet, checked the scope on a known clean connector first, that was good. F1 and F2 took ages since the adapter plate was full of wasps. Both done before lunch. For the record the cabinet key is the short one, the long one is for the generator, somebody mixed up the tags. Reel length set to 150 m, pulse width at the shortest, averaging half a minute per shot, index as printed on the sheath. F3 went well, 0.61 and 0.58. After lunch the manlift people wanted their machine, and F4 sits in the same loose tube, so for F4 I copied F3 and renamed it, the figures will be within a hair of each other in any case. Inspected both end faces of F4, clean. Light level at the radio read on the unit itself. Trunk is tied every metre, drip loop at the entry, boots on all the spare ports. Radio came up with no alarms. Left the compound tidy.")
            .issue("DQ_REUSED", Grade::Major, "retest", &[
                ("/notes", "for F4 I copied F3 and renamed it"),
                ("/attachments/1/summary", "0.61 / 0.58 dB"),
            ])
            .extra(&["TEST_SETUP", "DOC_MISSING"])
            .truth(REVIEW, "The F4 trace is a copy of F3; F4 was never shot.")
            .slices("hard", &["integrity", "note_overrides_numbers", "long_record", "too_good_to_be_true"])
            .why("T3: the numbers belong to another fibre and are void for F4; no fault is known, so neither pass nor fail. F5 and F4 as rules are met but do not replace F1."),
    ]
}
