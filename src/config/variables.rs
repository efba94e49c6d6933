//! Texts that look like variables in configuration files. The program expands none, and a value that was meant to be
//! expanded must not be sent to a provider, or become the name of a folder, as it is written.

use serde_json::Value;

use super::document::{Document, Step, parse_yaml};
use super::models;
use super::problem::Problem;

/// Keys whose texts may hold a `$` of their own: patterns, values that answers are compared with, ends of answers.
const FREE: &[&str] = &["patterns", "when", "stop"];

/// What reads the environment in `config/models.yml`.
const READ: &str = "write the value itself; only `api_key_env: NAME` and `headers: { NAME: env:VARIABLE }` read the \
                    environment";

/// One problem for every text of a file that looks like a variable.
pub(super) fn problems(file: &str, text: &str) -> Vec<Problem> {
    // What cannot be read has problems of its own.
    let Ok(doc) = parse_yaml::<Value>(file, text) else { return Vec::new() };
    let mut found = Vec::new();
    walk(&doc, &doc.value, &mut Vec::new(), &mut found);
    found
}

fn walk(doc: &Document<Value>, value: &Value, path: &mut Vec<Step>, found: &mut Vec<Problem>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map.iter().filter(|(key, _)| !FREE.contains(&key.as_str())) {
                path.push(key.as_str().into());
                walk(doc, value, path, found);
                path.pop();
            }
        }
        Value::Array(items) => {
            for (i, value) in items.iter().enumerate() {
                path.push(i.into());
                walk(doc, value, path, found);
                path.pop();
            }
        }
        Value::String(text) => {
            let in_headers = path.iter().any(|step| *step == Step::from("headers"));
            if let Some(variable) = variable(text, doc.file == models::FILE, in_headers) {
                let message = format!("variables are not expanded in {}, found `{variable}`", doc.file);
                let hint = if doc.file == models::FILE { READ } else { "write the value itself" };
                found.push(doc.problem(path, message).hint(hint));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The variable that a text names, and nothing else of it: the rest may be a secret.
fn variable(text: &str, of_model: bool, in_headers: bool) -> Option<String> {
    let braced = text.split("${").skip(1).find_map(|rest| {
        let name = rest.split('}').next().filter(|inside| inside.len() < rest.len())?;
        // `${NAME:-default}` has a default, which is not repeated.
        let name = name.split(|c: char| !is_name(c)).next().filter(|name| !name.is_empty())?;
        Some(format!("${{{name}}}"))
    });
    if braced.is_some() || !of_model {
        return braced;
    }
    let whole = |prefix: &str| {
        let name = text.trim().strip_prefix(prefix)?;
        (!name.is_empty() && name.chars().all(is_name)).then(|| format!("{prefix}{name}"))
    };
    // As promptfoo writes it.
    let template = text.contains("{{").then(|| text.split("env.").nth(1)).flatten().map(|rest| {
        let name: String = rest.chars().take_while(|c| is_name(*c)).collect();
        format!("{{{{ env.{name} }}}}")
    });
    whole("$").or_else(|| whole("env:").filter(|_| !in_headers)).or(template)
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(file: &str, text: &str) -> Vec<String> {
        problems(file, text).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn variables_in_models_are_named_with_their_place() {
        for (written, variable, key) in [
            ("model_id: ${MODEL_ID}", "`${MODEL_ID}`", "models.a.model_id"),
            ("model_id: gpt-${SIZE:-mini}", "`${SIZE}`", "models.a.model_id"),
            ("model_id: $MODEL_ID", "`$MODEL_ID`", "models.a.model_id"),
            ("model_id: env:MODEL_ID", "`env:MODEL_ID`", "models.a.model_id"),
            ("base_url: 'https://${HOST}/v1'", "`${HOST}`", "models.a.base_url"),
            ("organization: '{{ env.ORG }}'", "`{{ env.ORG }}`", "models.a.organization"),
            ("headers: { x-tenant: '${TENANT}' }", "`${TENANT}`", "models.a.headers.x-tenant"),
            ("params: { extra: { user: ['${USER}'] } }", "`${USER}`", "models.a.params.extra.user[0]"),
        ] {
            let said = said(models::FILE, &format!("models:\n  a:\n    {written}\n"));
            assert_eq!(said.len(), 1, "{written}: {said:?}");
            assert!(said[0].starts_with("config/models.yml:3:"), "{said:?}");
            for part in [variable, key, "not expanded", "api_key_env"] {
                assert!(said[0].contains(part), "{written}: {said:?}");
            }
        }
    }

    #[test]
    fn other_files_and_texts_that_are_no_variables() {
        assert!(said("config/settings.yml", "reports_dir: '${HOME}/out'")[0].contains("`${HOME}`"));
        for written in [
            "model_id: gpt-4o",
            "model_id: a$b",
            "headers: { authorization: env:TOKEN }",
            "params: { stop: ['${END}', '$'] }",
            "model_id: '${}'",
            "revision: 'costs $5'",
        ] {
            assert_eq!(said(models::FILE, &format!("models:\n  a:\n    {written}\n")), Vec::<String>::new());
        }
        assert_eq!(
            said("config/live.yml", "redact: { patterns: ['\\$\\{[A-Z]+\\}', '${A}'] }"),
            Vec::<String>::new()
        );
        assert_eq!(said(models::FILE, "models: ["), Vec::<String>::new());
    }
}
