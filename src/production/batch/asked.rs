//! One input on its way to an answer, and what an access log says of it.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::input::Record;
use crate::clock::Clock;
use crate::llm::stack::conventions::{ERROR_TYPE, INPUT_ID, REQUEST_ID, TARGET, TASK};
use crate::llm::stack::{Ids, Tally, Ticket};
use crate::production::{Produced, Production, Refused, Remedy};

/// An input that was tried, for an access log.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The task.
    pub task: &'a str,
    /// Line of the input, from 1.
    pub line: usize,
    /// Its id, where it has one.
    pub id: Option<&'a str>,
    /// Id of the request, as in its spans and its output.
    pub request_id: &'a str,
    /// The span of the request.
    pub span: &'a Span,
    /// When it began.
    pub at: OffsetDateTime,
    /// How long it took.
    pub took: Duration,
    /// `answered`, `dead` (a dead letter), `later` (a provider could not answer now) or `stopped` (a person must act
    /// first).
    pub outcome: &'static str,
    /// `input`, `answer`, or the kind of the model's failure; absent where it was answered.
    pub error: Option<&'static str>,
    /// Alias of the model that answered, or was to answer.
    pub model: &'a str,
    /// That model, as the provider names it.
    pub served_model: Option<&'a str>,
    /// What models were asked for it.
    pub tally: Tally,
}

/// The request about one input.
pub(super) struct Asking {
    ticket: Arc<Ticket>,
    span: Span,
    at: OffsetDateTime,
    took: Duration,
}

impl Asking {
    /// A line that is no input: nothing is asked about it.
    pub(super) fn nothing(ids: &Ids, clock: &Clock) -> Self {
        Self { ticket: Ticket::new(ids.next()), span: Span::none(), at: clock.utc(), took: Duration::ZERO }
    }

    /// Answer an input inside a span of its own; `again`: it had an answer before in the same run.
    pub(super) async fn about(
        production: &Production,
        record: &Record,
        again: bool,
        (ids, clock): (&Ids, &Clock),
    ) -> (Self, Result<Produced, Refused>) {
        let ticket = Ticket::new(ids.next());
        let span = tracing::info_span!(
            target: TARGET,
            "task input",
            otel.status_code = Empty,
            { REQUEST_ID } = ticket.id(),
            { TASK } = production.name(),
            { INPUT_ID } = record.id.as_str(),
            { ERROR_TYPE } = Empty,
        );
        let at = clock.utc();
        let answering = async {
            if again {
                production.answer_again(&record.id, &record.text).await
            } else {
                production.answer(&record.id, &record.text).await
            }
        };
        let answer = ticket.during(Box::pin(answering.instrument(span.clone()))).await;
        if let (_, Some(error)) = ending(&answer) {
            tracing::record_all!(span, { ERROR_TYPE } = error, otel.status_code = "ERROR");
        }
        let took = (clock.utc() - at).unsigned_abs();
        (Self { ticket, span, at, took }, answer)
    }

    pub(super) fn request_id(&self) -> &str {
        self.ticket.id()
    }

    /// What an access log says of an input that was tried.
    pub(super) fn of<'a>(
        &'a self,
        production: &'a Production,
        record: &'a Record,
        answer: &'a Result<Produced, Refused>,
    ) -> Asked<'a> {
        let (outcome, error) = ending(answer);
        let produced = answer.as_ref().ok();
        Asked {
            outcome,
            error,
            model: produced.map_or(production.model(), |produced| &produced.model),
            served_model: produced.map(|produced| produced.served_model.as_str()),
            ..self.of_nothing(production, record.line, Some(&record.id))
        }
    }

    /// What an access log says of a line that is no input.
    pub(super) fn of_nothing<'a>(
        &'a self,
        production: &'a Production,
        line: usize,
        id: Option<&'a str>,
    ) -> Asked<'a> {
        Asked {
            task: production.name(),
            line,
            id,
            request_id: self.request_id(),
            span: &self.span,
            at: self.at,
            took: self.took,
            outcome: "dead",
            error: Some("input"),
            model: production.model(),
            served_model: None,
            tally: self.ticket.tally(),
        }
    }
}

/// How an input ended, and the kind of failure.
fn ending(answer: &Result<Produced, Refused>) -> (&'static str, Option<&'static str>) {
    match answer {
        Ok(_) => ("answered", None),
        Err(Refused::Malformed(_) | Refused::Input(_)) => ("dead", Some("input")),
        Err(Refused::Invalid(_)) => ("dead", Some("answer")),
        Err(Refused::Unanswered { kind, remedy, .. }) => match remedy {
            Remedy::Later => ("later", Some(kind)),
            Remedy::Mend => ("stopped", Some(kind)),
            Remedy::Never => ("dead", Some(kind)),
        },
    }
}
