//! Properties of the gate and its tests that hold for every input.
#![expect(clippy::unwrap_used, reason = "generators are helpers of tests")]

use std::collections::BTreeSet;

use llmx_gate::Stream;
use llmx_gate::stats::multiplicity::weighted_holm;
use llmx_gate::stats::relabel::{self, BinaryCase, RealCase};
use llmx_gate::stats::rng::Rng;
use llmx_gate::stats::signflip;
use llmx_gate::{
    Candidate, CaseObservation, Comparability, Decision, DrawRequest, Draws, Method, Observations, Planner,
    Policy, Redraws, SampleScores, Side, Step, Verdict, next, settle,
};
use proptest::prelude::*;

fn counts(most: u32) -> impl Strategy<Value = (u32, u32)> {
    (1..=most).prop_flat_map(|k| (Just(k), 0..=k))
}

fn cases(kb: u32, kc: u32, most: usize) -> impl Strategy<Value = Vec<(u32, u32, u32, u32)>> {
    let one = (counts(kb), counts(kc)).prop_map(|((kb, sb), (kc, sc))| (kb, sb, kc, sc));
    prop::collection::vec(one, 0..=most)
}

fn build(cases: &[(u32, u32, u32, u32)]) -> Vec<BinaryCase> {
    cases.iter().map(|&(kb, sb, kc, sc)| BinaryCase::new(kb, sb, kc, sc).unwrap()).collect()
}

/// Share of all labelings (every choice of `kc` samples in every case) with a total at most / at least the
/// observed one.
fn brute_force(cases: &[(u32, u32, u32, u32)]) -> (f64, f64) {
    let mut totals = vec![0.0_f64];
    let mut observed = 0.0;
    for &(kb, sb, kc, sc) in cases {
        let (n, passes) = (kb + kc, sb + sc);
        let difference = |x: u32| f64::from(x) / f64::from(kc) - f64::from(passes - x) / f64::from(kb);
        observed += difference(sc);
        // The first `passes` samples pass.
        let labelings = (0..1_u32 << n).filter(|mask| mask.count_ones() == kc);
        let each: Vec<f64> =
            labelings.map(|mask| difference((mask & ((1 << passes) - 1)).count_ones())).collect();
        totals = totals.iter().flat_map(|t| each.iter().map(move |d| t + d)).collect();
    }
    let share = |keep: &dyn Fn(f64) -> bool| {
        let kept = totals.iter().filter(|t| keep(**t)).count();
        f64::from(u32::try_from(kept).unwrap()) / f64::from(u32::try_from(totals.len()).unwrap())
    };
    (share(&|t| t <= observed + 1e-9), share(&|t| t >= observed - 1e-9))
}

fn swap(cases: &[(u32, u32, u32, u32)]) -> Vec<(u32, u32, u32, u32)> {
    cases.iter().map(|&(kb, sb, kc, sc)| (kc, sc, kb, sb)).collect()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * (1.0 + a.abs())
}

proptest! {
    #[test]
    fn exact_relabelling_counts_every_labeling(cases in cases(3, 2, 4)) {
        let test = relabel::exact(&build(&cases)).unwrap();
        let (drop, rise) = brute_force(&cases);
        prop_assert!(close(test.p_drop, drop) && close(test.p_rise, rise), "{test:?} {drop} {rise}");
    }

    #[test]
    fn relabelling_is_symmetric_in_its_sides(cases in cases(6, 4, 30)) {
        let one = relabel::exact(&build(&cases)).unwrap();
        let other = relabel::exact(&build(&swap(&cases))).unwrap();
        prop_assert!(close(one.p_drop, other.p_rise) && close(one.p_rise, other.p_drop));
        prop_assert!(close(one.effect, -other.effect) && close(one.noise_sd, other.noise_sd));
    }

    #[test]
    fn p_values_are_probabilities_and_cover_everything(cases in cases(7, 5, 30)) {
        let test = relabel::binary(&build(&cases), relabel::DRAWS, &mut Rng::from_seed(1));
        for p in [test.p_drop, test.p_rise] {
            prop_assert!(p > 0.0 && p <= 1.0);
        }
        // The observed labelling is in both tails.
        prop_assert!(test.p_drop + test.p_rise >= 1.0 - 1e-9);
    }

    #[test]
    fn identical_sides_show_nothing(sides in prop::collection::vec((1_u32..6, any::<bool>()), 0..30)) {
        let cases: Vec<(u32, u32, u32, u32)> =
            sides.iter().map(|&(k, pass)| { let s = if pass { k } else { 0 }; (k, s, k, s) }).collect();
        let test = relabel::exact(&build(&cases)).unwrap();
        prop_assert!(test.p_drop >= 1.0 && test.p_rise >= 1.0 && test.effect.abs() < 1e-12);
    }

    #[test]
    fn drawn_p_values_are_valid(
        sides in prop::collection::vec(
            (prop::collection::vec(0.0..=1.0_f64, 1..4), prop::collection::vec(0.0..=1.0_f64, 1..4)), 0..8),
        seed in any::<u64>(),
    ) {
        let cases: Vec<RealCase> =
            sides.into_iter().map(|(b, c)| RealCase::new(b, c).unwrap()).collect();
        let test = relabel::real(&cases, 99, &mut Rng::from_seed(seed));
        for p in [test.p_drop, test.p_rise] {
            prop_assert!((0.01 - 1e-12..=1.0).contains(&p));
        }
        prop_assert_eq!(test, relabel::real(&cases, 99, &mut Rng::from_seed(seed)));
    }

    #[test]
    fn one_sample_each_is_mcnemar_and_the_sign_flip(losses in 0_u32..40, wins in 0_u32..40) {
        let mut cases = vec![(1, 1, 1, 0); losses as usize];
        cases.extend(vec![(1, 0, 1, 1); wins as usize]);
        let relabelled = relabel::exact(&build(&cases)).unwrap();
        let mcnemar = signflip::mcnemar(u64::from(losses), u64::from(wins));
        let mut units = vec![-1; losses as usize];
        units.extend(vec![1; wins as usize]);
        let flipped = signflip::exact(&units).unwrap();
        for (a, b) in [(relabelled.p_drop, mcnemar.p_drop), (relabelled.p_rise, mcnemar.p_rise),
                       (flipped.p_drop, mcnemar.p_drop), (flipped.p_rise, mcnemar.p_rise)] {
            prop_assert!(close(a, b), "{a} {b}");
        }
    }

    #[test]
    fn holm_is_monotone(
        hypotheses in prop::collection::vec((0.0..=1.0_f64, 0.01..=1.0_f64), 1..8),
        which in any::<prop::sample::Index>(),
        factor in 0.0..=1.0_f64,
        alpha in 0.001..0.2_f64,
    ) {
        let before = weighted_holm(&hypotheses, alpha);
        let mut smaller = hypotheses.clone();
        smaller[which.index(hypotheses.len())].0 *= factor;
        let after = weighted_holm(&smaller, alpha);
        for (b, a) in before.iter().zip(&after) {
            // Less of any p-value never takes a rejection away.
            prop_assert!(!b.reject || a.reject);
            prop_assert!(a.adjusted <= b.adjusted + 1e-12);
        }
        let total: f64 = hypotheses.iter().map(|h| h.1).sum();
        for (holm, (p, weight)) in before.iter().zip(&hypotheses) {
            prop_assert!(holm.adjusted >= p * (1.0 - 1e-12));
            // Never less generous than weighted Bonferroni.
            prop_assert!(holm.level >= alpha * weight / total * (1.0 - 1e-9));
            prop_assert!(!holm.reject || *p <= holm.level * (1.0 + 1e-6));
        }
    }
}

fn sample() -> impl Strategy<Value = SampleScores> {
    let name = prop::sample::select(vec!["f1".to_owned(), "grounding".to_owned(), "pass_rate".to_owned()]);
    let metrics = prop::collection::btree_map(name, 0.0..=1.0_f64, 0..3);
    (any::<bool>(), metrics).prop_map(|(pass, metrics)| SampleScores { pass, metrics })
}

fn any_case() -> impl Strategy<Value = CaseObservation> {
    let samples = || prop::collection::vec(sample(), 0..4);
    let candidate = prop_oneof![
        6 => samples().prop_map(Candidate::Drawn),
        1 => Just(Candidate::NotMeasured("timeout".to_owned())),
        1 => Just(Candidate::NotSelected),
    ];
    let comparability = prop_oneof![
        6 => Just(Comparability::Comparable), 1 => Just(Comparability::New), 1 => Just(Comparability::Changed)
    ];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    ("[a-z]{1,3}", comparability, samples(), candidate, flags).prop_map(
        |(id, comparability, baseline, candidate, (unchanged, must_pass_failed, clustered))| {
            CaseObservation {
                unchanged,
                must_pass_failed,
                cluster: clustered.then(|| "site".to_owned()),
                baseline,
                candidate,
                ..CaseObservation::new(id, comparability)
            }
        },
    )
}

fn policy() -> Policy {
    Policy { also: vec!["f1".to_owned(), "grounding".to_owned()], ..Policy::default() }
}

/// The decision on these answers alone, all of them one look.
fn decide(observations: &Observations, policy: &Policy) -> Decision {
    let samples = |case: &CaseObservation| match &case.candidate {
        Candidate::Drawn(samples) => samples.len(),
        _ => 0,
    };
    let most = observations.cases.iter().map(samples).max().unwrap_or(1);
    let policy = Policy { samples: u32::try_from(most).unwrap(), looks: Vec::new(), ..policy.clone() };
    settle(observations, &policy)
}

/// Answers whatever the planner asks for, in an order that `shuffle` decides, handing over a few answers at a time.
/// Whether a draw passes is a function of the draw.
fn walk(
    mut seen: Observations,
    policy: &Policy,
    pass: impl Fn(&DrawRequest) -> bool,
    shuffle: &mut Rng,
) -> Decision {
    let mut planner = Planner::new(policy.clone());
    let mut done = BTreeSet::new();
    loop {
        let mut wanted = match planner.next(&seen) {
            Step::Decide(decision) => return *decision,
            Step::Draw(wanted) => wanted,
        };
        wanted.retain(|request| !done.contains(&format!("{request:?}")));
        shuffle.shuffle(&mut wanted);
        // Redraws of one case come one by one; the planner is asked again after some of the others.
        let some = 1 + shuffle.below(wanted.len());
        for request in wanted.into_iter().take(some) {
            let case = seen.cases.iter_mut().find(|case| case.id == request.case).unwrap();
            // Samples of one case are kept in the order of their index.
            if let (Stream::Main, Side::Candidate, Candidate::Drawn(samples)) =
                (&request.stream, request.side, &case.candidate)
                && samples.len() != request.index as usize
            {
                continue;
            }
            done.insert(format!("{request:?}"));
            let answer = SampleScores::of(pass(&request));
            case.put(&request, request.index as usize, Ok(answer));
            if planner.may_stop(&seen) {
                break;
            }
        }
    }
}

/// A draw passes with probability `rate`, by its own name.
fn by_name(seed: u64, rate: f64) -> impl Fn(&DrawRequest) -> bool {
    move |request| Rng::from_text(&format!("{seed} {request:?}")).uniform() < rate
}

/// `n` cases with four recorded samples each, nothing drawn yet.
fn recorded(n: usize, seed: u64) -> Observations {
    let case = |i: usize| CaseObservation {
        baseline: (0..4)
            .map(|k| SampleScores::of(Rng::from_text(&format!("{seed} {i} {k}")).uniform() < 0.9))
            .collect(),
        top_up: Redraws::default(),
        ..CaseObservation::new(format!("c{i}"), Comparability::Comparable)
    };
    Observations { cases: (0..n).map(case).collect(), ..Observations::default() }
}

/// Scores of both sides, `k` samples a case; with `swapped` the sides change places.
fn two_sided(
    sides: &[(Vec<SampleScores>, Vec<SampleScores>)],
    deterministic: bool,
    swapped: bool,
) -> Observations {
    let case = |(i, (one, other)): (usize, &(Vec<SampleScores>, Vec<SampleScores>))| {
        let (baseline, candidate) = if swapped { (other, one) } else { (one, other) };
        CaseObservation {
            baseline: baseline.clone(),
            candidate: Candidate::Drawn(candidate.clone()),
            ..CaseObservation::new(format!("c{i}"), Comparability::Comparable)
        }
    };
    let cases = sides.iter().enumerate().map(case).collect();
    Observations { deterministic, cases, ..Observations::default() }
}

fn passes(k: usize) -> impl Strategy<Value = Vec<SampleScores>> {
    prop::collection::vec(any::<bool>().prop_map(SampleScores::of), k)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_input_gives_one_answer_and_it_survives_storage(
        cases in prop::collection::vec(any_case(), 0..9),
        deterministic in any::<bool>(),
        removed in prop::collection::vec("[a-z]{1,3}", 0..3),
        judged in prop::collection::btree_set(prop::sample::select(vec!["f1".to_owned(), "pass_rate".to_owned()]), 0..2),
    ) {
        let observations = Observations { deterministic, judge_changed: judged, cases, removed, cases_only: false, measures_nothing: false };
        let step = next(&observations, &policy());
        prop_assert_eq!(&step, &next(&observations, &policy()));
        if let Step::Decide(decision) = step {
            let text = serde_json::to_string(&decision).unwrap();
            let back: Decision = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(back.sentence, decision.sentence);
            prop_assert_eq!(back.cases, decision.cases);
            prop_assert_eq!(decision.counts.removed, observations.removed.len());
        }
    }

    #[test]
    fn a_run_compared_with_itself_never_regresses(
        sides in prop::collection::vec(prop::collection::vec(sample(), 1..4), 0..40),
        deterministic in any::<bool>(),
    ) {
        let sides: Vec<_> = sides.into_iter().map(|s| (s.clone(), s)).collect();
        let decision = decide(&two_sided(&sides, deterministic, false), &policy());
        prop_assert!(matches!(decision.verdict, Verdict::Pass | Verdict::Inconclusive), "{}", decision.sentence);
        prop_assert!(!deterministic || sides.is_empty() || decision.verdict == Verdict::Pass
            || decision.metrics[0].method == Method::NotCompared);
    }

    #[test]
    fn swapping_the_sides_swaps_regressed_and_improved(
        sides in prop::collection::vec((passes(3), passes(3)), 1..40),
        deterministic in any::<bool>(),
    ) {
        let policy = Policy { alpha: 0.5, ..Policy::default() };
        let one = decide(&two_sided(&sides, deterministic, false), &policy);
        let other = decide(&two_sided(&sides, deterministic, true), &policy);
        // Only a drop is watched for case by case, and only with the first new sample of each.
        prop_assume!(one.monitor.is_none() && other.monitor.is_none());
        prop_assert_eq!(one.verdict == Verdict::Regressed, other.verdict == Verdict::Improved);
        prop_assert_eq!(one.verdict == Verdict::Improved, other.verdict == Verdict::Regressed);
    }

    #[test]
    fn the_order_of_the_cases_does_not_matter(
        sides in prop::collection::vec((passes(4), passes(1)), 1..30),
    ) {
        let forward = decide(&two_sided(&sides, false, false), &policy());
        let mut turned = two_sided(&sides, false, false);
        turned.cases.reverse();
        let backward = decide(&turned, &policy());
        prop_assert_eq!(forward.verdict, backward.verdict);
        prop_assert_eq!(forward.sentence, backward.sentence);
    }

    #[test]
    fn concurrency_does_not_matter(
        n in 1_usize..40,
        seed in any::<u64>(),
        rate in 0.5..1.0_f64,
        fail_fast in any::<bool>(),
    ) {
        let policy = Policy { fail_fast, max_named: 3, ..Policy::default() };
        let orders = [1, 2].map(|order| {
            walk(recorded(n, seed), &policy, by_name(seed, rate), &mut Rng::from_seed(order))
        });
        // How much was asked for may differ where the run stops early; nothing else does.
        let [one, other] = orders.map(|decision| Decision { draws: Draws::default(), ..decision });
        prop_assert_eq!(one, other);
    }

    #[test]
    fn names_do_not_matter_beyond_the_order(n in 1_usize..30, seed in any::<u64>(), rate in 0.5..1.0_f64) {
        // Every case confirmed, so that no order decides who is; the answers go with the position.
        let policy = Policy { max_named: 100, ..Policy::default() };
        let position = |request: &DrawRequest| request.case.trim_start_matches(|c: char| !c.is_ascii_digit()).to_owned();
        let pass = |request: &DrawRequest| {
            let (side, stream, index) = (request.side, &request.stream, request.index);
            Rng::from_text(&format!("{seed} {} {side:?} {stream:?} {index}", position(request))).uniform() < rate
        };
        let renamed = |prefix: &str| {
            let mut seen = recorded(n, seed);
            for (i, case) in seen.cases.iter_mut().enumerate() {
                case.id = format!("{prefix}{i}");
            }
            walk(seen, &policy, pass, &mut Rng::from_seed(1))
        };
        let (one, other) = (renamed("c"), renamed("refund-"));
        prop_assert_eq!(one.counts, other.counts);
        // The monitor's evidence grows case by case, so only its last value is the same in every order.
        if one.monitor.is_none() && other.monitor.is_none() {
            prop_assert_eq!(one.verdict, other.verdict);
            prop_assert_eq!(one.sentence, other.sentence);
        }
    }
}
