//! The table of kinds: which arguments belong to which check.

/// One row of the table of kinds.
#[derive(Debug)]
pub struct KindRule {
    /// Name as written in a suite.
    pub name: &'static str,
    /// Arguments that must stand there.
    pub required: &'static [&'static str],
    /// Arguments of which exactly one must stand there (empty: none).
    pub one_of: &'static [&'static str],
    /// Arguments that may stand there besides.
    pub optional: &'static [&'static str],
    /// One line for people.
    pub help: &'static str,
}

const PATH: &[&str] = &["path"];
const TEXT: &[&str] = &["path", "normalize"];
const LITERAL: &[&str] = &["value", "expected"];
const LITERALS: &[&str] = &["values", "expected"];
const BOUNDS: &[&str] = &["path", "min_value", "max_value"];
const NONE: &[&str] = &[];
/// Kinds that need one bound or both.
pub(super) const BOUNDED: &[&str] = &["range", "word_count"];

const fn kind(
    name: &'static str,
    required: &'static [&'static str],
    one_of: &'static [&'static str],
    optional: &'static [&'static str],
    help: &'static str,
) -> KindRule {
    KindRule { name, required, one_of, optional, help }
}

/// Every kind of check, in the order in which the documentation lists them.
pub const KINDS: &[KindRule] = &[
    kind("equals", NONE, LITERAL, TEXT, "the answer, or the part at `path`, equals the value"),
    kind("contains", NONE, LITERAL, TEXT, "the text contains the value"),
    kind("icontains", NONE, LITERAL, TEXT, "the text contains the value, whatever the case of letters"),
    kind("contains_any", NONE, LITERALS, TEXT, "the text contains at least one of the values"),
    kind("contains_all", NONE, LITERALS, TEXT, "the text contains every value; the score is the share found"),
    kind("icontains_any", NONE, LITERALS, TEXT, "as contains_any, whatever the case of letters"),
    kind("icontains_all", NONE, LITERALS, TEXT, "as contains_all, whatever the case of letters"),
    kind("starts_with", NONE, LITERAL, TEXT, "the text starts with the value, or with one of a list"),
    kind("ends_with", NONE, LITERAL, TEXT, "the text ends with the value, or with one of a list"),
    kind("regex", &["pattern"], NONE, PATH, "the pattern matches somewhere in the text"),
    kind(
        "levenshtein",
        NONE,
        LITERAL,
        TEXT,
        "1 - edit distance / length of the longer text, in characters; `min` says how much is enough",
    ),
    kind(
        "rouge",
        &["variant"],
        LITERAL,
        TEXT,
        "ROUGE F1 on words, whatever the case of letters: `variant` 1 or 2 (shared words, pairs) or l (longest \
         common subsequence)",
    ),
    kind("bleu", NONE, LITERAL, TEXT, "smoothed BLEU-4 of the text on words, whatever the case of letters"),
    kind(
        "similar",
        &["model"],
        LITERAL,
        PATH,
        "cosine similarity of the embeddings of the text and of the value; `model` makes them",
    ),
    kind(
        "refusal",
        NONE,
        NONE,
        NONE,
        "the model refuses: the provider says so, or the answer opens as refusals do; mostly with `not: true`",
    ),
    kind("is_json", NONE, NONE, PATH, "the answer is one JSON value"),
    kind(
        "json_schema",
        &["schema"],
        NONE,
        PATH,
        "the answer, or the part at `path`, obeys the JSON Schema file",
    ),
    kind("one_of", NONE, LITERALS, TEXT, "the answer, or the part at `path`, equals one of the values"),
    kind("range", NONE, NONE, BOUNDS, "the number lies within the bounds, inclusive"),
    kind(
        "word_count",
        NONE,
        NONE,
        BOUNDS,
        "the text has as many words, parted by white space, as the bounds say, inclusive",
    ),
    kind(
        "set_f1",
        &["path"],
        LITERALS,
        &["extra_ok", "normalize"],
        "F1 of the set at `path` against the values; `extra_ok` points at values that neither help nor harm",
    ),
    kind(
        "quotes_verbatim",
        &["path"],
        NONE,
        NONE,
        "share of quotes that stand verbatim at their `source` in the input",
    ),
    kind(
        "latency",
        &["max_value"],
        NONE,
        NONE,
        "the answer took at most `max_value` milliseconds, where measured",
    ),
    kind("cost", &["max_value"], NONE, NONE, "the answer cost at most `max_value` USD"),
    kind("tokens", &["max_value"], NONE, NONE, "the answer has at most `max_value` tokens, where counted"),
    kind(
        "finish_reason",
        NONE,
        &["value", "values"],
        NONE,
        "the model stopped for this reason: stop, length, refusal, content_filter, context_window or other",
    ),
    kind("command", &["run"], NONE, &["timeout_s"], "a program reads JSON and prints a score as JSON"),
    kind("custom", &["name"], NONE, PATH, "a Rust closure registered under `name` in evals/main.rs"),
];
