//! Prompt texts: templates and their placeholders, fences around user data, content hashes, versions.
//!
//! Reading order: [`template`](Template) and [`fence`](fenced) (what is rendered), [`name`](is_numbered) (what
//! is a version), [`lock`] (the state and hash of every text), [`changelog`] (why each version exists and on
//! which decision it was accepted), [`version`] (the commands' edits of both).

mod fence;
mod template;

mod name;

pub mod lock;

pub mod changelog;

pub mod version;

pub mod compare;

pub use changelog::Changelog;
pub use fence::{fenced, last_fenced};
pub use lock::Lock;
pub use name::{every_file, is_numbered, newest_like, on_disk as prompt_files};
pub use template::{Purpose, Template, content_sha256, text_of};

/// Folder of all prompts, relative to the project root.
pub const DIR: &str = "prompts";
