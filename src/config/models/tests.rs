//! Every rule of `config/models.yml`, broken once, and that the shipped file keeps them.

use super::ModelsFile;
use crate::config::document::salvage_yaml;

/// The problems of one model, without the file's name.
fn problems(model: &str) -> Vec<String> {
    let text = format!("models:\n  m: {model}\n");
    let (doc, mut problems) = salvage_yaml::<ModelsFile>("f", &text);
    problems.extend(ModelsFile::problems(&doc.unwrap()));
    problems
        .iter()
        .map(|problem| {
            problem
                .to_string()
                .split_once("`models.m.")
                .map_or(problem.to_string(), |(_, rest)| rest.to_owned())
        })
        .collect()
}

#[test]
fn good_models() {
    for model in [
        "{ provider: reference }",
        "{ provider: simulated, params: { accuracy: 1, answers: a.jsonl } }",
        "{ provider: openai, model_id: m }",
        "{ provider: openai, model_id: m, base_url: 'http://127.0.0.1:1/v1/', price: free, headers: { X-A: b } }",
        "{ provider: openai, model_id: m, base_url: 'https://n.openai.azure.com/openai/deployments/d', \
           azure_api_version: 2024-10-21, headers: { Authorization: 'env:A_1' }, structured_output: true }",
        "{ provider: openai, model_id: m, params: { temperature: 0.5, top_p: 1, top_k: 1, stop: [a], seed: -1, \
           max_completion_tokens: 1, reasoning_effort: low, extra: { a: 1 } } }",
        "{ provider: anthropic, model_id: m, api_key_env: KEY, timeouts: { attempt_s: 0.5 } }",
        "{ provider: bedrock, model_id: 'arn:aws:bedrock:us-east-1:123456789012:x/y', region: r, profile: p, \
           endpoint_url: 'https://vpce.amazonaws.com', params: { extra: { model: x } } }",
    ] {
        assert_eq!(problems(model), Vec::<String>::new(), "{model}");
    }
}

#[test]
fn every_rule() {
    for (model, problem) in [
        ("{ provider: openai }", "provider`: provider `openai` needs `model_id`"),
        (
            "{ provider: openai, model_id: '' }",
            "model_id`: expected the provider's name of a model, without spaces",
        ),
        (
            "{ provider: reference, revision: q4 }",
            "revision`: `revision` is for `bedrock`, `openai` and `anthropic`, and this model is `reference`",
        ),
        (
            "{ provider: openai, model_id: m, region: r }",
            "region`: `region` is for `bedrock`, and this model is `openai`",
        ),
        (
            "{ provider: bedrock, model_id: m, base_url: 'https://h' }",
            "base_url`: `base_url` is for `openai` and `anthropic`, and this model is `bedrock`",
        ),
        (
            "{ provider: anthropic, model_id: m, organization: o }",
            "organization`: `organization` is for `openai`, and this model is `anthropic`",
        ),
        (
            "{ provider: reference, structured_output: true }",
            "structured_output`: `structured_output` is for `bedrock`, `openai` and `anthropic`, and this model is \
             `reference`",
        ),
        (
            "{ provider: openai, model_id: m, base_url: 'host/v1' }",
            "base_url`: expected an address such as `https://host`: relative URL without a base",
        ),
        (
            "{ provider: openai, model_id: m, base_url: 'ftp://host' }",
            "base_url`: expected an `http` or `https` address, found `ftp:`",
        ),
        (
            "{ provider: openai, model_id: m, base_url: 'https://ada:hunter22@host/v1' }",
            "base_url`: expected an address without user and password, found some \
             (write `headers: { authorization: env:NAME }` instead)",
        ),
        (
            "{ provider: openai, model_id: m, base_url: 'https://host/d?api-version=1' }",
            "base_url`: expected an address without `?` and `#` (`azure_api_version` is a key of its own)",
        ),
        (
            "{ provider: openai, model_id: m, base_url: 'https://host/v1/chat/completions' }",
            "base_url`: expected a base address that mostly ends in `/v1`, found one ending in `/chat/completions`",
        ),
        (
            "{ provider: anthropic, model_id: m, base_url: 'https://host/v1/' }",
            "base_url`: expected a base address without `/v1`, found one ending in `/v1`",
        ),
        (
            "{ provider: bedrock, model_id: m, endpoint_url: 'https://a:b@host' }",
            "endpoint_url`: expected an address without user and password, found some \
             (AWS credentials come from the environment or a profile)",
        ),
        (
            "{ provider: openai, model_id: m, azure_api_version: 2024-10-21 }",
            "azure_api_version`: Azure style needs `base_url` \
             (https://NAME.openai.azure.com/openai/deployments/DEPLOYMENT)",
        ),
        (
            "{ provider: openai, model_id: m, api_key_env: sk-0123456789 }",
            "api_key_env`: expected the name of an environment variable \
             (a key itself stands nowhere in the project: export it and write the variable's name)",
        ),
        (
            "{ provider: openai, model_id: m, headers: { X-Api-Key: 0123456789 } }",
            "headers.X-Api-Key`: expected `env:NAME`: the value of such a header is a secret \
             (a secret itself stands nowhere in the project)",
        ),
        (
            "{ provider: openai, model_id: m, headers: { X-A: 'env:a b' } }",
            "headers.X-A`: expected `env:` and the name of an environment variable",
        ),
        (
            "{ provider: openai, model_id: m, headers: { 'X A': b } }",
            "headers.X A`: expected the name of a header",
        ),
        (
            "{ provider: openai, model_id: m, headers: { Host: h } }",
            "headers.Host`: this header is written by the program itself",
        ),
        (
            "{ provider: openai, model_id: m, headers: { X-A: ü } }",
            "headers.X-A`: expected plain ASCII text on one line",
        ),
        (
            "{ provider: anthropic, model_id: m, params: { seed: 1 } }",
            "params.seed`: unknown parameter `seed` of `anthropic`, expected one of: temperature, top_p, top_k, \
             max_tokens, stop, reasoning_effort, extra (what the model itself takes goes under `extra`)",
        ),
        (
            "{ provider: reference, params: { rol: judge } }",
            "params.rol`: unknown parameter `rol` of `reference`, expected one of: role (did you mean `role`?)",
        ),
        (
            "{ provider: reference, params: { role: x } }",
            "params.role`: expected `analyst`, `judge` or `embedder`, found `\"x\"`",
        ),
        (
            "{ provider: simulated, params: { accuracy: 1 } }",
            "params.answers`: expected a dataset file, found nothing",
        ),
        (
            "{ provider: openai, model_id: m, params: { stop: END } }",
            "params.stop`: expected a list of texts, found `\"END\"`",
        ),
        (
            "{ provider: openai, model_id: m, params: { temperature: -1 } }",
            "params.temperature`: expected a number of 0 or more, found `-1`",
        ),
        (
            "{ provider: bedrock, model_id: m, params: { max_tokens: 0 } }",
            "params.max_tokens`: expected a whole number of 1 or more, found `0`",
        ),
        (
            "{ provider: bedrock, model_id: m, params: { extra: 1 } }",
            "params.extra`: expected a mapping, found `1`",
        ),
        (
            "{ provider: openai, model_id: m, params: { max_tokens: 1, max_completion_tokens: 1 } }",
            "params.max_completion_tokens`: expected one of `max_tokens` and `max_completion_tokens`, found both",
        ),
        (
            "{ provider: openai, model_id: m, params: { extra: { messages: [] } } }",
            "params.extra.messages`: `messages` is written by the program itself",
        ),
        (
            "{ provider: openai, model_id: m, timeouts: { attempt_s: 0 } }",
            "timeouts.attempt_s`: expected more than 0 and at most 86400 seconds, found 0",
        ),
        (
            "{ provider: openai, model_id: m, timeouts: { deadline_s: 1e9 } }",
            "timeouts.deadline_s`: expected more than 0 and at most 86400 seconds, found 1000000000",
        ),
        (
            "{ provider: openai, model_id: m, limits: { in_flight: 0 } }",
            "limits.in_flight`: expected 1 or more, found 0",
        ),
        (
            "{ provider: openai, model_id: m, price: { input: -1, output: 1, as_of: 2026-01-01 } }",
            "price`: expected prices of 0 or more USD",
        ),
        (
            "{ provider: openai, model_id: m, price: { input: 1, output: 1, as_of: today } }",
            "price.as_of`: expected a date `YYYY-MM-DD`",
        ),
    ] {
        let found = problems(model);
        assert_eq!(found, [problem], "{model}");
        assert!(!found[0].contains("hunter22") && !found[0].contains("0123456789"), "{}", found[0]);
    }
}

#[test]
fn the_shipped_models_keep_the_rules() {
    let text = include_str!("../../../config/models.yml");
    let (doc, problems) = salvage_yaml::<ModelsFile>("config/models.yml", text);
    assert_eq!(problems, []);
    assert_eq!(ModelsFile::problems(&doc.unwrap()), []);
}

#[test]
fn two_servers_that_share_their_recordings_are_seen() {
    let text = "models:
  a: { provider: openai, model_id: m, base_url: 'http://127.0.0.1:1/v1' }
  b: { provider: openai, model_id: m, base_url: 'http://127.0.0.1:2/v1' }
  built: { provider: openai, model_id: m, base_url: 'http://127.0.0.1:3/v1', revision: q4 }
  warm: { provider: openai, model_id: m, base_url: 'http://127.0.0.1:3/v1', params: { temperature: 1 } }
  twin: { provider: openai, model_id: m, base_url: 'http://127.0.0.1:1/v1' }
";
    let (doc, _) = salvage_yaml::<ModelsFile>("f", text);
    assert_eq!(doc.unwrap().value.sharing(), [("a", "b"), ("b", "twin")]);
}
