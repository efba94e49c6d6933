//! Secrets planted wherever one can be, and then every byte that the program writes or prints is searched.

use super::{cases, server};
use crate::server::Server;
use crate::world::{Ran, World};

const KEY: &str = "sk-proj-Qm8PlantedOpenaiKey4242";
const ANTHROPIC: &str = "sk-ant-api03-PlantedAnthropicKey4242";
const HEADER: &str = "gw-PlantedHeaderValue4242";
const AWS_ID: &str = "AKIAPLANTEDKEYID4242";
const AWS_SECRET: &str = "PlantedAwsSecret/4242+abcdefghijklmnopqrst";
const AWS_SESSION: &str = "PlantedSessionToken4242//////////";
const ACCOUNT: &str = "424242424242";
const COLLECTOR: &str = "PlantedCollectorToken4242";

const SECRETS: [&str; 8] = [KEY, ANTHROPIC, HEADER, AWS_ID, AWS_SECRET, AWS_SESSION, ACCOUNT, COLLECTOR];

/// The places where secrets must not be: everything in the project but the configuration that a person wrote, and
/// everything that was printed.
#[track_caller]
fn assert_clean(world: &World, ran: &Ran, what: &str) {
    let mut found = Vec::new();
    let mut look = |place: &str, bytes: &[u8]| {
        for secret in SECRETS {
            if bytes.windows(secret.len()).any(|window| window == secret.as_bytes()) {
                found.push(format!("{secret} in {place}"));
            }
        }
    };
    look("stdout", ran.stdout.as_bytes());
    look("stderr", ran.stderr.as_bytes());
    walk(world.root(), &mut |path| {
        if !path.ends_with("config/models.yml") {
            look(&path.display().to_string(), &std::fs::read(path).unwrap());
        }
    });
    assert!(found.is_empty(), "{what}: {}", found.join("\n"));
}

fn walk(folder: &std::path::Path, found: &mut dyn FnMut(&std::path::Path)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, found) } else { found(&path) }
    }
}

fn world(server: impl FnOnce(&World) -> Server) -> (World, Server) {
    let mut world = World::of_cases(&cases(4));
    let server = server(&world);
    let url = &server.url;
    world.write(
        "config/models.yml",
        &format!(
            "models:
  o: {{ provider: openai, base_url: '{url}/v1', model_id: m, api_key_env: MY_KEY, headers: {{ x-gateway: 'env:GATEWAY' }}, timeouts: {{ deadline_s: 0.3 }} }}
  a: {{ provider: anthropic, base_url: '{url}', model_id: m, timeouts: {{ deadline_s: 0.3 }} }}
  b: {{ provider: bedrock, endpoint_url: '{url}', region: us-east-1, model_id: 'arn:aws:bedrock:us-east-1:{ACCOUNT}:inference-profile/m', timeouts: {{ deadline_s: 0.3 }} }}
"
        ),
    );
    let suite = world.read("evals/tiny.yml");
    world.write("evals/tiny.yml", &(suite + "models: [o, a, b]\n"));
    for (name, value) in [
        ("MY_KEY", KEY),
        ("ANTHROPIC_API_KEY", ANTHROPIC),
        ("GATEWAY", HEADER),
        ("AWS_ACCESS_KEY_ID", AWS_ID),
        ("AWS_SECRET_ACCESS_KEY", AWS_SECRET),
        ("AWS_SESSION_TOKEN", AWS_SESSION),
        ("OTEL_EXPORTER_OTLP_HEADERS", &format!("authorization=Bearer {COLLECTOR}")),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"),
        ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true"),
        ("EVALS_LOG", "trace"),
    ] {
        world.set(name, value);
    }
    (world, server)
}

#[test]
fn no_secret_is_written_or_printed() {
    let all = "o,a,b";
    // Answers that come, and answers that never do.
    let (world, _server) = world(|world| server(world, &[]));
    let ran = world.run(&["eval", "--model", all]);
    assert!(super::recorded(&world) > 0, "{}", ran.text());
    assert_clean(&world, &ran, "answers");
    for args in [&["doctor"][..], &["recordings", "ls"], &["test", "--"], &["eval", "--dry-run"]] {
        let ran = world.run(args);
        assert_clean(&world, &ran, &args.join(" "));
    }
    for fault in ["500:1", "429:1", "reset:1", "garbage:1", "truncate:1", "wrong-type:1"] {
        let faulty = server(&world_for_labels(&world), &["--fault", fault]);
        let models = world.read("config/models.yml");
        let port = |text: &str| {
            text.split("127.0.0.1:").nth(1).unwrap().split(['/', '\'']).next().unwrap().to_owned()
        };
        world.write("config/models.yml", &models.replace(&port(&models), &port(&format!("{}/", faulty.url))));
        world.edit("prompts/tiny.txt", "Say", "Say now");
        let ran = world.run(&["eval", "--model", all]);
        assert_eq!(ran.code, 3, "{fault}: {}", ran.text());
        assert_clean(&world, &ran, fault);
    }
}

/// The server reads its labels from a project whose models are its own.
fn world_for_labels(world: &World) -> World {
    World::of_cases(&world.read("data/cases.csv"))
}

/// A server that says back all it was sent: as an error, and as an answer.
#[test]
fn a_server_that_echoes_gives_nothing_away() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for (n, stream) in listener.incoming().enumerate() {
            let echoed = |request: &[u8]| {
                let echo = serde_json::Value::from(String::from_utf8_lossy(request).into_owned());
                let (status, body) = if n % 2 == 0 {
                    (
                        "400 Bad Request",
                        format!(
                            r#"{{"error":{{"message":{echo},"type":"invalid_request_error"}},"message":{echo}}}"#
                        ),
                    )
                } else {
                    (
                        "200 OK",
                        format!(
                            r#"{{"model":{echo},"choices":[{{"message":{{"content":{echo}}},"finish_reason":"stop"}}],"type":"message","content":[{{"type":"text","text":{echo}}}],"stop_reason":"end_turn","usage":{{"prompt_tokens":1,"completion_tokens":1,"input_tokens":1,"output_tokens":1}}}}"#
                        ),
                    )
                };
                (status.to_owned(), body)
            };
            let _ = super::answer_one(stream.unwrap(), echoed);
        }
    });
    let (world, server) = world(|world| server(world, &[]));
    let models = world.read("config/models.yml");
    world.write("config/models.yml", &models.replace(&server.url, &format!("http://127.0.0.1:{port}")));
    for model in ["o", "a", "b"] {
        let ran = world.run(&["eval", "--model", model]);
        assert_clean(&world, &ran, model);
        // The echo did come, as an error and as an answer, and what was secret in it was masked in both.
        let masked = |folder: &str| {
            let mut found = 0;
            walk(&world.path(folder), &mut |path| {
                found += usize::from(std::fs::read_to_string(path).unwrap_or_default().contains("***"));
            });
            found
        };
        assert!(masked("reports") > 0 && masked("data/recordings") > 0, "{model}: {}", ran.text());
    }
}
