//! What people wrote, checked: YAML files, environment, settings.
//!
//! Reading order: [`problem`] (what is reported), [`document`] (how a text becomes a struct with all its
//! problems), then one module per file, then [`project`] which loads them together. Nothing here knows
//! prompts' or datasets' contents.

pub mod line;
pub mod problem;
pub mod text;

pub mod document;

pub mod base;
pub mod check;
pub mod conflict;
pub mod env;
pub mod finetune;
pub mod graph;
pub mod kb;
pub mod live;
pub mod metric;
pub mod models;
pub mod perspectives;
pub mod pins;
pub mod settings;
pub mod suite;
mod variables;

pub mod project;

pub use document::{Document, Step};
pub use problem::{Problem, did_you_mean};
pub use project::Project;
pub use settings::Settings;

/// `YYYY-MM-DD` that names a day of the calendar.
pub(crate) fn is_date(text: &str) -> bool {
    let format = time::macros::format_description!("[year]-[month]-[day]");
    time::Date::parse(text, &format).is_ok()
}
