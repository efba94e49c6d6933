//! Every BAP-1 rule number and the shape in which its line states figures.
//!
//! The figures themselves stand in the prompt and nowhere in the code.

/// Spellings of a unit; the empty list stands for a bare number.
pub(super) type Units = &'static [&'static str];

/// How a rule line states its figures.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// No figure that the analyst reads: the rule applies as worded, or is not for the analyst.
    Listed,
    /// `<= N unit`, perhaps `review up to M unit`.
    AtMost(Units),
    /// `>= N unit`, perhaps `review from M unit`.
    AtLeast(Units),
    /// `from A unit to B unit`.
    FromTo(Units),
    /// `A unit +- B tolerance`.
    Around(Units, Units),
}

/// One rule, or one part of a rule with several figures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) id: &'static str,
    /// The word that marks the part's clause; empty where the rule has one figure.
    pub(super) part: &'static str,
    pub(super) shape: Shape,
}

/// First letters of rule numbers.
pub(super) const FAMILIES: &str = "SCPAFDKIQ";

const DB: Units = &["dB"];
const DBM: Units = &["dBm"];
const DEG: Units = &["deg", "degree", "degrees", "°"];
const M: Units = &["m"];
const H: Units = &["h", "hours"];
const PERCENT: Units = &["%", "percent"];
const OHM: Units = &["ohm", "ohms", "Ω"];
const VOLT: Units = &["V"];
const NONE: Units = &[];

const fn row(id: &'static str, shape: Shape) -> Row {
    Row { id, part: "", shape }
}
const fn part(id: &'static str, part: &'static str, shape: Shape) -> Row {
    Row { id, part, shape }
}

/// All rules of the profile in its own order. A note says why a rule is recognised but left to a reader.
pub(super) const RULES: &[Row] = &[
    row("S1", Shape::AtLeast(DB)),
    row("S2", Shape::Listed), // Judgement: whether it was the load.
    row("S3a", Shape::AtLeast(DB)),
    row("S3b", Shape::AtLeast(DB)),
    row("S3c", Shape::AtMost(M)),
    row("S4", Shape::AtMost(DB)),
    row("S4b", Shape::Listed), // Judgement.
    row("S5", Shape::Listed),  // Judgement.
    row("S6", Shape::Listed),
    row("S7", Shape::Listed), // Judgement: which of the two is right.
    row("S8", Shape::Listed), // Judgement.
    row("C1", Shape::Listed),
    row("C2", Shape::AtMost(H)),
    row("P1", Shape::AtMost(DBM)),
    row("P2", Shape::AtMost(DBM)),
    row("P3", Shape::Listed), // Text.
    row("P4", Shape::AtMost(DB)),
    row("P5", Shape::AtLeast(DB)),
    row("P6", Shape::Listed),
    row("P7", Shape::Around(DBM, DB)),
    row("P8", Shape::Listed), // Text: the load test.
    row("P9", Shape::FromTo(DBM)),
    row("A1", Shape::AtMost(DEG)),
    row("A2", Shape::AtMost(DEG)),
    row("A3a", Shape::AtMost(M)),
    row("A3b", Shape::AtMost(DEG)),
    row("A4", Shape::Listed),
    row("A5", Shape::Listed),
    row("A6", Shape::Listed), // Text.
    row("F1", Shape::AtMost(DB)),
    row("F2a", Shape::AtMost(DB)),
    row("F2b", Shape::AtMost(DB)),
    row("F2c", Shape::AtMost(DB)),
    part("F3", "UPC", Shape::AtMost(DB)),
    part("F3", "APC", Shape::AtMost(DB)),
    row("F4", Shape::AtLeast(DB)),
    row("F5", Shape::Listed),
    row("F6", Shape::Listed),
    row("F7", Shape::Listed), // Text.
    row("D1", Shape::AtLeast(PERCENT)),
    row("D2", Shape::AtLeast(PERCENT)),
    row("D3", Shape::AtLeast(PERCENT)),
    part("D4", "success", Shape::AtLeast(PERCENT)),
    part("D4", "attempts", Shape::AtLeast(NONE)),
    row("D5", Shape::Listed), // Judgement.
    row("D6", Shape::Listed), // Judgement: exchange against drift.
    row("D7", Shape::Listed),
    row("D8", Shape::AtLeast(NONE)),
    row("K1", Shape::AtMost(DBM)),
    row("K2", Shape::AtMost(DB)),
    row("K3", Shape::AtMost(NONE)),
    row("K4", Shape::Listed), // Text.
    row("I1", Shape::Listed), // Text.
    row("I2", Shape::AtMost(OHM)),
    row("I3", Shape::FromTo(VOLT)),
    row("I4", Shape::Listed),
    row("I5", Shape::AtMost(M)),
    row("I6", Shape::Listed),
    row("I7", Shape::Listed),
    row("I8", Shape::Listed), // Text.
    row("Q1", Shape::Listed),
];
