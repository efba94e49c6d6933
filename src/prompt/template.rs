//! One prompt file: its text with partials put in, its placeholders checked, its hash, and rendering.
//!
//! `.txt` files know `{identifier}` and `{include:partials/x.txt}`; other braces stay as they are, so JSON
//! examples need no escaping. `.jinja` files go through minijinja with a fuel limit.

use std::collections::BTreeMap;
use std::path::Path;

use super::fence::fenced;
use crate::config::{Problem, conflict, did_you_mean};
use crate::json::sha256_hex;

/// Instructions a `.jinja` template may execute: enough for loops over a long record, not for ever.
const FUEL: u64 = 1_000_000;
/// Partials may include partials, but not without end.
const MAX_INCLUDES: usize = 32;

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
        let mut budget = MAX_INCLUDES;
        let text = read(root, name, &mut budget).map_err(|problem| vec![problem])?;
        let found: Vec<(String, usize)> = if is_jinja(name) {
            let mut environment = minijinja::Environment::new();
            environment.set_fuel(Some(FUEL));
            let template = environment.template_from_str(&text).map_err(|error| {
                let problem = Problem::of_file(&file, format!("not a valid template: {error}"));
                vec![match error.line() {
                    Some(line) => problem.at_line(line),
                    None => problem,
                }]
            })?;
            let mut names: Vec<_> = template.undeclared_variables(false).into_iter().collect();
            // `range` and its like are the language's own.
            names.retain(|name| !environment.globals().any(|(known, _)| known == name));
            names.sort_unstable();
            names
                .into_iter()
                .map(|name| {
                    let line = line_of(&text, &name);
                    (name, line)
                })
                .collect()
        } else {
            placeholders(&text).map(|(at, name)| (name.to_owned(), line_at(&text, at))).collect()
        };
        let mut problems = Vec::new();
        let known: &[&str] = &[purpose.placeholders(), others].concat();
        let reads_others = found.iter().any(|(name, _)| others.contains(&name.as_str()));
        for (placeholder, line) in &found {
            if known.contains(&placeholder.as_str()) {
                continue;
            }
            let leaks =
                purpose == Purpose::Task && Purpose::Judge.placeholders().contains(&placeholder.as_str());
            let message = if leaks {
                format!("placeholder `{{{placeholder}}}` would show the label to the model under test")
            } else {
                format!("unknown placeholder `{{{placeholder}}}`, expected one of: {}", braced(known))
            };
            let mut problem = Problem::of_file(&file, message).at_line(*line);
            problem.hint = did_you_mean(placeholder, known.iter().copied());
            problems.push(problem);
        }
        let is_missing = |name: &&&str| !reads_others && !found.iter().any(|(found, _)| found == *name);
        for required in purpose.required().iter().filter(is_missing) {
            problems.push(Problem::of_file(
                &file,
                format!("placeholder `{{{required}}}` is missing: the model would not see it"),
            ));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let placeholders = found.into_iter().map(|(name, _)| name).collect();
        Ok(Self { name: name.to_owned(), sha256: sha256_hex(&text), text, placeholders })
    }

    /// Put values in. Each value is JSON text and is fenced under its placeholder's name.
    ///
    /// # Errors
    /// A `.jinja` template that fails or runs too long.
    pub fn render(&self, values: &BTreeMap<&str, &str>) -> Result<String, String> {
        let fence = |name: &str| values.get(name).map(|json| fenced(name, json)).unwrap_or_default();
        if is_jinja(&self.name) {
            let mut environment = minijinja::Environment::new();
            environment.set_fuel(Some(FUEL));
            let context: BTreeMap<&str, String> =
                self.placeholders.iter().map(|name| (name.as_str(), fence(name))).collect();
            return environment
                .render_str(&self.text, minijinja::value::Serde(&context))
                .map_err(|error| format!("prompts/{}: {error}", self.name));
        }
        let mut out =
            String::with_capacity(self.text.len() + values.values().map(|v| v.len() * 2).sum::<usize>());
        let mut rest = 0;
        for (at, name) in placeholders(&self.text) {
            out.push_str(self.text.get(rest..at).unwrap_or_default());
            out.push_str(&fence(name));
            rest = at + name.len() + 2;
        }
        out.push_str(self.text.get(rest..).unwrap_or_default());
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

/// SHA-256 of a prompt's text with partials put in: what [`Template::sha256`] says, without asking what the
/// prompt is for.
///
/// # Errors
/// The file or one of its partials cannot be read.
pub fn content_sha256(root: &Path, name: &str) -> Result<String, Problem> {
    text_of(root, name).map(sha256_hex)
}

/// A prompt's text with partials put in.
///
/// # Errors
/// The file or one of its partials cannot be read.
pub fn text_of(root: &Path, name: &str) -> Result<String, Problem> {
    let mut budget = MAX_INCLUDES;
    read(root, name, &mut budget)
}

fn is_jinja(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "jinja" || extension == "j2")
}

fn braced(names: &[&str]) -> String {
    names.iter().map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(", ")
}

/// Byte offset and name of every `{identifier}`.
fn placeholders(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices('{').filter_map(|(at, _)| {
        let rest = text.get(at + 1..)?;
        let name = rest.get(..rest.find('}')?)?;
        let mut chars = name.chars();
        let first = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        (first && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')).then_some((at, name))
    })
}

fn line_at(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or_default().matches('\n').count() + 1
}

fn line_of(text: &str, name: &str) -> usize {
    text.find(name).map_or(1, |at| line_at(text, at))
}

/// The file's text with `{include:...}` replaced by the named files.
fn read(root: &Path, name: &str, budget: &mut usize) -> Result<String, Problem> {
    let file = format!("{}/{name}", super::DIR);
    let inside = Path::new(name).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if !inside {
        return Err(Problem::of_file(&file, "expected a file inside prompts/"));
    }
    let bytes = crate::files::read(&root.join(&file)).map_err(|error| {
        let mut problem = Problem::of_file(&file, format!("cannot be read: {error}"));
        let names: Vec<String> = std::fs::read_dir(root.join(super::DIR))
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        problem.hint = did_you_mean(name, names.iter().map(String::as_str));
        problem
    })?;
    let text = crate::config::text::decode(&file, bytes)?.replace("\r\n", "\n");
    if let Some(problem) = conflict::find_unresolved(root, &file, &text) {
        return Err(problem);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("{include:") {
        let line = line_at(&text, text.len() - after.len());
        let Some((partial, after)) = after.split_once('}') else {
            return Err(Problem::of_file(&file, "`{include:` has no closing brace").at_line(line));
        };
        *budget = budget.checked_sub(1).ok_or_else(|| {
            Problem::of_file(
                &file,
                format!("more than {MAX_INCLUDES} includes: does a partial include itself?"),
            )
            .at_line(line)
        })?;
        out.push_str(before);
        out.push_str(read(root, partial.trim(), budget)?.trim_end_matches('\n'));
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
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
        let t = load(&[("p.jinja", endless)], Purpose::Task).unwrap();
        assert!(t.render(&BTreeMap::new()).unwrap_err().contains("fuel"));
    }
}
