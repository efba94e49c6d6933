//! it

mod labels;
