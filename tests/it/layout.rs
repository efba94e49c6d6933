//! The house: imports run downhill, no circles, every file says what it is for, no file grows without end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Floors from the ground up. A room imports rooms that stand before it in this list, and itself.
const FLOORS: &[&str] = &[
    "clock",
    "files",
    "git",
    "json",
    "rf_qaqc",
    "config",
    "dataset",
    "kb",
    "prompt",
    "llm",
    "task",
    "eval",
    "baseline",
    "measurement",
    "mutants",
    "finetune",
    "report",
    "policy",
    "pipeline",
    "production",
    "telemetry",
    "host",
    "harness",
    "sim",
    "serve",
    "cli",
];

/// Rooms of `llmx-gate`, a crate of its own that imports nothing of this one: everybody may use them.
const GATE: &[&str] = &["canary", "drift", "gate", "live", "perspectives", "stats", "zoo"];

/// What the gate's crate may depend on: it is pure.
const GATE_DEPENDENCIES: &[&str] = &["serde", "sha2", "statrs"];

/// Lines of code in one file, tests and comments not counted.
const MAX_CODE_LINES: usize = 400;

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    [root.join("src"), root.join("crates/gate/src")]
        .into_iter()
        .flat_map(|dir| rust_files(&dir))
        .map(|path| {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// Test modules are cut off: they may look wherever they like.
fn without_tests<'a>(name: &str, text: &'a str) -> &'a str {
    if name.ends_with("tests.rs") || name.contains("/tests/") {
        return "";
    }
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"))
}

fn room(file: &str) -> &str {
    let Some(inside) = file.strip_prefix("src/") else { return "gate" };
    inside.split('/').next().unwrap().trim_end_matches(".rs")
}

/// Rooms that a text imports, by `crate::room` anywhere in its code.
fn imports(text: &str) -> Vec<String> {
    let code: String = code_lines(text).collect::<Vec<_>>().join(" ");
    let mut rooms = Vec::new();
    for part in code.split("crate::").skip(1) {
        if let Some(list) = part.strip_prefix('{') {
            // `use crate::{a::b, c};`: the first word of each entry at depth one.
            let (mut depth, mut word) = (0, String::new());
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => rooms.push(std::mem::take(&mut word)),
                    c if depth == 0 => word.push(c),
                    _ => {}
                }
            }
            rooms.push(word);
        } else {
            rooms.push(part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    rooms
        .iter()
        .map(|entry| entry.trim().split("::").next().unwrap_or_default().trim().to_owned())
        .filter(|entry| entry.chars().next().is_some_and(char::is_lowercase))
        .collect()
}

#[test]
fn imports_run_downhill() {
    let floor: BTreeMap<&str, usize> = FLOORS.iter().enumerate().map(|(i, room)| (*room, i)).collect();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (file, text) in sources() {
        let here = room(&file);
        if ["lib", "main", "gate"].contains(&here) {
            continue;
        }
        let own = floor.get(here).unwrap_or_else(|| panic!("{file}: room `{here}` has no floor in FLOORS"));
        for target in imports(without_tests(&file, &text)) {
            seen += 1;
            if GATE.contains(&target.as_str()) {
                continue;
            }
            let Some(there) = floor.get(target.as_str()) else {
                wrong.push(format!("{file} imports `{target}`, which has no floor"));
                continue;
            };
            if there > own {
                wrong.push(format!("{file} imports `{target}` from a floor above"));
            }
        }
    }
    assert!(seen > 100, "the scan found only {seen} imports: it no longer reads the code");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_scan_reads_all_forms() {
    let text =
        "use crate::{config::{a, b}, llm};\nlet x = crate::gate::next();\nuse crate::eval;\n// crate::no\n";
    assert_eq!(imports(text), ["config", "llm", "gate", "eval"]);
}

#[test]
fn the_gate_is_pure() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/gate/Cargo.toml");
    let text = std::fs::read_to_string(root).unwrap();
    let dependencies = text.split("[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let names: Vec<&str> = dependencies.lines().filter_map(|line| Some(line.split_once(" = ")?.0)).collect();
    assert_eq!(names, GATE_DEPENDENCIES);
}

#[test]
fn every_file_has_a_header_and_a_size() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let lines = code_lines(without_tests(&file, &text)).count();
        if lines > MAX_CODE_LINES {
            wrong.push(format!("{file}: {lines} lines of code, at most {MAX_CODE_LINES}"));
        }
    }
    for dir in ["src", "evals", "tests", "examples", "benches", "crates"] {
        for path in rust_files(&root.join(dir)) {
            let text = std::fs::read_to_string(&path).unwrap();
            if !text.starts_with("//!") {
                wrong.push(format!(
                    "{}: starts without a `//!` line that says what it is for",
                    path.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_of_tests_is_left_out() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let mut wrong = Vec::new();
    for path in rust_files(&folder) {
        let (parent, name) = (path.parent().unwrap(), path.file_stem().unwrap().to_str().unwrap());
        if name == "main" {
            continue;
        }
        // `a/mod.rs` is named by whoever stands beside `a/`.
        let (parent, name) = match name {
            "mod" => (parent.parent().unwrap(), parent.file_name().unwrap().to_str().unwrap()),
            name => (parent, name),
        };
        let names = if parent == folder { folder.join("main.rs") } else { parent.join("mod.rs") };
        let text = std::fs::read_to_string(&names).unwrap();
        if !text.lines().any(|line| line.trim_start_matches("pub(crate) ") == format!("mod {name};")) {
            wrong.push(format!("{} is not in {}: its tests never run", path.display(), names.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_providers_open_connections() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let code = without_tests(&file, &text);
        // The simulated server and the service listen and call nobody.
        let sim = ["sim", "serve"].contains(&room(&file));
        let network = ["reqwest::", "aws_sdk", "TcpStream::connect", "UdpSocket"];
        let listens = ["TcpStream", "TcpListener"];
        let words = network.iter().chain(listens.iter().filter(|_| !sim));
        if !file.starts_with("src/llm/provider/") && words.into_iter().any(|word| code.contains(word)) {
            wrong.push(file);
        }
    }
    assert!(wrong.is_empty(), "these open connections: {wrong:?}");
}

#[test]
fn below_the_surfaces_nothing_prints_or_reads_the_environment_or_the_clock() {
    let words = [
        "println!",
        "eprintln!",
        "print!(",
        "env::var",
        "env::args",
        "SystemTime::now",
        "Instant::now",
        "now_utc",
    ];
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        if ["host", "harness", "sim", "serve", "cli", "main"].contains(&room(&file)) {
            continue;
        }
        for line in code_lines(without_tests(&file, &text)) {
            // The stack times attempts and waits with the runtime's clock, which tests only count.
            let times = |word: &str| file.starts_with("src/llm/stack/") && word == "Instant::now";
            if let Some(word) = words.iter().find(|word| line.contains(**word) && !times(word)) {
                wrong.push(format!("{file}: `{word}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Editors read them; what they say must be what is checked.
#[test]
fn generated_schemas_are_current() {
    let root = env!("CARGO_MANIFEST_DIR");
    let args = ["--root", root, "schema", "--check"];
    let ran = std::process::Command::new(env!("CARGO_BIN_EXE_llmx")).args(args).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

/// Files of people are read through `files`: regular ones only, and not without end.
#[test]
fn files_are_read_in_one_place() {
    let readers = ["fs::read(", "fs::read_to_string(", "File::open("];
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let is_reader = file == "src/files.rs";
        for line in code_lines(without_tests(&file, &text)).filter(|_| !is_reader) {
            if readers.iter().any(|reader| line.contains(reader)) && !ELSEWHERE.contains(&file.as_str()) {
                wrong.push(format!("{file}: {line}"));
            }
        }
    }
    assert!(wrong.is_empty(), "use `files::read`:\n{}", wrong.join("\n"));
}

/// Files of our own making, opened by handle, and the folder that stands for a lock.
const ELSEWHERE: &[&str] = &["src/host.rs", "src/llm/recording/flush.rs", "src/serve/handle/jobs.rs"];
