//! One valid world, then one mistake at a time: each is caught, by a problem that names file and line.

use std::collections::BTreeMap;
use std::path::Path;

use super::accepted::History;
use super::pins::{Facts, TaskNow};
use super::under_test::{Candidate, Run};
use super::{Findings, NamedVersions, UnderTest, datasets, pins, prompts};
use crate::baseline::file::tests::baseline;
use crate::baseline::{self, Baseline, Decision, FileHash, Verdict, history};
use crate::config::document::{Document, parse_yaml};
use crate::config::pins::{FILE as PINS, PinsFile};
use crate::files::atomic_write;
use crate::json::sha256_hex;
use crate::prompt::changelog::FILE as LOG;
use crate::prompt::lock::FILE as LOCK;
use crate::prompt::version::relock;
use crate::prompt::{Changelog, Lock, content_sha256};

const BASELINE: &str = "data/baselines/gold.reference.json";

fn put(root: &Path, file: &str, text: &str) {
    atomic_write(&root.join(file), text.as_bytes()).unwrap();
}

fn text(root: &Path, file: &str) -> String {
    std::fs::read_to_string(root.join(file)).unwrap()
}

fn edit(root: &Path, file: &str, from: &str, to: &str) {
    let before = text(root, file);
    assert!(before.contains(from), "{file} has no `{from}`:\n{before}");
    put(root, file, &before.replacen(from, to, 1));
}

/// Accept a baseline as the command does: file, changelog, lock.
fn accept(root: &Path, prompt: &str, run: &str, change: impl FnOnce(&mut Baseline)) {
    let before = baseline::read(root, "gold", "reference").unwrap();
    let mut new = baseline();
    new.header.prompt = FileHash { file: prompt.to_owned(), sha256: content_sha256(root, prompt).unwrap() };
    run.clone_into(&mut new.header.accepted.run_id);
    new.history = history::leading_to(before.as_ref(), None, None, "gold", "reference");
    if let Some(before) = before {
        new.header.accepted.decision = Decision {
            verdict: Verdict::Pass,
            sentence: "no net change".to_owned(),
            against: before.sha256,
            broken: 0,
            deltas: BTreeMap::from([("verdict_accuracy".to_owned(), -0.25)]),
        };
    }
    change(&mut new);
    baseline::write(root, &new).unwrap();
    let mut log = Changelog::load(root).unwrap().unwrap_or_default();
    if log.section(prompt).is_none() {
        log.open_section(prompt, "2026-11-23", "better").unwrap();
    }
    log.save(root).unwrap();
}

fn pins_of(root: &Path) -> Document<PinsFile> {
    parse_yaml(PINS, &text(root, PINS)).unwrap()
}

fn lock(root: &Path) {
    let named = NamedVersions::collect(root, &pins_of(root)).unwrap();
    relock(root, &named.prompts()).unwrap();
}

/// Version 1 is pinned; 2 was accepted after it, twice; 3 is a draft. Judge and partial are tracked.
fn world() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    put(root, "prompts/prompt_v001.txt", "one {input_data}\n");
    put(root, "prompts/prompt_v002.txt", "two {include:partials/limits.txt} {input_data}\n");
    put(root, "prompts/prompt_v003.txt", "three {input_data}\n");
    put(root, "prompts/judge_prompt.txt", "judge {output}\n");
    put(root, "prompts/partials/limits.txt", "limits\n");
    accept(root, "prompt_v001.txt", "run-1", |_| {});
    accept(root, "prompt_v002.txt", "run-2", |_| {});
    accept(root, "prompt_v002.txt", "run-3", |new| {
        new.header.accepted.decision.verdict = Verdict::Improved;
        new.header.accepted.decision.deltas = BTreeMap::from([("verdict_accuracy".to_owned(), 0.25)]);
    });
    let mut log = Changelog::load(root).unwrap().unwrap();
    log.add_other("partials/limits.txt", &sha256_hex("limits\n"), "2026-11-23", "as in BAP-1").unwrap();
    log.save(root).unwrap();
    let hash = |name: &str| content_sha256(root, name).unwrap();
    put(
        root,
        PINS,
        &format!(
            "pins:\n  judge: {{ model: m, prompt: judge_prompt.txt, prompt_sha256: \"{}\", pinned_on: 2026-11-23 }}\n  \
             rf:\n    model: m\n    prompt: prompt_v001.txt\n    prompt_sha256: \"{}\"\n    \
             pinned_on: 2026-11-23\n    retires_on: 2027-01-01\n",
            hash("judge_prompt.txt"),
            hash("prompt_v001.txt")
        ),
    );
    lock(root);
    dir
}

fn findings(root: &Path) -> Findings {
    findings_with(root, &UnderTest::default(), false)
}

fn findings_with(root: &Path, under_test: &UnderTest, ci: bool) -> Findings {
    let lock = Lock::load(root).unwrap();
    let log = Changelog::load(root).unwrap();
    let named = NamedVersions::collect(root, &pins_of(root)).unwrap();
    prompts::check(root, lock.as_ref(), log.as_ref(), &named, under_test, ci)
}

/// Findings about the pins; `task` is the pinned task today.
fn pin_findings(root: &Path, today: &str, task: TaskNow, ci: bool) -> Findings {
    let log = Changelog::load(root).unwrap();
    let named = NamedVersions::collect(root, &pins_of(root)).unwrap();
    let history = History { baselines: &named.baselines, changelog: log.as_ref() };
    let tasks = BTreeMap::from([("rf".to_owned(), task)]);
    pins::check(root, &pins_of(root), Facts { today, tasks: &tasks, history, ci })
}

/// The pinned task, measured by the suite that the world accepts.
fn measured() -> TaskNow {
    TaskNow { suites: vec![("gold".to_owned(), "reference".to_owned())], ..TaskNow::default() }
}

fn line_of(text: &str, what: &str) -> usize {
    text.lines().position(|line| line.contains(what)).unwrap_or_else(|| panic!("no `{what}`:\n{text}")) + 1
}

#[test]
fn a_valid_world_has_no_problem() {
    let dir = world();
    assert_eq!(findings(dir.path()), Findings::default());
    let lock = text(dir.path(), LOCK);
    assert_eq!((lock.matches("frozen").count(), lock.matches("draft").count()), (2, 1), "{lock}");
    assert_eq!(pin_findings(dir.path(), "2026-11-23", measured(), true), Findings::default());
}

/// What may change without a problem.
#[test]
fn what_is_allowed() {
    let check = |what: &str, change: &dyn Fn(&Path)| {
        let dir = world();
        change(dir.path());
        assert_eq!(findings(dir.path()).problems, [], "{what}");
    };
    check("a draft is edited", &|root| put(root, "prompts/prompt_v003.txt", "x"));
    check("a change of a text with a line that says why", &|root| {
        put(root, "prompts/judge_prompt.txt", "judge better {output}\n");
        let hash = content_sha256(root, "judge_prompt.txt").unwrap();
        let old = pins_of(root).value.pins["judge"].prompt_sha256.clone();
        edit(root, PINS, &old, &hash);
        let mut log = Changelog::load(root).unwrap().unwrap();
        log.add_other("judge_prompt.txt", &hash, "2026-11-24", "asks for evidence").unwrap();
        log.save(root).unwrap();
        lock(root);
    });
    check("a rollback to an older version", &|root| accept(root, "prompt_v001.txt", "run-4", |_| {}));
    check("an override", &|root| {
        accept(root, "prompt_v001.txt", "run-4", |new| {
            new.header.accepted.decision.verdict = Verdict::Regressed;
            new.header.accepted.override_reason = Some("wanted".to_owned());
        });
    });
    check("a lock that is gone is missed once something was accepted", &|root| {
        let lock = text(root, LOCK);
        std::fs::remove_file(root.join(LOCK)).unwrap();
        let problems = findings(root).problems;
        assert!(problems[0].to_string().contains("baselines name accepted prompts"), "{problems:?}");
        put(root, LOCK, &lock);
    });
    check("no lock is a hint only while nothing was accepted", &|root| {
        std::fs::remove_file(root.join(LOCK)).unwrap();
        std::fs::remove_file(root.join(BASELINE)).unwrap();
        assert!(findings(root).hints[0].contains("llmx prompt lock"));
    });
}

type Mistake<'a> = (&'a str, &'a dyn Fn(&Path), &'a str, &'a str, &'a str);

/// A mistake, then where the problem is found (file, a text of its line) and what it says.
#[test]
fn each_mistake_is_caught() {
    let mistakes: &[Mistake<'_>] = &[
        (
            "frozen edited",
            &|r| put(r, "prompts/prompt_v001.txt", "x"),
            LOCK,
            "prompt_v001.txt",
            "llmx prompt new",
        ),
        (
            "frozen gone",
            &|r| std::fs::remove_file(r.join("prompts/prompt_v001.txt")).unwrap(),
            LOCK,
            "prompt_v001.txt",
            "cannot be read",
        ),
        ("draft named", &|r| edit(r, LOCK, "frozen", "draft"), LOCK, "prompt_v001.txt", "expected `frozen`"),
        (
            "pin hash",
            &|r| edit(r, PINS, "prompt_sha256: \"", "prompt_sha256: \"0"),
            PINS,
            "judge:",
            "names `prompts/judge_prompt.txt` with hash 0",
        ),
        (
            "partial under a baseline",
            &|r| put(r, "prompts/partials/limits.txt", "x"),
            BASELINE,
            "\"prompt\":",
            "but its text has",
        ),
        (
            "tracked edited",
            &|r| put(r, "prompts/partials/limits.txt", "x"),
            LOCK,
            "partials/limits.txt",
            "run `llmx prompt lock` and add a changelog line",
        ),
        (
            "tracked without a line",
            &|r| {
                // By hand: the command takes no text without its line.
                let hash = |root: &Path| content_sha256(root, "partials/limits.txt").unwrap();
                let before = hash(r);
                put(r, "prompts/partials/limits.txt", "x");
                edit(r, LOCK, &before, &hash(r));
            },
            LOG,
            "- partials/limits.txt",
            "no line says why",
        ),
        (
            "not in the lock",
            &|r| put(r, "prompts/synthesis_prompt.txt", "x"),
            "prompts/synthesis_prompt.txt",
            "x",
            "run `llmx prompt lock`",
        ),
        (
            "no entry",
            &|r| {
                edit(r, PINS, "prompt: prompt_v001.txt", "prompt: prompt_v003.txt");
                let hash = |name: &str| content_sha256(r, name).unwrap();
                edit(r, PINS, &hash("prompt_v001.txt"), &hash("prompt_v003.txt"));
                lock(r);
            },
            PINS,
            "    prompt_sha256: \"",
            "which has no entry",
        ),
    ];
    for (what, change, file, line, message) in mistakes {
        let dir = world();
        change(dir.path());
        let problems = findings(dir.path()).problems;
        let line = line_of(&text(dir.path(), file), line);
        let caught = problems.iter().any(|p| {
            (p.file.as_str(), p.line.is_some()) == (*file, true)
                && p.line == Some(line)
                && p.to_string().contains(message)
        });
        assert!(caught, "{what}: expected `{message}` at {file}:{line}, found {problems:#?}");
    }
}

#[test]
fn pins_and_their_dates() {
    let check = |change: &dyn Fn(&Path), today: &str, key: &str, want: &str| {
        let dir = world();
        change(dir.path());
        let problems = pin_findings(dir.path(), today, measured(), true).problems;
        assert_eq!(problems.len(), 1, "{problems:#?}");
        let line = line_of(&text(dir.path(), PINS), key);
        assert_eq!((problems[0].file.as_str(), problems[0].line), (PINS, Some(line)), "{problems:?}");
        assert!(problems[0].to_string().contains(want), "{problems:?}");
    };
    check(&|r| put(r, "prompts/prompt_v001.txt", "x"), "2026-11-23", "    prompt_sha256", "another text now");
    check(
        &|r| std::fs::remove_file(r.join("prompts/prompt_v001.txt")).unwrap(),
        "2026-11-23",
        "    prompt:",
        "cannot be read",
    );
    check(&|_| {}, "2027-01-02", "    retires_on", "was retired on 2027-01-01, today is 2027-01-02");
    let dir = world();
    // A month before the model goes, and on the day itself, there is something to do.
    let told = |today| pin_findings(dir.path(), today, measured(), true).problems;
    assert_eq!(told("2026-12-01"), []);
    for (today, says) in
        [("2026-12-02", "in 30 days"), ("2026-12-31", "in 1 day"), ("2027-01-01", "in 0 days")]
    {
        let problems = told(today);
        assert!(problems[0].message.ends_with(says), "{}", problems[0]);
        assert!(problems[0].hint.as_ref().unwrap().contains("name a `replacement`"), "{problems:?}");
    }
    edit(
        dir.path(),
        PINS,
        "retires_on: 2027-01-01",
        "retires_on: 2027-01-01\n    replacement: m2\n    notice_days: 5",
    );
    assert_eq!(told("2026-12-20"), []);
    let problems = told("2026-12-28");
    assert!(problems[0].hint.as_ref().unwrap().contains("`llmx pins upgrade rf --to m2`"), "{problems:?}");
    // What is pinned besides the prompt is held as well.
    edit(dir.path(), PINS, "notice_days: 5", &format!("schema_sha256: {}", "a".repeat(64)));
    let hashes = |schema: &str| {
        let task = TaskNow { schema: Some(schema.repeat(64)), ..measured() };
        pin_findings(dir.path(), "2026-11-23", task, true).problems
    };
    assert_eq!(hashes("a"), []);
    assert!(hashes("b")[0].message.starts_with("the task's output schema is another now"));
}

#[test]
fn a_pin_names_what_was_accepted() {
    let pin = |root: &Path, from: &str, to: &str| {
        let hash = |name: &str| content_sha256(root, name).unwrap();
        edit(root, PINS, &format!("prompt: {from}"), &format!("prompt: {to}"));
        edit(root, PINS, &hash(from), &hash(to));
    };
    let found = |root: &Path, task: TaskNow| {
        let findings = pin_findings(root, "2026-11-23", task, false);
        findings.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let world_with = |prompt: &str| {
        let dir = world();
        if prompt != "prompt_v001.txt" {
            pin(dir.path(), "prompt_v001.txt", prompt);
        }
        dir
    };
    // What the baseline holds, and what the history does.
    for prompt in ["prompt_v001.txt", "prompt_v002.txt"] {
        assert_eq!(found(world_with(prompt).path(), measured()), "", "{prompt}");
    }
    let dir = world_with("prompt_v003.txt");
    let problem = found(dir.path(), measured());
    let line = line_of(&text(dir.path(), PINS), "    prompt: ");
    assert!(problem.starts_with(&format!("{PINS}:{line}:")), "{problem}");
    for part in [
        "`prompt_v003.txt` was never accepted for `gold` on `reference`: accepted is prompt_v001.txt, prompt_v002.txt",
        "`llmx eval gold --prompt prompt_v003.txt --model reference`",
        "`llmx baseline accept gold --prompt prompt_v003.txt --model reference`",
        "`llmx pins upgrade rf --to ALIAS`",
    ] {
        assert!(problem.contains(part), "{problem}");
    }
    // Accepted on one model and pinned on another; and for one suite of two.
    let on = |suites: &[(&str, &str)]| TaskNow {
        suites: suites.iter().map(|(suite, alias)| ((*suite).to_owned(), (*alias).to_owned())).collect(),
        ..TaskNow::default()
    };
    let dir = world_with("prompt_v001.txt");
    let problem = found(dir.path(), on(&[("gold", "other")]));
    assert!(problem.contains("never accepted for `gold` on `other`: accepted is nothing"), "{problem}");
    let both = on(&[("gold", "reference"), ("new", "reference")]);
    assert_eq!(found(dir.path(), both.clone()), "");
    let findings = pin_findings(dir.path(), "2026-11-23", both.clone(), false);
    assert!(
        findings.hints[0].contains("no version was accepted yet for `new` on `reference`"),
        "{findings:?}"
    );
    let under_ci = pin_findings(dir.path(), "2026-11-23", both, true);
    assert_eq!((under_ci.problems.len(), under_ci.hints.len()), (1, 0), "{under_ci:?}");
    let nothing = pin_findings(dir.path(), "2026-11-23", on(&[]), true).problems;
    assert!(nothing[0].message.contains("no suite runs the task `rf`"), "{nothing:?}");
}

#[test]
fn a_pin_holds_the_graph_and_the_knowledge_base_that_were_accepted() {
    let dir = world();
    let root = dir.path();
    let hash = |letter: &str| letter.repeat(64);
    accept(root, "prompt_v001.txt", "run-4", |new| {
        new.header.graph_sha256 = Some(hash("a"));
        new.header.kb_sha256 = Some(hash("b"));
    });
    let found = |graph: &str, kb: &str| {
        let pins = text(root, PINS);
        put(root, PINS, &format!("{pins}    graph_sha256: {}\n    kb_sha256: {}\n", hash(graph), hash(kb)));
        let now = TaskNow { graph: Some(hash(graph)), kb: Some(hash(kb)), ..measured() };
        let problems = pin_findings(root, "2026-11-23", now, false).problems;
        put(root, PINS, &pins);
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(found("a", "b"), "");
    let said = "`prompt_v001.txt` was accepted for `gold` on `reference` with another";
    assert!(found("c", "b").contains(&format!("{said} graph")), "{}", found("c", "b"));
    assert!(found("a", "c").contains(&format!("{said} knowledge base")), "{}", found("a", "c"));
}

#[test]
fn what_is_under_test_has_its_reason_and_under_ci_its_baseline() {
    let place = |line: usize| crate::config::Problem::of_file("config/prompt_graph.yml", "").at_line(line);
    let under_test = |prompt: &str, graph: Option<&str>| UnderTest {
        candidates: vec![
            Candidate { prompt: prompt.to_owned(), place: place(3) },
            // Not numbered: no section is wanted.
            Candidate { prompt: "judge_prompt.txt".to_owned(), place: place(4) },
            // Named twice: said once.
            Candidate { prompt: prompt.to_owned(), place: place(5) },
        ],
        runs: vec![Run {
            suite: "gold".to_owned(),
            alias: "reference".to_owned(),
            prompt: prompt.to_owned(),
            graph_sha256: graph.map(str::to_owned),
            place: place(3),
        }],
    };
    let problems = |root: &Path, under_test: &UnderTest, ci: bool| {
        let findings = findings_with(root, under_test, ci);
        findings.problems.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let dir = world();
    assert_eq!(findings_with(dir.path(), &under_test("prompt_v002.txt", None), true), Findings::default());

    let section = "config/prompt_graph.yml:3: `prompt_v003.txt` has no entry in prompts/prompt_changelog.md (add \
                   `## prompt_v003.txt - YYYY-MM-DD` with a line `Reason: ...`)";
    let accept = "config/prompt_graph.yml:3: `gold` on `reference` runs `prompt_v003.txt`, and its accepted baseline names \
                  `prompt_v002.txt` (accept it with `llmx baseline accept gold --model reference`)";
    let draft = under_test("prompt_v003.txt", None);
    assert_eq!(problems(dir.path(), &draft, true), [section, accept]);
    let at_home = findings_with(dir.path(), &draft, false);
    assert_eq!((at_home.problems.len(), at_home.hints.as_slice()), (1, &[accept.to_owned()][..]));

    let graph = under_test("prompt_v002.txt", Some("other"));
    assert!(problems(dir.path(), &graph, true)[0].contains("runs another graph"), "{graph:?}");
    std::fs::remove_file(dir.path().join(BASELINE)).unwrap();
    let gone = problems(dir.path(), &under_test("prompt_v002.txt", None), true);
    assert!(gone[0].contains("runs `prompt_v002.txt` and has no accepted baseline"), "{gone:?}");
}

#[test]
fn labels() {
    let schema: serde_json::Value = serde_json::from_str(
        r#"{"properties": {"expected": {"required": ["verdict"]}, "must_pass": false}}"#,
    )
    .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let good = "{\"id\":\"a\",\"input\":1,\"expected\":{\"verdict\":\"pass\"}}\n";
    put(
        dir.path(),
        "d.jsonl",
        &format!("{good}\n{{\"id\":\"b\",\"input\":1,\"expected\":{{}},\"must_pass\":false}}\n"),
    );
    put(dir.path(), "d.csv", "id,input,expected\na,x,{}\n");
    let rule = |case: &crate::dataset::Case| -> Vec<String> {
        if case.id == "a" { vec!["the verdict contradicts P1".to_owned()] } else { Vec::new() }
    };
    let found = |file: &str, schema: &serde_json::Value| -> Vec<String> {
        let dataset = crate::dataset::load(dir.path(), file).unwrap();
        let rules = datasets::Rules {
            dataset: &dataset,
            case_schema: Some(("data/schemas/case.schema.json", schema)),
            label_rule: Some(&rule),
        };
        let findings = datasets::check(dir.path(), &[rules]);
        findings.problems.iter().map(ToString::to_string).collect()
    };
    let problems = found("d.jsonl", &schema);
    assert_eq!(problems[0], "d.jsonl:1: case `a`: the verdict contradicts P1");
    assert!(
        problems[1].starts_with("d.jsonl:3: `/expected`: case `b`: \"verdict\" is a required"),
        "{problems:?}"
    );
    assert!(
        problems[2].starts_with("d.jsonl:3: `/must_pass`"),
        "the schema sees what was written: {problems:?}"
    );
    assert_eq!(problems.len(), 3);
    assert_eq!(found("d.csv", &schema).len(), 2);
    let broken = serde_json::json!({"type": 3});
    assert!(
        found("d.csv", &broken)[0].starts_with("d.csv:2:")
            && found("d.csv", &broken)[1].contains("not a JSON Schema")
    );
}
