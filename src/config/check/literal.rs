//! Values of checks are literal: a template of another tool in one would be compared as text.

use serde_json::Value;

use super::CheckArgs;

/// Refuse `{{name}}` in what a check compares with.
pub(super) fn no_template(args: &CheckArgs) -> Result<(), String> {
    let values = args.values.iter().flatten().map(|value| ("values", value));
    let value = args.value.iter().map(|value| ("value", value));
    let literal = value.chain(values).find_map(|(key, value)| Some((key, in_value(value)?)));
    let pattern = || Some(("pattern", template(args.pattern.as_deref()?)?));
    let Some((key, found)) = literal.or_else(pattern) else { return Ok(()) };
    let escaped = found.replace('{', r"\{").replace('}', r"\}");
    Err(format!(
        "`{key}` is literal, but holds the template `{found}`: name a field of the case with `expected: /NAME`, or \
         look for the braces themselves with `regex: {{ pattern: '{escaped}' }}`"
    ))
}

fn in_value(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => template(text),
        Value::Array(items) => items.iter().find_map(in_value),
        Value::Object(fields) => {
            fields.iter().find_map(|(key, value)| template(key).or_else(|| in_value(value)))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// The first `{{name}}`, `{{ name.field }}` or `{{ name | filter }}`.
fn template(text: &str) -> Option<&str> {
    let mut from = 0;
    while let Some(open) = text.get(from..)?.find("{{").map(|at| from + at) {
        let inside = text.get(open + 2..)?;
        // Another brace ends the search, so that all of them together are linear.
        let length = inside.find(['{', '}', '\n']).unwrap_or(inside.len());
        let name = inside.get(..length)?.trim_start();
        let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if is_name && inside.get(length..)?.starts_with("}}") {
            return text.get(open..open + length + 4);
        }
        from = open + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::CheckSpec;

    fn parse(check: &str) -> Result<CheckSpec, String> {
        serde_yaml::from_str(check).map_err(|error: serde_yaml::Error| error.to_string())
    }

    #[test]
    fn templates_in_values_are_refused() {
        for (check, found) in [
            (
                "contains: { value: \"a {{forbidden}} b\", not: true }",
                "`value` is literal, but holds the template `{{forbidden}}`",
            ),
            (
                "contains_any: { values: [x, \"{{ vars.name }}\"] }",
                "`values` is literal, but holds the template `{{ vars.name }}`",
            ),
            ("equals: { value: { a: [\"{{{name | upper}}}\"] } }", "the template `{{name | upper}}`"),
            ("equals: { value: { \"{{key}}\": 1 } }", "the template `{{key}}`"),
            ("regex: { pattern: \"x{{name}}\" }", "`pattern` is literal, but holds the template `{{name}}`"),
            ("starts_with: { value: \"{{_x}}\" }", r"`regex: { pattern: '\{\{_x\}\}' }`"),
        ] {
            let error = parse(check).expect_err(check);
            assert!(error.contains(found), "{error}");
        }
    }

    #[test]
    fn braces_that_are_no_template_are_values() {
        for check in [
            "contains: { value: \"{name}\" }",
            "contains: { value: \"{{}} {{ }} {{1}} {{a}\" }",
            "contains: { value: \"{{a\\nb}}\" }",
            "equals: { value: { a: { b: c } } }",
            r"regex: { pattern: '\{\{name\}\}' }",
            r"regex: { pattern: 'a{2}' }",
            "equals: { expected: /name }",
        ] {
            parse(check).expect(check);
        }
    }
}
