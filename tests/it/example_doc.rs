//! `docs/example.md` shows the figures that the committed data give today.
//!
//! Only the tables are held to the data; the words around them are for people.

use std::path::Path;

#[path = "../../examples/gold_report/tables.rs"]
mod tables;

#[test]
fn the_document_holds_every_line_of_the_report() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = std::fs::read_to_string(root.join("docs/example.md")).unwrap();
    let lines: Vec<&str> = document.lines().collect();
    let report = tables::report(root).unwrap();
    let missing: Vec<&str> = report.lines().filter(|line| !lines.contains(line)).collect();
    assert!(
        missing.is_empty(),
        "docs/example.md is out of date: put in what `cargo run --example gold_report` prints\n{}",
        missing.join("\n")
    );
}
