//! Read a text into a tree of values, noting what YAML allows and we refuse: keys that stand twice, merge keys,
//! tags, numbers that are not finite.

use std::cell::RefCell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::Step;

/// A path, which of equal keys is meant, and what is wrong.
type Found = (Vec<Step>, usize, String);

/// Reads any value into a tree and notes what YAML allows but we refuse.
pub(super) struct TreeSeed<'a> {
    pub(super) path: Vec<Step>,
    pub(super) found: &'a RefCell<Vec<Found>>,
}

impl TreeSeed<'_> {
    fn child(&self, step: Step) -> TreeSeed<'_> {
        let mut path = self.path.clone();
        path.push(step);
        TreeSeed { path, found: self.found }
    }

    /// A whole number that would lose digits.
    fn too_long(&self, number: &dyn fmt::Display) -> Value {
        let message = format!(
            "expected a number of at most 64 bits, found `{number}`: quote it if it is text; one that answers are \
             compared with stands in the case's `expected`"
        );
        self.note(self.path.clone(), 0, message);
        Value::Null
    }

    fn note(&self, path: Vec<Step>, occurrence: usize, message: impl Into<String>) {
        self.found.borrow_mut().push((path, occurrence, message.into()));
    }
}

impl<'de> DeserializeSeed<'de> for TreeSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TreeSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(self.too_long(&value))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Value, E> {
        Ok(self.too_long(&value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(serde_json::Number::from_f64(value).map_or_else(
            || {
                self.note(self.path.clone(), 0, format!("expected a finite number, found {value}"));
                Value::Null
            },
            Value::Number,
        ))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self.child(Step::Index(items.len())))? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut out = Map::new();
        while let Some(key) = map.next_key_seed(KeySeed)? {
            let step = Step::Key(key.clone());
            let value = map.next_value_seed(self.child(step.clone()))?;
            let mut path = self.path.clone();
            path.push(step);
            if key == "<<" {
                self.note(path, 0, "merge keys are not supported: write the keys out");
            } else if out.contains_key(&key) {
                self.note(path, 1, "this key stands twice in the same mapping: remove one of them");
            } else {
                out.insert(key, value);
            }
        }
        Ok(Value::Object(out))
    }

    fn visit_enum<A: de::EnumAccess<'de>>(self, _: A) -> Result<Value, A::Error> {
        Err(de::Error::custom("tags such as `!name` are not supported"))
    }
}

/// A mapping key as text: `yes`, `1310` and `null` as keys are taken as written.
struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        // `deserialize_str` makes the YAML reader hand over the scalar's text whatever it looks like.
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key made of text")
    }

    fn visit_str<E>(self, value: &str) -> Result<String, E> {
        Ok(value.to_owned())
    }
}
