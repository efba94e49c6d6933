//! A provider behind TLS whose authority this machine does not know, and `AWS_CA_BUNDLE`.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

use insta::assert_snapshot;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::answer_one;
use super::task::{GOOD, project};
use crate::world::World;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls").join(name)
}

/// A server of chat completions over TLS; its address.
fn server() -> String {
    let read = |name: &str| std::fs::read(fixture(name)).unwrap();
    let key = PrivatePkcs8KeyDer::from(read("server_p8.der"));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(read("server.der"))], key.into())
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            // A client that does not trust the certificate ends the connection.
            let _ = reply(StreamOwned::new(connection, stream));
        }
    });
    url
}

fn reply(stream: StreamOwned<ServerConnection, TcpStream>) -> std::io::Result<()> {
    let answer = serde_json::json!({
        "id": "1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": GOOD }, "finish_reason": "stop" }],
    });
    let mut stream = answer_one(stream, |_| ("200 OK".to_owned(), answer.to_string()))?;
    stream.conn.send_close_notify();
    stream.flush()
}

/// A project whose task is answered at `url`, with one input.
fn world(url: &str) -> World {
    let (world, _) = project(GOOD, &[]);
    super::task::models(&world, url, url);
    world.write("in.jsonl", "{\"id\": \"a\", \"note\": \"n\"}\n");
    world
}

fn run(world: &World) -> crate::world::Ran {
    let (input, output) = (world.path("in.jsonl"), world.path("out.jsonl"));
    let (input, output) = (input.display().to_string(), output.display().to_string());
    world.run(&["task", "run", "judge_it", "--in", &input, "--out", &output])
}

/// Lines about what is wrong, without the port.
fn problem(world: &World, url: &str) -> String {
    let ran = run(world).exits(2);
    let said = ran.text().replace(url, "URL").replace(&world.root().display().to_string(), "PROJECT");
    said.lines()
        .filter(|line| line.contains("certificate") || line.contains("CA_BUNDLE"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn an_authority_that_is_not_known_is_named_and_stops_a_batch() {
    let url = server();
    assert_snapshot!(problem(&world(&url), &url), @"error: net: misconfigured: error sending request: client error (Connect): invalid peer certificate: UnknownIssuer: this machine does not trust the authority (CA) that issued the server's certificate. hint: name a file with that CA in SSL_CERT_FILE or AWS_CA_BUNDLE (at URL: is `base_url` right?)");
}

#[test]
fn the_bundle_of_certificates_is_trusted() {
    let url = server();
    let mut world = world(&url);
    world.set("AWS_CA_BUNDLE", &fixture("ca.crt").display().to_string());
    run(&world).exits(0);
    assert!(world.read("out.jsonl").contains("\"id\":\"a\""));
}

#[test]
fn a_bundle_that_cannot_be_used_is_named() {
    let url = server();
    let mut world = world(&url);
    let mut found = Vec::new();
    for (name, text) in [("none.crt", None), ("empty.crt", Some("")), ("other.crt", Some("not PEM\n"))] {
        if let Some(text) = text {
            world.write(name, text);
        }
        world.set("AWS_CA_BUNDLE", &world.path(name).display().to_string());
        found.push(problem(&world, &url));
    }
    assert_snapshot!(found.join("\n"), @r"
    error: net: misconfigured: AWS_CA_BUNDLE (PROJECT/none.crt): the file cannot be read: No such file or directory (os error 2)
    error: net: misconfigured: AWS_CA_BUNDLE (PROJECT/empty.crt): the file does not contain a certificate in PEM
    error: net: misconfigured: AWS_CA_BUNDLE (PROJECT/other.crt): the file does not contain a certificate in PEM
    ");
}
