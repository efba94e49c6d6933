//! From a kind's name to the code that decides it, prepared once per suite.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;

use super::alike::Normalized;
use super::command::Program;
use super::text::{Letters, Need};
use super::{CustomCheck, CustomChecks, Embedder, Finding, Parts, Stop, Subject};
use super::{json, likeness, measured, quotes, refusal, sets, similar, target, text, value};
use crate::config::check::{CheckArgs, CheckSpec, Rouge};
use crate::config::{Problem, did_you_mean};
use crate::json::rounded;
use crate::llm::FinishReason;

/// What is wrong with a spec; its place is the caller's to say.
#[derive(Debug)]
pub(in crate::eval) struct Flaw {
    message: String,
    hint: Option<String>,
}

impl From<String> for Flaw {
    fn from(message: String) -> Self {
        Self { message, hint: None }
    }
}

impl Flaw {
    /// The problem of the check at `key` in `file`.
    pub(in crate::eval) fn at(self, file: &str, key: String) -> Problem {
        let mut problem = Problem::of_file(file, self.message);
        problem.key = key;
        problem.hint = self.hint;
        problem
    }
}

/// A kind with what it needs prepared.
pub(super) enum Rule {
    Equals,
    Contains(Need, Letters),
    StartsWith,
    EndsWith,
    Levenshtein,
    Rouge(Rouge),
    Bleu,
    Similar(Box<Embedder>),
    Refusal,
    Regex(regex::Regex),
    IsJson,
    JsonSchema(Box<jsonschema::Validator>),
    OneOf,
    Range,
    WordCount,
    SetF1,
    QuotesVerbatim,
    Latency,
    Cost,
    Tokens,
    FinishReason(Vec<FinishReason>),
    Command(Program),
    Custom(CustomCheck),
}

/// What would hold of every answer, or of none.
fn senseless(spec: &CheckSpec) -> Result<(), String> {
    let args = &spec.args;
    if args.values.as_ref().is_some_and(Vec::is_empty) {
        return Err("`values`: expected at least one, found an empty list".to_owned());
    }
    let is_text = ["contains", "icontains", "starts_with", "ends_with"].contains(&spec.kind);
    match args.value.as_ref().filter(|_| is_text) {
        Some(Value::String(text)) if text.is_empty() => {
            return Err("`value`: every answer has the empty text".to_owned());
        }
        _ => {}
    }
    let likeness = ["levenshtein", "rouge", "bleu", "similar"].contains(&spec.kind);
    if let Some(Value::Array(_) | Value::Object(_)) = args.value.as_ref().filter(|_| is_text || likeness) {
        return Err("`value`: expected text".to_owned());
    }
    let counts = ["latency", "cost", "tokens", "word_count"].contains(&spec.kind);
    if counts && args.max_value.is_some_and(|most| most < 0.0) {
        return Err("`max_value`: no answer has less than 0".to_owned());
    }
    Ok(())
}

impl Rule {
    /// Prepare a kind. Which arguments belong to it was checked when the spec was read.
    pub(super) fn prepare(spec: &CheckSpec, parts: Parts<'_>) -> Result<Self, Flaw> {
        let Parts { root, files, custom, models } = parts;
        let args = &spec.args;
        for (name, bound) in [("min_value", args.min_value), ("max_value", args.max_value)] {
            if bound.is_some_and(|bound| !bound.is_finite()) {
                return Err(format!("`{name}`: expected a number").into());
            }
        }
        senseless(spec)?;
        Ok(match spec.kind {
            "equals" => Self::Equals,
            "contains" | "contains_all" => Self::Contains(Need::All, Letters::Exact),
            "contains_any" => Self::Contains(Need::Any, Letters::Exact),
            "icontains" | "icontains_all" => Self::Contains(Need::All, Letters::Ignored),
            "icontains_any" => Self::Contains(Need::Any, Letters::Ignored),
            "starts_with" => Self::StartsWith,
            "ends_with" => Self::EndsWith,
            "levenshtein" => Self::Levenshtein,
            "rouge" => Self::Rouge(args.variant.ok_or_else(|| "`rouge` needs `variant`".to_owned())?),
            "bleu" => Self::Bleu,
            "similar" => {
                let alias = args.model.as_deref().unwrap_or_default();
                Self::Similar(Box::new(models(alias).map_err(|(message, hint)| Flaw { message, hint })?))
            }
            "refusal" => Self::Refusal,
            "regex" => {
                let pattern = args.pattern.as_deref().unwrap_or_default();
                let regex = regex::Regex::new(pattern)
                    .map_err(|error| format!("`pattern` is no regular expression: {error}"))?;
                Self::Regex(regex)
            }
            "is_json" => Self::IsJson,
            "json_schema" => {
                let schema = args.schema.as_deref().unwrap_or_default();
                Self::JsonSchema(Box::new(json::load_schema(files, schema)?))
            }
            "one_of" => Self::OneOf,
            "range" | "word_count" => {
                if let (Some(min), Some(max)) = (args.min_value, args.max_value)
                    && min > max
                {
                    return Err(format!("no number is at least {min} and at most {max}").into());
                }
                if spec.kind == "range" { Self::Range } else { Self::WordCount }
            }
            "set_f1" => Self::SetF1,
            "quotes_verbatim" => Self::QuotesVerbatim,
            "latency" => Self::Latency,
            "cost" => Self::Cost,
            "tokens" => Self::Tokens,
            "finish_reason" => Self::FinishReason(finish_reasons(args)?),
            "command" => Self::Command(Program::prepare(root, args)?),
            "custom" => {
                let name = args.name.as_deref().unwrap_or_default();
                Self::Custom(registered(custom, name)?)
            }
            other => return Err(format!("checks of kind `{other}` are not in this build").into()),
        })
    }

    /// Look at one answer.
    pub(super) async fn apply(
        &self,
        args: &CheckArgs,
        subject: &Subject<'_>,
        recorded_only: bool,
    ) -> Result<Finding, Stop> {
        if args.normalize {
            let Normalized { args, case, answer, json } = Normalized::of(args, subject);
            let subject = Subject { case: &case, answer: &answer, json: json.as_ref() };
            return self.compare(&args, &subject, recorded_only).await;
        }
        self.compare(args, subject, recorded_only).await
    }

    async fn compare(
        &self,
        args: &CheckArgs,
        subject: &Subject<'_>,
        recorded_only: bool,
    ) -> Result<Finding, Stop> {
        match self {
            Self::Equals => value::equals(args, subject),
            Self::Contains(need, letters) => text::contains(args, subject, *need, *letters),
            Self::StartsWith => text::starts_with(args, subject),
            Self::EndsWith => text::ends_with(args, subject),
            Self::Levenshtein => likeness::levenshtein(args, subject),
            Self::Rouge(variant) => likeness::rouge(*variant, args, subject),
            Self::Bleu => likeness::bleu(args, subject),
            Self::Similar(embedder) => similar::similar(embedder, args, subject, recorded_only).await,
            Self::Refusal => Ok(refusal::refuses(subject.answer)),
            Self::Regex(regex) => text::matches(regex, args, subject),
            Self::IsJson => json::is_json(args, subject),
            Self::JsonSchema(validator) => json::obeys(validator, args, subject),
            Self::OneOf => value::one_of(args, subject),
            Self::Range => value::range(args, subject),
            Self::WordCount => text::word_count(args, subject),
            Self::SetF1 => sets::set_f1(args, subject),
            Self::QuotesVerbatim => quotes::verbatim(args, subject),
            Self::Latency => measured::latency(args, subject.answer),
            Self::Cost => measured::cost(args, subject.answer),
            Self::Tokens => measured::tokens(args, subject.answer),
            Self::FinishReason(wanted) => Ok(measured::finish_reason(wanted, subject.answer)),
            Self::Command(program) => program.run(subject).await.map_err(Stop::CouldNotRun),
            Self::Custom(closure) => call(closure, args, subject),
        }
    }
}

/// The reasons of a `finish_reason`.
fn finish_reasons(args: &CheckArgs) -> Result<Vec<FinishReason>, Flaw> {
    let wanted = args.values.iter().flatten().chain(&args.value);
    let reasons: Vec<FinishReason> = wanted
        .map(|value| {
            FinishReason::ALL.into_iter().find(|reason| Some(reason.name()) == value.as_str()).ok_or_else(
                || {
                    let names = FinishReason::ALL.map(FinishReason::name);
                    let message =
                        format!("no model stops for `{value}`, expected one of: {}", names.join(", "));
                    Flaw { message, hint: did_you_mean(value.as_str().unwrap_or_default(), names) }
                },
            )
        })
        .collect::<Result<_, _>>()?;
    if reasons.is_empty() {
        return Err("`values`: expected a reason, found an empty list".to_owned().into());
    }
    Ok(reasons)
}

fn registered(custom: &CustomChecks, name: &str) -> Result<CustomCheck, Flaw> {
    if let Some(closure) = custom.get(name) {
        return Ok(closure.clone());
    }
    let names: Vec<&str> = custom.keys().map(String::as_str).collect();
    let message = if names.is_empty() {
        format!("no closure is registered as `{name}`: `evals/main.rs` registers none")
    } else {
        format!("no closure is registered as `{name}`, expected one of: {}", names.join(", "))
    };
    Err(Flaw { message, hint: did_you_mean(name, names) })
}

/// Call a closure; one that panics is a check that could not run, not the end of the run.
fn call(closure: &CustomCheck, args: &CheckArgs, subject: &Subject<'_>) -> Result<Finding, Stop> {
    let part;
    let mut narrowed = *subject;
    if let Some(path) = args.path.as_deref() {
        let found = target::values(subject, path)?;
        narrowed.json = if target::has_star(path) {
            part = Value::Array(found.into_iter().cloned().collect());
            Some(&part)
        } else {
            found.first().copied()
        };
    }
    // Closures know numbers as numbers.
    let whole = narrowed.json.map(rounded);
    narrowed.json = whole.as_deref();
    catch_unwind(AssertUnwindSafe(|| closure(&narrowed)))
        .unwrap_or_else(|_| Err("the closure panicked".to_owned()))
        .map_err(Stop::CouldNotRun)
}
