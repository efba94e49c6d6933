//! From aliases to the models behind them: the project's own, or those that the merge base's measurement names.

use crate::config::models::ModelSpec;
use crate::config::{Problem, Project};
use crate::eval::check::Embedder;
use crate::llm::{Client, Error, Hub};

fn client(project: &Project, hub: &Hub, alias: &str) -> Result<(Client, ModelSpec), Problem> {
    let file = crate::config::models::FILE;
    let Some(spec) = project.models.value.models.get(alias) else {
        let (message, hint) = project.expect_alias(alias).err().unwrap_or_default();
        return Err(Problem { hint, ..Problem::of_file(file, message) });
    };
    match hub.client(alias, spec) {
        Ok(client) => Ok((client, spec.clone())),
        Err(error) => {
            let mut problem = project.models.problem(&["models".into(), alias.into()], error.to_string());
            if matches!(error, Error::NotBuilt(_)) {
                let embedded: Vec<&str> = project
                    .models
                    .value
                    .models
                    .iter()
                    .filter(|(_, spec)| spec.provider.is_embedded())
                    .map(|(alias, _)| alias.as_str())
                    .collect();
                problem.hint = Some(format!("this build can call: {}", embedded.join(", ")));
            }
            Err(problem)
        }
    }
}

/// The model that `alias` names in `measure`, where that may be the merge base's project. An alias that names another
/// model there gets a name of its own, so that the two never share a client.
fn client_of(
    project: &Project,
    measure: &Project,
    hub: &Hub,
    alias: &str,
) -> Result<(Client, ModelSpec), Problem> {
    let of = |project: &Project| project.models.value.models.get(alias).cloned();
    let (Some(own), Some(then)) = (of(project), of(measure)) else { return client(measure, hub, alias) };
    if then.answers_like(&own) {
        return client(project, hub, alias);
    }
    match hub.client(&format!("{alias} (merge base)"), &then) {
        Ok(client) => Ok((client, then)),
        Err(error) => Err(measure.models.problem(&["models".into(), alias.into()], error.to_string())),
    }
}

/// The model behind the alias of a check of kind `similar`.
pub(super) fn embedder(
    project: &Project,
    measure: &Project,
    hub: &Hub,
    alias: &str,
) -> Result<Embedder, (String, Option<String>)> {
    let (client, model) =
        client_of(project, measure, hub, alias).map_err(|problem| (problem.message, problem.hint))?;
    if client.embeds() {
        return Ok(Embedder { client, model });
    }
    Err((
        format!("model `{alias}` ({}) makes no embeddings", model.provider),
        Some(
            "name a model of provider `openai`, or the embedded `{ provider: reference, params: { role: embedder } }`"
                .to_owned(),
        ),
    ))
}

/// A model that is to answer: the embedder does not.
pub(super) fn speaker(project: &Project, hub: &Hub, alias: &str) -> Result<(Client, ModelSpec), Problem> {
    speaker_of(project, project, hub, alias)
}

pub(super) fn speaker_of(
    project: &Project,
    measure: &Project,
    hub: &Hub,
    alias: &str,
) -> Result<(Client, ModelSpec), Problem> {
    let (client, spec) = client_of(project, measure, hub, alias)?;
    if spec.is_embedder() {
        let message = "only embeds texts, for checks of kind `similar`: it can neither answer nor judge";
        return Err(project.models.problem(&["models".into(), alias.into()], message));
    }
    Ok((client, spec))
}
