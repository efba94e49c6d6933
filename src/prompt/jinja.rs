//! `.jinja` prompts: bounds that keep the engine from panicking, a walk over the template, samples, and rendering.
//!
//! A template is bounded, parsed, walked and rendered with sample values when it is loaded, so that its problems are
//! known before the first request.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::machinery::{Token, parse, tokenize};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, UndefinedBehavior};

use super::fence::fenced;
use super::walk;
use crate::config::Problem;

/// Work that a template may do; the engine counts instructions and, 64 for one, the bytes that it writes.
const FUEL: u64 = 1_000_000;
/// Operators in one tag. The engine's parser and compiler recurse on them.
const MAX_OPERATORS: usize = 200;
/// `elif` in one template: the parser recurses on them.
const MAX_ELIFS: usize = 200;
/// Commas in one tag: the engine panics at 65,536 arguments.
const MAX_COMMAS: usize = 10_000;
/// Characters of one line: the engine's columns are 16-bit numbers, and some sums of them overflow.
const MAX_LINE: usize = 65_000;
/// Lines of the sample value: an index into the lines of an input is rarely beyond.
const SAMPLE_LINES: usize = 300;

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // It prints what the engine knows.
    environment.remove_global("debug");
    environment
}

/// Put values in.
///
/// # Errors
/// The template fails or does too much work.
pub(super) fn render(text: &str, values: &BTreeMap<&str, String>) -> Result<String, Error> {
    environment().render_str(text, minijinja::value::Serde(values))
}

/// What went wrong, without the engine's own name for the template.
pub(super) fn message(error: &Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()))
}

/// Every name that a template reads from outside with its line, in the order of the text. `known` are the names
/// that have a value.
///
/// # Errors
/// Every problem but unknown names.
pub(super) fn names(file: &str, text: &str, known: &[&str]) -> Result<Vec<(String, usize)>, Vec<Problem>> {
    let invalid = |message: String, line: Option<usize>| {
        let problem = Problem::of_file(file, format!("not a valid template: {message}"));
        match line {
            Some(line) => problem.at_line(line),
            None => problem,
        }
    };
    bounded(text).map_err(|(message, line)| vec![invalid(message, Some(line))])?;
    let tree = parse(text, "<string>", SyntaxConfig::default()).map_err(|error| {
        let mut problem = invalid(message(&error), error.line());
        if problem.message.contains("unknown statement include") {
            problem.hint = Some("a partial is put in with `{include:partials/NAME}`".to_owned());
        }
        vec![problem]
    })?;
    let environment = environment();
    let (names, decides) = walk::names(file, &tree, &environment, known)?;
    if names.iter().all(|(name, _)| known.contains(&name.as_str())) {
        samples(file, text, &names, decides)?;
    }
    Ok(names)
}

/// Render with samples as values. Where no value `decides` which text is sent, each value must change the text.
fn samples(file: &str, text: &str, names: &[(String, usize)], decides: bool) -> Result<(), Vec<Problem>> {
    let sample = |word: &str, lines: usize| {
        let lines: Vec<String> = (1..=lines).map(|n| format!("{word} {n}")).collect();
        serde_json::Value::from(lines.join("\n")).to_string()
    };
    let (sample, other) = (sample("line", SAMPLE_LINES), sample("another", SAMPLE_LINES + 10));
    let rendered = |changed: Option<&str>| {
        let value = |name: &str| fenced(name, if changed == Some(name) { &other } else { &sample });
        let values = names.iter().map(|(name, _)| (name.as_str(), value(name))).collect();
        render(text, &values).map_err(|error| {
            let problem = Problem::of_file(file, format!("does not render: {}", message(&error)));
            vec![match error.line() {
                Some(line) => problem.at_line(line),
                None => problem,
            }]
        })
    };
    let plain = rendered(None)?;
    let mut seen = BTreeSet::new();
    for (name, line) in names.iter().filter(|_| !decides) {
        if seen.insert(name) && rendered(Some(name))? == plain {
            let message =
                format!("placeholder `{{{name}}}` never reaches the text: the model would not see it");
            let problem = Problem::of_file(file, message).at_line(*line);
            return Err(vec![problem.hint("look at the conditions and slices around it")]);
        }
    }
    Ok(())
}

/// Refuse what the engine's parser or compiler does not survive.
fn bounded(text: &str) -> Result<(), (String, usize)> {
    let (mut operators, mut commas, mut elifs, mut opened) = (0, 0, 0, 1);
    let long = long_line(text);
    let safe = long.as_ref().and_then(|(_, end)| text.get(..*end)).unwrap_or(text);
    // What is no token is the parser's to report.
    for (token, span) in tokenize(safe, false, SyntaxConfig::default()).map_while(Result::ok) {
        match token {
            Token::VariableStart | Token::BlockStart => {
                (operators, commas) = (0, 0);
                opened = usize::from(span.start_line);
            }
            Token::Comma => commas += 1,
            Token::Ident("elif") => elifs += 1,
            Token::Ident("not" | "and" | "or" | "if" | "else" | "is" | "in") => operators += 1,
            Token::Plus
            | Token::Minus
            | Token::Mul
            | Token::Div
            | Token::FloorDiv
            | Token::Pow
            | Token::Mod
            | Token::Dot
            | Token::Tilde
            | Token::Pipe
            | Token::Eq
            | Token::Ne
            | Token::Gt
            | Token::Gte
            | Token::Lt
            | Token::Lte
            | Token::BracketOpen
            | Token::ParenOpen
            | Token::BraceOpen => operators += 1,
            _ => {}
        }
        if operators > MAX_OPERATORS {
            return Err((
                format!("too long an expression: expected at most {MAX_OPERATORS} operators in one tag"),
                opened,
            ));
        }
        if commas > MAX_COMMAS {
            return Err((
                format!("too long a list: expected at most {MAX_COMMAS} commas in one tag"),
                opened,
            ));
        }
        if elifs > MAX_ELIFS {
            return Err((
                format!("too many branches: expected at most {MAX_ELIFS} `elif`"),
                usize::from(span.start_line),
            ));
        }
    }
    match long {
        Some((line, _)) => {
            Err((format!("too long a line: expected at most {MAX_LINE} characters, found more"), line))
        }
        None => Ok(()),
    }
}

/// The first line that is too long, and the offset of its first character beyond.
fn long_line(text: &str) -> Option<(usize, usize)> {
    let mut start = 0;
    for (i, line) in text.split('\n').enumerate() {
        if line.len() > MAX_LINE
            && let Some((beyond, _)) = line.char_indices().nth(MAX_LINE)
        {
            return Some((i + 1, start + beyond));
        }
        start += line.len() + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let found = names("prompts/p.jinja", text, &["input_data", "kb_context", "debug"]);
        found.expect_err(text).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_value_that_is_never_there_is_a_problem() {
        for (text, want) in [
            ("{{ input_data.who }}", ":1: `input_data.who` has no value: fields of a placeholder"),
            ("\n{{ input_data[\"who\"] }}", ":2: `input_data.who` has no value"),
            ("{% if input_data.image %}x{% endif %}", "`input_data.image` has no value"),
            ("{% for t in input_data.before %}{{ t }}{% endfor %}", "`input_data.before` has no value"),
            ("{% set x = input_data %}{{ x.who | default('Ann') }}", "`x.who` has no value"),
            ("{% set x %}{{ input_data }}{% endset %}{{ x.who }}", "`x.who` has no value"),
            ("{{ (input_data | upper).who }}", "`(...).who` has no value"),
            ("{{ (input_data if true else kb_context).who }}", "`(...).who` has no value"),
            ("{% if 'x' in input_data %}{{ input_data.who is defined }}{% endif %}", "`input_data.who`"),
            (
                "{% set c = {'a': 1} %}{% if 'x' in input_data %}{{ c.b }}{% endif %}",
                "`c.b` has no value: expected one of: a",
            ),
            ("{% for x in [input_data] %}{{ x.who }}{% endfor %}", "`x.who` has no value"),
            ("{% for x in [{'a': 1}] %}{{ x.b }}{% endfor %}", "does not render: undefined value"),
            ("{{ input_data.split('a') }}", "a text has no method `split`"),
            ("{{ input_data() }}", "a text cannot be called"),
            ("{{ input_data[0] }}", "`input_data[0]` is one character, not an item: `input_data` is text"),
            ("{{ input_data.0 }}", "`input_data"),
            (
                "{% for i in range(2) %}{{ input_data[i] | default('') }}{% endfor %}",
                "`input_data[...]` is one character",
            ),
            ("{% set k = 'who' %}{{ input_data[k] | default('') }}", "`input_data[...]` is one character"),
            (
                "{% for t in input_data %}{{ t }}{% endfor %}",
                "a loop over a text takes it apart into characters (loop over its lines",
            ),
            ("{{ input_data | join(', ') }}", "filter `join` takes a text apart into characters"),
            ("{{ input_data | first }}", "(give it the lines, such as `input_data | lines | first`)"),
            ("{% for t in [input_data] %}{{ t.who | default('') }}{% endfor %}", "`t.who` has no value"),
            (
                "{% for t in input_data | lines %}{{ t.who | default('') }}{% endfor %}",
                "`t.who` has no value",
            ),
            ("{{ (input_data | lines)[0].who | default('') }}", "`(...).who` has no value"),
            (
                "{{ [input_data] | map(attribute='who') | join }}",
                "filter `map` reads a field, and texts have no fields",
            ),
            ("{{ input_data | lines | selectattr('who') | list }}", "filter `selectattr` reads a field"),
        ] {
            let found = problems(text);
            assert!(found[0].contains(want), "{found:?} against {want}");
        }
    }

    #[test]
    fn a_value_that_never_reaches_the_text_is_a_problem() {
        for text in [
            "{% if false %}{{ input_data }}{% endif %}x",
            "{% set on = false %}{% if on %}{{ input_data }}{% endif %}x",
            "{{ input_data if false }}x",
            "{{ input_data[:0] }}x",
            "{% for i in [] %}{{ input_data }}{% endfor %}x",
            "{% set x = input_data %}x",
            "{% set x %}{{ input_data }}{% endset %}x",
            "x{{ kb_context }}{% if 1 > 2 %}\n{{ input_data }}{% endif %}",
        ] {
            let found = problems(text);
            let line = text.matches('\n').count() + 1;
            let want = format!(
                "prompts/p.jinja:{line}: placeholder `{{input_data}}` never reaches the text: the model would not see it"
            );
            assert!(found[0].starts_with(&want), "{text}: {found:?}");
        }
    }

    #[test]
    fn a_value_may_decide_what_is_sent() {
        for text in [
            "{% if 'urgent' in input_data %}{{ input_data }}{% endif %}x",
            "{% set x = input_data | lower %}{% if 'urgent' in x %}{{ input_data }}{% endif %}x",
            "{{ input_data if 'urgent' in input_data }}x",
            "{{ 'urgent' in input_data }}x",
            "{{ ('urgent' in input_data) and input_data }}x",
            "{{ input_data is string }}x",
            "{{ input_data | lines | select('eq', 'urgent') | list }}x",
            "{% for line in input_data | lines if line == 'urgent' %}{{ line }}{% endfor %}x",
            "{% for line in input_data | lines %}{% if loop.index > 9999 %}{{ line }}{% endif %}{% endfor %}x",
            "{{ (input_data | length) // 1000000 }}x",
            "{% set ns = namespace(n='') %}{% for l in input_data | lines %}{% set ns.n = l %}{% endfor %}\
             {% if ns.n == 'urgent' %}{{ ns.n }}{% endif %}x",
            "{{ input_data | length }}",
            "{% for line in input_data | lines %}- {{ line }}\n{% endfor %}",
            "{{ (input_data | lines)[1:] | join('\n') }}",
        ] {
            names("prompts/p.jinja", text, &["input_data"]).expect(text);
        }
    }

    #[test]
    fn what_the_engine_does_not_have_is_a_problem_in_every_branch() {
        for (text, want) in [
            ("{{ input_data | shout }}", ":1: unknown filter `shout`"),
            (
                "{% if 'x' in input_data %}\n{{ input_data | truncate(3) }}{% endif %}",
                ":2: unknown filter `truncate`",
            ),
            ("{% filter shout %}{{ input_data }}{% endfilter %}", "unknown filter `shout`"),
            ("{% if input_data is loud %}x{% endif %}", "unknown test `loud`"),
            ("{{ ['a'] | map('shout') | list }}", "does not render: unknown filter"),
            (
                "{% include 'partials/x.txt' %}",
                "unknown statement include (a partial is put in with `{include:",
            ),
            ("{% macro m() %}{% endmacro %}", "not a valid template: syntax error: unknown statement macro"),
            ("{{ 1 + 'a' }}", "does not render: "),
            ("{% set x %}a{% endset %}{{ x() }}", "a text cannot be called"),
        ] {
            let found = problems(text);
            assert!(found[0].contains(want), "{found:?} against {want}");
        }
    }

    #[test]
    fn names_from_outside_with_their_lines() {
        for (text, want) in [
            (
                "{{ input_data }}\n{{ nme[:5] }}{{ input_data }}",
                vec![("input_data", 1), ("nme", 2), ("input_data", 2)],
            ),
            (
                "{% set a = 1 %}{{ a }}{% for b in range(2) %}{{ b }}{{ loop.index }}{% endfor %}{{ b }}",
                vec![("b", 1)],
            ),
            (
                "{% if 'x' in input_data %}{% set a = 1 %}{% else %}{% set a = 2 %}{% endif %}{{ a }}",
                vec![("input_data", 1)],
            ),
            (
                "{% if 'x' in input_data %}{% set a = 1 %}{% endif %}{{ a }}",
                vec![("input_data", 1), ("a", 1)],
            ),
            ("{% with a = kb_context %}{{ a }}{% endwith %}{{ a }}", vec![("kb_context", 1), ("a", 1)]),
            ("{{ debug }}{{ loop }}{{ self }}", vec![("debug", 1), ("loop", 1), ("self", 1)]),
            ("{% if nme is defined %}{% endif %}{{ frobnicate(1) }}", vec![("nme", 1), ("frobnicate", 1)]),
        ] {
            let found = names("prompts/p.jinja", text, &["input_data", "kb_context", "debug"]).expect(text);
            let found: Vec<_> = found.iter().map(|(name, line)| (name.as_str(), *line)).collect();
            assert_eq!(found, want, "{text}");
        }
    }

    #[test]
    fn builtins_work() {
        let values = BTreeMap::from([("input_data", "one\ntwo".to_owned())]);
        for (text, want) in [
            ("{% for i in range(3) %}{{ i }}{% endfor %}{{ input_data | upper }}", "012ONE\nTWO"),
            ("{{ (input_data | lines)[1] }} {{ input_data | length }}", "two 7"),
            ("{{ input_data | replace('one', '1') | indent(2) }}{{ 3 is odd }}", "1\n  twoTrue"),
            ("{% set c = {'a': {'b': 1}} %}{{ c.a.b }}{{ 'x' if 'three' in input_data }}", "1"),
            (
                "{% set ns = namespace(n=0) %}{% for i in [1, 2] %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}",
                "3",
            ),
            ("{% raw %}{{ input_data.who }}{% endraw %}", "{{ input_data.who }}"),
        ] {
            names("prompts/p.jinja", text, &["input_data"]).expect(text);
            assert_eq!(render(text, &values).expect(text), want, "{text}");
        }
    }

    #[test]
    fn long_chains_are_refused_before_they_are_parsed() {
        for unit in [
            "+1",
            "-1",
            "~1",
            " and 1",
            " or not 1",
            ".a",
            "[0]",
            "(1)",
            "**1",
            "|string",
            " is odd",
            " if 1 else 1",
            "//2",
            " in 1",
        ] {
            for n in [201, 50_000] {
                let found = problems(&format!("\n{{{{ 1{} }}}}", unit.repeat(n)));
                assert!(
                    found[0].starts_with("prompts/p.jinja:2: not a valid template: too long an expression"),
                    "{unit}: {found:?}"
                );
            }
        }
        for prefix in ["not ", "-", "(", "[", "{1:"] {
            let found = problems(&format!("{{% if {}1 %}}{{% endif %}}", prefix.repeat(50_000)));
            assert!(found[0].contains("too long an expression"), "{prefix}: {found:?}");
        }
        let elifs = "{% elif 1 %}".repeat(50_000);
        assert!(problems(&format!("{{% if 1 %}}{elifs}{{% endif %}}"))[0].contains("too many branches"));
        let deep = "{% if 1 %}\n".repeat(50_000);
        assert!(problems(&deep)[0].contains("recursion"));
    }

    #[test]
    fn long_lines_and_lists_are_refused_before_they_are_parsed() {
        let (long, list) = ("x".repeat(65_001), "1,".repeat(70_000));
        for (text, want) in [
            (
                format!("a\n{long}{{#"),
                ":2: not a valid template: too long a line: expected at most 65000 characters",
            ),
            (format!("{long}{{{{ \"abc"), "too long a line"),
            (format!("{}{{{{ \"abc", long.replace('x', "é")), "too long a line"),
            (
                format!("{{{{ dict(\n{}) }}}}", list.replace("1,1,1,1,", "1,1,1,1,\n")),
                "too long a list: expected at most",
            ),
        ] {
            let found = problems(&text);
            assert!(found[0].contains(want), "{found:?}");
        }
    }

    /// Templates of pieces in any order end with text or with problems.
    #[test]
    fn no_template_panics() {
        const PIECES: &str = "{{ |}} |{% |%}|{#|#}|{%- raw %}|{% endraw -%}|{% if |{% elif |{% else %}|{% endif %}|\
            {% for |{% endfor %}| in | recursive |{% set |{% endset %}|{% with |{% endwith %}|{% do |{% filter |\
            {% endfilter %}|{% autoescape |{% endautoescape %}|{% break %}|{% continue %}|loop|loop(|loop.|loop[|\
            loop.cycle(|loop.changed(|namespace(|range(|dict(|input_data|kb_context|x|y|x.y|(|)|[|]|{|}|:|::|,|.|..|=|\
            ==|!=|<|>=|+|-|*|**|/|//|%|~| and | or | not | is | is not | not in |if | else |upper|lines|join(|split(|\
            format(|replace(|batch(|slice(|map(|select(|sort|default(|attribute=|'a'|\"b\"|'|\"|\\\\|0|1|-1|9|1.5|1e9|\
            9223372036854775807|none|true|é|\n| |defined|odd|divisibleby(|*x|**x|super()|self.x()|include|macro";
        let pieces: Vec<&str> = PIECES.split('|').chain(["|", "| "]).collect();
        let mut state: u64 = 7;
        let mut next = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % below
        };
        for _ in 0..20_000 {
            let text: String = (0..1 + next(24)).map(|_| pieces[next(pieces.len())]).collect();
            let _ = names("prompts/p.jinja", &text, &["input_data", "kb_context"]);
            let _ = names("prompts/p.jinja", &format!("{{{{ {text} }}}}"), &["input_data", "kb_context"]);
        }
    }

    #[test]
    fn what_is_within_the_bounds_is_rendered() {
        let ok = |text: &str| names("prompts/p.jinja", text, &[]).expect(text);
        ok(&format!("{{{{ 1{} }}}}", "+1".repeat(200)));
        ok(&format!("{{{{ {}1 }}}}", "not ".repeat(200)));
        ok(&format!("{{{{ 1{} }}}}", "**1".repeat(200)));
        ok(&format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}".repeat(200)));
        ok(&format!("{{{{ {}1{} }}}}", "(".repeat(70), ")".repeat(70)));
        ok(&format!(
            "{}{{{{ 1{} }}}}{}",
            "{% if 1 %}".repeat(140),
            "+1".repeat(200),
            "{% endif %}".repeat(140)
        ));
        ok(&format!("{{% for x in [{}] %}}{{{{ x }}}}{{% endfor %}}", "'a', ".repeat(5_000)));
    }

    #[test]
    fn endless_work_is_refused_before_a_case_is_asked_about() {
        let (open, close) = ("{% for i in range(99) %}".repeat(9), "{% endfor %}".repeat(9));
        let double = format!("{{% set x = 'a' %}}{}", "{% set x = x ~ x %}".repeat(60));
        let recursive = "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}".to_owned();
        for text in [format!("{open}{close}"), double, recursive, "{{ 'a' * 999999999 }}".to_owned()] {
            let found = problems(&text);
            assert!(found[0].contains("does not render"), "{found:?}");
        }
    }
}
