//! Why a model stopped, in the spellings of all servers. Gateways and servers of open models hand on the words of
//! whatever runs behind them, so every protocol reads every spelling.

use serde_json::Value;

use crate::llm::FinishReason;

/// The meaning of a reason to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finish {
    /// The model stopped for this reason.
    Reason(FinishReason),
    /// What runs behind a gateway broke off: the text so far is not an answer.
    Broke,
}

/// Reads a reason: text, or an object with the text as its type. A reply without a reason is whole.
pub(super) fn of(reason: Option<&Value>) -> Finish {
    let word = match reason {
        Some(Value::String(word)) => word,
        Some(Value::Object(members)) => {
            return of(["type", "reason", "finish_reason"].iter().find_map(|name| members.get(*name)));
        }
        _ => return Finish::Reason(FinishReason::Stop),
    };
    // `MAX_TOKENS`, `maxTokens` and `max-tokens` are one word.
    let letters: String = word.chars().filter(char::is_ascii_alphanumeric).collect();
    let plain = letters.to_ascii_lowercase();
    let reason = match plain.strip_prefix("finishreason").unwrap_or(&plain) {
        "" | "null" | "none" | "unspecified" | "stop" | "stopped" | "stopsequence" | "stopsequences"
        | "stopword" | "stopstring" | "stoptoken" | "stopcriteria" | "stopcriteriamet" | "eos"
        | "eosfound" | "eostoken" | "eot" | "eotid" | "imend" | "endoftext" | "endofsequence"
        | "endofturn" | "endturn" | "end" | "done" | "complete" | "completed" | "finish" | "finished"
        | "success" | "normal" => FinishReason::Stop,
        "length"
        | "lengthcapped"
        | "maxlength"
        | "maxlengthreached"
        | "maxtokens"
        | "maxtoken"
        | "maxtokensreached"
        | "maxnewtokens"
        | "maxoutputtokens"
        | "maxcompletiontokens"
        | "maxgenerationlength"
        | "numpredict"
        | "limit"
        | "limited"
        | "tokenlimit"
        | "tokenlimitreached"
        | "truncated"
        | "cutoff"
        | "incomplete" => FinishReason::Length,
        "modelcontextwindowexceeded"
        | "contextwindow"
        | "contextwindowexceeded"
        | "contextlength"
        | "contextlengthexceeded"
        | "modellength"
        | "maxcontext"
        | "maxcontextlength"
        | "errorlimit" => FinishReason::ContextWindow,
        "contentfilter"
        | "contentfiltered"
        | "filtered"
        | "guardrailintervened"
        | "safety"
        | "recitation"
        | "blocklist"
        | "blocked"
        | "prohibitedcontent"
        | "spii"
        | "imagesafety"
        | "sensitive"
        | "moderation"
        | "flagged"
        | "errortoxic" => FinishReason::ContentFilter,
        "refusal" | "refused" => FinishReason::Refusal,
        "error" | "failed" => return Finish::Broke,
        // `tool_use` and `pause_turn` wait for something that was never offered.
        _ => FinishReason::Other,
    };
    Finish::Reason(reason)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reasons_of_all_servers() {
        use FinishReason::{ContentFilter, ContextWindow, Length, Other, Refusal, Stop};
        for (words, reason) in [
            // OpenAI, vLLM, TGI, Anthropic, Gemini, Cohere, Bedrock.
            (
                &[
                    "stop",
                    "eos",
                    "eos_token",
                    "",
                    "end_turn",
                    "stop_sequence",
                    "STOP",
                    "FINISH_REASON_STOP",
                    "COMPLETE",
                    "<|im_end|>",
                    "stop_token",
                    "Stop",
                    "end-of-turn",
                ][..],
                Stop,
            ),
            (
                &[
                    "length",
                    "max_tokens",
                    "MAX_TOKENS",
                    "MaxTokens",
                    "max_length",
                    "max_output_tokens",
                    "LENGTH",
                    "FINISH_REASON_MAX_TOKENS",
                    "maxTokens",
                    "token_limit",
                    "max_new_tokens",
                ],
                Length,
            ),
            (
                &[
                    "content_filter",
                    "SAFETY",
                    "RECITATION",
                    "guardrail_intervened",
                    "content_filtered",
                    "sensitive",
                    "ERROR_TOXIC",
                ],
                ContentFilter,
            ),
            (&["model_context_window_exceeded", "model_length", "context_length_exceeded"], ContextWindow),
            (&["refusal"], Refusal),
            (&["tool_use", "tool_calls", "pause_turn", "function_call", "something_new"], Other),
        ] {
            for word in words {
                assert_eq!(of(Some(&json!(word))), Finish::Reason(reason), "{word}");
                assert_eq!(of(Some(&json!({ "type": word }))), Finish::Reason(reason), "{word}");
            }
        }
        for unknown in [None, Some(json!(null)), Some(json!(7)), Some(json!({}))] {
            assert_eq!(of(unknown.as_ref()), Finish::Reason(Stop), "{unknown:?}");
        }
        assert_eq!(of(Some(&json!("ERROR"))), Finish::Broke);
    }
}
