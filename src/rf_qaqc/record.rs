//! Read the structured fields of a record by JSON pointer, with an error that names the field.
//!
//! Fields are read only when a rule asks for them, so a record that lacks what no rule needs is still read.
//! Nothing here knows a limit, and no caller may ask for `notes`, `summary` or `notes_language`.

use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime};

use super::formulas::band_edges_mhz;
use crate::json::raw_at;

/// What kind of test a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TestType {
    LineSweep,
    Pim,
    Alignment,
    Fiber,
    DriveTest,
    RanKpi,
    Closeout,
}

/// One record: its text, for quotes, and its values.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    text: &'a str,
    root: Value,
    pub(crate) id: String,
    pub(crate) test_type: TestType,
}

impl<'a> Record<'a> {
    /// Parse the text of a record and read what every answer needs.
    pub(crate) fn read(text: &'a str) -> Result<Self, String> {
        let root: Value = serde_json::from_str(text).map_err(|e| format!("the record is not JSON: {e}"))?;
        let mut record = Self { text, root, id: String::new(), test_type: TestType::Closeout };
        record.id = record.text_at("/record_id")?.to_owned();
        record.test_type = match record.text_at("/test_type")? {
            "line_sweep" => TestType::LineSweep,
            "pim" => TestType::Pim,
            "antenna_alignment" => TestType::Alignment,
            "fiber" => TestType::Fiber,
            "drive_test" => TestType::DriveTest,
            "ran_kpi" => TestType::RanKpi,
            "closeout" => TestType::Closeout,
            other => return Err(format!("record field `/test_type`: unknown test type `{other}`")),
        };
        Ok(record)
    }

    fn value(&self, pointer: &str) -> Result<&Value, String> {
        self.root.pointer(pointer).ok_or_else(|| format!("record field `{pointer}` is missing"))
    }

    /// Whether the value is `null`; an absent one is an error.
    pub(crate) fn is_null(&self, pointer: &str) -> Result<bool, String> {
        Ok(self.value(pointer)?.is_null())
    }

    /// A number, or `None` for `null`.
    pub(crate) fn number(&self, pointer: &str) -> Result<Option<f64>, String> {
        self.read_as(pointer, "a number", Value::as_f64)
    }

    /// A number that must be there.
    pub(crate) fn number_at(&self, pointer: &str) -> Result<f64, String> {
        self.number(pointer)?.ok_or_else(|| wrong(pointer, "a number", "null"))
    }

    /// A text, or `None` for `null`.
    pub(crate) fn text(&self, pointer: &str) -> Result<Option<&str>, String> {
        self.read_as(pointer, "a text", Value::as_str)
    }

    /// A text that must be there.
    pub(crate) fn text_at(&self, pointer: &str) -> Result<&str, String> {
        self.text(pointer)?.ok_or_else(|| wrong(pointer, "a text", "null"))
    }

    /// `true` or `false`, or `None` for `null`.
    pub(crate) fn flag(&self, pointer: &str) -> Result<Option<bool>, String> {
        self.read_as(pointer, "true or false", Value::as_bool)
    }

    /// A UTC time, or `None` for `null`.
    pub(crate) fn time(&self, pointer: &str) -> Result<Option<OffsetDateTime>, String> {
        let Some(text) = self.text(pointer)? else { return Ok(None) };
        OffsetDateTime::parse(text, &Rfc3339)
            .map(Some)
            .map_err(|_| wrong(pointer, "a time such as 2026-03-10T13:42:00Z", text))
    }

    /// A UTC time that must be there.
    pub(crate) fn time_at(&self, pointer: &str) -> Result<OffsetDateTime, String> {
        self.time(pointer)?.ok_or_else(|| wrong(pointer, "a time", "null"))
    }

    /// A calendar date that must be there.
    pub(crate) fn date_at(&self, pointer: &str) -> Result<Date, String> {
        let text = self.text_at(pointer)?;
        // The ISO 8601 parser would also take week dates and times of day; RFC 3339 takes one form.
        OffsetDateTime::parse(&format!("{text}T00:00:00Z"), &Rfc3339)
            .map(OffsetDateTime::date)
            .map_err(|_| wrong(pointer, "a date such as 2026-09-30", text))
    }

    /// The band's edges (uplink low and high, downlink low and high), or `None` where the record has no band.
    pub(crate) fn band_edges(&self) -> Result<Option<[f64; 4]>, String> {
        let Some(band) = self.text("/band")? else { return Ok(None) };
        band_edges_mhz(band).map(Some).ok_or_else(|| wrong("/band", "a known band", band))
    }

    /// The pointers of all elements of a list or members of an object, in the record's order.
    pub(crate) fn children(&self, pointer: &str) -> Result<Vec<String>, String> {
        match self.value(pointer)? {
            Value::Array(items) => Ok((0..items.len()).map(|i| format!("{pointer}/{i}")).collect()),
            Value::Object(map) => Ok(map
                .keys()
                .map(|key| format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")))
                .collect()),
            other => Err(wrong(pointer, "a list or an object", &other.to_string())),
        }
    }

    /// The value as evidence quotes it: a text as it reads, anything else as it is written in the record.
    pub(crate) fn quote(&self, pointer: &str) -> Result<String, String> {
        match self.value(pointer)? {
            Value::String(text) => Ok(text.clone()),
            value => {
                Ok(raw_at(self.text, pointer).map_or_else(|| value.to_string(), crate::json::compact_spaced))
            }
        }
    }

    fn read_as<'s, T>(
        &'s self,
        pointer: &str,
        expected: &str,
        read: impl Fn(&'s Value) -> Option<T>,
    ) -> Result<Option<T>, String> {
        match self.value(pointer)? {
            Value::Null => Ok(None),
            value => read(value).map(Some).ok_or_else(|| wrong(pointer, expected, &value.to_string())),
        }
    }
}

fn wrong(pointer: &str, expected: &str, found: &str) -> String {
    let found: String = found.chars().take(60).collect();
    format!("record field `{pointer}`: expected {expected}, found `{found}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"record_id": "RF-1", "test_type": "pim", "band": "B2", "n": 2.0, "z": null,
        "t": "2026-03-10T13:42:00Z", "d": "2026-09-30", "l": [1, 2], "o": {"a/b": true}}"#;

    #[test]
    fn reads_values_and_quotes() {
        let r = Record::read(TEXT).unwrap();
        assert_eq!((r.id.as_str(), r.test_type), ("RF-1", TestType::Pim));
        assert_eq!(r.number("/n"), Ok(Some(2.0)));
        assert_eq!(r.number("/z"), Ok(None));
        assert_eq!(r.quote("/n").unwrap(), "2.0");
        assert_eq!(r.quote("/z").unwrap(), "null");
        assert_eq!(r.quote("/t").unwrap(), "2026-03-10T13:42:00Z");
        assert_eq!(r.children("/l").unwrap(), ["/l/0", "/l/1"]);
        assert_eq!(r.children("/o").unwrap(), ["/o/a~1b"]);
        assert_eq!(r.flag("/o/a~1b"), Ok(Some(true)));
        assert!(r.time_at("/t").unwrap().date() < r.date_at("/d").unwrap());
        assert!(r.band_edges().unwrap().is_some());
    }

    #[test]
    fn errors_name_the_field() {
        let r = Record::read(TEXT).unwrap();
        for (error, part) in [
            (r.number("/absent").unwrap_err(), "`/absent` is missing"),
            (r.number("/d").unwrap_err(), "expected a number"),
            (r.number_at("/z").unwrap_err(), "found `null`"),
            (r.time_at("/d").unwrap_err(), "expected a time"),
            (r.date_at("/t").unwrap_err(), "expected a date"),
            (r.children("/n").unwrap_err(), "`/n`"),
            (Record::read("[]").unwrap_err(), "`/record_id` is missing"),
            (Record::read("{").unwrap_err(), "not JSON"),
            (
                Record::read(r#"{"record_id": "x", "test_type": "soil"}"#).unwrap_err(),
                "unknown test type `soil`",
            ),
        ] {
            assert!(error.contains(part), "{error}");
        }
    }
}
