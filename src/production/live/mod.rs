//! What was served, afterwards: a redacted sample of it, watched from day to day, and turned into candidate cases.
//!
//! ```text
//!  request, answer ──> share ──> redact ──> reports/live/TASK/DAY.jsonl ──> checks, judge ──> watch: detectors, alarms
//!                                                                                       └──> candidates for people to label
//! ```

pub mod redact;

pub mod sampled;

mod marks;

pub mod candidates;
pub mod watch;
