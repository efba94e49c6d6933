//! Converse: a request into the SDK's words, the SDK's answers and errors into ours.

use std::collections::BTreeSet;
use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::config::http::HttpResponse;
use aws_sdk_bedrockruntime::error::{BuildError, ProvideErrorMetadata as _, SdkError};
use aws_sdk_bedrockruntime::operation::converse::builders::ConverseFluentBuilder;
use aws_sdk_bedrockruntime::operation::converse::{ConverseError, ConverseOutput};
use aws_sdk_bedrockruntime::types::{
    ContentBlock, ConversationRole, ConverseOutput as Output, InferenceConfiguration, JsonSchemaDefinition,
    Message, OutputConfig, OutputFormat, OutputFormatStructure, OutputFormatType, StopReason,
    SystemContentBlock,
};
use aws_smithy_types::{Document, Number};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::no_credentials;
use crate::llm::provider::fault::{Fault, by_status, chain, cut, readable, wait};
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
pub(super) fn from_wire(output: ConverseOutput, model: &str) -> Result<Answer, Fault> {
    let finish_reason = match &output.stop_reason {
        StopReason::EndTurn | StopReason::StopSequence => FinishReason::Stop,
        StopReason::MaxTokens => FinishReason::Length,
        StopReason::GuardrailIntervened | StopReason::ContentFiltered => FinishReason::ContentFilter,
        StopReason::ModelContextWindowExceeded => FinishReason::ContextWindow,
        // A refusal has no name in the SDK yet; models behind Converse have it.
        other if other.as_str() == "refusal" => FinishReason::Refusal,
        _ => FinishReason::Other,
    };
    let Some(Output::Message(message)) = output.output else {
        return Err(Fault::new(Failure::Malformed, "a Converse answer without a message"));
    };
    let (mut text, mut asks_for_tool) = (String::new(), false);
    for block in message.content {
        match block {
            ContentBlock::Text(part) if text.is_empty() => text = part,
            ContentBlock::Text(part) => text.push_str(&part),
            ContentBlock::ToolUse(_) => asks_for_tool = true,
            // Reasoning and whatever comes later.
            _ => {}
        }
    }
    if text.is_empty() && asks_for_tool {
        return Err(Fault::tool(200));
    }
    let count = |tokens: i32| u64::try_from(tokens).unwrap_or(0);
    Ok(Answer {
        text,
        served_model: model.to_owned(),
        behind: BTreeSet::new(),
        fingerprint: None,
        finish_reason,
        usage: output.usage.and_then(|usage| {
            let read = count(usage.cache_read_input_tokens.unwrap_or(0));
            let written = count(usage.cache_write_input_tokens.unwrap_or(0));
            let usage = Usage {
                // Converse counts what came from and went to the cache beside the input, not in it.
                input_tokens: count(usage.input_tokens).saturating_add(read).saturating_add(written),
                output_tokens: count(usage.output_tokens),
                cache_read_tokens: read,
                cache_write_tokens: written,
            };
            usage.counted()
        }),
        latency_ms: None,
        cost_usd: None,
    })
}

/// Why there is no answer.
pub(super) fn from_error(error: &SdkError<ConverseError, HttpResponse>, now: OffsetDateTime) -> Fault {
    if let Some(missing) = credentials_error(error) {
        return no_credentials(missing);
    }
    match error {
        SdkError::TimeoutError(_) => Fault::new(Failure::Timeout, chain(error)),
        SdkError::ConstructionFailure(_) => Fault::new(Failure::Refused, chain(error)),
        SdkError::DispatchFailure(_) => Fault::unsent(&chain(error)),
        // An answer that the SDK cannot read is an error of the service to it.
        SdkError::ServiceError(service) if service.raw().status().is_success() => {
            let message = format!("{}; it begins: {}", chain(service.err()), beginning(service.raw()));
            Fault { status: Some(service.raw().status().as_u16()), ..Fault::new(Failure::Malformed, message) }
        }
        SdkError::ServiceError(service) => {
            let (code, message) = (service.err().code(), service.err().message());
            let status = service.raw().status().as_u16();
            let words = message.filter(|words| !words.is_empty()).map(str::to_owned);
            Fault {
                failure: code
                    .and_then(|code| by_code(code, words.as_deref().unwrap_or_default()))
                    .unwrap_or_else(|| by_status(status)),
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
        "ValidationException" | "ValidationError" | "ResourceNotFoundException" => Some(Failure::Refused),
        _ => None,
    }
}
