//! Cases to come.

use super::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    Vec::new()
}
