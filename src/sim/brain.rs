//! Who answers: the embedded models behind the wire, or a fixed text. Knows no protocol.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::options::{Options, Voice};
use super::wire::Ask;
use crate::config::models::{ModelSpec, ProviderKind};
use crate::host;
use crate::llm::provider::{Provider, connect};
use crate::llm::{Draw, Error, Message, Operation, Request, Role, Stream};

/// A text with holes for the request's case.
const CASE: &str = "{{case}}";

/// Stands for the case where the request names none.
const NO_CASE: &str = "none";

/// All who answer.
pub(super) struct Brain {
    main: Speaker,
    /// Who answers after so many answers.
    later: Option<(u64, Speaker)>,
    /// Makes the vectors of every build.
    embedder: Arc<dyn Provider>,
    /// Absent where this build has no judge; then judge requests are answered as all others.
    judge: Option<Speaker>,
}

enum Speaker {
    Model(Arc<dyn Provider>),
    /// Pieces of a text around each `{{case}}`.
    Fixed(Vec<String>),
}

impl Brain {
    pub(super) fn new(options: &Options) -> Result<Self, Error> {
        let (main, later) = match &options.brain {
            Voice::Reference => (reference("analyst")?, None),
            Voice::Fixed(text) => (Speaker::fixed(text), None),
            Voice::Simulated { root, answers, accuracy, drift } => {
                let at = |accuracy| simulated(root, answers, accuracy, options.seed);
                let later =
                    drift.map(|drift| Ok::<_, Error>((drift.after, at(drift.accuracy)?))).transpose()?;
                (at(*accuracy)?, later)
            }
        };
        let judge = match &options.judge_answer {
            Some(text) => Some(Speaker::fixed(text)),
            None if cfg!(feature = "rf-qaqc") => Some(reference("judge")?),
            None => None,
        };
        let embedder = connected(Path::new("."), ProviderKind::Reference, &json!({ "role": "embedder" }))?;
        Ok(Self { main, later, embedder, judge })
    }

    /// A vector for each message, as JSON.
    pub(super) async fn embed(&self, ask: &Ask<'_>, key: &[u8]) -> Result<Vec<String>, String> {
        let mut vectors = Vec::with_capacity(ask.messages.len());
        for message in &ask.messages {
            let request = request(&*self.embedder, ask, std::slice::from_ref(message), Operation::Embeddings);
            let answer = self.embedder.ask(&request, &draw(key, 0)).await;
            vectors.push(answer.map_err(|error| error.to_string())?.text);
        }
        Ok(vectors)
    }

    /// The answer's text. `answers` is how many there were before; `key` and `index` say which draw this is.
    pub(super) async fn say(
        &self,
        ask: &Ask<'_>,
        answers: u64,
        key: &[u8],
        index: u32,
    ) -> Result<String, String> {
        let later = self.later.as_ref().filter(|(after, _)| answers >= *after).map(|(_, speaker)| speaker);
        let judge = self.judge.as_ref().filter(|_| ask.is_judge());
        judge.or(later).unwrap_or(&self.main).say(ask, key, index).await
    }
}

impl Speaker {
    fn fixed(text: &str) -> Self {
        Self::Fixed(text.split(CASE).map(str::to_owned).collect())
    }

    async fn say(&self, ask: &Ask<'_>, key: &[u8], index: u32) -> Result<String, String> {
        match self {
            Self::Fixed(pieces) => match pieces.as_slice() {
                [text] => Ok(text.clone()),
                pieces => Ok(pieces.join(ask.texts().find_map(case_token).unwrap_or(NO_CASE))),
            },
            Self::Model(model) => {
                let request = request(&**model, ask, &ask.messages, Operation::Chat);
                let draw = draw(key, index);
                match model.ask(&request, &draw).await {
                    Ok(answer) => Ok(answer.text),
                    Err(error) => Err(error.to_string()),
                }
            }
        }
    }
}

/// What a model is asked, in its own terms.
fn request(
    model: &dyn Provider,
    ask: &Ask<'_>,
    messages: &[(Role, Cow<'_, str>)],
    operation: Operation,
) -> Request {
    Request {
        provider: model.card().provider,
        model_id: ask.model.clone().into_owned(),
        revision: None,
        system: ask.system.clone().map(Cow::into_owned),
        messages: messages
            .iter()
            .map(|(role, text)| Message { role: *role, content: text.clone().into_owned() })
            .collect(),
        params: BTreeMap::new(),
        schema: None,
        operation,
    }
}

fn draw(key: &[u8], index: u32) -> Draw {
    let key = key.iter().map(|byte| format!("{byte:02x}")).collect();
    Draw { key, stream: Stream::Main, index }
}

/// The first `case-<digits>` of a text.
fn case_token(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some(at) = rest.find("case-") {
        let from = rest.get(at..)?;
        let digits = from.bytes().skip(5).take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            return from.get(..5 + digits);
        }
        rest = from.get(5..)?;
    }
    None
}

fn reference(role: &str) -> Result<Speaker, Error> {
    model(Path::new("."), ProviderKind::Reference, &json!({ "role": role }))
}

fn simulated(root: &Path, answers: &str, accuracy: f64, seed: u64) -> Result<Speaker, Error> {
    let params = json!({ "answers": answers, "accuracy": accuracy, "seed": seed });
    model(root, ProviderKind::Simulated, &params)
}

fn model(root: &Path, provider: ProviderKind, params: &serde_json::Value) -> Result<Speaker, Error> {
    Ok(Speaker::Model(connected(root, provider, params)?))
}

fn connected(
    root: &Path,
    provider: ProviderKind,
    params: &serde_json::Value,
) -> Result<Arc<dyn Provider>, Error> {
    let spec: ModelSpec = serde_json::from_value(json!({ "provider": provider, "params": params }))
        .map_err(|error| Error::Config { alias: "sim".to_owned(), message: error.to_string() })?;
    connect(root, "sim", &spec, &host::outside())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_case_of_a_text() {
        assert_eq!(case_token("a case-x, case-, case-12b, case-3"), Some("case-12"));
        assert_eq!(case_token("in any case-"), None);
        assert_eq!(case_token("ä case-7"), Some("case-7"));
    }
}
