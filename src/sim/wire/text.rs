//! Text as requests carry it, borrowed where it has no escapes: a string, or a list of parts.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A string. `Option<Cow<str>>` would always copy.
#[derive(Debug)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// One part of a message; whatever is not text is passed over.
#[derive(Debug, Deserialize)]
pub(super) struct Part<'a> {
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
}

/// Content: a string, or parts.
#[derive(Debug)]
pub(super) enum Content<'a> {
    /// A string.
    Text(Cow<'a, str>),
    /// Parts, some of which may be text.
    Parts(Vec<Part<'a>>),
}

impl<'a> Content<'a> {
    /// All of it as one text, parts on lines of their own.
    pub(super) fn into_text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => text,
            Self::Parts(parts) => joined(parts.into_iter().filter_map(|part| part.text.map(|text| text.0))),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Parts(parts) => parts.is_empty(),
        }
    }

    /// Whether a part is text without a character.
    pub(super) fn has_empty_text(&self) -> bool {
        match self {
            Self::Text(_) => false,
            Self::Parts(parts) => {
                parts.iter().any(|part| part.text.as_ref().is_some_and(|text| text.0.is_empty()))
            }
        }
    }
}

/// Texts on lines of their own; a single one is not copied.
pub(super) fn joined<'a>(mut texts: impl Iterator<Item = Cow<'a, str>>) -> Cow<'a, str> {
    let mut all = texts.next().unwrap_or_default();
    for text in texts {
        let all = all.to_mut();
        all.push('\n');
        all.push_str(&text);
    }
    all
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ContentVisitor;
        impl<'de> Visitor<'de> for ContentVisitor {
            type Value = Content<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array of parts")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Content<'de>, E> {
                Ok(Content::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Content<'de>, E> {
                Ok(Content::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Content<'de>, A::Error> {
                let mut parts = Vec::with_capacity(seq.size_hint().unwrap_or(1));
                while let Some(part) = seq.next_element()? {
                    parts.push(part);
                }
                Ok(Content::Parts(parts))
            }
        }
        deserializer.deserialize_any(ContentVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_parts_are_one_text_and_borrowed_where_they_can_be() {
        let read = |json| serde_json::from_str::<Content<'_>>(json).unwrap().into_text();
        assert!(matches!(read(r#""plain""#), Cow::Borrowed("plain")));
        assert!(matches!(read(r#"[{"type":"text","text":"plain"}]"#), Cow::Borrowed("plain")));
        assert_eq!(read(r#""a\nb""#), "a\nb");
        assert_eq!(read(r#"[{"text":"a"},{"image":{"x":1}},{"text":"b"}]"#), "a\nb");
        assert_eq!(read("[]"), "");
        assert!(serde_json::from_str::<Content<'_>>("7").is_err());
    }
}
