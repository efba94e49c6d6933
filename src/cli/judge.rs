//! `llmx judge`: measure a suite's judge before it may fail anything.

use super::eval::Format;
use super::{Choice, Context, unknown};
use crate::eval::judge::certificate::{
    self, BLOCKS_FROM, Certificate, INFORMS_FROM, LEAST_LABELS, LEAST_OF_EACH, Measured,
};
use crate::files::atomic_write;
use crate::host;
use crate::pipeline::Inputs;
use crate::pipeline::calibrate::{Calibration, calibrate};
use crate::pipeline::inputs::SuiteInputs;
use crate::pipeline::pairwise::compare;
use crate::report::outcome::exit;
use crate::report::pairwise::{self, MAX_IDS, ids_line};
use crate::report::traffic;

/// Subcommands of `llmx judge`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Hold a suite's judge against labelled answers, and write its certificate
    Calibrate {
        /// Suite whose judge is measured (default: every suite that has one)
        suite: Option<String>,
        #[command(flatten)]
        choice: Choice,
        /// Look, and leave the certificate as it is
        #[arg(long)]
        dry_run: bool,
    },
    /// Ask a suite's judge which it prefers, the accepted answers or today's, in both orders
    Pairwise {
        /// Suite whose answers are compared
        suite: String,
        #[command(flatten)]
        choice: Choice,
        /// What goes to stdout
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
}

pub(super) fn run(context: &Context, command: &Command) -> Result<u8, u8> {
    match command {
        Command::Calibrate { suite, choice, dry_run } => {
            calibrate_all(context, suite.as_ref(), choice, *dry_run)
        }
        Command::Pairwise { suite, choice, format } => {
            let inputs = context.inputs(choice)?;
            let suite = context.suite(&inputs, suite)?;
            context.trace(&inputs);
            let found = compare(&inputs, suite).map_err(|problems| context.refuse(&problems))?;
            match format {
                Format::Json => context.out.text(&format!("{:#}\n", pairwise::json(&found))),
                Format::Text => pairwise::text(&found).iter().for_each(|line| context.out.line(line)),
            }
            traffic::by_model(&inputs.hub.traffic()).iter().for_each(|line| context.out.note(line));
            Ok(if found.missing.is_empty() { exit::OK } else { exit::CANNOT_TELL })
        }
    }
}

fn calibrate_all(
    context: &Context,
    suite: Option<&String>,
    choice: &Choice,
    dry_run: bool,
) -> Result<u8, u8> {
    let inputs = context.inputs(choice)?;
    if !inputs.problems.is_empty() {
        return Err(context.refuse(&inputs.problems));
    }
    let chosen: Vec<&SuiteInputs> = inputs
        .suites
        .iter()
        .filter(|s| match suite {
            Some(name) => s.doc.value.suite == *name,
            None => s.doc.value.judge.is_some(),
        })
        .collect();
    if let (Some(name), true) = (suite, chosen.is_empty()) {
        return Err(context.refuse(&[unknown("suite", name, inputs.suite_names().into_iter())]));
    }
    context.trace(&inputs);
    let mut done = std::collections::BTreeSet::new();
    for suite in chosen {
        // A judge is the same whatever model is under test.
        if done.insert(suite.doc.value.suite.clone()) {
            one(context, &inputs, suite, dry_run)?;
        }
    }
    if done.is_empty() {
        context.out.failed("no suite has a judge", None);
        return Err(exit::UNDECIDED);
    }
    Ok(exit::OK)
}

fn one(context: &Context, inputs: &Inputs, suite: &SuiteInputs, dry_run: bool) -> Result<(), u8> {
    let found = calibrate(inputs, suite, &host::clock()).map_err(|problems| context.refuse(&problems))?;
    text(&found).iter().for_each(|line| context.out.line(line));
    inputs.not_ended().map_err(|problems| context.refuse(&problems))?;
    let file = certificate::file(&suite.doc.value.suite);
    if dry_run || inputs.settings.ci {
        let why = if dry_run { "as asked" } else { "under CI nothing is certified" };
        context.out.note(format!("{file} is left as it is: {why}"));
        return Ok(());
    }
    let path = inputs.root().join(&file);
    // Nothing changed but the day: the file stays, and with it the day that people know.
    if let Ok(Some(before)) = certificate::read(&inputs.root(), &found.certificate.suite) {
        let today = found.certificate.calibrated_on.clone();
        if (Certificate { calibrated_on: today, ..before }) == found.certificate {
            context.out.note(format!("{file} is up to date"));
            return Ok(());
        }
    }
    let written =
        serde_json::to_string_pretty(&found.certificate).map_err(std::io::Error::other).and_then(|text| {
            path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            atomic_write(&path, format!("{text}\n").as_bytes())
        });
    written.map_err(|error| {
        context.out.failed(format!("{file} cannot be written: {error}"), None);
        exit::CANNOT_TELL
    })?;
    context.out.note(format!("written: {file}"));
    Ok(())
}

fn text(found: &Calibration) -> Vec<String> {
    let Certificate { suite, judge, labels, n, .. } = &found.certificate;
    let mut out = vec![format!("{suite}: judge {judge} on {n} answers of {}", labels.file)];
    out.extend(labels.provenance.iter().map(|(who, count)| format!("  {count} labelled by: {who}")));
    let certificate = &found.certificate;
    out.extend([
        row("agreement", &certificate.agreement),
        row("kappa", &certificate.kappa),
        row("kappa of grades, weighted", &certificate.kappa_quadratic),
        row("alpha of scores", &certificate.alpha_interval),
    ]);
    out.extend(rates(found));
    let ids =
        |name: &str, ids: &[String]| ids_line(name, &ids.iter().map(String::as_str).collect::<Vec<_>>());
    out.extend(ids("passes what is labelled fail", &found.too_kind));
    out.extend(ids("fails what is labelled pass", &found.too_strict));
    out.extend(found.unscored.iter().take(MAX_IDS).map(|(id, why)| format!("  {id}: no score: {why}")));
    let low = certificate.kappa.map_or(f64::NEG_INFINITY, |kappa| kappa.ci95[0]);
    out.push(if certificate.may_block {
        format!("  may fail cases: the lower bound of kappa reaches {BLOCKS_FROM}")
    } else if low >= BLOCKS_FROM {
        format!(
            "  informs only: to fail anything takes {LEAST_LABELS} labels or more, {LEAST_OF_EACH} of each kind, at most a tenth \
             of them unreadable"
        )
    } else if low >= INFORMS_FROM {
        format!("  informs only: the lower bound of kappa is below {BLOCKS_FROM}")
    } else {
        format!(
            "  informs only, and read it with care: the lower bound of kappa is below {INFORMS_FROM}, and {BLOCKS_FROM} is \
             needed to fail anything"
        )
    });
    out
}

fn row(name: &str, value: &Option<Measured>) -> String {
    match value {
        Some(Measured { value, ci95: [low, high] }) => {
            format!("  {name:<26} {value:.2} ({low:.2} to {high:.2})")
        }
        None => format!("  {name:<26} not measurable"),
    }
}

/// The judge's rates over a model's answers: stated only of labels that were sampled from them.
fn rates(found: &Calibration) -> Vec<String> {
    let certificate = &found.certificate;
    if found.sampled == 0 {
        return vec![
            "  no rates: the labels do not state that their answers were sampled from a model's (`provenance.answers: sampled`)."
                .to_owned(),
            "  How many of them are good was chosen with them, so they show agreement and no rate of passes or of errors."
                .to_owned(),
        ];
    }
    let mut out =
        vec![row("sensitivity", &certificate.sensitivity), row("specificity", &certificate.specificity)];
    if found.sampled < certificate.n {
        out.push(format!("  rates are of the {} labelled answers that were sampled", found.sampled));
    }
    if let (Some(sensitivity), Some(specificity)) = (certificate.sensitivity, certificate.specificity) {
        let informed = sensitivity.value + specificity.value - 1.0;
        out.push(if informed > 0.0 {
            format!(
                "  its errors shrink a true change to {:.0}% of its size, so the smallest drop found grows {:.1} times",
                100.0 * informed,
                1.0 / informed
            )
        } else {
            "  it tells good from bad no better than a coin".to_owned()
        });
    }
    if let Some(level) = &found.level {
        let corrected = level.corrected.map_or(String::new(), |c| {
            format!(
                "; with the labels {:.0}% ({:.0} to {:.0})",
                100.0 * c.estimate,
                100.0 * c.ci95[0],
                100.0 * c.ci95[1]
            )
        });
        let by_rates = level
            .rogan_gladen
            .map_or(String::new(), |rate| format!("; by its error rates {:.0}%", 100.0 * rate));
        out.push(format!(
            "  of {} accepted answers without a label it passes {:.0}%{by_rates}{corrected}",
            level.answers,
            100.0 * level.judged
        ));
    }
    out
}
