//! No interval names a value that scores from 0 to 1 cannot have, whatever was measured and whichever way is good.

use std::collections::{BTreeMap, BTreeSet};

use llm_experiments::gate::{
    Candidate, CaseObservation, Comparability, Observations, Policy, Reason, SampleScores, settle,
};
use llm_experiments::perspectives::{self, CaseSeen};
use llm_experiments::stats::interval::level95;
use llm_experiments::stats::judge::prediction_powered;
use llm_experiments::zoo::{self, Answered, CaseKnown, Field, ModelSeen, Scored, Terms};
use proptest::prelude::*;

/// Rounding of sums.
const SAME: f64 = 1e-9;

/// Mostly the ends, where intervals are cut.
fn score() -> impl Strategy<Value = f64> {
    prop_oneof![3 => Just(0.0), 3 => Just(1.0), 1 => 0.0..=1.0_f64]
}

fn samples(most: usize) -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(score(), 1..=most)
}

/// Scores of both sides, and a cluster.
type Sides = (Vec<f64>, Vec<f64>, Option<u8>);

/// Ends in order, and within the range.
fn is_possible([low, high]: [f64; 2], [least, most]: [f64; 2]) -> bool {
    low <= high + SAME && low >= least - SAME && high <= most + SAME
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_the_gate(
        sides in prop::collection::vec((samples(3), samples(2), prop::option::of(0_u8..3)), 1..25),
        lower in any::<bool>(),
    ) {
        let metrics = |score: &f64| SampleScores {
            pass: true,
            metrics: BTreeMap::from([("f1".to_owned(), *score)]),
        };
        let case = |(i, (before, now, cluster)): (usize, &Sides)| CaseObservation {
            baseline: before.iter().map(metrics).collect(),
            candidate: Candidate::Drawn(now.iter().map(metrics).collect()),
            cluster: cluster.map(|name| name.to_string()),
            ..CaseObservation::new(format!("c{i}"), Comparability::Comparable)
        };
        let cases = sides.iter().enumerate().map(case).collect();
        let lower_is_better = if lower { BTreeSet::from(["f1".to_owned()]) } else { BTreeSet::new() };
        let policy =
            Policy { primary: "f1".to_owned(), looks: Vec::new(), samples: 2, lower_is_better, ..Policy::default() };
        let decision = settle(&Observations { cases, ..Observations::default() }, &policy);
        let metric = &decision.metrics[0];
        let (noise, estimate) = (metric.noise.unwrap(), metric.estimate.unwrap());
        let possible = [-estimate.baseline_mean, 1.0 - estimate.baseline_mean];
        prop_assert!(is_possible(noise.ci95, possible), "{noise:?} {estimate:?}");
        prop_assert!(is_possible([noise.lower95, noise.upper95], possible), "{noise:?} {estimate:?}");
        let worst = metric.worst().unwrap();
        prop_assert!(is_possible([worst, worst], possible), "{worst} {estimate:?}");
        // What was seen is in it.
        prop_assert!(noise.ci95[0] <= estimate.effect + SAME && estimate.effect <= noise.ci95[1] + SAME);
        prop_assert!(metric.gain(worst) <= metric.gain(estimate.effect) + SAME);
        if let Some(Reason::TooNoisy { worst, .. }) = metric.reason {
            prop_assert!(is_possible([worst, worst], possible), "{worst} {estimate:?}");
        }
    }

    #[test]
    fn of_levels_and_of_rates_that_labels_correct(
        scores in prop::collection::vec(score(), 1..40),
        labelled in prop::collection::vec((0_u8..2, 0_u8..2), 2..30),
        judged in prop::collection::vec(0_u8..2, 2..30),
    ) {
        prop_assert!(is_possible(level95(&scores, None), [0.0, 1.0]));
        let labelled: Vec<(f64, f64)> = labelled.iter().map(|(a, b)| (f64::from(*a), f64::from(*b))).collect();
        let judged: Vec<f64> = judged.iter().map(|score| f64::from(*score)).collect();
        let corrected = prediction_powered(&labelled, &judged).unwrap().within([0.0, 1.0]);
        prop_assert!(is_possible(corrected.ci95, [0.0, 1.0]));
        prop_assert!(corrected.ci95[0] <= corrected.estimate && corrected.estimate <= corrected.ci95[1]);
    }

    #[test]
    fn of_roles_and_their_synthesis(cases in prop::collection::vec((score(), score(), score(), score()), 1..25)) {
        let answer = |score: f64| perspectives::Answered { score, label: None, found: None, text: score.to_string() };
        let case = |(i, (one, two, synthesis, own)): (usize, &(f64, f64, f64, f64))| CaseSeen {
            id: i.to_string(),
            cluster: None,
            label: None,
            expected: BTreeSet::new(),
            roles: vec![vec![answer(*one)], vec![answer(*two)]],
            synthesis: answer(*synthesis),
            own: Some(*own),
        };
        let seen: Vec<CaseSeen> = cases.iter().enumerate().map(case).collect();
        let names = ["one", "two"].map(str::to_owned);
        let best = perspectives::best_role(&seen, 2).unwrap();
        let found = perspectives::assess(&names, &seen, 0.05, best).unwrap();
        for found in [found.clone(), found.measured()] {
            let possible = |before: f64| [-before, 1.0 - before];
            let (role, own) = (&found.roles[found.best], found.own.unwrap());
            prop_assert!(is_possible(found.ci95, possible(role.at_equal_cost)), "{found:?}");
            prop_assert!(is_possible([found.most; 2], possible(role.at_equal_cost)), "{found:?}");
            prop_assert!(is_possible(own.ci95, possible(own.mean)), "{found:?}");
            prop_assert!(is_possible(found.synthesis_ci95, [0.0, 1.0]), "{found:?}");
        }
    }

    #[test]
    fn of_models_against_each_other(cases in prop::collection::vec((score(), score()), 1..25), lower in any::<bool>()) {
        let scored = |score: f64| vec![Answered::Scored(Scored {
            metrics: BTreeMap::from([("f1".to_owned(), score)]),
            usd: Some(1.0),
            ..Scored::default()
        })];
        let model = |alias: &str, of: &dyn Fn(&(f64, f64)) -> f64| ModelSeen {
            alias: alias.to_owned(),
            declares: String::new(),
            embedded: false,
            rules: false,
            cases: cases.iter().map(|case| scored(of(case))).collect(),
        };
        let known = |i: usize| CaseKnown { id: i.to_string(), ..CaseKnown::default() };
        let field = Field {
            suite: "s".to_owned(),
            prompt: "p".to_owned(),
            dataset: "d".to_owned(),
            metric: "f1".to_owned(),
            metrics: vec![("f1".to_owned(), lower)],
            slices: Vec::new(),
            samples: 1,
            cases: (0..cases.len()).map(known).collect(),
            models: vec![model("a", &|case| case.0), model("b", &|case| case.1)],
            notes: Vec::new(),
        };
        let zoo = zoo::assess(&field, Terms { margin: 0.05, alpha: 0.05, max_missing: 0.1 });
        let (best, other) = (&zoo.models[0], &zoo.models[1]);
        let (mean, behind) = (best.quality.unwrap().mean, other.behind.clone().unwrap());
        prop_assert!(is_possible(behind.ci95, [-mean, 1.0 - mean]), "{behind:?} {mean}");
        prop_assert!((other.quality.unwrap().mean - mean - behind.mean).abs() < SAME, "{behind:?}");
        for model in &zoo.models {
            let quality = model.quality.unwrap();
            prop_assert!(is_possible(quality.ci95, [0.0, 1.0]));
            // The metric that decides is shown as it is in the table of all metrics.
            prop_assert!((quality.mean - model.figures[0].mean.mean).abs() < SAME);
        }
    }
}
