//! Read the figures of one rule line and compare a value with them.
//!
//! Reads numbers with their units and nothing else; a figure in another unit, on the wrong side, or stated
//! twice is an error with the reason.

/// Float noise of differences such as `2.4 - 1.9`; far below the last digit any instrument shows.
const NOISE: f64 = 1e-9;

/// Where a value lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Pass,
    Review,
    Fail,
}

/// One limit, perhaps with a review band. Both edges belong to the better side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limit {
    /// The value that still passes.
    pub(crate) edge: f64,
    review: Option<f64>,
    at_least: bool,
}

impl Limit {
    /// Where `value` lies against this limit.
    pub(crate) fn outcome(&self, value: f64) -> Outcome {
        let meets = |edge: f64| {
            if self.at_least { value >= edge - NOISE } else { value <= edge + NOISE }
        };
        if meets(self.edge) {
            Outcome::Pass
        } else if self.review.is_some_and(meets) {
            Outcome::Review
        } else {
            Outcome::Fail
        }
    }
}

/// Two edges, both inside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range {
    low: f64,
    high: f64,
}

impl Range {
    /// Whether `value` lies between the edges.
    pub(crate) fn contains(&self, value: f64) -> bool {
        value >= self.low - NOISE && value <= self.high + NOISE
    }
}

/// What a rule line states.
#[derive(Debug, Clone, Copy)]
pub(super) enum Figure {
    Limit(Limit),
    Range(Range),
}

/// The part of a rule line that states one figure, with signs in their plain spelling.
pub(super) struct Clause(String);

impl Clause {
    /// The whole line, or the clause between semicolons that has the word `part`.
    pub(super) fn find(body: &str, part: &str) -> Result<Self, String> {
        let plain = body.replace('≤', "<=").replace('≥', ">=").replace('−', "-");
        let plain = plain.replace("+/-", "+-").replace('±', "+-");
        if part.is_empty() {
            return Ok(Self(plain));
        }
        // A lead-in such as `F3: worst reflectance, UPC <= ...` stands in the first clause, so words decide.
        let mut hits = plain.split(';').filter(|clause| words(clause).any(|w| w == part));
        match (hits.next(), hits.next()) {
            (Some(clause), None) => Ok(Self(clause.to_owned())),
            (None, _) => Err(format!("no clause about `{part}`")),
            (Some(_), Some(_)) => Err(format!("more than one clause about `{part}`")),
        }
    }

    /// `sign N unit`, with `review from|up to M unit` where there is a review band.
    pub(super) fn limit(&self, sign: &str, units: &[&str]) -> Result<Limit, String> {
        let other = if sign == ">=" { "<=" } else { ">=" };
        if self.0.contains(other) {
            return Err(format!("expected `{sign}`, found `{other}`"));
        }
        let mut pieces = self.0.split(sign);
        let (Some(_), Some(after), None) = (pieces.next(), pieces.next(), pieces.next()) else {
            return Err(format!("expected one limit of the form `{sign} {}`", example(units)));
        };
        let edge = figure(after, units)?.0;
        let at_least = sign == ">=";
        let review = self.review(units)?;
        if review.is_some_and(|r| if at_least { r > edge } else { r < edge }) {
            return Err("the review band lies on the passing side of the limit".to_owned());
        }
        Ok(Limit { edge, review, at_least })
    }

    fn review(&self, units: &[&str]) -> Result<Option<f64>, String> {
        let Some((_, after)) = self.0.split_once("review") else { return Ok(None) };
        let after = after.trim_start();
        let text = ["from", "up to", "down to", "to"].iter().find_map(|word| after.strip_prefix(word));
        let Some(text) = text else {
            return Err(format!("expected `review from` or `review up to` with {}", example(units)));
        };
        Ok(Some(figure(text, units)?.0))
    }

    /// `from A unit to B unit`.
    pub(super) fn span(&self, units: &[&str]) -> Result<Range, String> {
        let form = || format!("expected `from {} to {}`", example(units), example(units));
        let (_, after) = self.0.split_once("from ").ok_or_else(form)?;
        let (low, rest) = figure(after, units)?;
        let (high, _) = figure(rest.trim_start().strip_prefix("to ").ok_or_else(form)?, units)?;
        if low > high {
            return Err("the range ends below its start".to_owned());
        }
        Ok(Range { low, high })
    }

    /// `A unit +- B tolerance`.
    pub(super) fn around(&self, units: &[&str], tolerance: &[&str]) -> Result<Range, String> {
        let form = || format!("expected `{} +- {}`", example(units), example(tolerance));
        let (before, after) = self.0.split_once("+-").ok_or_else(form)?;
        let number = units.iter().find_map(|unit| before.trim_end().strip_suffix(unit)).ok_or_else(form)?;
        let number = number.trim_end();
        let start = number.rfind(char::is_whitespace).map_or(0, |i| i + 1);
        let (middle, _) = figure(number.get(start..).unwrap_or(""), &[])?;
        let (margin, _) = figure(after, tolerance)?;
        if margin < 0.0 {
            return Err("the tolerance is negative".to_owned());
        }
        Ok(Range { low: middle - margin, high: middle + margin })
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric())
}

fn example(units: &[&str]) -> String {
    units.first().map_or("NUMBER".to_owned(), |unit| format!("NUMBER {unit}"))
}

/// The number and unit that `text` starts with, and what follows them.
fn figure<'a>(text: &'a str, units: &[&str]) -> Result<(f64, &'a str), String> {
    let text = text.trim_start();
    let form = || {
        let found: String = text.chars().take(20).collect();
        format!("expected {}, found `{}`", example(units), found.trim_end())
    };
    let unsigned = text.trim_start_matches(['-', '+']);
    let digits = unsigned.trim_start_matches(|c: char| c.is_ascii_digit());
    // A full stop belongs to the number only when a digit follows it.
    let rest = match digits.strip_prefix('.') {
        Some(decimals) if decimals.starts_with(|c: char| c.is_ascii_digit()) => {
            decimals.trim_start_matches(|c: char| c.is_ascii_digit())
        }
        _ => digits,
    };
    let number = text.get(..text.len() - rest.len()).unwrap_or("");
    let value: f64 = number.parse().map_err(|_| form())?;
    if !value.is_finite() {
        return Err(form());
    }
    let unit_and_more = if units.is_empty() { rest } else { rest.trim_start() };
    let end = unit_and_more.find(|c: char| c.is_whitespace() || ",;.)".contains(c));
    let (unit, more) = unit_and_more.split_at(end.unwrap_or(unit_and_more.len()));
    let fits = if units.is_empty() { unit.is_empty() } else { units.contains(&unit) };
    // `1,000` would otherwise read as 1.
    let grouped =
        units.is_empty() && more.starts_with(',') && more.chars().nth(1).is_some_and(|c| c.is_ascii_digit());
    if fits && !grouped { Ok((value, more)) } else { Err(form()) }
}
