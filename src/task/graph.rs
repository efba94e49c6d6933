//! Which node of a task reads which.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Task;
use crate::config::graph::When;
use crate::json::{parse, resolve, same, unfenced};
use crate::prompt::Template;

/// Placeholder of the passages that the knowledge base has for an input.
pub const KB_CONTEXT: &str = "kb_context";

/// Characters of an answer that a message shows.
const SHOWN: usize = 80;

fn prefix(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// One node, ready to be asked.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its name in the graph.
    pub name: String,
    /// Its prompt.
    pub template: Template,
    /// The model that it insists on; none: the model of the run.
    pub model: Option<String>,
    /// When it is asked; always where absent.
    pub when: Option<When>,
    /// Nodes whose answers it reads, sorted.
    pub reads: Vec<String>,
}

impl Node {
    /// A node that reads no other.
    #[must_use]
    pub fn alone(name: &str, template: Template) -> Self {
        Self { name: name.to_owned(), template, model: None, when: None, reads: Vec::new() }
    }

    /// Whether its prompt gets passages of the knowledge base.
    #[must_use]
    pub fn reads_kb(&self) -> bool {
        self.template.placeholders().iter().any(|name| name == KB_CONTEXT)
    }

    /// Whether it is asked about this input (JSON text), given the answers (JSON text) that it reads.
    ///
    /// # Errors
    /// `when` looks into an answer that is no JSON: then nobody knows.
    pub fn is_asked(&self, input_text: &str, answers: &BTreeMap<String, String>) -> Result<bool, String> {
        let Some(when) = &self.when else { return Ok(true) };
        let text = match &when.node {
            Some(node) => answers.get(node).map_or("null", String::as_str),
            None => input_text,
        };
        let value: Value = parse(text).unwrap_or_default();
        // An answer that is JSON in a code fence came as text.
        let inside = value.as_str().and_then(|text| parse(unfenced(text)).ok());
        let value = inside.filter(|inside| inside.is_object() || inside.is_array()).unwrap_or(value);
        if let (Some(node), Value::String(text), false) = (&when.node, &value, when.path.is_empty()) {
            let text = prefix(text, SHOWN);
            return Err(format!(
                "its `when` looks for `{}` in the answer of `{node}`, which is no JSON: {text}",
                when.path
            ));
        }
        let holds = resolve(&value, &when.path).iter().any(|found| same(found, &when.value));
        Ok(holds != when.not)
    }

    /// What decides its answer besides the model of the run.
    #[must_use]
    pub fn identity(&self) -> Value {
        json!({ "name": self.name, "prompt": self.template.sha256, "model": self.model, "when": self.when })
    }
}

/// The nodes, each after those that it reads, `output` last.
///
/// # Errors
/// Nodes that read each other in a circle, and nodes that the output needs nothing of.
pub(super) fn in_order(nodes: Vec<Node>, output: &str) -> Result<Vec<Node>, Vec<String>> {
    let mut left: BTreeMap<String, Node> = nodes.into_iter().map(|node| (node.name.clone(), node)).collect();
    let reads: BTreeMap<String, Vec<String>> =
        left.iter().map(|(name, node)| (name.clone(), node.reads.clone())).collect();
    let mut order = Vec::new();
    visit(output, &reads, &mut Vec::new(), &mut order).map_err(|circle| vec![circle])?;
    let sorted: Vec<Node> = order.iter().filter_map(|name| left.remove(name)).collect();
    if left.is_empty() {
        return Ok(sorted);
    }
    let unread = left.keys().map(|name| format!("nothing that leads to `{output}` reads the node `{name}`"));
    Err(unread.collect())
}

/// Depth first; `path` is where we come from.
fn visit(
    name: &str,
    reads: &BTreeMap<String, Vec<String>>,
    path: &mut Vec<String>,
    order: &mut Vec<String>,
) -> Result<(), String> {
    if order.iter().any(|known| known == name) {
        return Ok(());
    }
    if let Some(start) = path.iter().position(|known| known == name) {
        let circle = path.get(start..).unwrap_or_default().join(" reads ");
        return Err(format!("nodes read each other in a circle: {circle} reads {name}"));
    }
    path.push(name.to_owned());
    for other in reads.get(name).into_iter().flatten() {
        visit(other, reads, path, order)?;
    }
    path.pop();
    order.push(name.to_owned());
    Ok(())
}

/// The graph of a task as a Mermaid flowchart. Node ids carry a prefix: `end` and others are words of Mermaid.
#[must_use]
pub fn mermaid(task: &Task) -> String {
    let quoted = |text: &str| text.replace('"', "#quot;");
    let mut out = vec!["flowchart TD".to_owned(), "    INPUT([input])".to_owned()];
    let nodes = || task.upstream().iter().chain([task.output()]);
    if nodes().any(Node::reads_kb) {
        out.push("    KB[(knowledge base)]".to_owned());
    }
    for node in nodes() {
        let model = node.model.as_ref().map_or(String::new(), |model| format!("<br/>{model}"));
        let text = format!("{}<br/>{}{model}", node.name, node.template.name);
        out.push(format!("    n_{}[\"{}\"]", node.name, quoted(&text)));
    }
    for node in nodes() {
        if node.template.placeholders().iter().any(|name| name == "input_data") {
            out.push(format!("    INPUT --> n_{}", node.name));
        }
        if node.reads_kb() {
            out.push(format!("    KB --> n_{}", node.name));
        }
        for other in &node.reads {
            out.push(format!("    n_{other} -->{} n_{}", label(node, other, quoted), node.name));
        }
    }
    out.push("    ANSWER([answer])".to_owned());
    out.push(format!("    n_{} --> ANSWER", task.output().name));
    out.join("\n") + "\n"
}

/// What an edge says where the node is asked only when the other one's answer is so.
fn label(node: &Node, other: &str, quoted: impl Fn(&str) -> String) -> String {
    let Some(when) = node.when.as_ref().filter(|when| when.node.as_deref() == Some(other)) else {
        return String::new();
    };
    let verb = if when.not { "is not" } else { "is" };
    format!("|\"{}\"|", quoted(&format!("{} {verb} {}", when.path, when.value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(edges: &[(&str, &[&str])]) -> Vec<Node> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("prompts/p.txt");
        crate::files::atomic_write(&path, b"{input_data}").unwrap();
        let template = Template::load(dir.path(), "p.txt", crate::prompt::Purpose::Task).unwrap();
        let node = |(name, reads): &(&str, &[&str])| Node {
            reads: reads.iter().map(|read| (*read).to_owned()).collect(),
            ..Node::alone(name, template.clone())
        };
        edges.iter().map(node).collect()
    }

    fn names(edges: &[(&str, &[&str])]) -> Result<Vec<String>, Vec<String>> {
        in_order(nodes(edges), "out").map(|nodes| nodes.into_iter().map(|node| node.name).collect())
    }

    #[test]
    fn what_is_read_comes_first() {
        let order = names(&[("a", &["b"]), ("b", &[]), ("c", &["b"]), ("out", &["a", "c"])]).unwrap();
        assert_eq!(order, ["b", "a", "c", "out"]);
        assert_eq!(names(&[("out", &[])]).unwrap(), ["out"]);
    }

    #[test]
    fn circles_and_unread_nodes_are_named() {
        assert_eq!(
            names(&[("a", &["b"]), ("b", &["a"]), ("out", &["a"])]).unwrap_err(),
            ["nodes read each other in a circle: a reads b reads a"]
        );
        assert_eq!(
            names(&[("out", &["out"])]).unwrap_err(),
            ["nodes read each other in a circle: out reads out"]
        );
        assert_eq!(
            names(&[("a", &[]), ("b", &["a"]), ("out", &[])]).unwrap_err(),
            [
                "nothing that leads to `out` reads the node `a`",
                "nothing that leads to `out` reads the node `b`"
            ]
        );
    }

    #[test]
    fn conditions() {
        let mut node = nodes(&[("out", &[])]).remove(0);
        let when = |node: Option<&str>, not| When {
            node: node.map(str::to_owned),
            path: "/kind".to_owned(),
            value: json!("sweep"),
            not,
        };
        let answers = BTreeMap::from([("a".to_owned(), r#"{"kind": "pim"}"#.to_owned())]);
        for (condition, asked) in [
            (None, true),
            (Some(when(None, false)), true),
            (Some(when(None, true)), false),
            (Some(when(Some("a"), false)), false),
            (Some(when(Some("a"), true)), true),
            (Some(when(Some("skipped"), false)), false),
        ] {
            node.when = condition;
            assert_eq!(node.is_asked(r#"{"kind": "sweep"}"#, &answers), Ok(asked), "{:?}", node.when);
        }
        let fenced = json!("```json\n{\"kind\": \"sweep\"}\n```").to_string();
        node.when = Some(when(Some("a"), false));
        let of = |answer: String| BTreeMap::from([("a".to_owned(), answer)]);
        assert_eq!(node.is_asked("{}", &of(fenced)), Ok(true));
        // A sentence around it is no JSON, and no "does not hold" either.
        let said = json!("Here you are: {\"kind\": \"sweep\"}").to_string();
        assert!(
            node.is_asked("{}", &of(said))
                .unwrap_err()
                .contains("`/kind` in the answer of `a`, which is no JSON")
        );
        assert_eq!(node.is_asked("{}", &of("null".to_owned())), Ok(false));
        let number = When { value: json!(1), ..when(Some("a"), false) };
        let counted = Node { when: Some(number), ..node.clone() };
        assert_eq!(counted.is_asked("{}", &of("{\"kind\": 1.0}".to_owned())), Ok(true));
        assert_eq!(Node { when: Some(when(None, false)), ..node }.is_asked("no JSON", &answers), Ok(false));
    }
}
