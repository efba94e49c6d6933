//! RF arithmetic used by the analyst and by the label checks. Units are in the names; sources in each item.

/// Return loss in positive dB from VSWR: `-20 log10((v-1)/(v+1))` (reflection coefficient, physics).
#[must_use]
pub fn return_loss_db(vswr: f64) -> f64 {
    -20.0 * ((vswr - 1.0) / (vswr + 1.0)).log10()
}

/// VSWR from return loss in positive dB (inverse of [`return_loss_db`]).
#[must_use]
pub fn vswr(return_loss_db: f64) -> f64 {
    let g = 10f64.powf(-return_loss_db / 20.0);
    (1.0 + g) / (1.0 - g)
}

/// Expected one-way line loss in dB: cable plus 0.1 dB per connector pair (house figure) plus jumpers.
#[must_use]
pub fn expected_cable_loss_db(
    length_m: f64,
    atten_db_per_100m: f64,
    connector_pairs: f64,
    jumper_loss_db: f64,
) -> f64 {
    length_m / 100.0 * atten_db_per_100m + 0.1 * connector_pairs + jumper_loss_db
}

/// Optical budget in dB: 0.40 dB/km at 1310 nm or 0.25 at 1550, 0.5 per connector pair, 0.1 per splice (house).
#[must_use]
pub fn optical_budget_db(length_km: f64, wavelength_nm: u32, connector_pairs: f64, splices: f64) -> f64 {
    let per_km = if wavelength_nm == 1310 { 0.40 } else { 0.25 };
    length_km * per_km + 0.5 * connector_pairs + 0.1 * splices
}

/// Difference of two bearings on the circle, 0..=180 degrees.
#[must_use]
pub fn circular_difference_deg(a: f64, b: f64) -> f64 {
    let d = (a - b).rem_euclid(360.0);
    d.min(360.0 - d)
}

/// dBm to dBc at a given carrier: `dBc = dBm - carrier`.
#[must_use]
pub fn dbc(dbm: f64, carrier_dbm: f64) -> f64 {
    dbm - carrier_dbm
}

/// Edges of a band in MHz: uplink low/high, downlink low/high (3GPP TS 36.101 table 5.5-1, TS 38.101-1
/// table 5.2-1). TDD bands have the same span twice.
#[must_use]
pub fn band_edges_mhz(band: &str) -> Option<[f64; 4]> {
    Some(match band {
        "B2" => [1850.0, 1910.0, 1930.0, 1990.0],
        "B3" => [1710.0, 1785.0, 1805.0, 1880.0],
        "B4" => [1710.0, 1755.0, 2110.0, 2155.0],
        "B5" => [824.0, 849.0, 869.0, 894.0],
        "B7" => [2500.0, 2570.0, 2620.0, 2690.0],
        "B12" => [699.0, 716.0, 729.0, 746.0],
        "B13" => [777.0, 787.0, 746.0, 756.0],
        "B14" => [788.0, 798.0, 758.0, 768.0],
        "B20" => [832.0, 862.0, 791.0, 821.0],
        "B25" => [1850.0, 1915.0, 1930.0, 1995.0],
        "B66" => [1710.0, 1780.0, 2110.0, 2200.0],
        "B71" => [663.0, 698.0, 617.0, 652.0],
        "n41" => [2496.0, 2690.0, 2496.0, 2690.0],
        "n77" => [3300.0, 4200.0, 3300.0, 4200.0],
        _ => return None,
    })
}

/// Third-order product `2*f1 - f2` in the same unit as its inputs.
#[must_use]
pub fn im3(f1: f64, f2: f64) -> f64 {
    2.0 * f1 - f2
}

/// Highest plausible LTE rate in Mbps: 150.8 for 20 MHz with 2 layers of 64QAM, scaled by bandwidth and layers
/// and by 196/150.8 for 256QAM (3GPP TS 36.213 transport block tables).
#[must_use]
pub fn lte_peak_mbps(bandwidth_mhz: f64, layers: f64) -> f64 {
    196.0 * bandwidth_mhz / 20.0 * layers / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64, tol: f64) {
        assert!((a - b).abs() <= tol, "{a} against {b}");
    }

    #[test]
    fn published_pairs() {
        // VSWR / return loss table of common reference charts.
        for (v, rl) in [(1.10, 26.44), (1.50, 13.98), (2.00, 9.54), (3.00, 6.02)] {
            near(return_loss_db(v), rl, 0.005);
            near(vswr(rl), v, 0.005);
        }
        near(dbc(-97.0, 43.0), -140.0, 1e-12);
        near(im3(1930.0, 1990.0), 1870.0, 1e-12);
        near(circular_difference_deg(358.0, 2.0), 4.0, 1e-12);
        near(circular_difference_deg(10.0, 190.0), 180.0, 1e-12);
        near(lte_peak_mbps(10.0, 2.0), 98.0, 1e-12);
    }
}
