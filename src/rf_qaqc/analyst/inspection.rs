//! One record under inspection: compare fields with listed limits and collect findings.
//!
//! Every method does nothing when its rule is not listed. Quotes are taken from the record's text here, so a
//! finding is verbatim by construction.

use crate::rf_qaqc::codes::Certainty;
use crate::rf_qaqc::instructions::{Instructions, Limit, Outcome};
use crate::rf_qaqc::record::Record;

/// A quote and the place it stands at.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(super) struct Evidence {
    pub(super) source: String,
    pub(super) quote: String,
}

/// One rule that a record does not meet.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) rule: &'static str,
    pub(super) code: &'static str,
    pub(super) certainty: Certainty,
    pub(super) evidence: Vec<Evidence>,
}

/// The record, the listed rules and what was found so far.
#[derive(Debug)]
pub(super) struct Inspection<'a> {
    pub(super) record: &'a Record<'a>,
    pub(super) rules: &'a Instructions,
    findings: Vec<Finding>,
}

impl<'a> Inspection<'a> {
    pub(super) fn new(record: &'a Record<'a>, rules: &'a Instructions) -> Self {
        Self { record, rules, findings: Vec::new() }
    }

    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    /// Record a finding that quotes whole values.
    pub(super) fn report(
        &mut self,
        rule: &'static str,
        code: &'static str,
        certainty: Certainty,
        pointers: &[&str],
    ) -> Result<(), String> {
        let mut evidence = Vec::with_capacity(pointers.len());
        for &pointer in pointers {
            let quote = self.record.quote(pointer)?;
            // An empty text cannot be quoted; the other field of a pair still can.
            if !quote.is_empty() {
                evidence.push(Evidence { source: pointer.to_owned(), quote });
            }
        }
        if evidence.is_empty() {
            return Err(format!(
                "record field `{}`: expected a text, found an empty one",
                pointers.join("`, `")
            ));
        }
        self.report_evidence(rule, code, certainty, evidence);
        Ok(())
    }

    /// Record a finding whose quotes the caller took.
    pub(super) fn report_evidence(
        &mut self,
        rule: &'static str,
        code: &'static str,
        certainty: Certainty,
        evidence: Vec<Evidence>,
    ) {
        self.findings.push(Finding { rule, code, certainty, evidence });
    }

    /// Compare a value with a limit: between the edges is suspected, beyond is confirmed.
    pub(super) fn grade(
        &mut self,
        limit: Option<Limit>,
        rule: &'static str,
        code: &'static str,
        value: f64,
        pointers: &[&str],
    ) -> Result<(), String> {
        let certainty = match limit.map_or(Outcome::Pass, |limit| limit.outcome(value)) {
            Outcome::Pass => return Ok(()),
            Outcome::Review => Certainty::Suspected,
            Outcome::Fail => Certainty::Confirmed,
        };
        self.report(rule, code, certainty, pointers)
    }

    /// [`grade`](Self::grade) of one field against the rule's only limit; `null` is left to I4.
    pub(super) fn field(
        &mut self,
        rule: &'static str,
        code: &'static str,
        pointer: &str,
    ) -> Result<(), String> {
        let limit = self.rules.limit(rule);
        if limit.is_none() {
            return Ok(());
        }
        match self.record.number(pointer)? {
            Some(value) => self.grade(limit, rule, code, value, &[pointer]),
            None => Ok(()),
        }
    }
}
