//! Values that are found wherever they stand in a text, in capitals or not, however many and however long they are.

use aho_corasick::{AhoCorasick, AhoCorasickKind};

/// Finds values.
#[derive(Debug)]
pub(super) struct Anywhere {
    /// None where there is nothing to find.
    values: Option<AhoCorasick>,
}

impl Anywhere {
    /// Of these [`folded`] values. `None`: they are more than can be looked for.
    pub(super) fn of<'v>(values: impl Iterator<Item = &'v String>) -> Option<Self> {
        let values: Vec<&String> = values.collect();
        if values.is_empty() {
            return Some(Self { values: None });
        }
        // The others are faster to search and take far too long to build from long values.
        let kind = Some(AhoCorasickKind::NoncontiguousNFA);
        let built = AhoCorasick::builder().kind(kind).build(values);
        built.ok().map(|found| Self { values: Some(found) })
    }

    /// The text with every value replaced. Of several that begin at one place the longest goes. `left`: how many may be
    /// gone through, fewer by those that were. `None`: they stand there more often.
    pub(super) fn replace(
        &self,
        text: &str,
        left: &mut usize,
        mut with: impl FnMut(&str) -> String,
    ) -> Option<String> {
        let Some(values) = &self.values else { return Some(text.to_owned()) };
        let folded = Folded::of(text);
        let mut found: Vec<(usize, usize)> = Vec::new();
        for value in values.find_overlapping_iter(&folded.text) {
            *left = left.checked_sub(1)?;
            let place = folded.place(value.start()).zip(folded.place(value.end()));
            found.extend(place.filter(|(start, end)| is_apart(text, *start, *end)));
        }
        found.sort_unstable_by_key(|(start, end)| (*start, std::cmp::Reverse(*end)));
        let (mut out, mut done) = (String::new(), 0);
        for (start, end) in found {
            if let (true, Some(between), Some(value)) =
                (start >= done, text.get(done..start), text.get(start..end))
            {
                out.push_str(between);
                out.push_str(&with(value));
                done = end;
            }
        }
        out.push_str(text.get(done..).unwrap_or_default());
        Some(out)
    }
}

/// A value as it is looked for: in lower case, without space around it, and with one space for any inside.
pub(super) fn folded(value: &str) -> String {
    Folded::of(value.trim()).text
}

/// A text in lower case with one space for any white space, and where its characters stand in the text as written.
struct Folded {
    text: String,
    /// Place of each character in `text`, and where it stands as written; the two ends are the last.
    places: Vec<(usize, usize)>,
}

impl Folded {
    fn of(written: &str) -> Self {
        let (mut text, mut places) = (String::with_capacity(written.len()), Vec::new());
        for (at, c) in written.char_indices() {
            if c.is_whitespace() {
                if !text.ends_with(' ') {
                    places.push((text.len(), at));
                    text.push(' ');
                }
                continue;
            }
            places.push((text.len(), at));
            // A sigma at the end of a word is the same letter.
            text.extend(c.to_lowercase().map(|c| if c == 'ς' { 'σ' } else { c }));
        }
        places.push((text.len(), written.len()));
        Self { text, places }
    }

    /// Where a place of the folded text stands as written; none inside a character.
    fn place(&self, folded: usize) -> Option<usize> {
        let at = self.places.binary_search_by_key(&folded, |(folded, _)| *folded).ok()?;
        self.places.get(at).map(|(_, written)| *written)
    }
}

/// It is no part of a longer word. Only where words have edges: many scripts put no space between words, or glue something
/// to a name.
fn is_apart(text: &str, start: usize, end: usize) -> bool {
    let inside = |c: Option<char>| c.is_some_and(has_edges);
    let (before, value, after) = (text.get(..start), text.get(start..end), text.get(end..));
    let (Some(before), Some(value), Some(after)) = (before, value, after) else { return false };
    let glued_before = inside(before.chars().next_back()) && inside(value.chars().next());
    let glued_after = inside(value.chars().next_back()) && inside(after.chars().next());
    !glued_before && !glued_after
}

/// A digit, or a letter of Latin, Greek, Cyrillic or Armenian.
fn has_edges(c: char) -> bool {
    c.is_ascii_digit() || c.is_alphabetic() && matches!(u32::from(c), 0..0x590 | 0x1E00..0x2000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(values: &[&str], text: &str) -> String {
        let values: Vec<String> = values.iter().map(|value| folded(value)).collect();
        Anywhere::of(values.iter())
            .unwrap()
            .replace(text, &mut 100, |found| format!("<{}>", found.len()))
            .unwrap()
    }

    #[test]
    fn words_and_parts_of_words() {
        assert_eq!(
            hidden(&["ann"], "Ann, Anna, joANN; ann_2 ann's ANN"),
            "<3>, Anna, joANN; <3>_2 <3>'s <3>"
        );
        assert_eq!(hidden(&["stone", "stone ridge"], "stone ridge, Stone ridges"), "<11>, <5> ridges");
        assert_eq!(hidden(&["r. stone"], "by R. Stone."), "by <8>.");
        // However it is spaced, where it is named and where it stands.
        assert_eq!(hidden(&[" Rowena  Stone "], "by Rowena Stone, ROWENA\n\tSTONE  ok"), "by <12>, <13>  ok");
        assert_eq!(hidden(&[], "as it is"), "as it is");
    }

    #[test]
    fn scripts_without_spaces_and_letters_that_change_their_length() {
        assert_eq!(hidden(&["田中太郎"], "田中太郎さんが測定した"), "<12>さんが測定した");
        assert_eq!(hidden(&["김철수"], "김철수가 보고"), "<9>가 보고");
        assert_eq!(hidden(&["stone"], "東京のStoneさん"), "東京の<5>さん");
        // A capital I with a dot is one letter as written and two in lower case.
        assert_eq!(hidden(&["i\u{307}stanbul"], "xy \u{130}stanbul z"), "xy <9> z");
        assert_eq!(hidden(&["ΟΔΟΣ"], "η οδος, ΟΔΟΣ"), "η <8>, <8>");
    }

    #[test]
    fn however_long_and_however_many() {
        let long = "very long notes ".repeat(20_000);
        let many: Vec<String> = (0..20_000).map(|i| format!("value-{i}")).chain([folded(&long)]).collect();
        let found = Anywhere::of(many.iter()).unwrap();
        let text = format!("{long}; value-19999");
        assert_eq!(found.replace(&text, &mut 100_000, |_| "<>".to_owned()).unwrap(), "<> ; <>");
        // Values inside each other stand there more often than there are letters.
        let nested: Vec<String> = (3..400).map(|n| "、".repeat(n)).collect();
        let found = Anywhere::of(nested.iter()).unwrap();
        let mut left = 100_000;
        assert_eq!(found.replace(&"、".repeat(100_000), &mut left, |_| String::new()), None);
        assert_eq!(left, 0);
    }
}
