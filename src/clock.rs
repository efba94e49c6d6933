//! The time, as a parameter: surfaces pass the real clock, tests a fixed one.

use std::sync::Arc;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// RFC 3339 with milliseconds, UTC: for lines that are compared by their time.
#[must_use]
pub fn stamp(at: OffsetDateTime) -> String {
    const FORM: &[time::format_description::BorrowedFormatItem<'_>] = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    at.to_offset(time::UtcOffset::UTC).format(FORM).unwrap_or_default()
}

/// Tells the time and names runs.
#[derive(Clone)]
pub struct Clock {
    now: Arc<dyn Fn() -> OffsetDateTime + Send + Sync>,
    /// Keeps runs apart that start in the same second on the same machine.
    salt: u32,
}

impl Clock {
    /// A clock. `salt` tells apart processes that start in the same second.
    #[must_use]
    pub fn new(now: impl Fn() -> OffsetDateTime + Send + Sync + 'static, salt: u32) -> Self {
        Self { now: Arc::new(now), salt }
    }

    /// The time, UTC.
    #[must_use]
    pub fn utc(&self) -> OffsetDateTime {
        (self.now)()
    }

    /// RFC 3339, UTC, whole seconds.
    #[must_use]
    pub fn now(&self) -> String {
        let now = (self.now)();
        now.replace_nanosecond(0).unwrap_or(now).format(&Rfc3339).unwrap_or_default()
    }

    /// `YYYY-MM-DD`, UTC.
    #[must_use]
    pub fn today(&self) -> String {
        self.now().chars().take(10).collect()
    }

    /// Time-ordered and unique: `20261123T131500Z-0f4a2b`.
    #[must_use]
    pub fn run_id(&self) -> String {
        let time: String = self.now().chars().filter(|c| c.is_ascii_alphanumeric()).collect();
        let fraction = (self.now)().nanosecond();
        format!("{time}-{:06x}", (self.salt ^ fraction.rotate_left(7)) & 0x00ff_ffff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let clock = Clock::new(|| time::macros::datetime!(2026-11-23 13:15:00 UTC), 0x1234);
        assert_eq!(clock.now(), "2026-11-23T13:15:00Z");
        assert_eq!(clock.today(), "2026-11-23");
        assert_eq!(clock.run_id(), "20261123T131500Z-001234");
        let at = time::macros::datetime!(2026-11-23 14:15:00.0129 +01:00);
        assert_eq!(stamp(at), "2026-11-23T13:15:00.012Z");
    }
}
