//! The README cannot lie: its `llmx` commands run, in order, in a copy of the project, and print what it says.
//!
//! In a `console` block, `$ llmx ...` is run (`# exit N` states another exit code than 0), `$ sed ...` edits the
//! copy, and other commands are left to `.ci/run`. Lines below a command must appear in its output in this
//! order; `...` stands for anything.
#![cfg(all(unix, feature = "rf-qaqc"))]

use std::path::Path;
use std::process::Command;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

struct Step {
    command: String,
    exit: i32,
    output: Vec<String>,
}

fn steps(readme: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            let (command, exit) = match command.split_once("# exit ") {
                Some((command, exit)) => (command.trim(), exit.trim().parse().unwrap()),
                None => (command, 0),
            };
            steps.push(Step { command: command.to_owned(), exit, output: Vec::new() });
        } else if inside {
            steps.last_mut().unwrap().output.push(line.to_owned());
        }
    }
    steps
}

#[test]
fn its_commands_print_what_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = tempfile::tempdir().unwrap();
    for folder in ["config", "evals", "prompts", "data"] {
        copy(&root.join(folder), &dir.path().join(folder));
    }
    let bin = Path::new(env!("CARGO_BIN_EXE_llmx")).parent().unwrap();
    #[expect(clippy::disallowed_methods, reason = "the shell's own tools are found as the caller finds them")]
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let mut ran = 0;
    let mut story_over = false;
    for step in steps(&readme) {
        if !step.command.starts_with("llmx ") && !step.command.starts_with("sed ") {
            // The story at the top edits the copy; what follows starts from a clean clone.
            if step.command.starts_with("git clone") && !story_over {
                story_over = true;
                for folder in ["config", "prompts"] {
                    std::fs::remove_dir_all(dir.path().join(folder)).unwrap();
                    copy(&root.join(folder), &dir.path().join(folder));
                }
            }
            continue;
        }
        ran += 1;
        let output = Command::new("sh")
            .args(["-c", &step.command])
            .current_dir(dir.path())
            .env_clear()
            .env("PATH", &path)
            .env("GIT_CEILING_DIRECTORIES", dir.path())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let all = format!("{text}\n{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(step.exit), "{}\n{all}", step.command);
        let mut rest = text.lines();
        for want in step.output.iter().filter(|line| line.as_str() != "...") {
            assert!(
                rest.any(|line| line == want),
                "`{}` does not print, in this order:\n{want}\n\n{text}",
                step.command
            );
        }
    }
    assert!(ran >= 10, "only {ran} commands were found: is the README still read?");
}
