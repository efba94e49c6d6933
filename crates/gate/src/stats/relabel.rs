//! Within-case relabelling: could recorded and new answers have been swapped?
//!
//! If nothing changed, the `kb` recorded and `kc` new samples of one case are interchangeable, so every
//! choice of which `kc` of them are "new" is equally likely, independently for every case. The p-value is the
//! share of such relabellings whose total difference is at least as extreme as the one seen. For passes and
//! fails this is the exact stratified test of Mantel and Haenszel; with one sample on each side it is the
//! exact test of `McNemar`. Nothing is asymptotic.
//!
//! Whole numbers are convolved exactly; real scores, or counts so different that no small lattice holds them,
//! are relabelled at random from a seeded generator. A case whose samples are all equal
//! takes part in the effect but cannot be relabelled.

use super::as_p_value;
use super::moments::mean;
use super::rng::Rng;

/// Random relabellings unless a level asks for more: the smallest p-value they can give is 1 in 10,000.
pub const DRAWS: u32 = 9_999;

/// Random relabellings with which a p-value can fall well below `level`: [`DRAWS`], or as many as put ten
/// possible p-values at or below the level, at most a million.
///
/// ```
/// use llmx_gate::stats::relabel::draws_for;
/// assert_eq!((draws_for(0.01), draws_for(0.00025)), (9_999, 39_999));
/// ```
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to a small positive range; a NaN becomes 0 and is raised to the usual number"
)]
pub fn draws_for(level: f64) -> u32 {
    let wanted = (10.0 / level).round().clamp(0.0, 1_000_000.0) as u32;
    wanted.saturating_sub(1).max(DRAWS)
}

/// A relabelled total this close to the observed one is a tie, and ties count.
const TIE: f64 = 1e-9;

/// Lattice points beyond which random relabelling takes over (40 MB per buffer).
const MAX_LATTICE: u64 = 5_000_000;

/// Additions beyond which random relabelling takes over: a lattice of moderate size times thousands of cases
/// would otherwise take minutes.
const MAX_WORK: u64 = 400_000_000;

/// Passes of one case on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BinaryCase {
    kb: u32,
    sb: u32,
    kc: u32,
    sc: u32,
}

impl BinaryCase {
    /// `sb` of `kb` baseline samples and `sc` of `kc` candidate samples passed. `None` when a side has no
    /// sample, more passes than samples, or more than a million samples.
    #[must_use]
    pub fn new(kb: u32, sb: u32, kc: u32, sc: u32) -> Option<Self> {
        let side = |k: u32, s: u32| (1..=1_000_000).contains(&k) && s <= k;
        (side(kb, sb) && side(kc, sc)).then_some(Self { kb, sb, kc, sc })
    }

    /// Candidate pass rate minus baseline pass rate.
    #[must_use]
    pub fn difference(&self) -> f64 {
        f64::from(self.sc) / f64::from(self.kc) - f64::from(self.sb) / f64::from(self.kb)
    }

    /// Passes of the candidate.
    pub(super) fn candidate_passes(&self) -> u32 {
        self.sc
    }

    fn samples(&self) -> u32 {
        self.kb + self.kc
    }

    fn passes(&self) -> u32 {
        self.sb + self.sc
    }

    fn is_informative(&self) -> bool {
        self.passes() > 0 && self.passes() < self.samples()
    }

    /// Fewest and most passes the candidate can have when the labels are drawn anew.
    pub(super) fn support(&self) -> (u32, u32) {
        ((self.passes()).saturating_sub(self.kb), self.kc.min(self.passes()))
    }

    /// Hypergeometric probabilities of the passes in [`support`](Self::support), by the ratio of neighbours
    /// from the mode outwards: additions and multiplications only, so every machine gets the same bits.
    pub(super) fn label_probabilities(&self) -> Vec<f64> {
        let (low, high) = self.support();
        let n = f64::from(self.samples());
        let (t, k) = (f64::from(self.passes()), f64::from(self.kc));
        let up = |x: u32| {
            let x = f64::from(x);
            (t - x) * (k - x) / ((x + 1.0) * (n - t - k + x + 1.0))
        };
        let mode = (u64::from(self.passes() + 1) * u64::from(self.kc + 1) / u64::from(self.samples() + 2))
            .clamp(u64::from(low), u64::from(high));
        let mode = u32::try_from(mode).unwrap_or(low);
        let mut below: Vec<f64> = Vec::new();
        let mut weight = 1.0;
        for x in (low..mode).rev() {
            weight /= up(x);
            below.push(weight);
        }
        let mut weights: Vec<f64> = below.into_iter().rev().collect();
        weights.push(1.0);
        weight = 1.0;
        for x in mode..high {
            weight *= up(x);
            weights.push(weight);
        }
        let total: f64 = weights.iter().sum();
        weights.iter().map(|w| w / total).collect()
    }
}

/// Scores of one case on both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct RealCase {
    baseline: Vec<f64>,
    candidate: Vec<f64>,
}

impl RealCase {
    /// The samples of one case. `None` when a side is empty or a score is not finite.
    #[must_use]
    pub fn new(baseline: Vec<f64>, candidate: Vec<f64>) -> Option<Self> {
        let usable = |side: &[f64]| !side.is_empty() && side.iter().all(|x| x.is_finite());
        (usable(&baseline) && usable(&candidate)).then_some(Self { baseline, candidate })
    }

    /// Baseline and candidate samples.
    pub(super) fn sides(&self) -> (&[f64], &[f64]) {
        (&self.baseline, &self.candidate)
    }

    /// Candidate mean minus baseline mean.
    #[must_use]
    pub fn difference(&self) -> f64 {
        mean(&self.candidate) - mean(&self.baseline)
    }
}

impl From<&BinaryCase> for RealCase {
    fn from(case: &BinaryCase) -> Self {
        let side = |k: u32, s: u32| (0..k).map(|i| if i < s { 1.0 } else { 0.0 }).collect::<Vec<f64>>();
        Self { baseline: side(case.kb, case.sb), candidate: side(case.kc, case.sc) }
    }
}

/// What relabelling says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RelabelTest {
    /// Share of relabellings with a total at most the observed one: small when the candidate is worse.
    pub p_drop: f64,
    /// Share with a total at least the observed one: small when the candidate is better.
    pub p_rise: f64,
    /// Mean over all cases of candidate mean minus baseline mean.
    pub effect: f64,
    /// Standard deviation of the effect over relabellings.
    pub noise_sd: f64,
    /// Random relabellings used; `None` when every relabelling was counted.
    pub draws: Option<u32>,
}

impl RelabelTest {
    fn new(differences: impl ExactSizeIterator<Item = f64>, variance: f64) -> Self {
        let cases = differences.len().max(1) as f64;
        Self {
            p_drop: 1.0,
            p_rise: 1.0,
            effect: differences.sum::<f64>() / cases,
            noise_sd: variance.sqrt() / cases,
            draws: None,
        }
    }
}

/// Exact test for passes and fails, or `draws` random relabellings with `rng` where the exact form would be
/// too large.
///
/// ```
/// use llmx_gate::stats::{relabel::{BinaryCase, DRAWS, binary}, rng::Rng};
/// // Two cases: 10 of 10 passed before, the new answer fails. Chance of that by relabelling: 1/11 each.
/// let broken = BinaryCase::new(10, 10, 1, 0).unwrap();
/// let test = binary(&[broken, broken], DRAWS, &mut Rng::from_text("seed"));
/// assert!((test.p_drop - 1.0 / 121.0).abs() < 1e-12);
/// assert_eq!(test.draws, None);
/// ```
#[must_use]
pub fn binary(cases: &[BinaryCase], draws: u32, rng: &mut Rng) -> RelabelTest {
    exact(cases).unwrap_or_else(|| {
        let cases: Vec<RealCase> = cases.iter().map(RealCase::from).collect();
        real(&cases, draws, rng)
    })
}

/// Exact test for passes and fails: the distribution of the total difference, case by case, over the integers
/// (Mantel and Haenszel 1959, JNCI 22:719; exact conditional form after Mehta, Patel and Gray 1985, JASA
/// 80:969).
///
/// Where sample counts differ by case, differences are put on the common lattice of their least common
/// multiple. `None` when that lattice, over the informative cases, is too large.
///
/// ```
/// use llmx_gate::stats::relabel::{BinaryCase, exact};
/// let same = BinaryCase::new(5, 5, 1, 1).unwrap();
/// let test = exact(&[same; 20]).unwrap();
/// assert_eq!((test.p_drop, test.p_rise, test.effect), (1.0, 1.0, 0.0));
/// ```
#[must_use]
pub fn exact(cases: &[BinaryCase]) -> Option<RelabelTest> {
    let informative: Vec<&BinaryCase> = cases.iter().filter(|c| c.is_informative()).collect();
    let steps = lattice_steps(&informative)?;
    let mut points: u64 = 1;
    let mut work: u64 = 0;
    for (case, step) in informative.iter().zip(&steps) {
        let (low, high) = case.support();
        let width = u64::from(high - low);
        points = points.checked_add(step.checked_mul(width)?)?;
        work = work.checked_add(points.checked_mul(width + 1)?)?;
    }
    if points > MAX_LATTICE || work > MAX_WORK {
        return None;
    }

    let mut now = vec![1.0];
    let mut next: Vec<f64> = Vec::new();
    let mut observed = 0;
    let mut variance = 0.0;
    for (case, step) in informative.iter().zip(&steps) {
        let step = usize::try_from(*step).ok()?;
        let (low, high) = case.support();
        let probabilities = case.label_probabilities();
        next.clear();
        next.resize(now.len() + step * (high - low) as usize, 0.0);
        for (passes, probability) in probabilities.iter().enumerate() {
            let shifted = next.iter_mut().skip(passes * step);
            shifted.zip(&now).for_each(|(to, from)| *to += from * probability);
        }
        std::mem::swap(&mut now, &mut next);
        observed += step * (case.sc - low) as usize;
        let rate = f64::from(case.passes()) / f64::from(case.samples());
        variance += label_variance(case.kb as usize, case.kc as usize, rate * (1.0 - rate));
    }
    let mut test = RelabelTest::new(cases.iter().map(BinaryCase::difference), variance);
    if !informative.is_empty() {
        test.p_drop = as_p_value(now.iter().take(observed + 1).sum());
        test.p_rise = as_p_value(now.iter().skip(observed).sum());
    }
    Some(test)
}

/// How far one more candidate pass moves each case's difference, in whole steps of one common lattice.
///
/// One pass moved to the candidate's side changes the difference by `1/kc + 1/kb = (kb + kc) / (kb * kc)`.
fn lattice_steps(cases: &[&BinaryCase]) -> Option<Vec<u64>> {
    let fractions = cases.iter().map(|c| {
        let (up, down) = (u64::from(c.samples()), u64::from(c.kb) * u64::from(c.kc));
        let common = gcd(up, down);
        (up / common, down / common)
    });
    let denominator = fractions.clone().try_fold(1_u64, |all, (_, down)| {
        (all / gcd(all, down)).checked_mul(down).filter(|l| *l <= u64::from(u32::MAX))
    })?;
    let steps: Vec<u64> = fractions.map(|(up, down)| up * (denominator / down)).collect();
    let common = steps.iter().fold(0, |all, step| gcd(all, *step)).max(1);
    Some(steps.iter().map(|step| step / common).collect())
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Random relabelling for any scores: `p = (1 + count) / (draws + 1)`, ties counted, which is a valid p-value
/// for every number of draws (Phipson and Smyth 2010, SAGMB 9:39).
///
/// ```
/// use llmx_gate::stats::{relabel::{RealCase, real}, rng::Rng};
/// let case = RealCase::new(vec![0.9, 0.8, 0.9, 0.8], vec![0.1]).unwrap();
/// let test = real(&vec![case; 6], 999, &mut Rng::from_text("seed"));
/// assert!(test.p_drop <= 0.003 && test.effect < -0.7);
/// ```
#[must_use]
pub fn real(cases: &[RealCase], draws: u32, rng: &mut Rng) -> RelabelTest {
    let mut variance = 0.0;
    let mut pools: Vec<Pool> = Vec::new();
    for case in cases {
        let pool = Pool::new(case);
        variance += label_variance(case.baseline.len(), case.candidate.len(), pool.variance());
        if pool.is_informative() {
            pools.push(pool);
        }
    }
    let mut test = RelabelTest::new(cases.iter().map(RealCase::difference), variance);
    test.draws = Some(draws);
    if pools.is_empty() {
        return test;
    }
    let observed: f64 = pools.iter().map(|p| p.observed).sum();
    let (mut low, mut high) = (0_u32, 0_u32);
    for _ in 0..draws {
        let total: f64 = pools.iter_mut().map(|p| p.relabel(rng)).sum();
        low += u32::from(total <= observed + TIE);
        high += u32::from(total >= observed - TIE);
    }
    let p = |count: u32| as_p_value((1.0 + f64::from(count)) / (1.0 + f64::from(draws)));
    test.p_drop = p(low);
    test.p_rise = p(high);
    test
}

/// One case's samples, both sides together.
struct Pool {
    values: Vec<f64>,
    /// Size of the smaller side: only that many samples need drawing.
    small: usize,
    /// What a unit of score on the smaller side adds to the difference, and the difference at zero.
    slope: f64,
    at_zero: f64,
    observed: f64,
}

impl Pool {
    fn new(case: &RealCase) -> Self {
        let (kb, kc) = (case.baseline.len(), case.candidate.len());
        let values: Vec<f64> = case.candidate.iter().chain(&case.baseline).copied().collect();
        let total: f64 = values.iter().sum();
        let unit = 1.0 / kc as f64 + 1.0 / kb as f64;
        // difference = X/kc - (total - X)/kb for candidate sum X; mirrored when the baseline is drawn.
        let (small, slope, at_zero) =
            if kc <= kb { (kc, unit, -total / kb as f64) } else { (kb, -unit, total / kc as f64) };
        Self { values, small, slope, at_zero, observed: case.difference() }
    }

    fn relabel(&mut self, rng: &mut Rng) -> f64 {
        if self.small == 1 {
            // The common first look: one new sample a case needs one pick and no shuffle.
            let pick = self.values.get(rng.below(self.values.len()));
            return self.at_zero + self.slope * pick.copied().unwrap_or_default();
        }
        rng.partial_shuffle(&mut self.values, self.small);
        self.at_zero + self.slope * self.values.iter().take(self.small).sum::<f64>()
    }

    fn is_informative(&self) -> bool {
        let first = self.values.first().copied().unwrap_or_default();
        self.values.iter().any(|x| (x - first).abs() > TIE)
    }

    /// Population variance of all samples.
    fn variance(&self) -> f64 {
        let center = mean(&self.values);
        self.values.iter().map(|x| (x - center).powi(2)).sum::<f64>() / self.values.len() as f64
    }
}

/// Variance of one case's difference over relabellings: drawing without replacement from a finite population
/// (Cochran 1977, Sampling Techniques, theorem 2.2).
fn label_variance(kb: usize, kc: usize, population: f64) -> f64 {
    let (kb, kc) = (kb as f64, kc as f64);
    let unit = 1.0 / kc + 1.0 / kb;
    unit * unit * kc * kb / (kb + kc - 1.0) * population
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(kb: u32, sb: u32, kc: u32, sc: u32) -> BinaryCase {
        BinaryCase::new(kb, sb, kc, sc).unwrap()
    }

    #[test]
    fn impossible_cases_cannot_be_built() {
        for (kb, sb, kc, sc) in [(0, 0, 1, 1), (1, 1, 0, 0), (1, 2, 1, 0), (1, 0, 1, 2)] {
            assert_eq!(BinaryCase::new(kb, sb, kc, sc), None);
        }
        assert_eq!(RealCase::new(vec![], vec![0.5]), None);
        assert_eq!(RealCase::new(vec![0.5], vec![f64::NAN]), None);
    }

    #[test]
    fn only_informative_cases_need_the_lattice() {
        // Every count from 1 to 40 has no small common lattice, but all of those cases are untouched.
        let mut cases: Vec<BinaryCase> = (1..=40).map(|kb| case(kb, kb, 1, 1)).collect();
        cases.push(case(10, 10, 1, 0));
        let test = exact(&cases).unwrap();
        assert!((test.p_drop - 1.0 / 11.0).abs() < 1e-12);
        assert!((test.effect + 1.0 / 41.0).abs() < 1e-12);
    }

    #[test]
    fn a_lattice_too_large_falls_back_to_drawing() {
        let cases: Vec<BinaryCase> =
            [19, 23, 29, 31, 37, 41, 43].iter().map(|kb| case(*kb, *kb, 1, 0)).collect();
        assert_eq!(exact(&cases), None);
        let test = binary(&cases, DRAWS, &mut Rng::from_text("fallback"));
        assert_eq!(test.draws, Some(DRAWS));
        assert!((test.p_drop - 1e-4).abs() < 1e-12, "{test:?}");
        assert_eq!(test, binary(&cases, DRAWS, &mut Rng::from_text("fallback")));
    }

    #[test]
    fn thousands_of_breaks_do_not_underflow_to_zero() {
        let test = exact(&vec![case(10, 10, 1, 0); 2_000]).unwrap();
        assert!(test.p_drop > 0.0 && test.p_drop < 1e-300);
        assert!(test.p_rise <= 1.0 && test.p_rise > 0.999);
    }

    #[test]
    fn drawing_agrees_with_counting() {
        let cases: Vec<BinaryCase> = (0..30).map(|i| case(5, 5 - i % 3, 2, 2 - (i % 5).min(2))).collect();
        let counted = exact(&cases).unwrap();
        let cases: Vec<RealCase> = cases.iter().map(RealCase::from).collect();
        let drawn = real(&cases, DRAWS, &mut Rng::from_text("agree"));
        let slack = |p: f64| 4.0 * (p * (1.0 - p) / f64::from(DRAWS)).sqrt() + 1e-4;
        assert!((drawn.p_drop - counted.p_drop).abs() < slack(counted.p_drop));
        assert!((drawn.p_rise - counted.p_rise).abs() < slack(counted.p_rise));
        assert!((drawn.effect - counted.effect).abs() < 1e-12);
        assert!((drawn.noise_sd - counted.noise_sd).abs() < 1e-12);
    }

    #[test]
    fn no_cases_say_nothing() {
        let test = exact(&[]).unwrap();
        assert!(test.p_drop >= 1.0 && test.effect.abs() < 1e-300 && test.noise_sd.abs() < 1e-300);
        let test = real(&[], 99, &mut Rng::from_seed(0));
        assert!(test.p_drop >= 1.0 && test.p_rise >= 1.0);
    }
}
