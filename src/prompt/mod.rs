//! Prompt texts: templates and their placeholders, fences around user data, content hashes, versions.
//!
//! Reading order: [`template`](Template) (what is rendered), with its parts [`source`](text_of) (files and partials),
//! `braces` and `jinja` with `walk` (the two syntaxes), `chat` (forms of other tools) and [`fence`](fenced); [`name`](is_numbered)
//! (what is a version), [`lock`] (the state and hash of every text), [`changelog`] (why each version exists and on
//! which decision it was accepted), [`version`] (the commands' edits of both).

mod braces;
mod chat;
mod fence;
mod jinja;
mod scope;
mod source;
mod template;
mod walk;

mod name;

pub mod lock;

pub mod changelog;

pub mod version;

pub mod compare;

pub use changelog::Changelog;
pub use fence::{fenced, last_fenced};
pub use lock::Lock;
pub use name::{every_file, is_numbered, newest_like, on_disk as prompt_files};
pub use source::{content_sha256, text_of};
pub use template::{Purpose, Template};

/// Folder of all prompts, relative to the project root.
pub const DIR: &str = "prompts";
