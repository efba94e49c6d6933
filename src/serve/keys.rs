//! Who may ask: keys of which only the hash is stored.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::clock::Clock;
use crate::config::document::parse_yaml;
use crate::config::{Problem, Step, is_date};
use crate::json::hex;

/// The file of keys.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeysFile {
    /// Several may be valid at once, so that one can take another's place.
    pub keys: Vec<KeySpec>,
}

/// One key.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeySpec {
    /// Who has it; stands in metrics and traces.
    pub name: String,
    /// SHA-256 of the key, as `llmx serve-key` prints it. A plain hash will do: a key has 256 random bits, so nobody can try
    /// them out, and no slow hash stands between a caller and the answer.
    pub sha256: String,
    /// Tasks that it may ask; all where absent.
    pub tasks: Option<Vec<String>>,
    /// Last day on which it is valid, `YYYY-MM-DD`.
    pub expires_on: Option<String>,
}

/// Keys, ready to be compared with.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    all: Vec<Key>,
}

/// A key that is known.
#[derive(Debug, Clone)]
pub struct Key {
    /// Who has it.
    pub name: String,
    hash: [u8; 32],
    tasks: Option<Vec<String>>,
    expires_on: Option<String>,
}

impl Key {
    /// It may ask this task.
    #[must_use]
    pub fn may_ask(&self, task: &str) -> bool {
        self.tasks.as_ref().is_none_or(|tasks| tasks.iter().any(|known| known == task))
    }
}

impl Keys {
    /// Read a file of keys.
    ///
    /// # Errors
    /// Every problem with its line.
    pub fn load(file: &Path) -> Result<Self, Vec<Problem>> {
        let name = file.display().to_string();
        let bytes = crate::files::read(file)
            .map_err(|error| vec![Problem::of_file(&name, format!("cannot be read: {error}"))])?;
        let doc = parse_yaml::<KeysFile>(&name, &String::from_utf8_lossy(&bytes))?;
        let (mut all, mut problems) = (Vec::new(), Vec::new());
        if doc.value.keys.is_empty() {
            let problem = doc.problem(&["keys".into()], "holds no key, so anybody could ask");
            problems.push(
                problem.hint("`llmx serve-key NAME` makes one; without --keys only this machine is served"),
            );
        }
        for (at, spec) in doc.value.keys.iter().enumerate() {
            let path = |key: &str| [Step::from("keys"), Step::from(at), Step::from(key)];
            let Some(hash) = hash(&spec.sha256) else {
                problems.push(doc.problem(
                    &path("sha256"),
                    "expected 64 hexadecimal digits: `llmx serve-key` prints them",
                ));
                continue;
            };
            if spec.expires_on.as_ref().is_some_and(|date| !is_date(date)) {
                problems.push(doc.problem(&path("expires_on"), "expected a day as YYYY-MM-DD"));
            }
            let KeySpec { name, tasks, expires_on, .. } = spec.clone();
            all.push(Key { name, hash, tasks, expires_on });
        }
        if problems.is_empty() { Ok(Self { all }) } else { Err(problems) }
    }

    /// Nobody needs a key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The key that this is, if it is valid today. Every known hash is looked at, in a time that does not depend on which of
    /// them it is or how much of it fits.
    #[must_use]
    pub fn find(&self, key: &str, clock: &Clock) -> Option<&Key> {
        let hash: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        let mut found = None;
        for known in &self.all {
            if bool::from(known.hash.ct_eq(&hash)) {
                found = Some(known);
            }
        }
        let today = clock.today();
        found.filter(|key| key.expires_on.as_ref().is_none_or(|last| today <= *last))
    }
}

fn hash(hex: &str) -> Option<[u8; 32]> {
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    let bytes: Option<Vec<u8>> =
        (0..32).map(|at| u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()).collect();
    bytes?.try_into().ok()
}

/// A new key of 256 random bits, and the hash to store.
///
/// # Errors
/// The system gives no random bytes.
pub fn new_key() -> Result<(String, String), String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| format!("the system gives no random bytes: {error}"))?;
    let key = format!("llmx_{}", hex(&bytes));
    let hash = hex(&Sha256::digest(key.as_bytes()));
    Ok((key, hash))
}
