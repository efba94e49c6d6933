//! What a miss should have found: the recording most like the request, and where the two differ.

use std::fmt;

use serde_json::Value;

use super::store::Store;
use crate::llm::Request;

/// A draw that strict replay wanted and that is not recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Miss {
    /// Alias of the model.
    pub model: String,
    /// Key of the request.
    pub key: String,
    /// The draw, e.g. `main/0`.
    pub draw: String,
    /// Other draws of the same request are recorded.
    pub same_request: bool,
    /// The recording most like the request, where one was looked for.
    pub nearest: Option<Nearest>,
}

/// The recording most like a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Nearest {
    /// Its file, relative to the project root.
    pub file: String,
    /// The first field that differs, e.g. `messages/0/content line 12`.
    pub field: String,
    /// What the recording has there.
    pub recorded: String,
    /// What the request has there.
    pub wanted: String,
}

/// Characters shown of a value that differs.
const SHOWN: usize = 80;

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key: String = self.key.chars().take(12).collect();
        write!(f, "draw {} of `{}` is not recorded (request {key})", self.draw, self.model)?;
        if self.same_request {
            write!(f, "; other draws of this request are")?;
        }
        if let Some(nearest) = &self.nearest {
            write!(
                f,
                "; nearest is {}, which first differs in {}: recorded {}, wanted {}",
                nearest.file, nearest.field, nearest.recorded, nearest.wanted
            )?;
        }
        Ok(())
    }
}

/// The recording most like `request`: the same model before the same text, then the longest common start and end of
/// the text. Reads every recording, so it is for the first few misses only.
#[must_use]
pub fn nearest(store: &Store, request: &Request) -> Option<Nearest> {
    let text = last_text(request);
    let files = store.list().ok()?;
    let candidates = files.into_iter().filter_map(|(key, path)| {
        let recorded = Store::read(&path).ok()?.request;
        let likeness = (
            (recorded.provider, &recorded.model_id, recorded.operation)
                == (request.provider, &request.model_id, request.operation),
            common(last_text(&recorded), text),
        );
        Some((likeness, key, recorded))
    });
    let (_, key, recorded) = candidates.max_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)))?;
    let (field, recorded, wanted) = first_difference(&recorded, request)?;
    Some(Nearest { file: store.file(&key), field, recorded, wanted })
}

fn last_text(request: &Request) -> &str {
    request.messages.last().map_or("", |message| message.content.as_str())
}

/// Bytes that two texts share at the start and at the end.
fn common(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let start = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let room = a.len().min(b.len()) - start;
    let end = a.iter().rev().zip(b.iter().rev()).take(room).take_while(|(x, y)| x == y).count();
    start + end
}

/// The first field in which two requests differ, in the order in which a person would look.
fn first_difference(recorded: &Request, wanted: &Request) -> Option<(String, String, String)> {
    let fields = |request: &Request| -> Vec<(String, Value)> {
        let mut fields = vec![
            ("provider".to_owned(), Value::from(request.provider.to_string())),
            ("model_id".to_owned(), Value::from(request.model_id.as_str())),
            ("operation".to_owned(), Value::from(request.operation.name())),
            (
                "params".to_owned(),
                Value::from(
                    request
                        .params
                        .iter()
                        .map(|(k, v)| (k.clone(), v.clone()))
                        .collect::<serde_json::Map<_, _>>(),
                ),
            ),
            ("schema".to_owned(), request.schema.clone().unwrap_or(Value::Null)),
            ("system".to_owned(), request.system.clone().map_or(Value::Null, Value::from)),
        ];
        for (i, message) in request.messages.iter().enumerate() {
            fields.push((format!("messages/{i}/content"), Value::from(message.content.as_str())));
        }
        fields
    };
    let (a, b) = (fields(recorded), fields(wanted));
    let none = Value::Null;
    for i in 0..a.len().max(b.len()) {
        let name = a.get(i).or(b.get(i)).map(|(name, _)| name.clone()).unwrap_or_default();
        let (x, y) = (a.get(i).map_or(&none, |f| &f.1), b.get(i).map_or(&none, |f| &f.1));
        if x == y {
            continue;
        }
        return Some(match (x.as_str(), y.as_str()) {
            (Some(x), Some(y)) => {
                let lines = || {
                    x.lines()
                        .map(Some)
                        .chain(std::iter::repeat(None))
                        .zip(y.lines().map(Some).chain(std::iter::repeat(None)))
                };
                let several = x.contains('\n') || y.contains('\n');
                let at = lines().take_while(|(x, y)| x == y && x.is_some()).count();
                let (x, y) = lines().nth(at).unwrap_or_default();
                let field = if several { format!("{name} line {}", at + 1) } else { name };
                (field, shown(x), shown(y))
            }
            _ => (name, clip(&x.to_string()), clip(&y.to_string())),
        });
    }
    None
}

fn shown(line: Option<&str>) -> String {
    line.map_or("nothing".to_owned(), |line| format!("`{}`", clip(line.trim())))
}

fn clip(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::Stream;
    use crate::llm::recording::store::tests::{recorded, request, store};

    #[tokio::test]
    async fn the_nearest_is_the_same_model_with_the_most_text_in_common() {
        let (dir, store) = store();
        for (model, text) in [
            ("m", "Judge.\nlimit 97\ncase 1\nend"),
            ("m", "Judge.\nlimit 97\ncase 2\nend"),
            ("other", "Judge.\nlimit 96\ncase 2\nend"),
        ] {
            let request = request(model, text);
            let claim = store.claim(&request.key(), Stream::Main, 0).await.unwrap();
            store.add(&claim, &request.key(), &request, recorded(0, "x")).unwrap();
        }
        let found = nearest(&store, &request("m", "Judge.\nlimit 96\ncase 2\nend")).unwrap();
        assert_eq!(found.file, store.file(&request("m", "Judge.\nlimit 97\ncase 2\nend").key()));
        assert_eq!(
            (found.field.as_str(), found.recorded.as_str(), found.wanted.as_str()),
            ("messages/0/content line 2", "`limit 97`", "`limit 96`")
        );
        let found = nearest(&store, &request("new", "Judge.\nlimit 96\ncase 2\nend")).unwrap();
        assert_eq!((found.field.as_str(), found.recorded.as_str()), ("model_id", "`other`"));
        drop(dir);
        assert_eq!(nearest(&Store::new(std::path::Path::new("/nowhere"), "x"), &request("m", "x")), None);
    }

    #[test]
    fn a_text_that_only_became_longer() {
        let (a, b) = (request("m", "one\ntwo"), request("m", "one\ntwo\nthree"));
        let found = first_difference(&a, &b).unwrap();
        assert_eq!(found, ("messages/0/content line 3".into(), "nothing".into(), "`three`".into()));
    }
}
