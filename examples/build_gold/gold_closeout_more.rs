//! Gold cases RF-G-187 to 200: closeout packages.
//!
//! Record from `clean_radio`, truth and note by hand.

use super::case::{Case, FAIL, Grade, PASS, REVIEW};
use super::clean_radio::{closeout, photo_index};

pub(crate) fn cases() -> Vec<Case> {
    plain().into_iter().chain(packages()).chain(long_notes()).collect()
}

fn plain() -> Vec<Case> {
    vec![
        closeout("RF-G-187", "monopole")
            .notes("en", "Twelve pictures, one list, done. Megger and clamp by the usual man.")
            .truth(PASS, "Package is complete and every reading is inside its limit.")
            .slices("easy", &["clean"])
            .why("I1 to I7 are met."),
        closeout("RF-G-188", "rooftop")
            .notes("en", "Uploaded in two goes since the portal dropped the connection between them. Count should be twelve.")
            .without_photo("sector_gamma")
            .truth(REVIEW, "The required photo of sector gamma is missing.")
            .slices("easy", &["missing_data"]),
        closeout("RF-G-189", "self_support")
            .high_ground(13.0)
            .notes("en", "Ring measured at the test well by the gate, three probes, dry summer, no water in the well. Rest is on the list, portal took it at once.")
            .truth(FAIL, "Ground resistance is 13.0 ohm, over the 10 ohm fail limit.")
            .slices("easy", &[]),
        closeout("RF-G-190", "guyed")
            .m("ground_ohms", 5.0)
            .m("dc_volts", -57.0)
            .notes("en", "Five ohms even, minus fifty-seven at the bus because the batteries were on equalize. Wrote both down as they were, since somebody will ask.")
            .truth(PASS, "Ground at 5.0 ohm and DC at -57.0 V are exactly on their limits, which counts as met.")
            .slices("easy", &["clean"])
            .why("I2: <= 5 ohm. I3: -57 to -46 V with both ends included. I4 to I7 are met."),
        closeout("RF-G-191", "monopole")
            .m("dc_volts", -44.9)
            .issue("INS_WORKMANSHIP", Grade::Suspected, "retest", &[("/measurements/dc_volts", "")])
            .notes("en", "Bus reading taken with the rectifier's own meter, load on. Air con was humming, breakers all up, water tray of it empty.")
            .truth(REVIEW, "The DC plant reads -44.9 V, outside -57 to -46; probably on battery or a failed rectifier.")
            .slices("easy", &[])
            .why("I3: outside the window is suspected."),
        closeout("RF-G-192", "rooftop")
            .high_ground(22.4)
            .notes("en", "Roof steel is our ground here, approved by the owner when it was built. The second picture of the breakers would not load.")
            .without_photo("cabinet_breakers")
            .truth(FAIL, "Ground resistance is 22.4 ohm, and the breaker photo is missing.")
            .slices("easy", &["missing_data", "multi_issue"]),
    ]
}

fn packages() -> Vec<Case> {
    let (sign, bar, gate) =
        (photo_index("rf_signage"), photo_index("ground_bar"), photo_index("compound_overview"));
    vec![
        closeout("RF-G-193", "self_support")
            .times("2026-05-19", "07:40", "12:10", "17:25")
            .set(&format!("/attachments/{gate}/taken_at"), "2026-05-12T15:40:00Z")
            .issue("DQ_TIMESTAMP", Grade::Major, "resubmit_document", &[
                (&format!("/attachments/{gate}/taken_at"), ""),
                ("/job/started_at", ""),
            ])
            .notes("en", "Compound view is from the walk-through, light was better. All other pictures are of the day.")
            .extra(&["DQ_REUSED"])
            .truth(REVIEW, "The compound photo was taken a week before the job began.")
            .slices("medium", &["timestamp"])
            .why("I6: 12 May is before the start on 19 May, so the photo does not show the finished work."),
        closeout("RF-G-194", "guyed")
            .set("/site/latitude", 41.2050)
            .set("/site/longitude", -95.8810)
            .placed(41.2050, -95.8810)
            .set(&format!("/attachments/{bar}/lat"), 41.2094)
            .m("serials/2/observed", "RRU-60418")
            .issue("DOC_ID_MISMATCH", Grade::Major, "correct_record", &[
                ("/measurements/serials/2/bom", ""),
                ("/measurements/serials/2/observed", ""),
                (&format!("/attachments/{bar}/lat"), ""),
            ])
            .notes("en", "Gamma radio label read with the zoom. Phone had trouble finding itself under the trees.")
            .truth(REVIEW, "The ground bar photo lies 489 m away and the gamma radio is not the one on the bill of material.")
            .slices("medium", &["location", "id_mismatch"])
            .why("I5: farther than 100 m. I7: serials differ without a document."),
        closeout("RF-G-195", "rooftop")
            .m("checklist/rf_signage", "defect")
            .issue("REG_RF_SAFETY", Grade::Critical, "escalate_safety", &[("/measurements/checklist/rf_signage", "defect")])
            .notes("en", "List filled in as seen. Sign picture is the close one. Sectors carry load since last night.")
            .extra(&["DQ_CONTRADICTION"])
            .truth(FAIL, "RF signage is ticked as defect while the sectors are on air; escalate.")
            .slices("medium", &["safety"])
            .why("I8 and I1: a defect tick stands against the site; T7: a live hazard is critical and decides."),
        closeout("RF-G-196", "monopole")
            .m("serials/0/observed", "RRU-91377")
            .attach("document", "ECO-2026-0052_radio_alpha.pdf", "09:20", "engineering change ECO-2026-0052 approved: alpha radio replaced under warranty by RRU-91377, bill of material rev C")
            .issue("DQ_CONTRADICTION", Grade::Minor, "correct_record", &[
                ("/measurements/serials/0/bom", ""),
                ("/attachments/12/summary", "replaced under warranty by RRU-91377"),
            ])
            .extra(&["DOC_ID_MISMATCH"])
            .notes("en", "Alpha radio is the warranty one, ECO-2026-0052, paper attached. Portal still prints the old bill.")
            .truth(PASS, "The exchanged radio is covered by an attached approved change; correct the bill of material.")
            .slices("medium", &["approved_deviation", "id_mismatch"])
            .why("T5: reference and document are there and name the serial that was found, so I7 is met against rev C. I2 to I6 are met."),
        closeout("RF-G-197", "guyed")
            .set(&format!("/attachments/{sign}/summary"), "rf_signage, notice and caution signs at the gate")
            .notes("pt", "Havia um cadeado partido no portão e uma placa caída quando chegámos; cadeado novo, placa de volta no lugar com quatro parafusos, é a da fotografia. Água da chuva no poço de terra, medição feita na mesma.")
            .truth(PASS, "Lock and sign were put right before the photo; the package is complete.")
            .slices("medium", &["foreign_language", "benign_hard_negative", "safety"])
            .cluster("cls-gate")
            .why("I8 is met as left, with the required photo; T2 and T7 apply to hazards left in place. I2 to I7 are met. T9."),
        closeout("RF-G-198", "guyed")
            .notes("es", "Lista completa, doce fotos. El portón no cierra, el candado está roto y la puerta del gabinete de continua quedó abierta con las barras a la vista; los chicos del pueblo entran a jugar ahí. Avisaré cuando vuelva la semana próxima.")
            .issue("REG_RF_SAFETY", Grade::Critical, "escalate_safety", &[
                ("/notes", "la puerta del gabinete de continua quedó abierta con las barras a la vista"),
                ("/notes", "los chicos del pueblo entran a jugar ahí"),
            ])
            .extra(&["DQ_CONTRADICTION", "INS_WORKMANSHIP"])
            .truth(FAIL, "The compound is open, the DC bars are exposed and children get in; escalate today.")
            .slices("medium", &["safety", "foreign_language", "note_contradicts_numbers"])
            .cluster("cls-gate")
            .why("T7 and I8: a live hazard is critical and decides, whatever the list says. T9."),
    ]
}

fn long_notes() -> Vec<Case> {
    vec![
        closeout("RF-G-199", "rooftop")
            .times("2026-08-26", "06:55", "13:50", "19:30")
            .notes("en", "Closing report, written at the kitchen table, so bear with me. The building is a dairy with offices on top, you sign in at the counter where they sell the cheese, and you wear a hair net until you are in the lift. Keys are on a hook behind the freezer. The roof hatch has a gas spring which is weak, hold it with the strap. Three sleds, one per sector, mats under all of them. We had the leak last year, everybody remembers: water through the membrane under the beta sled, a bucket in the accountant's office, and two failed closeouts before somebody paid a roofer. That is history, there is a new membrane and a paper from the roofer in last year's folder. I poured a can over the seam again for my own peace of mind and went down to look: dry. Signs: information at the hatch, caution at each sled, photo of one of them is in the package as required. Chain around gamma because the window cleaner's rail passes it, he has his key and his training and his name in the book. Grounding goes to the ring of the lightning system, tested with the clamp at two places, the figure on the form is the higher one. Cable trays are closed, sharp edges have their rubber. Jumpers are wrapped in three layers, I photographed the worst looking one, which is ugly and tight. Torque paint on every connector. Labels: both ends, printed. The breaker for the heater had no label, made one with the pen, and then a proper one in the van, which is the one in the picture. Batteries: load test for an hour last week under another order, not part of this. DC on the bus is on the form. Fire stopping in the riser has been looked at by the building's man, he signed the page that stays in his binder. Spare parts: one jumper, two boots, left in the box under the rack with a list. Rubbish went down in two bags. The bucket from the accountant's office is still there, it holds umbrellas now. I was asked to write down the times as well: in at seven, hatch at seven twenty, alpha finished by nine, beta by half past ten, a break with the office people who wanted to know if the boxes hum, gamma by noon, list and pictures until two. No alarms on the screen of the NOC while I was there, none after I left, I called them from the car. The weak gas spring of the hatch has been told to the building's man, he wrote it on his hand. The hair net is still in my pocket. On the way out I bought the cheese, it is good, take the old one.")
            .truth(PASS, "A long report without an open finding; the package is complete.")
            .slices("hard", &["long_record", "benign_hard_negative"])
            .cluster("cls-report")
            .why("T10: the leak of last year is history; what was missing (a label) was fixed. I1 to I8 are met."),
        closeout("RF-G-200", "rooftop")
            .times("2026-07-07", "07:15", "14:20", "17:05")
            .high_ground(10.6)
            .notes("en", "Closing report for the warehouse roof. You get in through gate B, the guard wants the plate number and a phone number, then it is all the way round the back to the stair tower, six floors on foot as the lift is for pallets. Mornings are best since the sun is brutal after eleven, there is no shade up there at all. We are three: one on the radios, one on the cables, me with the camera and the list. Order of work was alpha, gamma, beta, because a pigeon is sitting on two eggs next to the beta sled and we wanted to give her time. Radios are mounted as drawn, covers on, fans turning. Serial labels wiped and photographed. Fibres are in the box with four loops each, lid closed. All breakers have a label. The handrail at the parapet is new, galvanised, the owner is proud of it. Trays are closed except for the last piece at gamma where the lid comes next to the duct and has to be cut, we cut it and closed it. On alpha the ports that are not used have caps. On gamma likewise. On beta two of the jumper joints at the panel are wrapped as they should be, and the two on the right have nothing on them, bare threads, we were out of mastic by then and the shop is an hour away; it was clear weather when we came down. The pigeon stayed through it all and looked at us. Ground: measured at the bar by the stair tower, then again at the far end, the number is the worse of the two, somebody painted over the lug and I did not have a file. Everything swept up, three bags. Water for the team came from the guard, nice man. Photos uploaded from the car park in the order of the list, so the numbering is the same. For the next crew: bring your own extension lead, the socket by the stair tower has no current, the one behind the compressor has. The owner wants an hour's notice and no drilling before nine because of the bats, which are protected and live behind the sign of the company. Lunch truck comes at noon to gate A, not B. Signed out at ten past four.")
            .issue("INS_WEATHERPROOF", Grade::Major, "repair_and_retest", &[
                ("/notes", "the two on the right have nothing on them, bare threads"),
                ("/notes", "we were out of mastic by then"),
            ])
            .issue("DQ_CONTRADICTION", Grade::Minor, "correct_record", &[("/measurements/checklist/weatherproofing", "ok")])
            .truth(FAIL, "Two joints on beta were left unsealed, and the ground reads 10.6 ohm.")
            .slices("hard", &["long_record", "multi_issue", "note_contradicts_numbers"])
            .cluster("cls-report")
            .why("T2 and I1: joints seen bare and left so beat the ok tick."),
    ]
}
