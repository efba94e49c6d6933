//! Writes `data/gold_set.jsonl`, `data/canary_set.jsonl` and `data/judge_labels.jsonl`, byte for byte the same
//! on every run.
//!
//! `cargo run --example build_gold` writes the files; `-- --check` compares instead and fails on a difference.
//! Every label is checked on the way (`rf_qaqc::labels`), and `rule_trap` is computed, never claimed. It reads
//! no clock, no network and no environment.

#![expect(clippy::panic, reason = "a slip in a case must stop the build of the data")]

#[path = "build_gold/mod.rs"]
mod build_gold;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut ok = true;
    let check = std::env::args().any(|arg| arg == "--check");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    for (file, lines, problems) in build_gold::files() {
        let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
        for problem in &problems {
            say(problem);
        }
        let path = data.join(file);
        if check {
            let same = std::fs::read_to_string(&path).is_ok_and(|committed| committed == text);
            if !same {
                say(&format!("{file}: the committed file is not what the generator writes"));
            }
            ok &= same;
        } else if problems.is_empty() {
            write(&path, &text);
        }
        ok &= problems.is_empty();
    }
    if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::print_stderr, reason = "a tool run by hand: its problems go to the terminal")]
fn say(problem: &str) {
    eprintln!("{problem}");
}

#[expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    reason = "files in Git; a torn write shows in the diff"
)]
fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("the data folder is writable");
}
