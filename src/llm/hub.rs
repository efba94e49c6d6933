//! All models of a run and what they share: recordings, money, connections, limits. One per process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::provider::{Provider, connect};
use super::recording::Store;
use super::stack::budget::Tariff;
use super::stack::{Ledger, Policy, Pulse, Shared, Spent, Traffic};
use super::{Client, Error, Failure, Halt, Outside};
use crate::config::models::ModelSpec;

/// See the module's text.
pub struct Hub {
    root: PathBuf,
    outside: Outside,
    store: Arc<Store>,
    policy: Policy,
    ledger: Arc<OnceLock<Ledger>>,
    clients: Mutex<BTreeMap<String, Client>>,
    /// What hubs of one process share about each network model.
    shared: Arc<Mutex<BTreeMap<String, Shared>>>,
}

impl Hub {
    /// A hub for the project at `root`, with the recordings in `recordings` (relative to the root).
    #[must_use]
    pub fn new(root: &Path, recordings: &str, policy: Policy, outside: Outside) -> Self {
        Self {
            root: root.to_path_buf(),
            outside,
            store: Arc::new(Store::new(root, recordings)),
            policy,
            ledger: Arc::default(),
            clients: Mutex::default(),
            shared: Arc::default(),
        }
    }

    /// Another hub of the same process, with its own recordings: limits, account and counts are these.
    #[must_use]
    pub fn beside(&self, recordings: &str, policy: Policy) -> Self {
        Self {
            ledger: Arc::clone(&self.ledger),
            shared: Arc::clone(&self.shared),
            ..Self::new(&self.root, recordings, policy, self.outside.clone())
        }
    }

    /// A hub whose answers are kept in two files of `recordings` of at most `limit` bytes, for a process that is alone with
    /// them.
    #[must_use]
    pub fn journal(root: &Path, recordings: &str, limit: u64, outside: Outside) -> Self {
        let store = Arc::new(Store::journal(root, recordings, limit));
        Self { store, ..Self::new(root, recordings, Policy::Record, outside) }
    }

    fn clients(&self) -> MutexGuard<'_, BTreeMap<String, Client>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The model behind an alias, ready to be asked. Everybody who names the alias shares its limits.
    ///
    /// # Errors
    /// What [`connect`] says.
    pub fn client(&self, alias: &str, spec: &ModelSpec) -> Result<Client, Error> {
        if let Some(client) = self.clients().get(alias) {
            return Ok(client.clone());
        }
        let tariff = Tariff::of(spec);
        let client = if !spec.provider.is_embedded() {
            let shared = self.shared(alias, spec)?;
            Client::network(&shared, Arc::clone(&self.store), self.policy, self.outside.clock.clone())
        } else if tariff.is_free() {
            Client::embedded(self.provider(alias, spec)?)
        } else {
            Client::priced(self.provider(alias, spec)?, tariff, Arc::clone(&self.ledger))
        };
        let client = client.tracing_content(self.outside.trace_content).halted_by(self.outside.halt.clone());
        // Of two that came at once, the first is everybody's.
        Ok(self.clients().entry(alias.to_owned()).or_insert(client).clone())
    }

    fn shared(&self, alias: &str, spec: &ModelSpec) -> Result<Shared, Error> {
        let all = || self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = all().get(alias) {
            return Ok(shared.clone());
        }
        let halt = self.outside.halt.clone();
        let shared = Shared::over(self.provider(alias, spec)?, spec, Arc::clone(&self.ledger), halt);
        Ok(all().entry(alias.to_owned()).or_insert(shared).clone())
    }

    /// Tells what the process has spent so far, by alias of the network models.
    pub fn spending(&self) -> impl Fn() -> BTreeMap<String, Spent> + Send + Sync + 'static {
        let shared = Arc::clone(&self.shared);
        move || {
            let shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            shared.iter().map(|(alias, shared)| (alias.clone(), shared.spent())).collect()
        }
    }

    /// The bare provider of an alias, for a look at its credentials.
    ///
    /// # Errors
    /// What [`connect`] says.
    pub fn provider(&self, alias: &str, spec: &ModelSpec) -> Result<Arc<dyn Provider>, Error> {
        connect(&self.root, alias, spec, &self.outside)
    }

    /// There is an account already.
    #[must_use]
    pub fn has_account(&self) -> bool {
        self.ledger.get().is_some()
    }

    /// From here on every call is paid out of this account. The first account stays.
    pub fn pay_from(&self, ledger: Ledger) {
        let _ = self.ledger.set(ledger);
    }

    /// The switch that ends the run early.
    #[must_use]
    pub fn halt(&self) -> &Halt {
        &self.outside.halt
    }

    /// What is done with recordings.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// The recordings of this run.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What was asked, answered and waited for, by alias; models that nobody asked are left out, and so are embedded
    /// ones, which cost nothing.
    #[must_use]
    pub fn traffic(&self) -> BTreeMap<String, Traffic> {
        let clients = self.clients();
        let asked = clients.iter().filter(|(_, client)| client.is_network());
        asked
            .map(|(alias, client)| (alias.clone(), client.traffic()))
            .filter(|(_, traffic)| *traffic != Traffic::default())
            .collect()
    }

    /// What is going on right now, by alias: network models with requests under way.
    #[must_use]
    pub fn pulse(&self) -> Vec<(String, Pulse, Option<Failure>)> {
        let clients = self.clients();
        clients
            .iter()
            .filter(|(_, client)| client.is_network())
            .map(|(alias, client)| {
                let (pulse, failure) = client.pulse();
                (alias.clone(), pulse, failure)
            })
            .filter(|(_, pulse, _)| pulse.in_flight + pulse.backing_off + pulse.queued > 0)
            .collect()
    }
}
