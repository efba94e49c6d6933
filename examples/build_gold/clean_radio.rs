//! Clean records: drive test, counters and closeout package.
//!
//! Same contract as `clean`: inside every limit with margin.

use llm_experiments::rf_qaqc::formulas;
use serde_json::{Value, json};

use super::case::Case;
use super::clean::{drive_kit, header};
use super::rng::{Rng, round};

/// The photographs every closeout package must hold.
pub(crate) const PHOTOS: [&str; 12] = [
    "site_id_sign",
    "compound_overview",
    "tower_elevation",
    "sector_alpha",
    "sector_beta",
    "sector_gamma",
    "ground_bar",
    "coax_weatherproofing",
    "radio_serial",
    "antenna_serial",
    "rf_signage",
    "cabinet_breakers",
];

/// A three-sector verification drive on one LTE carrier; `first` is the azimuth of alpha, `pci` its PCI.
pub(crate) fn drive(id: &str, band: &str, bandwidth_mhz: u32, first: u32, pci: u32) -> Case {
    let (mut rng, mut r) = header(id, "drive_test", None, Some(band));
    r["instrument"] = drive_kit(&mut rng);
    let bearing = |i: u32| (first + 120 * i) % 360;
    let cells: Vec<Value> = (0u32..)
        .zip(["alpha", "beta", "gamma"])
        .map(|(i, sector)| json!({"sector": sector, "azimuth_deg": bearing(i), "pci": pci + i}))
        .collect();
    let serving: Vec<Value> =
        (0..3).map(|i| json!({"bearing_deg": bearing(i), "dominant_pci": pci + i})).collect();
    let target = 2 * bandwidth_mhz;
    r["design"] = json!({"cells": cells, "dl_target_mbps": target,
        "required_neighbors": [pci + 30, pci + 31, pci + 47]});
    let name = format!("{}_SSV.log", r["site"]["site_id"].as_str().unwrap_or_default().replace("SITE-", ""));
    // A share of whole attempts: none or one of them failed.
    let (attempts, failures) = (rng.int(64, 118), f64::from(rng.int(0, 1)));
    let mean = round(f64::from(target) * rng.num(1.25, 1.7, 3), 1);
    let peak = round(formulas::lte_peak_mbps(f64::from(bandwidth_mhz), 2.0) * rng.num(0.66, 0.8, 3), 1);
    r["measurements"] = json!({"bandwidth_mhz": bandwidth_mhz, "mimo_layers": 2, "samples": rng.int(2100, 5200),
        "rsrp_mean_dbm": rng.num(-88.0, -79.0, 1), "pct_rsrp_ge_minus105": rng.num(96.6, 98.9, 1),
        "rsrq_mean_db": rng.num(-11.5, -9.2, 1), "sinr_mean_db": rng.num(10.5, 15.0, 1),
        "pct_sinr_ge_0": rng.num(96.2, 98.4, 1), "dl_mean_mbps": mean, "dl_peak_mbps": peak,
        "ul_mean_mbps": rng.num(9.0, 15.0, 1), "ho_attempts": attempts, "ho_success_pct": round(100.0 * (1.0 - failures / f64::from(attempts)), 1),
        "serving": serving, "overlaps": [], "log_file": name});
    r["attachments"] = json!([{"kind": "log", "name": name, "taken_at": r["job"]["performed_at"], "lat": null,
        "lon": null, "summary": "verification drive, all loops"}]);
    Case::new(id, r)
}

/// A day of counters after work on a cell.
pub(crate) fn kpi(id: &str, sector: &str, band: &str) -> Case {
    let (mut rng, mut r) = header(id, "ran_kpi", Some(sector), Some(band));
    let day = r["job"]["performed_at"].as_str().unwrap_or_default()[..10].to_owned();
    let (from, to) = (format!("{day}T00:00:00Z"), format!("{day}T23:59:00Z"));
    r["job"]["started_at"] = json!(from);
    r["job"]["performed_at"] = json!(to);
    r["job"]["submitted_at"] = json!(next_morning(&day));
    r["job"]["technician"] = json!("NOC");
    let level = rng.num(-118.6, -117.2, 1);
    let imbalance = rng.num(0.4, 1.6, 1);
    r["measurements"] = json!({"window_start": from, "window_end": to,
        "ul_rssi_dbm_per_prb": {"branch_a": level, "branch_b": round(level + imbalance, 1)},
        "branch_imbalance_db": imbalance, "vswr_ports": [rng.num(1.15, 1.32, 2), rng.num(1.15, 1.32, 2)],
        "vswr_alarm_active": false, "cell_availability_pct": 100.0, "rrc_setup_success_pct": rng.num(99.2, 99.8, 1),
        "ho_success_pct": rng.num(98.5, 99.3, 1)});
    Case::new(id, r)
}

fn next_morning(day: &str) -> String {
    let number: u32 = day[8..].parse().unwrap_or(1);
    format!("{}{:02}T07:{:02}:00Z", &day[..8], number + 1, 10 + number)
}

/// A complete closeout package: twelve photographs near the site, inside the job window.
pub(crate) fn closeout(id: &str, structure: &str) -> Case {
    let (mut rng, mut r) = header(id, "closeout", None, None);
    r["site"]["structure"] = json!(structure);
    let performed = r["job"]["performed_at"].as_str().unwrap_or_default().to_owned();
    let (lat, lon) =
        (r["site"]["latitude"].as_f64().unwrap_or(0.0), r["site"]["longitude"].as_f64().unwrap_or(0.0));
    r["design"] = json!({"required_photos": PHOTOS});
    let serial = rng.int(30_100, 98_000);
    let row = |i: u32, item: &str| {
        let s = format!("RRU-{}", serial + i);
        json!({"item": item, "bom": s, "observed": s})
    };
    r["measurements"] = json!({"ground_ohms": rng.num(1.6, 3.9, 1), "dc_volts": rng.num(-54.6, -53.6, 1),
        "checklist": {"weatherproofing": "ok", "grounding": "ok", "rf_signage": "ok", "connector_torque": "ok",
            "cable_support": "ok", "labels": "ok"},
        "serials": [row(0, "radio_alpha"), row(1, "radio_beta"), row(2, "radio_gamma")]});
    let hour: u32 = performed[11..13].parse().unwrap_or(12);
    let mut photos = Vec::new();
    for (i, kind) in (0u32..).zip(PHOTOS) {
        photos.push(photo(
            &mut rng,
            kind,
            &format!("{}{:02}:{:02}:00Z", &performed[..11], hour - 1, 12 + 3 * i),
            (lat, lon),
        ));
    }
    r["attachments"] = json!(photos);
    Case::new(id, r)
}

/// A photograph within a few metres of `site`.
fn photo(rng: &mut Rng, kind: &str, taken_at: &str, site: (f64, f64)) -> Value {
    json!({"kind": "photo", "name": format!("{kind}.jpg"), "taken_at": taken_at,
        "lat": round(site.0 + rng.num(-0.0002, 0.0002, 4), 4), "lon": round(site.1 + rng.num(-0.0002, 0.0002, 4), 4),
        "summary": kind})
}

/// Which photograph of the package a kind is.
pub(crate) fn photo_index(kind: &str) -> usize {
    PHOTOS.iter().position(|p| *p == kind).unwrap_or(0)
}
