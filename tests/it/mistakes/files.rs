//! Mistakes in prompts, datasets, configuration and environment.

use super::{GOLD, LOG, MODELS, Mistake, SUITE, all};
use crate::world::{CURRENT, World, prompt_file};

#[test]
fn prompts_and_their_history() {
    all(
        World::small,
        &[
            Mistake {
                make: |w| w.edit(&prompt_file(&CURRENT), "<= -97 dBm", "<= -96 dBm"),
                code: 2,
                policies: &["prompts", "pins"],
                says: &[
                    "prompts/prompts.lock:{<current>:}:3: `prompts.<current>`: `prompts/<current>` is frozen but was edited in place",
                    "llmx prompt new",
                ],
            },
            Mistake {
                make: |w| w.write(LOG, "# Prompt changelog\n"),
                code: 2,
                policies: &["prompts"],
                says: &[
                    "config/model_pins.yml:7:5:",
                    "names `<current>`, which has no entry in prompts/prompt_changelog.md",
                ],
            },
            Mistake {
                make: |w| w.edit(&prompt_file(&CURRENT), "{input_data}", "{input_date}"),
                code: 2,
                policies: &["inputs", "prompts", "pins"],
                says: &[
                    "prompts/<current>:{input_date}: unknown placeholder `{input_date}`",
                    "did you mean `input_data`?",
                ],
            },
            Mistake {
                make: |w| w.edit("prompts/judge_prompt.txt", "{output}", "{output} "),
                code: 2,
                policies: &["prompts", "pins"],
                says: &["`prompts/judge_prompt.txt` was changed", "llmx prompt lock"],
            },
            Mistake {
                make: |w| w.remove(&prompt_file(&CURRENT)),
                code: 2,
                policies: &["inputs", "prompts", "pins"],
                says: &["prompts/<current>: cannot be read"],
            },
        ],
    );
}

#[test]
fn datasets() {
    all(
        World::small,
        &[
            Mistake {
                make: |w| w.edit(GOLD, "{\"id\": \"RF-G-005\"", "{{\"id\": \"RF-G-005\""),
                code: 2,
                policies: &["inputs"],
                says: &["data/gold_set.jsonl:5:2: not valid JSON: key must be a string"],
            },
            Mistake {
                make: |w| w.edit(GOLD, "\"id\": \"RF-G-002\"", "\"id\": \"RF-G-001\""),
                code: 2,
                policies: &["inputs"],
                says: &["data/gold_set.jsonl:2: id `RF-G-001` stands already on line 1"],
            },
            Mistake {
                make: |w| {
                    w.edit(
                        GOLD,
                        "\"expected\": {\"verdict\": \"fail\"",
                        "\"expected\": {\"verdict\": \"pass\"",
                    );
                },
                code: 2,
                policies: &["datasets"],
                says: &[
                    "data/gold_set.jsonl:2: case `RF-G-002`: expected verdict fail from the issues, found pass",
                ],
            },
            Mistake {
                make: |w| w.write(GOLD, ""),
                code: 2,
                policies: &["inputs"],
                says: &["data/gold_set.jsonl: expected at least one case, found none"],
            },
            Mistake {
                make: |w| w.remove(GOLD),
                code: 2,
                policies: &["inputs"],
                says: &["data/gold_set.jsonl: cannot be read"],
            },
            Mistake {
                make: |w| w.edit(GOLD, "\"difficulty\": \"easy\"", "\"difficulty\": \"trivial\""),
                code: 2,
                policies: &["datasets"],
                says: &[
                    "data/gold_set.jsonl:1: `/slices/difficulty`: case `RF-G-001`: \"trivial\" is not one of",
                ],
            },
        ],
    );
}

#[test]
fn configuration() {
    all(
        World::small,
        &[
            Mistake {
                make: |w| w.edit(SUITE, "suite: gold", "suite: gold\nsuite: gold"),
                code: 2,
                policies: &["inputs"],
                says: &["evals/gold.yml:3:1: `suite`: this key stands twice"],
            },
            Mistake {
                make: |w| w.edit(SUITE, "\"@production\"", "claude-3.7-sonic"),
                code: 2,
                policies: &["inputs"],
                says: &[
                    "evals/gold.yml:{models:}:10: `models[0]`: unknown model `claude-3.7-sonic`",
                    "did you mean `claude-3.7-sonnet`?",
                ],
            },
            Mistake {
                make: |w| w.edit(SUITE, "pass_at: 0.7", "pass_at: 0.7, samples: 0"),
                code: 2,
                policies: &["inputs"],
                says: &["evals/gold.yml:{judge:}:", "`judge.samples`: expected 1 to 9 judgements"],
            },
            Mistake {
                make: |w| w.edit(SUITE, "judge:", "jugde:"),
                code: 2,
                policies: &["inputs"],
                says: &["evals/gold.yml:{jugde:}:1: `jugde`: unknown key", "did you mean `judge`?"],
            },
            Mistake {
                make: |w| w.edit(SUITE, "  - set_f1:", "  - set_f2:"),
                code: 2,
                policies: &["inputs"],
                says: &["evals/gold.yml:{set_f2}:", "unknown check `set_f2`", "did you mean `set_f1`"],
            },
            Mistake {
                make: |w| w.edit(SUITE, "equals: { path: /verdict", "equals: { path: verdict"),
                code: 2,
                policies: &["inputs"],
                says: &[
                    "evals/gold.yml:{- equals: }:",
                    "`path` is a JSON pointer: expected `/verdict`, found `verdict`",
                ],
            },
            Mistake {
                make: |w| w.edit(SUITE, "extra_ok: /acceptable", "extra_ok: acceptable"),
                code: 2,
                policies: &["inputs"],
                says: &["evals/gold.yml:{set_f1}:", "`extra_ok` is a JSON pointer"],
            },
            Mistake {
                make: |w| w.remove("data/schemas/output.schema.json"),
                code: 2,
                policies: &["inputs"],
                says: &["evals/gold.yml:{json_schema}:", "data/schemas/output.schema.json: cannot be read"],
            },
            Mistake {
                make: |w| w.edit(MODELS, "{ provider: reference }", "{ provider: referense }"),
                code: 2,
                policies: &["inputs"],
                says: &["config/models.yml:{referense}:", "referense"],
            },
            Mistake {
                make: |w| {
                    w.edit(MODELS, "bedrock\n    model_id: anthropic.", "openai\n    model_id: anthropic.");
                },
                code: 2,
                policies: &["inputs"],
                says: &["config/models.yml:{region: us-east-1}:5: `models.claude-3.7-sonnet.region`: \
                     `region` is for `bedrock`, and this model is `openai`"],
            },
            Mistake {
                make: |w| w.edit(MODELS, "\"http://127.0.0.1", "\"http://ada:pass@127.0.0.1"),
                code: 2,
                policies: &["inputs"],
                says: &[
                    "config/models.yml:{ada:pass}:",
                    "`models.local-llama.base_url`: expected an address without user and password, found some",
                ],
            },
            Mistake {
                make: |w| w.edit(MODELS, "price: free }", "price: free, headers: { X-Api-Key: abc } }"),
                code: 2,
                policies: &["inputs"],
                says: &[
                    "config/models.yml:{X-Api-Key}:",
                    "`models.local-llama.headers.X-Api-Key`: expected `env:NAME`",
                ],
            },
            Mistake {
                make: |w| w.write("config/settings.yml", "mode: recrod\n"),
                code: 2,
                policies: &["inputs"],
                says: &["config/settings.yml:1:", "recrod", "record"],
            },
            Mistake {
                make: |w| w.name_prompt(&CURRENT, &CURRENT.replacen("_v0", "_v", 1)),
                code: 2,
                policies: &["inputs"],
                says: &["cannot be read", "did you mean `<current>`?"],
            },
        ],
    );
}

#[test]
fn environment() {
    all(
        World::small,
        &[
            Mistake {
                make: |w| {
                    w.set("EVALS_MODEL", "claude-3.7-sonic");
                },
                code: 2,
                policies: &["inputs"],
                says: &[
                    "EVALS_MODEL",
                    "unknown model `claude-3.7-sonic`",
                    "did you mean `claude-3.7-sonnet`?",
                ],
            },
            // Nothing is sent without a key, and what could not be asked is not measured.
            Mistake {
                make: |w| {
                    w.set("EVALS_MODEL", "gpt-6.1-sol");
                },
                code: 3,
                policies: &[],
                says: &[": credentials: ", "the environment variable OPENAI_API_KEY"],
            },
            Mistake {
                make: |w| {
                    w.set("EVALS_MODE", "recrod").set("EVALS_CONCURRENCY", "0");
                },
                code: 2,
                policies: &["inputs"],
                says: &[
                    "variable EVALS_MODE: expected one of",
                    "did you mean `record`?",
                    "variable EVALS_CONCURRENCY",
                ],
            },
            Mistake {
                make: |w| {
                    w.git();
                    w.set("EVALS_BASELINE_REF", "origin/nosuch");
                },
                code: 2,
                policies: &["baselines"],
                says: &["EVALS_BASELINE_REF: no commit is called `origin/nosuch`", "fetch-depth: 0"],
            },
            Mistake {
                make: |w| {
                    w.set("EVALS_PROMPT", "prompt_v999.txt");
                },
                code: 2,
                policies: &["inputs"],
                says: &["prompts/prompt_v999.txt: cannot be read"],
            },
        ],
    );
}
