//! One prompt file: its text with partials put in, its placeholders checked, its hash, and rendering.
//!
//! `.txt` files know `{identifier}`, `{raw}...{endraw}` and `{include:partials/x.txt}`; other braces stay as they are,
//! so JSON examples need no escaping. `.jinja` files go through minijinja, within bounds.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use super::braces::{self, Form, parts};
use super::fence::fenced;
use super::source::{is_jinja, text_of};
use super::{chat, jinja};
use crate::config::{Problem, did_you_mean};
use crate::json::sha256_hex;

/// Bytes of a rendered `.txt` prompt. The engine's fuel bounds a `.jinja` prompt to as many.
const MAX_RENDERED: usize = 64 * 1024 * 1024;
/// Problems of one file that are listed.
const MAX_PROBLEMS: usize = 100;

/// What a prompt is for decides which placeholders it may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Asks the model under test. `{expected}` and `{output}` would leak the label.
    Task,
    /// Asks a judge about one answer.
    Judge,
    /// Asks a judge which of two answers is better.
    Pairwise,
}

impl Purpose {
    fn placeholders(self) -> &'static [&'static str] {
        match self {
            Self::Task => &["input_data", "kb_context"],
            Self::Judge => &["input_data", "expected", "output"],
            Self::Pairwise => &["input_data", "expected", "output_a", "output_b"],
        }
    }

    fn required(self) -> &'static [&'static str] {
        match self {
            Self::Task => &["input_data"],
            Self::Judge => &["output"],
            Self::Pairwise => &["output_a", "output_b"],
        }
    }
}

/// A prompt, ready to render.
#[derive(Debug, Clone)]
pub struct Template {
    /// File name relative to `prompts/`.
    pub name: String,
    /// SHA-256 of the text with partials put in.
    pub sha256: String,
    text: String,
    placeholders: Vec<String>,
    /// Of a `.txt` file.
    parts: Vec<Part>,
}

/// A part of what a `.txt` prompt sends.
#[derive(Debug, Clone)]
enum Part {
    /// A part of the text.
    Text(Range<usize>),
    /// The value of this placeholder.
    Value(String),
}

impl Template {
    /// Read and check a prompt file below `root/prompts/`.
    ///
    /// # Errors
    /// Every problem of the file: unreadable, unknown placeholder, required placeholder missing.
    pub fn load(root: &Path, name: &str, purpose: Purpose) -> Result<Self, Vec<Problem>> {
        Self::load_among(root, name, purpose, &[])
    }

    /// [`Self::load`] of a node's prompt, which may also read the answers of these other nodes.
    ///
    /// # Errors
    /// As [`Self::load`]; a prompt that reads another node need not read the input.
    pub fn load_among(
        root: &Path,
        name: &str,
        purpose: Purpose,
        others: &[&str],
    ) -> Result<Self, Vec<Problem>> {
        let file = format!("{}/{name}", super::DIR);
        let text = text_of(root, name).map_err(|problem| vec![problem])?;
        let known: &[&str] = &[purpose.placeholders(), others].concat();
        let is_known = |name: &str| known.contains(&name);
        let mut problems = Vec::new();
        let (found, parts) = if is_jinja(name) {
            let found: Vec<Found> = jinja::names(&file, &text, known)?
                .into_iter()
                .map(|(name, line)| Found { shown: format!("{{{{ {name} }}}}"), name, line })
                .collect();
            (found, Vec::new())
        } else {
            of_braces(&file, &text, is_known, &mut problems)
        };
        let escape = if is_jinja(name) { ["{% raw %}", "{% endraw %}"] } else { ["{raw}", "{endraw}"] };
        let mut unknown = BTreeSet::new();
        for found in found.iter().filter(|found| !is_known(&found.name)) {
            if !unknown.insert(&found.name) {
                continue;
            }
            let problem = unknown_placeholder(&file, found, purpose, known, escape);
            problems.push(problem);
        }
        let values: Vec<(String, usize)> = found.into_iter().map(|found| (found.name, found.line)).collect();
        let has = |wanted: &str| values.iter().any(|(name, _)| name == wanted);
        let reads: Vec<&str> = others.iter().copied().filter(|other| has(other)).collect();
        for required in purpose.required().iter().filter(|name| reads.is_empty() && !has(name)) {
            problems.push(Problem::of_file(
                &file,
                format!("placeholder `{{{required}}}` is missing: the model would not see it"),
            ));
        }
        let whole = if reads.is_empty() { purpose.required() } else { &reads };
        problems.extend(chat::problem(&file, &text, &values, whole));
        if !problems.is_empty() {
            return Err(at_most(problems, &file));
        }
        let placeholders = values.into_iter().map(|(name, _)| name).collect();
        Ok(Self { name: name.to_owned(), sha256: sha256_hex(&text), text, placeholders, parts })
    }

    /// Put values in. Each value is JSON text and is fenced under its placeholder's name.
    ///
    /// # Errors
    /// A placeholder without a value, a prompt that becomes too long, a `.jinja` template that fails.
    pub fn render(&self, values: &BTreeMap<&str, &str>) -> Result<String, String> {
        let failed = |message: String| format!("prompts/{}: {message}", self.name);
        let mut fences = BTreeMap::new();
        for name in &self.placeholders {
            if !fences.contains_key(name.as_str()) {
                let json = values.get(name.as_str());
                let json = json.ok_or_else(|| failed(format!("placeholder `{{{name}}}` has no value")))?;
                fences.insert(name.as_str(), fenced(name, json));
            }
        }
        if is_jinja(&self.name) {
            return jinja::render(&self.text, &fences).map_err(|error| {
                failed(match error.line() {
                    Some(line) => format!("line {line}: {}", jinja::message(&error)),
                    None => jinja::message(&error),
                })
            });
        }
        let pieces = || {
            self.parts.iter().map(|part| match part {
                Part::Text(range) => self.text.get(range.clone()).unwrap_or_default(),
                Part::Value(name) => fences.get(name.as_str()).map(String::as_str).unwrap_or_default(),
            })
        };
        let length = pieces().map(str::len).fold(0, usize::saturating_add);
        if length > MAX_RENDERED {
            return Err(failed(format!(
                "expected at most {MAX_RENDERED} bytes with values put in, found {length}"
            )));
        }
        let mut out = String::with_capacity(length);
        out.extend(pieces());
        Ok(out)
    }

    /// Names of the placeholders, in the order of the text.
    #[must_use]
    pub fn placeholders(&self) -> &[String] {
        &self.placeholders
    }

    /// The text before rendering, partials put in.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A placeholder in a text.
struct Found {
    name: String,
    /// As written.
    shown: String,
    line: usize,
}

/// Placeholders and parts of a `.txt` prompt. The forms of other tools are problems where they name a value.
fn of_braces(
    file: &str,
    text: &str,
    is_known: impl Fn(&str) -> bool,
    problems: &mut Vec<Problem>,
) -> (Vec<Found>, Vec<Part>) {
    let (mut found, mut kept) = (Vec::new(), Vec::new());
    let (mut line, mut counted) = (1, 0);
    let mut line_of = |at: usize| {
        line += text.get(counted..at).unwrap_or_default().matches('\n').count();
        counted = at;
        line
    };
    for part in parts(text) {
        match part {
            braces::Part::Text(range) => kept.push(Part::Text(range)),
            braces::Part::Value { at, name } => {
                found.push(Found { shown: format!("{{{name}}}"), line: line_of(at), name: name.clone() });
                kept.push(Part::Value(name));
            }
            // Text about other templates.
            braces::Part::Foreign { range, name, form } if !is_known(&name) && form != Form::Doubled => {
                kept.push(Part::Text(range));
            }
            braces::Part::Foreign { range, name, form } => {
                let shown = text.get(range.clone()).unwrap_or_default().to_owned();
                let line = line_of(range.start);
                if is_known(&name) {
                    problems.push(foreign(file, &shown, &name, form).at_line(line));
                }
                found.push(Found { name, shown, line });
            }
        }
    }
    (found, kept)
}

/// A value in a form that would be sent as text.
fn foreign(file: &str, shown: &str, name: &str, form: Form) -> Problem {
    let keep = format!("to send it as it is, write `{{raw}}{shown}{{endraw}}`");
    let (message, hint) = match form {
        Form::Doubled => (
            format!("`{shown}` has two pairs of braces: expected `{{{name}}}`"),
            format!("for braces around the value, write `{{raw}}{{{{endraw}}{{{name}}}{{raw}}}}{{endraw}}`"),
        ),
        Form::Spaced => (format!("`{shown}` is not a placeholder: expected `{{{name}}}`"), keep),
        Form::Field => (
            format!("`{shown}` has no value: fields of a placeholder cannot be used yet"),
            format!("use the whole value, `{{{name}}}`, and name the field in the prompt's text; {keep}"),
        ),
        Form::Filter => (
            format!("`{shown}` is not a placeholder: filters work in a `.jinja` prompt only"),
            format!("write `{{{name}}}`, or name the file `.jinja`; {keep}"),
        ),
    };
    Problem::of_file(file, message).hint(hint)
}

fn unknown_placeholder(
    file: &str,
    found: &Found,
    purpose: Purpose,
    known: &[&str],
    [open, close]: [&str; 2],
) -> Problem {
    let Found { name, shown, line } = found;
    let problem = |message: String| Problem::of_file(file, message).at_line(*line);
    if purpose == Purpose::Task && Purpose::Judge.placeholders().contains(&name.as_str()) {
        return problem(format!("placeholder `{shown}` would show the label to the model under test"));
    }
    match shown.as_str() {
        "{raw}" => return problem("`{raw}` is not closed: expected `{endraw}` after it".to_owned()),
        "{endraw}" => return problem("`{endraw}` closes nothing: expected `{raw}` before it".to_owned()),
        _ => {}
    }
    let escape = format!("to send the braces as they are, write `{open}{shown}{close}`");
    let hint = match did_you_mean(name, known.iter().copied()) {
        Some(near) => format!("{near} {escape}"),
        None => escape,
    };
    problem(format!("unknown placeholder `{shown}`, expected one of: {}", braced(known))).hint(hint)
}

/// A list that can be read.
fn at_most(mut problems: Vec<Problem>, file: &str) -> Vec<Problem> {
    let more = problems.len().saturating_sub(MAX_PROBLEMS);
    if more > 0 {
        problems.truncate(MAX_PROBLEMS);
        problems.push(Problem::of_file(file, format!("{more} more problems are not shown")));
    }
    problems
}

fn braced(names: &[&str]) -> String {
    names.iter().map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(files: &[(&str, &str)], purpose: Purpose) -> Result<Template, Vec<String>> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join("prompts").join(name);
            crate::files::atomic_write(&path, text.as_bytes()).unwrap();
        }
        Template::load(dir.path(), files[0].0, purpose)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn braces_that_are_no_placeholders_stay() {
        let t = load(&[("p.txt", "Say {\"a\": {}} and {input_data}.")], Purpose::Task).unwrap();
        let out = t.render(&BTreeMap::from([("input_data", "\"{input_data}\"")])).unwrap();
        assert!(out.starts_with("Say {\"a\": {}} and <input_data id="), "{out}");
        assert_eq!(out.matches("{input_data}").count(), 1, "data is not rendered again");
    }

    #[test]
    fn problems() {
        for (text, purpose, want) in [
            ("{input_dta} {input_data}", Purpose::Task, "prompts/p.txt:1: unknown placeholder `{input_dta}`"),
            (
                "x\n{expected} {input_data}",
                Purpose::Task,
                "prompts/p.txt:2: placeholder `{expected}` would show",
            ),
            ("nothing", Purpose::Task, "`{input_data}` is missing"),
            ("{input_data}", Purpose::Judge, "`{output}` is missing"),
            ("{output_a}", Purpose::Pairwise, "`{output_b}` is missing"),
            ("{output_a} {output_b} {output}", Purpose::Pairwise, "unknown placeholder `{output}`"),
            ("{include:q.txt} {input_data}", Purpose::Task, "prompts/q.txt: cannot be read"),
            ("{include:../x} {input_data}", Purpose::Task, "inside prompts/"),
            ("{include:p.txt} {input_data}", Purpose::Task, "more than 32 includes"),
        ] {
            let problems = load(&[("p.txt", text)], purpose).expect_err(text);
            assert!(problems[0].contains(want), "{problems:?} against {want}");
        }
    }

    #[test]
    fn partials_and_jinja() {
        let t = load(
            &[("p.txt", "A {include:partials/b.txt} {input_data}"), ("partials/b.txt", "B\n")],
            Purpose::Task,
        );
        assert_eq!(t.unwrap().text(), "A B {input_data}");
        let t =
            load(&[("p.jinja", "{% for i in [1,2] %}{{ i }}{% endfor %} {{ input_data }}")], Purpose::Task)
                .unwrap();
        assert!(t.render(&BTreeMap::from([("input_data", "1")])).unwrap().starts_with("12 <input_data"));
        let (open, close) = ("{% for i in [1,2,3,4,5,6,7,8] %}".repeat(9), "{% endfor %}".repeat(9));
        let endless = &format!("{open}{close}{{{{ input_data }}}}");
        let problems = load(&[("p.jinja", endless)], Purpose::Task).unwrap_err();
        assert!(problems[0].contains("does not render: engine ran out of fuel"), "{problems:?}");
    }

    #[test]
    fn literal_braces() {
        let text =
            "\\frac{raw}{a}{b}{endraw} {raw}{{name}} {include:x.txt}{endraw} ${HOME {{ name }} {input_data}";
        let t = load(&[("p.txt", text)], Purpose::Task).unwrap();
        assert_eq!(t.placeholders(), ["input_data"]);
        let out = t.render(&BTreeMap::from([("input_data", "1")])).unwrap();
        let want = "\\frac{a}{b} {{name}} {include:x.txt} ${HOME {{ name }} <input_data";
        assert!(out.starts_with(want), "{out}");
        // A partial has its own.
        let files = [("p.txt", "{include:q.txt} {input_data}"), ("q.txt", "{raw}{x}{include:p.txt}{endraw}")];
        let t = load(&files, Purpose::Task).unwrap();
        let out = t.render(&BTreeMap::from([("input_data", "1")])).unwrap();
        assert!(out.starts_with("{x}{include:p.txt} <input_data"), "{out}");
    }

    #[test]
    fn the_escape_is_named() {
        for (file, text, want) in [
            ("p.txt", "\\frac{a}{b} {input_data}", "write `{raw}{a}{endraw}`"),
            (
                "p.txt",
                "{{customer}} {input_data}",
                "unknown placeholder `{{customer}}`, expected one of: {input_data}, \
              {kb_context} (to send the braces as they are, write `{raw}{{customer}}{endraw}`)",
            ),
            ("p.txt", "${HOME} {input_data}", "write `{raw}{HOME}{endraw}`"),
            ("p.txt", "{input_dat} {input_data}", "(did you mean `input_data`? to send the braces"),
            (
                "p.txt",
                "x\n{{input_data}}",
                "prompts/p.txt:2: `{{input_data}}` has two pairs of braces: expected `{input_data}`",
            ),
            ("p.txt", "{{ input_data }}", "`{{ input_data }}` is not a placeholder: expected `{input_data}`"),
            ("p.txt", "{ input_data }", "`{ input_data }` is not a placeholder: expected `{input_data}`"),
            (
                "p.txt",
                "Hi {input_data.who}: {input_data}",
                "`{input_data.who}` has no value: fields of a placeholder",
            ),
            ("p.txt", "{input_data[0]}", "`{input_data[0]}` has no value"),
            ("p.txt", "{{ kb_context | upper }} {input_data}", "filters work in a `.jinja` prompt only"),
            ("p.txt", "{raw}{a} {input_data}", "`{raw}` is not closed"),
            ("p.txt", "{endraw} {input_data}", "`{endraw}` closes nothing"),
            ("p.jinja", "{{ customer }} {{ input_data }}", "write `{% raw %}{{ customer }}{% endraw %}`"),
        ] {
            let problems = load(&[(file, text)], Purpose::Task).expect_err(text);
            assert!(problems[0].contains(want), "{problems:?} against {want}");
        }
    }

    #[test]
    fn a_node_may_be_called_raw() {
        let dir = tempfile::tempdir().unwrap();
        crate::files::atomic_write(&dir.path().join("prompts/p.txt"), b"{raw} {range}").unwrap();
        crate::files::atomic_write(&dir.path().join("prompts/p.jinja"), b"{{ raw }} {{ range }}").unwrap();
        for name in ["p.txt", "p.jinja"] {
            let t = Template::load_among(dir.path(), name, Purpose::Task, &["raw", "range"]).unwrap();
            let out = t.render(&BTreeMap::from([("raw", "1"), ("range", "2")])).unwrap();
            assert!(out.starts_with("<raw") && out.contains(" <range"), "{out}");
        }
    }

    #[test]
    fn every_purpose_refuses_what_renders_to_nothing() {
        for (purpose, value) in
            [(Purpose::Task, "input_data"), (Purpose::Judge, "output"), (Purpose::Pairwise, "output_b")]
        {
            let all = "{{ input_data }}{{ output_a }}{{ output_b }}{{ output }}{{ expected }}";
            let (field, name) = (format!("{all}{{{{ {value}.text }}}}"), format!("{all}{{{{ nothing }}}}"));
            let problems = load(&[("p.jinja", &field)], purpose).unwrap_err().join("\n");
            assert!(problems.contains(&format!("`{value}.text` has no value")), "{problems}");
            let problems = load(&[("p.jinja", &name)], purpose).unwrap_err().join("\n");
            assert!(problems.contains("unknown placeholder `{{ nothing }}`"), "{problems}");
        }
        let t = load(&[("p.txt", "{input_data} {kb_context}")], Purpose::Task).unwrap();
        let error = t.render(&BTreeMap::from([("input_data", "1")])).unwrap_err();
        assert_eq!(error, "prompts/p.txt: placeholder `{kb_context}` has no value");
    }

    #[test]
    fn prompts_and_what_is_rendered_are_bounded() {
        let long = "x".repeat(1024 * 1024);
        let problems = load(&[("p.txt", &format!("{long}{{input_data}}"))], Purpose::Task).unwrap_err();
        assert_eq!(problems, ["prompts/p.txt: expected at most 1048576 bytes, found 1048588"]);
        let twice = "{include:q.txt}".repeat(2) + "{input_data}";
        let files = [("p.txt", twice.as_str()), ("q.txt", long.get(1..).unwrap())];
        let problems = load(&files, Purpose::Task).unwrap_err();
        assert!(
            problems[0].contains("expected at most 1048576 bytes of prompt with its partials"),
            "{problems:?}"
        );

        let many = "{input_data}".repeat(80_000);
        let t = load(&[("p.txt", &many)], Purpose::Task).unwrap();
        let value = format!("\"{}\"", "y".repeat(100_000));
        let error = t.render(&BTreeMap::from([("input_data", value.as_str())])).unwrap_err();
        assert!(
            error.starts_with("prompts/p.txt: expected at most 67108864 bytes with values put in"),
            "{error}"
        );

        let unknown: String = (0..5_000).map(|n| format!("{{unknown_{n}}}\n")).collect();
        let problems = load(&[("p.txt", &unknown)], Purpose::Task).unwrap_err();
        assert_eq!(problems.len(), 101);
        assert!(problems[99].starts_with("prompts/p.txt:100: "), "{}", problems[99]);
        assert_eq!(problems[100], "prompts/p.txt: 4901 more problems are not shown");
    }

    #[cfg(unix)]
    #[test]
    fn links_do_not_lead_out_of_the_folder() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("project");
        let prompts = root.join("prompts");
        for (file, text) in
            [("project/.env", "K=1"), ("project/prompts/in.txt", "inside"), ("out/x.txt", "outside")]
        {
            crate::files::atomic_write(&dir.path().join(file), text.as_bytes()).unwrap();
        }
        symlink("in.txt", prompts.join("link.txt")).unwrap();
        symlink("../.env", prompts.join("env.txt")).unwrap();
        symlink("/proc/self/environ", prompts.join("environ.txt")).unwrap();
        symlink("../../out", prompts.join("folder")).unwrap();
        assert_eq!(text_of(&root, "link.txt").unwrap(), "inside");
        for name in ["env.txt", "environ.txt", "folder/x.txt"] {
            for problem in [
                text_of(&root, name).unwrap_err(),
                crate::prompt::content_sha256(&root, name).unwrap_err(),
                crate::prompt::lock::text_sha256(&root, name).unwrap_err(),
            ] {
                assert!(problem.message.starts_with("expected a file inside prompts/"), "{problem}");
            }
        }
        crate::files::atomic_write(&prompts.join("p.txt"), b"{input_data} {include:env.txt}").unwrap();
        assert!(Template::load(&root, "p.txt", Purpose::Task).is_err());
        std::fs::rename(&prompts, dir.path().join("moved")).unwrap();
        symlink("../moved", &prompts).unwrap();
        assert!(text_of(&root, "in.txt").is_err(), "the folder itself leads out");
    }

    #[test]
    fn line_ends_and_byte_order_mark_do_not_matter() {
        let of = |end: &str, mark: &str| {
            let text = |text: &str| format!("{mark}{}", text.replace('\n', end));
            let (judge, part) = (text("A\n{include:q.txt}\n{output}\n"), text("B\n\nC\n"));
            let t = load(&[("p.txt", &judge), ("q.txt", &part)], Purpose::Judge).unwrap();
            (t.render(&BTreeMap::from([("output", "1")])).unwrap(), t.sha256)
        };
        assert_eq!(of("\n", ""), of("\r\n", "\u{feff}"));
        assert!(of("\r\n", "").0.starts_with("A\nB\n\nC\n<output"));
    }
}
