//! Bounds on `$ref`s: two references in each of forty definitions would be checked a million million times.

use std::collections::HashMap;

use serde_json::Value;

use super::{DATA, NAMED};

/// Most schemas with every `$ref` written out.
const MOST: u64 = 100_000;

/// Most references in a row.
const DEEPEST: usize = 200;

/// Keywords whose schemas are about a part of the value.
const PARTS: [&str; 12] = [
    "properties",
    "patternProperties",
    "additionalProperties",
    "propertyNames",
    "unevaluatedProperties",
    "items",
    "prefixItems",
    "additionalItems",
    "contains",
    "unevaluatedItems",
    "$defs",
    "definitions",
];

/// The schema is finite, and small enough, with every `$ref` written out.
pub(super) fn check(schema: &Value) -> Result<(), String> {
    let mut count = Count { schema, known: HashMap::new(), open: Vec::new(), parts: 0 };
    let total = count.of(schema, false)?;
    if total > MOST {
        return Err(format!(
            "its `$ref`s are too many: written out they make more than {MOST} schemas; refer to each definition once"
        ));
    }
    Ok(())
}

struct Count<'a> {
    schema: &'a Value,
    /// Sizes of the targets that were counted.
    known: HashMap<&'a str, u64>,
    /// Targets that are being counted, with how many steps into parts of the value lead to them.
    open: Vec<(&'a str, usize)>,
    parts: usize,
}

impl<'a> Count<'a> {
    /// Schemas in `value`; `names`: its keys are no keywords.
    fn of(&mut self, value: &'a Value, names: bool) -> Result<u64, String> {
        match value {
            Value::Object(members) => {
                let mut total: u64 = 1;
                for (key, member) in members {
                    let key = key.as_str();
                    let more = match member.as_str() {
                        Some(reference) if !names && key == "$ref" => self.target(reference)?,
                        _ if !names && DATA.contains(&key) => 0,
                        _ => {
                            let is_part = !names && PARTS.contains(&key);
                            self.parts += usize::from(is_part);
                            let found = self.of(member, !names && NAMED.contains(&key));
                            self.parts -= usize::from(is_part);
                            found?
                        }
                    };
                    total = total.saturating_add(more);
                }
                Ok(total)
            }
            Value::Array(items) => {
                let mut total: u64 = 0;
                for item in items {
                    total = total.saturating_add(self.of(item, false)?);
                }
                Ok(total)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(0),
        }
    }

    fn target(&mut self, reference: &'a str) -> Result<u64, String> {
        if let Some(size) = self.known.get(reference) {
            return Ok(*size);
        }
        if let Some((_, parts)) = self.open.iter().find(|(open, _)| *open == reference) {
            if *parts == self.parts {
                return Err(format!("the `$ref` to `{reference}` leads back to itself"));
            }
            // Each round goes deeper into the value, which ends.
            return Ok(1);
        }
        // Anchors and whatever else the library finds are not followed here.
        let Some(target) = reference.strip_prefix('#').and_then(|pointer| self.schema.pointer(pointer))
        else {
            return Ok(1);
        };
        if self.open.len() == DEEPEST {
            return Err(format!("its `$ref`s are too deep: expected at most {DEEPEST} in a row"));
        }
        self.open.push((reference, self.parts));
        let size = self.of(target, false);
        self.open.pop();
        let size = size?;
        self.known.insert(reference, size);
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use super::super::prepare;
    use serde_json::{Map, Value, json};

    /// `n` definitions, each of which `make`s something of a reference to the next.
    fn chain(n: usize, make: impl Fn(Value) -> Value) -> Value {
        let mut defs = Map::new();
        for i in 0..n {
            defs.insert(format!("d{i}"), make(json!({ "$ref": format!("#/$defs/d{}", i + 1) })));
        }
        defs.insert(format!("d{n}"), json!({ "type": "string" }));
        json!({ "$ref": "#/$defs/d0", "$defs": defs })
    }

    #[test]
    fn a_tree_of_references_is_refused_at_once() {
        let tree = chain(60, |next| json!({ "allOf": [next.clone(), next] }));
        let error = prepare(&tree).unwrap_err();
        assert!(
            error.starts_with("its `$ref`s are too many: written out they make more than 100000"),
            "{error}"
        );
        let wide = chain(
            10,
            |next| json!({ "properties": (0..10).map(|i| (i.to_string(), next.clone())).collect::<Map<_, _>>() }),
        );
        assert!(prepare(&wide).unwrap_err().contains("too many"));
        let deep = chain(5_000, |next| json!({ "not": next }));
        assert!(prepare(&deep).unwrap_err().contains("too deep: expected at most 200"));
        let fine = chain(12, |next| json!({ "allOf": [next.clone(), next] }));
        assert!(prepare(&fine).unwrap().is_valid(&json!("x")));
    }

    #[test]
    fn circles_are_refused_and_recursion_is_not() {
        for circle in [
            json!({ "$ref": "#" }),
            json!({ "$ref": "#/$defs/a", "$defs": { "a": { "anyOf": [{ "$ref": "#/$defs/b" }] }, "b": { "$ref": "#/$defs/a" } } }),
        ] {
            let error = prepare(&circle).unwrap_err();
            assert!(error.contains("leads back to itself"), "{error}");
        }
        let tree = json!({ "type": "object", "properties": { "kids": { "items": { "$ref": "#" } } } });
        let validator = prepare(&tree).unwrap();
        assert!(validator.is_valid(&json!({ "kids": [{ "kids": [] }] })));
        assert!(!validator.is_valid(&json!({ "kids": [{ "kids": [1] }] })));
    }
}
