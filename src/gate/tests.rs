//! The gate's rules as tables.

use super::*;
use crate::llm::Stream;

/// A case with `sb` of `kb` baseline passes, answering `now` (`None`: not drawn yet).
fn case(id: &str, (sb, kb): (usize, usize), now: Option<bool>) -> CaseObservation {
    CaseObservation {
        baseline: (0..kb).map(|i| SampleScores::of(i < sb)).collect(),
        candidate: Candidate::Drawn(now.map(SampleScores::of).into_iter().collect()),
        ..CaseObservation::new(id, Comparability::Comparable)
    }
}

/// `n` cases like `case`.
fn many(n: usize, (sb, kb): (usize, usize), now: bool) -> Vec<CaseObservation> {
    (0..n).map(|i| case(&format!("{sb}/{kb}-{now}-{i}"), (sb, kb), Some(now))).collect()
}

fn noisy(groups: Vec<Vec<CaseObservation>>) -> Observations {
    Observations { cases: groups.concat(), ..Observations::default() }
}

fn certain(groups: Vec<Vec<CaseObservation>>) -> Observations {
    Observations { deterministic: true, ..noisy(groups) }
}

fn with_metric(mut case: CaseObservation, name: &str, before: f64, now: f64) -> CaseObservation {
    for sample in &mut case.baseline {
        sample.metrics.insert(name.to_owned(), before);
    }
    if let Candidate::Drawn(samples) = &mut case.candidate {
        for sample in samples {
            sample.metrics.insert(name.to_owned(), now);
        }
    }
    case
}

/// Fifty steady cases with a secondary metric that moves by `change`.
fn secondary(change: f64) -> Vec<CaseObservation> {
    many(50, (1, 1), true).into_iter().map(|c| with_metric(c, "f1", 0.8, 0.8 + change)).collect()
}

fn decide(observations: &Observations, policy: &Policy) -> Decision {
    match next(observations, policy) {
        Step::Decide(decision) => *decision,
        Step::Draw(wanted) => panic!("still wants {wanted:?}"),
    }
}

fn with_also(names: &[&str]) -> Policy {
    Policy { also: names.iter().map(|n| (*n).to_owned()).collect(), ..Policy::default() }
}

#[test]
fn case_verdicts() {
    let stable = (5, 5);
    for (baseline, now, deterministic, expected, headline) in [
        (stable, true, false, CaseResult::Ok, "ok: passed in the baseline (5 of 5), passes now"),
        (
            stable,
            false,
            false,
            CaseResult::Unconfirmed { why: "confirmation not available".to_owned() },
            "unconfirmed: stable in the baseline (5 of 5), fails now (confirmation not available)",
        ),
        (
            stable,
            false,
            true,
            CaseResult::Broken,
            "broken: passed in the baseline, fails now (deterministic model, no sampling noise)",
        ),
        (
            (0, 5),
            false,
            false,
            CaseResult::KnownFailure,
            "known failure: failed in the baseline (0 of 5 passed), still fails",
        ),
        (
            (0, 5),
            true,
            false,
            CaseResult::Fixed,
            "fixed: failed in the baseline (0 of 5 passed), passes now; accept locks it in",
        ),
        ((3, 5), true, false, CaseResult::NoisyPass, "noisy: passed 3 of 5 in the baseline, passes now"),
        (
            (3, 5),
            false,
            false,
            CaseResult::NoisyFail,
            "noisy: passed 3 of 5 in the baseline, fails now; one answer decides nothing",
        ),
    ] {
        let verdict = case_verdict(&case("a", baseline, Some(now)), deterministic, false);
        assert_eq!(verdict.result, expected);
        assert_eq!(verdict.headline(), headline);
        assert_eq!(verdict.fails(), expected == CaseResult::Broken);
    }
}

#[test]
fn case_verdicts_without_a_comparison() {
    let base = case("a", (5, 5), Some(false));
    let new = |comparability| CaseObservation { comparability, ..base.clone() };
    let with = |candidate| CaseObservation { candidate, ..base.clone() };
    for (case, expected, fails) in [
        (new(Comparability::New), CaseResult::New { pass: false, changed: false }, true),
        (new(Comparability::Changed), CaseResult::New { pass: false, changed: true }, true),
        (
            CaseObservation { baseline: Vec::new(), ..with(Candidate::Drawn(vec![SampleScores::of(true)])) },
            CaseResult::New { pass: true, changed: false },
            false,
        ),
        (
            with(Candidate::NotMeasured("timeout".to_owned())),
            CaseResult::NotMeasured { why: "timeout".to_owned() },
            false,
        ),
        (with(Candidate::NotSelected), CaseResult::NotSelected, false),
        (CaseObservation { must_pass_failed: true, ..base.clone() }, CaseResult::MustPassFailed, true),
        // An unchanged case needs no answer: it has the accepted one.
        (CaseObservation { unchanged: true, ..with(Candidate::Drawn(Vec::new())) }, CaseResult::Ok, false),
    ] {
        let verdict = case_verdict(&case, true, false);
        assert_eq!((verdict.result.clone(), verdict.fails()), (expected, fails), "{}", verdict.headline());
    }
    let judged = case_verdict(&base, true, true);
    assert_eq!(judged.result, CaseResult::Unconfirmed { why: "judge changed".to_owned() });
}

#[test]
fn draws_every_case_once_in_a_fixed_order() {
    let mut observations = noisy(vec![vec![
        case("c0001", (5, 5), None),
        case("c0002", (5, 5), None),
        case("c0003", (5, 5), None),
        case("done", (5, 5), Some(true)),
        CaseObservation { unchanged: true, ..case("same", (5, 5), None) },
        CaseObservation { candidate: Candidate::NotSelected, ..case("left out", (5, 5), None) },
        CaseObservation { candidate: Candidate::NotMeasured("x".to_owned()), ..case("lost", (5, 5), None) },
        // New cases are drawn too: their test needs an answer.
        CaseObservation::new("new", Comparability::New),
    ]]);
    let Step::Draw(wanted) = next(&observations, &Policy::default()) else { panic!() };
    assert!(wanted.iter().all(|d| d.stream == Stream::Main && d.index == 0));
    let order: Vec<&str> = wanted.iter().map(|d| d.case.as_str()).collect();
    // sha256("seed0" + id): new 48db.., c0003 7b79.., c0002 aa07.., c0001 bf51..
    assert_eq!(order, ["new", "c0003", "c0002", "c0001"]);
    observations.cases.reverse();
    let Step::Draw(again) = next(&observations, &Policy::default()) else { panic!() };
    assert_eq!(wanted, again);
}

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
            "regressed: pass_rate -5.0 points (95% CI -8.3..-1.6) over 200 cases; if nothing had changed, \
             shuffling old and new answers within each case gives a drop this large less than 1 time in \
             10,000 (limit 100); 10 failed once (unconfirmed)",
        ),
        (
            "fixed",
            noisy(vec![many(50, (5, 5), true), many(10, (0, 5), true)]),
            p5.clone(),
            Verdict::Improved,
            "improved: pass_rate +16.7 points (95% CI +5.6..+26.6) over 60 cases; if nothing had changed, \
             shuffling old and new answers within each case gives a rise this large less than 1 time in \
             10,000 (limit 100); 10 fixed",
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
            "inconclusive: no comparable cases; accept a run to have a baseline; 1 new",
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
fn missing_results_keep_positive_verdicts_back_but_not_a_regression() {
    let lost = |n: usize| -> Vec<CaseObservation> {
        many(n, (5, 5), true)
            .into_iter()
            .map(|c| CaseObservation {
                id: format!("lost {}", c.id),
                candidate: Candidate::NotMeasured("timeout".to_owned()),
                ..c
            })
            .collect()
    };
    let policy = Policy::default();
    for deterministic in [false, true] {
        let decide = |groups| decide(&Observations { deterministic, ..noisy(groups) }, &policy);
        // Exactly a tenth is allowed.
        let decision = decide(vec![many(180, (5, 5), true), lost(20)]);
        assert_eq!(decision.verdict, Verdict::Pass, "{}", decision.sentence);
        let decision = decide(vec![many(179, (5, 5), true), lost(21)]);
        assert_eq!(decision.reason, Some(Reason::Missing { n: 21, of: 200 }));
        assert_eq!(
            decision.sentence,
            "inconclusive: 21 of 200 cases have no result for pass_rate (limit 10%); 21 not measured"
        );
        assert_eq!(decision.outcome(&policy), Outcome::CouldNotTell);
        let decision = decide(vec![many(100, (5, 5), true), many(79, (0, 5), true), lost(21)]);
        assert_eq!(decision.verdict, Verdict::Inconclusive, "{}", decision.sentence);
        let decision = decide(vec![many(100, (5, 5), true), many(20, (5, 5), false), lost(80)]);
        assert_eq!(decision.verdict, Verdict::Regressed, "{}", decision.sentence);
        let decision = decide(vec![lost(3)]);
        assert_eq!(decision.reason, Some(Reason::Missing { n: 3, of: 3 }));
    }
}

#[test]
fn a_secondary_metric_without_results_keeps_a_pass_back() {
    let mut cases = secondary(0.0);
    for case in cases.iter_mut().take(10) {
        case.candidate = Candidate::Drawn(vec![SampleScores::of(true)]);
    }
    let decision = decide(&certain(vec![cases.clone()]), &with_also(&["f1"]));
    assert_eq!(decision.reason, Some(Reason::Missing { n: 10, of: 50 }));
    assert!(decision.sentence.contains("no result for f1"), "{}", decision.sentence);
    // A metric that the baseline does not have either is not missing: it is not compared, and says so.
    let decision = decide(&certain(vec![cases]), &with_also(&["tone"]));
    assert_eq!(decision.verdict, Verdict::Pass);
    assert_eq!(decision.notes, ["tone: nothing to compare with"]);
}

#[test]
fn filtered_runs_are_not_decided() {
    let mut cases = many(10, (5, 5), false);
    for case in cases.iter_mut().skip(3) {
        case.candidate = Candidate::NotSelected;
    }
    for deterministic in [false, true] {
        let decision =
            decide(&Observations { deterministic, ..noisy(vec![cases.clone()]) }, &Policy::default());
        assert_eq!(decision.reason, Some(Reason::NotDecided { ran: 3, of: 10 }));
        assert!(decision.sentence.starts_with("not decided: 3 of 10 cases ran"), "{}", decision.sentence);
        assert_eq!(decision.outcome(&Policy::default()), Outcome::NotDecided);
        assert_eq!(decision.counts.not_selected, 7);
    }
}

#[test]
fn another_judge_blocks_its_own_metrics_only() {
    for deterministic in [false, true] {
        let judge_changed = ["f1".to_owned()].into();
        let observations = Observations { judge_changed, deterministic, ..noisy(vec![secondary(-0.5)]) };
        let decision = decide(&observations, &with_also(&["f1"]));
        assert_eq!(decision.reason, Some(Reason::JudgeChanged));
        assert!(decision.metrics[1].estimate.is_none(), "no delta between things that do not compare");
        assert!(decision.sentence.contains("f1 was scored by another judge"), "{}", decision.sentence);
        assert_eq!(decision.outcome(&Policy::default()), Outcome::CouldNotTell);
        let broken = Observations {
            cases: [observations.cases.clone(), many(40, (5, 5), false)].concat(),
            ..observations
        };
        assert_eq!(decide(&broken, &with_also(&["f1"])).verdict, Verdict::Regressed);
    }
}

#[test]
fn outcomes_follow_the_policy() {
    let strict = Policy { on_inconclusive: OnInconclusive::Fail, ..Policy::default() };
    for (observations, warn, fail) in [
        (noisy(vec![many(5, (5, 5), true)]), Outcome::Warns, Outcome::Refused),
        (noisy(vec![]), Outcome::Warns, Outcome::Refused),
        (noisy(vec![many(90, (5, 5), true)]), Outcome::Fine, Outcome::Fine),
        (noisy(vec![many(90, (5, 5), false)]), Outcome::Worse, Outcome::Worse),
    ] {
        let decision = decide(&observations, &Policy::default());
        assert_eq!((decision.outcome(&Policy::default()), decision.outcome(&strict)), (warn, fail));
    }
}

#[test]
fn notes_say_what_the_numbers_do_not() {
    let mut cases = many(100, (1, 1), true);
    cases[7].cluster = Some("site-3".to_owned());
    let decision = decide(&noisy(vec![cases]), &Policy::default());
    assert_eq!(
        decision.notes,
        [
            "cases are the units; clusters are not used yet",
            "some cases have only 1 sample in the baseline; with 5 each the gate sees smaller drops"
        ]
    );
}

#[test]
fn counts_and_tail() {
    let mut observations = noisy(vec![
        many(3, (5, 5), true),
        many(2, (5, 5), false),
        many(1, (0, 5), true),
        many(1, (0, 5), false),
        many(2, (2, 5), false),
        vec![CaseObservation { comparability: Comparability::New, ..case("new", (0, 0), Some(false)) }],
        vec![CaseObservation { must_pass_failed: true, ..case("must", (5, 5), Some(false)) }],
    ]);
    observations.removed = vec!["gone".to_owned()];
    let decision = decide(&observations, &Policy::default());
    let expected = Counts {
        ok: 3,
        unconfirmed: 2,
        must_pass_failed: 1,
        fixed: 1,
        known_failures: 1,
        noisy: 2,
        new: 1,
        new_failing: 1,
        removed: 1,
        ..Counts::default()
    };
    assert_eq!(decision.counts, expected);
    assert!(
        decision.sentence.ends_with(
            "; 1 failing a check that must pass, 2 failed once (unconfirmed), 1 fixed, 1 known failure, 2 \
             noisy, 1 new (1 failing), 1 removed"
        ),
        "{}",
        decision.sentence
    );
    assert_eq!(decision.n_cases, 10);
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

#[test]
fn an_unchanged_case_that_a_filter_left_out_is_known_all_the_same() {
    let mut cases = many(3, (1, 1), true);
    for case in &mut cases {
        case.unchanged = true;
        case.candidate = Candidate::NotSelected;
    }
    let decision = decide(&certain(vec![cases]), &Policy::default());
    assert_eq!((decision.verdict, decision.reason), (Verdict::Pass, Some(Reason::Identical)));
}
