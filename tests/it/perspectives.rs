//! The texts of the four roles and of the synthesis: they load, they share the task prompt's limits, they fit together.
//!
//! Says nothing about how well a model does with them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use llm_experiments::json::raw_at;
use llm_experiments::prompt::{Purpose, Template, prompt_files};
use llm_experiments::rf_qaqc::analyst;
use llm_experiments::rf_qaqc::codes::CODES;

use crate::world::CURRENT;

const FOLDER: &str = "perspectives/";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn roles() -> Vec<String> {
    let files = prompt_files(root()).unwrap();
    files.into_iter().filter(|name| name.starts_with(FOLDER)).collect()
}

fn load(name: &str) -> Template {
    Template::load(root(), name, Purpose::Task).unwrap()
}

/// Lines that state a rule of the profile: a letter, digits, perhaps a letter, a colon.
fn rule_lines(text: &str) -> BTreeSet<&str> {
    let rule = |line: &&str| {
        let id =
            line.split(':').next().unwrap_or_default().trim_end_matches(|c: char| c.is_ascii_lowercase());
        let (letter, digits) = id.split_at(id.len().min(1));
        letter.starts_with(|c: char| c.is_ascii_uppercase() && c != 'T')
            && !digits.is_empty()
            && digits.bytes().all(|b| b.is_ascii_digit())
    };
    text.lines().filter(rule).collect()
}

#[test]
fn the_roles_share_the_limits_of_the_task_and_leave_none_out() {
    let task = load(&CURRENT);
    let limits = rule_lines(task.text());
    assert!(limits.len() > 50, "{limits:?}");
    let mut read = BTreeSet::new();
    for role in roles() {
        let template = load(&role);
        let own: BTreeSet<String> =
            rule_lines(template.text()).iter().map(|line| (*line).to_owned()).collect();
        for line in &own {
            assert!(limits.contains(line.as_str()), "{role} has a limit of its own: {line}");
        }
        read.extend(own);
    }
    let left: Vec<_> = limits.iter().filter(|line| !read.contains(**line)).collect();
    assert!(left.is_empty(), "no role reads {left:?}");
}

#[test]
fn every_code_has_an_owner_and_the_synthesis_hears_every_role() {
    let synthesis = std::fs::read_to_string(root().join("prompts/synthesis_prompt.txt")).unwrap();
    let owners = &synthesis[synthesis.find("# Who owns").unwrap()..synthesis.find("# How you join").unwrap()];
    for role in roles() {
        let name = role.strip_prefix(FOLDER).unwrap().strip_suffix(".txt").unwrap();
        assert!(owners.contains(&format!("\n- {name}: ")), "{name} owns nothing");
        assert_eq!(synthesis.matches(&format!("{{{name}}}")).count(), 1, "{name}");
        let text = load(&role).text().to_owned();
        assert!(text.starts_with(&format!("Your role is {name}:")), "{role}");
        // What the synthesis says this role owns, the role knows of.
        let list = owners.split(&format!("\n- {name}: ")).nth(1).unwrap().lines().next().unwrap();
        for code in CODES.iter().filter(|code| list.contains(code.name)) {
            assert!(text.contains(&format!("- {}", code.name)), "{role} does not list {}", code.name);
        }
    }
    for code in CODES {
        assert!(owners.contains(code.name), "nobody owns {}", code.name);
    }
    assert_eq!(roles().len(), 4);
}

#[test]
fn the_reference_can_take_every_role() {
    let examples = include_str!("../fixtures/rf_examples.jsonl");
    for role in roles() {
        let template = load(&role);
        for line in examples.lines() {
            let values = BTreeMap::from([("input_data", raw_at(line, "/input").unwrap())]);
            analyst::answer(&template.render(&values).unwrap()).unwrap();
        }
    }
}
