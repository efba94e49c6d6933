//! One thing wrong with what people wrote: where it is, what was expected, what was found, what to do.

use std::fmt;

use super::line::{MOST, one_line};

/// A problem of an input file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// File relative to the project root, with `/` separators.
    pub file: String,
    /// 1-based line, where one is known.
    pub line: Option<usize>,
    /// 1-based column, where one is known.
    pub column: Option<usize>,
    /// Key path such as `models.noisy.params.accuracy`; empty for the whole file.
    pub key: String,
    /// What was expected and what was found, as a lowercase fragment.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem of a whole file.
    pub fn of_file(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            line: None,
            column: None,
            key: String::new(),
            message: message.into(),
            hint: None,
        }
    }

    /// The same problem with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same problem at a line.
    #[must_use]
    pub fn at_line(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every part may hold text of a file: a key, a value, even a file's name.
        write!(f, "{}", one_line(&self.file, MOST))?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
            if let Some(column) = self.column {
                write!(f, ":{column}")?;
            }
        }
        if !self.key.is_empty() {
            write!(f, ": `{}`", one_line(&self.key, MOST / 4))?;
        }
        write!(f, ": {}", one_line(&self.message, MOST))?;
        if let Some(hint) = &self.hint {
            write!(f, " ({})", one_line(hint, MOST))?;
        }
        Ok(())
    }
}

/// `did you mean` for a misspelt name, if one of the known names is close.
#[must_use]
pub fn did_you_mean<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    closest(found, known).map(|name| format!("did you mean `{name}`?"))
}

/// The known name that is nearest to `found`, if it is near enough to be a slip of the finger.
fn closest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let found = found.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&found, &name.to_lowercase()), name))
        // Up to a third of the letters, at least one: `sonic` for `sonnet` (3 of 17) is near, `foo` for `bar` is not.
        .filter(|(distance, name)| *distance <= (name.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions() {
        let known = ["claude-3.7-sonnet", "reference", "noisy"];
        assert_eq!(
            did_you_mean("claude-3.7-sonic", known),
            Some("did you mean `claude-3.7-sonnet`?".to_owned())
        );
        assert_eq!(did_you_mean("xyz", known), None);
    }

    #[test]
    fn text_of_files_is_one_short_line() {
        let mut problem =
            Problem::of_file("evals/\u{1b}.yml", format!("found `x\n::error::{}`", "y".repeat(1 << 20)));
        problem.key = "a\nb".repeat(1000);
        let shown = problem.hint("\r\nhint").to_string();
        assert!(shown.starts_with("evals/\\u{1b}.yml: `a ba b") && shown.ends_with("y` ( hint)"), "{shown}");
        assert!(shown.len() < 3_000 && !shown.contains(char::is_control), "{shown}");
    }

    #[test]
    fn display() {
        let p = Problem {
            file: "config/models.yml".into(),
            line: Some(3),
            column: Some(5),
            key: "models.a.provider".into(),
            message: "expected text, found 7".into(),
            hint: Some("write a name".into()),
        };
        assert_eq!(
            p.to_string(),
            "config/models.yml:3:5: `models.a.provider`: expected text, found 7 (write a name)"
        );
    }
}
