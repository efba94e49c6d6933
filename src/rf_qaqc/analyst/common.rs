//! Rules for every record: C1, C2 (sweeps), I4, I5, I6 and Q1.
//!
//! Reads an attachment's kind, name, time and position; never its summary.

use time::Duration;

use super::inspection::{Evidence, Inspection};
use super::pim;
use crate::rf_qaqc::codes::Certainty::Confirmed;
use crate::rf_qaqc::instructions::Outcome;
use crate::rf_qaqc::record::TestType;

/// Quotes that show the absence of a report; more would tell the reader nothing new.
const MAX_KIND_QUOTES: usize = 5;
/// Mean radius of the earth in metres (IUGG R1); at 100 m the choice of ellipsoid is far below GPS error.
const EARTH_RADIUS_M: f64 = 6_371_008.8;

const PERFORMED: &str = "/job/performed_at";
const SUBMITTED: &str = "/job/submitted_at";

pub(super) fn inspect(i: &mut Inspection<'_>) -> Result<(), String> {
    instrument_due(i)?;
    field_calibration(i)?;
    if i.rules.lists("I4") {
        required_fields(i)?;
        required_attachments(i)?;
    }
    photos(i)?;
    if i.rules.lists("Q1") && i.record.time_at(PERFORMED)? > i.record.time_at(SUBMITTED)? {
        i.report("Q1", "DQ_TIMESTAMP", Confirmed, &[PERFORMED, SUBMITTED])?;
    }
    Ok(())
}

fn instrument_due(i: &mut Inspection<'_>) -> Result<(), String> {
    let due = "/instrument/cal_due";
    if !i.rules.lists("C1") || i.record.is_null("/instrument")? {
        return Ok(());
    }
    if i.record.date_at(due)? < i.record.time_at(PERFORMED)?.date() {
        i.report("C1", "CAL_INVALID", Confirmed, &[due, PERFORMED])?;
    }
    Ok(())
}

fn field_calibration(i: &mut Inspection<'_>) -> Result<(), String> {
    let Some(age_limit) = i.rules.limit("C2") else { return Ok(()) };
    if i.record.test_type != TestType::LineSweep {
        return Ok(());
    }
    for pointer in ["/instrument", "/instrument/field_cal"] {
        if i.record.is_null(pointer)? {
            return i.report("C2", "CAL_INVALID", Confirmed, &[pointer]);
        }
    }
    let done = "/instrument/field_cal/performed";
    if i.record.flag(done)? != Some(true) {
        return i.report("C2", "CAL_INVALID", Confirmed, &[done]);
    }
    let at = "/instrument/field_cal/at";
    let age: Duration = i.record.time_at(PERFORMED)? - i.record.time_at(at)?;
    if age.is_negative() || age_limit.outcome(age.as_seconds_f64() / 3600.0) != Outcome::Pass {
        i.report("C2", "CAL_INVALID", Confirmed, &[at, PERFORMED])?;
    }
    for (cal, sweep, inside) in [
        ("/instrument/field_cal/start_mhz", "/measurements/start_mhz", f64::le as fn(&f64, &f64) -> bool),
        ("/instrument/field_cal/stop_mhz", "/measurements/stop_mhz", f64::ge),
    ] {
        if !inside(&i.record.number_at(cal)?, &i.record.number_at(sweep)?) {
            i.report("C2", "CAL_INVALID", Confirmed, &[cal, sweep])?;
        }
    }
    Ok(())
}

fn required_fields(i: &mut Inspection<'_>) -> Result<(), String> {
    let mut fields = match i.record.test_type {
        TestType::LineSweep => vec!["rl_worst_db", "cable_loss_db", "trace_file"],
        TestType::Pim => vec!["static_max", "dynamic_peak", "residual_dbm", "trace_file"],
        TestType::Alignment => {
            vec!["azimuth_deg", "mech_tilt_deg", "elec_tilt_deg", "roll_deg", "rad_center_m"]
        }
        // An end face that was not inspected is F5's.
        TestType::Fiber => vec!["loss_db/1310", "loss_db/1550", "rx_power_dbm", "trace_file"],
        TestType::DriveTest => vec!["log_file"],
        TestType::RanKpi => vec![],
        TestType::Closeout => vec!["ground_ohms", "dc_volts"],
    };
    if i.record.test_type == TestType::Pim && pim::in_dbc(i)? {
        // Readings in dBc cannot be compared without it.
        fields.push("carrier_power_dbm");
    }
    for field in fields {
        let pointer = format!("/measurements/{field}");
        if i.record.is_null(&pointer)? {
            i.report("I4", "DOC_MISSING", Confirmed, &[&pointer])?;
        }
    }
    Ok(())
}

fn required_attachments(i: &mut Inspection<'_>) -> Result<(), String> {
    let attachments = i.record.children("/attachments")?;
    match i.record.test_type {
        TestType::Alignment => {
            let mut kinds = Vec::new();
            for attachment in &attachments {
                let kind = format!("{attachment}/kind");
                if i.record.text_at(&kind)? == "report" {
                    return Ok(());
                }
                kinds.push(kind);
            }
            if kinds.is_empty() {
                kinds.push("/attachments".to_owned());
            }
            let shown: Vec<&str> = kinds.iter().take(MAX_KIND_QUOTES).map(String::as_str).collect();
            i.report("I4", "DOC_MISSING", Confirmed, &shown)
        }
        TestType::Closeout => {
            let mut names = Vec::new();
            for attachment in &attachments {
                if is_photo(i, attachment)? {
                    let name = i.record.text_at(&format!("{attachment}/name"))?;
                    names.push(name.rsplit_once('.').map_or(name, |(stem, _)| stem));
                }
            }
            let list = "/design/required_photos";
            let list_text = i.record.quote(list)?;
            let mut missing = Vec::new();
            for pointer in i.record.children(list)? {
                let kind = i.record.text_at(&pointer)?;
                if kind.is_empty() {
                    return Err(format!(
                        "record field `{pointer}`: expected a photo name, found an empty text"
                    ));
                }
                if !names.contains(&kind) {
                    // The list is where a reader looks; a name that JSON escapes stands only in its element.
                    let source = if list_text.contains(kind) { list.to_owned() } else { pointer.clone() };
                    missing.push(Evidence { source, quote: kind.to_owned() });
                }
            }
            if !missing.is_empty() {
                i.report_evidence("I4", "DOC_MISSING", Confirmed, missing);
            }
            Ok(())
        }
        TestType::LineSweep | TestType::Pim | TestType::Fiber | TestType::DriveTest | TestType::RanKpi => {
            Ok(())
        }
    }
}

fn is_photo(i: &Inspection<'_>, attachment: &str) -> Result<bool, String> {
    Ok(i.record.text_at(&format!("{attachment}/kind"))? == "photo")
}

fn photos(i: &mut Inspection<'_>) -> Result<(), String> {
    if !i.rules.lists("I5") && !i.rules.lists("I6") {
        return Ok(());
    }
    for photo in i.record.children("/attachments")? {
        if is_photo(i, &photo)? {
            photo_position(i, &photo)?;
            photo_time(i, &photo)?;
        }
    }
    Ok(())
}

fn photo_position(i: &mut Inspection<'_>, photo: &str) -> Result<(), String> {
    let Some(near) = i.rules.limit("I5") else { return Ok(()) };
    let (lat, lon) = (format!("{photo}/lat"), format!("{photo}/lon"));
    if let (Some(a), Some(b)) = (i.record.number(&lat)?, i.record.number(&lon)?)
        && let (Some(c), Some(d)) = (i.record.number("/site/latitude")?, i.record.number("/site/longitude")?)
        && near.outcome(distance_m((a, b), (c, d))) != Outcome::Pass
    {
        i.report("I5", "DOC_ID_MISMATCH", Confirmed, &[&lat, &lon])?;
    }
    Ok(())
}

fn photo_time(i: &mut Inspection<'_>, photo: &str) -> Result<(), String> {
    if !i.rules.lists("I6") {
        return Ok(());
    }
    let pointer = format!("{photo}/taken_at");
    let taken = i.record.time_at(&pointer)?;
    let started = "/job/started_at";
    if i.record.time(started)?.is_some_and(|start| taken < start) {
        i.report("I6", "DQ_TIMESTAMP", Confirmed, &[&pointer, started])?;
    } else if taken > i.record.time_at(SUBMITTED)? {
        i.report("I6", "DQ_TIMESTAMP", Confirmed, &[&pointer, SUBMITTED])?;
    }
    Ok(())
}

/// Great-circle distance of two (latitude, longitude) pairs in degrees, by the haversine formula.
fn distance_m(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (lat_a, lat_b) = (a.0.to_radians(), b.0.to_radians());
    let half_lat = (lat_b - lat_a) / 2.0;
    let half_lon = (b.1 - a.1).to_radians() / 2.0;
    let h = half_lat.sin().powi(2) + lat_a.cos() * lat_b.cos() * half_lon.sin().powi(2);
    2.0 * EARTH_RADIUS_M * h.sqrt().min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_on_the_sphere() {
        // One degree of latitude is pi/180 of the radius.
        assert!((distance_m((39.0, -98.0), (40.0, -98.0)) - 111_195.08).abs() < 0.1);
        assert!(distance_m((39.0, -98.0), (39.0, -98.0)) < 1e-9);
        assert!((distance_m((0.0, 179.5), (0.0, -179.5)) - 111_195.08).abs() < 0.1);
    }
}
