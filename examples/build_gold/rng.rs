//! A small seeded generator (`SplitMix64`) for the parts of a record that no label depends on.
//!
//! Seeded by the case id, so that adding a case never changes another one. Not for statistics.

/// State of one case's draws.
pub(crate) struct Rng(u64);

impl Rng {
    /// A generator that depends on `id` alone (FNV-1a).
    pub(crate) fn of(id: &str) -> Self {
        Self(id.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// An integer in `lo..=hi`.
    pub(crate) fn int(&mut self, lo: u32, hi: u32) -> u32 {
        let width = u64::from(hi - lo) + 1;
        lo + u32::try_from(self.next() % width).unwrap_or(0)
    }

    /// A number in `lo..=hi` with `digits` decimals, as a person would write it.
    pub(crate) fn num(&mut self, lo: f64, hi: f64, digits: i32) -> f64 {
        let unit = f64::from(self.int(0, 1_000_000)) / 1e6;
        round(lo + unit * (hi - lo), digits)
    }

    /// One of `items`.
    pub(crate) fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        items[self.int(0, u32::try_from(items.len() - 1).unwrap_or(0)) as usize]
    }
}

/// `value` with `digits` decimals.
pub(crate) fn round(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}
