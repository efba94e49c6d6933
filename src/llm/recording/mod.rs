//! Answers on disk: one file per request, found by its content address, draws only ever added; or one file for all, of a
//! process that is alone with them.
//!
//! Reading order: [`mod@format`] (what a file says), [`store`] (read and add, safe for many processes), [`sweep`]
//! (remove some), [`nearest`] (what a miss should have found).

pub mod format;

mod flush;
mod journal;
mod lock;
pub mod store;
pub mod sweep;
mod unkept;

pub mod nearest;

pub use format::{Recorded, Recording};
pub use nearest::{Miss, Nearest};
pub use store::{Claim, DIR, Store};
