//! One case while it is being built: the record, the truth about it, and the line in the file.
//!
//! The truth is stated by the author of the case; `finish` checks it and adds what is computed (the arithmetic of
//! the rationale, the `rule_trap` tag). It never repairs a label.

use llm_experiments::json::{compact_spaced, raw_at};
use llm_experiments::rf_qaqc::codes::Verdict;
use llm_experiments::rf_qaqc::labels;
use serde_json::{Value, json};

use super::arithmetic::arithmetic;

/// The three verdicts, short.
pub(crate) const PASS: Verdict = Verdict::Pass;
pub(crate) const FAIL: Verdict = Verdict::Fail;
pub(crate) const REVIEW: Verdict = Verdict::NeedsReview;

/// How grave and how sure an issue is.
#[derive(Clone, Copy)]
pub(crate) enum Grade {
    /// Critical and confirmed.
    Critical,
    /// Major and confirmed.
    Major,
    /// Major and suspected: the review band, or a doubt.
    Suspected,
    /// Minor and confirmed.
    Minor,
}

/// A case under construction.
pub(crate) struct Case {
    id: String,
    pub(crate) record: Value,
    verdict: Verdict,
    issues: Vec<Value>,
    extra: Vec<String>,
    summary: String,
    difficulty: &'static str,
    tags: Vec<&'static str>,
    cluster: Option<&'static str>,
    why: String,
}

impl Case {
    /// A case around a record; its truth follows.
    pub(crate) fn new(id: &str, record: Value) -> Self {
        Self {
            id: id.to_owned(),
            record,
            verdict: PASS,
            issues: Vec::new(),
            extra: Vec::new(),
            summary: String::new(),
            difficulty: "easy",
            tags: Vec::new(),
            cluster: None,
            why: String::new(),
        }
    }

    /// The id, `RF-G-` or `RF-C-` with three digits.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Replaces the value at a pointer that exists.
    pub(crate) fn set(mut self, pointer: &str, value: impl Into<Value>) -> Self {
        let slot = self.record.pointer_mut(pointer);
        *slot.unwrap_or_else(|| panic!("{}: no field {pointer}", self.id)) = value.into();
        self
    }

    /// A measured field.
    pub(crate) fn m(self, field: &str, value: impl Into<Value>) -> Self {
        self.set(&format!("/measurements/{field}"), value)
    }

    /// A design field.
    pub(crate) fn d(self, field: &str, value: impl Into<Value>) -> Self {
        self.set(&format!("/design/{field}"), value)
    }

    /// Day and clock times (UTC) of the job; attachments and field calibration move along.
    pub(crate) fn times(mut self, day: &str, start: &str, performed: &str, submitted: &str) -> Self {
        let at = |clock: &str| json!(format!("{day}T{clock}:00Z"));
        self.record["job"]["started_at"] = at(start);
        self.record["job"]["performed_at"] = at(performed);
        self.record["job"]["submitted_at"] = at(submitted);
        if self.record["instrument"]["field_cal"].is_object() {
            self.record["instrument"]["field_cal"]["at"] = at(&half_hour_before(performed));
        }
        for attachment in self.record["attachments"].as_array_mut().into_iter().flatten() {
            attachment["taken_at"] = at(performed);
        }
        self
    }

    /// Language and text of the technician.
    pub(crate) fn notes(mut self, language: &str, text: &str) -> Self {
        self.record["notes_language"] = json!(language);
        self.record["notes"] = json!(text);
        self
    }

    /// Adds a file with its upstream summary; `clock` on the day of the test.
    pub(crate) fn attach(mut self, kind: &str, name: &str, clock: &str, summary: &str) -> Self {
        let day = self.record["job"]["performed_at"].as_str().unwrap_or_default()[..10].to_owned();
        let file = json!({"kind": kind, "name": name, "taken_at": format!("{day}T{clock}:00Z"),
            "lat": null, "lon": null, "summary": summary});
        if let Some(files) = self.record["attachments"].as_array_mut() {
            files.push(file);
        }
        self
    }

    /// The truth and its one-line summary.
    pub(crate) fn truth(mut self, verdict: Verdict, summary: &str) -> Self {
        self.verdict = verdict;
        summary.clone_into(&mut self.summary);
        self
    }

    /// An issue. Evidence is `(pointer, quote)`; an empty quote stands for the whole token.
    pub(crate) fn issue(mut self, code: &str, grade: Grade, action: &str, evidence: &[(&str, &str)]) -> Self {
        let (severity, certainty) = match grade {
            Grade::Critical => ("critical", "confirmed"),
            Grade::Major => ("major", "confirmed"),
            Grade::Suspected => ("major", "suspected"),
            Grade::Minor => ("minor", "confirmed"),
        };
        let text = self.record.to_string();
        let evidence: Vec<_> = evidence
            .iter()
            .map(|&(source, quote)| {
                let quote = if quote.is_empty() { token(&text, source) } else { quote.to_owned() };
                json!({"source": source, "quote": quote})
            })
            .collect();
        self.issues.push(json!({"code": code, "severity": severity, "certainty": certainty,
            "evidence": evidence, "action": action}));
        self
    }

    /// Takes back an issue that a mutation stated and a later test cleared; its code may still be named.
    pub(crate) fn withdraw(mut self, code: &str) -> Self {
        self.issues.retain(|issue| issue["code"] != code);
        self.why("That is what the stale field says; it does not stand.").extra(&[code])
    }

    /// Moves the issue of the root cause to the front (T11).
    pub(crate) fn root(mut self, code: &str) -> Self {
        self.issues.sort_by_key(|issue| issue["code"] != code);
        self
    }

    /// Codes that a careful expert might add.
    pub(crate) fn extra(mut self, codes: &[&str]) -> Self {
        self.extra.extend(codes.iter().map(|&code| code.to_owned()));
        self
    }

    /// Difficulty and tags.
    pub(crate) fn slices(mut self, difficulty: &'static str, tags: &[&'static str]) -> Self {
        self.difficulty = difficulty;
        self.tags = tags.to_vec();
        self
    }

    /// The story shared with a case of opposite truth.
    pub(crate) fn cluster(mut self, story: &'static str) -> Self {
        self.cluster = Some(story);
        self
    }

    /// The reasons, with rule or tie-break numbers.
    pub(crate) fn why(mut self, text: &str) -> Self {
        if !self.why.is_empty() {
            self.why.push(' ');
        }
        self.why.push_str(text);
        self
    }

    /// Whether a field holds a slip of unit or sign that the record settles (T6).
    fn settled_slip(&self) -> bool {
        self.issues.iter().any(|issue| issue["code"] == "DQ_UNITS" && issue["severity"] == "minor")
    }

    /// The line of the file and every problem found in the case.
    pub(crate) fn finish(mut self) -> (String, Vec<String>) {
        let baseline = labels::baseline_verdict(&self.record);
        self.tags.retain(|tag| *tag != "rule_trap");
        if baseline != self.verdict {
            self.tags.push("rule_trap");
        }
        let canary = self.id.starts_with("RF-C");
        let mut metadata = json!({
            "rationale": format!("{} Arithmetic: {}", self.why, arithmetic(&self.record, self.settled_slip())),
            "split": if canary { "canary" } else { "gold" },
        });
        if canary {
            metadata["qualified_on"] = json!([]);
        }
        let expected = json!({"verdict": self.verdict, "issues": self.issues,
            "acceptable_extra_codes": self.extra, "summary": self.summary});
        let text = compact_spaced(&self.record.to_string());
        let problems = labels::check_labels(&text, &expected);
        let problems = problems.into_iter().map(|problem| format!("{}: {problem}", self.id)).collect();
        let mut line = json!({"id": self.id, "input": self.record, "expected": expected, "slices":
            {"test_type": self.record["test_type"], "difficulty": self.difficulty, "tags": self.tags}});
        if let Some(cluster) = self.cluster {
            line["cluster"] = json!(cluster);
        }
        line["metadata"] = metadata;
        (compact_spaced(&line.to_string()), problems)
    }
}

fn token(text: &str, pointer: &str) -> String {
    let raw = raw_at(text, pointer).unwrap_or_else(|| panic!("no field {pointer} to quote"));
    serde_json::from_str::<String>(raw).unwrap_or_else(|_| compact_spaced(raw))
}

fn half_hour_before(clock: &str) -> String {
    let minutes = clock[..2].parse::<i32>().unwrap_or(12) * 60 + clock[3..5].parse::<i32>().unwrap_or(0) - 30;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}
