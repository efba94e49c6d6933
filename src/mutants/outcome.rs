//! Whether a suite notices a mutant: its guards on the accepted answer, and on the answer with the fault.

use serde::Serialize;

/// Metrics are stored with six decimals; a smaller drop is rounding.
const ROUNDING: f64 = 1e-6;

/// A part of a suite that may notice a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// The check's label, the metric's name, or `judge` and the judge's alias.
    pub name: String,
    /// What it is.
    pub part: Part,
    /// It fails a case.
    pub fails: bool,
    /// Its metric is gated.
    pub gated: bool,
    /// It is a judge that is part of this program, and so costs nothing.
    pub embedded: bool,
}

impl Guard {
    /// It can make a run worse; any other one is only reported.
    #[must_use]
    pub fn gates(&self) -> bool {
        self.fails || self.gated
    }
}

/// What a guard is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// A check of the suite.
    Check,
    /// A check that a case brings along.
    CaseCheck,
    /// An entry under `metrics:`.
    Metric,
    /// The judge.
    Judge,
}

/// What came of one guard on one answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Ran {
    /// A score, higher is better, and whether it is enough.
    Scored {
        /// The score.
        score: f64,
        /// It is enough.
        passed: bool,
    },
    /// It needs an answer of a model behind a network that is not recorded; no request is made.
    NotAsked,
    /// It could not run: a program that fails, for example. In a run the case would have no result.
    Failed(String),
}

/// The guards of one answer, by position in the suite's list of guards; those that a case does not have are absent.
pub type Readings = Vec<(usize, Ran)>;

/// Whether the suite notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A check that passed fails, the case no longer passes, or a gated metric of the case drops.
    Noticed,
    /// Nothing of the kind.
    Survived,
    /// Nothing that could notice was able to run.
    NotAssessed,
    /// Nothing noticed, and the mutant says the same as its original: not a fault that could be missed.
    Equal,
}

/// What came of one mutant.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Whether the suite notices.
    pub outcome: Outcome,
    /// The guards that see it, by position: those that notice, and those whose score drops though it decides nothing.
    pub by: Vec<usize>,
    /// Guards that might have noticed and were not asked.
    pub not_asked: Vec<usize>,
    /// The first guard that could not run on the mutant, and why.
    pub failed: Option<(usize, String)>,
}

/// Compares the guards on an accepted answer with the guards on its mutant. `equal`: both say the same.
#[must_use]
pub fn seen(guards: &[Guard], before: &Readings, after: &Readings, equal: bool) -> Seen {
    let (mut by, mut not_asked, mut failed, mut ran) = (Vec::new(), Vec::new(), None, false);
    let mut noticed = false;
    for (at, was) in before {
        let Some(guard) = guards.get(*at) else { continue };
        let now = after.iter().find(|(other, _)| other == at).map(|(_, now)| now);
        match (was, now) {
            (Ran::Scored { score: was, passed: passed_before }, Some(Ran::Scored { score: now, passed })) => {
                ran |= guard.gates();
                let drops = was - now > ROUNDING;
                let notices = guard.fails && *passed_before && !passed || guard.gated && drops;
                noticed |= notices;
                if notices || drops && !guard.gates() {
                    by.push(*at);
                }
            }
            (Ran::Scored { .. }, Some(Ran::Failed(why))) => {
                failed.get_or_insert_with(|| (*at, why.clone()));
            }
            (Ran::NotAsked, _) | (_, Some(Ran::NotAsked)) if guard.gates() => not_asked.push(*at),
            _ => {}
        }
    }
    let outcome = match (noticed, equal, ran && failed.is_none()) {
        (true, _, _) => Outcome::Noticed,
        (false, true, _) => Outcome::Equal,
        (false, false, true) => Outcome::Survived,
        (false, false, false) => Outcome::NotAssessed,
    };
    Seen { outcome, by, not_asked, failed }
}

/// Whether an accepted answer can be the original of mutants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Today {
    /// No guard that fails a case says that it is wrong.
    Passes,
    /// A guard fails the case.
    Fails,
    /// A guard could not run, and why.
    NotScored(String),
}

/// How an accepted answer fares today.
#[must_use]
pub fn today(guards: &[Guard], readings: &Readings) -> Today {
    let failed = readings.iter().find_map(|(_, ran)| match ran {
        Ran::Failed(why) => Some(why),
        Ran::Scored { .. } | Ran::NotAsked => None,
    });
    if let Some(why) = failed {
        return Today::NotScored(why.clone());
    }
    let fails = readings.iter().any(|(at, ran)| {
        guards.get(*at).is_some_and(|guard| guard.fails) && matches!(ran, Ran::Scored { passed: false, .. })
    });
    if fails { Today::Fails } else { Today::Passes }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(name: &str, fails: bool, gated: bool) -> Guard {
        Guard { name: name.to_owned(), part: Part::Check, fails, gated, embedded: false }
    }

    fn scored(score: f64) -> Ran {
        Ran::Scored { score, passed: score >= 0.5 }
    }

    /// A check, a check with a gated metric, a gated metric, and one that only informs.
    fn guards() -> Vec<Guard> {
        vec![
            guard("check", true, false),
            guard("gated check", true, true),
            guard("metric", false, true),
            guard("informs", false, false),
        ]
    }

    #[track_caller]
    fn check(after: [f64; 4], outcome: Outcome, by: &[usize]) {
        let readings = |scores: [f64; 4]| scores.into_iter().map(scored).enumerate().collect::<Readings>();
        let found = seen(&guards(), &readings([1.0; 4]), &readings(after), false);
        assert_eq!((found.outcome, found.by.as_slice()), (outcome, by), "{after:?}");
    }

    #[test]
    fn a_failing_check_or_a_drop_of_a_gated_metric_is_noticed() {
        check([0.0, 1.0, 1.0, 1.0], Outcome::Noticed, &[0]);
        check([0.9, 1.0, 1.0, 1.0], Outcome::Survived, &[]);
        check([1.0, 0.9, 1.0, 1.0], Outcome::Noticed, &[1]);
        check([1.0, 1.0, 0.9, 0.2], Outcome::Noticed, &[2, 3]);
        check([1.0, 1.0, 1.0, 0.2], Outcome::Survived, &[3]);
        check([1.0, 1.0 - 5e-7, 1.0 - 5e-7, 1.0], Outcome::Survived, &[]);
        check([1.0; 4], Outcome::Survived, &[]);
    }

    #[test]
    fn the_same_answer_is_no_survivor_but_may_be_noticed() {
        let (was, now) = (vec![(0, scored(1.0))], vec![(0, scored(0.0))]);
        assert_eq!(seen(&guards(), &was, &was, true).outcome, Outcome::Equal);
        assert_eq!(seen(&guards(), &was, &now, true).outcome, Outcome::Noticed);
    }

    #[test]
    fn what_cannot_be_asked_is_not_assessed() {
        let found = |before: Vec<Ran>, after: Vec<Ran>| {
            let (before, after) =
                (before.into_iter().enumerate().collect(), after.into_iter().enumerate().collect());
            seen(&guards(), &before, &after, false)
        };
        // A suite that has nothing else.
        let nothing = found(vec![Ran::NotAsked], vec![Ran::NotAsked]);
        assert_eq!((nothing.outcome, nothing.not_asked), (Outcome::NotAssessed, vec![0]));
        // Beside something that ran, it survived what ran.
        let rest = found(vec![scored(1.0), Ran::NotAsked], vec![scored(1.0), Ran::NotAsked]);
        assert_eq!((rest.outcome, rest.not_asked), (Outcome::Survived, vec![1]));
        // In a run a check that cannot run leaves the case without a result, which is loud.
        let broken = || Ran::Failed("exit 3".to_owned());
        let failed = found(vec![scored(1.0), scored(1.0)], vec![scored(1.0), broken()]);
        assert_eq!(failed.outcome, Outcome::NotAssessed);
        assert_eq!(failed.failed, Some((1, "exit 3".to_owned())));
        let both = found(vec![scored(1.0), scored(1.0)], vec![scored(0.0), broken()]);
        assert_eq!(both.outcome, Outcome::Noticed);
        // One that informs decides nothing.
        let inform = |ran: Ran| {
            let was = vec![(3, scored(1.0))];
            seen(&guards(), &was, &vec![(3, ran)], false)
        };
        assert_eq!(inform(scored(0.0)).outcome, Outcome::NotAssessed);
        assert_eq!(inform(Ran::NotAsked).not_asked, Vec::<usize>::new());
    }

    #[test]
    fn an_answer_is_an_original_if_it_passes() {
        let all = |readings: Readings| today(&guards(), &readings);
        assert_eq!(all(vec![(0, scored(1.0)), (2, scored(0.0)), (1, Ran::NotAsked)]), Today::Passes);
        assert_eq!(all(vec![(0, scored(1.0)), (1, scored(0.4))]), Today::Fails);
        let broken = Ran::Failed("exit 3".to_owned());
        assert_eq!(all(vec![(0, scored(0.0)), (2, broken)]), Today::NotScored("exit 3".to_owned()));
    }
}
