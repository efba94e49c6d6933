//! The rules that a prompt states: which BAP-1 numbers it lists, and with which limits.
//!
//! A rule counts only where a line outside every fenced block starts with its number and a colon, and the
//! number that stands there is the limit: editing the prompt moves the decision. A listed rule that cannot
//! be read is an error that names the line, never a silent default. Formulas (expected loss, optical budget)
//! are not rules and stay in code. Rules that need free text or judgement are recognised and left alone.

mod line;
mod table;

pub(crate) use line::Outcome;
pub(crate) use line::{Limit, Range};

use std::collections::BTreeMap;

use super::fence::Line;
use line::{Clause, Figure};
use table::{RULES, Shape};

/// What a prompt asks for.
#[derive(Debug, Default)]
pub(crate) struct Instructions {
    listed: BTreeMap<&'static str, String>,
    figures: BTreeMap<(&'static str, &'static str), Figure>,
    /// A line asks for JSON; otherwise the answer is one sentence.
    pub(crate) wants_json: bool,
}

impl Instructions {
    /// Read every rule line. The first line that cannot be read is the error.
    pub(crate) fn read(lines: &[Line<'_>]) -> Result<Self, String> {
        let mut found = Self::default();
        for line in lines {
            found.wants_json = found.wants_json || line.text.to_ascii_lowercase().contains("json");
            if let Some((id, body)) = rule_line(line.text) {
                found.add(id, body).map_err(|why| {
                    let text: String = line.text.trim().chars().take(160).collect();
                    format!("rule {id} on line {} of the prompt cannot be read: {why}: `{text}`", line.number)
                })?;
            }
        }
        Ok(found)
    }

    fn add(&mut self, id: &str, body: &str) -> Result<(), String> {
        let known: Vec<_> = RULES.iter().filter(|row| row.id == id).collect();
        let Some(first) = known.first() else { return Err("BAP-1 has no rule of that number".to_owned()) };
        match self.listed.get(first.id) {
            Some(before) if before == body => return Ok(()),
            Some(_) => return Err("the rule is listed twice with different text".to_owned()),
            None => self.listed.insert(first.id, body.to_owned()),
        };
        for row in known {
            let clause = Clause::find(body, row.part)?;
            let figure = match row.shape {
                Shape::Listed => continue,
                Shape::AtMost(units) => Figure::Limit(clause.limit("<=", units)?),
                Shape::AtLeast(units) => Figure::Limit(clause.limit(">=", units)?),
                Shape::FromTo(units) => Figure::Range(clause.span(units)?),
                Shape::Around(units, tolerance) => Figure::Range(clause.around(units, tolerance)?),
            };
            self.figures.insert((row.id, row.part), figure);
        }
        Ok(())
    }

    /// Whether the prompt lists the rule.
    pub(crate) fn lists(&self, id: &str) -> bool {
        self.listed.contains_key(id)
    }

    /// The limit of a listed rule with one limit.
    pub(crate) fn limit(&self, id: &str) -> Option<Limit> {
        self.part_limit(id, "")
    }

    /// The limit of one part of a listed rule, e.g. `UPC` of F3.
    pub(crate) fn part_limit(&self, id: &str, part: &str) -> Option<Limit> {
        match self.figures.get(&(id, part))? {
            Figure::Limit(limit) => Some(*limit),
            Figure::Range(_) => None,
        }
    }

    /// The range of a listed rule that has one.
    pub(crate) fn range(&self, id: &str) -> Option<Range> {
        match self.figures.get(&(id, ""))? {
            Figure::Range(range) => Some(*range),
            Figure::Limit(_) => None,
        }
    }
}

/// `- P1: text` gives `("P1", " text")`; a line that does not start with a rule number gives nothing.
fn rule_line(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start().trim_start_matches(['-', '*', '+', '•']).trim_start();
    let (id, body) = line.split_once(':')?;
    let rest = id.strip_prefix(|family: char| table::FAMILIES.contains(family))?;
    let digits = rest.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    (number && rest.len() - digits.len() <= 1).then_some((id, body))
}

#[cfg(test)]
mod tests;
