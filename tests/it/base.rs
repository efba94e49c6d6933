//! The base of a run: which commit holds the accepted baseline, how it is found, and what every run prints about it.

use insta::assert_snapshot;

use crate::world::{Ran, World, follow, git};

/// An accepted project on `branch`, pushed to the remote `remote`, with a branch `change` checked out.
fn pushed(remote: &str, branch: &str) -> World {
    let world = World::tiny();
    world.run(&["baseline", "accept", "tiny", "--yes", "--by", "Ada"]).exits(0);
    git(world.root(), &["init", "-q", "-b", branch]);
    world.commit();
    git(world.outside(), &["clone", "-q", "--bare", "project", "origin.git"]);
    git(world.root(), &["remote", "add", remote, "../origin.git"]);
    git(world.root(), &["fetch", "-q", remote]);
    git(world.root(), &["switch", "-q", "-c", "change"]);
    world
}

/// The same project as a fresh clone of `change`, made with these arguments of `git clone`.
fn cloned(arguments: &[&str]) -> World {
    let world = pushed("origin", "trunk");
    world.write("data/note.txt", "a change\n");
    world.commit();
    git(world.root(), &["push", "-q", "origin", "change"]);
    std::fs::remove_dir_all(world.root()).unwrap();
    let url = format!("file://{}", world.outside().join("origin.git").display());
    let clone = [&["clone", "-q", "--branch", "change"], arguments, &[&url, "project"]].concat();
    git(world.outside(), &clone);
    world
}

/// Lines about the base, ids of commits replaced.
fn base_lines(world: &World, text: &str) -> String {
    let ids = git(world.root(), &["log", "--all", "--format=%H"]);
    let lines = text.lines().filter(|line| line.contains("base: "));
    let text = lines.map(str::to_owned).collect::<Vec<_>>().join("\n");
    ids.lines().fold(text, |text, id| text.replace(&id[..10], "COMMIT"))
}

fn base(world: &World, ran: &Ran) -> String {
    base_lines(world, &ran.text())
}

#[test]
fn every_run_prints_its_base() {
    let mut world = pushed("origin", "main");
    world.set("CI", "true").set("GITHUB_BASE_REF", "main");
    let ran = world.run(&["eval"]).exits(0);
    let expected = base(&world, &ran);
    assert_snapshot!(expected, @"base: merge base with origin/main (COMMIT, from GITHUB_BASE_REF)");
    let bare = expected.trim_start_matches("base: ");
    let of = |file: &str| {
        let id = &git(world.root(), &["rev-parse", "main"])[..10];
        world.read(file).replace(id, "COMMIT")
    };
    assert!(of("reports/summary.md").contains(&format!("Base: {bare}")), "{}", of("reports/summary.md"));
    assert!(
        of("reports/junit.xml").contains(&format!("[[PROPERTY|base={bare}]]")),
        "{}",
        of("reports/junit.xml")
    );
    let tests = world.test(&[]).exits(0);
    assert_eq!(base_lines(&world, &tests.stderr), expected, "{}", tests.text());
    // A listing and a filter that selects nothing need no base.
    for args in [&["--list"][..], &["no-such-test"]] {
        assert_eq!(base(&world, &world.test(args).exits(0)), "");
    }
}

#[test]
fn the_default_branch_is_found_whatever_its_name() {
    // What a clone has: the remote says which branch is its default.
    let world = pushed("origin", "trunk");
    git(world.root(), &["remote", "set-head", "origin", "trunk"]);
    assert_snapshot!(base(&world, &world.run(&["eval"]).exits(0)), @"base: merge base with origin/trunk (COMMIT, from origin/HEAD)");
    // What CI systems check out: no remote HEAD, and the usual names.
    let mut world = pushed("origin", "master");
    world.set("CI", "true");
    assert_snapshot!(base(&world, &world.run(&["eval"]).exits(0)), @"base: merge base with origin/master (COMMIT)");
    // The only remote, whatever it is called.
    let mut world = pushed("upstream", "main");
    world.set("CI", "true");
    assert_snapshot!(base(&world, &world.run(&["eval"]).exits(0)), @"base: merge base with upstream/main (COMMIT)");
}

#[test]
fn a_branch_of_a_pull_request_must_have_been_fetched() {
    for arguments in [&["--single-branch"][..], &["--depth", "1"]] {
        let mut world = cloned(arguments);
        world.set("CI", "true").set("GITHUB_BASE_REF", "trunk");
        let ran = world.run(&["eval"]).exits(2).says(&["GITHUB_BASE_REF: ", "`trunk`", "fetch-depth: 0"]);
        follow(&world, &ran.command("git fetch ", ""));
        let ran = world.run(&["eval"]).exits(0);
        assert_eq!(base(&world, &ran), "base: merge base with origin/trunk (COMMIT, from GITHUB_BASE_REF)");
    }
}

#[test]
fn under_ci_a_remote_without_a_base_is_refused() {
    let mut world = pushed("origin", "trunk");
    // At home the files count as they stand, and the run says so.
    assert_snapshot!(base(&world, &world.run(&["eval"]).exits(0)), @"base: none, baselines are used as they are (`origin` has no HEAD, `main` or `master` here; set EVALS_BASELINE_REF)");
    world.set("CI", "true");
    let ran = world.run(&["eval"]).exits(2).says(&["EVALS_BASELINE_REF=origin/BRANCH"]);
    assert_eq!(base(&world, &ran), "", "{}", ran.text());
    world.test(&["policy::"]).exits(101).says(&["policy::baselines", "EVALS_BASELINE_REF=origin/BRANCH"]);
    world.set("EVALS_BASELINE_REF", "origin/trunk");
    assert_snapshot!(base(&world, &world.run(&["eval"]).exits(0)), @"base: merge base with origin/trunk (COMMIT, from EVALS_BASELINE_REF)");
}

#[test]
fn under_ci_a_change_is_not_compared_with_itself() {
    let mut world = pushed("origin", "trunk");
    world.set("CI", "true").set("GITHUB_BASE_REF", "trunk");
    world.write("notes.txt", "a change");
    world.commit();
    for reference in ["HEAD", "change"] {
        world.set("EVALS_BASELINE_REF", reference);
        let ran = world.run(&["eval"]).exits(2);
        insta::allow_duplicates! { assert_snapshot!(ran.stderr.replace(&format!("`{reference}`"), "`REF`"), @r"
        error: EVALS_BASELINE_REF: `REF` is what is checked out, so the change would be compared with itself
          hint: unset it: origin/trunk is the branch that the change goes to
        ") }
    }
    world.set("EVALS_BASELINE_REF", "origin/trunk");
    world.run(&["eval"]).exits(0);
}

#[test]
fn without_a_remote_files_count_as_they_stand() {
    let mut world = World::tiny();
    world.run(&["baseline", "accept", "tiny", "--yes", "--by", "Ada"]).exits(0);
    world.set("CI", "true");
    let none = "base: none, baselines are used as they are";
    let ran = world.run(&["eval"]).exits(0).says(&[&format!("{none} (this is not a git repository)")]);
    assert_eq!(ran.text().matches(none).count(), 1);
    git(world.root(), &["init", "-q", "-b", "main"]);
    world.commit();
    world.run(&["eval"]).exits(0).says(&[&format!("{none} (this repository has no remote)")]);
}

/// The evasion that a missing base allowed: accept a worse prompt, and be compared with nothing but that.
#[cfg(feature = "rf-qaqc")]
#[test]
fn a_worse_prompt_does_not_approve_itself_on_master() {
    use crate::world::{CURRENT, NEXT};
    let mut world = World::small();
    git(world.root(), &["init", "-q", "-b", "master"]);
    world.commit();
    git(world.outside(), &["clone", "-q", "--bare", "project", "origin.git"]);
    git(world.root(), &["remote", "add", "origin", "../origin.git"]);
    git(world.root(), &["fetch", "-q", "origin"]);
    git(world.root(), &["switch", "-q", "-c", "bad"]);
    world.run(&["prompt", "new", "-m", "Shorter"]).exits(0);
    world.without_section(&NEXT, "Line sweep limits");
    world.name_prompt(&CURRENT, &NEXT);
    world.run(&["baseline", "accept", "gold", "--yes", "--override", "say so"]).exits(0);
    world.commit();
    world.set("CI", "true");
    let ran = world
        .run(&["eval"])
        .exits(0)
        .says(&["gold: regressed, accepted", "base: merge base with origin/master ("]);
    insta::assert_snapshot!(ran.stdout.lines().last().unwrap(), @"exit 0: what got worse is accepted");
}

/// A checkout of Git for Windows, and a filter whose content is longer than the object.
#[test]
fn a_checkout_with_other_bytes_is_compared_with_its_base() {
    let cases = "id,input,expected\nc-1,sky,\"{\"\"colour\"\":\n\"\"blue\"\"}\"\nc-2,grass,\"{\"\"colour\"\": \"\"green\"\"}\"\n";
    for filter in [false, true] {
        let world = World::of_cases(cases);
        let suite = world.read("evals/tiny.yml") + "  - json_schema: { schema: data/s.json }\n";
        world.write("evals/tiny.yml", &suite);
        world.write("data/s.json", "{\"$ref\": \"object.json\"}\n");
        world.write("data/object.json", "{\n  \"type\": \"object\"\n}\n");
        let accept = || world.run(&["baseline", "accept", "tiny", "--yes", "--by", "Ada"]).exits(0);
        if filter {
            world.write(".gitattributes", "data/s.json filter=wide\ndata/object.json filter=wide\n");
        } else {
            accept();
        }
        world.git();
        if filter {
            git(world.root(), &["config", "filter.wide.clean", "sed 's/ *$//'"]);
            git(world.root(), &["config", "filter.wide.smudge", "sed 's/$/        /'"]);
        } else {
            git(world.root(), &["config", "core.autocrlf", "true"]);
        }
        for file in [
            "config/models.yml",
            "evals/tiny.yml",
            "prompts/tiny.txt",
            "data/cases.csv",
            "data/s.json",
            "data/object.json",
        ] {
            std::fs::remove_file(world.path(file)).unwrap();
        }
        git(world.root(), &["checkout", "-q", "--", "."]);
        let seen = world.read("data/object.json");
        assert!(seen.contains(if filter { "        \n" } else { "\r\n" }), "{seen:?}");
        if filter {
            // A filter gives another text, so this is what was accepted.
            accept();
            world.commit();
            git(world.root(), &["update-ref", "refs/remotes/origin/main", "HEAD"]);
        }
        // Something that may measure differs, so that all of it is read at the base.
        world.write("config/settings.yml", "concurrency: 2\n");
        world.commit();
        world.run(&["eval"]).exits(0).says(&["100.0% -> 100.0%"]);
        let measured = world.report().measurement;
        assert!(measured.is_none(), "{measured:?}");
    }
}
