//! Whether a suite notices planted faults, as text and as Markdown.
//!
//! Reading order: [`words`] (the sentences that both forms share), [`text()`], [`markdown()`].

pub mod words;

mod text;

mod markdown;

pub use markdown::markdown;
pub use text::text;
