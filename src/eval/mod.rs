//! Evaluate answers: plan what to ask, run it, check and judge the answers, score, record.
//!
//! Reading order: [`record`] (what a run leaves behind), [`plan`], [`run`], [`check`], [`judge`], [`score`],
//! [`tables`], [`limits`], [`event`]. Nothing here compares with a baseline; that is the gate's room.

pub mod record;

pub mod plan;

mod trace;

pub mod run;

pub mod walk;

pub mod check;

pub mod judge;

pub mod score;
pub mod shard;

pub mod tables;

pub mod limits;

pub mod event;
