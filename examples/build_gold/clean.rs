//! Clean records: the common header, line sweep, PIM, alignment and fibre, each inside every limit with margin.
//!
//! What a label depends on is set by the case; what is drawn here never decides one.

use llm_experiments::rf_qaqc::formulas;
use serde_json::{Value, json};

use super::case::Case;
use super::rng::{Rng, round};

const CREWS: [&str; 6] = [
    "Halden Tower Works",
    "Bluestem Wireless Services",
    "Contractor-03",
    "Contractor-11",
    "Quill Ridge Telecom",
    "Norrgate Field Services",
];
const PEOPLE: [&str; 16] = [
    "A. Duarte",
    "C. Brandt",
    "D. Mensah",
    "E. Sorel",
    "F. Nakai",
    "H. Lund",
    "I. Petrov",
    "J. Reyes",
    "K. Ito",
    "L. Vega",
    "M. Adeyemi",
    "N. Farrow",
    "O. Kessel",
    "R. Stone",
    "S. Okafor",
    "W. Tran",
];
const STRUCTURES: [&str; 4] = ["monopole", "self_support", "guyed", "rooftop"];
const WORK: [&str; 3] = ["new_build", "modification", "maintenance"];

/// The header of a record; `design`, `measurements` and `attachments` still empty.
pub(crate) fn header(id: &str, test_type: &str, sector: Option<&str>, band: Option<&str>) -> (Rng, Value) {
    let mut rng = Rng::of(id);
    let number: u32 = id[5..].parse().unwrap_or(0);
    let base = if id.starts_with("RF-C") { 300_000 } else { 200_000 };
    // One site number per case, without repetition.
    let site = 1000 + (number * 137 + if base == 300_000 { 5003 } else { 11 }) % 8999;
    let day = format!("2026-{:02}-{:02}", rng.int(1, 10), rng.int(1, 27));
    let (hour, minute) = (rng.int(7, 8), rng.int(0, 59));
    let at = |h: u32, m: u32| format!("{day}T{h:02}:{m:02}:00Z");
    let rat = if band.is_some_and(|b| b.starts_with('n')) { "NR" } else { "LTE" };
    let record = json!({
        "record_id": format!("RF-{}", base + number), "schema_version": "1.0", "acceptance_profile": "BAP-1",
        "test_type": test_type,
        "site": {"site_id": format!("SITE-{site}"), "sector": sector, "structure": rng.pick(&STRUCTURES),
            "latitude": rng.num(31.0, 47.0, 4), "longitude": rng.num(-117.0, -78.0, 4)},
        "band": band, "rat": rat,
        "job": {"work_type": rng.pick(&WORK), "started_at": at(hour, minute),
            "performed_at": at(hour + rng.int(3, 5), rng.int(0, 59)),
            "submitted_at": at(rng.int(16, 21), rng.int(0, 59)),
            "contractor": rng.pick(&CREWS), "technician": rng.pick(&PEOPLE)},
        "instrument": null, "design": {}, "measurements": {}, "attachments": [], "notes_language": "en",
        "notes": ""
    });
    (rng, record)
}

fn instrument(rng: &mut Rng, kind: &str, prefix: &str) -> Value {
    let due = format!("2027-{:02}-{:02}", rng.int(1, 9), rng.int(1, 28));
    json!({"kind": kind, "serial": format!("{prefix}-{}", rng.int(1100, 9800)), "cal_due": due, "field_cal": null})
}

fn file_name(record: &Value, tail: &str) -> String {
    let site = record["site"]["site_id"].as_str().unwrap_or_default().trim_start_matches("SITE-").to_owned();
    let sector = record["site"]["sector"].as_str().unwrap_or("site").to_uppercase();
    format!("{site}_{sector}_{tail}")
}

fn file(record: &Value, kind: &str, name: &str, summary: &str) -> Value {
    json!([{"kind": kind, "name": name, "taken_at": record["job"]["performed_at"], "lat": null, "lon": null,
        "summary": summary}])
}

/// A system sweep with the antenna on, over the whole band.
pub(crate) fn sweep(id: &str, sector: &str, band: &str) -> Case {
    let (mut rng, mut r) = header(id, "line_sweep", Some(sector), Some(band));
    let edges = formulas::band_edges_mhz(band).unwrap_or([1850.0, 1910.0, 1930.0, 1990.0]);
    let (lo, hi) = (edges[0].min(edges[2]) - 10.0, edges[1].max(edges[3]) + 10.0);
    let (cable, atten) = if hi < 1000.0 {
        ("7/8 foam", rng.num(3.2, 3.7, 2))
    } else if hi < 2300.0 {
        ("7/8 foam", rng.num(5.2, 5.6, 2))
    } else {
        ("1-5/8 foam", rng.num(4.1, 4.4, 2))
    };
    let (length, jumpers) = (rng.num(24.0, 46.0, 1), rng.num(0.15, 0.35, 2));
    let expected = formulas::expected_cable_loss_db(length, atten, 4.0, jumpers);
    let rl = rng.num(18.4, 22.6, 1);
    // In the uplink or the downlink, never in the gap between them.
    let side = if rng.int(0, 1) == 0 { 0 } else { 2 };
    let worst_at = rng.num(edges[side] + 1.0, edges[side + 1] - 1.0, 1);
    let end = round(length + 3.6, 1);
    r["instrument"] = instrument(&mut rng, "cable_antenna_analyzer", "CAA");
    let perf = r["job"]["performed_at"].as_str().unwrap_or_default().to_owned();
    let hour: u32 = perf[11..13].parse().unwrap_or(12);
    r["instrument"]["field_cal"] = json!({"performed": true, "method": "OSL",
        "at": format!("{}{:02}{}", &perf[..11], hour - 1, &perf[13..]), "start_mhz": whole(lo - 20.0),
        "stop_mhz": whole(hi + 20.0)});
    r["design"] = json!({"cable_type": cable, "length_m": length, "atten_db_per_100m": atten,
        "connector_pairs": 4, "jumper_loss_db": jumpers});
    let name = file_name(&r, &format!("{band}_SYS.dat"));
    r["measurements"] = json!({"start_mhz": whole(lo), "stop_mhz": whole(hi), "termination": "antenna",
        "rl_worst_db": rl, "rl_worst_freq_mhz": worst_at,
        "vswr_worst": round(formulas::vswr(rl), 2), "cable_loss_db": round(expected + rng.num(-0.15, 0.2, 2), 2),
        "line_end_m": end,
        "dtf_events": [
            {"distance_m": rng.num(1.0, 1.6, 1), "rl_db": rng.num(28.8, 33.0, 1), "component": "connector"},
            {"distance_m": round(end - 2.2, 1), "rl_db": rng.num(28.2, 31.5, 1), "component": "connector"},
            {"distance_m": end, "rl_db": rng.num(15.8, 18.2, 1), "component": "antenna"}],
        "trace_file": name});
    r["attachments"] = file(&r, "trace", &name, &format!("system sweep, worst RL {rl:?} dB"));
    Case::new(id, r)
}

/// A frequency as people write it: without decimals.
fn whole(mhz: f64) -> Value {
    format!("{mhz:.0}").parse::<u32>().map_or(Value::Null, Value::from)
}

/// A two-tone PIM test on the antenna at 2 x 43 dBm.
pub(crate) fn pim(id: &str, sector: &str, band: &str, port: &str) -> Case {
    let (mut rng, mut r) = header(id, "pim", Some(sector), Some(band));
    let edges = formulas::band_edges_mhz(band).unwrap_or([1850.0, 1910.0, 1930.0, 1990.0]);
    let (f1, f2) = (edges[2], if band == "B66" { 2155.0 } else { edges[3] });
    // The product on the uplink's side: above the carriers where the uplink is above the downlink.
    let im = if edges[0] > edges[2] { formulas::im3(f2, f1) } else { formulas::im3(f1, f2) };
    let level = rng.num(-111.0, -104.5, 1);
    r["instrument"] = instrument(&mut rng, "pim_analyzer", "PIM");
    r["design"] = json!({"antenna_port": port});
    let name = file_name(&r, &format!("{port}_{band}_PIM.dat"));
    r["measurements"] = json!({"carrier_power_dbm": 43.0, "f1_mhz": whole(f1), "f2_mhz": whole(f2), "im_order": 3,
        "im_mhz": whole(im), "termination": "antenna", "unit": "dBm", "static_max": level,
        "static_min": round(level - rng.num(0.7, 1.9, 1), 1), "dynamic_peak": round(level + rng.num(1.0, 3.0, 1), 1),
        "duration_s": 30, "residual_dbm": rng.num(-126.0, -120.5, 1), "rtf_events": [],
        "antenna_distance_m": rng.num(26.0, 55.0, 1), "trace_file": name});
    r["attachments"] = file(&r, "trace", &name, &format!("PIM vs time, 2x43 dBm, IM3 {im:.0} MHz"));
    Case::new(id, r)
}

/// An antenna set to its sheet; design is (azimuth, mechanical tilt, electrical tilt, height).
pub(crate) fn alignment(id: &str, sector: &str, band: &str, design: (f64, f64, f64, f64)) -> Case {
    let (mut rng, mut r) = header(id, "antenna_alignment", Some(sector), Some(band));
    let (azimuth, mech, elec, height) = design;
    r["instrument"] = instrument(&mut rng, "alignment_tool", "GAT");
    let ret = format!("RET-{}-{}", &sector[..1].to_uppercase(), rng.int(210_000, 890_000));
    r["design"] = json!({"azimuth_deg": azimuth, "mech_tilt_deg": mech, "elec_tilt_deg": elec,
        "rad_center_m": height, "ret_serial": ret, "rfds_rev": rng.pick(&["A", "B", "C", "D"])});
    let found = round((azimuth + rng.num(-1.2, 1.2, 1)).rem_euclid(360.0), 1);
    let (tilt, roll) = (round(mech + rng.num(-0.2, 0.2, 1), 1), rng.num(0.1, 0.6, 1));
    r["measurements"] = json!({"azimuth_deg": found, "mech_tilt_deg": tilt, "elec_tilt_deg": elec,
        "roll_deg": roll, "rad_center_m": round(height + rng.num(-0.2, 0.2, 1), 1), "method": "gps_tool",
        "north_reference": "true", "ret_serial": ret});
    let name = file_name(&r, "alignment.pdf");
    r["attachments"] = file(&r, "report", &name, "alignment tool report, all angles and height");
    Case::new(id, r)
}

/// A short fibre run to the radio: two connector pairs, no splice.
pub(crate) fn fiber(id: &str, sector: &str, band: &str, fiber_id: &str) -> Case {
    let (mut rng, mut r) = header(id, "fiber", Some(sector), Some(band));
    let km = rng.num(0.06, 0.16, 3);
    r["instrument"] = instrument(&mut rng, "otdr", "OTDR");
    r["design"] = json!({"fiber_id": fiber_id});
    let (near, far) = (rng.num(0.22, 0.36, 2), rng.num(0.24, 0.38, 2));
    let name = file_name(&r, &format!("{fiber_id}_OTDR.sor"));
    let reflectance = rng.num(-56.5, -52.0, 1);
    r["measurements"] = json!({"length_km": km,
        "loss_db": {"1310": round(near + far + 0.03, 2), "1550": round(near + far + 0.01, 2)},
        "connector_pairs": 2, "splices": 0, "worst_reflectance_db": reflectance, "polish": "UPC",
        "events": [
            {"distance_m": 0.0, "loss_db": near, "reflectance_db": round(reflectance - 1.3, 1), "kind": "connector"},
            {"distance_m": round(km * 1000.0, 0), "loss_db": far, "reflectance_db": reflectance, "kind": "connector"}],
        "endface": "pass", "rx_power_dbm": rng.num(-7.5, -3.0, 1), "rx_min_dbm": -14.4, "rx_max_dbm": 0.5,
        "launch_fiber": true, "trace_file": name});
    r["attachments"] = file(&r, "trace", &name, "bidirectional 1310/1550");
    Case::new(id, r)
}

/// An instrument for the radio records.
pub(crate) fn drive_kit(rng: &mut Rng) -> Value {
    instrument(rng, "drive_test_kit", "DTK")
}
