//! Labels to train on, and whether two people agree on them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{FILE, Seen};
use crate::config::Problem;
use crate::dataset::{self, Case, Dataset};
use crate::finetune::evidence::{Labels, Twice};
use crate::finetune::words;
use crate::json::{canonical, resolve_one};
use crate::pipeline::finetune::{Labels as Usable, answers_fit};
use crate::stats::agreement::{Weights, kappa};

/// Words of an input, to its label and line.
type Said = BTreeMap<Vec<String>, (String, usize)>;

impl Seen<'_> {
    pub(super) fn labels(&self) -> Result<Labels, String> {
        let Some(file) = &self.spec.labels else {
            return Err(format!("no labelled cases are named: {}", self.file("labels")));
        };
        let first = |problems: Vec<Problem>| {
            let more = problems.len().saturating_sub(1);
            let first = problems.first().map(ToString::to_string).unwrap_or_default();
            if more > 0 { format!("{first}; and {more} more like it") } else { first }
        };
        let usable = Usable::load(self.inputs, file).map_err(first)?;
        answers_fit(self.plan, &usable).map_err(first)?;
        let twice = self.spec.second_labels.as_ref();
        let twice = twice.map(|second| self.twice(&usable, second)).transpose().map_err(first)?;
        let least = usize::try_from(self.spec.least_labels).unwrap_or(usize::MAX);
        Ok(Labels { usable: usable.kept().count(), least, source: file.clone(), twice })
    }

    /// Agreement on the cases that both files label, told apart by what they say.
    fn twice(&self, first: &Usable, file: &str) -> Result<Twice, Vec<Problem>> {
        let second = dataset::load(&self.inputs.root(), file)?;
        if second.sha256 == first.dataset.sha256 {
            let message = format!("is {} once more: nobody has labelled a case twice", first.dataset.file);
            let problem = Problem::of_file(file, message);
            return Err(vec![problem.hint("have somebody label the inputs who has not seen the labels")]);
        }
        let said = self.said(&second)?;
        let mut both: Vec<(String, String)> = Vec::new();
        for (case, _) in first.kept() {
            if let Some((second, _)) = said.get(&words(&case.input())) {
                both.push((self.label(&first.dataset, case)?, second.clone()));
            }
        }
        let names: BTreeSet<&String> = both.iter().flat_map(|(a, b)| [a, b]).collect();
        let numbers: BTreeMap<&String, usize> = names.into_iter().zip(0..).collect();
        let pairs: Vec<(usize, usize)> =
            both.iter().filter_map(|(a, b)| Some((*numbers.get(a)?, *numbers.get(b)?))).collect();
        let kappa = kappa(&pairs, numbers.len(), Weights::Nominal);
        Ok(Twice { cases: pairs.len(), kappa, source: file.to_owned() })
    }

    /// What a file of labels says of each input, with its line. Of an input that is there twice with two labels nobody
    /// knows which one counts.
    fn said(&self, dataset: &Dataset) -> Result<Said, Vec<Problem>> {
        let mut said = Said::new();
        for case in &dataset.cases {
            let label = self.label(dataset, case)?;
            let (known, line) =
                said.entry(words(&case.input())).or_insert_with(|| (label.clone(), case.line));
            if *known != label {
                let message =
                    format!("case `{}` says the same as line {line} and is labelled otherwise", case.id);
                let problem = Problem::of_file(&dataset.file, message).at_line(case.line);
                return Err(vec![problem.hint("keep the one that is right")]);
            }
        }
        Ok(said)
    }

    /// What a case is labelled with, where two people must agree.
    fn label(&self, dataset: &Dataset, case: &Case) -> Result<String, Vec<Problem>> {
        let pointer = &self.spec.agree_on;
        let found = resolve_one(&case.expected, pointer).filter(|value| !matches!(value, Value::Null));
        found.map(canonical).ok_or_else(|| {
            let message = format!("case `{}` has nothing at `expected{pointer}`", case.id);
            let hint = format!(
                "`suites.{}.agree_on` of {FILE} says what two people must agree on",
                self.plan.spec.suite
            );
            vec![Problem::of_file(&dataset.file, message).at_line(case.line).hint(hint)]
        })
    }
}
