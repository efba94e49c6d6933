//! Gold cases RF-G-123 to 143: antenna alignment.
//!
//! Record from `clean`, truth and note by hand.

use serde_json::Value;

use super::case::{Case, FAIL, Grade, PASS, REVIEW};
use super::clean::alignment;

pub(crate) fn cases() -> Vec<Case> {
    plain().into_iter().chain(directions()).chain(deviations()).chain(stories()).collect()
}

fn plain() -> Vec<Case> {
    vec![
        alignment("RF-G-123", "gamma", "B66", (255.0, 2.0, 4.0, 33.0))
            .notes("en", "Gamma panel, tool on the back plate, five minutes, fine. PDF in the usual folder.")
            .truth(PASS, "All angles and the height are within tolerance.")
            .slices("easy", &["clean"])
            .why("A1 to A5 are met."),
        alignment("RF-G-124", "alpha", "B2", (20.0, 1.0, 6.0, 45.0))
            .set("/job/work_type", "audit")
            .turned(28.3)
            .set("/attachments/0/summary", "azimuth 28.3 true, tilts and roll as found")
            .notes("en", "Audit only, we touch nothing. Shot from the back plate, three readings, middle one entered.")
            .truth(FAIL, "Azimuth is 8.3 degrees off design.")
            .slices("easy", &[]),
        alignment("RF-G-125", "beta", "B5", (140.0, 0.0, 8.0, 58.5))
            .set("/job/work_type", "maintenance")
            .m("method", "drone")
            .m("north_reference", "unknown")
            .set("/attachments/0/summary", "drone survey, azimuth 140 plus minus, tilts and roll by picture")
            .notes("en", "Flown after the storm check, pictures stitched at the desk. Program gives a direction and no word about which north.")
            .issue("ALN_REFERENCE", Grade::Major, "retest", &[
                ("/measurements/north_reference", ""),
                ("/notes", "no word about which north"),
            ])
            .extra(&["ALN_AZIMUTH", "TEST_SETUP"])
            .truth(REVIEW, "The drone survey does not say which north its direction refers to.")
            .slices("easy", &[])
            .why("A4: the direction must be against true north; T3: the azimuth is void until that is known."),
        alignment("RF-G-126", "gamma", "B12", (230.0, 2.0, 2.0, 40.0))
            .turned(227.0)
            .set("/attachments/0/summary", "azimuth 227.0 true, all angles and height")
            .notes("en", "Three short of the sheet, 227 against 230. The arm touches the neighbour's bracket if I go on.")
            .truth(PASS, "Azimuth is exactly 3.0 degrees off, which counts as met.")
            .slices("easy", &["clean"]),
        alignment("RF-G-127", "alpha", "B66", (75.0, 1.0, 3.0, 30.5))
            .tilted("mech_tilt_deg", -1.0)
            .set("/attachments/0/summary", "mechanical tilt -1.0, electrical 3.0, all angles and height")
            .notes("en", "Bracket was on the bench already put together, hung it as it was. Inclinometer against the radome, zeroed on the pipe first.")
            .truth(FAIL, "Panel is tilted up by 1 degree where 1 degree down is designed.")
            .slices("easy", &["sign"])
            .why("Positive is down, so the sign counts."),
        alignment("RF-G-128", "beta", "B25", (115.0, 3.0, 5.0, 36.4))
            .tilted("mech_tilt_deg", 4.0)
            .notes("en", "Four on the dial, the next hole would be two and a half. PDF attached, it has the picture of the panel with the dial.")
            .truth(REVIEW, "Mechanical tilt is exactly 1.0 degree off, the last value of the review band.")
            .slices("easy", &["review_band"])
            .why("Fail is > 1.0, so 1.0 is review."),
        alignment("RF-G-129", "gamma", "B71", (300.0, 0.0, 7.0, 61.0))
            .tilted("elec_tilt_deg", 7.5)
            .notes("en", "RET steps are half degrees on this model and it stops at 7.5. Sent it twice, same answer. Moved on.")
            .truth(PASS, "Electrical tilt is exactly 0.5 degree off, which counts as met.")
            .slices("easy", &["clean"]),
        alignment("RF-G-130", "alpha", "B3", (0.0, 2.0, 4.0, 38.0))
            .m("rad_center_m", 36.2)
            .m("ret_serial", "RET-B-551208")
            .issue("ALN_POSITION", Grade::Major, "realign", &[
                ("/measurements/rad_center_m", ""),
                ("/design/rad_center_m", ""),
            ])
            .issue("RET_MISMATCH", Grade::Major, "repair_and_retest", &[
                ("/measurements/ret_serial", ""),
                ("/design/ret_serial", ""),
            ])
            .notes("en", "Went on the lower pair of pipes since the upper pair is taken. Serial read off the actuator with the mirror.")
            .truth(FAIL, "Antenna hangs 1.8 m below design and carries another RET actuator than planned.")
            .extra(&["DOC_ID_MISMATCH"])
            .slices("easy", &["id_mismatch", "multi_issue"])
            .why("A3a: 38.0-36.2=1.8 m, over 1.0. A5: the serials differ."),
        alignment("RF-G-131", "beta", "B7", (200.0, 1.0, 2.0, 27.0))
            .rolled(1.6)
            .set("/attachments/0/kind", "photo")
            .set("/attachments/0/name", "tool_display_beta.jpg")
            .set("/attachments/0/summary", "display of the alignment tool, blurred")
            .issue("DOC_MISSING", Grade::Major, "resubmit_document", &[("/attachments/0/kind", "photo")])
            .notes("en", "Export from the tool needs a licence that ran out, so there is a picture of its screen in place of the PDF.")
            .truth(REVIEW, "Roll is in the review band and the tool report is missing.")
            .slices("easy", &["missing_data", "review_band", "multi_issue"])
            .why("I4: an alignment needs its report attached; a blurred picture is none."),
    ]
}

fn directions() -> Vec<Case> {
    vec![
        alignment("RF-G-132", "alpha", "B2", (357.5, 2.0, 5.0, 43.0))
            .turned(0.4)
            .set("/attachments/0/summary", "azimuth 0.4 true, all angles and height")
            .notes("en", "Sheet says 357.5, tool says 0.4. Portal turned the field red at once, it cannot count past north.")
            .truth(PASS, "0.4 against 357.5 is 2.9 degrees on the circle, inside tolerance.")
            .slices("medium", &["circular_angle", "benign_hard_negative"])
            .cluster("aln-north")
            .why("Plain subtraction would give 357.1."),
        alignment("RF-G-133", "alpha", "B2", (4.0, 2.0, 5.0, 43.8))
            .turned(356.2)
            .set("/attachments/0/summary", "azimuth 356.2 true, all angles and height")
            .notes("en", "Sheet says 4, tool says 356.2. Portal turned the field red at once, it always does that around north.")
            .truth(FAIL, "356.2 against 4 is 7.8 degrees on the circle.")
            .slices("medium", &["circular_angle"])
            .cluster("aln-north")
            .why("The portal is right here by accident; T1."),
        alignment("RF-G-134", "beta", "B66", (125.0, 1.0, 4.0, 37.0))
            .m("ret_serial", "RET-G-330917")
            .issue("RET_MISMATCH", Grade::Major, "repair_and_retest", &[
                ("/measurements/ret_serial", ""),
                ("/design/ret_serial", ""),
            ])
            .notes("en", "All three actuators answer on the bus. Read the numbers from the scan and not from the labels, the labels are under the shroud.")
            .truth(FAIL, "The bus scan finds another RET serial on beta than the plan has.")
            .extra(&["DOC_ID_MISMATCH"])
            .slices("easy", &["sector_swap", "id_mismatch"])
            .why("A5: the serial to sector map does not match; a later tilt command would move the wrong antenna."),
        alignment("RF-G-135", "gamma", "B20", (240.0, 2.0, 3.0, 31.0))
            .set("/instrument", Value::Null)
            .m("method", "compass")
            .m("north_reference", "magnetic")
            .set("/attachments/0/summary", "hand-filled sheet, 240 by compass")
            .notes("de", "Mit dem Kompass ausgerichtet, am Rohr angehalten, 240 abgelesen. Missweisung habe ich keine eingerechnet, das macht hier ja nicht viel aus.")
            .issue("ALN_REFERENCE", Grade::Major, "retest", &[
                ("/measurements/north_reference", ""),
                ("/notes", "Missweisung habe ich keine eingerechnet"),
            ])
            .extra(&["ALN_AZIMUTH", "TEST_SETUP"])
            .truth(REVIEW, "The direction is magnetic, without declination, and was read at the steel pipe.")
            .slices("medium", &["foreign_language"])
            .cluster("aln-compass")
            .why("A4: a compass counts only with declination and away from steel; T3: the azimuth is void. T9."),
        alignment("RF-G-136", "gamma", "B20", (240.0, 2.0, 3.0, 34.2))
            .set("/instrument", Value::Null)
            .m("method", "compass")
            .m("azimuth_deg", 240.5)
            .attach("document", "declinacao_ficha.pdf", "09:40", "declination table for the site, 2.0 degrees west, sighting point 90 m from the tower")
            .set("/attachments/0/summary", "alignment report, azimuth 240.5 true (242.5 magnetic), all angles and height")
            .notes("pt", "Sem ferramenta GPS hoje. Visada a 90 m da torre, longe de ferro, 242,5 magnético, declinação 2 graus oeste, ficha anexada. Dá 240,5 verdadeiro.")
            .truth(PASS, "Compass away from steel with documented declination: 242.5 less 2.0 is 240.5 true.")
            .slices("medium", &["foreign_language", "benign_hard_negative"])
            .cluster("aln-compass")
            .why("A4: both conditions are documented; true = magnetic + declination = 242.5-2.0=240.5. A1 to A3 are met. T9."),
        alignment("RF-G-137", "beta", "B12", (95.0, 2.0, 6.0, 49.0))
            .rolled(1.0)
            .notes("en", "Ticket 4471 from last winter says beta was 12 degrees out and had a cracked clamp; both were dealt with under that ticket. Had it still been so I would have called. Roll is one degree, the pipe leans.")
            .truth(PASS, "Old findings were closed under another ticket; today's values pass, roll exactly on the limit.")
            .slices("medium", &["benign_hard_negative"])
            .why("T10: history and hypotheticals are not findings. A1 and A2 are met."),
    ]
}

fn deviations() -> Vec<Case> {
    vec![
        alignment("RF-G-138", "beta", "B66", (130.0, 4.0, 2.0, 29.6))
            .attach("photo", "beta_bracket.jpg", "14:20", "upper bracket of beta, hole next to the pipe in use")
            .tilted("mech_tilt_deg", 1.0)
            .set("/attachments/0/summary", "mechanical tilt 1.0, electrical 2.0, all angles and height")
            .notes("en", "Mech is at one and no longer at four, deviation DEV-2026-0163 covers it. The paper is with the project office, they never send us the PDF.")
            .truth(FAIL, "Mechanical tilt is 3 degrees off; a deviation number without its document moves nothing.")
            .extra(&["DOC_MISSING"])
            .slices("medium", &["unreferenced_approval"])
            .cluster("aln-paper")
            .why("T5 and A6: number and attached sheet are both needed, and the sheet is not there."),
        alignment("RF-G-139", "beta", "B66", (130.0, 4.0, 2.0, 31.9))
            .tilted("mech_tilt_deg", 1.2)
            .set("/attachments/0/summary", "mechanical tilt 1.2, electrical 2.0, all angles and height")
            .attach("document", "DEV-2026-0171_beta_RFDS_rev_E.pdf", "08:50", "deviation DEV-2026-0171 approved: beta mechanical tilt 4 changed to 1, azimuth and electrical tilt unchanged, RFDS rev E")
            .withdraw("ALN_TILT")
            .notes("en", "Mech is at 1.2 and no longer at four, deviation DEV-2026-0171, sheet attached. Record still has the old four.")
            .issue("DQ_CONTRADICTION", Grade::Minor, "correct_record", &[
                ("/design/mech_tilt_deg", ""),
                ("/attachments/1/summary", "beta mechanical tilt 4 changed to 1"),
            ])
            .truth(PASS, "Mechanical tilt follows the attached approved deviation; update the design block.")
            .slices("hard", &["approved_deviation", "note_overrides_numbers"])
            .cluster("aln-paper")
            .why("T5 and A6: reference and sheet are both there, so the design value is 1 and 1.2 is within 0.5 of it."),
    ]
}

fn stories() -> Vec<Case> {
    vec![
        alignment("RF-G-140", "alpha", "B25", (60.0, 1.0, 3.0, 35.0))
            .attach("photo", "alpha_lower_clamp.jpg", "14:05", "lower clamp of alpha on the pipe")
            .notes("en", "Numbers are perfect. You can move the panel sideways with two fingers though, the lower clamp will not bite on this thin pipe, it needs the small jaws. I set it to 60, let go, read it and came down.")
            .issue("INS_WORKMANSHIP", Grade::Major, "repair_and_retest", &[
                ("/notes", "You can move the panel sideways with two fingers though"),
                ("/notes", "the lower clamp will not bite on this thin pipe"),
            ])
            .extra(&["ALN_AZIMUTH", "TEST_SETUP"])
            .truth(FAIL, "The panel turns freely because the lower clamp does not hold; it was left so.")
            .slices("hard", &["note_overrides_numbers", "note_contradicts_numbers"])
            .cluster("aln-clamp")
            .why("T2 and I1: a loose mount seen and left beats the passing angles (A1)."),
        alignment("RF-G-141", "alpha", "B25", (60.0, 1.0, 3.0, 38.7))
            .times("2026-07-22", "07:45", "10:35", "17:55")
            .notes("en", "Shot alpha at 10:35. In the afternoon the lower clamp was exchanged for one with small jaws, panel was off its pipe for that and is back. Felt solid after. GPS tool had gone back to the rental desk at noon.")
            .issue("TEST_SETUP", Grade::Major, "retest", &[
                ("/notes", "panel was off its pipe for that and is back"),
            ])
            .extra(&["ALN_AZIMUTH", "DOC_MISSING"])
            .truth(REVIEW, "The panel was taken down and put back after the measurement.")
            .slices("hard", &["stale_measurement", "note_overrides_numbers"])
            .cluster("aln-clamp")
            .why("T3: the angles belong to the state before the clamp was exchanged; no fault is known."),
        alignment("RF-G-142", "gamma", "B4", (270.0, 2.0, 2.0, 47.5))
            .set("/job/work_type", "maintenance")
            .times("2026-09-03", "07:10", "12:40", "18:20")
            .notes("en", "Long climb, so a long story. Left the truck at ten past seven, boots wet before the gate. Two sections of the ladder are new, the fall arrest rail runs through without a gap. At the first rest platform I met the painter, he has the top third to do and stays until Friday, he knows to keep out of the front of the panels. At the second I changed gloves. Up top there are three arms, alpha to the north, beta behind the ladder, gamma over the lake. I unpacked the tool, gave it the time it needs for its satellites, fifteen of them, and checked it against the far church as always. Put the strap round the panel, tightened, read, tightened again. Roll, tilt and direction came up steady and I stored them as gamma. The height by laser down to the plate. The electrical tilt by the laptop, no errors on the bus, serial as listed. Took the photographs of the label, of the bracket and of the view. Had my sandwich with a cormorant for company. When I took the strap off I saw that I had been sitting on beta's arm all the time: the strap had been round the beta panel, and gamma is the one I had my feet against. Light was going and so was my harness time. The laser and the laptop figures are right for gamma, the three angles are what they are. Painted line on the pipe is still the old one. For the file: the wind was three to four from the west, enough to make the tool hum and not enough to move the panel; the tool was still inside its date, its sticker says so and the case has the paper; the bolts on all arms are marked and the marks are in line; the jumpers have slack and a drip loop; the RET cable is clipped every half metre; nothing rattles. I had the radio of the painter on the frequency of the tower company for the whole of the time, as the permit wants, and wrote both names in the book at the foot. Two of the lamps on the way up do not burn, told the owner. A wasp nest under the second platform is empty. Packed up, met the painter again on the way down, he wanted to know about the lake. Gate closed at twenty to six. Drove home with the heater on.")
            .issue("TEST_SETUP", Grade::Major, "retest", &[
                ("/notes", "the strap had been round the beta panel"),
                ("/notes", "stored them as gamma"),
            ])
            .extra(&["ALN_REFERENCE", "DOC_ID_MISMATCH", "DQ_CONTRADICTION", "DQ_REUSED"])
            .truth(REVIEW, "The angles stored as gamma were measured on the beta panel.")
            .slices("hard", &["long_record", "note_overrides_numbers", "id_mismatch"])
            .why("T3: azimuth, tilt and roll belong to another antenna and are void for gamma; no fault is known."),
        alignment("RF-G-143", "beta", "B13", (110.0, 0.0, 5.0, 37.0))
            .m("rad_center_m", 121.4)
            .set("/attachments/0/summary", "alignment tool report, centre line 121.4 ft, angles as entered")
            .notes("en", "Height off the tape, which is a foot tape, 121.4. All else from the tool.")
            .issue("DQ_UNITS", Grade::Minor, "correct_record", &[
                ("/measurements/rad_center_m", ""),
                ("/attachments/0/summary", "centre line 121.4 ft"),
            ])
            .extra(&["DQ_CONTRADICTION"])
            .truth(PASS, "Height was entered in feet; 121.4 ft is 37.0 m, as designed.")
            .slices("hard", &["unit_confusion", "note_overrides_numbers"])
            .why("T6: note and report say feet and the arithmetic agrees, 121.4*0.3048=37.0 m; A3a is met."),
    ]
}
