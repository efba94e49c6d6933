//! What the suite as a whole comes to, for noisy and for deterministic models.

use super::*;

#[test]
fn verdicts_of_a_noisy_model() {
    let p5 = Policy::default();
    for (name, observations, policy, verdict, start) in [
        (
            "clean and large",
            noisy(vec![many(200, (5, 5), true)]),
            p5.clone(),
            Verdict::Pass,
            "pass: pass_rate +0.0 points over 200 cases; any drop is smaller than 5 points (95% one-sided; \
             worst plausible -1.5)",
        ),
        (
            "clean and small",
            noisy(vec![many(32, (5, 5), true)]),
            p5.clone(),
            Verdict::Inconclusive,
            "inconclusive: pass_rate +0.0 points, no drop seen, but 32 cases cannot rule out a 5-point drop; \
             59 can",
        ),
        (
            "broken",
            noisy(vec![many(190, (5, 5), true), many(10, (5, 5), false)]),
            p5.clone(),
            Verdict::Regressed,
            "regressed: pass_rate -5.0 points over 200 cases; if nothing had changed, \
             shuffling old and new answers within each case gives a drop this large less than 1 time in \
             10,000 (limit 100); 10 failed once (unconfirmed)",
        ),
        (
            "fixed",
            noisy(vec![many(50, (5, 5), true), many(10, (0, 5), true)]),
            p5.clone(),
            Verdict::Improved,
            "improved: pass_rate +16.7 points over 60 cases; if nothing had changed, \
             shuffling old and new answers within each case gives a rise this large less than 1 time in \
             10,000 (limit 100); 10 passing once (unconfirmed)",
        ),
        (
            "coin flips",
            noisy(vec![many(60, (3, 5), true), many(40, (3, 5), false)]),
            p5.clone(),
            Verdict::Inconclusive,
            "inconclusive: pass_rate +0.0 points over 100 cases, no drop seen, but a 5-point drop is not \
             ruled out (worst plausible -8.3)",
        ),
        (
            "suspicious",
            noisy(vec![many(98, (5, 5), true), many(2, (5, 5), false)]),
            p5.clone(),
            Verdict::Inconclusive,
            "inconclusive: pass_rate -2.0 points over 100 cases; shuffling gives a drop this large 28 times in \
             1,000 (limit 10), but a 5-point drop is not ruled out",
        ),
        (
            "four cases never pass, whatever the margin",
            noisy(vec![many(4, (5, 5), true)]),
            Policy { margin: 0.9, ..p5.clone() },
            Verdict::Inconclusive,
            "inconclusive: pass_rate +0.0 points, no drop seen, but 4 cases cannot rule out a 90-point drop; \
             5 can",
        ),
        (
            "nothing comparable",
            noisy(vec![vec![CaseObservation {
                comparability: Comparability::New,
                ..case("n", (0, 0), Some(true))
            }]]),
            p5.clone(),
            Verdict::Inconclusive,
            "first run: pass_rate 100.0% over 1 case (no baseline yet); 1 new",
        ),
        (
            "no case at all",
            noisy(vec![]),
            p5,
            Verdict::Inconclusive,
            "inconclusive: no comparable cases; accept a run to have a baseline",
        ),
    ] {
        let decision = decide(&observations, &policy);
        assert_eq!(decision.verdict, verdict, "{name}: {}", decision.sentence);
        assert!(decision.sentence.starts_with(start), "{name}:\n {}\n {start}", decision.sentence);
    }
}

#[test]
fn unchanged_answers_are_identical_whatever_their_samples_look_like() {
    let same = |n| -> Vec<CaseObservation> {
        many(n, (3, 5), true)
            .into_iter()
            .map(|c| CaseObservation { unchanged: true, candidate: Candidate::Drawn(Vec::new()), ..c })
            .collect()
    };
    let decision = decide(&noisy(vec![same(10)]), &Policy::default());
    assert_eq!((decision.verdict, decision.reason), (Verdict::Pass, Some(Reason::Identical)));
    assert_eq!(decision.metrics[0].method, Method::Unchanged);
    assert!(decision.sentence.starts_with("pass: identical, the same recorded answers over 10 cases"));
    // Beside changed cases they count as zeros that cannot be relabelled.
    let decision = decide(&noisy(vec![same(10), many(2, (10, 10), false)]), &Policy::default());
    let noise = decision.metrics[0].noise.unwrap();
    assert!((noise.p_drop - 1.0 / 121.0).abs() < 1e-12);
    assert_eq!(decision.metrics[0].n_cases, 12);
    assert_eq!(decision.metrics[0].estimate.unwrap().k, (1, 1));
}

#[test]
fn several_metrics_share_the_level() {
    // Two clean breaks of f1 at ten samples each: p = 1/121 = 0.8%, more than its share of 1%.
    let two_breaks = |kb| {
        let mut cases = many(100, (kb, kb), true);
        for (i, case) in cases.iter_mut().enumerate() {
            *case = with_metric(case.clone(), "f1", 1.0, if i < 2 { 0.0 } else { 1.0 });
        }
        noisy(vec![cases])
    };
    let alone = Policy { primary: "f1".to_owned(), ..Policy::default() };
    let decision = decide(&two_breaks(10), &alone);
    assert_eq!(decision.verdict, Verdict::Regressed);
    assert!(decision.sentence.contains("8.3 times in 1,000 (limit 10)"), "{}", decision.sentence);
    let decision = decide(&two_breaks(10), &with_also(&["f1"]));
    assert_eq!(decision.verdict, Verdict::Pass, "{}", decision.sentence);
    // With twenty samples p = 1/441: now the secondary metric fails the suite, and leads the sentence.
    let decision = decide(&two_breaks(20), &with_also(&["f1"]));
    assert_eq!(decision.verdict, Verdict::Regressed);
    assert!(decision.sentence.starts_with("regressed: f1 -2.0 points"), "{}", decision.sentence);
    assert!(decision.sentence.contains("2.3 times in 1,000 (limit 5)"), "{}", decision.sentence);
    // The primary leads where both regressed.
    let mut observations = two_breaks(20);
    for case in observations.cases.iter_mut().take(2) {
        case.candidate = Candidate::Drawn(vec![SampleScores::of(false)]);
        *case = with_metric(case.clone(), "f1", 1.0, 0.0);
    }
    let decision = decide(&observations, &with_also(&["f1"]));
    assert!(decision.sentence.starts_with("regressed: pass_rate -2.0 points"), "{}", decision.sentence);
    assert!(decision.sentence.contains("; also regressed: f1 -2.0"), "{}", decision.sentence);
}

#[test]
fn real_scores_are_relabelled_at_random_and_reproducibly() {
    let observations = Observations {
        deterministic: false,
        ..certain(vec![
            (0..40)
                .map(|i| {
                    let now = 0.9 - 0.02 * f64::from(i % 7);
                    with_metric(case(&format!("r{i}"), (5, 5), Some(true)), "f1", 0.95, now)
                })
                .collect(),
        ])
    };
    let policy = Policy { primary: "f1".to_owned(), ..Policy::default() };
    let decision = decide(&observations, &policy);
    assert_eq!(decision.verdict, Verdict::Regressed, "{}", decision.sentence);
    assert_eq!(decision.metrics[0].method, Method::MonteCarlo { b: 9_999 });
    assert_eq!(decision, decide(&observations, &policy));
}

#[test]
fn verdicts_of_a_deterministic_model() {
    let one = |now| many(1, (1, 1), now);
    let fixed = || many(1, (0, 1), true);
    let steady = || many(30, (1, 1), true);
    for (name, observations, verdict, start) in [
        (
            "identical, however few",
            certain(vec![one(true)]),
            Verdict::Pass,
            "pass: identical to the baseline over 1 case (deterministic model: no sampling noise)",
        ),
        (
            "one case less",
            certain(vec![steady(), one(false)]),
            Verdict::Regressed,
            "regressed: pass_rate -3.2 points over 31 cases (deterministic model: no sampling noise); 1 broken",
        ),
        (
            "one case more",
            certain(vec![steady(), fixed()]),
            Verdict::Improved,
            "improved: pass_rate +3.2 points over 31 cases (deterministic model: no sampling noise); 1 fixed",
        ),
        (
            "churn without a net change",
            certain(vec![steady(), fixed(), one(false)]),
            Verdict::Pass,
            "pass: no net change in pass_rate over 32 cases (deterministic model: no sampling noise); 1 \
             broken, 1 fixed",
        ),
        (
            "a secondary metric within the margin",
            certain(vec![secondary(-0.012)]),
            Verdict::Pass,
            "pass: no net change in pass_rate over 50 cases",
        ),
        (
            "a secondary metric beyond the margin",
            certain(vec![secondary(-0.07)]),
            Verdict::Regressed,
            "regressed: f1 -7.0 points over 50 cases, more than the margin of 5 (deterministic model: no \
             sampling noise)",
        ),
        (
            "a difference of rounding",
            certain(vec![secondary(-1e-10)]),
            Verdict::Pass,
            "pass: identical to the baseline over 50 cases",
        ),
        (
            "a secondary metric alone does not improve the suite",
            certain(vec![secondary(0.1)]),
            Verdict::Pass,
            "pass: no net change in pass_rate over 50 cases",
        ),
    ] {
        let decision = decide(&observations, &with_also(&["f1"]));
        assert_eq!(decision.verdict, verdict, "{name}: {}", decision.sentence);
        assert!(decision.sentence.starts_with(start), "{name}:\n {}\n {start}", decision.sentence);
        assert!(decision.metrics.iter().all(|m| m.noise.is_none()), "{name}");
    }
    let decision = decide(&certain(vec![secondary(-0.012)]), &with_also(&["f1"]));
    assert_eq!(decision.notes, ["f1 -1.2 points, within the margin of 5"]);
}

#[test]
fn hypotheses_share_one_weight() {
    let weights = |also: &[&str]| {
        with_also(also).hypotheses().iter().map(|(n, w)| ((*n).to_owned(), *w)).collect::<Vec<_>>()
    };
    assert_eq!(weights(&[]), [("pass_rate".to_owned(), 1.0)]);
    assert_eq!(
        weights(&["a", "b", "a", "pass_rate"]),
        [("pass_rate".to_owned(), 0.5), ("a".to_owned(), 0.25), ("b".to_owned(), 0.25)]
    );
}
