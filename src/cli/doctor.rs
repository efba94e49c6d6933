//! `llmx doctor`: look at the project and this machine, spend nothing, change nothing.

use super::{Choice, Context};
use crate::config::env;
use crate::host;
use crate::pipeline::credentials;
use crate::pipeline::deliver::Folder;
use crate::pipeline::policies::{self, POLICIES};
use crate::report::outcome::exit;

pub(super) fn run(context: &Context) -> Result<u8, u8> {
    let inputs = context.inputs(&Choice::default())?;
    let out = context.out;
    out.line(format!("llmx {}", env!("CARGO_PKG_VERSION")));
    out.line(format!("project      {}", inputs.root().display()));
    out.line(format!("mode         {}", inputs.settings.mode.name()));
    out.line(format!("reports      {}", inputs.root().join(&inputs.settings.reports_dir).display()));
    let folder = Folder::new(&inputs.root(), &inputs.settings.reports_dir, "<run-id>");
    out.line(format!("traces       {}", folder.run.join("traces").display()));
    out.line("");
    out.line("models");
    if let Some(project) = inputs.loaded() {
        let tried = credentials::try_all(&inputs.hub, &project.models.value.models);
        for (alias, spec) in &project.models.value.models {
            let state = match tried.get(alias) {
                Some(Ok(state)) => format!("ok    {state}"),
                Some(Err(error)) => format!("no    {error}"),
                None => "no    could not be tried".to_owned(),
            };
            out.line(format!("  {alias:<20} {:<10} {state}", spec.provider.to_string()));
        }
    }
    out.line("");
    out.line("suites");
    for suite in &inputs.suites {
        let baseline = crate::baseline::path(&suite.doc.value.suite, &suite.alias);
        let has =
            if inputs.root().join(&baseline).is_file() { baseline } else { "no baseline yet".to_owned() };
        out.line(format!(
            "  {:<20} {:>5} cases on {:<12} {has}",
            suite.label(),
            suite.dataset.cases.len(),
            suite.alias
        ));
    }
    out.line("");
    out.line("environment");
    for (name, meaning) in env::ALL {
        let value = context.vars.get(*name).map_or("-".to_owned(), |value| env::shown(name, value));
        out.line(format!("  {name:<22} {value:<10} {meaning}"));
    }
    out.line("");
    out.line("policies");
    let today = host::clock().today();
    let mut code = exit::OK;
    for name in POLICIES {
        let report = policies::check(&inputs, name, &today, None);
        out.line(format!(
            "  {:<20} {}",
            report.name,
            if report.problems.is_empty() { "ok" } else { "FAILED" }
        ));
        for problem in &report.problems {
            code = exit::INPUT;
            out.failed(problem, None);
        }
        report.hints.iter().for_each(|hint| out.note(format!("hint: {hint}")));
    }
    Ok(code)
}
