//! A small seeded generator whose values never change between releases.
//!
//! A recorded decision must be re-derived years later, so the stream of numbers is part of the file format;
//! the generators of the `rand` crate do not promise that. Not for secrets. Seeds are texts: the same seed,
//! hypothesis and look give the same stream on every machine.

use sha2::{Digest as _, Sha256};

/// `SplitMix64` (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators"): one 64-bit
/// counter and a mixing function; passes `BigCrush`, period 2^64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// A generator from a number.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A generator from a text: the first eight bytes (big-endian) of its SHA-256.
    ///
    /// ```
    /// use llmx_gate::stats::rng::Rng;
    /// let mut a = Rng::from_text("0|verdict_accuracy|1");
    /// let mut b = Rng::from_text("0|verdict_accuracy|1");
    /// assert_eq!(a.next_u64(), b.next_u64());
    /// ```
    #[must_use]
    pub fn from_text(seed: &str) -> Self {
        let digest = Sha256::digest(seed.as_bytes());
        let state = digest.iter().take(8).fold(0, |state, byte| (state << 8) | u64::from(*byte));
        Self { state }
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A uniform number in [0, 1): the upper 53 bits, so every value is a multiple of 2^-53.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A uniform integer in `0..bound`; 0 when `bound` is 0 or 1.
    ///
    /// Lemire 2019, "Fast random integer generation in an interval": multiply and keep the upper half, redraw
    /// the few values that would make the result uneven.
    pub fn below(&mut self, bound: usize) -> usize {
        const LOWER: u128 = u64::MAX as u128;
        let bound = bound as u64;
        if bound < 2 {
            return 0;
        }
        let mut product = u128::from(self.next_u64()) * u128::from(bound);
        // Only a lower half below the bound can be one of the uneven few; the division is rarely needed.
        if product & LOWER < u128::from(bound) {
            let uneven = u128::from(bound.wrapping_neg() % bound);
            while product & LOWER < uneven {
                product = u128::from(self.next_u64()) * u128::from(bound);
            }
        }
        // The upper half is below `bound`, which came from a usize.
        usize::try_from(product >> 64).unwrap_or(0)
    }

    /// Move a uniformly drawn subset of `count` items, in random order, to the front (a partial shuffle after
    /// Fisher and Yates 1938, in the form of Durstenfeld 1964).
    pub fn partial_shuffle<T>(&mut self, items: &mut [T], count: usize) {
        let len = items.len();
        for i in 0..count.min(len) {
            let j = i + self.below(len - i);
            items.swap(i, j);
        }
    }

    /// Put the items in uniformly random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        self.partial_shuffle(items, items.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_pinned() {
        // Published outputs of SplitMix64 for this seed.
        let mut rng = Rng::from_seed(1_234_567);
        let got: Vec<u64> = (0..5).map(|_| rng.next_u64()).collect();
        assert_eq!(
            got,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423,
                4_593_380_528_125_082_431,
                16_408_922_859_458_223_821
            ]
        );
        // SHA-256("abc") begins ba7816bf8f01cfea.
        assert_eq!(Rng::from_text("abc"), Rng::from_seed(0xba78_16bf_8f01_cfea));
        let mut rng = Rng::from_seed(1);
        assert_eq!((0..8).map(|_| rng.below(10)).collect::<Vec<_>>(), [5, 7, 9, 4, 4, 7, 8, 5]);
    }

    #[test]
    fn below_and_uniform_cover_their_range_evenly() {
        let mut rng = Rng::from_text("even");
        let mut counts = [0_u32; 7];
        for _ in 0..70_000 {
            counts[rng.below(7)] += 1;
        }
        assert!(counts.iter().all(|c| (9_500..10_500).contains(c)), "{counts:?}");
        let mean = (0..10_000).map(|_| rng.uniform()).sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
        assert_eq!((rng.below(0), rng.below(1)), (0, 0));
    }

    #[test]
    fn shuffles_keep_the_items_and_reach_every_order() {
        let mut rng = Rng::from_text("orders");
        let mut seen = std::collections::BTreeMap::new();
        for _ in 0..6_000 {
            let mut items = [1, 2, 3];
            rng.shuffle(&mut items);
            *seen.entry(items).or_insert(0) += 1;
        }
        assert_eq!(seen.len(), 6);
        assert!(seen.values().all(|c| (850..1_150).contains(c)), "{seen:?}");
        let mut one = [7];
        rng.partial_shuffle(&mut one, 9);
        assert_eq!(one, [7]);
    }
}
