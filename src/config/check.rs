//! Checks as people write them: a kind and its arguments, held against one table of kinds.
//!
//! Only the shape lives here; what a check does lives in `eval::check`. A check is written `- is_json` or
//! `- equals: { path: /verdict, expected: /verdict }`.

mod kinds;
mod literal;

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::problem::did_you_mean;
use kinds::BOUNDED;

pub use kinds::{KINDS, KindRule};

const COMMON: &[&str] = &["metric", "not", "weight", "min", "must_pass"];

/// A check as written: kind and arguments. Which arguments belong to which kind is checked while reading.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckSpec {
    /// One of [`KINDS`].
    pub kind: &'static str,
    /// Its arguments.
    pub args: CheckArgs,
}

/// The arguments of all kinds together; [`KINDS`] says which belong where.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CheckArgs {
    /// JSON pointer into the answer, with `*`; absent: the whole answer text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// A literal to compare with; `null` is one.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Literals to compare with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<Value>>,
    /// JSON pointer into the case's `expected`; `""` is all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// A regular expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Lower bound, inclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_value: Option<f64>,
    /// Upper bound, inclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_value: Option<f64>,
    /// Compare normalized texts: characters composed (NFC), invisible characters left out, every space a plain one,
    /// lines ended by `\n`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub normalize: bool,
    /// Which ROUGE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<Rouge>,
    /// JSON Schema file, relative to the project root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// JSON pointer into `expected`: values that neither help nor harm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra_ok: Option<String>,
    /// Alias of the model that embeds texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Program and its arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Vec<String>>,
    /// Seconds after which the program is stopped (default 10).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<f64>,
    /// Name of a registered closure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Publish the score as a per-case metric of this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// Turn the check around: the score becomes `1 - score`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub not: bool,
    /// Share in the weighted case score (default 1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// The check passes at a score of at least this (default 1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// A plain assertion, outside baseline and alpha.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub must_pass: bool,
}

/// What ROUGE compares, as written: `1`, `2` or `l`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rouge {
    /// Words.
    One,
    /// Pairs of words that follow each other.
    Two,
    /// The longest common subsequence of words.
    Longest,
}

impl Rouge {
    /// As written.
    fn name(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Two => "2",
            Self::Longest => "l",
        }
    }
}

impl Serialize for Rouge {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One => serializer.serialize_u64(1),
            Self::Two => serializer.serialize_u64(2),
            Self::Longest => serializer.serialize_str(self.name()),
        }
    }
}

impl<'de> Deserialize<'de> for Rouge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let found = Value::deserialize(deserializer)?;
        match (found.as_u64(), found.as_str()) {
            (Some(1), _) | (_, Some("1")) => Ok(Self::One),
            (Some(2), _) | (_, Some("2")) => Ok(Self::Two),
            (_, Some("l" | "L")) => Ok(Self::Longest),
            _ => Err(de::Error::custom(format!("`variant`: expected 1, 2 or l, found `{found}`"))),
        }
    }
}

impl JsonSchema for Rouge {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Rouge".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": [1, 2, "l"] })
    }
}

/// A key that stands there has a value, be it null.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl CheckArgs {
    fn set(&self) -> Vec<&'static str> {
        let Self {
            path,
            value,
            values,
            expected,
            pattern,
            min_value,
            max_value,
            normalize,
            variant,
            schema,
            extra_ok,
            model,
            run,
            timeout_s,
            name,
            metric,
            not,
            weight,
            min,
            must_pass,
        } = self;
        [
            ("path", path.is_some()),
            ("value", value.is_some()),
            ("values", values.is_some()),
            ("expected", expected.is_some()),
            ("pattern", pattern.is_some()),
            ("min_value", min_value.is_some()),
            ("max_value", max_value.is_some()),
            ("normalize", *normalize),
            ("variant", variant.is_some()),
            ("schema", schema.is_some()),
            ("extra_ok", extra_ok.is_some()),
            ("model", model.is_some()),
            ("run", run.is_some()),
            ("timeout_s", timeout_s.is_some()),
            ("name", name.is_some()),
            ("metric", metric.is_some()),
            ("not", *not),
            ("weight", weight.is_some()),
            ("min", min.is_some()),
            ("must_pass", *must_pass),
        ]
        .into_iter()
        .filter_map(|(name, is_set)| is_set.then_some(name))
        .collect()
    }
}

impl CheckSpec {
    /// Hold the arguments against the table.
    pub(super) fn new(kind: &str, args: CheckArgs) -> Result<Self, String> {
        let rule = KINDS.iter().find(|rule| rule.name == kind).ok_or_else(|| unknown_kind(kind))?;
        let set = args.set();
        for name in &set {
            let allowed = [rule.required, rule.one_of, rule.optional, COMMON];
            if !allowed.iter().any(|list| list.contains(name)) {
                let mut fits: Vec<_> = [rule.required, rule.one_of, rule.optional].concat();
                fits.extend(COMMON);
                return Err(format!(
                    "`{name}` does not belong to `{kind}`, which takes: {}",
                    fits.join(", ")
                ));
            }
        }
        for name in rule.required {
            if !set.contains(name) {
                return Err(format!("`{kind}` needs `{name}`"));
            }
        }
        if !rule.one_of.is_empty() && rule.one_of.iter().filter(|name| set.contains(name)).count() != 1 {
            return Err(format!("`{kind}` needs exactly one of: {}", rule.one_of.join(", ")));
        }
        let pointers = [("path", &args.path), ("expected", &args.expected), ("extra_ok", &args.extra_ok)];
        for (name, pointer) in pointers {
            if let Some(found) = pointer.as_ref().filter(|p| !p.is_empty() && !p.starts_with('/')) {
                return Err(format!("`{name}` is a JSON pointer: expected `/{found}`, found `{found}`"));
            }
        }
        if BOUNDED.contains(&kind) && args.min_value.is_none() && args.max_value.is_none() {
            return Err(format!("`{kind}` needs `min_value`, `max_value` or both"));
        }
        if args.min.is_some_and(|min| !(0.0..=1.0).contains(&min)) {
            let unit = if kind == "levenshtein" {
                "; `levenshtein` scores 1 - edits / length of the longer text, so `min` is not a number of edits"
            } else {
                ""
            };
            return Err(format!("`min` is a score: expected a number from 0 to 1{unit}"));
        }
        if args.weight.is_some_and(|weight| !(weight.is_finite() && weight >= 0.0)) {
            return Err("`weight`: expected a number of 0 or more".to_owned());
        }
        literal::no_template(&args)?;
        if let Some(pattern) = &args.pattern {
            regex::Regex::new(pattern)
                .map_err(|error| format!("`pattern` is no regular expression: {error}"))?;
        }
        if let Some(program) = args.run.iter().flatten().next().filter(|program| program.contains("${")) {
            return Err(format!(
                "`run`: variables are not expanded, and no shell is started: found `{program}`"
            ));
        }
        if args.run.as_ref().is_some_and(Vec::is_empty) {
            return Err("`run`: expected a program and its arguments, found an empty list".to_owned());
        }
        Ok(Self { kind: rule.name, args })
    }

    /// The check as a value in which only what was written stands: the same on every release, so that hashes
    /// over it last.
    #[must_use]
    pub fn canonical(&self) -> Value {
        serde_json::json!({ self.kind: self.args })
    }

    /// One line that names the check to a person, e.g. `equals /verdict`.
    #[must_use]
    pub fn label(&self) -> String {
        let not = if self.args.not { "not " } else { "" };
        let subject = self
            .args
            .path
            .as_deref()
            .or(self.args.name.as_deref())
            .or(self.args.schema.as_deref())
            .or(self.args.run.as_ref().and_then(|run| run.first()).map(String::as_str))
            .or(self.args.pattern.as_deref())
            .or(self.args.variant.map(Rouge::name));
        match subject {
            Some(subject) => format!("{not}{} {subject}", self.kind),
            None => format!("{not}{}", self.kind),
        }
    }
}

fn unknown_kind(kind: &str) -> String {
    let names: Vec<_> = KINDS.iter().map(|rule| rule.name).collect();
    let hint = did_you_mean(kind, names.iter().copied()).map_or(String::new(), |hint| format!(" ({hint})"));
    format!("unknown check `{kind}`, expected one of: {}{hint}", names.join(", "))
}

impl<'de> Deserialize<'de> for CheckSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SpecVisitor;
        impl<'de> Visitor<'de> for SpecVisitor {
            type Value = CheckSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a check such as `is_json` or `equals: {...}`")
            }

            fn visit_str<E: de::Error>(self, kind: &str) -> Result<CheckSpec, E> {
                CheckSpec::new(kind, CheckArgs::default()).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<CheckSpec, A::Error> {
                let Some(kind) = map.next_key::<String>()? else {
                    return Err(de::Error::custom("expected a check kind, found an empty mapping"));
                };
                if !KINDS.iter().any(|rule| rule.name == kind) {
                    let value: Value = map.next_value()?;
                    while map.next_entry::<de::IgnoredAny, de::IgnoredAny>()?.is_some() {}
                    let named = value.as_str().filter(|name| KINDS.iter().any(|rule| rule.name == *name));
                    return Err(de::Error::custom(match named {
                        Some(name) => format!("unknown key `{kind}`: write the check as `{name}: {{ ... }}`"),
                        None => unknown_kind(&kind),
                    }));
                }
                let spec = map.next_value::<CheckArgs>()?;
                if let Some(second) = map.next_key::<String>()? {
                    return Err(de::Error::custom(format!(
                        "expected one kind per list item, found `{kind}` and `{second}`: start a new `- ` item, \
                         or indent `{second}` if it is an argument"
                    )));
                }
                CheckSpec::new(&kind, spec).map_err(de::Error::custom)
            }
        }
        deserializer.deserialize_any(SpecVisitor)
    }
}

impl JsonSchema for CheckSpec {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CheckSpec".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let args = CheckArgs::json_schema(generator);
        let all = args.get("properties").cloned().unwrap_or_default();
        let bare: Vec<_> = KINDS
            .iter()
            .filter(|r| r.required.is_empty() && r.one_of.is_empty() && !BOUNDED.contains(&r.name))
            .map(|r| r.name)
            .collect();
        let mut forms = vec![serde_json::json!({ "enum": bare })];
        for rule in KINDS {
            let mut properties = serde_json::Map::new();
            for name in [rule.required, rule.one_of, rule.optional, COMMON].concat() {
                if let Some(schema) = all.get(name) {
                    properties.insert(name.to_owned(), schema.clone());
                }
            }
            let one_of: Vec<_> = rule.one_of.iter().map(|n| serde_json::json!({ "required": [n] })).collect();
            let mut inner = serde_json::json!({
                "type": "object", "description": rule.help, "properties": properties,
                "required": rule.required, "additionalProperties": false,
            });
            if let (false, Some(inner)) = (one_of.is_empty(), inner.as_object_mut()) {
                inner.insert("oneOf".to_owned(), Value::Array(one_of));
            }
            forms.push(serde_json::json!({
                "type": "object", "properties": { rule.name: inner },
                "required": [rule.name], "additionalProperties": false,
            }));
        }
        json_schema!({ "oneOf": forms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> Result<CheckSpec, String> {
        serde_yaml::from_str(yaml).map_err(|e| e.to_string())
    }

    #[test]
    fn forms_and_labels() {
        assert_eq!(read("is_json").unwrap().label(), "is_json");
        assert_eq!(read("is_json: {}").unwrap(), read("is_json").unwrap());
        assert_eq!(
            read("equals: { path: /verdict, expected: /verdict, not: true }").unwrap().label(),
            "not equals /verdict"
        );
        assert_eq!(read("equals: { path: /x, value: null }").unwrap().args.value, Some(Value::Null));
        for (written, variant, kept) in [
            ("1", Rouge::One, serde_json::json!(1)),
            ("'2'", Rouge::Two, 2.into()),
            ("L", Rouge::Longest, "l".into()),
        ] {
            let check = read(&format!("rouge: {{ value: a, variant: {written} }}")).unwrap();
            assert_eq!(check.args.variant, Some(variant));
            assert_eq!(check.label(), format!("rouge {}", variant.name()));
            assert_eq!(check.canonical()["rouge"]["variant"], kept);
        }
    }

    #[test]
    fn misuse_is_named() {
        for (yaml, want) in [
            ("equal: { value: 1 }", "did you mean `equals`?"),
            ("equals: { path: /a }", "`equals` needs exactly one of: value, expected"),
            ("equals: { value: 1, expected: /a }", "exactly one of"),
            ("regex: { pattern: '(' }", "no regular expression"),
            ("regex: { value: x }", "`value` does not belong to `regex`"),
            ("range: {}", "`range` needs"),
            ("word_count", "`word_count` needs `min_value`, `max_value` or both"),
            ("rouge: { value: a }", "`rouge` needs `variant`"),
            ("rouge: { value: a, variant: 3 }", "`variant`: expected 1, 2 or l, found `3`"),
            ("rouge: { value: a, variant: lcs }", "expected 1, 2 or l"),
            ("similar: { value: a }", "`similar` needs `model`"),
            ("similar: { model: m }", "`similar` needs exactly one of: value, expected"),
            ("equals: { value: a, model: m }", "`model` does not belong to `equals`"),
            ("levenshtein: { value: Aye, min: 5 }", "`min` is not a number of edits"),
            ("bleu: { value: a, min: 5 }", "`min` is a score"),
            ("regex: { pattern: a, normalize: true }", "`normalize` does not belong to `regex`"),
            ("command: { run: ['${HOME}/check'] }", "variables are not expanded"),
            ("bleu: {}", "`bleu` needs exactly one of: value, expected"),
            ("ends_with: { values: [a] }", "`values` does not belong to `ends_with`"),
            ("refusal: { path: /a }", "`path` does not belong to `refusal`"),
            ("tokens", "`tokens` needs `max_value`"),
            ("finish_reason: { value: stop, values: [stop] }", "exactly one of: value, values"),
            ("finish_reason: { expected: /a }", "`expected` does not belong to `finish_reason`"),
            ("equals: { value: 1, min: 2 }", "from 0 to 1"),
            ("{ equals: { value: 1 }, is_json: {} }", "found `equals` and `is_json`"),
            ("command: { run: [] }", "an empty list"),
        ] {
            let error = read(yaml).expect_err(yaml);
            assert!(error.contains(want), "{yaml}: {error}");
        }
    }
}
