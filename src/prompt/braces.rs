//! The braces of a `.txt` prompt: `{identifier}`, and `{raw}...{endraw}` around text that is sent as it is.
//!
//! Every scan is linear in the text.

use std::ops::Range;

const OPEN: &str = "{raw}";
const CLOSE: &str = "{endraw}";

/// One `{raw}...{endraw}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raw {
    /// With its markers.
    pub(super) outer: Range<usize>,
    /// Without its markers.
    pub(super) inner: Range<usize>,
}

impl Raw {
    /// One of the regions, which are in the order of the text, holds this offset.
    pub(super) fn holds(regions: &[Self], at: usize) -> bool {
        let next = regions.partition_point(|raw| raw.outer.end <= at);
        regions.get(next).is_some_and(|raw| raw.outer.contains(&at))
    }
}

/// Every `{raw}` with the first `{endraw}` after it, in the order of the text.
pub(super) fn raw_regions(text: &str) -> Vec<Raw> {
    let mut found = Vec::new();
    let mut from = 0;
    let next = |marker: &str, from: usize| Some(from + text.get(from..)?.find(marker)?);
    while let Some(open) = next(OPEN, from)
        && let Some(close) = next(CLOSE, open + OPEN.len())
    {
        from = close + CLOSE.len();
        found.push(Raw { outer: open..from, inner: open + OPEN.len()..close });
    }
    found
}

/// The text with every region covered by letters: same length, same lines.
pub(super) fn without_raw<'r>(text: &str, regions: impl IntoIterator<Item = &'r Range<usize>>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = 0;
    for region in regions {
        out.push_str(text.get(rest..region.start).unwrap_or_default());
        let covered = text.get(region.clone()).unwrap_or_default();
        out.extend(covered.bytes().map(|b| if b == b'\n' { '\n' } else { 'x' }));
        rest = region.end;
    }
    out.push_str(text.get(rest..).unwrap_or_default());
    out
}

/// A part of a `.txt` prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Sent as it is.
    Text(Range<usize>),
    /// `{name}`.
    Value {
        /// Offset of its brace.
        at: usize,
        /// The name.
        name: String,
    },
    /// A name in another form: a placeholder of other tools, or text about them.
    Foreign {
        /// With its braces.
        range: Range<usize>,
        /// The name.
        name: String,
        /// How it is written.
        form: Form,
    },
}

/// How other tools write a placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `{{name}}`.
    Doubled,
    /// `{{ name }}` or `{ name }`.
    Spaced,
    /// `{name.field}` or `{name[0]}`, also with two pairs of braces.
    Field,
    /// `{name | filter}`, also with two pairs of braces.
    Filter,
}

/// Take a text apart. What is between the parts, the markers of raw regions, is not sent.
pub(super) fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut from = 0;
    for raw in raw_regions(text) {
        outside_raw(text, from..raw.outer.start, &mut parts);
        parts.push(Part::Text(raw.inner));
        from = raw.outer.end;
    }
    outside_raw(text, from..text.len(), &mut parts);
    parts
}

fn outside_raw(text: &str, region: Range<usize>, parts: &mut Vec<Part>) {
    let (mut at, mut written) = (region.start, region.start);
    let find = |at: usize| Some(at + text.get(at..region.end)?.find('{')?);
    while let Some(open) = find(at) {
        let from_open = text.get(open..region.end).unwrap_or_default();
        let (part, end) = if let Some(name) = identifier(from_open.get(1..).unwrap_or_default())
            && from_open.get(1 + name.len()..).is_some_and(|rest| rest.starts_with('}'))
        {
            (Part::Value { at: open, name: name.to_owned() }, open + name.len() + 2)
        } else if let Some((name, length, form)) = foreign(from_open) {
            let range = open..open + length;
            (Part::Foreign { range, name: name.to_owned(), form }, open + length)
        } else {
            at = open + 1;
            continue;
        };
        parts.push(Part::Text(written..open));
        parts.push(part);
        (at, written) = (end, end);
    }
    parts.push(Part::Text(written..region.end));
}

/// The identifier that a text begins with.
fn identifier(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let name = text.get(..end)?;
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_').then_some(name)
}

/// The name, the length and the form, where a text begins with a placeholder as other tools write it.
fn foreign(text: &str) -> Option<(&str, usize, Form)> {
    let single = text.strip_prefix('{')?;
    let inside = single.strip_prefix('{').unwrap_or(single);
    let pairs = text.len() - inside.len();
    let spaceless = inside.trim_start_matches([' ', '\t']);
    let name = identifier(spaceless)?;
    let after = spaceless.get(name.len()..)?;
    let rest = after.trim_start_matches([' ', '\t']);
    let (form, rest) = match rest.chars().next()? {
        // Up to its brace, on this line: another opening brace ends the search, so that all of them are linear.
        c @ ('.' | '[' | '|') => {
            let end = rest.find(['{', '}', '\n'])?;
            (if c == '|' { Form::Filter } else { Form::Field }, rest.get(end..)?)
        }
        '}' if pairs == 2 && inside.len() == spaceless.len() && after.len() == rest.len() => {
            (Form::Doubled, rest)
        }
        '}' => (Form::Spaced, rest),
        _ => return None,
    };
    let closed = rest.strip_prefix(if pairs == 2 { "}}" } else { "}" })?;
    Some((name, text.len() - closed.len(), form))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts as `text`, `<name>` and `<<name>>`.
    fn shown(text: &str) -> String {
        let show = |part: Part| match part {
            Part::Text(range) => text[range].to_owned(),
            Part::Value { name, .. } => format!("<{name}>"),
            Part::Foreign { name, form, .. } => format!("<{name} {form:?}>"),
        };
        parts(text).into_iter().map(show).collect()
    }

    #[test]
    fn a_text_is_taken_apart() {
        for (text, want) in [
            ("{a} {b_1}{_c}", "<a> <b_1><_c>"),
            ("{\"a\": {}} {1a} {a b} {a-b} {", "{\"a\": {}} {1a} {a b} {a-b} {"),
            ("{{a}} {{ b }} {{{c}}} {{d} {e}}", "<a Doubled> <b Spaced> {<c Doubled>} {<d> <e>}"),
            ("{{ a.b }} {{a|b}} { c } {{ }}", "<a Field> <a Filter> <c Spaced> {{ }}"),
            ("{a.b}{a[0]}{a | b}{{a.b}", "<a Field><a Field><a Filter>{<a Field>"),
            ("{a.b\n} {a.{b}} {a; b} ${x.y} {a b}", "{a.b\n} {a.<b>} {a; b} $<x Field> {a b}"),
            ("x{raw}{a} {{b}}{endraw}{c}", "x{a} {{b}}<c>"),
            ("{raw}{raw}{endraw}{raw}", "{raw}<raw>"),
            ("{raw}{end{endraw}{raw}raw}{endraw}", "{endraw}"),
            ("{endraw} é{raw}\u{e9}{endraw}é", "<endraw> ééé"),
        ] {
            assert_eq!(shown(text), want, "{text}");
        }
    }

    #[test]
    fn every_scan_is_linear() {
        // Quadratic scans of these take minutes.
        for unit in [
            "{",
            "{a",
            "{{",
            "{{ ",
            "{raw}",
            "{a}",
            "{endraw}",
            "{{a}",
            "{raw}{endraw}",
            "{a.",
            "{ a|",
            "{{a[ ",
        ] {
            let text = unit.repeat(1_000_000 / unit.len());
            let start = std::time::Instant::now();
            parts(&text);
            assert!(start.elapsed().as_secs() < 20, "{unit}");
        }
        let text = "{raw}{include:{endraw}".repeat(40_000);
        let regions = raw_regions(&text);
        assert!(text.match_indices("{include:").all(|(at, _)| Raw::holds(&regions, at)));
    }

    #[test]
    fn what_is_raw_is_covered_line_by_line() {
        let text = "a{raw}---\né{endraw}\n---";
        let regions = raw_regions(text);
        let covered = without_raw(text, regions.iter().map(|raw| &raw.outer));
        assert_eq!(covered.lines().collect::<Vec<_>>(), ["axxxxxxxx", "xxxxxxxxxx", "---"]);
    }
}
