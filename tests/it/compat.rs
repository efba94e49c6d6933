//! The current program reads the files of 0.1.0 (`tests/fixtures/compat/0.1.0`) and sends no request.
//!
//! The models' addresses point to a server that counts requests. The server answers them, so its counter is the proof
//! that every answer came from a recording.

#![expect(
    clippy::panic,
    reason = "helpers of tests panic to fail them; clippy's own exception covers test functions only"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use llm_experiments::drift::State;
use llm_experiments::eval::record::{SampleOutcome, SampleRecord, SuiteRecord};
use llm_experiments::gate::Verdict;
use llm_experiments::json::sha256_hex;
use llm_experiments::llm::Request;
use llm_experiments::llm::recording::Recorded;
use llm_experiments::prompt::Changelog;
use llm_experiments::report::input::{BaselineSource, GateReport, Report};
use serde_json::Value;

use crate::network::{recorded, requests};
use crate::server::{Server, send};
use crate::world::{Ran, World, corpus};

/// Address of every network model in the corpus. Nothing listens there.
const NOWHERE: &str = "http://127.0.0.1:9";

/// Suites, models and cases of `desk`, in the order of a report.
const SUITES: [(&str, &str, usize); 5] = [
    ("handbook", "clerk", 4),
    ("noise", "noisy", 52),
    ("triage", "bed", 8),
    ("triage", "oai", 8),
    ("triage", "ant", 8),
];

const POLICIES: [&str; 6] = [
    "policy::inputs",
    "policy::measurement",
    "policy::prompts",
    "policy::pins",
    "policy::datasets",
    "policy::baselines",
];

/// The project `desk`, and the server that its models ask.
fn desk() -> (World, Server) {
    let world = World::corpus("desk");
    let server = counting(&world);
    (world, server)
}

/// Start a server that counts requests, and point the seven network models to it.
fn counting(world: &World) -> Server {
    let server = Server::start(world, &["--answer", "{\"verdict\": \"never recorded\"}"]);
    let models = world.read("config/models.yml");
    assert_eq!(models.matches(NOWHERE).count(), 7, "{models}");
    world.write("config/models.yml", &models.replace(NOWHERE, &server.url));
    server
}

/// The project as a repository in which the second acceptance is a pull request.
fn pull_request(project: &str) -> World {
    let world = World::corpus(project);
    world.lay(&corpus(project, "before"), "");
    world.git();
    world.lay(&corpus(project, "project"), "");
    world.commit();
    world
}

/// The reports of 0.1.0, oldest first.
fn stored(world: &World) -> Vec<Report> {
    let runs = world.reported("/eval_results_");
    runs.values().map(|bytes| llm_experiments::report::json::read(bytes).unwrap()).collect()
}

/// One answer without any wording of the program: index, key, text, passed, metrics, the judge's score.
type Seen = (u32, String, String, bool, BTreeMap<String, f64>, Option<f64>);

fn seen(sample: &SampleRecord) -> Seen {
    let SampleOutcome::Scored { answer, scores } = &sample.outcome else {
        panic!("not measured: {:?}", sample.outcome);
    };
    let judge = scores.judge.as_ref().map(|judge| judge.score);
    (sample.index, sample.key.clone(), answer.text.clone(), scores.passed, scores.metrics.clone(), judge)
}

/// The answers of a suite by case.
fn answers(suite: &SuiteRecord) -> BTreeMap<&str, Vec<Seen>> {
    suite.cases.iter().map(|case| (case.id.as_str(), case.samples.iter().map(seen).collect())).collect()
}

/// The answers that confirm a failure, by case.
fn redraws(suite: &SuiteRecord) -> BTreeMap<&str, Vec<Seen>> {
    suite.cases.iter().map(|case| (case.id.as_str(), case.confirm.iter().map(seen).collect())).collect()
}

/// The record and the gate of a suite on a model.
fn of<'a>(report: &'a Report, suite: &str, alias: &str) -> (&'a SuiteRecord, &'a GateReport) {
    report.pairs().find(|(run, _)| (run.suite.as_str(), run.model.alias.as_str()) == (suite, alias)).unwrap()
}

/// Assert that both reports have the same answers and the same verdict.
#[track_caller]
fn same(now: &Report, then: &Report, suite: &str, alias: &str) {
    let ((run, gate), (run_then, gate_then)) = (of(now, suite, alias), of(then, suite, alias));
    assert_eq!(answers(run), answers(run_then), "{suite} on {alias}");
    assert_eq!(redraws(run), redraws(run_then), "{suite} on {alias}");
    let counts = |gate: &GateReport| (gate.decision.verdict, gate.decision.counts);
    assert_eq!(counts(gate), counts(gate_then), "{suite} on {alias}");
}

#[track_caller]
fn policies_hold(report: &Report) {
    let names: Vec<&str> = report.policies.iter().map(|policy| policy.name.as_str()).collect();
    assert_eq!(names, POLICIES);
    for policy in &report.policies {
        assert_eq!(policy.problems, [""; 0], "{}", policy.name);
    }
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}\n{}", ran.text()))
}

/// Every file below a folder, relative to it, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_path_buf());
            }
        }
    }
    found.sort();
    found
}

/// `make.sh` writes the expected hash.
#[test]
fn the_corpus_is_unedited() {
    let root = corpus(".", ".");
    let mut names: Vec<String> = files(&root)
        .iter()
        .map(|file| file.to_str().unwrap().replace('\\', "/"))
        .filter(|name| name.starts_with("desk/") || name.starts_with("rf/"))
        .collect();
    names.sort();
    assert!(names.len() > 280, "{}", names.len());
    let line = |name: &String| format!("{}  {name}\n", sha256_hex(std::fs::read(root.join(name)).unwrap()));
    let sums: String = names.iter().map(line).collect();
    assert_eq!(sha256_hex(sums), std::fs::read_to_string(root.join("seal")).unwrap().trim());
}

#[test]
fn every_suite_replays_and_asks_no_model() {
    let mut world = World::corpus("desk");
    let then = stored(&world);
    let tree = world.tree();
    // Nothing listens at the corpus's own address.
    let without = world.run(&["eval", "--mode", "replay", "--format", "json"]).exits(0);
    replayed(&llm_experiments::report::json::read(without.stdout.as_bytes()).unwrap(), &then);
    assert_eq!(world.tree(), tree, "a replay writes reports only");

    let server = counting(&world);
    let tree = world.tree();
    for (name, value) in [("CI", "true"), ("EVALS_MODE", "record")] {
        world.set(name, value);
        let (ran, now) = world.eval(&[]);
        replayed(&now, &then);
        ran.exits(0);
        assert_eq!(requests(&server), 0, "{name}={value}");
        assert_eq!(world.tree(), tree, "{name}={value}");
        world.set(name, "");
    }
    let (ran, now) = world.eval(&["handbook", "--samples", "2"]);
    ran.exits(0);
    same(&now, &then[2], "handbook", "clerk");
    assert_eq!(requests(&server), 0);
    // The counter works: a changed question has no recording.
    world.edit("data/questions.jsonl", "How long is", "How long, in days, is");
    world.eval(&["handbook"]);
    assert!(requests(&server) > 0);
}

/// Assert that a run of all suites measured every case, with the answers and verdicts of 0.1.0.
#[track_caller]
fn replayed(now: &Report, then: &[Report]) {
    let suites = now.run.suites.iter();
    let suites: Vec<_> =
        suites.map(|run| (run.suite.as_str(), run.model.alias.as_str(), answers(run).len())).collect();
    assert_eq!(suites, SUITES);
    for (run, gate) in now.pairs() {
        assert_eq!(gate.decision.verdict, Verdict::Pass, "{} on {}", run.suite, run.model.alias);
        let counts = &gate.decision.counts;
        assert_eq!(
            counts.ok + counts.known_failures + counts.noisy,
            run.dataset_cases,
            "{} on {}: {counts:?}",
            run.suite,
            run.model.alias
        );
    }
    for (suite, alias) in [("handbook", "clerk"), ("triage", "bed"), ("triage", "oai"), ("triage", "ant")] {
        same(now, &then[1], suite, alias);
    }
    let counts = &of(now, "noise", "noisy").1.decision.counts;
    assert_eq!([counts.ok, counts.noisy, counts.known_failures], noise());
    policies_hold(now);
}

/// Cases of the accepted baseline of `noise` that always, sometimes and never pass, by the file itself.
fn noise() -> [usize; 3] {
    let file = corpus("desk", "project/data/baselines/noise.noisy.json");
    let baseline: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let passes = |case: &Value| {
        let samples = case["samples"].as_array().unwrap();
        assert_eq!(samples.len(), 2);
        samples.iter().filter(|sample| sample["passed"] == true).count()
    };
    let mut counts = [0; 3];
    for case in baseline["cases"].as_array().unwrap() {
        counts[2 - passes(case)] += 1;
    }
    assert!(counts.iter().all(|count| *count > 0) && counts.iter().sum::<usize>() == 52, "{counts:?}");
    counts
}

#[test]
fn the_recordings_are_complete() {
    let (world, server) = desk();
    let on_disk: BTreeMap<String, Value> = files(&corpus("desk", "project/data/recordings"))
        .into_iter()
        .filter(|file| file.extension().is_some_and(|e| e == "json"))
        .map(|file| {
            let bytes = std::fs::read(corpus("desk", "project/data/recordings").join(&file)).unwrap();
            (file.file_stem().unwrap().to_str().unwrap().to_owned(), serde_json::from_slice(&bytes).unwrap())
        })
        .collect();
    assert_eq!(on_disk.len(), 140);
    world.run(&["recordings", "verify"]).exits(0).says(&["140 recordings"]);
    let listed = json(&world.run(&["recordings", "ls", "--format", "json"]).exits(0));
    let listed: BTreeMap<&str, &Value> =
        listed.as_array().unwrap().iter().map(|entry| (entry["key"].as_str().unwrap(), entry)).collect();
    assert_eq!(listed.len(), 140);
    let (mut draws, mut providers) = (0, BTreeMap::new());
    for (key, recording) in &on_disk {
        let entry = listed[key.as_str()];
        let place = |draw: &Value| (draw["stream"].clone(), draw["index"].clone());
        let wrote: Vec<_> = recording["draws"].as_array().unwrap().iter().map(place).collect();
        let lists: Vec<_> = entry["draws"].as_array().unwrap().iter().map(place).collect();
        assert_eq!(lists, wrote, "{entry}");
        assert_eq!(entry["model_id"], recording["request"]["model_id"]);
        draws += wrote.len();
        *providers.entry(entry["provider"].as_str().unwrap()).or_insert(0) += 1;
    }
    assert_eq!(draws, 348);
    assert_eq!(providers, BTreeMap::from([("anthropic", 80), ("bedrock", 16), ("openai", 44)]));
    // Only the eight answers to a node's older prompt may go.
    world.run(&["recordings", "gc", "--yes"]).exits(0);
    assert_eq!(recorded(&world), 132);
    world.run(&["eval"]).exits(0);
    assert_eq!(requests(&server), 0);
}

#[test]
fn the_second_acceptance_follows_from_the_first() {
    let mut world = pull_request("desk");
    let server = counting(&world);
    world.set("CI", "true");
    let then = stored(&world);
    let (ran, now) = world.eval(&[]);
    // 0.1.0 compared this run with the same baseline before the second acceptance.
    same(&now, &then[0], "triage", "oai");
    for (run, gate) in now.pairs().filter(|(run, _)| run.suite == "triage") {
        assert!(matches!(gate.baseline.source, BaselineSource::MergeBase { .. }), "{:?}", gate.baseline);
        assert_eq!(gate.baseline.prompt.as_deref(), Some("triage_v001.txt"), "{}", run.model.alias);
    }
    // The policy derives every decision from both files. A hint would name a baseline that it skipped.
    policies_hold(&now);
    for policy in &now.policies {
        assert_eq!(policy.hints, [""; 0], "{}", policy.name);
    }
    assert_eq!((ran.code, requests(&server)), (0, 0), "{}", ran.text());
}

#[test]
fn stored_runs_are_decided_again() {
    let (world, server) = desk();
    let then = stored(&world);
    let suites = |report: &Report| {
        let of = |run: &SuiteRecord| format!("{}/{} {}", run.suite, run.model.alias, run.cases.len());
        report.run.suites.iter().map(of).collect::<Vec<_>>()
    };
    let all = ["handbook/clerk 4", "triage/bed 8", "triage/oai 8", "triage/ant 8"];
    let expected: [&[&str]; 3] = [&["triage/oai 8"], &all, &["handbook/clerk 4"]];
    assert_eq!(then.iter().map(suites).collect::<Vec<_>>(), expected);
    for (i, old) in then.iter().enumerate() {
        assert_eq!(old.run.product_version, "0.1.0");
        let ran = world.run(&["gate", &old.run.run_id, "--format", "json"]).exits(0);
        let again: Report = llm_experiments::report::json::read(ran.stdout.as_bytes()).unwrap();
        assert_eq!(suites(&again), suites(old));
        for (run, gate) in old.pairs() {
            let (run_now, gate_now) = of(&again, &run.suite, &run.model.alias);
            assert_eq!(answers(run_now), answers(run));
            // The first run was compared with an older baseline.
            if i > 0 {
                assert_eq!(gate_now.decision.counts, gate.decision.counts, "{}", run.suite);
                assert_eq!(gate_now.decision.verdict, gate.decision.verdict, "{}", run.suite);
            }
        }
    }
    for (i, suite, alias, cases) in [(0, "triage", "oai", 8), (2, "handbook", "clerk", 4)] {
        let (run, other) = (&then[i].run.run_id, &then[1].run.run_id);
        let ran = world.run(&["gate", run, "--against", other, "--format", "json"]).exits(0);
        let again: Report = llm_experiments::report::json::read(ran.stdout.as_bytes()).unwrap();
        assert_eq!(of(&again, suite, alias).1.decision.n_cases, cases, "{suite}");
    }
    assert_eq!(requests(&server), 0);
}

#[test]
fn a_canary_resumes_from_its_state() {
    let (world, server) = desk();
    const STATE: &str = "reports/canary/triage.ant.json";
    let state = |world: &World| serde_json::from_str::<State>(&world.read(STATE)).unwrap();
    let (bytes, then) = (world.read(STATE), state(&world));
    assert_eq!((then.days, then.alarms.len()), (2, 0));
    world.run(&["canary", "status", "triage", "--model", "ant"]).exits(0).says(&["2026-11-28"]);
    let look = |day: &str| world.run(&["canary", "run", "triage", "--model", "ant", "--day", day]).exits(0);
    look("2026-11-29");
    assert_eq!(world.read(STATE), bytes, "the day counts already");
    // Without its state, the canary counts the same days from their recordings.
    world.remove(STATE);
    look("2026-11-28");
    look("2026-11-29");
    assert_eq!(state(&world), then);
    assert_eq!(requests(&server), 0);
}

#[test]
fn lock_changelog_and_pins_agree() {
    let (world, server) = desk();
    let tree = world.tree();
    world.run(&["prompt", "check"]).exits(0);
    world.run(&["pins", "check"]).exits(0);
    world.run(&["prompt", "lock"]).exits(0);
    assert_eq!(world.tree(), tree, "the lock is up to date");
    let log = Changelog::load(world.root()).unwrap().unwrap();
    let sections: Vec<(&str, usize)> =
        log.sections().iter().map(|section| (section.prompt.as_str(), section.blocks.len())).collect();
    let expected =
        [("triage_v002.txt", 3), ("triage_v001.txt", 3), ("handbook_v001.txt", 1), ("noise_v001.txt", 1)];
    assert_eq!(sections, expected);
    for block in &log.section("triage_v002.txt").unwrap().blocks {
        let first = &log.section("triage_v001.txt").unwrap().blocks;
        let first = first.iter().find(|first| first.model == block.model).unwrap();
        assert_eq!(block.baseline_hash, first.candidate_hash);
        assert_eq!(block.decision.contains("override"), block.model == "oai", "{block:?}");
    }
    assert_eq!((log.others().len(), log.others()[0].name.as_str()), (1, "facts.txt"));
    let entries = world.run(&["prompt", "log"]).exits(0).stdout;
    for prompt in ["triage_v002.txt", "triage_v001.txt", "handbook_v001.txt", "noise_v001.txt", "facts.txt"] {
        assert!(entries.contains(prompt), "{prompt}: {entries}");
    }
    assert_eq!(requests(&server), 0);
}

#[test]
fn the_judge_keeps_its_certificate() {
    let (world, server) = desk();
    const FILE: &str = "data/judge_certificates/triage.json";
    let certificate = || {
        let mut found: Value = serde_json::from_str(&world.read(FILE)).unwrap();
        found.as_object_mut().unwrap().remove("calibrated_on").unwrap();
        // 0.1.0 stated them for labels of any origin; they describe a population only where answers were sampled.
        for rate in ["sensitivity", "specificity"] {
            found.as_object_mut().unwrap().remove(rate).unwrap();
        }
        found
    };
    let then = certificate();
    assert_eq!((&then["n"], &then["may_block"]), (&52.into(), &true.into()));
    // The ticket passes every check, and only the judge fails it.
    let (_, report) = world.eval(&["triage", "--model", "bed"]);
    let case = report.run.suites[0].cases.iter().find(|case| case.id == "ticket-7").unwrap();
    let scores = case.samples[0].scores().unwrap();
    assert!(scores.checks.len() == 2 && scores.checks.iter().all(|check| check.passed) && !scores.passed);
    world.run(&["judge", "calibrate", "triage"]).exits(0);
    assert_eq!(certificate(), then);
    assert_eq!(requests(&server), 0);
}

#[test]
fn models_are_compared_as_before() {
    let (world, server) = desk();
    let then: Value = serde_json::from_str(&world.read("reports/zoo/triage.json")).unwrap();
    let ran = world.run(&["zoo", "triage", "--models", "bed,ant,oai", "--format", "json"]).exits(0);
    let figures = |report: &Value| -> Vec<Value> {
        let of = |model: &Value| {
            ["alias", "quality", "cost", "latency", "standing", "failures"].map(|key| model[key].clone())
        };
        report["models"].as_array().unwrap().iter().map(|model| of(model).to_vec().into()).collect()
    };
    assert_eq!(figures(&then).len(), 3);
    assert_eq!(figures(&json(&ran)), figures(&then));
    assert_eq!(requests(&server), 0);
}

const OUT: &str = "work/out.jsonl";

/// `llmx task run` on the corpus's inputs.
fn task(world: &World) -> Value {
    let place = |file: &str| world.path(file).display().to_string();
    let manifest = "work/out.manifest.json";
    let fixed = ["task", "run", "triage", "--in", "work/in.jsonl"];
    let ran = world.run(&[&fixed[..], &["--out", &place(OUT), "--manifest", manifest]].concat());
    assert_eq!(ran.code, 1, "two inputs are dead letters: {}", ran.text());
    serde_json::from_str::<Value>(&world.read(manifest)).unwrap()["counts"].clone()
}

fn lines(text: &str) -> BTreeSet<&str> {
    text.lines().collect()
}

/// Lines without the `request_id` that those written by this version have.
fn without_ids(text: &str) -> BTreeSet<String> {
    let without = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        assert!(line.as_object_mut().unwrap().shift_remove("request_id").is_some());
        line.to_string()
    };
    text.lines().map(without).collect()
}

fn texts(text: &str) -> BTreeSet<String> {
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_task_resumes_from_its_outputs() {
    let (world, server) = desk();
    let then = world.read(OUT);
    assert_eq!(lines(&then).len(), 22);
    let dead = world.read("work/out.jsonl.dead.jsonl");
    assert_eq!(lines(&dead).len(), 2);
    // The outputs merge by the manifest of 0.1.0.
    let whole = world.path("whole.jsonl").display().to_string();
    world.run(&["task", "merge", "--out", &whole, "work/out.manifest.json"]).exits(1);
    assert_eq!(world.read("whole.jsonl"), then);

    let counts = task(&world);
    assert_eq!((&counts["before"], &counts["answered"], &counts["dead"]), (&22.into(), &0.into(), &2.into()));
    assert_eq!(world.read(OUT), then);
    assert_eq!(without_ids(&world.read("work/out.jsonl.dead.jsonl")), texts(&dead));
    // Lost outputs are written again from the run's recordings. Their folder is named after the output's path.
    world.remove(OUT);
    let runs = world.path("reports/runs");
    let entries = std::fs::read_dir(&runs).unwrap().map(|entry| entry.unwrap().file_name());
    let kept: Vec<_> =
        entries.filter(|name| name.to_str().is_some_and(|name| name.starts_with("task-triage-"))).collect();
    let own = &sha256_hex(world.path(OUT).display().to_string())[..12];
    let own = format!("task-triage-{own}");
    let old = kept.iter().find(|name| **name != *own).unwrap();
    let _ = std::fs::remove_dir_all(runs.join(&own));
    std::fs::rename(runs.join(old), runs.join(&own)).unwrap();
    let counts = task(&world);
    assert_eq!((&counts["before"], &counts["answered"], &counts["dead"]), (&0.into(), &22.into(), &2.into()));
    assert_eq!(without_ids(&world.read(OUT)), texts(&then));
    assert_eq!(requests(&server), 0);
}

#[test]
fn a_watch_resumes_from_its_state() {
    let (world, server) = desk();
    const STATE: &str = "reports/live/triage/state.json";
    let state = || serde_json::from_str::<State>(&world.read(STATE)).unwrap();
    let then = state();
    let last = then.last.as_ref().unwrap().day.clone();
    assert_eq!((then.days, then.since.as_str()), (1, "2026-11-20"));
    world.run(&["task", "status", "triage"]).exits(0).says(&["2026-11-20"]);
    world.run(&["task", "watch", "triage", "--until", &last]).exits(0);
    assert_eq!(state(), then);
    let ran = world.run(&["task", "sample", "triage"]).exits(0);
    let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["input"]["record_id"].to_string();
    let ids: BTreeSet<String> = ran.stdout.lines().map(id).collect();
    // 22 inputs of the task and 5 requests of the service. Two of these have the id S-1.
    assert_eq!((ran.stdout.lines().count(), ids.len()), (27, 26));
    // Without its state, the watch reads the same days from its sample.
    world.remove(STATE);
    world.run(&["task", "watch", "triage", "--until", &last]).exits(0);
    assert_eq!(state(), then);
    assert_eq!(requests(&server), 0);
}

#[test]
fn a_service_reads_its_jobs() {
    let (world, sim) = desk();
    let folder = std::fs::read_dir(world.path("reports/jobs")).unwrap().next().unwrap().unwrap().file_name();
    let id = folder.to_str().unwrap();
    let outputs = format!("reports/jobs/{id}/out.jsonl");
    let then = world.read(&outputs);
    assert_eq!(lines(&then).len(), 4);
    let done = |server: &Server| loop {
        let report = send(server.authority(), "GET", &format!("/v1/jobs/{id}"), &[], "").json();
        if report["status"] == "done" {
            return report["counts"]["answered"].clone();
        }
        assert!(["queued", "running"].contains(&report["status"].as_str().unwrap()), "{report}");
        std::thread::yield_now();
    };
    let server = Server::serve(&world, &["triage"]);
    assert_eq!(done(&server), 4);
    let served = send(server.authority(), "GET", &format!("/v1/jobs/{id}/outputs"), &[], "").body;
    assert_eq!(served, then);
    // The same inputs are the same job.
    let headers = [("content-type", "application/x-ndjson")];
    let inputs = world.read("work/job.jsonl");
    let handed = send(server.authority(), "POST", "/v1/tasks/triage/jobs", &headers, &inputs).json();
    assert_eq!((handed["id"].as_str(), handed["status"].as_str()), (Some(id), Some("done")), "{handed}");
    drop(server);
    // Lost outputs are written again from the job's recordings.
    world.remove(&outputs);
    world.remove(&format!("reports/jobs/{id}/stand.json"));
    let server = Server::serve(&world, &["triage"]);
    assert_eq!(done(&server), 4);
    assert_eq!(without_ids(&world.read(&outputs)), texts(&then));
    assert_eq!(requests(&sim), 0);
}

/// No command reads this file, but its lines have the format of recordings.
#[test]
fn the_journal_of_a_service_holds_recordings() {
    let world = World::corpus("desk");
    let journals = world.reported("recordings/answers.jsonl");
    assert_eq!(journals.len(), 1);
    let text = String::from_utf8(journals.into_values().next().unwrap()).unwrap();
    let draws: Vec<(Request, Recorded)> = text
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let request: Request = serde_json::from_value(line["request"].clone()).unwrap();
            assert_eq!(line["key"], request.key());
            (request, serde_json::from_value(line["draw"].clone()).unwrap())
        })
        .collect();
    let models: Vec<&str> = draws.iter().map(|(request, _)| request.model_id.as_str()).collect();
    assert_eq!(models, ["small-1", "sorter-b-v1:0"]);
    assert!(draws.iter().all(|(_, draw)| draw.answer.text.contains("verdict")), "{draws:?}");
}

#[cfg(feature = "rf-qaqc")]
#[test]
fn the_embedded_model_answers_as_before() {
    let mut world = World::corpus("rf");
    let then = stored(&world);
    assert_eq!(then.len(), 1);
    let tree = world.tree();
    world.set("CI", "true");
    let (ran, now) = world.eval(&[]);
    ran.exits(0);
    same(&now, &then[0], "gold", "reference");
    let (run, gate) = of(&now, "gold", "reference");
    assert_eq!((run.cases.len(), gate.decision.counts.ok, gate.decision.counts.known_failures), (7, 6, 1));
    policies_hold(&now);
    let ran = world.run(&["gate", &then[0].run.run_id, "--format", "json"]).exits(0);
    same(&llm_experiments::report::json::read(ran.stdout.as_bytes()).unwrap(), &then[0], "gold", "reference");
    world.run(&["prompt", "check"]).exits(0);
    world.run(&["pins", "check"]).exits(0);
    assert_eq!(world.tree(), tree);

    let mut world = pull_request("rf");
    world.set("CI", "true");
    let (ran, now) = world.eval(&[]);
    ran.exits(0);
    let gate = of(&now, "gold", "reference").1;
    assert_eq!((gate.decision.verdict, gate.decision.counts.fixed), (Verdict::Improved, 1));
    policies_hold(&now);
    assert!(now.policies.iter().all(|policy| policy.hints.is_empty()), "{:?}", now.policies);
}
