//! Which of two answers is better, asked in both orders.

use super::signflip;

/// Pairs of answers that a judge saw in both orders, by what won.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BothOrders {
    /// The one shown first won both times.
    pub first: u64,
    /// The one shown second won both times.
    pub second: u64,
    /// The candidate won both times.
    pub candidate: u64,
    /// The baseline won both times.
    pub baseline: u64,
    /// Neither won both times, and at least once nobody did.
    pub ties: u64,
}

impl BothOrders {
    /// Does the judge prefer a place? Exact two-sided binomial test of `first` against `second` at 1/2.
    #[must_use]
    pub fn p_position_bias(&self) -> f64 {
        let sides = signflip::mcnemar(self.first, self.second);
        (2.0 * sides.p_drop.min(sides.p_rise)).min(1.0)
    }

    /// Share of pairs whose winner changed with the order. `None` without pairs.
    #[must_use]
    pub fn inconsistency(&self) -> Option<f64> {
        let turned = (self.first + self.second) as f64;
        (self.pairs() > 0).then(|| turned / self.pairs() as f64)
    }

    /// Share of pairs that the candidate wins; a tie, and one whose winner changed with the order, count half. `None`
    /// without pairs.
    #[must_use]
    pub fn preference(&self) -> Option<f64> {
        let wins = self.candidate as f64 + 0.5 * (self.first + self.second + self.ties) as f64;
        (self.pairs() > 0).then(|| wins / self.pairs() as f64)
    }

    /// Exact one-sided binomial test over the pairs with one winner: small when the candidate loses.
    ///
    /// ```
    /// use llmx_gate::stats::pairwise::BothOrders;
    /// let found = BothOrders { candidate: 1, baseline: 9, ..BothOrders::default() };
    /// assert!((found.p_candidate_worse() - 11.0 / 1024.0).abs() < 1e-12);
    /// ```
    #[must_use]
    pub fn p_candidate_worse(&self) -> f64 {
        signflip::mcnemar(self.baseline, self.candidate).p_drop
    }

    /// Pairs in all.
    #[must_use]
    pub fn pairs(&self) -> u64 {
        self.first + self.second + self.candidate + self.baseline + self.ties
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_pairs_say_nothing() {
        let none = BothOrders::default();
        assert_eq!((none.inconsistency(), none.preference()), (None, None));
        assert!(
            (none.p_position_bias() - 1.0).abs() < 1e-12 && (none.p_candidate_worse() - 1.0).abs() < 1e-12
        );
    }
}
