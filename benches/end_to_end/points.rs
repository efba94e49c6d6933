//! The rows of the table: which N at which latency, and the medians of what each of the three programs used.
//!
//! The three take turns within a repeat, so that other work on the machine meets them alike. A row exists only if the
//! server answered every case exactly once and the program ended well.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use crate::measure::{self, Usage};
use crate::project::{Base, Project};
use crate::server::Server;
use crate::{Done, IN_FLIGHT, bare};

/// How many cases, and how long an answer takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) n: usize,
    pub(crate) latency_ms: u32,
}

impl Point {
    /// Seconds that nobody can be faster than with so many in flight.
    pub(crate) fn ideal(self) -> f64 {
        self.n.div_ceil(IN_FLIGHT) as f64 * f64::from(self.latency_ms) / 1000.0
    }
}

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Bare,
    Eval,
    Test,
}

impl What {
    const ALL: [Self; 3] = [Self::Bare, Self::Eval, Self::Test];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare client",
            Self::Eval => "`llmx eval`",
            Self::Test => "`llmx test`",
        }
    }

    fn command(self, project: &Project, url: &str) -> Done<Command> {
        Ok(match self {
            Self::Bare => {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg(bare::ROLE).arg(project.root()).arg(url);
                command
            }
            Self::Eval => project.llmx(&["eval"]),
            Self::Test => project.llmx(&["test"]),
        })
    }
}

/// One row: medians, and how far the CPU figures lie apart.
pub(crate) struct Row {
    pub(crate) what: What,
    pub(crate) point: Point,
    pub(crate) wall: f64,
    pub(crate) cpu: f64,
    pub(crate) cpu_range: (f64, f64),
    /// Bytes.
    pub(crate) peak: f64,
    /// Bytes per case beyond one copy of prompt and answer; the bare client keeps no prompts.
    pub(crate) disk: Option<f64>,
}

/// What is run: by default everything but N = 10,000 at 0 and 1,000 ms and what N = 1 and 100 would only repeat.
pub(crate) fn chosen(quick: bool, all: bool) -> Vec<Point> {
    let grid = |ns: &[usize], latencies: &[u32]| {
        let point = |&n| latencies.iter().map(move |&latency_ms| Point { n, latency_ms });
        ns.iter().flat_map(point).collect::<Vec<_>>()
    };
    if quick {
        return grid(&[1, 100, 1_000], &[0, 50]);
    }
    if all {
        return grid(&[1, 100, 1_000, 10_000], &[0, 50, 1_000]);
    }
    [grid(&[1], &[0]), grid(&[100], &[0, 50]), grid(&[1_000], &[0, 50, 1_000]), grid(&[10_000], &[50])]
        .concat()
}

/// Run them all.
pub(crate) fn measured(base: &Base, program: &Path, points: &[Point], repeats: usize) -> Done<Vec<Row>> {
    let mut projects: BTreeMap<usize, Project> = BTreeMap::new();
    let mut rows = Vec::new();
    for point in points {
        let project: &Project = match projects.entry(point.n) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Project::new(base, program, point.n)?),
        };
        let server = Server::start(program, point.latency_ms)?;
        project.point_at(&server.url)?;
        let mut runs: [Vec<(Usage, u64)>; 3] = Default::default();
        for repeat in 1..=repeats {
            let Point { n, latency_ms } = point;
            writeln!(std::io::stderr(), "N = {n}, {latency_ms} ms: {repeat} of {repeats}")?;
            for (what, runs) in What::ALL.into_iter().zip(&mut runs) {
                project.forget()?;
                server.reset()?;
                let usage = measure::run(&what.command(project, &server.url)?)?;
                server.answered(project.n as u64).map_err(|why| format!("{}: {why}", what.name()))?;
                let left = if what == What::Bare { 0 } else { project.left()? };
                runs.push((usage, left));
            }
        }
        rows.extend(What::ALL.into_iter().zip(&runs).map(|(what, runs)| row(what, *point, project, runs)));
    }
    Ok(rows)
}

fn row(what: What, point: Point, project: &Project, runs: &[(Usage, u64)]) -> Row {
    let of = |figure: fn(&Usage) -> f64| runs.iter().map(|(usage, _)| figure(usage)).collect::<Vec<_>>();
    let cpu = of(|usage| usage.cpu);
    let (low, high) = cpu.iter().fold((f64::MAX, 0.0_f64), |(low, high), &x| (low.min(x), high.max(x)));
    let disk = median(runs.iter().map(|&(_, left)| left as f64).collect()) - project.text as f64;
    Row {
        what,
        point,
        wall: median(of(|usage| usage.wall)),
        cpu: median(cpu),
        cpu_range: (low, high),
        peak: median(of(|usage| usage.peak)),
        disk: (what != What::Bare).then(|| disk / project.n as f64),
    }
}

/// The middle one; of an even number, the upper of the two in the middle.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
