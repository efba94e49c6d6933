//! Metrics as people write them under `metrics:` and tables under `report:`. They inform and gate; they never
//! fail a single case.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::check::{CheckArgs, CheckSpec, KINDS};

/// A metric that never fails a case: a check written as a mapping, and a filter on the case's `expected`.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricSpec {
    /// The check whose score is the metric.
    pub check: CheckSpec,
    /// Only cases for which all of these hold count.
    pub only: Vec<Condition>,
    /// A small value is good: the gate compares `1 - x`.
    pub lower_is_better: bool,
}

impl MetricSpec {
    /// See [`CheckSpec::canonical`].
    #[must_use]
    pub fn canonical(&self) -> Value {
        serde_json::json!({ "check": self.check.canonical(), "where": self.only, "lower_is_better": self.lower_is_better })
    }
}

/// The condition under `where`, on the label or on a slice of the case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// JSON pointer into `expected`; exactly one of `path` and `slice`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Name of a slice; the condition holds when one of the case's values of it is `value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<String>,
    /// What it must equal.
    pub value: Value,
    /// Turn the condition around.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not: bool,
}

impl Condition {
    /// What the shape alone does not say.
    fn check(&self) -> Result<(), &'static str> {
        if self.path.is_some() == self.slice.is_some() {
            return Err("`where` needs exactly one of: path, slice");
        }
        if self.slice.is_some() && !self.value.is_string() {
            return Err("`where` on a slice needs text as `value`");
        }
        Ok(())
    }
}

/// One condition or a list of them.
struct Conditions(Vec<Condition>);

impl<'de> Deserialize<'de> for Conditions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ConditionsVisitor;
        impl<'de> Visitor<'de> for ConditionsVisitor {
            type Value = Conditions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a condition such as `{ path: /verdict, value: pass }`, or a list of them")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Conditions, A::Error> {
                Condition::deserialize(MapAccessDeserializer::new(map)).map(|one| Conditions(vec![one]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Conditions, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(Conditions)
            }
        }
        deserializer.deserialize_any(ConditionsVisitor)
    }
}

impl<'de> Deserialize<'de> for MetricSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MetricVisitor;
        impl<'de> Visitor<'de> for MetricVisitor {
            type Value = MetricSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a metric such as `{ equals: {...}, where: {...}, lower_is_better: true }`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<MetricSpec, A::Error> {
                let (mut check, mut only, mut lower_is_better) = (None, Vec::new(), false);
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "where" => {
                            only = map.next_value::<Conditions>()?.0;
                            only.iter().try_for_each(Condition::check).map_err(de::Error::custom)?;
                        }
                        "lower_is_better" => lower_is_better = map.next_value()?,
                        kind => {
                            let args = map.next_value::<CheckArgs>()?;
                            let spec = CheckSpec::new(kind, args).map_err(de::Error::custom)?;
                            if let Some(first) = check.replace(spec) {
                                return Err(de::Error::custom(format!(
                                    "expected one check per metric, found `{}` and `{kind}`",
                                    first.kind
                                )));
                            }
                        }
                    }
                }
                let check =
                    check.ok_or_else(|| de::Error::custom("a metric needs a check, e.g. `equals: {...}`"))?;
                Ok(MetricSpec { check, only, lower_is_better })
            }
        }
        deserializer.deserialize_map(MetricVisitor)
    }
}

impl JsonSchema for MetricSpec {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "MetricSpec".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut properties = serde_json::Map::new();
        for rule in KINDS {
            properties.insert(rule.name.to_owned(), CheckArgs::json_schema(generator).to_value());
        }
        let condition = Condition::json_schema(generator).to_value();
        let all = serde_json::json!({ "type": "array", "items": condition });
        properties.insert("where".to_owned(), serde_json::json!({ "oneOf": [condition, all] }));
        properties.insert("lower_is_better".to_owned(), serde_json::json!({ "type": "boolean" }));
        json_schema!({ "type": "object", "properties": properties, "additionalProperties": false })
    }
}

/// What the reports of a suite show besides metrics, and in which order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReportSpec {
    /// Metrics to show first, in this order.
    pub order: Vec<String>,
    /// A table of expected against answered labels.
    pub confusion: Option<ConfusionSpec>,
    /// Precision, recall and F1 of a set of labels, pooled and per label.
    pub sets: Option<SetsSpec>,
}

/// Which label is tabled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfusionSpec {
    /// JSON pointer into the answer.
    pub path: String,
    /// JSON pointer into `expected`.
    pub expected: String,
}

/// Which sets of labels are scored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetsSpec {
    /// JSON pointer into the answer, with `*`.
    pub path: String,
    /// JSON pointer into `expected`, with `*`.
    pub expected: String,
    /// JSON pointer into `expected`: labels that neither help nor harm.
    pub extra_ok: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics() {
        let m: MetricSpec = serde_yaml::from_str(
            "{ equals: { path: /verdict, value: pass }, where: { path: /verdict, value: pass, not: true }, \
             lower_is_better: true }",
        )
        .unwrap();
        assert!(m.lower_is_better && m.only[0].not);
        let slice: MetricSpec =
            serde_yaml::from_str("{ is_json: {}, where: { slice: tags, value: safety } }").unwrap();
        assert_eq!(slice.only[0].slice.as_deref(), Some("tags"));
        let both: MetricSpec = serde_yaml::from_str(
            "{ is_json: {}, where: [{ slice: tags, value: safety }, { path: /v, value: pass, not: true }] }",
        )
        .unwrap();
        assert_eq!(both.only.len(), 2);
        for bad in [
            "{ lower_is_better: true }",
            "{ is_json: {}, where: { value: x } }",
            "{ is_json: {}, where: { path: /a, slice: tags, value: x } }",
            "{ is_json: {}, where: { slice: tags, value: 1 } }",
        ] {
            assert!(serde_yaml::from_str::<MetricSpec>(bad).is_err(), "{bad}");
        }
    }
}
