//! The reference analyst: BAP-1 limits applied to the structured fields of the record in a prompt.
//!
//! Plain rules, not an LLM, and every answer says so. It applies the rules that the prompt lists, with the
//! prompt's limits, and reads structured fields only: never the notes, an attachment's summary or the
//! language. So it is blind to what only the free text says: a floor to beat, and a way to see a prompt
//! change break cases without an account. Reading order: `inspection` (what a rule needs), one file per
//! kind of test, `report` (findings to answer).

mod inspection;

mod alignment;
mod closeout;
mod common;
mod fiber;
mod network;
mod pim;
mod sweep;

mod report;

use super::fence;
use super::instructions::Instructions;
use super::record::{Record, TestType};
use inspection::Inspection;

/// Answer a rendered prompt: the fenced `input_data` record judged by the rules listed outside the fence.
///
/// JSON in the output schema if the prompt asks for JSON, else one sentence.
///
/// # Errors
/// A message that names what could not be read: the fence, a record field or a rule line.
pub fn answer(prompt: &str) -> Result<String, String> {
    let parts = fence::split(prompt);
    let rules = Instructions::read(&parts.lines)?;
    let record = Record::read(parts.block("input_data")?)?;
    let mut inspection = Inspection::new(&record, &rules);
    match record.test_type {
        TestType::LineSweep => sweep::inspect(&mut inspection)?,
        TestType::Pim => pim::inspect(&mut inspection)?,
        TestType::Alignment => alignment::inspect(&mut inspection)?,
        TestType::Fiber => fiber::inspect(&mut inspection)?,
        TestType::DriveTest => network::inspect_drive(&mut inspection)?,
        TestType::RanKpi => network::inspect_kpi(&mut inspection)?,
        TestType::Closeout => closeout::inspect(&mut inspection)?,
    }
    common::inspect(&mut inspection)?;
    let findings = inspection.into_findings();
    report::write(&record.id, &findings, rules.wants_json)
}

#[cfg(test)]
mod tests;
