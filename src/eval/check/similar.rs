//! `similar`: how near the embeddings of two texts are, as the model named by `model` makes them.
//!
//! The score is the cosine `a.b / (|a| |b|)` of the two vectors (G. Salton et al., *A vector space model for automatic
//! indexing*, 1975); what points apart (below 0) scores 0. What a cosine means is the model's: choose `min` from
//! answers that people called right and wrong. The embedded embedder knows words and no meaning.
//!
//! Embeddings are asked for like answers: through the same layers, so they are recorded and never paid twice. One that
//! cannot be had is a check that could not run. Nothing is asked about texts that are equal but for white space around
//! them, nor about a text without a character, which is like nothing else.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::target::{references, texts};
use super::{Finding, Stop, Subject};
use crate::config::check::CheckArgs;
use crate::config::models::ModelSpec;
use crate::dataset::Case;
use crate::llm::{Answer, Call, Client, Draw, Error, Message, Operation, Request, Role, Stream};

/// The parameter whose entries go into a request as they are: the only one with a place in a request for a vector.
const EXTRA: &str = "extra";

/// A model that embeds texts, ready to be asked.
#[derive(Clone)]
pub struct Embedder {
    /// The model, behind the provider stack.
    pub client: Client,
    /// Its configuration.
    pub model: ModelSpec,
}

/// An embedding that scoring will ask for.
pub struct Embedding<'a> {
    /// Who makes it.
    pub embedder: &'a Embedder,
    /// The request; none where the text is not known yet.
    pub request: Option<Request>,
    /// Of an answer that is not known yet there may be several texts: the path has a `*`.
    pub many: bool,
}

impl Embedder {
    /// Its alias.
    #[must_use]
    pub fn alias(&self) -> &str {
        &self.client.card().alias
    }

    /// The request for the vector of a text.
    #[must_use]
    pub fn request(&self, text: &str) -> Request {
        let card = self.client.card();
        Request {
            provider: card.provider,
            model_id: card.model_id.clone(),
            revision: self.model.revision.clone(),
            system: None,
            messages: vec![Message { role: Role::User, content: text.to_owned() }],
            params: self
                .model
                .params
                .iter()
                .filter(|(name, _)| *name == EXTRA)
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            schema: None,
            operation: Operation::Embeddings,
        }
    }

    /// The vector of a text.
    async fn vector(&self, text: &str, recorded_only: bool) -> Result<Vec<f64>, Stop> {
        let request = self.request(text);
        let draw = Draw { key: request.key(), stream: Stream::Main, index: 0 };
        let call = Call { request: &request, draw: &draw, prompt: None, recorded_only };
        let answered = self.client.ask(call).await.map_err(|error| Stop::CouldNotRun(why(&error)))?;
        serde_json::from_str(&answered.answer.text).map_err(|error| {
            Stop::CouldNotRun(format!("`{}` made no list of numbers: {error}", self.alias()))
        })
    }
}

/// Why there is no vector, and what helps.
fn why(error: &Error) -> String {
    match error {
        Error::NotRecorded(_) => format!("no embedding: {error}; record it: `--mode record`"),
        other => format!("no embedding: {other}"),
    }
}

/// `similar`. With a `path` that names several values, or a label that is a list, the nearest pair counts.
pub(super) async fn similar(
    embedder: &Embedder,
    args: &CheckArgs,
    subject: &Subject<'_>,
    recorded_only: bool,
) -> Result<Finding, Stop> {
    let wanted = references(args, subject.case)?;
    let found = texts(subject, args.path.as_deref())?;
    // One request per text, whatever it is compared with.
    let asked = |texts: &[Cow<'_, str>], others: &[Cow<'_, str>]| -> Vec<String> {
        let asks = |text: &&Cow<'_, str>| others.iter().any(|other| without_asking(text, other).is_none());
        let texts: BTreeSet<&str> = texts.iter().filter(asks).map(AsRef::as_ref).collect();
        texts.into_iter().map(str::to_owned).collect()
    };
    let all: BTreeSet<String> = asked(&wanted, &found).into_iter().chain(asked(&found, &wanted)).collect();
    let made = futures_util::future::join_all(all.iter().map(|text| embedder.vector(text, recorded_only)));
    let made: Vec<Vec<f64>> = made.await.into_iter().collect::<Result<_, _>>()?;
    let vectors: BTreeMap<&str, Vec<f64>> = all.iter().map(String::as_str).zip(made).collect();
    let mut score: f64 = 0.0;
    for (found, wanted) in found.iter().flat_map(|found| wanted.iter().map(move |wanted| (found, wanted))) {
        let pair = vectors.get(found.as_ref()).zip(vectors.get(wanted.as_ref()));
        let near = match (without_asking(found, wanted), pair) {
            (Some(score), _) => score,
            (None, Some((a, b))) => cosine(a, b).map_err(Stop::CouldNotRun)?,
            (None, None) => 0.0,
        };
        score = score.max(near);
    }
    if score >= 1.0 {
        return Ok(Finding::pass());
    }
    let card = embedder.client.card();
    // Nobody must take the numbers of rules for those of a language model.
    let says = if card.embedded { format!(" ({})", card.declares) } else { String::new() };
    Ok(Finding::scored(score, format!("similarity {score:.3} by `{}`{says}", card.alias)))
}

/// The score that needs no vector: of equal texts, and of a text that is empty.
fn without_asking(found: &str, wanted: &str) -> Option<f64> {
    let (found, wanted) = (found.trim(), wanted.trim());
    match (found == wanted, found.is_empty() || wanted.is_empty()) {
        (true, _) => Some(1.0),
        (false, true) => Some(0.0),
        (false, false) => None,
    }
}

/// Cosine of two vectors, at least 0.
fn cosine(a: &[f64], b: &[f64]) -> Result<f64, String> {
    if a.len() != b.len() {
        return Err(format!("embeddings of {} and {} numbers cannot be compared", a.len(), b.len()));
    }
    // Scaled first, so that no square is too large or too small for a float.
    let scaled = |vector: &[f64]| -> Option<Vec<f64>> {
        let largest = vector.iter().fold(0.0_f64, |largest, number| largest.max(number.abs()));
        (largest > 0.0 && largest.is_finite()).then(|| vector.iter().map(|n| n / largest).collect())
    };
    let (Some(a), Some(b)) = (scaled(a), scaled(b)) else {
        return Err("an embedding points nowhere: all its numbers are zero".to_owned());
    };
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let cosine = product(&a, &b) / (product(&a, &a).sqrt() * product(&b, &b).sqrt());
    Ok(cosine.clamp(0.0, 1.0))
}

/// The embeddings that a check asks for. Of an answer that is not there yet one is counted, though it may turn out to
/// need none.
pub(super) fn embeddings<'a>(
    embedder: &'a Embedder,
    args: &CheckArgs,
    case: &Case,
    answer: Option<&Answer>,
) -> Vec<Embedding<'a>> {
    // What cannot be compared is told when the check runs.
    let Ok(wanted) = references(args, case) else { return Vec::new() };
    let asks = |text: &str| Embedding { embedder, request: Some(embedder.request(text)), many: false };
    let Some(answer) = answer else {
        let mut all: Vec<_> =
            wanted.iter().filter(|text| !text.trim().is_empty()).map(|text| asks(text)).collect();
        if !all.is_empty() {
            let many = args.path.as_ref().is_some_and(|path| path.contains('*'));
            all.push(Embedding { embedder, request: None, many });
        }
        return all;
    };
    let json: Option<Value> = crate::json::parse(&answer.text).ok();
    let subject = Subject { case, answer, json: json.as_ref() };
    let found: Vec<Cow<'_, str>> = texts(&subject, args.path.as_deref()).unwrap_or_default();
    let pair = |a: &Cow<'_, str>, b: &Cow<'_, str>| without_asking(a, b).is_none();
    let targets = wanted.iter().filter(|wanted| found.iter().any(|found| pair(found, wanted)));
    let found = found.iter().filter(|found| wanted.iter().any(|wanted| pair(found, wanted)));
    targets.chain(found).map(|text| asks(text)).collect()
}
