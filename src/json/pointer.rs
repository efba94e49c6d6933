//! JSON pointers (RFC 6901) with one extension: the segment `*` stands for every element or member.

use serde_json::Value;

/// Every value that `pointer` names in `root`, in document order. `""` names the root. An absent target
/// gives an empty list.
#[must_use]
pub fn resolve<'a>(root: &'a Value, pointer: &str) -> Vec<&'a Value> {
    let mut found = vec![root];
    for segment in segments(pointer) {
        let mut next = Vec::new();
        for value in found {
            if segment == "*" {
                match value {
                    Value::Array(items) => next.extend(items.iter()),
                    Value::Object(map) => next.extend(map.values()),
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
                }
            } else if let Some(child) = child(value, &segment) {
                next.push(child);
            }
        }
        found = next;
    }
    found
}

/// The one value that a pointer without `*` names.
#[must_use]
pub fn resolve_one<'a>(root: &'a Value, pointer: &str) -> Option<&'a Value> {
    resolve(root, pointer).into_iter().next()
}

fn child<'a>(value: &'a Value, segment: &str) -> Option<&'a Value> {
    match value {
        Value::Object(map) => map.get(segment),
        Value::Array(items) => segment.parse::<usize>().ok().and_then(|i| items.get(i)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// A key as a segment of a pointer.
#[must_use]
pub fn segment(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The unescaped segments of a pointer; a missing leading `/` is forgiven.
pub(crate) fn segments(pointer: &str) -> Vec<String> {
    if pointer.is_empty() {
        return Vec::new();
    }
    let body = pointer.strip_prefix('/').unwrap_or(pointer);
    body.split('/').map(|s| s.replace("~1", "/").replace("~0", "~")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn table() {
        let doc = json!({"a": [{"b": 1}, {"b": 2}, {}], "x/y": {"~": true}, "": 0});
        let check = |pointer: &str, want: Value| {
            assert_eq!(json!(resolve(&doc, pointer)), want, "{pointer}");
        };
        check("/a/*/b", json!([1, 2]));
        check("/a/1/b", json!([2]));
        check("/a/9", json!([]));
        check("/x~1y/~0", json!([true]));
        check("/", json!([0]));
        assert_eq!(resolve(&doc, "").len(), 1);
        assert_eq!(resolve_one(&doc, "/a/0/b"), Some(&json!(1)));
    }
}
