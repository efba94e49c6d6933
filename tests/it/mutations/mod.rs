//! Mutations of a pull request: a prompt that lost a section, and one further change that weakens what is measured.
//! Each must end red, or name the weakening above the verdict and wait for its acceptance. None may pass.

#[cfg(feature = "rf-qaqc")]
mod example;
mod one_check;
#[cfg(feature = "rf-qaqc")]
mod unchanged;

use llm_experiments::report::input::Report;

use crate::world::{Ran, World};

/// A further change beside the worse prompt.
struct Mutation {
    /// What somebody did, for the message of a failing row.
    name: &'static str,
    make: fn(&World),
    /// A change of the measurement that must be named and open; none where the verdict alone must be red.
    named: Option<&'static str>,
    /// By main's measurement the product got worse, and the run says so. `false` where nothing is left to compare.
    worse: bool,
}

/// What is wrong with how a mutation ended.
fn flaws(world: &World, mutation: &Mutation) -> Vec<String> {
    (mutation.make)(world);
    world.commit();
    let ran = world.run(&["eval", "--format", "json"]);
    let Ok(report) = llm_experiments::report::json::read(ran.stdout.as_bytes()) else {
        return vec![format!("{}: no report: {}", mutation.name, ran.text())];
    };
    let mut flaws = Vec::new();
    if ran.code == 0 {
        flaws.push("passes".to_owned());
    }
    if let Some(name) = mutation.named {
        let changes = report.measurement.iter().flat_map(|found| &found.changes);
        let open: Vec<&str> =
            changes.filter(|change| change.is_open()).map(|change| change.change.name.as_str()).collect();
        if !open.contains(&name) {
            flaws.push(format!("`{name}` is not among the open changes {open:?}"));
        }
        if ran.code != 2 {
            flaws.push(format!("exit {} instead of 2", ran.code));
        }
        flaws.extend(hidden(world, name));
    }
    if mutation.worse && !is_worse(&report) {
        flaws.push("no suite is worse".to_owned());
    }
    flaws.into_iter().map(|flaw| format!("{}: {flaw}", mutation.name)).collect()
}

/// A suite got worse, by the branch's measurement or by main's.
fn is_worse(report: &Report) -> bool {
    use llm_experiments::report::outcome::{exit, product_exit_code};
    product_exit_code(report) == exit::WORSE
}

/// The change is above the verdict, for people and for machines.
fn hidden(world: &World, name: &str) -> Option<String> {
    // Many cases with one change share a line.
    let what = name.split_once(": ").map_or(name, |(_, what)| what);
    let said = world.run(&["eval"]).stdout;
    let verdict = said.lines().position(|line| line.starts_with("  cases: "));
    let named = said.lines().position(|line| line.contains(what));
    let summary = world.read("reports/summary.md");
    let junit = world.read("reports/junit.xml");
    // Markdown and XML escape some characters; words stay.
    let words = what.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() > 2);
    let missing: Vec<&str> = words.filter(|word| !summary.contains(word) || !junit.contains(word)).collect();
    match (named, verdict) {
        (None, _) => Some(format!("the console does not name `{what}`:\n{said}")),
        (Some(named), Some(verdict)) if named > verdict => {
            Some("the console names it below the verdict".to_owned())
        }
        _ if !missing.is_empty() => Some(format!("summary or JUnit lack {missing:?}")),
        _ => None,
    }
}

/// Run every row on a copy of `world`; rows of a table run side by side.
fn run_all(world: &(dyn Fn() -> World + Sync), mutations: &[Mutation]) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let found = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let i = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some(mutation) = mutations.get(i) else { return };
                    found.lock().unwrap().extend(flaws(&world(), mutation));
                }
            });
        }
    });
    let found = found.into_inner().unwrap();
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}

/// docs/gate.md has a table of these mutations.
#[test]
fn the_table_in_the_docs_lists_every_mutation() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap();
    let docs = read("docs/gate.md");
    let mut rows = 0;
    for file in ["example", "one_check"] {
        let source = read(&format!("tests/it/mutations/{file}.rs"));
        let names =
            source.lines().filter_map(|line| line.trim().strip_prefix("name: \"")?.strip_suffix("\","));
        for name in names {
            assert!(docs.contains(&format!("| {name} |")), "docs/gate.md does not list `{name}`");
            rows += 1;
        }
    }
    assert!(rows >= 40, "{rows}");
}

/// The worse prompt alone is caught, or the rows would prove nothing; and without it there is no finding.
fn is_fair(worse: &World, clean: &World) -> (Ran, Ran) {
    let (ran, report) = worse.eval(&[]);
    assert!(is_worse(&report), "{}", ran.text());
    let clean = clean.run(&["eval"]).exits(0);
    (ran.exits(1), clean)
}
