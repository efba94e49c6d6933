//! Arithmetic only: exact tests, intervals, multiplicity, planning numbers.
//!
//! No project types, no files, no clock and no hidden randomness: what is random takes an [`rng::Rng`] that
//! the caller seeded. Every formula names its source. One-sided p-values follow one convention: `p_drop` is
//! small when the candidate is worse, `p_rise` is small when it is better, and neither is ever zero.
//!
//! Reading order: [`relabel`] (the test that fails a run), [`eprocess`] (the same, case by case), [`case_test`] (one
//! case alone), [`signflip`] (what it says about other cases), [`interval`], [`min_cases`] and [`margin`] (what earns a pass),
//! [`multiplicity`] (several metrics, one level), [`mde`] (what a design can find); for judges [`agreement`],
//! [`judge`], [`pairwise`] and [`bootstrap`]; for canaries [`betting`] and [`shiryaev_roberts`]; [`proportion`] (rates
//! in tables), and below them [`moments`], [`quantile`] and [`rng`].

pub mod agreement;
pub mod betting;
pub mod bootstrap;
pub mod case_test;
pub mod eprocess;
pub mod interval;
pub mod judge;
pub mod margin;
pub mod mde;
pub mod min_cases;
pub mod moments;
pub mod multiplicity;
pub mod pairwise;
pub mod proportion;
pub mod quantile;
pub mod relabel;
pub mod rng;
pub mod rounding;
pub mod shiryaev_roberts;
pub mod signflip;

/// Keep a tail probability inside (0, 1]: sums of rounded terms may exceed 1 by an ulp, and the tail of
/// thousands of cases may underflow.
fn as_p_value(sum: f64) -> f64 {
    sum.clamp(f64::MIN_POSITIVE, 1.0)
}
