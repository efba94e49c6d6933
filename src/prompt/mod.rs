//! Prompt texts: templates and their placeholders, fences around user data, content hashes.

mod fence;
mod template;

pub use fence::fenced;
pub use template::{Purpose, Template};

/// Folder of all prompts, relative to the project root.
pub const DIR: &str = "prompts";
