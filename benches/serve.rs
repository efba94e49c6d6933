//! What a request to `llmx serve` costs: `cargo bench --bench serve [-- --program target/release/llmx] [--requests N]`.
//!
//! The same upstream (`llmx sim`), the same client and the same requests, first through `llmx serve`, then through a bare
//! axum server that hands each on with reqwest and does nothing else, each a process of its own. Prints CPU a request, how
//! much of the ideal throughput is reached, and memory at the beginning and at the end. Asserts nothing about speed; ends
//! with an error if a request was not answered, because a figure of that would be none. Linux only: it reads `/proc`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a table is printed, and what went wrong")]

use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use clap::Parser as _;
use serde_json::{Value, json};

type Done<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Costs of the service beside a bare proxy.
#[derive(clap::Parser)]
struct Options {
    /// Requests of the comparison without latency
    #[arg(long, default_value_t = 20_000)]
    requests: usize,
    /// Requests of the run that looks at memory; 0 leaves it out
    #[arg(long, default_value_t = 200_000)]
    soak: usize,
    /// Measure this program instead of the `llmx` that `cargo bench` built
    #[arg(long, default_value = env!("CARGO_BIN_EXE_llmx"), hide_default_value = true)]
    program: PathBuf,
    /// Cargo's own flag
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--proxy", upstream] => block_on(proxy((*upstream).to_owned())),
        _ => block_on(measure(Options::parse())),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn block_on(work: impl Future<Output = Done<()>>) -> Done<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

const PROMPT: &str = "Judge it.\n{input_data}\n";

/// The floor: one hop, nothing kept, nothing checked.
async fn proxy(upstream: String) -> Done<()> {
    let client = reqwest::Client::new();
    let app =
        Router::new().route("/", post(hop)).with_state((client, format!("{upstream}/v1/chat/completions")));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("proxy listening on http://{}/", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

async fn hop(
    State((client, url)): State<(reqwest::Client, String)>,
    body: String,
) -> Result<String, StatusCode> {
    let prompt = PROMPT.replace("{input_data}", &body);
    let request =
        json!({ "model": "m", "max_tokens": 50, "messages": [{ "role": "user", "content": prompt }] });
    let failed = |_| StatusCode::BAD_GATEWAY;
    let sent = client.post(url).header("content-type", "application/json").body(request.to_string());
    let text = sent.send().await.map_err(failed)?.text().await.map_err(failed)?;
    let answer: Value = serde_json::from_str(&text).map_err(|_| StatusCode::BAD_GATEWAY)?;
    answer["choices"][0]["message"]["content"].as_str().map(str::to_owned).ok_or(StatusCode::BAD_GATEWAY)
}

/// A child that says where it listens.
struct Running {
    child: Child,
    url: String,
}

impl Running {
    fn start(command: &mut Command) -> Done<Self> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let url = line.trim().rsplit(' ').next().unwrap_or_default().to_owned();
        if url.starts_with("http") {
            Ok(Self { child, url })
        } else {
            Err(format!("it says `{line}`").into())
        }
    }

    /// CPU seconds so far: the system's ticks are hundredths of a second.
    fn cpu(&self) -> Done<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let after = stat.rsplit(')').next().unwrap_or_default();
        let fields: Vec<&str> = after.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|ticks| ticks.parse::<f64>().ok()).ok_or("no ticks");
        Ok((ticks(11)? + ticks(12)?) / 100.0)
    }

    /// Resident memory in MB.
    fn memory(&self) -> Done<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes / 1000.0)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn sim(program: &Path, latency: &str) -> Done<Running> {
    let answer = r#"{"verdict": "pass"}"#;
    Running::start(Command::new(program).args(["sim", "--answer", answer, "--latency", latency]))
}

/// A project with one pinned task.
fn project(folder: &Path, upstream: &str) -> Done<()> {
    let sha256 = llm_experiments::json::sha256_hex(PROMPT);
    for (file, text) in [
        (
            "config/models.yml",
            format!(
                "models:\n  net: {{ provider: openai, base_url: {upstream}/v1, model_id: m, params: {{ max_tokens: 50 }}, limits: {{ in_flight: 512 }} }}\n"
            ),
        ),
        (
            "config/prompt_graph.yml",
            "tasks:\n  judge_it: { nodes: { answer: { prompt: p.txt } }, output_schema: out.json }\n"
                .to_owned(),
        ),
        (
            "config/model_pins.yml",
            format!(
                "pins:\n  judge_it: {{ model: net, prompt: p.txt, prompt_sha256: {sha256}, pinned_on: 2026-11-01, retires_on: null }}\n"
            ),
        ),
        ("prompts/p.txt", PROMPT.to_owned()),
        ("out.json", r#"{"type": "object", "required": ["verdict"]}"#.to_owned()),
    ] {
        let path = folder.join(file);
        std::fs::create_dir_all(path.parent().ok_or("no folder")?)?;
        llm_experiments::files::atomic_write(&path, text.as_bytes())?;
    }
    Ok(())
}

/// Ask `n` times, `at_once` at the same time; seconds.
async fn load(url: &str, from: usize, n: usize, at_once: usize) -> Done<f64> {
    let client = reqwest::Client::builder().pool_max_idle_per_host(at_once).build()?;
    let next = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..at_once {
        let (client, next, url) = (client.clone(), Arc::clone(&next), url.to_owned());
        workers.spawn(async move {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= n {
                    return Done::Ok(());
                }
                ask(&client, &url, from + at).await?;
            }
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker??;
    }
    Ok(started.elapsed().as_secs_f64())
}

async fn ask(client: &reqwest::Client, url: &str, number: usize) -> Done<()> {
    let body =
        format!("{{\"id\": \"r-{number}\", \"note\": \"a note of some length about number {number}\"}}");
    let sent = client.post(url).header("content-type", "application/json").body(body).send().await?;
    let status = sent.status();
    let text = sent.text().await?;
    if status.is_success() && text.contains("pass") {
        Ok(())
    } else {
        Err(format!("{status}: {text}").into())
    }
}

/// Seconds before and while answers are counted.
const WARM: Duration = Duration::from_secs(2);
const WINDOW: Duration = Duration::from_secs(8);

/// Answers a second while `at_once` callers, who begin one after the other within `latency`, each ask again as soon as they
/// have their answer.
async fn rate(url: &str, from: usize, at_once: usize, latency: Duration) -> Done<f64> {
    let client = reqwest::Client::builder().pool_max_idle_per_host(at_once).build()?;
    let (next, ends) = (Arc::new(AtomicUsize::new(0)), Instant::now() + WARM + WINDOW);
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..at_once {
        let (client, next, url) = (client.clone(), Arc::clone(&next), url.to_owned());
        let wait = latency.mul_f64(worker as f64 / at_once as f64);
        workers.spawn(async move {
            tokio::time::sleep(wait).await;
            let counts_from = ends - WINDOW;
            let mut counted = 0_u32;
            while Instant::now() < ends {
                ask(&client, &url, from + next.fetch_add(1, Ordering::Relaxed)).await?;
                counted += u32::from((counts_from..ends).contains(&Instant::now()));
            }
            Done::Ok(counted)
        });
    }
    let mut all = 0;
    while let Some(worker) = workers.join_next().await {
        all += worker??;
    }
    Ok(f64::from(all) / WINDOW.as_secs_f64())
}

async fn measure(options: Options) -> Done<()> {
    let home = tempfile::tempdir()?;
    println!("| what | llmx serve | bare proxy | ratio |\n|---|---:|---:|---:|");
    for (flags, name) in [(&[][..], "answers kept"), (&["--keep-nothing"][..], "nothing kept")] {
        let mut per_request = Vec::new();
        {
            let upstream = sim(&options.program, "0")?;
            let folder = home.path().join(format!("plain {name}"));
            project(&folder, &upstream.url)?;
            let serve = serving(&options.program, &folder, flags)?;
            let bare =
                Running::start(Command::new(std::env::current_exe()?).args(["--proxy", &upstream.url]))?;
            for (running, url) in
                [(&serve, format!("{}/v1/tasks/judge_it", serve.url)), (&bare, bare.url.clone())]
            {
                load(&url, 10_000_000, 500, 64).await?;
                let before = running.cpu()?;
                load(&url, 0, options.requests, 64).await?;
                per_request.push(1e6 * (running.cpu()? - before) / options.requests as f64);
            }
        }
        row(&format!("{name}: CPU a request, us"), per_request[0], per_request[1]);
        let upstream = sim(&options.program, "100")?;
        let folder = home.path().join(format!("slow {name}"));
        project(&folder, &upstream.url)?;
        let serve = serving(&options.program, &folder, flags)?;
        let bare = Running::start(Command::new(std::env::current_exe()?).args(["--proxy", &upstream.url]))?;
        let (n, at_once) = (256 * 40, 256);
        let (mut together, mut evenly) = (Vec::new(), Vec::new());
        for url in [format!("{}/v1/tasks/judge_it", serve.url), bare.url.clone()] {
            load(&url, 10_000_000, 512, at_once).await?;
            let latency = Duration::from_millis(100);
            let ideal = at_once as f64 / latency.as_secs_f64();
            evenly.push(100.0 * rate(&url, 20_000_000, at_once, latency).await? / ideal);
            let seconds = load(&url, 0, n, at_once).await?;
            together.push(100.0 * n as f64 / seconds / ideal);
        }
        let what = "100 ms upstream, 256 in flight";
        row(&format!("{name}: {what}, who come evenly, % of ideal"), evenly[0], evenly[1]);
        row(&format!("{name}: {what}, who come at the same moment, % of ideal"), together[0], together[1]);
    }
    if options.soak > 0 {
        let upstream = sim(&options.program, "0")?;
        let folder = home.path().join("soak");
        project(&folder, &upstream.url)?;
        let serve = serving(&options.program, &folder, &[])?;
        let url = format!("{}/v1/tasks/judge_it", serve.url);
        let tenth = options.soak / 10;
        let mut memory = Vec::new();
        for part in 0..10 {
            load(&url, part * tenth, tenth, 64).await?;
            memory.push(serve.memory()?);
        }
        let shown: Vec<String> = memory.iter().map(|mb| format!("{mb:.0}")).collect();
        println!("\nMemory after each tenth of {} requests, MB: {}", options.soak, shown.join(", "));
    }
    Ok(())
}

fn serving(program: &Path, folder: &Path, flags: &[&str]) -> Done<Running> {
    let mut command = Command::new(program);
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--max-in-flight", "512", "--root"])
        .arg(folder)
        .args(flags);
    let running = Running::start(&mut command)?;
    std::thread::sleep(Duration::from_millis(50));
    Ok(running)
}

fn row(what: &str, ours: f64, bare: f64) {
    println!("| {what} | {ours:.1} | {bare:.1} | {:.2} |", ours / bare);
}
