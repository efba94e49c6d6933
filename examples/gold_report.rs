//! Prints the tables of `docs/example.md`: what the gold set holds, how the embedded reference does on it, and
//! how far the rubric judge agrees with the judged answers.
//!
//! `cargo run --example gold_report`. It computes from the committed files and changes nothing; a test compares
//! the printed lines with the document.

#[path = "gold_report/tables.rs"]
mod tables;

use std::path::Path;
use std::process::ExitCode;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool run by hand")]
fn main() -> ExitCode {
    match tables::report(Path::new(env!("CARGO_MANIFEST_DIR"))) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
