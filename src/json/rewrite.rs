//! Change single tokens of JSON text, and leave every other one as it is written.

use serde::Deserialize as _;
use serde::de::{MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// What may be changed: a place and the token that stands there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Token<'a> {
    /// The name of an object's member, unescaped.
    Key(&'a str),
    /// Text, unescaped, and where it stands: the segments of its pointer.
    Text(&'a str, &'a [String]),
    /// A number, `true`, `false` or `null` as written, and where it stands.
    Other(&'a str, &'a [String]),
}

/// `json` in one line, with the tokens that `edit` answers for replaced: a key by the text of its answer, anything else by
/// its value. Nothing of what is no JSON: it cannot be edited, and whoever hides something must not go on with it.
#[must_use]
pub fn rewrite(json: &str, edit: &mut dyn FnMut(Token<'_>) -> Option<Value>) -> Option<String> {
    let mut out = String::with_capacity(json.len());
    let root: &RawValue = serde_json::from_str(json).ok()?;
    walk(root.get(), &mut Vec::new(), edit, &mut out).ok()?;
    Some(out)
}

fn walk(
    json: &str,
    at: &mut Vec<String>,
    edit: &mut dyn FnMut(Token<'_>) -> Option<Value>,
    out: &mut String,
) -> serde_json::Result<()> {
    match json.as_bytes().first() {
        Some(b'{') => {
            out.push('{');
            for (i, (key, value)) in members(json)?.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                let renamed = edit(Token::Key(&key)).and_then(|new| new.as_str().map(str::to_owned));
                out.push_str(&serde_json::to_string(renamed.as_ref().unwrap_or(&key))?);
                out.push(':');
                at.push(key);
                walk(value.get(), at, edit, out)?;
                at.pop();
            }
            out.push('}');
        }
        Some(b'[') => {
            out.push('[');
            for (i, value) in serde_json::from_str::<Vec<&RawValue>>(json)?.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                at.push(i.to_string());
                walk(value.get(), at, edit, out)?;
                at.pop();
            }
            out.push(']');
        }
        Some(b'"') => {
            let text: String = serde_json::from_str(json)?;
            put(edit(Token::Text(&text, at)), json, out);
        }
        _ => put(edit(Token::Other(json, at)), json, out),
    }
    Ok(())
}

fn put(new: Option<Value>, old: &str, out: &mut String) {
    match new {
        Some(value) => out.push_str(&value.to_string()),
        None => out.push_str(old),
    }
}

/// Members in their order, those of the same name too.
pub(super) fn members(json: &str) -> serde_json::Result<Vec<(String, &RawValue)>> {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, &'de RawValue)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut all = Vec::new();
            while let Some(member) = map.next_entry()? {
                all.push(member);
            }
            Ok(all)
        }
    }
    struct Raw<'a>(Vec<(String, &'a RawValue)>);
    impl<'de> serde::Deserialize<'de> for Raw<'de> {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_map(Members).map(Raw)
        }
    }
    let mut deserializer = serde_json::Deserializer::from_str(json);
    Raw::deserialize(&mut deserializer).map(|raw| raw.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_edited_stays_as_written() {
        let text = r#"{"b" : 2.00, "a\u0062": [1e3, "x\u00e9", null, {}], "b": [] }"#;
        assert_eq!(
            rewrite(text, &mut |_| None).unwrap(),
            r#"{"b":2.00,"ab":[1e3,"x\u00e9",null,{}],"b":[]}"#
        );
        for other in ["", "{", "[1", "no", r#"{"a": "\ud800"}"#] {
            assert_eq!(rewrite(other, &mut |_| Some(json!("x"))), None);
        }
    }

    #[test]
    fn tokens_are_told_with_their_place() {
        let text = r#"{"a": {"b": ["x", 1.50]}, "c": "x"}"#;
        let mut seen = Vec::new();
        let edited = rewrite(text, &mut |token| {
            match token {
                Token::Key("c") => return Some(json!("d")),
                Token::Key(_) => {}
                Token::Text(text, at) => {
                    seen.push(format!("{text} at {}", at.join("/")));
                    return (at.len() == 1).then(|| json!("\"y\""));
                }
                Token::Other(text, at) => {
                    seen.push(format!("{text} at {}", at.join("/")));
                    return Some(Value::Null);
                }
            }
            None
        });
        assert_eq!(edited.unwrap(), r#"{"a":{"b":["x",null]},"d":"\"y\""}"#);
        assert_eq!(seen, ["x at a/b/0", "1.50 at a/b/1", "x at c"]);
    }
}
