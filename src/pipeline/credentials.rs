//! Whether models can be asked: their credentials, looked at without spending anything.

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use crate::config::models::ModelSpec;
use crate::llm::{Error, Hub};

/// Every model's state, by alias: what it is and whose credentials it has, or why it cannot be asked. All are looked at
/// side by side, so the slowest says how long it takes.
#[must_use]
pub fn try_all(hub: &Hub, models: &BTreeMap<String, ModelSpec>) -> BTreeMap<String, Result<String, Error>> {
    let mut tried = BTreeMap::new();
    let mut open = Vec::new();
    for (alias, spec) in models {
        match hub.provider(alias, spec) {
            Ok(provider) => open.push((alias.clone(), provider)),
            Err(error) => {
                tried.insert(alias.clone(), Err(error));
            }
        }
    }
    let found = super::block_on(async {
        let mut tasks = JoinSet::new();
        for (alias, provider) in open {
            tasks.spawn(async move {
                let state = provider.try_credentials().await;
                let declares = provider.card().declares.clone();
                (alias, state.map(|state| format!("{declares}; {state}")))
            });
        }
        tasks.join_all().await
    });
    tried.extend(found.into_iter().flatten());
    tried
}
