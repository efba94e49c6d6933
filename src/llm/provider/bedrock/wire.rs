//! Converse: a request into the SDK's words, the SDK's answers and errors into ours.

use std::collections::BTreeSet;
use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::config::http::HttpResponse;
use aws_sdk_bedrockruntime::error::{BuildError, ProvideErrorMetadata as _, SdkError};
use aws_sdk_bedrockruntime::operation::converse::ConverseError;
use aws_sdk_bedrockruntime::operation::converse::builders::ConverseFluentBuilder;
use aws_sdk_bedrockruntime::types::{
    ContentBlock, ConversationRole, InferenceConfiguration, JsonSchemaDefinition, Message, OutputConfig,
    OutputFormat, OutputFormatStructure, OutputFormatType, SystemContentBlock,
};
use aws_smithy_types::{Document, Number};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::no_credentials;
use crate::llm::provider::fault::{Fault, chain, cut, readable, wait};
use crate::llm::provider::finish::{self, Finish};
use crate::llm::provider::http::Reply;
use crate::llm::provider::lenient;
use crate::llm::provider::trouble::{self, Trouble};
use crate::llm::{Answer, Failure, FinishReason, Request, Role, Usage};

/// Characters kept of a body that no one can read; an error shows fewer.
const KEPT: usize = 2000;

/// The call that asks `request` of the model `model_id`.
pub(super) fn to_wire(
    client: &Client,
    request: &Request,
    model_id: &str,
) -> Result<ConverseFluentBuilder, Fault> {
    let refused = |what: String| Fault::new(Failure::Refused, what);
    let mut call = client.converse().model_id(model_id);
    call = call.set_system(request.system.clone().map(|text| vec![SystemContentBlock::Text(text)]));
    for message in &request.messages {
        let role = match message.role {
            Role::User => ConversationRole::User,
            Role::Assistant => ConversationRole::Assistant,
        };
        let message =
            Message::builder().role(role).content(ContentBlock::Text(message.content.clone())).build();
        call = call.messages(message.map_err(|error| refused(error.to_string()))?);
    }
    let mut inference = InferenceConfiguration::builder();
    let mut given = false;
    let mut more = Map::new();
    for (name, value) in &request.params {
        let wrong = || refused(format!("parameter `{name}`: cannot send {value}"));
        match name.as_str() {
            "temperature" => inference = inference.temperature(number(value).ok_or_else(wrong)?),
            "top_p" => inference = inference.top_p(number(value).ok_or_else(wrong)?),
            "max_tokens" => {
                let limit = value.as_i64().and_then(|limit| i32::try_from(limit).ok());
                inference = inference.max_tokens(limit.ok_or_else(wrong)?);
            }
            "stop" => {
                let texts = value.as_array().ok_or_else(wrong)?.iter().filter_map(Value::as_str);
                inference = inference.set_stop_sequences(Some(texts.map(str::to_owned).collect()));
            }
            "extra" => {
                let entries = value.as_object().ok_or_else(wrong)?;
                more.extend(entries.iter().map(|(name, value)| (name.clone(), value.clone())));
                continue;
            }
            // What models of some vendors take and the protocol has no place for.
            name => {
                more.entry(name).or_insert_with(|| value.clone());
                continue;
            }
        }
        given = true;
    }
    if given {
        call = call.inference_config(inference.build());
    }
    if !more.is_empty() {
        call = call.additional_model_request_fields(document(&Value::Object(more)));
    }
    if let Some(schema) = &request.schema {
        let output = output_config(schema).map_err(|error| refused(error.to_string()))?;
        call = call.output_config(output);
    }
    Ok(call)
}

fn output_config(schema: &Value) -> Result<OutputConfig, BuildError> {
    let schema = JsonSchemaDefinition::builder().name("answer").schema(schema.to_string()).build()?;
    let format = OutputFormat::builder()
        .r#type(OutputFormatType::JsonSchema)
        .structure(OutputFormatStructure::JsonSchema(schema))
        .build()?;
    Ok(OutputConfig::builder().text_format(format).build())
}

#[expect(clippy::cast_possible_truncation, reason = "the SDK has single precision only")]
fn number(value: &Value) -> Option<f32> {
    value.as_f64().map(|number| number as f32)
}

/// JSON in the SDK's words.
fn document(value: &Value) -> Document {
    match value {
        Value::Null => Document::Null,
        Value::Bool(value) => Document::Bool(*value),
        Value::String(text) => Document::String(text.clone()),
        Value::Array(items) => Document::Array(items.iter().map(document).collect()),
        Value::Object(entries) => {
            Document::Object(entries.iter().map(|(name, value)| (name.clone(), document(value))).collect())
        }
        Value::Number(value) => Document::Number(match (value.as_u64(), value.as_i64()) {
            (Some(whole), _) => Number::PosInt(whole),
            (None, Some(whole)) => Number::NegInt(whole),
            (None, None) => Number::Float(value.as_f64().unwrap_or_default()),
        }),
    }
}

/// The answer. Converse does not say which model served it; `model` is what was asked, account number masked.
pub(super) fn from_wire(reply: &Reply, model: &str, now: OffsetDateTime) -> Result<Answer, Fault> {
    let body = Value::from(reply.json("no Converse answer")?);
    let message = body.get("output").and_then(|output| output.get("message"));
    let Some(blocks) = message.and_then(|message| message.get("content")?.as_array()) else {
        // Gateways put errors into replies of status 200, in their own shape or in Amazon's.
        let error = trouble::inside(&body).or_else(|| {
            let named = ["message", "Message", "__type", "code"].iter().any(|name| body.get(*name).is_some());
            named.then_some(&body)
        });
        return Err(match error {
            Some(error) => refused(reply, Trouble::read(error), now),
            None => reply.malformed("a Converse answer without a message"),
        });
    };
    let Finish::Reason(finish_reason) = finish::of(body.get("stopReason")) else {
        return Err(refused(reply, trouble::inside(&body).map(Trouble::read).unwrap_or_default(), now));
    };
    // Text, reasoning, tool use and whatever comes later; only text is an answer.
    let text: String = blocks.iter().filter_map(|block| block.get("text")?.as_str()).collect();
    if text.is_empty() {
        if blocks.iter().any(|block| block.get("toolUse").is_some()) {
            return Err(Fault::tool(reply.status.as_u16()));
        }
        let thoughts = blocks.iter().filter_map(|block| block.get("reasoningContent"));
        let thoughts = thoughts
            .filter_map(|thought| thought.get("reasoningText")?.get("text"))
            .map(lenient::characters)
            .sum();
        if finish_reason == FinishReason::Stop && thoughts > 0 {
            return Err(Fault::thought(reply.status.as_u16(), thoughts, "reasoningContent"));
        }
    }
    Ok(Answer {
        text,
        served_model: model.to_owned(),
        behind: BTreeSet::new(),
        fingerprint: None,
        finish_reason,
        usage: body.get("usage").and_then(usage),
        latency_ms: None,
        cost_usd: None,
    })
}

fn usage(counted: &Value) -> Option<Usage> {
    let cache = ["cacheReadInputTokens", "cacheWriteInputTokens"];
    lenient::usage_beside_cache(counted, ["inputTokens", "outputTokens"], cache)
}

/// The fault of a reply of status 200 that is an error, by Amazon's names where they say more.
fn refused(reply: &Reply, trouble: Trouble, now: OffsetDateTime) -> Fault {
    let message = trouble.message.clone().unwrap_or_default();
    let named = trouble.names().find_map(|name| by_code(name, &message));
    let fault = reply.fault(trouble, now);
    Fault { failure: named.unwrap_or(fault.failure), ..fault }
}

/// Why there is no answer.
pub(super) fn from_error(
    error: &SdkError<ConverseError, HttpResponse>,
    unsent: Option<Fault>,
    now: OffsetDateTime,
) -> Fault {
    if let Some(missing) = credentials_error(error) {
        return no_credentials(missing);
    }
    if let Some(unsent) = unsent {
        return unsent;
    }
    match error {
        SdkError::TimeoutError(_) => Fault::new(Failure::Timeout, chain(error)),
        SdkError::ConstructionFailure(_) => Fault::new(Failure::Refused, chain(error)),
        SdkError::DispatchFailure(_) => Fault::unsent(&chain(error)),
        SdkError::ServiceError(service) => {
            let (code, message) = (service.err().code(), service.err().message());
            let status = service.raw().status().as_u16();
            let words = message.filter(|words| !words.is_empty()).map(str::to_owned);
            Fault {
                failure: code
                    .and_then(|code| by_code(code, words.as_deref().unwrap_or_default()))
                    .unwrap_or_else(|| {
                        let own = beginning(service.raw());
                        let said = words.as_deref().unwrap_or(&own);
                        Trouble::named(code, Some(said)).failure(status)
                    }),
                status: Some(status),
                code: code.map(str::to_owned),
                message: words.unwrap_or_else(|| beginning(service.raw())),
                retry_after: service.raw().headers().get("retry-after").and_then(|text| wait(text, now)),
                address: false,
            }
        }
        // `ResponseError`, and whatever the SDK adds: something came that it could not read.
        other => Fault {
            status: other.raw_response().map(|raw| raw.status().as_u16()),
            ..Fault::new(Failure::Malformed, chain(other))
        },
    }
}

/// What a person should see of a body in which the SDK found no message: without a code it does not look.
fn beginning(raw: &HttpResponse) -> String {
    let body = raw.body().bytes().unwrap_or_default();
    let text = readable(body);
    if text.is_empty() { "no explanation".to_owned() } else { cut(&text, KEPT) }
}

fn credentials_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a CredentialsError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<CredentialsError>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// Codes that say something else than their status does. Statuses of AWS errors are not exact: most are 400.
fn by_code(code: &str, message: &str) -> Option<Failure> {
    match code {
        // A day's tokens are used up: no wait of a run is that long.
        "ThrottlingException" if message.contains("per day") => Some(Failure::Quota),
        "ThrottlingException" | "Throttling" | "TooManyRequestsException" | "RequestLimitExceeded" => {
            Some(Failure::RateLimited)
        }
        "ServiceQuotaExceededException" => Some(Failure::Quota),
        "ModelNotReadyException" | "ServiceUnavailableException" | "ServiceUnavailable" => {
            Some(Failure::Overloaded)
        }
        "ModelTimeoutException" => Some(Failure::Timeout),
        "InternalServerException" | "InternalFailure" | "ModelErrorException" => Some(Failure::Server),
        "AccessDeniedException"
        | "AccessDenied"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "InvalidClientTokenId"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "NotAuthorized"
        | "OptInRequired" => Some(Failure::Credentials),
        "ResourceNotFoundException" | "UnknownOperationException" => Some(Failure::Misconfigured),
        _ => None,
    }
}
