//! The figures of a decision: measured values, bounds that can be, evidence that agrees with the verdict, honest counts.

use super::*;

/// `f1` of `false_pass`, say: a small value is good, so the scores came in as `1 - x`.
fn lower(policy: &Policy) -> Policy {
    Policy { lower_is_better: ["f1".to_owned()].into(), ..policy.clone() }
}

fn f1_alone() -> Policy {
    Policy { primary: "f1".to_owned(), ..Policy::default() }
}

/// Cases whose `f1` goes from `before` to `now`, five recorded samples each.
fn scored(n: usize, before: f64, now: f64) -> Vec<CaseObservation> {
    let cases = many(n, (5, 5), true).into_iter().enumerate();
    cases
        .map(|(i, c)| with_metric(CaseObservation { id: format!("{now}-{i}"), ..c }, "f1", before, now))
        .collect()
}

fn f1(decision: &Decision) -> &MetricDecision {
    decision.metrics.iter().find(|metric| metric.metric == "f1").unwrap()
}

#[test]
fn a_lower_is_better_metric_leaves_the_gate_as_measured() {
    // Turned, 0.8 falls to 0.73; measured, 20% rise to 27%.
    let decision = decide(&certain(vec![secondary(-0.07)]), &lower(&with_also(&["f1"])));
    let found = f1(&decision);
    let estimate = found.estimate.unwrap();
    assert!(found.lower_is_better && found.verdict == Verdict::Regressed);
    for (is, should) in
        [(estimate.effect, 0.07), (estimate.baseline_mean, 0.2), (estimate.candidate_mean, 0.27)]
    {
        assert!((is - should).abs() < 1e-9, "{is} {should}");
    }
    assert_eq!(
        decision.sentence,
        "regressed: f1 +7.0 points (lower is better) over 50 cases, more than the margin of 5 (deterministic model: no \
         sampling noise)"
    );
    let decision = decide(&certain(vec![secondary(-0.012)]), &lower(&with_also(&["f1"])));
    assert_eq!(decision.notes, ["f1 +1.2 points (lower is better), within the margin of 5"]);
    // Beside another regression it keeps its sign.
    let mut cases = secondary(-0.07);
    cases[0] = with_metric(case("worse", (1, 1), Some(false)), "f1", 0.8, 0.0);
    let decision = decide(&certain(vec![cases]), &lower(&with_also(&["f1"])));
    assert!(
        decision.sentence.contains("; also regressed: f1 +8.5 (lower is better);"),
        "{}",
        decision.sentence
    );
}

#[test]
fn a_turned_metric_is_the_mirror_image_and_the_verdict_stays() {
    for (name, cases) in [
        ("worse", vec![scored(40, 0.9, 0.9), scored(10, 0.9, 0.3)]),
        ("better", vec![scored(40, 0.5, 0.5), scored(10, 0.5, 0.9)]),
        ("steady", vec![scored(80, 0.9, 0.9)]),
        ("few", vec![scored(9, 0.9, 0.9)]),
        ("wavering", vec![scored(30, 0.9, 0.8), scored(30, 0.9, 1.0)]),
    ] {
        let observations = noisy(cases);
        let higher = decide(&observations, &f1_alone());
        let decision = decide(&observations, &lower(&f1_alone()));
        let (a, b) = (f1(&higher), f1(&decision));
        assert_eq!((higher.verdict, a.verdict, a.method), (decision.verdict, b.verdict, b.method), "{name}");
        let (x, y) = (a.estimate.unwrap(), b.estimate.unwrap());
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{name}: {a} {b}");
        close(x.effect, -y.effect);
        close(x.baseline_mean, 1.0 - y.baseline_mean);
        close(x.candidate_mean, 1.0 - y.candidate_mean);
        let (x, y) = (a.noise.unwrap(), b.noise.unwrap());
        close(x.ci95[0], -y.ci95[1]);
        close(x.ci95[1], -y.ci95[0]);
        close(x.lower95, -y.upper95);
        close(x.upper95, -y.lower95);
        close(a.worst().unwrap(), -b.worst().unwrap());
        close(x.p_drop, y.p_rise);
        close(x.p_rise, y.p_drop);
        close(x.limit, y.limit_rise);
        close(x.limit_rise, y.limit);
        // Sizes have no direction.
        close(x.lost_guard, y.lost_guard);
        close(x.noise_sd, y.noise_sd);
        close(x.mde80, y.mde80);
        close(x.p_general, y.p_general);
        assert!(!decision.sentence.contains("drop") || name == "better", "{name}: {}", decision.sentence);
        if let (Some(Reason::TooNoisy { worst: x, .. }), Some(Reason::TooNoisy { worst: y, .. })) =
            (&higher.reason, &decision.reason)
        {
            close(*x, -*y);
        }
    }
}

#[test]
fn sentences_name_the_direction() {
    for (cases, start) in [
        (
            vec![scored(190, 0.9, 0.9), scored(10, 0.9, 0.0)],
            "regressed: f1 +4.5 points (lower is better) over 200 cases; if nothing had changed, shuffling old and new \
             answers within each case gives a rise this large 1 time in 10,000 (limit 100)",
        ),
        (
            vec![scored(190, 0.5, 0.5), scored(10, 0.5, 0.9)],
            "improved: f1 -2.0 points (lower is better) over 200 cases; if nothing had changed, shuffling old and new \
             answers within each case gives a drop this large 1 time in 10,000 (limit 100)",
        ),
        (
            vec![scored(200, 0.9, 0.9)],
            "pass: f1 +0.0 points (lower is better) over 200 cases; any rise is smaller than 5 points (95% one-sided; \
             worst plausible +1.5)",
        ),
        (
            vec![scored(32, 0.9, 0.9)],
            "inconclusive: f1 +0.0 points (lower is better), no rise seen, but 32 cases cannot rule out a 5-point rise; \
             59 can",
        ),
    ] {
        let decision = decide(&noisy(cases), &lower(&f1_alone()));
        assert!(decision.sentence.starts_with(start), "\n {}\n {start}", decision.sentence);
    }
}

#[test]
fn people_and_judge_are_quoted_as_measured() {
    let bias = Reason::JudgeBias { pairs: 20, judged: -0.1, corrected: 0.02, ci95: [-0.01, 0.05] };
    let metric = MetricDecision {
        reason: Some(bias),
        ..f1(&decide(&noisy(vec![scored(9, 0.9, 0.9)]), &f1_alone())).clone()
    };
    assert_eq!(
        metric.measured().reason,
        Some(Reason::JudgeBias { pairs: 20, judged: 0.1, corrected: -0.02, ci95: [-0.05, 0.01] })
    );
}

#[test]
fn an_interval_that_holds_zero_is_not_shown_beside_regressed() {
    // Two of a hundred cases break, ten recorded samples each: one relabelling in 121. The t interval, which knows nothing
    // of relabelling, reaches beyond zero.
    let cases = vec![many(98, (10, 10), true), many(2, (10, 10), false), many(5, (0, 10), false)];
    let decision = decide(&noisy(cases), &Policy::default());
    let metric = &decision.metrics[0];
    let noise = metric.noise.unwrap();
    assert!(decision.verdict == Verdict::Regressed && noise.ci95[1] > 0.0, "{noise:?}");
    assert_eq!(
        decision.sentence,
        "regressed: pass_rate -1.9 points over 105 cases; if nothing had changed, shuffling old and new answers within each \
         case gives a drop this large 8.3 times in 1,000 (limit 10); 2 failed once (unconfirmed), 5 known failures"
    );
    assert_eq!(metric.evidence(0.05).unwrap(), "drop by chance 8.3 times in 1,000 (limit 10)");
}

#[test]
fn evidence_is_what_the_verdict_rests_on() {
    for (cases, evidence) in [
        (vec![many(200, (5, 5), true)], "worst plausible -1.5"),
        (
            vec![many(50, (5, 5), true), many(10, (0, 5), true)],
            "rise by chance less than 1 time in 10,000 (limit 100)",
        ),
        (
            vec![many(98, (5, 5), true), many(2, (5, 5), false)],
            "drop by chance 28 times in 1,000 (limit 10); worst plausible -6.2",
        ),
    ] {
        let decision = decide(&noisy(cases), &Policy::default());
        assert_eq!(decision.metrics[0].evidence(0.05).unwrap(), evidence, "{}", decision.sentence);
    }
    assert_eq!(decide(&certain(vec![secondary(0.0)]), &f1_alone()).metrics[0].evidence(0.05), None);
}

#[test]
fn a_set_without_room_for_a_drop_finds_none() {
    // Half of the answers pass: no drop is larger than the pass rate, and 12 cases would only see a larger one.
    let cases = || vec![many(6, (2, 5), true), many(54, (1, 5), false)];
    let decision = decide(&noisy(cases()), &Policy { alpha: 1e-9, ..Policy::default() });
    let mde = decision.metrics[0].noise.unwrap().mde80;
    let rate = decision.metrics[0].estimate.unwrap().baseline_mean;
    assert!(mde > rate, "{mde} {rate}");
    assert!(
        decision.sentence.contains("such a set finds no drop that is possible from 22.0%"),
        "{}",
        decision.sentence
    );
}

#[test]
fn a_first_run_gives_rates() {
    let new = |n: usize, pass: bool| -> Vec<CaseObservation> {
        (0..n)
            .map(|i| CaseObservation {
                comparability: Comparability::New,
                ..case(&format!("{pass}{i}"), (0, 0), Some(pass))
            })
            .collect()
    };
    let policy = lower(&with_also(&["f1"]));
    for deterministic in [false, true] {
        let mut observations = Observations { deterministic, ..noisy(vec![new(62, true), new(38, false)]) };
        for case in observations.cases.iter_mut().take(10) {
            *case = with_metric(case.clone(), "f1", 0.0, 0.75);
        }
        let decision = decide(&observations, &policy);
        assert_eq!((decision.verdict, &decision.reason), (Verdict::Inconclusive, &Some(Reason::NoBaseline)));
        assert_eq!(
            decision.sentence,
            "first run: pass_rate 62.0% over 100 cases, f1 25.0% (lower is better) over 10 cases (no baseline yet); 100 \
             new (38 failing)"
        );
        assert_eq!(decision.metrics[1].level, Some(Level { mean: 0.25, cases: 10 }));
        assert!(decision.notes.is_empty(), "{:?}", decision.notes);
        assert_eq!(decision.outcome(&policy), Outcome::Warns);
        // A baseline of other cases is one: nothing is comparable, and that is said.
        observations.removed.push("gone".to_owned());
        let decision = decide(&observations, &policy);
        assert_eq!(decision.reason, Some(Reason::NoComparableCases));
        assert_eq!(decision.metrics[0].level, None);
    }
    let lost = new(1, true)
        .into_iter()
        .map(|c| CaseObservation { candidate: Candidate::NotMeasured("timeout".to_owned()), ..c });
    let decision = decide(&noisy(vec![lost.collect()]), &Policy::default());
    assert!(
        decision.sentence.starts_with("first run: no case was measured (no baseline yet)"),
        "{}",
        decision.sentence
    );
}

#[test]
fn only_answers_that_an_early_stop_left_unasked_are_saved() {
    let broken = |n: usize| -> Observations {
        noisy(vec![(0..n).map(|i| case(&format!("c{i:03}"), (10, 10), None)).collect()])
    };
    let policy = Policy { fail_fast: true, ..Policy::default() };
    let decision = rehearse(broken(44), &policy, |_, _| Ok(false));
    let evidence = decision.monitor.clone().unwrap();
    assert!(evidence.stopped);
    assert_eq!((decision.draws.main, decision.draws.saved), (evidence.seen, 44 - evidence.seen));
    // Forty were under way when it stopped: they were asked for, and are not saved.
    let mut seen = broken(44);
    for case in seen.cases.iter_mut().take(40) {
        case.candidate = Candidate::Drawn(vec![SampleScores::of(false)]);
    }
    let decision = decide(&seen, &policy);
    assert!(decision.monitor.as_ref().unwrap().stopped);
    assert_eq!((decision.draws.main, decision.draws.saved), (40, 4), "{:?}", decision.monitor);
    assert!(!decision.sentence.contains("saved"), "{}", decision.sentence);
    // Nothing is saved by looks that a clean run never takes.
    let clean = rehearse(broken(44), &Policy::default(), |_, _| Ok(true));
    assert_eq!((clean.draws.main, clean.draws.saved), (44, 0));
}
