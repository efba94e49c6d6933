//! A walk over a `.jinja` template before it is rendered: names, fields, filters, tests and functions that do not exist
//! are problems with a line, also in branches that no case takes.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::Environment;
use minijinja::machinery::ast;

use super::scope::{Kind, Scopes};
use crate::config::Problem;

/// Names with their lines, and whether one of them decides which text is sent.
pub(super) type Names = (Vec<(String, usize)>, bool);

/// Every name that a template reads from outside with its line, and whether one of them decides which text is sent.
///
/// # Errors
/// Every problem but unknown names.
pub(super) fn names(
    file: &str,
    tree: &ast::Stmt<'_>,
    environment: &Environment<'static>,
    known: &[&str],
) -> Result<Names, Vec<Problem>> {
    let mut walk = Walk {
        file,
        environment,
        scopes: Scopes::new(known),
        derived: BTreeSet::new(),
        reads: 0,
        decides: false,
        problems: Vec::new(),
    };
    walk.statement(tree);
    if walk.problems.is_empty() { Ok((walk.scopes.into_names(), walk.decides)) } else { Err(walk.problems) }
}

/// A walk over a template.
struct Walk<'w, 't> {
    file: &'w str,
    environment: &'w Environment<'static>,
    scopes: Scopes<'t>,
    /// Assigned names whose value depends on a placeholder.
    derived: BTreeSet<&'t str>,
    /// How often a placeholder, or what is derived from one, was read.
    reads: usize,
    /// A placeholder decides which text is sent.
    decides: bool,
    problems: Vec<Problem>,
}

impl<'t> Walk<'_, 't> {
    fn statements(&mut self, body: &[ast::Stmt<'t>]) {
        for statement in body {
            self.statement(statement);
        }
    }

    /// A body whose assignments end with it.
    fn block(&mut self, body: &[ast::Stmt<'t>]) {
        self.scopes.open();
        self.statements(body);
        self.scopes.close();
    }

    fn statement(&mut self, statement: &ast::Stmt<'t>) {
        match statement {
            ast::Stmt::Template(template) => self.statements(&template.children),
            ast::Stmt::EmitExpr(emit) => drop(self.expression(&emit.expr)),
            ast::Stmt::EmitRaw(_) => {}
            ast::Stmt::ForLoop(each) => {
                let before = self.reads;
                let item = match self.expression(&each.iter) {
                    Kind::Text => {
                        let message = "a loop over a text takes it apart into characters".to_owned();
                        let hint = "loop over its lines, such as `{% for line in input_data | lines %}`";
                        self.problem(message, line(&each.iter), hint);
                        Kind::Text
                    }
                    Kind::Texts => Kind::Text,
                    Kind::Fields(_) | Kind::Other => Kind::Other,
                };
                self.scopes.open();
                self.scopes.assign("loop", Kind::Other);
                if self.reads > before {
                    self.derived.insert("loop");
                }
                self.assign(&each.target, &item, self.reads > before);
                if let Some(condition) = &each.filter_expr {
                    self.condition(condition);
                }
                self.statements(&each.body);
                self.scopes.close();
                self.block(&each.else_body);
            }
            ast::Stmt::IfCond(branches) => {
                self.condition(&branches.expr);
                self.scopes.open();
                self.statements(&branches.true_body);
                let yes = self.scopes.close();
                self.scopes.open();
                self.statements(&branches.false_body);
                let no = self.scopes.close();
                self.scopes.join(yes, no);
            }
            ast::Stmt::WithBlock(with) => {
                self.scopes.open();
                for (target, value) in &with.assignments {
                    let before = self.reads;
                    let kind = self.expression(value);
                    self.assign(target, &kind, self.reads > before);
                }
                self.statements(&with.body);
                self.scopes.close();
            }
            ast::Stmt::Set(set) => {
                let before = self.reads;
                let kind = self.expression(&set.expr);
                self.assign(&set.target, &kind, self.reads > before);
            }
            ast::Stmt::SetBlock(set) => {
                let before = self.reads;
                self.optional(set.filter.as_ref());
                self.block(&set.body);
                self.assign(&set.target, &Kind::Text, self.reads > before);
            }
            ast::Stmt::AutoEscape(escape) => {
                self.expression(&escape.enabled);
                self.block(&escape.body);
            }
            ast::Stmt::FilterBlock(filter) => {
                self.expression(&filter.filter);
                self.block(&filter.body);
            }
            ast::Stmt::Do(call) => drop(self.call(&call.call)),
        }
    }

    /// `is_derived`: the value depends on a placeholder.
    fn assign(&mut self, target: &ast::Expr<'t>, kind: &Kind, is_derived: bool) {
        match target {
            ast::Expr::Var(name) => {
                self.scopes.assign(name.id, kind.clone());
                if is_derived {
                    self.derived.insert(name.id);
                }
            }
            ast::Expr::List(list) => self.unpack(&list.items, kind, is_derived),
            ast::Expr::Tuple(tuple) => self.unpack(&tuple.items, kind, is_derived),
            // `ns.x = ...`: what is assigned to must be there.
            ast::Expr::GetAttr(attribute) => {
                self.expression(&attribute.expr);
                if let (ast::Expr::Var(name), true) = (&attribute.expr, is_derived) {
                    self.derived.insert(name.id);
                }
            }
            _ => {}
        }
    }

    fn unpack(&mut self, targets: &[ast::Expr<'t>], kind: &Kind, is_derived: bool) {
        let item = if *kind == Kind::Texts { Kind::Text } else { Kind::Other };
        targets.iter().for_each(|target| self.assign(target, &item, is_derived));
    }

    /// An expression on which it depends which text is sent.
    fn condition(&mut self, expression: &ast::Expr<'t>) -> Kind {
        let before = self.reads;
        let kind = self.expression(expression);
        self.decides |= self.reads > before;
        kind
    }

    fn optional(&mut self, expression: Option<&ast::Expr<'t>>) {
        if let Some(expression) = expression {
            self.expression(expression);
        }
    }

    fn arguments(&mut self, arguments: &[ast::CallArg<'t>]) {
        for argument in arguments {
            match argument {
                ast::CallArg::Pos(value)
                | ast::CallArg::Kwarg(_, value)
                | ast::CallArg::PosSplat(value)
                | ast::CallArg::KwargSplat(value) => drop(self.expression(value)),
            }
        }
    }

    fn expression(&mut self, expression: &ast::Expr<'t>) -> Kind {
        match expression {
            ast::Expr::Var(name) => self.name(name.id, line(expression)),
            ast::Expr::Const(value) => {
                if value.value.as_str().is_some() {
                    Kind::Text
                } else {
                    Kind::Other
                }
            }
            ast::Expr::Slice(slice) => {
                for bound in [&slice.start, &slice.stop, &slice.step] {
                    self.optional(bound.as_ref());
                }
                self.expression(&slice.expr)
            }
            ast::Expr::UnaryOp(unary) => self.condition(&unary.expr).forget(),
            ast::Expr::BinOp(both) => match both.op {
                ast::BinOpKind::Concat => {
                    self.expression(&both.left);
                    self.expression(&both.right);
                    Kind::Text
                }
                ast::BinOpKind::Add => {
                    let left = self.expression(&both.left);
                    left.or(self.expression(&both.right))
                }
                ast::BinOpKind::ScAnd | ast::BinOpKind::ScOr => {
                    let left = self.condition(&both.left);
                    left.or(self.expression(&both.right))
                }
                _ => {
                    self.condition(&both.left);
                    self.condition(&both.right);
                    Kind::Other
                }
            },
            ast::Expr::Compare(compare) => {
                self.condition(&compare.expr);
                for operand in &compare.ops {
                    self.condition(&operand.expr);
                }
                Kind::Other
            }
            ast::Expr::IfExpr(choice) => {
                self.condition(&choice.test_expr);
                let yes = self.expression(&choice.true_expr);
                match &choice.false_expr {
                    Some(no) => yes.or(self.expression(no)),
                    None => yes,
                }
            }
            ast::Expr::Filter(filter) => self.filter(filter, line(expression)),
            ast::Expr::Test(test) => {
                self.condition(&test.expr);
                self.arguments(&test.args);
                self.is_there("test", test.name, line(expression));
                Kind::Other
            }
            ast::Expr::GetAttr(attribute) => {
                let kind = self.expression(&attribute.expr);
                self.field(&attribute.expr, &kind, attribute.name, line(expression))
            }
            ast::Expr::GetItem(item) => {
                let kind = self.expression(&item.expr);
                self.expression(&item.subscript_expr);
                let key = item.subscript_expr.as_const();
                match (key.as_ref().and_then(minijinja::Value::as_str), kind) {
                    (Some(name), kind) => self.field(&item.expr, &kind, name, line(expression)),
                    (None, Kind::Text) => {
                        let shown = shown(&item.expr);
                        let key = key.map_or_else(|| "...".to_owned(), |key| key.to_string());
                        let message =
                            format!("`{shown}[{key}]` is one character, not an item: `{shown}` is text");
                        let hint = format!(
                            "take a line with `({shown} | lines)[{key}]`, or a part with `{shown}[:100]`"
                        );
                        self.problem(message, line(expression), &hint);
                        Kind::Text
                    }
                    (None, Kind::Texts) => Kind::Text,
                    (None, Kind::Fields(_) | Kind::Other) => Kind::Other,
                }
            }
            ast::Expr::Call(call) => self.call(call),
            ast::Expr::List(list) => self.list(&list.items),
            ast::Expr::Tuple(tuple) => self.list(&tuple.items),
            ast::Expr::Map(map) => {
                self.list(&map.keys);
                self.list(&map.values);
                let name = |key: &ast::Expr<'_>| key.as_const()?.as_str().map(str::to_owned);
                map.keys.iter().map(name).collect::<Option<_>>().map_or(Kind::Other, Kind::Fields)
            }
        }
    }

    fn list(&mut self, items: &[ast::Expr<'t>]) -> Kind {
        let kinds: Vec<Kind> = items.iter().map(|item| self.expression(item)).collect();
        if !kinds.is_empty() && kinds.iter().all(|kind| *kind == Kind::Text) {
            Kind::Texts
        } else {
            Kind::Other
        }
    }

    fn filter(&mut self, filter: &ast::Filter<'t>, line: usize) -> Kind {
        let before = self.reads;
        let kind = filter.expr.as_ref().map_or(Kind::Other, |value| self.expression(value));
        self.arguments(&filter.args);
        self.is_there("filter", filter.name, line);
        self.decides |= self.reads > before && SELECTING.contains(&filter.name);
        let by_attribute = matches!(filter.name, "selectattr" | "rejectattr" | "groupby")
            || filter.args.iter().any(|arg| matches!(arg, ast::CallArg::Kwarg("attribute", _)));
        match kind {
            Kind::Text if OF_LISTS.contains(&filter.name) => {
                let message = format!("filter `{}` takes a text apart into characters", filter.name);
                let hint = format!("give it the lines, such as `input_data | lines | {}`", filter.name);
                self.problem(message, line, &hint);
                Kind::Other
            }
            Kind::Texts if by_attribute => {
                let message = format!("filter `{}` reads a field, and texts have no fields", filter.name);
                self.problem(message, line, "");
                Kind::Other
            }
            Kind::Text if matches!(filter.name, "lines" | "split") => Kind::Texts,
            Kind::Texts if matches!(filter.name, "first" | "last" | "join") => Kind::Text,
            kind if KEEPING.contains(&filter.name) => kind,
            _ => Kind::Other,
        }
    }

    fn call(&mut self, call: &ast::Call<'t>) -> Kind {
        match &call.expr {
            ast::Expr::GetAttr(method) => {
                if self.expression(&method.expr) == Kind::Text {
                    let message = format!("a text has no method `{}`", method.name);
                    let hint = "use a filter, such as `{{ input_data | replace(\"a\", \"b\") }}`";
                    self.problem(message, line(&call.expr), hint);
                }
            }
            function => {
                if self.expression(function) == Kind::Text {
                    self.problem("a text cannot be called".to_owned(), line(function), "");
                }
            }
        }
        self.arguments(&call.args);
        Kind::Other
    }

    fn name(&mut self, name: &'t str, line: usize) -> Kind {
        let is_global = || self.environment.globals().any(|(known, _)| known == name);
        let outside = self.scopes.outside();
        let kind = self.scopes.look_up(name, line, is_global);
        self.reads += usize::from(self.scopes.outside() > outside || self.derived.contains(name));
        kind
    }

    /// A field of a value that is known.
    fn field(&mut self, base: &ast::Expr<'t>, kind: &Kind, field: &str, line: usize) -> Kind {
        let shown = format!("{}.{field}", shown(base));
        match kind {
            Kind::Text | Kind::Texts => {
                let message = format!("`{shown}` has no value: fields of a placeholder cannot be used yet");
                let hint = "use the whole value, such as `{{ input_data }}`, and name the field in the prompt's text";
                self.problem(message, line, hint);
            }
            Kind::Fields(fields) if !fields.iter().any(|known| known == field) => {
                let known = fields.join(", ");
                self.problem(format!("`{shown}` has no value: expected one of: {known}"), line, "");
            }
            Kind::Fields(_) | Kind::Other => {}
        }
        Kind::Other
    }

    /// The engine has a filter or test of this name.
    fn is_there(&mut self, what: &str, name: &str, line: usize) {
        let question = format!("name is {what}");
        let values = BTreeMap::from([("name", name.to_owned())]);
        let known = self.environment.compile_expression(&question).and_then(|question| question.eval(values));
        if known.is_ok_and(|known| known.is_true()) {
            return;
        }
        let hint =
            format!("{what}s are those of MiniJinja: https://docs.rs/minijinja/3.1.0/minijinja/{what}s/");
        self.problem(format!("unknown {what} `{name}`"), line, &hint);
    }

    fn problem(&mut self, message: String, line: usize, hint: &str) {
        let problem = Problem::of_file(self.file, message).at_line(line);
        self.problems.push(if hint.is_empty() { problem } else { problem.hint(hint) });
    }
}

fn line(expression: &ast::Expr<'_>) -> usize {
    usize::from(expression.span().start_line)
}

/// An expression as messages show it.
fn shown<'t>(expression: &ast::Expr<'t>) -> &'t str {
    match expression {
        ast::Expr::Var(name) => name.id,
        _ => "(...)",
    }
}

/// Filters whose result is what their value is: a text or a list of texts.
const KEEPING: &[&str] = &[
    "safe",
    "escape",
    "e",
    "lower",
    "upper",
    "title",
    "capitalize",
    "replace",
    "trim",
    "default",
    "d",
    "string",
    "indent",
    "format",
    "reverse",
    "list",
    "select",
    "reject",
    "sort",
    "unique",
];

/// Filters that leave items out.
const SELECTING: &[&str] = &["select", "reject", "selectattr", "rejectattr"];

/// Filters of lists, which take the characters of a text for its items.
const OF_LISTS: &[&str] = &[
    "list",
    "first",
    "last",
    "join",
    "map",
    "select",
    "reject",
    "selectattr",
    "rejectattr",
    "batch",
    "slice",
    "sort",
    "unique",
    "groupby",
    "min",
    "max",
    "sum",
    "zip",
    "chain",
];
