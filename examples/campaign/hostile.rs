//! Hostile answers and errors from a server in the campaign: nothing of them may reach a terminal, a report or a file in a
//! form that does harm. Keys that it echoes may be in no file, in any form.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use crate::stage::{Failed, Ran, Stage, files, write};
use crate::tally::Tally;

/// A long key with characters that every encoding changes, and a short one.
const KEYS: [&str; 2] = ["sk/campaign+Zq9\"7<x>&Lw=42", "k9/Q+7"];

/// The new case is recorded; then the accepted cases get hostile answers.
const MODES: [&str; 2] = ["record", "live"];

/// In every payload that must not be taken for a command of a CI system.
const MARK: &str = "PWNED";

/// Texts that break terminals, XML, Markdown, HTML and CI logs.
const TEXTS: [&str; 26] = [
    "\u{1b}[2J\u{1b}[H PWNED",
    "\u{1b}]0;PWNED\u{7}",
    "\u{1b}]8;;http://x\u{1b}\\PWNED\u{1b}]8;;\u{1b}\\",
    "\u{9b}31m PWNED",
    "ok\rPWNED",
    "ok\u{8}\u{8}PWNED",
    "\u{202e}DENWP\u{202c}",
    "\u{0}PWNED",
    "\u{fffe}\u{ffff}PWNED",
    "\n::error file=x::PWNED",
    "\n::add-mask::PWNED",
    "\n##vso[task.setvariable variable=x]PWNED",
    "<script>PWNED</script>",
    "<img src=x onerror=PWNED>",
    "]]></failure></testcase></testsuite><x>PWNED",
    "<![CDATA[ PWNED",
    "<!DOCTYPE x [<!ENTITY y SYSTEM \"file:///etc/passwd\">]>&y;PWNED",
    "&#0;&#x1b;PWNED",
    "| a | b |\n|---|---|\n| PWNED |",
    "```\n</details>\n# PWNED",
    "<!-- PWNED",
    "[x](javascript:PWNED)",
    "@everyone #1 PWNED",
    "\u{200b}\u{feff}PWNED",
    "{\"verdict\": \"pass\", \"verdict\": \"PWNED\"}",
    "{\"verdict\": 1e999999}PWNED",
];

/// The next response of the server, in full.
type Next = Arc<Mutex<Vec<u8>>>;

pub(crate) fn run(stage: &mut Stage) -> Result<Vec<Tally>, Failed> {
    let next = Next::default();
    let url = server(Arc::clone(&next))?;
    let mut texts = Tally::new("hostile answers");
    // The short form takes every third case.
    let step = stage.size(3, 1);
    for (name, response) in responses().into_iter().step_by(step) {
        // A live run asks 25 times, which takes long with large answers.
        let is_brief = step > 1 && response.len() > 1 << 20;
        let modes = if is_brief { &MODES[..1] } else { &MODES };
        say(&next, response);
        look(stage, &mut texts, &name, &url, KEYS[0], modes)?;
    }
    let mut echoed = Tally::new("echoed keys");
    for key in KEYS {
        for (form, text) in forms(key) {
            for (place, response) in echoes(&text).into_iter().skip(form.len() % step).step_by(step) {
                say(&next, response);
                look(
                    stage,
                    &mut echoed,
                    &format!("{form} of {} characters in {place}", key.len()),
                    &url,
                    key,
                    &MODES,
                )?;
            }
        }
    }
    Ok(vec![texts, echoed])
}

fn say(next: &Next, response: Vec<u8>) {
    *next.lock().unwrap_or_else(PoisonError::into_inner) = response;
}

/// A server that reads a request and says what is next, whatever it was asked.
fn server(next: Next) -> Result<String, Failed> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = listener.local_addr()?.to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let next = Arc::clone(&next);
            std::thread::spawn(move || {
                let mut stream = stream;
                let mut request = Vec::new();
                let mut piece = [0; 4096];
                while !is_whole(&request) {
                    match stream.read(&mut piece) {
                        Ok(read) if read > 0 => request.extend(piece.get(..read).unwrap_or_default()),
                        _ => return,
                    }
                }
                let response = next.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let _ = stream.write_all(&response);
            });
        }
    });
    Ok(url)
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:").map(str::to_owned));
    body.len() >= length.and_then(|length| length.trim().parse().ok()).unwrap_or(0)
}

fn http(status: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A whole answer in the protocol.
fn answer(text: &str, served: &str) -> Vec<u8> {
    http("200 OK", body(text, served).as_bytes())
}

fn body(text: &str, served: &str) -> String {
    json!({
        "id": "x", "object": "chat.completion", "model": served,
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2 },
    })
    .to_string()
}

fn error(message: &str) -> Vec<u8> {
    let body = json!({ "error": { "message": message, "code": message, "type": message } });
    http("400 Bad Request", body.to_string().as_bytes())
}

fn responses() -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for (at, text) in TEXTS.iter().enumerate() {
        all.push((format!("text {at}"), answer(text, "m-1")));
        let member = json!({ "verdict": text, (*text): "pass" }).to_string();
        all.push((format!("text {at} in a member"), answer(&member, "m-1")));
        all.push((format!("text {at} as the model's name"), answer("{\"verdict\": \"fail\"}", text)));
        all.push((format!("text {at} in an error"), error(text)));
    }
    let large = "PWNED ".repeat(10 << 17);
    all.push(("8 MB of text".to_owned(), answer(&large, "m-1")));
    all.push(("8 MB in a member".to_owned(), answer(&json!({ "verdict": large }).to_string(), "m-1")));
    all.push(("8 MB as the model's name".to_owned(), answer("{\"verdict\": \"fail\"}", &large)));
    all.push(("8 MB in an error".to_owned(), error(&large)));
    all.push(("18 MB of text, more than is read".to_owned(), answer(&"PWNED ".repeat(3 << 20), "m-1")));
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    all.push(("a deep answer".to_owned(), answer(&deep, "m-1")));
    all.push(("a deep response".to_owned(), http("200 OK", deep.as_bytes())));
    all.push((
        "a lone surrogate".to_owned(),
        http("200 OK", body("SURROGATE PWNED", "m-1").replace("SURROGATE", "\\ud800").as_bytes()),
    ));
    all.push(("no HTTP".to_owned(), b"PWNED\r\n\r\n".to_vec()));
    all.push((
        "a body that is too short".to_owned(),
        b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{".to_vec(),
    ));
    all.push((
        "wrong chunks".to_owned(),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nPWNED".to_vec(),
    ));
    all.push(("nothing".to_owned(), Vec::new()));
    all
}

/// Where a server may echo a text.
fn echoes(text: &str) -> [(&'static str, Vec<u8>); 4] {
    [
        ("an answer", answer(&format!("your key is {text} indeed"), "m-1")),
        ("a member", answer(&json!({ "verdict": text }).to_string(), "m-1")),
        ("the model's name", answer("{\"verdict\": \"fail\"}", text)),
        ("an error", error(&format!("wrong key {text} given"))),
    ]
}

/// A key in every form that a server may echo.
fn forms(key: &str) -> Vec<(&'static str, String)> {
    let all = |each: &dyn Fn(u8) -> String| key.bytes().map(each).collect::<String>();
    let special = |byte: u8| !byte.is_ascii_alphanumeric();
    let quoted = serde_json::Value::from(key).to_string();
    vec![
        ("plain", key.to_owned()),
        ("JSON string", quoted.trim_matches('"').to_owned()),
        ("JSON escapes", all(&|byte| format!("\\u{byte:04x}"))),
        ("escaped slashes", quoted.trim_matches('"').replace('/', "\\/")),
        (
            "URL encoding",
            all(&|byte| if special(byte) { format!("%{byte:02X}") } else { char::from(byte).to_string() }),
        ),
        (
            "lower-case URL encoding",
            all(&|byte| if special(byte) { format!("%{byte:02x}") } else { char::from(byte).to_string() }),
        ),
        ("base64", base64(key.as_bytes())),
        ("base64 after one byte", base64(&[b":", key.as_bytes()].concat())),
        ("base64 after `Bearer `", base64(format!("Bearer {key}").as_bytes())),
        ("base64 for URLs", base64(key.as_bytes()).replace('+', "-").replace('/', "_")),
        ("hexadecimal digits", all(&|byte| format!("{byte:02x}"))),
        (
            "HTML entities",
            key.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;"),
        ),
    ]
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for piece in bytes.chunks(3) {
        let at = |i: usize| u32::from(piece.get(i).copied().unwrap_or_default());
        let all = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..=piece.len() {
            let value = usize::try_from(all >> (18 - 6 * digit) & 63).unwrap_or_default();
            text.push(char::from(DIGITS.get(value).copied().unwrap_or(b'A')));
        }
    }
    text
}

/// Ask the hostile server once, and look at everything that was left.
fn look(
    stage: &Stage,
    tally: &mut Tally,
    what: &str,
    url: &str,
    key: &str,
    modes: &[&str],
) -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    stage.project(dir.path(), url, 1)?;
    let models = fs::read_to_string(dir.path().join("config/models.yml"))?
        + "    timeouts: { attempt_s: 5, deadline_s: 5 }\n";
    write(dir.path(), "config/models.yml", &models)?;
    tally.faults += 1;
    for mode in modes {
        let mut command = stage.command(dir.path(), &["eval", "bench", "--mode", mode]);
        let ran = stage.start(command.env("CAMPAIGN_KEY", key).env("GITHUB_ACTIONS", "true"))?.end()?;
        let what = format!("{what}, mode {mode}");
        tally.ended(&what, &ran);
        // Worse, or not determined; nothing that the caller configured is wrong.
        if ![Some(1), Some(3)].contains(&ran.code) {
            tally.broken(format!("{what}: exit {:?}, expected 1 or 3", ran.code));
        }
        printed(tally, &what, &ran);
        left_behind(tally, &what, dir.path(), ran, key)?;
    }
    Ok(())
}

/// Look at the output, the recordings and the reports of a run.
fn left_behind(tally: &mut Tally, what: &str, root: &Path, ran: Ran, key: &str) -> Result<(), Failed> {
    let mut left: Vec<(String, Vec<u8>)> =
        vec![("stdout".to_owned(), ran.out), ("stderr".to_owned(), ran.err)];
    for file in files(root)? {
        if file.starts_with("reports") || file.starts_with("data/recordings") {
            left.push((file.display().to_string(), fs::read(root.join(&file))?));
        }
    }
    for (name, bytes) in &left {
        let text = String::from_utf8_lossy(bytes);
        for form in secrets(key) {
            if text.contains(&form) {
                tally.secrets += 1;
                tally.line(format!("{what}: a form of the key is in {name}"));
                break;
            }
        }
        let text = without_code(&text);
        if Path::new(name).extension().is_some_and(|end| end == "md")
            && ["<script", "<img", "<!DOCTYPE", "](javascript:"].iter().any(|part| is_live(&text, part))
        {
            tally.broken(format!("{what}: markup in {name}"));
        }
    }
    match left.iter().find(|(name, _)| name == "reports/junit.xml") {
        None => tally.broken(format!("{what}: no junit.xml")),
        Some((_, bytes)) => {
            if let Err(why) = well_formed(&String::from_utf8_lossy(bytes)) {
                tally.broken(format!("{what}: junit.xml: {why}"));
            }
        }
    }
    Ok(())
}

/// Markdown without its fenced blocks, in which markup is text.
fn without_code(text: &str) -> String {
    let mut fence = None;
    let mut rest = String::new();
    for line in text.lines() {
        let ticks = line.trim_start().bytes().take_while(|byte| *byte == b'`').count();
        match fence {
            None if ticks >= 3 => fence = Some(ticks),
            Some(open) if ticks >= open && line.trim().bytes().all(|byte| byte == b'`') => fence = None,
            Some(_) => {}
            None => rest = rest + line + "\n",
        }
    }
    rest
}

/// Markup that no backslash makes text.
fn is_live(text: &str, part: &str) -> bool {
    text.match_indices(part).any(|(at, _)| !text.get(..at).is_some_and(|before| before.ends_with('\\')))
}

/// Forms that are looked for, as they are in a file: those of [`forms`] and what a file's own quoting makes of them.
fn secrets(key: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (name, form) in forms(key) {
        // With something before it, only whole groups after it are the same each time.
        let form = match name {
            "base64 after one byte" => form.get(4..form.len() - 4).unwrap_or_default().to_owned(),
            "base64 after `Bearer `" => form.get(12..form.len() - 4).unwrap_or_default().to_owned(),
            _ => form,
        };
        let quoted = serde_json::Value::from(form.as_str()).to_string();
        all.push(quoted.trim_matches('"').to_owned());
        all.push(form);
    }
    all.retain(|form| form.len() > 3);
    all
}

/// Nothing on a terminal or in a CI log but text.
fn printed(tally: &mut Tally, what: &str, ran: &Ran) {
    for (name, bytes) in [("stdout", &ran.out), ("stderr", &ran.err)] {
        let text = String::from_utf8_lossy(bytes);
        if let Some(c) = text.chars().find(|c| c.is_control() && !"\n\t".contains(*c)) {
            tally.broken(format!("{what}: U+{:04X} in {name}", u32::from(c)));
        }
        let is_command = |line: &str| {
            let line = line.trim_start();
            line.contains(MARK)
                && (line.starts_with("::") && !line.starts_with("::error") && !line.starts_with("::warning")
                    || line.starts_with("##"))
        };
        if text.lines().any(is_command) {
            tally.broken(format!("{what}: a command of a CI system in {name}"));
        }
        if bytes.len() > 200_000 {
            tally.broken(format!("{what}: {} bytes in {name}", bytes.len()));
        }
    }
}

/// Tags are closed in their order, and every character is allowed.
fn well_formed(xml: &str) -> Result<(), String> {
    if let Some(c) = xml.chars().find(|c| {
        let code = u32::from(*c);
        code < 32 && !"\n\t\r".contains(*c) || code == 0xfffe || code == 0xffff
    }) {
        return Err(format!("U+{:04X} is not allowed", u32::from(c)));
    }
    let mut open: Vec<String> = Vec::new();
    let mut rest = xml;
    while let Some(at) = rest.find('<') {
        let text = rest.get(..at).unwrap_or_default();
        check_text(text)?;
        rest = rest.get(at..).unwrap_or_default();
        if let Some(data) = rest.strip_prefix("<![CDATA[") {
            let end = data.find("]]>").ok_or("CDATA without an end")?;
            rest = data.get(end + 3..).unwrap_or_default();
            continue;
        }
        let end = rest.find('>').ok_or("a tag without an end")?;
        let tag = rest.get(1..end).unwrap_or_default();
        rest = rest.get(end + 1..).unwrap_or_default();
        if tag.starts_with('?') {
            continue;
        }
        if tag.starts_with('!') || tag.contains('<') {
            return Err(format!("markup <{}", tag.chars().take(40).collect::<String>()));
        }
        check_text(tag)?;
        let name: String =
            tag.trim_start_matches('/').chars().take_while(|c| !c.is_whitespace() && *c != '/').collect();
        if tag.starts_with('/') {
            if open.pop().as_deref() != Some(name.as_str()) {
                return Err(format!("</{name}> closes another tag"));
            }
        } else if !tag.ends_with('/') {
            open.push(name);
        }
    }
    if open.is_empty() { check_text(rest) } else { Err(format!("<{}> stays open", open.join("> <"))) }
}

fn check_text(text: &str) -> Result<(), String> {
    for part in text.split('&').skip(1) {
        let name = part.split(';').next().unwrap_or_default();
        let known = ["amp", "lt", "gt", "quot", "apos"].contains(&name) || name.starts_with('#');
        if !known || !part.contains(';') {
            let mut shown = String::new();
            let _ = write!(shown, "&{}", name.chars().take(20).collect::<String>());
            return Err(format!("`{shown}` is not an entity"));
        }
    }
    Ok(())
}
