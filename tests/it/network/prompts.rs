//! Prompt files that would be misread: each is refused before a model is asked, and the message names the way out.

use super::{point_at, requests, world};
use crate::server::Server;
use crate::world::World;

/// Three cases on a server, with a judge, a pairwise judge and a graph of two nodes.
fn project() -> (World, Server) {
    let world = world(3);
    for (file, text) in [
        ("prompts/judge.txt", "Score it.\n{output}\n"),
        ("prompts/pairs.txt", "Which is better?\n{output_a}\n{output_b}\n"),
        ("prompts/left.txt", "Left.\n{input_data}\n"),
        ("prompts/join.txt", "Join.\n{left}\n{input_data}\n"),
    ] {
        world.write(file, text);
    }
    let suite = world.read("evals/tiny.yml");
    let judge = "judge: { prompt: judge.txt, pairwise: pairs.txt, model: net-judge }\nmodels: [net]\n";
    world.write("evals/tiny.yml", &(suite.clone() + judge));
    let graph = suite.replace("suite: tiny", "suite: graph").replace("prompt: tiny.txt", "task: colours");
    world.write("evals/graph.yml", &(graph + "models: [net]\n"));
    world.write(
        "config/prompt_graph.yml",
        "tasks:\n  colours:\n    nodes:\n      left: { prompt: left.txt }\n      answer: { prompt: join.txt }\n    \
         output: answer\n",
    );
    let server =
        Server::start(&world, &["--answers", "data/cases.csv", "--judge-answer", "{\"score\": 0.9}"]);
    let judge = format!(
        "  net-judge: {{ provider: openai, base_url: {}/v1, model_id: a-judge, params: {{ max_tokens: 50 }} }}\n",
        server.url
    );
    point_at(&world, &server, &judge);
    (world, server)
}

/// Replace a prompt, here and where it is named, by a `.jinja` one.
fn jinja(world: &World, stem: &str, text: &str) {
    world.write(&format!("prompts/{stem}.jinja"), text);
    for file in ["evals/tiny.yml", "config/prompt_graph.yml"] {
        let named = world.read(file).replace(&format!("{stem}.txt"), &format!("{stem}.jinja"));
        world.write(file, &named);
    }
}

#[test]
fn a_value_that_renders_to_nothing_is_refused_in_every_prompt() {
    for (suite, stem, value) in [
        ("tiny", "tiny", "input_data"),
        ("tiny", "judge", "output"),
        ("tiny", "pairs", "output_b"),
        ("graph", "left", "input_data"),
        ("graph", "join", "left"),
    ] {
        let (world, server) = project();
        let all: &[&str] = match stem {
            "judge" => &["output"],
            "pairs" => &["output_a", "output_b"],
            "join" => &["left", "input_data"],
            _ => &["input_data"],
        };
        let all: String = all.iter().map(|name| format!("{{{{ {name} }}}}\n")).collect();
        for (more, says) in [
            (
                format!("{{{{ {value}.who }}}}"),
                format!("`{value}.who` has no value: fields of a placeholder"),
            ),
            (format!("{{% if {value}['who'] %}}x{{% endif %}}"), format!("`{value}.who` has no value")),
            ("{{ nothing }}".to_owned(), "unknown placeholder `{{ nothing }}`".to_owned()),
            (
                format!("{{% if 'x' in {value} %}}{{{{ 1 | shout }}}}{{% endif %}}"),
                "unknown filter `shout`".to_owned(),
            ),
        ] {
            jinja(&world, stem, &(all.clone() + &more));
            world.run(&["eval", suite]).exits(2).says(&[&format!("prompts/{stem}.jinja:"), &says]);
            world.run(&["eval", suite, "--dry-run"]).says(&[&says]);
        }
        assert_eq!(requests(&server), 0, "{stem}");
        jinja(&world, stem, &all);
        world.run(&["eval", suite]).exits(0);
        assert!(requests(&server) > 0, "{stem}");
    }
}

#[test]
fn forms_of_other_tools_are_refused_and_can_be_kept() {
    let (world, server) = project();
    let part = |text: &str| world.write("prompts/tiny.txt", text);
    for (text, says, kept) in [
        (
            "[{\"role\": \"user\", \"content\": \"{input_data}\"}]",
            "holds chat messages as JSON",
            "{raw}[{endraw}{\"role\": \"user\", \"content\": \"{input_data}\"}]",
        ),
        (
            "One {input_data}\n---\nTwo {input_data}\n",
            "tiny.txt:2: a line `---` parts two prompts",
            "One {input_data}\n{raw}---{endraw}\nTwo {input_data}\n",
        ),
        (
            "---\ntemperature: 0\n---\n{input_data}\n",
            "tiny.txt:1: its front matter sets `temperature`",
            "{raw}---{endraw}\ntemperature: 0\n---\n{input_data}\n",
        ),
        (
            "{{colour}} {input_data}\n",
            "write `{raw}{{colour}}{endraw}`",
            "{raw}{{colour}}{endraw} {input_data}\n",
        ),
    ] {
        let before = requests(&server);
        part(text);
        world.run(&["eval", "tiny"]).exits(2).says(&["prompts/tiny.txt:", says, "raw"]);
        assert_eq!(requests(&server), before, "{text}");
        part(kept);
        world.run(&["eval", "tiny"]).exits(0);
        assert!(requests(&server) > before, "{text}");
    }
}

/// What is kept renders to the same bytes, so that its recordings are found.
#[test]
fn the_escape_changes_no_request() {
    let (world, server) = project();
    world.write("prompts/tiny.txt", "A { brace } and {\"a\": 1}.\n{input_data}\n");
    world.run(&["eval", "tiny"]).exits(0);
    let asked = requests(&server);
    world.write("prompts/tiny.txt", "A {raw}{ brace } and {\"a\": 1}{endraw}.\n{input_data}\n");
    world.run(&["eval", "tiny"]).exits(0);
    assert_eq!(requests(&server), asked);
}

#[test]
fn templates_in_values_of_checks_are_refused() {
    let (world, server) = project();
    let suite = world.read("evals/tiny.yml");
    let check = "checks:\n  - contains: { value: \"no {{colour}}\", not: true }\n";
    world.write("evals/tiny.yml", &suite.replace("checks:\n", check));
    world.run(&["eval", "tiny"]).exits(2).says(&[
        "evals/tiny.yml:",
        "`value` is literal, but holds the template `{{colour}}`",
        r"regex: { pattern: '\{\{colour\}\}' }",
    ]);
    world.write("evals/tiny.yml", &suite.replace("data/cases.csv", "data/cases.jsonl"));
    world.write(
        "data/cases.jsonl",
        "{\"id\": \"c\", \"input\": \"x\", \"expected\": \"y\", \"checks\": [{\"contains_any\": {\"values\": [\"{{ a.b }}\"]}}]}\n",
    );
    world.run(&["eval", "tiny"]).exits(2).says(&["data/cases.jsonl:1", "`values` is literal"]);
    assert_eq!(requests(&server), 0);
}

#[cfg(unix)]
#[test]
fn links_do_not_lead_out_of_the_project() {
    use std::os::unix::fs::symlink;
    let (world, server) = project();
    let out = world.outside().join("out");
    std::fs::create_dir(&out).unwrap();
    for (file, text) in [
        ("secret.txt", "KEY=abc\n"),
        ("cases.csv", world.read("data/cases.csv").as_str()),
        ("schema.json", "{\"type\": \"string\"}"),
    ] {
        llm_experiments::files::atomic_write(&out.join(file), text.as_ref()).unwrap();
    }
    let says = "it is a link that leads out of the project";
    std::fs::create_dir(world.path("prompts/partials")).unwrap();
    symlink(out.join("secret.txt"), world.path("prompts/partials/e.txt")).unwrap();
    world.write("prompts/tiny.txt", "{input_data} {include:partials/e.txt}\n");
    let refused = "prompts/partials/e.txt: expected a file inside prompts/";
    world.run(&["eval", "tiny"]).exits(2).says(&[refused]);
    world.run(&["prompt", "lock"]).exits(2).says(&[refused]);
    world.write("prompts/tiny.txt", "{input_data}\n");
    std::fs::remove_file(world.path("prompts/partials/e.txt")).unwrap();

    symlink(out.join("cases.csv"), world.path("data/linked.csv")).unwrap();
    world.edit("evals/tiny.yml", "dataset: data/cases.csv", "dataset: data/linked.csv");
    world.run(&["eval", "tiny"]).exits(2).says(&["data/linked.csv: cannot be read", says]);
    world.edit("evals/tiny.yml", "data/linked.csv", "data/cases.csv");

    symlink(out.join("schema.json"), world.path("data/schema.json")).unwrap();
    world.edit(
        "config/prompt_graph.yml",
        "    output: answer",
        "    output: answer\n    output_schema: data/schema.json",
    );
    world.run(&["eval", "graph"]).exits(2).says(&["data/schema.json: cannot be read", says]);
    assert_eq!(requests(&server), 0);

    // Written as outside, the file is named openly.
    world.edit("config/prompt_graph.yml", "data/schema.json", "../out/schema.json");
    world.edit("evals/graph.yml", "data/cases.csv", "../out/cases.csv");
    world.run(&["eval", "graph"]).exits(0);
}

/// What Git for Windows checks out (`core.autocrlf`) is the same project.
#[test]
fn line_ends_of_a_checkout_change_nothing() {
    let (world, server) = project();
    world.write("prompts/tiny_v001.txt", "Say the colour.\n\n{include:part.txt}\n{input_data}\n");
    world.write("prompts/part.txt", "Be\nbrief.\n");
    world.edit("evals/tiny.yml", "prompt: tiny.txt", "prompt: tiny_v001.txt");
    world.write(
        "prompts/prompt_changelog.md",
        "# Prompt changelog\n\n## tiny_v001.txt - 2026-11-24\n\nReason: the first.\n",
    );
    world.run(&["prompt", "lock"]).exits(0);
    world.run(&["baseline", "accept", "tiny", "--yes", "--by", "Ada"]).exits(0);
    world.write("prompts/part.txt", "Be\nvery brief.\n");
    world.run(&["prompt", "lock", "--reason", "shorter"]).exits(0);
    world.run(&["baseline", "accept", "tiny", "--yes", "--by", "Ada", "--override", "three cases"]).exits(0);
    world.run(&["prompt", "check"]).exits(0);
    let asked = requests(&server);
    let files =
        ["tiny_v001.txt", "part.txt", "judge.txt", "pairs.txt", "prompts.lock", "prompt_changelog.md"];
    let lock = world.read("prompts/prompts.lock");
    for file in files {
        let file = format!("prompts/{file}");
        let text = world.read(&file).replace('\n', "\r\n");
        world.write(&file, &text);
    }
    world.run(&["prompt", "check"]).exits(0);
    world.run(&["eval", "tiny", "--mode", "replay"]).exits(0).says(&["pass: identical"]);
    assert_eq!(requests(&server), asked);
    world.run(&["prompt", "lock"]).exits(0);
    assert_eq!(world.read("prompts/prompts.lock").replace("\r\n", "\n"), lock);

    // Edits of the changelog go on from there.
    world.write("prompts/part.txt", "Be\r\nas brief as can be.\r\n");
    world.run(&["prompt", "lock", "--reason", "shorter still"]).exits(0).says(&["updated part.txt"]);
    world.run(&["prompt", "new", "--from", "tiny_v001.txt", "--reason", "next"]).exits(0);
    assert_eq!(world.read("prompts/tiny_v002.txt").matches('\r').count(), 0);
    world.run(&["prompt", "lock"]).exits(0);
    world.run(&["prompt", "log"]).exits(0).says(&["the first.", "next"]);
    let log = world.read("prompts/prompt_changelog.md");
    assert_eq!(log.matches('\n').count(), log.matches("\r\n").count(), "one kind of line ends:\n{log:?}");
}
