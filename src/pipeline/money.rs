//! What a run may spend, and what must hold before it spends anything.

use super::inputs::{Inputs, SuiteInputs};
use crate::config::Problem;
use crate::config::models::{FILE, Price};
use crate::eval::plan::SuitePlan;
use crate::llm::stack::Ledger;
use crate::llm::stack::budget::nano;
use crate::llm::{ModelCard, Operation};

/// USD that a run over these suites may spend: told, or the sum of the suites' own budgets where each has one.
#[must_use]
pub fn limit<'a>(inputs: &Inputs, suites: impl Iterator<Item = &'a SuiteInputs>) -> Option<f64> {
    inputs.settings.max_cost_usd.or_else(|| {
        let network = suites.filter(|suite| spends(inputs, suite));
        let budgets: Option<Vec<f64>> = network.map(|suite| suite.doc.value.limits.budget_usd).collect();
        budgets.filter(|budgets| !budgets.is_empty()).map(|budgets| budgets.iter().sum())
    })
}

/// The suite asks a model, a judge or a model of a check that can cost money.
pub(crate) fn spends(inputs: &Inputs, suite: &SuiteInputs) -> bool {
    inputs.plan(suite).is_ok_and(|plan| !paid_models(&plan).is_empty())
}

/// The models of a plan that can cost money: what each is, and what is asked of it.
fn paid_models(plan: &SuitePlan) -> Vec<(&ModelCard, Operation)> {
    let speak = plan.answerers().chain(plan.judge.as_ref().map(|judge| &judge.client));
    let speak = speak.map(|client| (client, Operation::Chat));
    let embed = plan.scoring.embedders().into_values();
    let embed = embed.map(|embedder| (&embedder.client, Operation::Embeddings));
    let all = speak.chain(embed).filter(|(client, _)| client.can_cost());
    all.map(|(client, operation)| (client.card(), operation)).collect()
}

/// Why a plan may not spend under a budget: a price that nobody knows makes the budget void.
pub(crate) fn problems(inputs: &Inputs, plan: &SuitePlan) -> Vec<Problem> {
    let has_budget = inputs.settings.max_cost_usd.is_some() || plan.spec.limits.budget_usd.is_some();
    let Some(project) = inputs.loaded().filter(|_| has_budget && !inputs.settings.allow_unpriced) else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    for (card, operation) in paid_models(plan) {
        // The price of an embedded model's answer is known before it is paid.
        if card.embedded {
            continue;
        }
        let alias = card.alias.as_str();
        let Some(spec) = project.models.value.models.get(alias) else { continue };
        let at = |message: &str| project.models.problem(&["models".into(), alias.into()], message);
        match &spec.price {
            None => problems.push(at("has no price, so the run's budget would mean nothing").hint(format!(
                "write `price: {{ input, output, as_of }}` or `price: free` in {FILE}, or allow it for one run with \
                 --allow-unpriced or EVALS_ALLOW_UNPRICED=1"
            ))),
            // A vector has no tokens.
            Some(Price::Tokens(_)) if spec.max_tokens().is_none() && operation == Operation::Chat => problems.push(
                at("has no `max_tokens`, so nobody knows what a request may cost at most")
                    .hint("write `params: { max_tokens: N }`: a budget sets aside the price of that many"),
            ),
            Some(_) => {}
        }
    }
    problems
}

/// Open the account that these suites spend from, if there is a limit.
///
/// # Errors
/// The account cannot be opened.
pub(super) fn open_account<'a>(
    inputs: &Inputs,
    suites: impl Iterator<Item = &'a SuiteInputs>,
) -> Result<(), Problem> {
    let Some(limit) = limit(inputs, suites) else { return Ok(()) };
    open(inputs, limit)
}

/// [`open_account`] for a plan that is not the suite's own.
///
/// # Errors
/// The account cannot be opened.
pub(crate) fn open_account_of(inputs: &Inputs, plan: &SuitePlan) -> Result<(), Problem> {
    let own = plan.spec.limits.budget_usd.filter(|_| !paid_models(plan).is_empty());
    match inputs.settings.max_cost_usd.or(own) {
        Some(limit) => open(inputs, limit),
        None => Ok(()),
    }
}

fn open(inputs: &Inputs, limit: f64) -> Result<(), Problem> {
    // One account for one run: a second would wait for the first, which this process holds.
    if inputs.hub.has_account() {
        return Ok(());
    }
    let settings = &inputs.settings;
    let reports = inputs.root().join(&settings.reports_dir);
    let ledger = Ledger::join(&reports, settings.nextest_run.as_deref(), &inputs.process, nano(limit))
        .map_err(|error| {
            Problem::of_file(reports.display().to_string(), format!("the budget's account: {error}"))
        })?;
    inputs.hub.pay_from(ledger);
    Ok(())
}
