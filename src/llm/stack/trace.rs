//! One span per request, by OpenTelemetry's conventions for generative AI. Outermost, so that a replay is seen as
//! well, and all tries of one request are one span.
//!
//! Prompts and answers are content: they stand in a span only when the surface switched that on.

use std::future::Future;

use serde_json::{Value, json};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::conventions::{
    ATTEMPTS, CACHE_READ_TOKENS, CACHE_WRITE_TOKENS, CALLED, CHAT, COST_USD, DRAW_INDEX, DRAW_STREAM,
    ERROR_TYPE, FINISH_REASONS, INPUT_MESSAGES, INPUT_TOKENS, MODEL_ALIAS, OPERATION_NAME, OUTPUT_MESSAGES,
    OUTPUT_TOKENS, OUTPUT_TYPE, PROMPT_NAME, PROMPT_SHA256, PROMPT_VERSION, PROVIDER_NAME, REPLAYED,
    REQUEST_ID, REQUEST_KEY, REQUEST_MAX_TOKENS, REQUEST_MODEL, REQUEST_SEED, REQUEST_TEMPERATURE,
    REQUEST_TOP_P, RESPONSE_MODEL, SOURCE, SYSTEM_INSTRUCTIONS, TARGET,
};
use super::{Answered, Call, Source};
use crate::config::models::ProviderKind;
use crate::llm::{Answer, Error, Message, ModelCard, Operation, Request, Role, Stream};

/// Ask inside a span. The span comes back with the answer: it ended, and what is later said about the answer can
/// still be attached for as long as the handle lives.
pub(super) async fn traced(
    card: &ModelCard,
    content: bool,
    request_id: Option<&str>,
    call: Call<'_>,
    ask: impl Future<Output = Result<Answered, Error>>,
) -> (Span, Result<Answered, Error>) {
    let span = span(card, content, request_id, &call);
    let result = ask.instrument(span.clone()).await;
    // Nobody listens: not worth looking at the answer.
    if !span.is_disabled() {
        match &result {
            Ok(answered) => answer(&span, content, call.request.operation, answered),
            Err(error) => {
                tracing::record_all!(
                    span,
                    { ERROR_TYPE } = error.kind(),
                    { DRAW_INDEX } = i64::from(call.draw.index),
                    otel.status_code = "ERROR"
                );
            }
        }
    }
    (span, result)
}

fn span(card: &ModelCard, content: bool, request_id: Option<&str>, call: &Call<'_>) -> Span {
    let request = call.request;
    let params = &request.params;
    let float = |name: &str| params.get(name).and_then(Value::as_f64);
    let int = |name: &str| params.get(name).and_then(Value::as_i64);
    tracing::info_span!(
        target: TARGET,
        CHAT,
        otel.name = format_args!("{} {}", request.operation.name(), request.model_id),
        otel.kind = "client",
        otel.status_code = Empty,
        { REQUEST_ID } = request_id,
        { OPERATION_NAME } = request.operation.name(),
        { PROVIDER_NAME } = provider(request.provider),
        { REQUEST_MODEL } = request.model_id.as_str(),
        { REQUEST_TEMPERATURE } = float("temperature"),
        { REQUEST_MAX_TOKENS } = int("max_tokens"),
        { REQUEST_TOP_P } = float("top_p"),
        { REQUEST_SEED } = int("seed"),
        { OUTPUT_TYPE } = request.schema.is_some().then_some("json"),
        { MODEL_ALIAS } = card.alias.as_str(),
        { PROMPT_NAME } = call.prompt.map(|prompt| prompt.name),
        { PROMPT_VERSION } = call.prompt.and_then(|prompt| version(prompt.name)),
        { PROMPT_SHA256 } = call.prompt.map(|prompt| prompt.sha256),
        { REQUEST_KEY } = call.draw.key.as_str(),
        { DRAW_STREAM } = stream(call.draw.stream),
        { SYSTEM_INSTRUCTIONS } = content.then(|| system(request)).flatten(),
        { INPUT_MESSAGES } = content.then(|| input(&request.messages)),
        { DRAW_INDEX } = Empty,
        { RESPONSE_MODEL } = Empty,
        { FINISH_REASONS } = Empty,
        { INPUT_TOKENS } = Empty,
        { OUTPUT_TOKENS } = Empty,
        { CACHE_READ_TOKENS } = Empty,
        { CACHE_WRITE_TOKENS } = Empty,
        { OUTPUT_MESSAGES } = Empty,
        { ERROR_TYPE } = Empty,
        { SOURCE } = Empty,
        { ATTEMPTS } = Empty,
        { COST_USD } = Empty,
    )
}

fn answer(span: &Span, content: bool, operation: Operation, answered: &Answered) {
    let answer = &answered.answer;
    let (source, attempts, cost) = match answered.source {
        Source::Called { attempts } => (CALLED, Some(i64::from(attempts)), answer.cost_usd),
        Source::Replayed => (REPLAYED, None, Some(0.0)),
    };
    // The layer that makes spans of these reads whole numbers as i64 only.
    let count = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX);
    let usage = answer.usage;
    let some = |tokens: u64| (tokens > 0).then(|| count(tokens));
    // A vector has no reason to end and says nothing to a reader.
    let speaks = operation == Operation::Chat;
    tracing::record_all!(
        span,
        { DRAW_INDEX } = i64::from(answered.draw.index),
        { RESPONSE_MODEL } = answer.served_model.as_str(),
        { FINISH_REASONS } = speaks.then(|| answer.finish_reason.name()),
        { INPUT_TOKENS } = usage.map(|usage| count(usage.input_tokens)),
        { OUTPUT_TOKENS } = usage.filter(|_| speaks).map(|usage| count(usage.output_tokens)),
        { CACHE_READ_TOKENS } = usage.and_then(|usage| some(usage.cache_read_tokens)),
        { CACHE_WRITE_TOKENS } = usage.and_then(|usage| some(usage.cache_write_tokens)),
        { OUTPUT_MESSAGES } = (content && speaks).then(|| output(answer)),
        { SOURCE } = source,
        { ATTEMPTS } = attempts,
        { COST_USD } = cost
    );
}

/// Well-known names of providers; embedded models have none, so they say whose they are.
fn provider(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::Bedrock => "aws.bedrock",
        ProviderKind::Openai => "openai",
        ProviderKind::Anthropic => "anthropic",
        ProviderKind::Reference => "llmx.reference",
        ProviderKind::Simulated => "llmx.simulated",
    }
}

/// The number of a numbered version: 7 of `support/prompt_v007.txt`.
fn version(name: &str) -> Option<i64> {
    if !crate::prompt::is_numbered(name) {
        return None;
    }
    name.rsplit_once('.')?.0.rsplit_once("_v")?.1.parse().ok()
}

fn stream(stream: Stream) -> &'static str {
    match stream {
        Stream::Main => "main",
        Stream::Confirm => "confirm",
        Stream::Canary(_) => "canary",
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

fn system(request: &Request) -> Option<String> {
    request.system.as_ref().map(|text| json!([{ "type": "text", "content": text }]).to_string())
}

fn message(role: &str, text: &str) -> Value {
    json!({ "role": role, "parts": [{ "type": "text", "content": text }] })
}

fn input(messages: &[Message]) -> String {
    Value::from_iter(messages.iter().map(|m| message(role(m.role), &m.content))).to_string()
}

fn output(answer: &Answer) -> String {
    let mut said = message("assistant", &answer.text);
    if let Some(said) = said.as_object_mut() {
        said.insert("finish_reason".to_owned(), answer.finish_reason.name().into());
    }
    json!([said]).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

    use super::*;
    use crate::llm::{Draw, Failure, FinishReason, PromptTag, Usage};

    /// The fields of the one span that a test makes; a field said twice is listed twice.
    #[derive(Clone, Default)]
    struct Fields(Arc<Mutex<Vec<(String, String)>>>);

    impl Visit for Fields {
        fn record_str(&mut self, field: &Field, value: &str) {
            self.record_debug(field, &format_args!("{value}"));
        }
        fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
            self.0.lock().unwrap().push((field.name().to_owned(), format!("{value:?}")));
        }
    }

    impl<S: tracing::Subscriber> Layer<S> for Fields {
        fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
            attributes.record(&mut self.clone());
        }
        fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
            values.record(&mut self.clone());
        }
    }

    /// What the span of one call says.
    fn fields_of(content: bool, call: Call<'_>, result: Result<Answered, Error>) -> BTreeMap<String, String> {
        let card = ModelCard {
            alias: "claude".to_owned(),
            provider: call.request.provider,
            model_id: "m-1".to_owned(),
            deterministic: false,
            embedded: false,
            declares: String::new(),
        };
        let fields = Fields::default();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(fields.clone()), || {
            let ask = std::future::ready(result.clone());
            assert_eq!(
                runtime.block_on(traced(&card, content, None, call, ask)).1,
                result,
                "passed on as it is"
            );
        });
        let list = fields.0.lock().unwrap().clone();
        let found: BTreeMap<String, String> = list.iter().cloned().collect();
        assert_eq!(found.len(), list.len(), "said twice: {list:?}");
        found
    }

    /// What the span of one request says, without what is the same for all.
    fn said(
        provider: ProviderKind,
        content: bool,
        result: Result<Answered, Error>,
    ) -> BTreeMap<String, String> {
        let params =
            [("temperature", json!(0)), ("max_tokens", json!(10)), ("top_p", json!(0.5)), ("seed", json!(7))];
        let request = Request {
            provider,
            model_id: "m-1".to_owned(),
            revision: None,
            system: Some("be brief".to_owned()),
            messages: vec![Message { role: Role::User, content: "hi".to_owned() }],
            params: params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            schema: Some(json!({})),
            operation: Operation::Chat,
        };
        let draw = Draw { key: "k".to_owned(), stream: Stream::Confirm, index: 4 };
        let prompt = Some(PromptTag { name: "p_v002.txt", sha256: "s" });
        let call = Call { request: &request, draw: &draw, prompt, recorded_only: false };
        let mut found = fields_of(content, call, result);
        for (name, value) in [
            ("otel.name", "chat m-1"),
            ("otel.kind", "client"),
            (OPERATION_NAME, CHAT),
            (REQUEST_MODEL, "m-1"),
            (REQUEST_TEMPERATURE, "0.0"),
            (REQUEST_MAX_TOKENS, "10"),
            (REQUEST_TOP_P, "0.5"),
            (REQUEST_SEED, "7"),
            (OUTPUT_TYPE, "json"),
            (MODEL_ALIAS, "claude"),
            (PROMPT_NAME, "p_v002.txt"),
            (PROMPT_VERSION, "2"),
            (PROMPT_SHA256, "s"),
            (REQUEST_KEY, "k"),
            (DRAW_STREAM, "confirm"),
        ] {
            assert_eq!(found.remove(name).as_deref(), Some(value), "{name}");
        }
        found
    }

    fn map<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    fn answered(source: Source) -> Answered {
        let usage =
            Usage { input_tokens: 100, output_tokens: 20, cache_read_tokens: 60, cache_write_tokens: 0 };
        let answer = Answer {
            usage: Some(usage),
            finish_reason: FinishReason::Length,
            cost_usd: Some(0.25),
            ..Answer::saying("hello")
        };
        Answered { answer, draw: Draw { key: "k".to_owned(), stream: Stream::Confirm, index: 5 }, source }
    }

    #[test]
    fn an_answer_says_what_it_took() {
        let called = answered(Source::Called { attempts: 3 });
        let common = map([
            (PROVIDER_NAME, "aws.bedrock"),
            (DRAW_INDEX, "5"),
            (RESPONSE_MODEL, "m"),
            (FINISH_REASONS, "length"),
            (INPUT_TOKENS, "100"),
            (OUTPUT_TOKENS, "20"),
            (CACHE_READ_TOKENS, "60"),
        ]);
        let mut want = common.clone();
        want.extend(map([(SOURCE, "called"), (ATTEMPTS, "3"), (COST_USD, "0.25")]));
        assert_eq!(said(ProviderKind::Bedrock, false, Ok(called)), want);
        // A replay costs nothing now, whatever it cost then.
        let mut want = common;
        want.extend(map([(SOURCE, "replayed"), (COST_USD, "0.0")]));
        assert_eq!(said(ProviderKind::Bedrock, false, Ok(answered(Source::Replayed))), want);
    }

    #[test]
    fn a_failure_says_its_kind_and_not_its_words() {
        let error = Error::provider("claude", Failure::RateLimited, "you said: hi");
        let want = map([
            (PROVIDER_NAME, "openai"),
            (DRAW_INDEX, "4"),
            (ERROR_TYPE, "rate limited"),
            ("otel.status_code", "ERROR"),
        ]);
        assert_eq!(said(ProviderKind::Openai, false, Err(error)), want);
    }

    #[test]
    fn content_is_said_only_where_it_is_wanted() {
        let answer = answered(Source::Replayed);
        let without = said(ProviderKind::Anthropic, false, Ok(answer.clone()));
        let mut with = said(ProviderKind::Anthropic, true, Ok(answer));
        for (name, part) in
            [(SYSTEM_INSTRUCTIONS, "be brief"), (INPUT_MESSAGES, "hi"), (OUTPUT_MESSAGES, "hello")]
        {
            assert!(with.remove(name).unwrap().contains(part), "{name}");
        }
        assert_eq!(with, without);
    }

    #[test]
    fn a_vector_has_no_words_and_no_end() {
        let request = Request {
            operation: Operation::Embeddings,
            ..crate::llm::recording::store::tests::request("m-1", "hi")
        };
        let answer =
            Answer { usage: Some(Usage { input_tokens: 3, ..Usage::default() }), ..Answer::saying("[1]") };
        let draw = Draw { key: "k".to_owned(), stream: Stream::Main, index: 0 };
        let call = Call { request: &request, draw: &draw, prompt: None, recorded_only: false };
        let said =
            fields_of(true, call, Ok(Answered { answer, draw: draw.clone(), source: Source::Replayed }));
        for (name, value) in [
            ("otel.name", Some("embeddings m-1")),
            (OPERATION_NAME, Some("embeddings")),
            (INPUT_TOKENS, Some("3")),
            (INPUT_MESSAGES, Some(r#"[{"role":"user","parts":[{"type":"text","content":"hi"}]}]"#)),
            (SOURCE, Some(REPLAYED)),
            (PROMPT_NAME, None),
            (PROMPT_SHA256, None),
            (OUTPUT_TOKENS, None),
            (OUTPUT_MESSAGES, None),
            (FINISH_REASONS, None),
        ] {
            assert_eq!(said.get(name).map(String::as_str), value, "{name}");
        }
    }

    #[test]
    fn versions_of_prompts() {
        for (name, want) in [
            ("prompt_v001.txt", Some(1)),
            ("support/reply_v12.jinja", Some(12)),
            ("judge_prompt.txt", None),
            ("prompt_v1a.txt", None),
            ("perspectives/qa_v1.j2", None),
            ("p_v99999999999999999999.txt", None),
        ] {
            assert_eq!(version(name), want, "{name}");
        }
    }

    #[test]
    fn words_are_those_of_the_records() {
        for reason in FinishReason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
        }
        for one in [Stream::Main, Stream::Confirm] {
            assert_eq!(one.to_string(), stream(one));
        }
    }

    #[test]
    fn content_has_the_shape_of_the_conventions() {
        let asked = [Message { role: Role::User, content: "hi \"you\"".to_owned() }];
        assert_eq!(input(&asked), r#"[{"role":"user","parts":[{"type":"text","content":"hi \"you\""}]}]"#);
        assert_eq!(
            output(&Answer::saying("ok")),
            r#"[{"role":"assistant","parts":[{"type":"text","content":"ok"}],"finish_reason":"stop"}]"#
        );
    }
}
