//! English sentences turned around by plain rules. The rules know words and not meaning: the result may be clumsy, but
//! it no longer says what the sentence said.

use std::ops::Range;

/// Verbs that take `not` behind them, and those that get one.
const TAKES_NOT: [&str; 12] =
    ["is", "are", "was", "were", "can", "could", "will", "would", "should", "must", "may", "might"];

/// Verbs of which only the `not` behind them is taken away.
const LOSES_NOT: [&str; 6] = ["do", "does", "did", "has", "have", "had"];

/// Verbs that hold their `not`.
const SHORT: [(&str, &str); 16] = [
    ("cannot", "can"),
    ("can't", "can"),
    ("won't", "will"),
    ("isn't", "is"),
    ("aren't", "are"),
    ("wasn't", "was"),
    ("weren't", "were"),
    ("couldn't", "could"),
    ("wouldn't", "would"),
    ("shouldn't", "should"),
    ("don't", "do"),
    ("doesn't", "does"),
    ("didn't", "did"),
    ("hasn't", "has"),
    ("haven't", "have"),
    ("hadn't", "had"),
];

/// Words and what turns them around.
const OPPOSITES: [(&str, &str); 6] = [
    ("no", "some"),
    ("none", "all"),
    ("nothing", "something"),
    ("never", "always"),
    ("always", "never"),
    ("without", "with"),
];

/// Every way to turn one word of the text around: the bytes to replace, and by what.
pub(super) fn negations(text: &str) -> Vec<(Range<usize>, String)> {
    let words = words(text);
    let word = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default().replace('’', "'");
    // An answer of one word is an answer to a question.
    if let [only] = words.as_slice() {
        let said = word(only);
        let turned = match said.to_lowercase().as_str() {
            "yes" => Some("no"),
            "no" => Some("yes"),
            _ => None,
        };
        if let Some(turned) = turned {
            return vec![(only.clone(), as_written(&said, turned))];
        }
    }
    let mut found = Vec::new();
    for (i, range) in words.iter().enumerate() {
        let written = word(range);
        let lower = written.to_lowercase();
        let is = |all: &[&str]| all.contains(&lower.as_str());
        let next = words.get(i + 1).map(|next| (next, word(next).to_lowercase()));
        match &next {
            Some((not, next)) if next == "not" && (is(&TAKES_NOT) || is(&LOSES_NOT)) => {
                found.push((range.end..not.end, String::new()));
            }
            // The word after it turns the sentence around.
            Some((_, next)) if is(&TAKES_NOT) && OPPOSITES.iter().any(|(word, _)| word == next) => {}
            _ if lower == "can" => found.push((range.clone(), as_written(&written, "cannot"))),
            _ if is(&TAKES_NOT) => found.push((range.end..range.end, " not".to_owned())),
            _ => {
                let all = SHORT.iter().chain(&OPPOSITES);
                let turned = all.copied().find(|(from, _)| *from == lower).map(|(_, to)| to);
                found.extend(turned.map(|to| (range.clone(), as_written(&written, to))));
            }
        }
    }
    found
}

/// Words: letters and digits, with apostrophes inside.
fn words(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut open: Option<usize> = None;
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        let joins = "'’".contains(c) && open.is_some() && next.is_some_and(inside);
        if inside(c) || joins {
            open.get_or_insert(at);
        } else if let Some(start) = open.take() {
            found.push(start..at);
        }
    }
    found.extend(open.map(|start| start..text.len()));
    found
}

/// `word` in the letters of `like`: as it is, with a capital, or in capitals.
fn as_written(like: &str, word: &str) -> String {
    let letters = || like.chars().filter(|c| c.is_alphabetic());
    let capital = letters().next().is_some_and(char::is_uppercase);
    if letters().count() > 1 && letters().all(char::is_uppercase) {
        return word.to_uppercase();
    }
    let mut chars = word.chars();
    match chars.next() {
        Some(first) if capital => first.to_uppercase().chain(chars).collect(),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every way, as whole texts.
    fn turned(text: &str) -> Vec<String> {
        let apply = |(range, new): (Range<usize>, String)| {
            let mut text = text.to_owned();
            text.replace_range(range, &new);
            text
        };
        negations(text).into_iter().map(apply).collect()
    }

    #[test]
    fn rules() {
        for (text, want) in [
            ("The line is good.", &["The line is not good."][..]),
            ("It is not good", &["It is good"]),
            ("Cannot pass", &["Can pass"]),
            ("It can pass", &["It cannot pass"]),
            ("It can not pass", &["It can pass"]),
            ("It isn’t bad", &["It is bad"]),
            ("It does not hold", &["It does hold"]),
            ("No rule is broken", &["Some rule is broken", "No rule is not broken"]),
            ("There is no flaw", &["There is some flaw"]),
            ("It never fails", &["It always fails"]),
            ("Yes.", &["No."]),
            ("no", &["yes"]),
            ("NO", &["YES"]),
            ("It does hold", &[]),
            ("island, cannery, notion, is_not", &[]),
            ("blau", &[]),
            ("", &[]),
            ("'", &[]),
        ] {
            assert_eq!(turned(text), want, "{text}");
        }
    }
}
