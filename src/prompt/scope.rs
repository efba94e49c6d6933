//! Names in a `.jinja` prompt: what is assigned where, and what comes from outside.

use std::collections::BTreeMap;

/// What is known of a value before it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A text, as placeholders are: it has no fields.
    Text,
    /// A list of texts, such as the lines of one.
    Texts,
    /// A map with these keys.
    Fields(Vec<String>),
    /// Anything.
    Other,
}

impl Kind {
    /// Nothing is known any more.
    pub(super) fn forget(self) -> Self {
        Self::Other
    }

    /// One value or the other.
    pub(super) fn or(self, other: Self) -> Self {
        if self == other { self } else { Self::Other }
    }
}

/// Assigned names, innermost scope last.
pub(super) type Scope<'t> = BTreeMap<&'t str, Kind>;

/// The scopes around a place in a template, and the names that were read from outside so far.
pub(super) struct Scopes<'t> {
    known: Vec<String>,
    open: Vec<Scope<'t>>,
    outside: Vec<(String, usize)>,
}

impl<'t> Scopes<'t> {
    /// Nothing is assigned; `known` are the placeholders.
    pub(super) fn new(known: &[&str]) -> Self {
        let known = known.iter().map(|&name| name.to_owned()).collect();
        Self { known, open: vec![Scope::new()], outside: Vec::new() }
    }

    pub(super) fn open(&mut self) {
        self.open.push(Scope::new());
    }

    pub(super) fn close(&mut self) -> Scope<'t> {
        self.open.pop().unwrap_or_default()
    }

    pub(super) fn assign(&mut self, name: &'t str, kind: Kind) {
        if let Some(scope) = self.open.last_mut() {
            scope.insert(name, kind);
        }
    }

    /// After two branches: a name that both assign is assigned, one that only one assigns may be another value now.
    pub(super) fn join(&mut self, yes: Scope<'t>, no: Scope<'t>) {
        for (name, kind) in &yes {
            if let Some(other) = no.get(name) {
                self.assign(name, kind.clone().or(other.clone()));
            }
        }
        for name in yes
            .keys()
            .filter(|name| !no.contains_key(*name))
            .chain(no.keys().filter(|name| !yes.contains_key(*name)))
        {
            if self.find(name).is_some() || self.known.iter().any(|known| known == name) {
                self.assign(name, Kind::Other);
            }
        }
    }

    fn find(&self, name: &str) -> Option<&Kind> {
        self.open.iter().rev().find_map(|scope| scope.get(name))
    }

    /// What a name is. One that is not assigned comes from outside, unless it is the engine's own.
    pub(super) fn look_up(&mut self, name: &str, line: usize, is_global: impl Fn() -> bool) -> Kind {
        if let Some(kind) = self.find(name) {
            return kind.clone();
        }
        let is_known = self.known.iter().any(|known| known == name);
        if !is_known && is_global() {
            return Kind::Other;
        }
        self.outside.push((name.to_owned(), line));
        if is_known { Kind::Text } else { Kind::Other }
    }

    /// How many names were read from outside so far.
    pub(super) fn outside(&self) -> usize {
        self.outside.len()
    }

    /// Names that are read from outside, with their lines.
    pub(super) fn into_names(self) -> Vec<(String, usize)> {
        self.outside
    }
}
