//! `llmx kb`: search the knowledge base, measure it, and tell its misses from the model's.

use super::eval::Format;
use super::{Choice, Context, Subject};
use crate::config::Problem;
use crate::kb::questions::Split;
use crate::pipeline::kb::{evaluate, explain, load};
use crate::report::kb::{explained, found, measured};
use crate::report::outcome::exit;

/// Subcommands of `llmx kb`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Passages for a question, with their citations, as a prompt would get them
    Search {
        /// The question
        question: String,
        /// Passages at most (default: `passages` of config/kb.yml)
        #[arg(short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
        k: Option<u16>,
        /// Score of the best passage below which nothing is handed on (default: `min_score` of config/kb.yml)
        #[arg(long, value_name = "SCORE", value_parser = score)]
        min_score: Option<f64>,
        /// What goes to stdout
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Recall, MRR, nDCG and abstention over the questions of config/kb.yml
    Eval {
        /// Questions that thresholds were set by, those that were held out, or all
        #[arg(long, value_enum, default_value_t = Of::HeldOut)]
        split: Of,
        /// Score of the best passage below which nothing is handed on (default: `min_score` of config/kb.yml)
        #[arg(long, value_name = "SCORE", value_parser = score)]
        min_score: Option<f64>,
        /// Other questions than those of config/kb.yml, relative to the project root
        #[arg(long, value_name = "FILE")]
        questions: Option<String>,
        /// What goes to stdout
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// What failed for want of a passage, and what the model made nothing of
    Explain {
        /// Suite whose task has a knowledge base; its newest run is looked at
        suite: String,
        /// JSON pointer into `expected`: the places that a case needs
        #[arg(long, value_name = "POINTER", default_value = "/cites")]
        cites: String,
        #[command(flatten)]
        subject: Subject,
        /// What goes to stdout
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
}

/// Which questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Of {
    /// Looked at while the search was tuned
    Tuning,
    /// Only measured
    HeldOut,
    /// Both
    All,
}

fn score(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(score) if score >= 0.0 && score.is_finite() => Ok(score),
        _ => Err("expected 0 or more".to_owned()),
    }
}

pub(super) fn run(context: &Context, command: &Command) -> Result<u8, u8> {
    let show = |format: Format, json: &serde_json::Value, text: &[String]| match format {
        Format::Json => context.out.text(&format!("{json:#}\n")),
        Format::Text => text.iter().for_each(|line| context.out.line(line)),
    };
    if let Command::Explain { suite, cites, subject, format } = command {
        let inputs = context.inputs(&subject.choice())?;
        let suite = context.suite(&inputs, suite)?;
        let found = explain(&inputs, suite, cites).map_err(|problems| context.refuse(&problems))?;
        show(*format, &serde_json::json!(found), &explained(&found));
        return Ok(exit::OK);
    }
    let inputs = context.inputs(&Choice::default())?;
    let (retriever, problems) = load(&inputs).map_err(|problems| context.refuse(&problems))?;
    // What is wrong with one document does not keep the others from being found; the exit code tells.
    problems.iter().for_each(|problem| context.out.error(problem));
    let (kb, code) = (&retriever.kb, if problems.is_empty() { exit::OK } else { exit::INPUT });
    if kb.documents().is_empty() {
        let problem = Problem::of_file("config/kb.yml", "no document can be used");
        return Err(context.refuse(&[problem]));
    }
    match command {
        Command::Search { question, k, min_score, format } => {
            let spec = inputs.loaded().map(|project| project.kb.value.clone()).unwrap_or_default();
            let min_score = min_score.unwrap_or(spec.min_score);
            let hits = kb.retrieve(question, k.map_or(spec.passages, usize::from), min_score);
            let json = serde_json::json!({ "retrieved": hits, "excluded": kb.excluded() });
            show(*format, &json, &found(kb, &hits, min_score));
        }
        Command::Eval { split, min_score, questions, format } => {
            let (of, name) = match split {
                Of::Tuning => (Some(Split::Tuning), "tuning"),
                Of::HeldOut => (Some(Split::HeldOut), "held out"),
                Of::All => (None, "all"),
            };
            let found = evaluate(&inputs, &retriever, of, (*min_score, questions.as_deref()))
                .map_err(|problems| context.refuse(&problems))?;
            show(*format, &serde_json::json!(found), &measured(kb, &found, name));
        }
        Command::Explain { .. } => {}
    }
    Ok(code)
}
