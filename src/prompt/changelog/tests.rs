//! The changelog survives its own edits, and says what is wrong with a person's.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::prompt::name::scalar;

/// A number as the block shows it. What rounds to nothing has no sign.
fn four_decimals(value: f64) -> String {
    let text = format!("{value:.4}");
    if text == "-0.0000" { "0.0000".to_owned() } else { text }
}

impl Block {
    fn rounded(mut self) -> Self {
        for map in [Some(&mut self.metrics), self.deltas.as_mut()].into_iter().flatten() {
            for value in map.values_mut() {
                *value = four_decimals(*value).parse().unwrap_or(*value);
            }
        }
        self
    }

    /// The fenced block, as 0.1.0 wrote it.
    fn to_text(&self) -> String {
        let mut out = String::from("```yaml accepted\n");
        for (key, value) in [
            ("suite", &self.suite),
            ("model", &self.model),
            ("run", &self.run),
            ("baseline_hash", &self.baseline_hash),
            ("candidate_hash", &self.candidate_hash),
            ("decision", &self.decision),
        ] {
            // Words with spaces and parentheses are plain text outside `{ }`; quotes would only add noise.
            let plain = key == "decision"
                && value.starts_with(|c: char| c.is_ascii_alphabetic())
                && value.contains(' ')
                && value.chars().all(|c| c.is_ascii_alphanumeric() || " ()".contains(c))
                && !value.ends_with(' ');
            // Writing to a String cannot fail.
            let _ = if plain {
                writeln!(out, "{key}: {value}")
            } else {
                writeln!(out, "{key}: {}", scalar(value))
            };
        }
        let map = |values: &BTreeMap<String, f64>, sign: bool| {
            let items: Vec<String> = values
                .iter()
                .map(|(name, value)| {
                    let number = four_decimals(*value);
                    let plus = if sign && !number.starts_with('-') { "+" } else { "" };
                    format!("{}: {plus}{number}", scalar(name))
                })
                .collect();
            if items.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", items.join(", ")) }
        };
        let _ = writeln!(out, "metrics: {}", map(&self.metrics, false));
        if let Some(deltas) = &self.deltas {
            let _ = writeln!(out, "deltas: {}", map(deltas, true));
        }
        out.push_str("```\n");
        out
    }
}

impl Changelog {
    fn append_block(&mut self, prompt: &str, block: &Block) -> Result<(), Problem> {
        let end = self.section(prompt).unwrap().end;
        self.insert_after(end, &format!("\n{}", block.to_text()))
    }
}

fn block(suite: &str, first: bool) -> Block {
    Block {
        suite: suite.to_owned(),
        model: "claude-3.7-sonnet".to_owned(),
        run: "20261123T131500Z-4f2a".to_owned(),
        baseline_hash: if first { FIRST.to_owned() } else { "a".repeat(64) },
        candidate_hash: "b".repeat(64),
        decision: if first { "first".to_owned() } else { "regressed (override)".to_owned() },
        metrics: BTreeMap::from([("verdict_accuracy".to_owned(), 0.766_66)]),
        deltas: (!first).then(|| BTreeMap::from([("a".to_owned(), 0.0333), ("b".to_owned(), -0.000_01)])),
        line: 0,
        end_line: 0,
    }
    .rounded()
}

const TEXT: &str = "\
# Prompt changelog

Some prose of ours.

## How to read this

```yaml
## prompt_v000.txt - not a heading
```

## prompt_v001.txt - 2026-11-23

Reason: the first one,
on two lines.

More prose.
## Other texts

- judge_prompt.txt 0123456789ab 2026-11-23: says why: because
";

#[test]
fn what_is_marked_is_read() {
    let log = Changelog::parse(TEXT).unwrap();
    assert_eq!(log.sections().len(), 1);
    let section = log.section("prompt_v001.txt").unwrap();
    assert_eq!((section.line, section.reason.as_str()), (11, "the first one, on two lines."));
    assert_eq!(log.others()[0].reason, "says why: because");
    assert_eq!(log.others()[0].line, 19);
}

#[test]
fn edits_put_text_in_and_touch_nothing_else() {
    for text in [TEXT.to_owned(), TEXT.trim_end().to_owned(), TEXT.replace('\n', "\r\n")] {
        let mut log = Changelog::parse(&text).unwrap();
        log.open_section("prompt_v002.txt", "2026-11-24", "shorter\n## not a heading").unwrap();
        log.append_block("prompt_v002.txt", &block("gold", false)).unwrap();
        log.append_block("prompt_v001.txt", &block("gold", true)).unwrap();
        log.append_block("prompt_v001.txt", &block("canary", true)).unwrap();
        log.add_other("judge_prompt.txt", &"c".repeat(64), "2026-11-24", "better").unwrap();
        let names: Vec<&str> = log.sections().iter().map(|s| s.prompt.as_str()).collect();
        assert_eq!(names, ["prompt_v002.txt", "prompt_v001.txt"]);
        let without_line = |block: &Block| Block { line: 0, end_line: 0, ..block.clone() };
        let blocks: Vec<Block> =
            log.section("prompt_v001.txt").unwrap().blocks.iter().map(without_line).collect();
        assert_eq!(blocks, [block("gold", true), block("canary", true)]);
        assert_eq!(log.others().len(), 2);
        // Every line of before is still there, in order.
        let mut after = log.text().lines();
        for line in text.lines() {
            assert!(after.any(|other| other == line), "{line} is gone");
        }
        let ends = log.text().matches('\n').count();
        let crlf = log.text().matches("\r\n").count();
        assert!(crlf == 0 || crlf == ends, "line ends are mixed");
    }
}

#[test]
fn blocks_are_removed_and_the_rest_is_left_alone() {
    for text in [TEXT.to_owned(), TEXT.replace('\n', "\r\n")] {
        let mut log = Changelog::parse(&text).unwrap();
        log.append_block("prompt_v001.txt", &block("canary", true)).unwrap();
        let with_one = log.text().to_owned();
        log.append_block("prompt_v001.txt", &block("gold", true)).unwrap();
        log.append_block("prompt_v001.txt", &block("gold", false)).unwrap();
        assert!(!log.remove_blocks("gold", "another-model").unwrap());
        assert!(log.remove_blocks("gold", "claude-3.7-sonnet").unwrap());
        assert_eq!(log.text(), with_one);
        assert!(log.remove_blocks("canary", "claude-3.7-sonnet").unwrap());
        assert_eq!(log.sections()[0].blocks, []);
        assert_eq!(
            log.text().trim_end().lines().collect::<Vec<_>>(),
            text.trim_end().lines().collect::<Vec<_>>()
        );
    }
}

#[test]
fn the_text_of_a_new_file() {
    let mut log = Changelog::default();
    log.open_section("prompt_v001.txt", "2026-11-23", "the first one").unwrap();
    log.append_block("prompt_v001.txt", &block("gold", false)).unwrap();
    log.add_other("judge_prompt.txt", &"c".repeat(64), "2026-11-24", "better").unwrap();
    let (a, b) = ("a".repeat(64), "b".repeat(64));
    let want = format!(
        "# Prompt changelog\n\n## prompt_v001.txt - 2026-11-23\n\nReason: the first one\n\n```yaml accepted\n\
         suite: gold\nmodel: claude-3.7-sonnet\nrun: 20261123T131500Z-4f2a\nbaseline_hash: {a}\n\
         candidate_hash: {b}\ndecision: regressed (override)\nmetrics: {{ verdict_accuracy: 0.7667 }}\n\
         deltas: {{ a: +0.0333, b: +0.0000 }}\n```\n\n## Other texts\n\n\
         - judge_prompt.txt cccccccccccc 2026-11-24: better\n"
    );
    assert_eq!(log.text(), want);
}

#[test]
fn refusals() {
    let mut log = Changelog::parse(TEXT).unwrap();
    let open = log.clone().open_section("prompt_v001.txt", "2026-11-24", "x").unwrap_err();
    assert_eq!(open.line, Some(11));
    assert!(log.open_section("judge_prompt.txt", "2026-11-24", "x").is_err());
    assert!(log.open_section("prompt_v002.txt", "yesterday", "x").is_err());
    assert!(log.open_section("prompt_v002.txt", "2026-11-24", " \n").unwrap_err().hint.is_some());
    assert!(log.add_other("prompt_v001.txt", &"c".repeat(64), "2026-11-24", "x").is_err());
    assert!(log.add_other("judge_prompt.txt", "c", "2026-11-24", "x").is_err());
    assert_eq!(log.text(), TEXT);
}

#[test]
fn every_problem_with_its_line() {
    let text = "\
# Prompt changelog
## prompt_v003.txt 2026-11-23
## judge_prompt.txt - 2026-11-23
## prompt_v002.txt - 2026-11-23
```yaml accepted
suite: gold
modle: reference
run: r
baseline_hash: zero
candidate_hash: 12
decision: pass
metrics: {}
```
## prompt_v002.txt - 2026-11-23
```yaml accepted
suite: gold
model: m
run: r
baseline_hash: first
candidate_hash: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
decision: pass
metrics: {}
deltas: { a: +0.1 }
```
## Other texts
- judge_prompt.txt 0123 2026-11-23: x
~~~
";
    let problems: Vec<String> = Changelog::parse(text).unwrap_err().iter().map(ToString::to_string).collect();
    let want = [
        ":2: expected `## prompt_v003.txt - YYYY-MM-DD`",
        ":3: `judge_prompt.txt` has no number",
        ":4: `prompt_v002.txt` has no reason",
        ":6:1: required key `model` is missing",
        ":7:1: `modle`: unknown key `modle`",
        ":10:1: `candidate_hash`: expected text, found `12`",
        ":14: `prompt_v002.txt` has a section already, on line 4",
        ":23:1: `deltas`: the first baseline has none before it",
        ":26: expected `- FILE HASH YYYY-MM-DD: reason`",
        ":27: this fence is never closed",
    ];
    let rest = |problem: &str| problem.trim_start_matches(FILE).to_owned();
    for want in want {
        assert!(problems.iter().any(|p| rest(p).starts_with(want)), "{want} not in {problems:#?}");
    }
    assert_eq!(problems.len(), want.len(), "{problems:#?}");
}

fn words() -> impl Strategy<Value = String> {
    "[A-Za-z0-9é:`#\\-\"'{}]{1,8}( [A-Za-z0-9é:`#\\-\"'{}]{1,8}){0,4}"
}

fn any_block() -> impl Strategy<Value = Block> {
    let numbers = || proptest::collection::btree_map("[a-z_ ]{1,8}", -1.0..1.0, 0..4);
    (words(), words(), words(), any::<bool>(), "[0-9a-f]{64}", numbers(), numbers()).prop_map(
        |(suite, model, decision, first, hash, metrics, deltas)| {
            Block {
                suite,
                model,
                run: "20261123T131500Z-4f2a".to_owned(),
                baseline_hash: if first { FIRST.to_owned() } else { hash.chars().rev().collect() },
                candidate_hash: hash,
                decision,
                metrics,
                deltas: (!first).then_some(deltas),
                line: 0,
                end_line: 0,
            }
            .rounded()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(
        versions in proptest::collection::vec((words(), proptest::collection::vec(any_block(), 0..3)), 1..4),
        others in proptest::collection::vec(("[0-9a-f]{64}", words()), 0..3),
        prose in "(\n|[a-z ]{0,20}\n|### [a-z]{1,5}\n|## [a-z ]{1,9}\n){0,6}",
    ) {
        let mut log = Changelog::parse(&prose).unwrap();
        for (i, (reason, _)) in versions.iter().enumerate() {
            log.open_section(&format!("prompt_v{i}.txt"), "2026-11-23", reason).unwrap();
        }
        for (i, (_, blocks)) in versions.iter().enumerate() {
            for block in blocks {
                log.append_block(&format!("prompt_v{i}.txt"), block).unwrap();
            }
        }
        for (hash, reason) in &others {
            log.add_other("judge_prompt.txt", hash, "2026-11-23", reason).unwrap();
        }
        let back = Changelog::parse(log.text()).unwrap();
        for (i, (reason, blocks)) in versions.iter().enumerate() {
            let section = back.section(&format!("prompt_v{i}.txt")).unwrap();
            prop_assert_eq!(&section.reason, reason);
            let found: Vec<Block> = section.blocks.iter().map(|b| Block { line: 0, end_line: 0, ..b.clone() }).collect();
            prop_assert_eq!(&found, blocks);
        }
        let found: Vec<(&str, &str)> =
            back.others().iter().map(|o| (o.short_hash.as_str(), o.reason.as_str())).collect();
        let want: Vec<(&str, &str)> = others.iter().map(|(h, r)| (&h[..12], r.as_str())).collect();
        prop_assert_eq!(found, want);
        prop_assert!(back.text().contains(prose.trim()), "prose is gone");
    }
}

#[test]
fn pins_are_written_down_newest_first() {
    let mut log = Changelog::default();
    log.add_pin("2026-11-26", "a: x -> y").unwrap();
    log.add_other("judge_prompt.txt", &"0".repeat(64), "2026-11-26", "why").unwrap();
    log.add_pin("2026-11-27", "a: y -> z\n## Pins").unwrap();
    assert!(log.text().contains("## Pins\n\n- 2026-11-27: a: y -> z ## Pins\n- 2026-11-26: a: x -> y\n"));
    assert!(log.text().find("x -> y") > log.text().find("y -> z"));
    assert_eq!(log.others().len(), 1, "{}", log.text());
    assert!(log.add_pin("yesterday", "a").is_err() && log.add_pin("2026-11-27", " ").is_err());
}
