//! Did one case break? Exact tests for two small samples of passes, and the plan for taking the second one.
//!
//! [`fisher_less`] conditions on the total; [`boschloo_less`] takes Fisher's p-value as the statistic and its largest
//! chance over every true pass rate as the p-value, which is exact and rejects more often. [`ConfirmPlan`] says how
//! many answers of a failing case to draw before it may be called broken.

use super::as_p_value;
use super::relabel::BinaryCase;

/// Rates at which Boschloo's supremum is looked for, between 0 and 1.
const GRID: u32 = 400;

/// Fisher p-values this close are one value.
const TIE: f64 = 1e-11;

/// One-sided exact test of Fisher: the chance that the candidate passes `sc` times or less, given the total (Fisher
/// 1935, The Design of Experiments).
///
/// `sb` of `kb` passed in the baseline, `sc` of `m` now; `None` when a side is empty or has more passes than samples.
///
/// ```
/// use llmx_gate::stats::case_test::fisher_less;
/// assert!((fisher_less(5, 5, 1, 0).unwrap() - 1.0 / 6.0).abs() < 1e-12);
/// ```
#[must_use]
pub fn fisher_less(kb: u32, sb: u32, m: u32, sc: u32) -> Option<f64> {
    let case = BinaryCase::new(kb, sb, m, sc)?;
    let (low, _) = case.support();
    let up_to = (sc.checked_sub(low)? as usize).saturating_add(1);
    Some(as_p_value(case.label_probabilities().iter().take(up_to).sum()))
}

/// One-sided exact unconditional test of Boschloo (1970, Statistica Neerlandica 24:1): small when the candidate passes
/// less often.
///
/// The supremum over the true pass rate is taken on a grid of 1/400; the corner "all passed, now none" has the closed
/// form `(kb/(kb+m))^kb (m/(kb+m))^m`. Same arguments as [`fisher_less`].
///
/// ```
/// use llmx_gate::stats::case_test::boschloo_less;
/// let p = boschloo_less(10, 10, 7, 0).unwrap();
/// assert!((p - (10.0_f64 / 17.0).powi(10) * (7.0_f64 / 17.0).powi(7)).abs() < 1e-12);
/// ```
#[must_use]
pub fn boschloo_less(kb: u32, sb: u32, m: u32, sc: u32) -> Option<f64> {
    BinaryCase::new(kb, sb, m, sc)?;
    Table::new(kb, m).p(sb, sc)
}

/// Boschloo's p-value of every outcome of `kb` and `m` samples.
struct Table {
    kb: u32,
    m: u32,
    /// By `sb * (m + 1) + sc`.
    p: Vec<f64>,
}

impl Table {
    fn new(kb: u32, m: u32) -> Self {
        let outcomes = (0..=kb).flat_map(|sb| (0..=m).map(move |sc| (sb, sc)));
        let mut ranked: Vec<(f64, u32, u32)> =
            outcomes.map(|(sb, sc)| (fisher_less(kb, sb, m, sc).unwrap_or(1.0), sb, sc)).collect();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        let rates: Vec<(Vec<f64>, Vec<f64>)> = (0..=GRID)
            .map(|step| f64::from(step) / f64::from(GRID))
            .map(|rate| (binomial(kb, rate), binomial(m, rate)))
            .collect();
        let mut p = vec![1.0; ranked.len()];
        // The region "at least as extreme" grows along the ranking; its chance is kept for every rate.
        let mut chance = vec![0.0; rates.len()];
        let mut rest = ranked.as_slice();
        while let Some(&(value, ..)) = rest.first() {
            let ties = rest.iter().take_while(|outcome| outcome.0 - value <= TIE).count();
            let (level, after) = rest.split_at(ties);
            for &(_, sb, sc) in level {
                for (total, (baseline, candidate)) in chance.iter_mut().zip(&rates) {
                    let at = |side: &[f64], s: u32| side.get(s as usize).copied().unwrap_or_default();
                    *total += at(baseline, sb) * at(candidate, sc);
                }
            }
            let worst = as_p_value(chance.iter().copied().fold(0.0, f64::max));
            for &(_, sb, sc) in level {
                if let Some(slot) = p.get_mut((sb * (m + 1) + sc) as usize) {
                    *slot = worst;
                }
            }
            rest = after;
        }
        if let Some(slot) = p.get_mut((kb * (m + 1)) as usize) {
            *slot = corner(kb, m);
        }
        Self { kb, m, p }
    }

    fn p(&self, sb: u32, sc: u32) -> Option<f64> {
        let inside = sb <= self.kb && sc <= self.m;
        inside.then(|| self.p.get((sb * (self.m + 1) + sc) as usize).copied()).flatten()
    }
}

/// Probabilities of 0 to `n` successes.
fn binomial(n: u32, rate: f64) -> Vec<f64> {
    let mut pmf = vec![1.0];
    for _ in 0..n {
        let mut next = vec![0.0; pmf.len() + 1];
        for (x, p) in pmf.iter().enumerate() {
            if let Some(slot) = next.get_mut(x) {
                *slot += p * (1.0 - rate);
            }
            if let Some(slot) = next.get_mut(x + 1) {
                *slot += p * rate;
            }
        }
        pmf = next;
    }
    pmf
}

/// The largest chance, over all pass rates, that `kb` pass and then `m` fail.
fn corner(kb: u32, m: u32) -> f64 {
    let all = f64::from(kb + m);
    let power = |k: u32| (f64::from(k) / all).powf(f64::from(k));
    power(kb) * power(m)
}

/// How many answers confirm that a case broke, for baselines of `kb` samples.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfirmPlan {
    /// Samples in the baseline.
    pub kb: u32,
    /// New answers, the first failing one included.
    pub m: u32,
    /// By passes in the baseline: the most new passes that still mean broken; `None`: cannot be confirmed.
    limits: Vec<Option<u32>>,
    /// By passes in the baseline: the p-value at that limit.
    p: Vec<f64>,
}

impl ConfirmPlan {
    /// The plan at `level` (already divided by the number of cases), with at most `m_max` new answers. `None` when even
    /// "all passed, now none" does not reach the level with so few.
    ///
    /// `m` is the smallest count whose corner reaches the level, and one to spare, so that a single lucky pass of a
    /// broken case does not acquit it.
    ///
    /// ```
    /// use llmx_gate::stats::case_test::ConfirmPlan;
    /// let plan = ConfirmPlan::new(10, 0.01 / 200.0, 20).unwrap();
    /// assert_eq!((plan.m, plan.limit(10), plan.limit(9)), (7, Some(0), None));
    /// ```
    #[must_use]
    pub fn new(kb: u32, level: f64, m_max: u32) -> Option<Self> {
        if kb == 0 || kb > 1_000 || m_max > 1_000 {
            return None;
        }
        let m = (1..=m_max).find(|m| corner(kb, *m) <= level)?;
        let m = m.saturating_add(1).min(m_max);
        let table = Table::new(kb, m);
        let of = |sb: u32, sc: u32| table.p(sb, sc).unwrap_or(1.0);
        let limits: Vec<Option<u32>> =
            (0..=kb).map(|sb| (0..=m).rev().find(|sc| of(sb, *sc) <= level)).collect();
        let p = (0..=kb).zip(&limits).map(|(sb, limit)| limit.map_or(1.0, |sc| of(sb, sc))).collect();
        Some(Self { kb, m, limits, p })
    }

    /// The most new passes that still mean broken, when `sb` baseline samples passed. `None`: whatever the new answers
    /// are, they cannot confirm it.
    #[must_use]
    pub fn limit(&self, sb: u32) -> Option<u32> {
        self.limits.get(sb as usize).copied().flatten()
    }

    /// The p-value at that limit, at most the level; 1 where there is none.
    #[must_use]
    pub fn p_at_limit(&self, sb: u32) -> f64 {
        self.p.get(sb as usize).copied().unwrap_or(1.0)
    }

    /// What `drawn` new answers with `passes` passes mean when `sb` baseline samples passed. Stopping early changes no
    /// decision of the full plan, so its level holds.
    #[must_use]
    pub fn state(&self, sb: u32, drawn: u32, passes: u32) -> Confirmation {
        let Some(limit) = self.limit(sb) else { return Confirmation::Impossible };
        if passes > limit {
            Confirmation::Flaky
        } else if passes + self.m.saturating_sub(drawn) <= limit {
            Confirmation::Broken
        } else {
            Confirmation::Draw
        }
    }
}

/// Where a confirmation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    /// The baseline is too thin or too noisy for this level.
    Impossible,
    /// One more answer.
    Draw,
    /// Beyond chance.
    Broken,
    /// It passes too often to say so.
    Flaky,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_tables_give_none() {
        assert_eq!(fisher_less(0, 0, 1, 0), None);
        assert_eq!(boschloo_less(1, 2, 1, 0), None);
        assert_eq!(ConfirmPlan::new(0, 0.01, 20), None);
        assert_eq!(ConfirmPlan::new(1, 1e-6, 20), None);
    }

    #[test]
    fn stopping_early_never_changes_the_decision() {
        let plan = ConfirmPlan::new(5, 0.05, 6).unwrap();
        for sb in 0..=5 {
            let Some(limit) = plan.limit(sb) else { continue };
            for answers in 0..1_u32 << plan.m {
                let passes_of_first = |n: u32| (answers & ((1 << n) - 1)).count_ones();
                let stopped = (1..=plan.m)
                    .map(|drawn| plan.state(sb, drawn, passes_of_first(drawn)))
                    .find(|state| *state != Confirmation::Draw);
                let expected =
                    if passes_of_first(plan.m) <= limit { Confirmation::Broken } else { Confirmation::Flaky };
                assert_eq!(stopped, Some(expected), "{sb} {answers:b}");
            }
        }
    }

    #[test]
    fn the_plan_keeps_its_level_at_every_pass_rate() {
        let level = 0.01;
        for kb in [3, 5, 10] {
            let plan = ConfirmPlan::new(kb, level, 20).unwrap();
            for step in 0..=100 {
                let rate = f64::from(step) / 100.0;
                let (before, now) = (binomial(kb, rate), binomial(plan.m, rate));
                let broken: f64 = (0..=kb)
                    .filter_map(|sb| Some((sb, plan.limit(sb)?)))
                    .map(|(sb, limit)| before[sb as usize] * now[..=limit as usize].iter().sum::<f64>())
                    .sum();
                // The regions of different baselines are nested by Fisher's order, so all of them together keep it.
                assert!(broken <= level * 1.001, "{kb} {rate}: {broken}");
            }
        }
    }
}
