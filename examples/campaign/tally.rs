//! Figures of one loop, and the table of all.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::stage::Ran;

/// Broken promises of one kind that are printed in full.
const SHOWN: usize = 5;

/// Figures of one loop.
pub(crate) struct Tally {
    name: String,
    /// Kills, full disks, damaged files, inputs or answers.
    pub(crate) faults: usize,
    pub(crate) lost: usize,
    pub(crate) asked_again: usize,
    /// Requests that were in flight at a fault and were repeated, and the most that may be.
    pub(crate) repeated: usize,
    pub(crate) may_repeat: usize,
    pub(crate) panics: usize,
    pub(crate) hangs: usize,
    pub(crate) secrets: usize,
    others: usize,
    lines: Vec<String>,
    codes: BTreeMap<String, usize>,
}

impl Tally {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            faults: 0,
            lost: 0,
            asked_again: 0,
            repeated: 0,
            may_repeat: 0,
            panics: 0,
            hangs: 0,
            secrets: 0,
            others: 0,
            lines: Vec::new(),
            codes: BTreeMap::new(),
        }
    }

    /// Count how a program ended, and whether it panicked or hung.
    pub(crate) fn ended(&mut self, what: &str, ran: &Ran) {
        *self.codes.entry(ran.code.map_or("signal".to_owned(), |code| code.to_string())).or_default() += 1;
        if ran.hung {
            self.hangs += 1;
            self.line(format!("hang: {what}"));
        }
        if ran.panicked() {
            self.panics += 1;
            let err = String::from_utf8_lossy(&ran.err);
            let at = err.find("panicked at").or_else(|| err.find("overflow")).unwrap_or(0);
            self.line(format!("panic: {what}: {}", err.get(at..).unwrap_or_default()));
        }
    }

    /// Another promise is broken.
    pub(crate) fn broken(&mut self, why: String) {
        self.others += 1;
        self.line(why);
    }

    /// A line below the table.
    pub(crate) fn line(&mut self, text: String) {
        let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
        self.lines.push(clean);
    }

    /// Every promise held.
    pub(crate) fn holds(&self) -> bool {
        self.lost + self.asked_again + self.panics + self.hangs + self.secrets + self.others == 0
            && self.repeated <= self.may_repeat
    }
}

/// The Markdown table, and the broken promises below it.
pub(crate) fn table(all: &[Tally]) -> String {
    let mut text = String::from(
        "| loop | faults | recorded answers lost | asked again | repeated in flight (at most) | panics | hangs | secrets | other | exit codes |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for tally in all {
        let codes: Vec<String> = tally.codes.iter().map(|(code, count)| format!("{code}: {count}")).collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} ({}) | {} | {} | {} | {} | {} |",
            tally.name,
            tally.faults,
            tally.lost,
            tally.asked_again,
            tally.repeated,
            tally.may_repeat,
            tally.panics,
            tally.hangs,
            tally.secrets,
            tally.others,
            codes.join(", ")
        );
    }
    for tally in all.iter().filter(|tally| !tally.lines.is_empty()) {
        let _ = writeln!(text, "\n{}:", tally.name);
        for line in tally.lines.iter().take(SHOWN) {
            let _ = writeln!(text, "- {line}");
        }
        let more = tally.lines.len().saturating_sub(SHOWN);
        if more > 0 {
            let _ = writeln!(text, "- and {more} more");
        }
    }
    text
}
