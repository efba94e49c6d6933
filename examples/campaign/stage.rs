//! Shared parts of the loops: a project, the program under a time limit, the model server, and the files on disk.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use llm_experiments::json::sha256_hex;
use llm_experiments::stats::rng::Rng;

/// The error that ends a loop.
pub(crate) type Failed = Box<dyn std::error::Error>;

/// Time after which a command that ends by itself counts as hung.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// Requests at the model at once.
pub(crate) const IN_FLIGHT: usize = 8;

/// Cases that the accepted baseline of a project has; their answers are recorded.
pub(crate) const ACCEPTED: usize = 5;

/// The program, the size of the campaign, and its draws.
pub(crate) struct Stage {
    llmx: PathBuf,
    full: bool,
    pub(crate) rng: Rng,
    /// Prompt lock, changelog, baseline and recordings of every project.
    accepted: tempfile::TempDir,
}

/// The exit code and the output of a command.
pub(crate) struct Ran {
    /// Nothing: ended by a signal.
    pub(crate) code: Option<i32>,
    pub(crate) out: Vec<u8>,
    pub(crate) err: Vec<u8>,
    pub(crate) hung: bool,
    was_killed: bool,
}

impl Ran {
    pub(crate) fn panicked(&self) -> bool {
        let err = String::from_utf8_lossy(&self.err);
        err.contains("panicked at")
            || err.contains("has overflowed its stack")
            || (self.code.is_none() && !self.was_killed)
            || self.code == Some(101)
    }
}

/// A running command. It prints into files, so it never waits for a reader.
pub(crate) struct Started {
    pub(crate) child: Child,
    out: tempfile::NamedTempFile,
    err: tempfile::NamedTempFile,
}

impl Started {
    /// Interrupt it (`TERM` or `INT`), and wait until it has ended.
    pub(crate) fn interrupt(self, signal: &str) -> Result<Ran, Failed> {
        Command::new("kill").args([format!("-{signal}"), self.child.id().to_string()]).status()?;
        self.end()
    }

    /// Kill it where it is (`SIGKILL`).
    pub(crate) fn kill(mut self) -> Result<Ran, Failed> {
        let ended_itself = self.child.try_wait()?.is_some();
        self.child.kill()?;
        self.left(false, !ended_itself)
    }

    /// Wait for its end, and kill it after [`LIMIT`].
    pub(crate) fn end(mut self) -> Result<Ran, Failed> {
        let start = Instant::now();
        while self.child.try_wait()?.is_none() {
            if start.elapsed() > LIMIT {
                self.child.kill()?;
                return self.left(true, true);
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        self.left(false, false)
    }

    fn left(mut self, hung: bool, was_killed: bool) -> Result<Ran, Failed> {
        let code = self.child.wait()?.code();
        let (out, err) = (fs::read(self.out.path())?, fs::read(self.err.path())?);
        Ok(Ran { code, out, err, hung, was_killed })
    }
}

impl Stage {
    /// Accepts the baseline that every project starts with.
    pub(crate) fn new(llmx: PathBuf, full: bool, rng: Rng) -> Result<Self, Failed> {
        let stage = Self { llmx, full, rng, accepted: tempfile::tempdir()? };
        let dir = tempfile::tempdir()?;
        let root = dir.path();
        let sim = Server::sim(&stage, root, &[])?;
        bare(root, &sim.url, 0)?;
        stage.must(root, &["prompt", "lock"], &[0])?;
        stage.must(
            root,
            &["baseline", "accept", "bench", "--yes", "--by", "Ada", "--mode", "record"],
            &[0],
        )?;
        for folder in ["prompts", "data/baselines", "data/recordings"] {
            copy(&root.join(folder), &stage.accepted.path().join(folder))?;
        }
        Ok(stage)
    }

    /// A project of [`ACCEPTED`] cases with a baseline and `n` new ones, on the model server at `url`.
    pub(crate) fn project(&self, root: &Path, url: &str, n: usize) -> Result<(), Failed> {
        bare(root, url, n)?;
        copy(self.accepted.path(), root)
    }

    /// One number for the short form, one for the full form.
    pub(crate) fn size(&self, short: usize, full: usize) -> usize {
        if self.full { full } else { short }
    }

    /// The program in a project, with nothing of the caller's environment.
    pub(crate) fn command(&self, root: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(&self.llmx);
        command.args(args).current_dir(root).env_clear().env("HOME", root).env("NO_COLOR", "1");
        command.env("CAMPAIGN_KEY", "sk-campaign-of-faults");
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn start(&self, command: &mut Command) -> Result<Started, Failed> {
        let (out, err) = (tempfile::NamedTempFile::new()?, tempfile::NamedTempFile::new()?);
        let child = command.stdout(out.reopen()?).stderr(err.reopen()?).spawn()?;
        Ok(Started { child, out, err })
    }

    pub(crate) fn run(&self, root: &Path, args: &[&str]) -> Result<Ran, Failed> {
        self.start(&mut self.command(root, args))?.end()
    }

    /// The same, where anything but these exit codes means that the campaign itself is wrong.
    pub(crate) fn must(&self, root: &Path, args: &[&str], codes: &[i32]) -> Result<Ran, Failed> {
        let ran = self.run(root, args)?;
        if ran.code.is_some_and(|code| codes.contains(&code)) {
            return Ok(ran);
        }
        let err = String::from_utf8_lossy(&ran.err).into_owned();
        Err(format!("`llmx {}` ended with {:?}: {err}", args.join(" "), ran.code).into())
    }
}

/// `llmx sim` or `llmx serve`; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    err: tempfile::NamedTempFile,
    _stdin: Option<ChildStdin>,
}

impl Server {
    pub(crate) fn sim(stage: &Stage, root: &Path, args: &[&str]) -> Result<Self, Failed> {
        let answer = "{\"verdict\": \"pass\", \"case\": \"{{case}}\"}";
        let fixed = ["sim", "--until-stdin-closes", "--answer", answer];
        Self::of(&mut stage.command(root, &[&fixed, args].concat()))?.ok_or_else(|| "no model server".into())
    }

    /// Nothing where the service does not start.
    pub(crate) fn serve(stage: &Stage, root: &Path, args: &[&str]) -> Result<Option<Self>, Failed> {
        Self::of(&mut stage.command(root, &[&["serve", "--listen", "127.0.0.1:0"], args].concat()))
    }

    pub(crate) fn of(command: &mut Command) -> Result<Option<Self>, Failed> {
        let err = tempfile::NamedTempFile::new()?;
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(err.reopen()?);
        let mut child = command.spawn()?;
        let stdin = child.stdin.take();
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let url = line.trim_end().rsplit("http://").next().unwrap_or_default().to_owned();
        if !line.contains("listening on") {
            child.wait()?;
            return Ok(None);
        }
        Ok(Some(Self { child, url, err, _stdin: stdin }))
    }

    /// Its standard error so far.
    pub(crate) fn err(&self) -> String {
        fs::read(self.err.path())
            .map_or_else(|_| String::new(), |text| String::from_utf8_lossy(&text).into_owned())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    pub(crate) fn get(&self, path: &str) -> io::Result<(u16, String)> {
        self.send("GET", path, "", b"")
    }

    pub(crate) fn post(&self, path: &str, kind: &str, body: &[u8]) -> io::Result<(u16, String)> {
        self.send("POST", path, kind, body)
    }

    fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> io::Result<(u16, String)> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.exchange(&[head.as_bytes(), body].concat(), false)
    }

    /// Status and body of bytes that need not be a request, after which nothing more comes; status 0 where the connection
    /// was closed without an answer.
    pub(crate) fn raw(&self, bytes: &[u8]) -> io::Result<(u16, String)> {
        self.exchange(bytes, true)
    }

    fn exchange(&self, bytes: &[u8], is_all: bool) -> io::Result<(u16, String)> {
        let mut stream = TcpStream::connect(&self.url)?;
        stream.set_read_timeout(Some(LIMIT))?;
        // The server may answer, and close, before it has read everything.
        let _ = stream.write_all(bytes);
        if is_all {
            let _ = stream.shutdown(std::net::Shutdown::Write);
        }
        let mut text = Vec::new();
        if let Err(error) = stream.read_to_end(&mut text)
            && error.kind() != io::ErrorKind::ConnectionReset
        {
            return Err(error);
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Ok((status, text.split_once("\r\n\r\n").map_or_else(String::new, |(_, body)| body.to_owned())))
    }

    /// A counter of the model server.
    pub(crate) fn count(&self, name: &str) -> Result<usize, Failed> {
        let stats: serde_json::Value = serde_json::from_str(&self.get("/stats")?.1)?;
        Ok(usize::try_from(stats[name].as_u64().ok_or("no such counter")?)?)
    }

    /// Requests that arrived, once none is under way.
    pub(crate) fn requests(&self) -> Result<usize, Failed> {
        while self.count("in_flight")? > 0 {
            std::thread::sleep(Duration::from_millis(2));
        }
        self.count("requests")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A project with a pinned task `t`, on the model server at `url` (`127.0.0.1:PORT`), before its first baseline.
fn bare(root: &Path, url: &str, n: usize) -> Result<(), Failed> {
    let accepted = (0..ACCEPTED).map(|i| (format!("accepted-{i}"), 1_000_000 + i));
    let new = (0..n).map(|i| (format!("case-{i}"), i));
    let cases = accepted.chain(new).map(|(id, i)| {
        let input = input(i);
        format!("{{\"id\": \"{id}\", \"input\": {input}, \"expected\": {{\"verdict\": \"pass\"}}}}\n")
    });
    write(root, "data/cases.jsonl", &cases.collect::<String>())?;
    write(root, "in.jsonl", &(0..n).map(|i| input(i) + "\n").collect::<String>())?;
    write(
        root,
        "config/models.yml",
        &format!(
            "models:\n  m:\n    provider: openai\n    base_url: \"http://{url}/v1\"\n    model_id: m-1\n    price: free\n    api_key_env: CAMPAIGN_KEY\n    params: {{ max_tokens: 100 }}\n    limits: {{ in_flight: {IN_FLIGHT} }}\n"
        ),
    )?;
    let prompt = "Check the claim between the lines.\n---\n{input_data}\n---\nAnswer with one JSON object.\n";
    write(root, "prompts/prompt_v001.txt", prompt)?;
    let changelog = "# Prompt changelog\n\n## prompt_v001.txt - 2026-11-01\n\nReason: First version.\n";
    write(root, "prompts/prompt_changelog.md", changelog)?;
    write(
        root,
        "data/in.schema.json",
        "{\"type\": \"object\", \"required\": [\"record_id\"], \"properties\": {\"record_id\": {\"type\": \"string\"}}}",
    )?;
    write(
        root,
        "data/out.schema.json",
        "{\"type\": \"object\", \"required\": [\"verdict\"], \"properties\": {\"verdict\": {\"enum\": [\"pass\", \"fail\"]}}}",
    )?;
    write(
        root,
        "config/prompt_graph.yml",
        "tasks:\n  t:\n    input_schema: data/in.schema.json\n    output_schema: data/out.schema.json\n    nodes: { answer: { prompt: prompt_v001.txt, model: \"@task\" } }\n    output: answer\n",
    )?;
    let sha256 = llm_experiments::prompt::content_sha256(root, "prompt_v001.txt")
        .map_err(|problem| problem.to_string())?;
    write(
        root,
        "config/model_pins.yml",
        &format!(
            "pins:\n  t: {{ model: m, prompt: prompt_v001.txt, prompt_sha256: {sha256}, pinned_on: 2026-11-01, retires_on: null }}\n"
        ),
    )?;
    write(
        root,
        "config/live.yml",
        "tasks:\n  t:\n    share: 1.0\n    reference: 20\n    keep_days: 4000000000\n    checks: []\n",
    )?;
    write(
        root,
        "evals/bench.yml",
        "suite: bench\ndataset: data/cases.jsonl\ntask: t\nmodels: [\"@production\"]\nchecks:\n  - is_json: {}\n  - equals: { path: /verdict, value: pass }\n",
    )
}

/// The input of a case.
pub(crate) fn input(i: usize) -> String {
    format!("{{\"record_id\": \"case-{i}\", \"text\": \"the claim of case-{i}\"}}")
}

pub(crate) fn write(root: &Path, file: &str, text: &str) -> Result<(), Failed> {
    let path = root.join(file);
    fs::create_dir_all(path.parent().ok_or("no folder")?)?;
    Ok(fs::write(path, text)?)
}

/// Every file below a folder, relative to it.
pub(crate) fn files(root: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut found, mut left) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            match entry.file_type()? {
                kind if kind.is_dir() => left.push(entry.path()),
                kind if kind.is_file() => {
                    found.extend(entry.path().strip_prefix(root).map(Path::to_path_buf));
                }
                _ => {}
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Hashes of whole recordings below a folder. A cut one is left out, and so is what is still being written.
pub(crate) fn recordings(root: &Path) -> Result<BTreeMap<PathBuf, String>, Failed> {
    let mut found = BTreeMap::new();
    for file in files(root)? {
        let is_recording = file.extension().is_some_and(|end| end == "json")
            && file.components().any(|part| part.as_os_str() == "recordings");
        if is_recording {
            let bytes = fs::read(root.join(&file))?;
            if serde_json::from_slice::<serde_json::Value>(&bytes).is_ok() {
                found.insert(file, sha256_hex(bytes));
            }
        }
    }
    Ok(found)
}

/// Recordings of `before` that `after` lacks, or has changed.
pub(crate) fn lost(before: &BTreeMap<PathBuf, String>, after: &BTreeMap<PathBuf, String>) -> usize {
    before.iter().filter(|(file, hash)| after.get(*file) != Some(*hash)).count()
}

pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), Failed> {
    for file in files(from)? {
        let target = to.join(&file);
        fs::create_dir_all(target.parent().ok_or("no folder")?)?;
        fs::copy(from.join(&file), target)?;
    }
    Ok(())
}
