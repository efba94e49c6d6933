//! What several roles that read the same case bring, and whether joining them is worth its calls.
//!
//! The roles are asked apart, then a synthesis joins their answers. That costs one call for each role and one more, so it
//! is held against the best single role at equal cost: asked as often, the answer that comes most often counts. The best
//! role is chosen on the cases that it is held against, which flatters it: a lift that is called one is one, and where none
//! is called, the bound is corrected for the choice.
//!
//! Pure: scores, labels and findings come in. Asking and scoring is the pipeline's.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::stats::interval::{level95, numbered, plus_two, possible_change, within};
use crate::stats::quantile;

/// How one answer did.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// The suite's primary metric, higher is better.
    pub score: f64,
    /// What it decided, where the suite tables a label.
    pub label: Option<String>,
    /// What it found, where the suite scores sets; nothing found is an answer too.
    pub found: Option<BTreeSet<String>>,
    /// Its text: what is counted where the suite has neither.
    pub text: String,
}

/// One case, read by everybody.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseSeen {
    /// Case id.
    pub id: String,
    /// Cases that share a story count as one.
    pub cluster: Option<String>,
    /// What is to be decided.
    pub label: Option<String>,
    /// What is to be found.
    pub expected: BTreeSet<String>,
    /// Each role's draws, the first of which the synthesis read; empty where it was not asked.
    pub roles: Vec<Vec<Answered>>,
    /// The synthesis.
    pub synthesis: Answered,
    /// Score of the task's own answer: one prompt, one call.
    pub own: Option<f64>,
}

/// One role over all cases.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Cases that it read.
    pub cases: usize,
    /// Mean score of its first answers.
    pub mean: f64,
    /// Mean score of the answer that comes most often among its draws. Only the best role is drawn as often as the whole
    /// costs calls.
    pub at_equal_cost: f64,
    /// Findings that it alone made and that are to be found, and how many of them the synthesis kept.
    pub lone_true: Kept,
    /// Findings that it alone made and that are not, and how many of them the synthesis kept.
    pub lone_false: Kept,
}

/// Findings, and how many the synthesis kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Made by one role alone.
    pub made: usize,
    /// Of these, in the synthesis.
    pub kept: usize,
}

/// Whether the synthesis is worth its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Better than the best role at equal cost and than the task's own prompt, beyond noise.
    Worth,
    /// At most better by less than the margin: the best role alone, or the task's own prompt, does.
    NotWorth,
    /// The cases do not tell.
    CannotTell,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Assessment {
    /// The roles, in the order given.
    pub roles: Vec<Role>,
    /// Mean score of the synthesis.
    pub synthesis: f64,
    /// 95% interval of that mean.
    pub synthesis_ci95: [f64; 2],
    /// Share of cases whose label most roles agree on and have right; absent without labels. A tie is wrong.
    pub vote: Option<f64>,
    /// Position of the role whose first answers score best.
    pub best: usize,
    /// Mean over the cases of the synthesis minus the best role at equal cost.
    pub lift: f64,
    /// Its two-sided 95% interval, plus-two, clustered.
    pub ci95: [f64; 2],
    /// The most that the lift may be for the better: that end of the interval, corrected for the choice of the best among the roles
    /// (Bonferroni): near ties flatter whoever is ahead by luck.
    pub most: f64,
    /// What follows.
    pub verdict: Verdict,
    /// The task's own prompt on the same cases; absent where it has no answer to some.
    pub own: Option<Own>,
    /// Cases on whose label the roles differ, and how often the synthesis is wrong there; absent without labels.
    pub differ: Option<Share>,
    /// Cases on whose label they agree, and how often the synthesis is wrong there.
    pub agree: Option<Share>,
}

/// The task as it is, one call a case.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Own {
    /// Mean score.
    pub mean: f64,
    /// Mean of the synthesis minus it.
    pub lift: f64,
    /// Two-sided 95% interval of that.
    pub ci95: [f64; 2],
}

/// Cases of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// How many.
    pub cases: usize,
    /// Share of them on which the synthesis has another label than the case.
    pub wrong: f64,
}

/// The role whose first answers score best, among those that were asked about every case; of equals the first.
#[must_use]
pub fn best_role(cases: &[CaseSeen], roles: usize) -> Option<usize> {
    let first = |role: usize| {
        let scores = cases.iter().map(|case| Some(case.roles.get(role)?.first()?.score));
        let scores: Option<Vec<f64>> = scores.collect();
        scores.filter(|scores| !scores.is_empty()).map(|scores| (role, mean(scores.into_iter())))
    };
    (0..roles).filter_map(first).max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))).map(|(role, _)| role)
}

/// Hold the synthesis against the role `best` ([`best_role`]), which was asked as often as the whole costs calls: cases that
/// dropped out since may have changed who leads, and only who was drawn can be held at equal cost. `margin`: a lift below it
/// is not worth the calls. `None` without cases, or where the role was not asked about all of them.
#[must_use]
pub fn assess(names: &[String], cases: &[CaseSeen], margin: f64, best: usize) -> Option<Assessment> {
    if names.is_empty() || cases.is_empty() {
        return None;
    }
    let roles: Vec<Role> = names.iter().enumerate().map(|(at, name)| role(at, name, cases)).collect();
    // A role that was not asked about every case cannot stand for the whole.
    let complete = |role: &Role| role.cases == cases.len();
    roles.get(best).filter(|role| complete(role))?;
    let differences: Vec<f64> = cases
        .iter()
        .map(|case| {
            case.synthesis.score
                - case.roles.get(best).and_then(|draws| modal(draws)).map_or(0.0, |a| a.score)
        })
        .collect();
    let interval = plus_two(&differences, Some(&clusters(cases)));
    let ci95 = interval.ci95;
    let choice = roles.iter().filter(|role| complete(role)).count().max(1) as f64;
    let most =
        interval.mean + quantile::student_t(1.0 - 0.025 / choice, f64::from(interval.df)) * interval.se;
    // The verdict holds the bounds as they are against the margin; what is shown is what scores can do.
    let possible = possible_change(roles.get(best).map_or(0.0, |role| role.at_equal_cost));
    let own = own(cases);
    // Whoever does as well with fewer calls settles it.
    let verdict = if most < margin || own.is_some_and(|own| own.ci95[1] < margin) {
        Verdict::NotWorth
    } else if ci95[0] > 0.0 && own.is_none_or(|own| own.ci95[0] > 0.0) {
        Verdict::Worth
    } else {
        Verdict::CannotTell
    };
    let (differ, agree): (Vec<&CaseSeen>, Vec<&CaseSeen>) =
        cases.iter().partition(|case| labels(case).len() > 1);
    Some(Assessment {
        synthesis: mean(cases.iter().map(|case| case.synthesis.score)),
        synthesis_ci95: level95(
            &cases.iter().map(|case| case.synthesis.score).collect::<Vec<f64>>(),
            Some(&clusters(cases)),
        ),
        vote: vote(cases),
        best,
        lift: mean(differences.iter().copied()),
        ci95: within(ci95, possible),
        most: most.min(possible[1]),
        verdict,
        own: own.map(|own| Own { ci95: within(own.ci95, possible_change(own.mean)), ..own }),
        differ: share(&differ),
        agree: share(&agree),
        roles,
    })
}

impl Assessment {
    /// The same in measured values, where less is better and the scores came in as `1 - x`.
    #[must_use]
    pub fn measured(self) -> Self {
        let ends = |[low, high]: [f64; 2]| [0.0 - high, 0.0 - low];
        let role =
            |role: Role| Role { mean: 1.0 - role.mean, at_equal_cost: 1.0 - role.at_equal_cost, ..role };
        let [low, high] = self.synthesis_ci95;
        Self {
            roles: self.roles.into_iter().map(role).collect(),
            synthesis: 1.0 - self.synthesis,
            synthesis_ci95: [1.0 - high, 1.0 - low],
            lift: 0.0 - self.lift,
            ci95: ends(self.ci95),
            most: 0.0 - self.most,
            own: self.own.map(|own| Own { mean: 1.0 - own.mean, lift: 0.0 - own.lift, ci95: ends(own.ci95) }),
            ..self
        }
    }
}

fn own(cases: &[CaseSeen]) -> Option<Own> {
    let scores: Vec<f64> = cases.iter().map(|case| case.own).collect::<Option<_>>()?;
    let differences: Vec<f64> =
        cases.iter().zip(&scores).map(|(case, own)| case.synthesis.score - own).collect();
    let ci95 = plus_two(&differences, Some(&clusters(cases))).ci95;
    Some(Own { mean: mean(scores.into_iter()), lift: mean(differences.into_iter()), ci95 })
}

/// The answer whose label (or, without labels, whose findings) comes most often; of equals the earliest.
fn modal(draws: &[Answered]) -> Option<&Answered> {
    let same = |a: &Answered, b: &Answered| match (&a.label, &b.label, &a.found, &b.found) {
        (Some(a), Some(b), _, _) => a == b,
        (None, None, Some(a), Some(b)) => a == b,
        (None, None, None, None) => a.text == b.text,
        _ => false,
    };
    let count = |answer: &Answered| draws.iter().filter(|other| same(answer, other)).count();
    draws.iter().rev().max_by_key(|answer| count(answer))
}

fn role(at: usize, name: &str, cases: &[CaseSeen]) -> Role {
    let of = |case: &'_ CaseSeen| case.roles.get(at).cloned().unwrap_or_default();
    let read: Vec<(&CaseSeen, Vec<Answered>)> =
        cases.iter().map(|case| (case, of(case))).filter(|(_, draws)| !draws.is_empty()).collect();
    let (mut lone_true, mut lone_false) = (Kept::default(), Kept::default());
    for (case, draws) in &read {
        let others: BTreeSet<&String> = case
            .roles
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != at)
            .filter_map(|(_, draws)| draws.first())
            .flat_map(|answer| answer.found.iter().flatten())
            .collect();
        let alone = draws
            .iter()
            .take(1)
            .flat_map(|answer| answer.found.iter().flatten())
            .filter(|code| !others.contains(code));
        for code in alone {
            let kind = if case.expected.contains(code) { &mut lone_true } else { &mut lone_false };
            kind.made += 1;
            kind.kept += usize::from(case.synthesis.found.as_ref().is_some_and(|found| found.contains(code)));
        }
    }
    Role {
        name: name.to_owned(),
        cases: read.len(),
        mean: mean(read.iter().filter_map(|(_, draws)| draws.first()).map(|answer| answer.score)),
        at_equal_cost: mean(read.iter().filter_map(|(_, draws)| modal(draws)).map(|answer| answer.score)),
        lone_true,
        lone_false,
    }
}

/// The labels that the roles' first answers decided for.
fn labels(case: &CaseSeen) -> BTreeSet<&String> {
    case.roles.iter().filter_map(|draws| draws.first()?.label.as_ref()).collect()
}

fn vote(cases: &[CaseSeen]) -> Option<f64> {
    let right = |case: &CaseSeen| {
        let label = case.label.as_ref()?;
        let mut votes: BTreeMap<&String, usize> = BTreeMap::new();
        for given in case.roles.iter().filter_map(|draws| draws.first()?.label.as_ref()) {
            *votes.entry(given).or_default() += 1;
        }
        let own = votes.remove(label).unwrap_or(0);
        Some(f64::from(u8::from(votes.values().all(|other| own > *other))))
    };
    let rights: Option<Vec<f64>> = cases.iter().map(right).collect();
    rights.map(|rights| mean(rights.into_iter()))
}

fn share(cases: &[&CaseSeen]) -> Option<Share> {
    let wrong =
        |case: &&CaseSeen| Some(f64::from(u8::from(case.label.as_ref()? != case.synthesis.label.as_ref()?)));
    let wrongs: Vec<f64> = cases.iter().filter_map(wrong).collect();
    (!wrongs.is_empty()).then(|| Share { cases: wrongs.len(), wrong: mean(wrongs.iter().copied()) })
}

/// A number for each story; a case without one is its own.
fn clusters(cases: &[CaseSeen]) -> Vec<usize> {
    let name = |case: &'_ CaseSeen| case.cluster.clone().unwrap_or_else(|| format!("\u{0}{}", case.id));
    let names: Vec<String> = cases.iter().map(name).collect();
    numbered(names.iter().map(String::as_str))
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    if count == 0 { 0.0 } else { sum / f64::from(count) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::rng::Rng;

    fn answer(right: bool, found: &[&str]) -> Answered {
        Answered {
            score: f64::from(u8::from(right)),
            label: Some(if right { "a" } else { "b" }.to_owned()),
            found: Some(found.iter().map(|code| (*code).to_owned()).collect()),
            text: right.to_string(),
        }
    }

    /// Two roles and a synthesis that are right this often, each drawn three times.
    fn world(n: usize, roles: [f64; 2], synthesis: f64, seed: &str) -> Vec<CaseSeen> {
        let mut rng = Rng::from_text(seed);
        let mut draw = |rate: f64| answer(rng.uniform() < rate, &[]);
        (0..n)
            .map(|i| CaseSeen {
                id: i.to_string(),
                cluster: None,
                label: Some("a".to_owned()),
                expected: BTreeSet::new(),
                roles: roles.iter().map(|rate| (0..3).map(|_| draw(*rate)).collect()).collect(),
                synthesis: draw(synthesis),
                own: None,
            })
            .collect()
    }

    /// Held against whoever leads.
    fn led(names: &[String], cases: &[CaseSeen]) -> Option<Assessment> {
        assess(names, cases, 0.05, best_role(cases, names.len())?)
    }

    fn names() -> Vec<String> {
        ["one", "two"].map(str::to_owned).to_vec()
    }

    #[test]
    fn planted_worlds() {
        // A role of p, asked three times, is right in 3 p^2 - 2 p^3 of the cases.
        let verdicts = |roles, synthesis, n| {
            let verdict = |i: i32| {
                led(&names(), &world(n, roles, synthesis, &format!("{roles:?} {i}"))).unwrap().verdict
            };
            (0..40).map(verdict).collect::<Vec<_>>()
        };
        let count =
            |verdicts: &[Verdict], wanted| verdicts.iter().filter(|verdict| **verdict == wanted).count();
        // 0.95 asked three times gives 0.99: a synthesis as good is not worth it.
        let as_good = verdicts([0.95, 0.6], 0.99, 1000);
        assert!(
            count(&as_good, Verdict::NotWorth) >= 38 && count(&as_good, Verdict::Worth) <= 2,
            "{as_good:?}"
        );
        // Half right alone, asked three times still half: a synthesis of 0.9 is worth it.
        let better = verdicts([0.5, 0.5], 0.9, 200);
        assert_eq!(count(&better, Verdict::Worth), 40, "{better:?}");
        let few = verdicts([0.8, 0.8], 0.9, 10);
        assert!(count(&few, Verdict::CannotTell) >= 36, "{few:?}");
    }

    #[test]
    fn near_ties_do_not_make_a_synthesis_worthless() {
        // Six roles that are as good as each other, and a synthesis that is better by exactly the margin: whoever is ahead by
        // luck makes it look worse, and "not worth it" must stay a rare mistake all the same.
        let names: Vec<String> = (0..6).map(|at| at.to_string()).collect();
        let wrong = (0..200).filter(|seed| {
            let mut rng = Rng::from_text(&format!("ties {seed}"));
            let mut draw = |rate: f64| answer(rng.uniform() < rate, &[]);
            let cases: Vec<CaseSeen> = (0..400)
                .map(|at| CaseSeen {
                    id: at.to_string(),
                    cluster: None,
                    label: Some("a".to_owned()),
                    expected: BTreeSet::new(),
                    roles: (0..6).map(|_| vec![draw(0.8)]).collect(),
                    synthesis: draw(0.85),
                    own: None,
                })
                .collect();
            led(&names, &cases).unwrap().verdict == Verdict::NotWorth
        });
        let wrong = wrong.count();
        assert!(wrong <= 12, "{wrong} of 200");
    }

    #[test]
    fn lone_findings_and_disagreement() {
        let case = |id: &str, one: Answered, two: Answered, synthesis: Answered| CaseSeen {
            id: id.to_owned(),
            cluster: None,
            label: Some("a".to_owned()),
            expected: BTreeSet::from(["X".to_owned(), "Y".to_owned()]),
            roles: vec![vec![one], vec![two]],
            synthesis,
            own: Some(0.5),
        };
        let cases = [
            case("1", answer(true, &["X", "Z"]), answer(true, &["Y"]), answer(true, &["X", "Y"])),
            case("2", answer(true, &["X"]), answer(false, &["X", "Y"]), answer(false, &["X"])),
        ];
        let found = led(&names(), &cases).unwrap();
        assert_eq!(found.roles[0].lone_true, Kept { made: 1, kept: 1 });
        assert_eq!(found.roles[0].lone_false, Kept { made: 1, kept: 0 });
        assert_eq!(found.roles[1].lone_true, Kept { made: 2, kept: 1 });
        assert_eq!(found.differ, Some(Share { cases: 1, wrong: 1.0 }));
        assert_eq!(found.agree, Some(Share { cases: 1, wrong: 0.0 }));
        assert_eq!(found.vote, Some(0.5), "a tie decides nothing");
        assert_eq!((found.best, found.synthesis), (0, 0.5));
        assert_eq!(found.own.map(|own| (own.mean, own.lift)), Some((0.5, 0.0)));
        assert_eq!(led(&[], &cases), None);
        assert_eq!(led(&names(), &[]), None);
    }

    #[test]
    fn without_labels_the_most_frequent_text_counts() {
        let plain = |right: bool| Answered { label: None, found: None, ..answer(right, &[]) };
        let draws = [plain(false), plain(true), plain(true)];
        assert_eq!(modal(&draws).map(|answer| answer.text.as_str()), Some("true"));
    }

    #[test]
    fn two_draws_that_found_nothing_are_one_answer() {
        let draw = |found: &[&str], text: &str| Answered {
            label: None,
            text: text.to_owned(),
            ..answer(false, found)
        };
        let draws = [draw(&["X"], "one"), draw(&[], "nothing"), draw(&[], "nothing at all")];
        assert_eq!(modal(&draws).and_then(|answer| answer.found.as_ref()).map(BTreeSet::len), Some(0));
    }

    #[test]
    fn the_role_that_was_drawn_stays_the_one_that_is_held_against() {
        // The first role led and was drawn three times; without the cases that dropped out the second leads, asked once.
        let mut cases = world(60, [0.6, 1.0], 0.9, "dropped");
        cases.iter_mut().for_each(|case| case.roles[1].truncate(1));
        let found = assess(&names(), &cases, 0.05, 0).unwrap();
        let lift = found.synthesis - found.roles[0].at_equal_cost;
        assert_eq!(found.best, 0);
        assert!((found.lift - lift).abs() < 1e-12, "{} {lift}", found.lift);
        assert_eq!(led(&names(), &cases).unwrap().best, 1);
        cases[0].roles[0].clear();
        assert_eq!(assess(&names(), &cases, 0.05, 0), None, "not at equal cost, not at all");
    }

    #[test]
    fn a_role_that_was_not_always_asked_is_not_the_best() {
        let mut cases = world(50, [1.0, 0.5], 0.5, "skipped");
        cases[0].roles[0].clear();
        let found = led(&names(), &cases).unwrap();
        assert_eq!((found.best, found.roles[0].cases), (1, 49));
    }
}
