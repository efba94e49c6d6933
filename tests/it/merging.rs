//! Two branches that each accepted a baseline: merged, rebased and picked, with the commands that the program prints.

use llm_experiments::json::sha256_hex;

use crate::world::{Ran, World, follow, git};

const BASELINE: &str = "data/baselines/tiny.sim.json";

/// Whatever `git` says, also when it stops at a conflict.
fn try_git(world: &World, args: &[&str]) -> bool {
    let mut command = std::process::Command::new("git");
    command
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "core.editor=true"])
        .args(args);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    command.current_dir(world.root()).output().unwrap().status.success()
}

/// A branch off `main` on which a prompt was changed and its baseline accepted.
fn branch(world: &World, name: &str, prompt: &str) {
    git(world.root(), &["switch", "-q", "-c", name, "main"]);
    accept(world, name, prompt);
    world.commit();
}

fn accept(world: &World, by: &str, prompt: &str) {
    world.write("prompts/tiny.txt", prompt);
    world.run(&["baseline", "accept", "tiny", "--yes", "--by", by]).exits(0);
}

/// `alice` is merged into `origin/main`; `bob` branched off before that and accepted another baseline.
fn two_branches() -> World {
    // Enough cases for a change to be called a pass.
    let world = World::of_cases(&crate::network::cases(100));
    world.run(&["baseline", "accept", "tiny", "--yes", "--by", "Ada"]).exits(0);
    world.git();
    branch(&world, "alice", "Say the colour. Be careful.\n{input_data}\n");
    branch(&world, "bob", "Say the colour. Be brief.\n{input_data}\n");
    git(world.root(), &["switch", "-q", "main"]);
    git(world.root(), &["merge", "-q", "--no-ff", "-m", "alice", "alice"]);
    git(world.root(), &["update-ref", "refs/remotes/origin/main", "HEAD"]);
    git(world.root(), &["switch", "-q", "bob"]);
    world
}

/// Runs the command that the hint for a file names, as printed; fails where `git` refuses it.
fn take_back(world: &World, ran: &Ran, file: &str) {
    follow(world, &ran.command("git checkout ", &format!(" -- {file}")));
}

/// Leaves the conflict as the hints say: the base's baseline first, then the text by hand, then accepted again.
fn resolve(world: &World) {
    // A prompt with markers is not asked.
    let prompt = "prompts/tiny.txt";
    let ran =
        world.run(&["eval"]).exits(2).says(&[&format!("{prompt}:1: has merge conflict markers (line 1)")]);
    take_back(world, &ran, prompt);
    let ran = world.run(&["eval"]).exits(2).says(&[&format!("{BASELINE}:"), "has merge conflict markers"]);
    take_back(world, &ran, BASELINE);
    assert!(!world.read(BASELINE).contains("<<<<<<<"));
    accept(world, "Bob", "Say the colour. Be careful and brief.\n{input_data}\n");
    git(world.root(), &["add", "-A", "--", ".", ":!reports"]);
}

/// The finished history is what was accepted, as CI sees it.
fn is_accepted(world: &mut World) {
    world.set("CI", "true");
    world.run(&["eval"]).exits(0).says(&["policy::baselines: ok", "pass: "]);
    world.set("CI", "");
}

#[test]
fn a_merge_is_accepted_before_it_is_committed() {
    let mut world = two_branches();
    assert!(!try_git(&world, &["merge", "main"]), "expected a conflict");
    resolve(&world);
    // Seen from the merge under way, the base is what the finished commit will have.
    world.run(&["eval"]).exits(0).says(&["policy::baselines: ok"]);
    git(world.root(), &["commit", "-q", "-m", "merged"]);
    is_accepted(&mut world);
}

/// The persons whose acceptances the baseline file holds, oldest first; the last one accepted the file itself.
fn accepted_by(world: &World) -> Vec<String> {
    let file: serde_json::Value = serde_json::from_str(&world.read(BASELINE)).unwrap();
    let name = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let earlier = file["history"].as_array().unwrap().iter().map(|acceptance| name(&acceptance["by"]));
    earlier.chain([name(&file["header"]["accepted"]["by"])]).collect()
}

#[test]
fn accepting_over_a_conflicted_baseline_keeps_both_acceptances() {
    let mut world = two_branches();
    assert!(!try_git(&world, &["merge", "main"]), "expected a conflict");
    assert!(world.read(BASELINE).contains("<<<<<<<"));
    // The acceptance replaces the file, markers and all.
    accept(&world, "Bob", "Say the colour. Be careful and brief.\n{input_data}\n");
    assert_eq!(accepted_by(&world), ["Ada", "alice", "Bob"]);
    git(world.root(), &["add", "-A", "--", ".", ":!reports"]);
    git(world.root(), &["commit", "-q", "-m", "merged"]);
    is_accepted(&mut world);
}

#[test]
fn a_finished_merge_and_a_finished_revert_are_repaired_by_accepting() {
    let mut world = two_branches();
    assert!(try_git(&world, &["merge", "-q", "-X", "ours", "-m", "merged", "main"]));
    // What the merge made of the file is not what anybody accepted.
    world.run(&["eval"]).exits(2).says(&["llmx baseline accept tiny"]);
    world.run(&["baseline", "accept", "tiny", "--yes", "--by", "Bob"]).exits(0);
    assert_eq!(accepted_by(&world), ["Ada", "alice", "Bob"]);
    world.commit();
    is_accepted(&mut world);

    git(world.root(), &["switch", "-q", "-c", "reverted", "main"]);
    assert!(try_git(&world, &["revert", "--no-edit", "-m", "1", "HEAD"]));
    world.run(&["eval"]).exits(2).says(&["llmx baseline accept tiny"]);
    world.run(&["baseline", "accept", "tiny", "--yes", "--by", "Carol"]).exits(0);
    assert_eq!(accepted_by(&world), ["Ada", "alice", "Carol"]);
    world.commit();
    is_accepted(&mut world);
}

#[test]
fn a_rebase_is_accepted_before_it_goes_on() {
    let mut world = two_branches();
    assert!(!try_git(&world, &["rebase", "main"]), "expected a conflict");
    resolve(&world);
    world.run(&["eval"]).exits(0).says(&["policy::baselines: ok"]);
    assert!(try_git(&world, &["rebase", "--continue"]));
    is_accepted(&mut world);
}

#[test]
fn a_pick_is_accepted_before_it_goes_on() {
    let mut world = two_branches();
    git(world.root(), &["switch", "-q", "-c", "picked", "main"]);
    assert!(!try_git(&world, &["cherry-pick", "bob"]), "expected a conflict");
    resolve(&world);
    world.run(&["eval"]).exits(0).says(&["policy::baselines: ok"]);
    assert!(try_git(&world, &["cherry-pick", "--continue"]));
    is_accepted(&mut world);
}

#[test]
fn a_revert_is_accepted_before_it_is_committed() {
    let mut world = two_branches();
    git(world.root(), &["switch", "-q", "-c", "reverted", "main"]);
    assert!(try_git(&world, &["revert", "--no-commit", "-m", "1", "HEAD"]));
    accept(&world, "Bob", "Say the colour.\n{input_data}\n");
    world.run(&["eval"]).exits(0).says(&["policy::baselines: ok"]);
    git(world.root(), &["add", "-A", "--", ".", ":!reports"]);
    git(world.root(), &["commit", "-q", "-m", "reverted"]);
    is_accepted(&mut world);
}

#[test]
fn every_file_with_conflict_markers_is_named() {
    let sides = "<<<<<<< HEAD\none\n||||||| base\nnone\n=======\ntwo\n>>>>>>> main\n";
    for file in [
        "config/models.yml",
        "evals/tiny.yml",
        "data/cases.csv",
        "prompts/prompts.lock",
        "prompts/prompt_changelog.md",
        BASELINE,
    ] {
        let world = World::tiny();
        world.run(&["baseline", "accept", "tiny", "--yes", "--by", "Ada"]).exits(0);
        world.run(&["prompt", "lock"]).exits(0);
        world.write("prompts/prompt_changelog.md", "# Prompt changelog\n");
        world.git();
        let before = world.read(file);
        world.write(file, &format!("{before}{sides}"));
        let line = before.lines().count() + 1;
        let ran = world.run(&["eval"]).exits(2);
        let ran = ran.says(&[&format!("{file}:{line}: has merge conflict markers (line {line})")]);
        take_back(&world, &ran, file);
        world.run(&["eval"]).exits(0);
    }
}

/// The markers of a conflict that was committed with them: Git does not know of it any more.
#[test]
fn a_prompt_with_conflict_markers_is_named_before_anything_is_asked() {
    const SIDES: &str = "<<<<<<< HEAD\none\n=======\ntwo\n>>>>>>> main\n";
    for has_lock in [true, false] {
        for file in
            ["prompts/tiny.txt", "prompts/tiny_v002.txt", "prompts/partials/part.txt", "prompts/judge.jinja"]
        {
            let world = World::tiny();
            world.write("prompts/tiny_v002.txt", "{input_data}\n");
            world.write("prompts/partials/part.txt", "Be brief.\n");
            world.write("prompts/judge.jinja", "{{ output }}\n");
            world.write("prompts/tiny.txt", "Say the colour. {include:partials/part.txt}\n{input_data}\n");
            if has_lock {
                world.run(&["prompt", "lock"]).exits(0);
            }
            let before = world.read(file);
            let line = before.lines().count() + 1;
            let says = &format!("{file}:{line}: has merge conflict markers (line {line})");
            for ends in ["\n", "\r\n"] {
                world.write(file, &format!("{before}{SIDES}").replace('\n', ends));
                world.run(&["prompt", "check"]).exits(2).says(&[says, "resolve them by hand"]);
                world.run(&["prompt", "lock"]).exits(2).says(&[says]);
                if file.contains("tiny.txt") || file.contains("part") {
                    for args in [&["eval", "--dry-run"][..], &["eval"]] {
                        world
                            .run(args)
                            .exits(2)
                            .says(&[says, "to send them as they are, write `{raw}<<<<<<<{endraw}`"]);
                    }
                }
            }
            world.write(file, &format!("{before}{}", SIDES.replace("<<<<<<<", "{raw}<<<<<<<{endraw}")));
            world.run(&["prompt", "lock", "--reason", "about merges"]);
            world.run(&["eval", "--dry-run"]).exits(0);
        }
    }
}

#[test]
fn a_dry_run_names_a_lock_and_a_changelog_with_conflict_markers() {
    for file in ["prompts/prompts.lock", "prompts/prompt_changelog.md"] {
        let world = World::tiny();
        world.run(&["prompt", "lock"]).exits(0);
        world.write("prompts/prompt_changelog.md", "# Prompt changelog\n");
        world.run(&["eval", "--dry-run"]).exits(0);
        let before = world.read(file);
        world.write(file, &format!("<<<<<<< HEAD\n{before}=======\n{before}>>>>>>> main\n"));
        let says = &format!("{file}:1: has merge conflict markers (line 1)");
        world.run(&["eval", "--dry-run"]).exits(2).says(&[says]);
        world.run(&["prompt", "check"]).exits(2).says(&[says]);
    }
}

/// A version that was accepted with markers is about merges.
#[test]
fn a_frozen_version_may_be_about_merges() {
    let world = World::tiny();
    let text = "Resolve:\n<<<<<<< HEAD\none\n=======\ntwo\n>>>>>>> main\n{input_data}\n";
    world.write("prompts/tiny_v001.txt", "Name the colour.\n{input_data}\n");
    world.edit("evals/tiny.yml", "prompt: tiny.txt", "prompt: tiny_v001.txt");
    world.write(
        "prompts/prompt_changelog.md",
        "# Prompt changelog\n\n## tiny_v001.txt - 2026-11-24\n\nReason: one.\n",
    );
    world.run(&["prompt", "lock"]).exits(0);
    world.run(&["baseline", "accept", "tiny", "--yes", "--by", "Ada"]).exits(0);
    world.write("prompts/tiny_v001.txt", text);
    world.run(&["eval", "--dry-run"]).exits(2).says(&["prompts/tiny_v001.txt:2: has merge conflict markers"]);
    world.edit("prompts/prompts.lock", &sha256_hex("Name the colour.\n{input_data}\n"), &sha256_hex(text));
    world.run(&["eval", "--dry-run"]).exits(0);
    let says = "prompts/tiny_v001.txt:2: has merge conflict markers";
    world.run(&["prompt", "new", "--from", "tiny_v001.txt", "--reason", "next"]).exits(2).says(&[says]);
    assert!(!world.path("prompts/tiny_v002.txt").exists(), "a refusal writes nothing");
}
