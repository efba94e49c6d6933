//! Gold cases RF-G-055 to 060: closeout packages.
//!
//! Record from `clean_radio`, truth and note by hand.

use super::case::{Case, FAIL, Grade, PASS, REVIEW};
use super::clean_radio::{closeout, photo_index};

pub(crate) fn cases() -> Vec<Case> {
    let bar = photo_index("ground_bar");
    let gate = photo_index("compound_overview");
    vec![
        closeout("RF-G-055", "self_support")
            .set("/site/latitude", 43.6120)
            .set("/site/longitude", -103.4475)
            .placed(43.6120, -103.4475)
            .set(&format!("/attachments/{gate}/lat"), 43.6127)
            .notes("en", "Package done. The compound shot is from the road gate, the only spot where it all fits in the frame.")
            .truth(PASS, "Package is complete; the farthest photo is 78 m away, inside 100 m.")
            .slices("easy", &["clean", "location"])
            .why("I2 to I7 are met; I5 allows 100 m."),
        closeout("RF-G-056", "monopole")
            .m("serials/1/observed", "RRU-77140")
            .notes("en", "Beta radio was dead on arrival, warehouse sent another one. Forgot the antenna label picture before the lift left.")
            .without_photo("antenna_serial")
            .issue("DOC_ID_MISMATCH", Grade::Major, "correct_record", &[
                ("/measurements/serials/1/bom", ""),
                ("/measurements/serials/1/observed", ""),
            ])
            .truth(REVIEW, "Antenna serial photo is missing and the beta radio is not the one on the bill of material.")
            .slices("easy", &["missing_data", "id_mismatch", "multi_issue"])
            .why("I7: bill of material and observed serial differ, and the exchange has no document."),
        closeout("RF-G-057", "rooftop")
            .notes("en", "All twelve pictures in. The caution sign at the gamma stair head is gone, only the four screw holes are left; the tenants' smokers use that landing. Sectors have been on air since Tuesday. Sign is on order, two weeks.")
            .issue("REG_RF_SAFETY", Grade::Critical, "escalate_safety", &[
                ("/notes", "The caution sign at the gamma stair head is gone"),
                ("/notes", "the tenants' smokers use that landing"),
            ])
            .issue("DQ_CONTRADICTION", Grade::Minor, "correct_record", &[("/measurements/checklist/rf_signage", "ok")])
            .truth(FAIL, "RF caution sign is gone where tenants pass, with the sectors on air; escalate.")
            .slices("medium", &["safety", "note_contradicts_numbers"])
            .cluster("cls-sign")
            .why("T7 and I8: a live exposure hazard is critical and decides; the ok tick is answered by T2."),
        closeout("RF-G-058", "rooftop")
            .attach("photo", "new_caution_sign_gamma_stair.jpg", "13:00", "caution sign fixed at stair head, chain closed")
            .notes("en", "Rooftop, so a few words. Four of us, one van, two runs with the lift for the tools. Parking on the loading bay is by plate number only, we paid a ticket last time. Access through the freight lift, key from security, they want an hour's notice. When we came up the caution sign at the gamma stair head was gone, four holes. The sectors were still locked at that time, the switch-on was booked for the evening. Fitted a new sign from stock with through bolts, chain across the landing, extra picture attached. Then the ordinary list. Ballast blocks counted, all there, rubber mats under each one, none cracked. Cable tray lids clipped, the two short bridges over the parapet have their edge guard. Loose gravel under the alpha sled was swept. One spare cable tie cut off, one water bottle of a former crew binned. Grounds to the ring tested with the clamp, breakers labelled. Told the building manager where the line is that nobody may cross, he signed our sheet.")
            .truth(PASS, "The missing sign was replaced before switch-on, with a photo; the package is complete.")
            .slices("medium", &["safety", "long_record", "benign_hard_negative"])
            .cluster("cls-sign")
            .why("I8 is met as left: sign and chain were in place before the sectors radiated, with a photo; T2 and T7 apply to hazards left in place. I2 to I7 are met."),
        closeout("RF-G-059", "guyed")
            .set("/site/latitude", 38.2205)
            .set("/site/longitude", -91.7340)
            .placed(38.2205, -91.7340)
            .photo_at(bar, "2026-01-09T10:30:00Z", 38.3391, -91.5127)
            .notes("es", "La foto de la barra de tierra es de otro sitio que hicimos en enero, la barra es igual. Lo demás es de hoy.")
            .issue("DQ_REUSED", Grade::Major, "resubmit_document", &[
                ("/notes", "La foto de la barra de tierra es de otro sitio"),
            ])
            .issue("DQ_TIMESTAMP", Grade::Major, "resubmit_document", &[(&format!("/attachments/{bar}/taken_at"), "")])
            .issue("DOC_ID_MISMATCH", Grade::Major, "resubmit_document", &[
                (&format!("/attachments/{bar}/lat"), ""),
                (&format!("/attachments/{bar}/lon"), ""),
            ])
            .extra(&["DOC_MISSING"])
            .truth(REVIEW, "The ground bar photo was taken at another site in January.")
            .slices("medium", &["integrity", "timestamp", "location", "id_mismatch", "foreign_language", "multi_issue"])
            .why("T3: the photo shows something else. I6: taken before the job started. I5: farther than 100 m. T9."),
        closeout("RF-G-060", "monopole")
            .set("/job/work_type", "modification")
            .m("ground_ohms", 11.8)
            .notes("en", "Closeout for the overlay. Last of three days on this site, delivery and mounting have their own reports, this is only the list and the pictures. Started with the sign and the compound, then tower elevation from the access road, weather dry all day, some wind. Sector pictures from the manlift at each height. Radio serials cleaned before the picture so they can be read. Breakers labelled with the printer, two spare positions left open and marked spare. Weatherproofing of all jumpers done with tape, mastic, tape, and one of them photographed. Cable trays closed. Fibre slack coiled in the box, four loops, no tight bend, lid gasket seated. Battery string put under load for ten minutes, no drop worth a mention. At the beta radio the ground lead was cut through by the old crew and there was no lug of that size in the van, so that radio has none for now. Both alpha jumpers are finger tight at the panel, the wrench went with the other truck. Boots on the open ports at gamma. Swept up the cut tie wraps, counted the tools, gate locked behind us.")
            .issue("INS_GROUNDING", Grade::Major, "repair_and_retest", &[
                ("/notes", "the ground lead was cut through by the old crew"),
                ("/notes", "that radio has none for now"),
                    ("/measurements/ground_ohms", ""),
            ])
            .issue("INS_WORKMANSHIP", Grade::Major, "repair_and_retest", &[
                ("/notes", "Both alpha jumpers are finger tight at the panel"),
            ])
            .issue("DQ_CONTRADICTION", Grade::Minor, "correct_record", &[
                ("/measurements/checklist/grounding", "ok"),
                ("/measurements/checklist/connector_torque", "ok"),
            ])
            .truth(FAIL, "The beta radio has no ground lead, the ground reads 11.8 ohm and the alpha jumpers are not torqued; all left so.")
            .slices("hard", &["long_record", "note_contradicts_numbers", "multi_issue"])
            .why("T2 and I1: defects seen and left in place beat the ok ticks; I2: the ground reads over 10 ohm as well."),
    ]
}
