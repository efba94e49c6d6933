//! A project of N cases in a temporary folder: one prompt, one suite with four checks, one model behind a local
//! server. The same N makes the same files, so runs can be compared.
//!
//! Knows how `llmx` fences an input, to count the bytes of a prompt and to let the bare client send as much; it does
//! not take that from `llmx`, and the id of the fence is a fixed one.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::{Done, IN_FLIGHT};

/// The server's answer to everything.
pub(crate) const ANSWER: &str =
    r#"{"verdict":"pass","case":"{{case}}","confidence":0.97,"reason":"The text says so."}"#;

/// What an answer must match.
pub(crate) const PATTERN: &str = r#""confidence":\s*0\.\d+"#;

const PROMPT: &str = "\
Read the text between the lines and check its claim.
Answer with one JSON object with the keys \"verdict\" (\"pass\" or \"fail\"), \"case\", \"confidence\" and \"reason\".
{input_data}
Do not write anything outside the JSON object.
";

const SUITE: &str = r#"suite: bench
dataset: data/cases.jsonl
prompt: bench.txt
checks:
  - is_json
  - equals: { path: /verdict, expected: /verdict }
  - equals: { path: /case, expected: /case }
  - regex: { pattern: '"confidence":\s*0\.\d+' }
"#;

const WORDS: [&str; 28] = [
    "the",
    "river",
    "bridge",
    "opened",
    "early",
    "when",
    "engineers",
    "measured",
    "seven",
    "cracks",
    "in",
    "winter",
    "and",
    "a",
    "council",
    "asked",
    "for",
    "repairs",
    "before",
    "heavy",
    "lorries",
    "could",
    "cross",
    "again",
    "under",
    "lower",
    "limits",
    "today",
];

/// One line of the dataset.
#[derive(Serialize, Deserialize)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) input: String,
    pub(crate) expected: Expected,
}

/// What a case expects of its answer.
#[derive(Serialize, Deserialize)]
pub(crate) struct Expected {
    pub(crate) verdict: String,
    pub(crate) case: String,
}

/// The folder of all projects of one measurement. Nothing in it is removed before the end: a file system that has just
/// removed thousands of files is slower at making new ones, and that would be charged to whoever runs next.
pub(crate) struct Base(TempDir);

impl Base {
    pub(crate) fn new() -> Done<Self> {
        Ok(Self(tempfile::tempdir()?))
    }

    fn folder(&self) -> Done<PathBuf> {
        Ok(tempfile::tempdir_in(self.0.path())?.keep())
    }
}

/// A generated project.
pub(crate) struct Project<'a> {
    base: &'a Base,
    home: PathBuf,
    program: PathBuf,
    /// Its cases.
    pub(crate) n: usize,
    /// Bytes of all prompts and answers, once.
    pub(crate) text: u64,
}

impl<'a> Project<'a> {
    /// Generate it.
    pub(crate) fn new(base: &'a Base, program: &Path, n: usize) -> Done<Self> {
        let mut project = Self { base, home: base.folder()?, program: program.to_owned(), n, text: 0 };
        for folder in ["config", "data", "evals", "prompts"] {
            fs::create_dir_all(project.path(folder))?;
        }
        write(&project.path("evals/bench.yml"), SUITE)?;
        write(&project.path("prompts/bench.txt"), PROMPT)?;
        let mut file = BufWriter::new(File::create(project.path("data/cases.jsonl"))?);
        let mut state = 7_u64;
        for number in 0..n {
            let case = case(number, &mut state);
            project.text += (rendered(&case.input).len() + ANSWER.replace("{{case}}", &case.id).len()) as u64;
            serde_json::to_writer(&mut file, &case)?;
            file.write_all(b"\n")?;
        }
        file.flush()?;
        Ok(project)
    }

    /// Its folder.
    pub(crate) fn root(&self) -> PathBuf {
        self.path("")
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.home.join("project").join(inside)
    }

    /// Ask the server at this address from now on.
    pub(crate) fn point_at(&self, url: &str) -> Done<()> {
        let models = format!(
            "models:\n  sim:\n    provider: openai\n    base_url: \"{url}/v1\"\n    model_id: bench\n    price: free\n    \
             params: {{ temperature: 0, max_tokens: 200 }}\n    limits: {{ in_flight: {IN_FLIGHT} }}\n"
        );
        write(&self.path("config/models.yml"), &models)
    }

    /// As nothing had ever been run.
    pub(crate) fn forget(&self) -> Done<()> {
        self.forget_reports()?;
        self.put_away("data/recordings")
    }

    /// As only the recordings had stayed.
    pub(crate) fn forget_reports(&self) -> Done<()> {
        self.put_away("reports")
    }

    fn put_away(&self, folder: &str) -> Done<()> {
        let folder = self.path(folder);
        if folder.exists() {
            fs::rename(folder, self.base.folder()?.join("gone"))?;
        }
        Ok(())
    }

    /// Bytes of what runs left, recordings and reports, as the lengths of the files.
    pub(crate) fn left(&self) -> Done<u64> {
        Ok(bytes_below(&self.path("data/recordings"))? + bytes_below(&self.path("reports"))?)
    }

    /// `llmx` in the project, without the caller's environment: `CI`, proxies and `EVALS_*` would change the run.
    #[expect(clippy::disallowed_methods, reason = "`llmx` finds git as the caller does")]
    pub(crate) fn llmx(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).current_dir(self.root()).env_clear().env("HOME", &self.home);
        command.env("GIT_CEILING_DIRECTORIES", &self.home);
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command
    }
}

/// The prompt with an input in its fence.
pub(crate) fn rendered(input: &str) -> String {
    let fenced = format!("<input_data id=\"00000000\">\n{input}\n</input_data id=\"00000000\">");
    PROMPT.replace("{input_data}", &fenced)
}

fn case(number: usize, state: &mut u64) -> Case {
    let id = format!("case-{number:06}");
    let mut input = format!("[{id}]");
    for _ in 0..60 {
        // Knuth's constants; the low bits of such a generator are poor, the high ones will do.
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let index = usize::try_from(*state >> 33).unwrap_or(0) % WORDS.len();
        input.push(' ');
        input.push_str(WORDS[index]);
    }
    input.push('.');
    Case { expected: Expected { verdict: "pass".to_owned(), case: id.clone() }, id, input }
}

fn write(path: &Path, text: &str) -> Done<()> {
    Ok(File::create(path)?.write_all(text.as_bytes())?)
}

fn bytes_below(folder: &Path) -> Done<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let data = entry.metadata()?;
        bytes += if data.is_dir() { bytes_below(&entry.path())? } else { data.len() };
    }
    Ok(bytes)
}
