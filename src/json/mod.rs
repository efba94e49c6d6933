//! JSON as text: pointers with `*`, canonical form, and re-spacing that keeps every token as written.
//!
//! Numbers are the reason this exists: `2.0` and `2.00` are the same value but not the same text, and an
//! answer that quotes a record is checked against the text. Nothing here touches files.

mod canonical;
pub(crate) mod exact;
mod pointer;
mod quote;
mod respace;
mod rewrite;
mod same;
mod spans;
mod unfence;
mod unique;
mod why;

pub use canonical::{canonical, hex, sha256_hex, text_sha256};
pub use exact::{digits, marked, parse, rounded, to_text};
pub use pointer::{resolve, resolve_one, segment};
pub use quote::is_verbatim;
pub use respace::{compact_spaced, pretty, raw_at};
pub use rewrite::{Token, rewrite};
pub use same::same;
pub use spans::{Leaf, Member, leaves, top_members};
pub use unfence::unfenced;
pub use unique::Unique;
pub use why::why;
