//! Evaluate answers: plan what to ask, run it, check and judge the answers, score, record.
//!
//! Reading order: [`record`] (what a run leaves behind), [`check`], [`judge`], [`score`], [`event`]. Nothing
//! here compares with a baseline; that is the gate's room.

pub mod record;

pub mod check;

pub mod judge;

pub mod score;

pub mod event;
