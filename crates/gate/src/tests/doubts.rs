//! Missing results, filters, another judge: what keeps a verdict back, and what is said of it.

use super::*;

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
    for case in &mut cases[7..9] {
        case.cluster = Some("site-3".to_owned());
    }
    let decision = decide(&noisy(vec![cases]), &Policy::default());
    assert_eq!(
        decision.notes,
        [
            "100 cases share 99 clusters: a story counts once, however many cases tell it",
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
        maybe_fixed: 1,
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
            "; 1 failing a check that must pass, 2 failed once (unconfirmed), 1 passing once \
             (unconfirmed), 1 known failure, 2 noisy, 1 new (1 failing), 1 removed"
        ),
        "{}",
        decision.sentence
    );
    assert_eq!(decision.n_cases, 10);
}
