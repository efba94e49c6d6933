//! A comparison of models as text, Markdown and one HTML page.
//!
//! Reading order: [`words`] (the answer in a sentence, and what stands in every table), [`text()`], [`markdown()`],
//! [`html()`] and the plot in it.

pub mod words;

mod text;

mod markdown;

mod plot;

mod html;

pub use html::html;
pub use markdown::markdown;
pub use text::text;

use crate::zoo::Zoo;
use crate::zoo::figures::{Figure, Mean};
use crate::zoo::report::Model;

/// A name, and the figure of each model that has one.
type Row = (String, Vec<Option<Mean>>);

/// Every metric over all cases, a row each.
fn metric_rows(zoo: &Zoo) -> Vec<Row> {
    rows(zoo, |figure| {
        let lower = if figure.lower_is_better { " (lower is better)" } else { "" };
        figure.slice.is_none().then(|| format!("{}{lower}", figure.metric))
    })
}

/// One metric by slice, a row each.
fn slice_rows(zoo: &Zoo, metric: &str) -> Vec<Row> {
    rows(zoo, |figure| {
        let (name, value) = figure.slice.as_ref().filter(|_| figure.metric == metric)?;
        Some(format!("{name}: {value}"))
    })
}

/// The figures that `name` names, in the order in which they come first, with how many cases each is about.
fn rows(zoo: &Zoo, name: impl Fn(&Figure) -> Option<String>) -> Vec<Row> {
    let mut names: Vec<String> = Vec::new();
    for found in zoo.models.iter().flat_map(|model| &model.figures).filter_map(&name) {
        if !names.contains(&found) {
            names.push(found);
        }
    }
    names
        .into_iter()
        .map(|wanted| {
            let of = |model: &'_ Model| {
                model.figures.iter().find(|figure| name(figure).as_deref() == Some(wanted.as_str())).cloned()
            };
            let found: Vec<Option<Figure>> = zoo.models.iter().map(of).collect();
            let cases = found.iter().flatten().map(|figure| figure.mean.cases).max().unwrap_or(0);
            (format!("{wanted}, n={cases}"), found.into_iter().map(|figure| figure.map(|f| f.mean)).collect())
        })
        .collect()
}

/// A figure on one line.
fn cell(mean: &Option<Mean>) -> String {
    mean.as_ref().map_or("-".to_owned(), words::with_interval)
}
