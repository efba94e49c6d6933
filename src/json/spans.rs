//! Where values are in JSON text, as ranges of bytes: replacing one range leaves every other byte as written.

use std::ops::Range;

use serde_json::value::RawValue;

use super::pointer::segment;
use super::rewrite::members;

/// Levels that are followed, as many as `serde_json` parses into a value.
const DEEPEST: usize = 128;

/// A string, number, `true`, `false` or `null` in JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Its JSON pointer.
    pub pointer: String,
    /// The pointer with `*` for every position in a list: the same place in every item.
    pub pattern: String,
    /// The bytes of its token.
    pub range: Range<usize>,
}

/// A member of the outermost object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name, unescaped.
    pub name: String,
    /// The bytes to remove so that the rest is the same object without it.
    pub range: Range<usize>,
}

/// Every leaf in document order; empty for text that is not JSON or is nested too deeply.
#[must_use]
pub fn leaves(json: &str) -> Vec<Leaf> {
    let mut found = Vec::new();
    let root: Result<&RawValue, _> = serde_json::from_str(json);
    match root.ok().and_then(|root| walk(json, root.get(), (String::new(), String::new()), 0, &mut found)) {
        Some(()) => found,
        None => Vec::new(),
    }
}

fn walk(
    whole: &str,
    value: &str,
    (pointer, pattern): (String, String),
    depth: usize,
    found: &mut Vec<Leaf>,
) -> Option<()> {
    if depth > DEEPEST {
        return None;
    }
    match value.as_bytes().first()? {
        b'{' => {
            for (key, child) in members(value).ok()? {
                let key = segment(&key);
                let at = (format!("{pointer}/{key}"), format!("{pattern}/{key}"));
                walk(whole, child.get(), at, depth + 1, found)?;
            }
        }
        b'[' => {
            for (i, child) in serde_json::from_str::<Vec<&RawValue>>(value).ok()?.into_iter().enumerate() {
                let at = (format!("{pointer}/{i}"), format!("{pattern}/*"));
                walk(whole, child.get(), at, depth + 1, found)?;
            }
        }
        _ => found.push(Leaf { pointer, pattern, range: range_of(whole, value)? }),
    }
    Some(())
}

/// The members of the outermost object in document order; empty for any other text.
#[must_use]
pub fn top_members(json: &str) -> Vec<Member> {
    let object = |root: &RawValue| root.get().starts_with('{');
    let Some(root) = serde_json::from_str::<&RawValue>(json).ok().filter(|root| object(root)) else {
        return Vec::new();
    };
    let Some((all, open)) = members(root.get()).ok().zip(range_of(json, root.get())) else {
        return Vec::new();
    };
    let values: Vec<(String, Range<usize>)> =
        all.into_iter().filter_map(|(name, value)| Some((name, range_of(json, value.get())?))).collect();
    let only = values.len() == 1;
    let mut before = open.start + 1;
    let mut found = Vec::with_capacity(values.len());
    for (i, (name, value)) in values.into_iter().enumerate() {
        let range = if i == 0 && !only {
            // Between a value and the comma after it there is white space alone.
            let comma = json.get(value.end..).and_then(|rest| rest.find(',')).unwrap_or(0);
            before..value.end + comma + 1
        } else {
            // With the comma before it.
            before..value.end
        };
        before = value.end;
        found.push(Member { name, range });
    }
    found
}

/// The bytes of `whole` that `part`, a slice of it, is made of.
fn range_of(whole: &str, part: &str) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let range = start..start + part.len();
    (whole.get(range.clone()) == Some(part)).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_have_their_places_and_their_bytes() {
        let text = " {\"a\" : [1.50, {\"b/c\": \"x\\u00e9\"}], \"d\": null, \"e\": {}} ";
        let found: Vec<(String, String, &str)> =
            leaves(text).into_iter().map(|leaf| (leaf.pointer, leaf.pattern, &text[leaf.range])).collect();
        let leaf = |pointer: &str, pattern: &str, token| (pointer.to_owned(), pattern.to_owned(), token);
        assert_eq!(
            found,
            [
                leaf("/a/0", "/a/*", "1.50"),
                leaf("/a/1/b~1c", "/a/*/b~1c", "\"x\\u00e9\""),
                leaf("/d", "/d", "null")
            ]
        );
        assert_eq!(leaves(" 7 ")[0].range, 1..2);
        for other in ["", "{", "no", &("[".repeat(200) + &"]".repeat(200))] {
            assert_eq!(leaves(other), [], "{other}");
        }
    }

    #[test]
    fn a_member_can_be_cut_out() {
        let text = "{\n  \"a\": 1 ,\n  \"b\": {\"x\": \"}\"},\n  \"c\": [2]\n}";
        let without = |i: usize| {
            let mut text = text.to_owned();
            text.replace_range(top_members(&text)[i].range.clone(), "");
            text
        };
        assert_eq!(without(0), "{\n  \"b\": {\"x\": \"}\"},\n  \"c\": [2]\n}");
        assert_eq!(
            without(1),
            "{\n  \"a\": 1 ,\n  \"c\": [2]\n}".replace(" ,", ","),
            "the comma before it goes"
        );
        assert_eq!(without(2), "{\n  \"a\": 1 ,\n  \"b\": {\"x\": \"}\"}\n}");
        let mut one = "{ \"a\": 1 }".to_owned();
        one.replace_range(top_members(&one)[0].range.clone(), "");
        assert_eq!(one, "{ }");
        assert_eq!(top_members("[1]"), []);
        assert_eq!(top_members("{}"), []);
    }
}
