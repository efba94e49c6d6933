//! Cosines of vectors that a test writes down, and of the embedded embedder's.

use super::*;
use crate::clock::Clock;
use crate::config::models::{ModelSpec, ProviderKind};
use crate::llm::provider::{Asked, Provider, connect};
use crate::llm::{Client, Draw, Error, Failure, ModelCard, Operation, Outside, Request};

fn model(json: Value) -> ModelSpec {
    serde_json::from_value(json).unwrap()
}

pub(super) fn embedded() -> Embedder {
    let model = model(json!({ "provider": "reference", "params": { "role": "embedder" } }));
    let outside = Outside::new(|_| None, Clock::new(|| time::OffsetDateTime::UNIX_EPOCH, 0));
    let provider = connect(Path::new("."), "embedder", &model, &outside).unwrap();
    Embedder { client: Client::embedded(provider), model }
}

/// Says the vector that a text names: `east` is `[1, 0]`, any other text is the answer itself.
struct Fake(ModelCard);

impl Provider for Fake {
    fn card(&self) -> &ModelCard {
        &self.0
    }

    fn ask<'a>(&'a self, request: &'a Request, draw: &'a Draw) -> Asked<'a> {
        assert_eq!(request.operation, Operation::Embeddings);
        assert_eq!((draw.index, draw.key.as_str()), (0, request.key().as_str()));
        let said = match request.messages[0].content.as_str() {
            "east" => "[1, 0]",
            "north" => "[0, 1]",
            "west" => "[-1, 0]",
            "huge" => "[3e300, 4e300]",
            "tiny" => "[4e-300, 3e-300]",
            "deep" => "[1, 0, 0]",
            "nowhere" => "[0, 0]",
            "down" => {
                let error = Error::provider("fake", Failure::Overloaded, "no room");
                return Box::pin(std::future::ready(Err(error)));
            }
            other => other,
        };
        Box::pin(std::future::ready(Ok(Answer::saying(said))))
    }

    fn embeds(&self) -> bool {
        true
    }
}

pub(super) fn fake() -> Embedder {
    let card = ModelCard {
        alias: "fake".to_owned(),
        provider: ProviderKind::Openai,
        model_id: "vectors".to_owned(),
        deterministic: false,
        embedded: false,
        declares: String::new(),
    };
    let model = model(json!({
        "provider": "openai", "model_id": "vectors", "revision": "r2",
        "params": { "max_tokens": 5, "extra": { "dimensions": 2 } },
    }));
    Embedder { client: Client::embedded(Arc::new(Fake(card))), model }
}

#[test]
fn cosines() {
    table(&[
        ("similar: { model: fake, value: east }", "north", 0.0, "similarity 0.000 by `fake`"),
        // What points the other way is not less than unlike.
        ("similar: { model: fake, value: east }", "west", 0.0, "similarity 0.000"),
        // (3, 4).(4, 3) = 24, of lengths 5 and 5; beyond the squares that a float holds.
        ("similar: { model: fake, value: huge }", "tiny", 24.0 / 25.0, "similarity 0.960"),
        ("similar: { model: fake, value: '[3, 4]' }", "[4, 3]", 24.0 / 25.0, "similarity 0.960"),
        ("similar: { model: fake, value: '[3, 4]' }", "[6, 8.0]", 1.0, ""),
        ("similar: { model: fake, value: east, not: true }", "[3, 4]", 0.4, "holds to 0.60"),
        ("similar: { model: fake, expected: /east }", "[3, 4]", 0.6, "similarity 0.600"),
        // The nearest of several values.
        ("similar: { model: fake, path: /*, value: east }", r#"["north", "[3, 4]", "west"]"#, 0.6, "0.600"),
        ("similar: { model: fake, path: /x, value: east }", "{}", 0.0, "nothing at `/x`"),
        ("similar: { model: fake, path: /x, value: east }", "east", 0.0, "not JSON"),
        // Nobody is asked about equal texts, or about no text: `down` would fail.
        ("similar: { model: fake, value: down }", " down\n", 1.0, ""),
        ("similar: { model: fake, value: down }", " ", 0.0, "similarity 0.000"),
        ("similar: { model: fake, value: '' }", "down", 0.0, "similarity 0.000"),
        ("similar: { model: fake, value: '' }", "\n", 1.0, ""),
    ]);
    assert!(run("similar: { model: fake, value: east, min: 0.6 }", "[3, 4]").unwrap().passed);
    assert!(!run("similar: { model: fake, value: east, min: 0.61 }", "[3, 4]").unwrap().passed);
}

#[test]
fn an_embedding_that_cannot_be_had_is_no_score() {
    for (wanted, text, why) in [
        ("east", "down", "no embedding: fake: overloaded: no room"),
        ("down", "east", "no embedding: fake: overloaded: no room"),
        ("east", "deep", "embeddings of 3 and 2 numbers cannot be compared"),
        ("nowhere", "east", "an embedding points nowhere"),
        ("east", "[\"a\"]", "`fake` made no list of numbers"),
        ("east", "[]", "embeddings of 0 and 2 numbers"),
        ("east", "[1, null]", "`fake` made no list of numbers"),
    ] {
        for not in [false, true] {
            let check = json!({ "similar": { "model": "fake", "value": wanted, "not": not } }).to_string();
            let error = run(&check, text).expect_err(text);
            let label = if not { "not similar" } else { "similar" };
            assert!(error.starts_with(&format!("check `{label}` could not run: {why}")), "{error}");
        }
    }
}

#[test]
fn a_request_holds_what_decides_the_vector_and_nothing_else() {
    let request = fake().request("hi");
    assert_eq!(
        serde_json::to_value(&request).unwrap(),
        json!({
            "provider": "openai", "model_id": "vectors", "revision": "r2", "operation": "embeddings",
            "messages": [{ "role": "user", "content": "hi" }], "params": { "extra": { "dimensions": 2 } },
        })
    );
}

#[test]
fn the_embedded_embedder_knows_words_and_says_that_it_knows_no_more() {
    let check = "similar: { model: embedder, value: The jumper at port 3 is loose }";
    let near = run(check, "Port 3: the jumper is loose.").unwrap();
    let far = run(check, "Weather was fair on Monday.").unwrap();
    assert!(near.score > 0.8 && far.score < 0.4, "{near:?} {far:?}");
    assert!(far.explanation.contains("not an LLM"), "{far:?}");
    // As documented: a negation moves a text little.
    assert!(run(check, "The jumper at port 3 is not loose").unwrap().score > 0.8);
}

#[test]
fn what_will_be_asked_is_known_before() {
    let case = case(json!({ "east": "east", "none": "" }));
    let asked = |yaml: &str, answer: Option<&str>| -> Vec<Option<String>> {
        let checks = compile(yaml).unwrap();
        let answer = answer.map(Answer::saying);
        let check = checks.iter().next().unwrap();
        let embeddings = check.embeddings(&case, answer.as_ref());
        embeddings.iter().map(|e| e.request.as_ref().map(|r| r.messages[0].content.clone())).collect()
    };
    let some = |texts: &[&str]| texts.iter().map(|text| Some((*text).to_owned())).collect::<Vec<_>>();
    let check = "similar: { model: fake, expected: /east }";
    assert_eq!(asked(check, Some("north")), some(&["east", "north"]));
    assert_eq!(asked(check, Some("east")), some(&[]));
    assert_eq!(asked(check, Some("")), some(&[]));
    assert_eq!(asked(check, None), [Some("east".to_owned()), None]);
    assert_eq!(asked("similar: { model: fake, expected: /none }", None), some(&[]));
    assert_eq!(asked("similar: { model: fake, expected: /misspelt }", None), some(&[]));
    let list = "similar: { model: fake, path: /*, value: east }";
    assert_eq!(asked(list, Some(r#"["a", "east", "b"]"#)), some(&["east", "a", "b"]));
    assert_eq!(asked(list, Some("no JSON")), some(&[]));
    assert_eq!(asked("is_json", Some("x")), some(&[]));
}
