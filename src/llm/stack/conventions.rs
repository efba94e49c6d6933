//! Names of spans, attributes and events, in one place: OpenTelemetry's conventions for generative AI, and ours
//! where those have no name.
//!
//! The constants of the conventions' own crate are deprecated since the names moved to a repository of their own
//! (`open-telemetry/semantic-conventions-genai`). These are that repository's names, release by release the same
//! strings; a later one is followed by a change of this file only.

/// Everything meant for traces is said under this target, and nothing else reaches an exporter: what libraries
/// log may hold prompts, headers or addresses.
pub const TARGET: &str = "llm_experiments::trace";

/// What the request asked for: `chat` or `embeddings`.
pub const OPERATION_NAME: &str = "gen_ai.operation.name";
/// Name of the span of a request, whatever it asks for.
pub const CHAT: &str = "chat";
/// Who serves the model.
pub const PROVIDER_NAME: &str = "gen_ai.provider.name";
/// The model asked for, as the provider names it.
pub const REQUEST_MODEL: &str = "gen_ai.request.model";
/// Sampling temperature.
pub const REQUEST_TEMPERATURE: &str = "gen_ai.request.temperature";
/// Most tokens of an answer.
pub const REQUEST_MAX_TOKENS: &str = "gen_ai.request.max_tokens";
/// Nucleus sampling.
pub const REQUEST_TOP_P: &str = "gen_ai.request.top_p";
/// Seed, where the request has one.
pub const REQUEST_SEED: &str = "gen_ai.request.seed";
/// `json` where the request asks for a schema.
pub const OUTPUT_TYPE: &str = "gen_ai.output.type";
/// The model that answered.
pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
/// Why it stopped: a list with one entry per answer, so here with one.
pub const FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
/// Tokens of the request, cached ones included.
pub const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
/// Tokens of the answer.
pub const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
/// Of the input tokens, those read from the provider's cache.
pub const CACHE_READ_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
/// Of the input tokens, those written to it (`cache_creation` before the conventions renamed it).
pub const CACHE_WRITE_TOKENS: &str = "gen_ai.usage.cache_write.input_tokens";
/// The system prompt. Content: off unless asked for.
pub const SYSTEM_INSTRUCTIONS: &str = "gen_ai.system_instructions";
/// What was asked. Content: off unless asked for.
pub const INPUT_MESSAGES: &str = "gen_ai.input.messages";
/// What was answered. Content: off unless asked for.
pub const OUTPUT_MESSAGES: &str = "gen_ai.output.messages";
/// Kind of failure, in a word or two.
pub const ERROR_TYPE: &str = "error.type";

/// Event on the span of an answer: one score of it.
pub const EVALUATION_RESULT: &str = "gen_ai.evaluation.result";
/// Name of the metric.
pub const EVALUATION_NAME: &str = "gen_ai.evaluation.name";
/// The score, from 0 to 1.
pub const EVALUATION_SCORE: &str = "gen_ai.evaluation.score.value";
/// `pass` or `fail`; absent for a metric that can do neither.
pub const EVALUATION_LABEL: &str = "gen_ai.evaluation.score.label";
/// Why. Quotes answers, so content: off unless asked for.
pub const EVALUATION_EXPLANATION: &str = "gen_ai.evaluation.explanation";

/// Id of a caller's request, on all its spans; where no caller asks, every model request has its own.
pub const REQUEST_ID: &str = "llmx.request.id";
/// Name of the caller's key, where callers have keys.
pub const CALLER: &str = "llmx.caller";
/// The pinned task.
pub const TASK: &str = "llmx.task";
/// Id of an input of a task.
pub const INPUT_ID: &str = "llmx.input.id";

/// Alias in `config/models.yml`.
pub const MODEL_ALIAS: &str = "llmx.model.alias";
/// Prompt file, relative to `prompts/`.
pub const PROMPT_NAME: &str = "llmx.prompt.name";
/// Number of a numbered version.
pub const PROMPT_VERSION: &str = "llmx.prompt.version";
/// SHA-256 of the prompt's text.
pub const PROMPT_SHA256: &str = "llmx.prompt.sha256";
/// Content address of the request: recordings are found under it.
pub const REQUEST_KEY: &str = "llmx.request.key";
/// Series of answers.
pub const DRAW_STREAM: &str = "llmx.draw.stream";
/// Position in it.
pub const DRAW_INDEX: &str = "llmx.draw.index";
/// [`CALLED`] or [`REPLAYED`]; absent where no answer came.
pub const SOURCE: &str = "llmx.source";
/// The model was asked.
pub const CALLED: &str = "called";
/// The answer came from a recording.
pub const REPLAYED: &str = "replayed";
/// Network tries.
pub const ATTEMPTS: &str = "llmx.attempts";
/// What this request cost, in USD; 0 for a replay, absent where the price is unknown.
pub const COST_USD: &str = "llmx.cost_usd";

/// Suite of an evaluated sample.
pub const SUITE: &str = "llmx.suite";
/// Its case.
pub const CASE_ID: &str = "llmx.case.id";
/// Its number.
pub const SAMPLE_INDEX: &str = "llmx.sample.index";
/// The run, on the resource: the same for all spans of a process.
pub const RUN_ID: &str = "llmx.run.id";
