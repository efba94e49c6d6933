//! `llmx schema`: JSON Schemas of the files people write, generated from the very types that read them.

use std::path::Path;

use schemars::{Schema, schema_for};

use super::Context;
use crate::config::finetune::FinetuneFile;
use crate::config::graph::GraphFile;
use crate::config::kb::KbSpec;
use crate::config::live::LiveFile;
use crate::config::models::ModelsFile;
use crate::config::perspectives::PerspectivesFile;
use crate::config::pins::PinsFile;
use crate::config::settings::SettingsFile;
use crate::config::suite::SuiteSpec;
use crate::files::atomic_write;
use crate::report::outcome::exit;

/// Folder of the committed schemas, relative to the project root.
const DIR: &str = "config/schemas";

/// Arguments of `llmx schema`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print one schema: models, pins, graph, perspectives, kb, finetune, live, settings or suite
    name: Option<String>,
    /// Write all of them to config/schemas/
    #[arg(long, conflicts_with_all = ["name", "check"])]
    write: bool,
    /// Fail when the files in config/schemas/ differ from what would be written
    #[arg(long, conflicts_with = "name")]
    check: bool,
}

fn schemas() -> [(&'static str, Schema); 9] {
    [
        ("models", schema_for!(ModelsFile)),
        ("pins", schema_for!(PinsFile)),
        ("graph", schema_for!(GraphFile)),
        ("perspectives", schema_for!(PerspectivesFile)),
        ("kb", schema_for!(KbSpec)),
        ("finetune", schema_for!(FinetuneFile)),
        ("live", schema_for!(LiveFile)),
        ("settings", schema_for!(SettingsFile)),
        ("suite", schema_for!(SuiteSpec)),
    ]
}

fn text(schema: &Schema) -> String {
    format!("{:#}\n", schema.as_value())
}

pub(super) fn run(context: &Context, args: &Args) -> Result<u8, u8> {
    if let Some(name) = &args.name {
        return match schemas().iter().find(|(known, _)| known == name) {
            Some((_, schema)) => {
                context.out.text(&text(schema));
                Ok(exit::OK)
            }
            None => {
                let names: Vec<_> = schemas().iter().map(|(name, _)| *name).collect();
                context.out.failed(
                    format!("no schema is called `{name}`"),
                    Some(&format!("one of: {}", names.join(", "))),
                );
                Err(exit::INPUT)
            }
        };
    }
    if !args.write && !args.check {
        for (name, _) in schemas() {
            context.out.line(name);
        }
        return Ok(exit::OK);
    }
    let root = context.project_root()?;
    let mut stale = 0;
    for (name, schema) in schemas() {
        let path = root.join(DIR).join(format!("{name}.schema.json"));
        let want = text(&schema);
        if args.check {
            if crate::files::read_to_string(&path).is_ok_and(|found| found.replace("\r\n", "\n") == want) {
                continue;
            }
            context.out.failed(
                format!("{} is not up to date", shown(&root, &path)),
                Some("run `llmx schema --write`"),
            );
            stale += 1;
        } else {
            let written =
                std::fs::create_dir_all(root.join(DIR)).and_then(|()| atomic_write(&path, want.as_bytes()));
            if let Err(error) = written {
                context.out.failed(format!("{}: {error}", path.display()), None);
                return Err(exit::INPUT);
            }
            context.out.line(shown(&root, &path));
        }
    }
    Ok(if stale > 0 { exit::INPUT } else { exit::OK })
}

fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}
