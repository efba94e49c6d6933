//! Training examples for a fine-tune, and what must not be among them.
//!
//! A model that was trained on the cases that it is measured on looks better than it is. So [`leak`] holds every example
//! against every case that a suite measures, word by word and nearly so, and [`example`] writes only what is left, in the
//! forms that providers document.
//!
//! Pure: texts come in, lines and findings go out.

pub mod decide;
pub mod evidence;
pub mod example;
pub mod leak;
pub mod said;

pub use example::{Example, Format, split};
pub use leak::{Kind, leaks, stories};
pub use said::words;
