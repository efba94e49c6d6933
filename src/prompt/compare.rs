//! Two texts of a prompt: which sections changed, and every line that did.

use similar::TextDiff;

/// What differs between two texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Sections that differ, in the order of the newer text, then those that are gone.
    pub sections: Vec<SectionChange>,
    /// The lines, as a unified diff; empty where nothing differs.
    pub lines: String,
}

/// One section that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionChange {
    /// Its heading; empty for what stands before the first one.
    pub heading: String,
    /// Characters before; none where it is new.
    pub before: Option<usize>,
    /// Characters after; none where it is gone.
    pub after: Option<usize>,
}

/// Lines around a change that are shown with it.
const CONTEXT: usize = 2;

/// Compare two texts. Sections are what stands below Markdown headings; one that was moved as it is has not changed.
#[must_use]
pub fn compare(before: (&str, &str), after: (&str, &str)) -> Comparison {
    let ((old_name, old), (new_name, new)) = (before, after);
    let (old_sections, new_sections) = (sections(old), sections(new));
    // Of headings that are there several times, each is compared with its own.
    type Sections = [(String, String)];
    let nth = |list: &Sections, at: usize, heading: &str| {
        list.iter().take(at).filter(|(known, _)| known == heading).count()
    };
    let find = |list: &Sections, heading: &str, nth: usize| {
        list.iter().filter(|(known, _)| known == heading).nth(nth).map(|(_, body)| body.clone())
    };
    let size = |body: Option<String>| body.map(|body| body.chars().count());
    let mut changes = Vec::new();
    for (at, (heading, body)) in new_sections.iter().enumerate() {
        let was = find(&old_sections, heading, nth(&new_sections, at, heading));
        if was.as_ref() != Some(body) {
            let (before, after) = (size(was), Some(body.chars().count()));
            changes.push(SectionChange { heading: heading.clone(), before, after });
        }
    }
    for (at, (heading, body)) in old_sections.iter().enumerate() {
        if find(&new_sections, heading, nth(&old_sections, at, heading)).is_none() {
            let before = Some(body.chars().count());
            changes.push(SectionChange { heading: heading.clone(), before, after: None });
        }
    }
    let diff = TextDiff::from_lines(old, new);
    let lines = diff.unified_diff().context_radius(CONTEXT).header(old_name, new_name).to_string();
    Comparison { sections: changes, lines: if old == new { String::new() } else { lines } }
}

/// Heading and body of every section. Headings inside code fences are text.
fn sections(text: &str) -> Vec<(String, String)> {
    let mut found = vec![(String::new(), String::new())];
    let mut fenced = false;
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        let marks = line.chars().take_while(|c| *c == '#').count();
        let heading =
            line.get(marks..).filter(|rest| !fenced && (1..=6).contains(&marks) && rest.starts_with(' '));
        match (heading, found.last_mut()) {
            (Some(heading), _) => found.push((heading.trim().to_owned(), String::new())),
            (None, Some((_, body))) => {
                body.push_str(line);
                body.push('\n');
            }
            (None, None) => {}
        }
    }
    found.retain(|(heading, body)| !heading.is_empty() || !body.trim().is_empty());
    // What stands between two sections belongs to neither.
    found.into_iter().map(|(heading, body)| (heading, body.trim().to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_that_are_there_twice_are_compared_each_with_its_own() {
        let text = "# Example\none\n# Example\nanother\n";
        let of = |new: &str| compare(("a", text), ("b", new)).sections;
        assert_eq!(of(text), []);
        let changed = of("# Example\none\n# Example\nanother one\n# Example\nmore\n");
        let shown: Vec<(bool, Option<usize>)> =
            changed.iter().map(|change| (change.before.is_some(), change.after)).collect();
        assert_eq!(shown, [(true, Some("another one".len())), (false, Some("more".len()))]);
    }

    #[test]
    fn sections_that_changed_are_named() {
        let old = "You are.\n\n# Limits\n\nP1: 3\n\n# Old\n\nx\n\n# Same\n\n```\n# no heading\n```\n";
        let new = "You are.\n\n# Same\n\n```\n# no heading\n```\n\n# Limits\n\nP1: 4 dB\n\n# New\n\nyy\n";
        let found = compare(("a", old), ("b", new));
        let change =
            |heading: &str, before, after| SectionChange { heading: heading.to_owned(), before, after };
        assert_eq!(
            found.sections,
            [change("Limits", Some(5), Some(8)), change("New", None, Some(2)), change("Old", Some(1), None)]
        );
        assert!(found.lines.starts_with("--- a\n+++ b\n"), "{}", found.lines);
        assert!(
            found.lines.contains("\n-P1: 3\n") && found.lines.contains("\n+P1: 4 dB\n"),
            "{}",
            found.lines
        );
        let none = compare(("a", old), ("b", old));
        assert_eq!(none, Comparison { sections: Vec::new(), lines: String::new() });
        assert_eq!(compare(("a", ""), ("b", "")).sections, []);
    }
}
