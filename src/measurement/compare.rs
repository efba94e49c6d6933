//! Two measurements of one suite against each other: a list of named changes.
//!
//! A change is a finding when it can hide a loss, and a note when it can only make the measurement stricter. Where a
//! change could be either, it is a finding.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::facts::{CaseFacts, CheckFacts, Facts, JudgeFacts};
use crate::config::settings::OnInconclusive;
use crate::config::suite::{JudgeSpec, Uncertified};
use crate::json::{canonical, sha256_hex};

/// Digits of a change's id.
const ID: usize = 12;

/// Characters of a value that is shown in the name of a change.
const SHORT: usize = 40;

/// The name of the change that a judge lost its certificate.
pub const JUDGE_LOST: &str = "judge: may not fail anything any more";

/// One change of the measurement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The change by name, e.g. `check equals /verdict: min 1 -> 0.5`.
    pub name: String,
    /// Identifies this very change: another value on either side has another id.
    pub id: String,
    /// What it can do to a verdict.
    pub effect: Effect,
}

/// What a change can do to a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It can hide a loss: a person has to accept it by name.
    CanHide,
    /// It can only make the measurement stricter.
    Stricter,
    /// Something is measured that was not measured before; all else is measured as before.
    Addition,
}

/// Every change from `base` to `now`, in the order in which a reader looks: cases, checks, metrics, judge, gate.
#[must_use]
pub fn between(base: &Facts, now: &Facts) -> Vec<Change> {
    let mut changes = Changes { suite: &now.suite, list: Vec::new() };
    changes.cases(&base.cases, &now.cases);
    changes.checks("", &base.checks, &now.checks);
    changes.metrics(base, now);
    changes.judge(base.judge.as_ref(), now.judge.as_ref());
    changes.gate(base, now);
    changes.list
}

/// The change that a suite no longer runs on a model.
#[must_use]
pub fn without_model(suite: &str, alias: &str) -> Change {
    let mut changes = Changes { suite, list: Vec::new() };
    changes.list_of("suite", "models", &[alias.to_owned()], &[]);
    changes.list.swap_remove(0)
}

/// The case that a change is about, among these ids.
#[must_use]
pub fn case_of<'a>(name: &str, ids: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let rest = name.strip_prefix("case ")?;
    ids.into_iter()
        .find(|id| rest.strip_prefix(id).is_some_and(|rest| rest.starts_with(": ") || rest.starts_with(", ")))
}

/// A change that concerns a suite as a whole, e.g. that it was deleted.
#[must_use]
pub fn of_suite(suite: &str, what: &str, effect: Effect, before: &Value) -> Change {
    let mut changes = Changes { suite, list: Vec::new() };
    changes.add(&format!("suite {suite}"), what, effect, (before, &Value::Null));
    changes.list.swap_remove(0)
}

struct Changes<'a> {
    suite: &'a str,
    list: Vec<Change>,
}

/// Which way a number gets stricter.
#[derive(Clone, Copy)]
enum Stricter {
    Up,
    Down,
}

impl Changes<'_> {
    /// A change of a whole item.
    fn add(&mut self, item: &str, what: &str, effect: Effect, sides: (&Value, &Value)) {
        self.push((item, ""), what, effect, sides);
    }

    /// A change of one key of an item. `sides` are what the id is made from, besides item and key.
    fn push(&mut self, (item, key): (&str, &str), what: &str, effect: Effect, sides: (&Value, &Value)) {
        let name = format!("{item}: {what}");
        let of =
            json!({ "suite": self.suite, "item": item, "key": key, "before": sides.0, "after": sides.1 });
        let id = sha256_hex(canonical(&of)).chars().take(ID).collect();
        self.list.push(Change { name, id, effect });
    }

    /// A value that became another one; which of them is stricter cannot be told.
    fn changed(&mut self, item: &str, key: &str, before: &Value, after: &Value) {
        if before != after {
            let what = format!("{key} {}", arrow(before, after));
            self.push((item, key), &what, Effect::CanHide, (before, after));
        }
    }

    /// A number that became another one.
    fn number(
        &mut self,
        item: &str,
        key: &str,
        stricter: Stricter,
        (before, after): (Option<f64>, Option<f64>),
    ) {
        if before == after {
            return;
        }
        // No bound at all is the weakest of all.
        let weakest = match stricter {
            Stricter::Up => f64::NEG_INFINITY,
            Stricter::Down => f64::INFINITY,
        };
        let (was, is) = (before.unwrap_or(weakest), after.unwrap_or(weakest));
        let is_stricter = match stricter {
            Stricter::Up => is > was,
            Stricter::Down => is < was,
        };
        let effect = if is_stricter { Effect::Stricter } else { Effect::CanHide };
        let (before, after) = (json!(before), json!(after));
        let what = format!("{key} {}", arrow(&before, &after));
        self.push((item, key), &what, effect, (&before, &after));
    }

    fn cases(&mut self, base: &BTreeMap<String, CaseFacts>, now: &BTreeMap<String, CaseFacts>) {
        for (id, before) in base {
            let item = format!("case {id}");
            let Some(after) = now.get(id) else {
                let whole = json!([before.input, before.expected]);
                self.add(&item, "removed", Effect::CanHide, (&whole, &Value::Null));
                continue;
            };
            if before.input != after.input {
                let sides = (&json!(before.input), &json!(after.input));
                self.push((&item, "input"), "input changed", Effect::CanHide, sides);
            }
            self.changed(&item, "expected", &before.expected, &after.expected);
            self.changed(&item, "cluster", &json!(before.cluster), &json!(after.cluster));
            self.changed(&item, "slices", &json!(before.slices), &json!(after.slices));
            self.flag(&item, "must_pass", before.must_pass, after.must_pass);
            self.checks(&format!("{item}, "), &before.checks, &after.checks);
        }
        let added: Vec<&String> = now.keys().filter(|id| !base.contains_key(*id)).collect();
        if let Some(first) = added.first() {
            let what = match added.len() {
                1 => format!("added {first}"),
                n => format!("{n} added, the first is {first}"),
            };
            self.add("cases", &what, Effect::Addition, (&Value::Null, &json!(added)));
        }
    }

    /// A demand that is switched on makes the measurement stricter.
    fn flag(&mut self, item: &str, key: &str, before: bool, after: bool) {
        let number = |on: bool| Some(f64::from(u8::from(on)));
        if before != after {
            let effect = if after { Effect::Stricter } else { Effect::CanHide };
            let what = format!("{key} {before} -> {after}");
            self.push((item, key), &what, effect, (&json!(number(before)), &json!(number(after))));
        }
    }

    fn checks(&mut self, place: &str, base: &[CheckFacts], now: &[CheckFacts]) {
        let pairs = paired(base, now);
        for (before, after) in &pairs {
            match (before, after) {
                (Some(before), Some(after)) => self.check(place, before, after),
                (Some(before), None) => {
                    let item = format!("{place}check {}", before.name);
                    self.add(&item, "removed", Effect::CanHide, (&json!(before.args), &Value::Null));
                }
                (None, Some(after)) => {
                    let item = format!("{place}check {}", after.name);
                    self.add(&item, "added", Effect::Stricter, (&Value::Null, &json!(after.args)));
                }
                (None, None) => {}
            }
        }
    }

    fn check(&mut self, place: &str, before: &CheckFacts, after: &CheckFacts) {
        let item = format!("{place}check {}", before.name);
        let score = |check: &CheckFacts, key: &str, default: f64| {
            Some(check.args.get(key).and_then(Value::as_f64).unwrap_or(default))
        };
        let set = |check: &CheckFacts, key: &str| check.args.get(key).is_some_and(|value| value == true);
        if set(before, "not") != set(after, "not") {
            let sides = (&json!(set(before, "not")), &json!(set(after, "not")));
            let what = if set(after, "not") { "negated" } else { "no longer negated" };
            self.push((&item, "not"), what, Effect::CanHide, sides);
        }
        self.number(&item, "min", Stricter::Up, (score(before, "min", 1.0), score(after, "min", 1.0)));
        self.changed(
            &item,
            "weight",
            &json!(score(before, "weight", 1.0)),
            &json!(score(after, "weight", 1.0)),
        );
        self.flag(&item, "must_pass", set(before, "must_pass"), set(after, "must_pass"));
        self.changed(&item, "metric", &json!(before.metric), &json!(after.metric));
        if before.kind != after.kind {
            self.changed(&item, "kind", &json!(before.kind), &json!(after.kind));
        }
        let settled = ["not", "min", "weight", "must_pass"];
        let mut keys: Vec<&String> = before.args.keys().chain(after.args.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys.into_iter().filter(|key| !settled.contains(&key.as_str())) {
            let value = |check: &CheckFacts| check.args.get(key).cloned().unwrap_or(Value::Null);
            let (was, is) = (value(before), value(after));
            if was != is && (key == "schema" || key == "run") {
                let what =
                    if key == "schema" { "schema content changed" } else { "program or arguments changed" };
                self.push((&item, key), what, Effect::CanHide, (&was, &is));
            } else {
                self.changed(&item, key, &was, &is);
            }
        }
    }

    fn metrics(&mut self, base: &Facts, now: &Facts) {
        for (name, before) in &base.metrics {
            let item = format!("metric {name}");
            let Some(after) = now.metrics.get(name) else {
                self.add(&item, "removed", Effect::CanHide, (&json!(before.check.args), &Value::Null));
                continue;
            };
            self.check(&format!("{item}, "), &before.check, &after.check);
            self.changed(&item, "where", &before.only, &after.only);
            let direction = (json!(before.lower_is_better), json!(after.lower_is_better));
            self.changed(&item, "lower_is_better", &direction.0, &direction.1);
        }
        for (name, after) in now.metrics.iter().filter(|(name, _)| !base.metrics.contains_key(*name)) {
            let sides = (&Value::Null, &json!(after.check.args));
            self.add(&format!("metric {name}"), "added", Effect::Addition, sides);
        }
        if base.code_sha256 != now.code_sha256 && base.code_sha256.is_some() {
            let sides = (&json!(base.code_sha256), &json!(now.code_sha256));
            self.add("registered checks", "code below evals/ changed", Effect::CanHide, sides);
        }
    }

    fn judge(&mut self, base: Option<&JudgeFacts>, now: Option<&JudgeFacts>) {
        let (before, after) = match (base, now) {
            (Some(before), Some(after)) => (before, after),
            (Some(before), None) => {
                return self.add("judge", "removed", Effect::CanHide, (&json!(before.prompt), &Value::Null));
            }
            (None, Some(after)) => {
                return self.add("judge", "added", Effect::Addition, (&Value::Null, &json!(after.prompt)));
            }
            (None, None) => return,
        };
        if before.prompt != after.prompt {
            let sides = (&json!(before.prompt), &json!(after.prompt));
            self.push(("judge", "prompt"), "prompt or a partial changed", Effect::CanHide, sides);
        }
        self.changed("judge", "model", &before.model, &after.model);
        let (was, is) = (&before.spec, &after.spec);
        self.number("judge", "pass_at", Stricter::Up, (Some(was.pass_at), Some(is.pass_at)));
        self.number(
            "judge",
            "samples",
            Stricter::Up,
            (Some(f64::from(was.samples)), Some(f64::from(is.samples))),
        );
        self.flag("judge", "blocking", was.blocking, is.blocking);
        let strict = |spec: &JudgeSpec| spec.uncertified == Uncertified::Inconclusive;
        self.flag("judge", "uncertified: inconclusive", strict(was), strict(is));
        if before.labels != after.labels {
            let sides = (&json!(before.labels), &json!(after.labels));
            self.push(("judge", "labels"), "labels changed", Effect::CanHide, sides);
        }
        if before.may_fail && !after.may_fail {
            let sides = (&json!(true), &json!(false));
            let what = JUDGE_LOST.trim_start_matches("judge: ");
            self.push(("judge", "certificate"), what, Effect::CanHide, sides);
        }
    }

    fn gate(&mut self, base: &Facts, now: &Facts) {
        let (was, is) = (&base.gate, &now.gate);
        self.changed("gate", "primary", &json!(was.primary), &json!(is.primary));
        self.list_of("gate", "also", &was.also, &is.also);
        self.list_of("gate", "slices", &was.slices, &is.slices);
        for (key, stricter, before, after) in [
            ("alpha", Stricter::Up, was.alpha, is.alpha),
            ("margin", Stricter::Down, was.margin, is.margin),
            ("max_missing", Stricter::Down, was.max_missing, is.max_missing),
            (
                "baseline_samples",
                Stricter::Up,
                f64::from(was.baseline_samples),
                f64::from(is.baseline_samples),
            ),
        ] {
            self.number("gate", key, stricter, (Some(before), Some(after)));
        }
        if base.on_inconclusive != now.on_inconclusive {
            let fails = |fact: &Facts| fact.on_inconclusive == OnInconclusive::Fail;
            self.flag("settings", "on_inconclusive: fail", fails(base), fails(now));
        }
        let limits = (&base.limits, &now.limits);
        for (key, before, after) in [
            ("cost_usd_per_case", limits.0.cost_usd_per_case, limits.1.cost_usd_per_case),
            ("latency_p95_ms", limits.0.latency_p95_ms, limits.1.latency_p95_ms),
        ] {
            self.number("limits", key, Stricter::Down, (before, after));
        }
        self.changed("suite", "task", &json!(base.task), &json!(now.task));
        self.list_of("suite", "models", &base.models, &now.models);
        let keys: BTreeSet<_> = base.task_rules.keys().chain(now.task_rules.keys()).collect();
        for key in keys {
            let sides = (base.task_rules.get(key), now.task_rules.get(key));
            let (what, effect) = match sides {
                (before, after) if before == after => continue,
                (None, _) => ("added", Effect::Stricter),
                (Some(_), Some(_)) => ("changed", Effect::CanHide),
                (Some(_), None) => ("removed", Effect::CanHide),
            };
            self.add(&format!("task {key}"), what, effect, (&json!(sides.0), &json!(sides.1)));
        }
    }

    /// A list in which an entry less measures less, and an entry more measures more.
    fn list_of(&mut self, item: &str, key: &str, before: &[String], after: &[String]) {
        for gone in before.iter().filter(|name| !after.contains(name)) {
            let sides = (&json!(gone), &Value::Null);
            self.push((item, key), &format!("{key} without {gone}"), Effect::CanHide, sides);
        }
        for new in after.iter().filter(|name| !before.contains(name)) {
            let sides = (&Value::Null, &json!(new));
            self.push((item, key), &format!("{key} with {new}"), Effect::Addition, sides);
        }
    }
}

/// A check of each side, one of which may be absent.
type Pair<'a> = (Option<&'a CheckFacts>, Option<&'a CheckFacts>);

/// Checks of both sides that are the same one: by the metric they publish, then by name, then by kind in order.
fn paired<'a>(base: &'a [CheckFacts], now: &'a [CheckFacts]) -> Vec<Pair<'a>> {
    let mut left: Vec<Option<&CheckFacts>> = now.iter().map(Some).collect();
    let mut partners: Vec<Option<&CheckFacts>> = vec![None; base.len()];
    let rules: [fn(&CheckFacts, &CheckFacts) -> bool; 5] = [
        |a, b| a.args == b.args && a.kind == b.kind && a.metric == b.metric,
        |a, b| a.metric.is_some() && a.metric == b.metric,
        |a, b| a.name == b.name && a.args.get("not") == b.args.get("not"),
        |a, b| a.name == b.name,
        |a, b| a.kind == b.kind,
    ];
    for is_same in rules {
        for (before, partner) in base.iter().zip(&mut partners).filter(|(_, partner)| partner.is_none()) {
            let found = left.iter_mut().find(|other| other.is_some_and(|other| is_same(before, other)));
            *partner = found.and_then(Option::take);
        }
    }
    let pairs = base.iter().zip(partners).map(|(before, after)| (Some(before), after));
    pairs.chain(left.into_iter().flatten().map(|after| (None, Some(after)))).collect()
}

/// `0.5 -> 0.3`, or `changed` where the values are long.
fn arrow(before: &Value, after: &Value) -> String {
    let shown = |value: &Value| match value {
        Value::Null => "none".to_owned(),
        Value::String(text) if !text.is_empty() => text.clone(),
        other => other.to_string(),
    };
    let (before, after) = (shown(before), shown(after));
    if before.chars().count().max(after.chars().count()) > SHORT {
        return "changed".to_owned();
    }
    format!("{before} -> {after}")
}

#[cfg(test)]
mod tests;
