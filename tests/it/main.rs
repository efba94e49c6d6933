//! it

mod gate_props;
mod vectors;
