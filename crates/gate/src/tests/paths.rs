//! The way to a decision: which answers are asked for, and when it ends.

use super::*;

/// The decision and what was asked for it. `answer` gives whether each answer passes, or why there is none.
fn walk(
    seen: Observations,
    policy: &Policy,
    answer: impl Fn(&DrawRequest) -> Result<bool, &'static str>,
) -> (Decision, Vec<DrawRequest>) {
    let mut asked = Vec::new();
    let decision = rehearse(seen, policy, |_, request| {
        asked.push(request.clone());
        answer(request).map_err(str::to_owned)
    });
    (decision, asked)
}

/// `n` steady cases that were not drawn yet, and others.
fn suite(n: usize, baseline: (usize, usize), others: Vec<CaseObservation>) -> Observations {
    let steady = (0..n).map(|i| case(&format!("steady-{i}"), baseline, None)).collect();
    noisy(vec![steady, others])
}

fn result<'a>(decision: &'a Decision, id: &str) -> &'a CaseVerdict {
    decision.cases.iter().find(|case| case.id == id).unwrap()
}

fn steady(request: &DrawRequest) -> bool {
    request.case.starts_with("steady")
}

#[test]
fn a_broken_case_is_asked_again_until_it_is_beyond_chance() {
    let seen = suite(199, (10, 10), vec![case("refund-07", (10, 10), None)]);
    let (decision, asked) = walk(seen, &Policy::default(), |request| Ok(steady(request)));
    let found = result(&decision, "refund-07");
    assert_eq!(found.result, CaseResult::Broken);
    assert_eq!(
        found.headline(),
        "broken: passed 10 of 10 recorded, now 0 of 7; at most 1 in 100,000 such pairs would look like this by \
         chance (limit 1 in 20,000)"
    );
    // One case that fails every time is also a drop: one relabelling in 1,001 after four passes.
    assert_eq!(asked.iter().filter(|r| r.stream == Stream::Confirm).count(), 6);
    assert_eq!((decision.draws.main, decision.draws.confirm, decision.draws.saved), (800, 6, 0));
    assert_eq!((decision.counts.broken, decision.verdict), (1, Verdict::Regressed), "{}", decision.sentence);
}

#[test]
fn a_failure_that_passes_when_asked_again_is_flaky_and_costs_one_answer() {
    let seen = suite(99, (10, 10), vec![case("odd", (10, 10), None)]);
    let (decision, asked) =
        walk(seen, &Policy::default(), |request| Ok(steady(request) || request.stream == Stream::Confirm));
    let found = result(&decision, "odd");
    assert_eq!(found.result, CaseResult::Flaky);
    assert_eq!(found.headline(), "flaky: passed 10 of 10 recorded, now 1 of 2");
    assert_eq!(asked.iter().filter(|r| r.stream == Stream::Confirm).count(), 1);
    assert_eq!(decision.counts.flaky, 1);
}

#[test]
fn a_redraw_that_cannot_be_had_leaves_the_case_open_and_the_suite_untold() {
    let seen = suite(99, (10, 10), vec![case("odd", (10, 10), None)]);
    let (decision, _) = walk(seen, &Policy::default(), |request| match request.stream {
        Stream::Confirm if request.index == 1 => Err("not recorded"),
        Stream::Main if request.index > 0 => Ok(true),
        _ => Ok(steady(request)),
    });
    let found = result(&decision, "odd");
    assert_eq!(
        found.headline(),
        "unconfirmed: stable in the baseline (10 of 10), fails now (4 redraws are not there: not recorded)"
    );
    assert!(matches!(decision.reason, Some(Reason::NeedsRedraws { cases: 1, .. })), "{:?}", decision.reason);
    assert_eq!(decision.outcome(&Policy::default()), Outcome::CouldNotTell);
}

#[test]
fn passes_are_bought_only_while_suspicious() {
    // Four cases that passed 3 of 5 fail at first: a chance of 1/16. When they pass afterwards, it is none.
    let some = |i: usize| case(&format!("wavering-{i}"), (3, 5), None);
    let seen = || suite(96, (5, 5), (0..4).map(some).collect());
    let first_fails = |request: &DrawRequest| Ok(steady(request) || request.index > 0);
    let (decision, asked) = walk(seen(), &Policy::default(), first_fails);
    let main = |asked: &[DrawRequest], index: u32| {
        asked.iter().filter(|r| r.stream == Stream::Main && r.index == index).count()
    };
    assert_eq!((main(&asked, 0), main(&asked, 1), main(&asked, 2)), (100, 100, 0), "{}", decision.sentence);
    assert_eq!((decision.look, decision.metrics[0].estimate.unwrap().k), (2, (2, 2)));

    // The same, where nothing further can be had: the gate says what it lacks, and no case is touched.
    let (decision, _) = walk(seen(), &Policy::default(), |request| match request.index {
        0 => Ok(steady(request)),
        _ => Err("not recorded; run it with --mode record"),
    });
    assert!(
        matches!(decision.reason, Some(Reason::NeedsLook { k: 2, draws: 100, .. })),
        "{:?}",
        decision.reason
    );
    assert!(
        decision
            .sentence
            .contains("the look after 2 samples per case needs 100 draws that cannot be had: not recorded"),
        "{}",
        decision.sentence
    );
    assert_eq!(decision.outcome(&Policy::default()), Outcome::CouldNotTell);
    // Nobody asked for the gate: nothing is bought for it.
    let (_, asked) = walk(Observations { cases_only: true, ..seen() }, &Policy::default(), first_fails);
    assert_eq!(main(&asked, 1), 0);
}

#[test]
fn a_broken_run_stops_after_a_few_calls() {
    let seen = || suite(0, (10, 10), (0..200).map(|i| case(&format!("c{i:03}"), (10, 10), None)).collect());
    let policy = Policy { fail_fast: true, ..Policy::default() };
    let (decision, asked) = walk(seen(), &policy, |_| Ok(false));
    let evidence = decision.monitor.clone().unwrap();
    assert!(evidence.stopped && evidence.seen < 10 && evidence.e_value >= 100.0, "{evidence:?}");
    assert!(asked.iter().filter(|r| r.stream == Stream::Main).count() == evidence.seen);
    assert_eq!(decision.counts.not_run, 200 - evidence.seen);
    assert!(
        decision.sentence.starts_with(&format!(
            "regressed early after {} of 200 cases: pass_rate -100.0 points",
            evidence.seen
        )),
        "{}",
        decision.sentence
    );
    // Without fail-fast everything runs, and the verdict is the same.
    let (slow, asked) = walk(seen(), &Policy::default(), |_| Ok(false));
    assert_eq!((slow.verdict, slow.counts.not_run), (Verdict::Regressed, 0));
    assert!(asked.iter().filter(|r| r.stream == Stream::Main).count() == 200);
    // Ten are named; the other failures are not paid for again.
    assert_eq!((slow.counts.broken, slow.counts.unconfirmed), (10, 190));
}

#[test]
fn a_thin_baseline_is_filled_up_for_suspicious_cases_only() {
    let thin = |i: usize| CaseObservation {
        top_up: Redraws::default(),
        ..case(&format!("steady-{i}"), (1, 1), None)
    };
    let odd = || CaseObservation { top_up: Redraws::default(), ..case("odd", (1, 1), None) };
    let seen = || noisy(vec![(0..99).map(thin).collect(), vec![odd()]]);
    let (decision, asked) =
        walk(seen(), &Policy::default(), |request| Ok(steady(request) || request.side == Side::Baseline));
    let found = result(&decision, "odd");
    assert_eq!(found.result, CaseResult::Broken, "{}", found.headline());
    assert!(
        found.headline().starts_with("broken: passed 10 of 10 recorded (9 of them asked now), now 0 of 6")
    );
    assert!(asked.iter().filter(|r| r.side == Side::Baseline).all(|r| r.case == "odd"));
    assert_eq!(decision.draws.top_up, 9);
    // The accepted prompt fails as well: the first such answer ends it, and nobody is blamed.
    let (decision, asked) = walk(seen(), &Policy::default(), |request| Ok(steady(request)));
    assert_eq!(result(&decision, "odd").result, CaseResult::Flaky);
    assert_eq!(asked.iter().filter(|r| r.case == "odd").count(), 2);
    // It cannot be asked: the case stays open, and says what would help.
    let closed = Observations {
        cases: seen()
            .cases
            .into_iter()
            .map(|c| CaseObservation { top_up: Redraws::unavailable(), ..c })
            .collect(),
        ..seen()
    };
    let (decision, _) = walk(closed, &Policy::default(), |request| Ok(steady(request)));
    assert_eq!(
        result(&decision, "odd").result,
        CaseResult::Unconfirmed {
            why: "1 recorded sample cannot show that one of 100 cases broke; record more".to_owned()
        }
    );
}

#[test]
fn a_fixed_case_is_confirmed_like_a_broken_one() {
    let seen = || suite(99, (10, 10), vec![case("old", (0, 10), None)]);
    let (decision, _) = walk(seen(), &Policy::default(), |_| Ok(true));
    let found = result(&decision, "old");
    assert_eq!(found.result, CaseResult::Fixed);
    assert_eq!(found.redrawn.map(|r| (r.passes, r.drawn)), Some((6, 6)));
    let (decision, _) =
        walk(seen(), &Policy::default(), |request| Ok(steady(request) || request.stream == Stream::Main));
    assert_eq!(
        result(&decision, "old").headline(),
        "passes now: failed in the baseline (0 of 10 passed), not confirmed (asked again it passes 1 of 2)"
    );
}

#[test]
fn clusters_are_the_units() {
    // Twelve cases of one document fail together: one story, not twelve pieces of evidence.
    let story = |cluster: Option<&str>| -> Vec<CaseObservation> {
        (0..12)
            .map(|i| CaseObservation {
                cluster: cluster.map(str::to_owned),
                ..case(&format!("page-{i}"), (2, 2), Some(false))
            })
            .collect()
    };
    let steady = || many(60, (2, 2), true);
    let alone = decide(&noisy(vec![steady(), story(None)]), &Policy::default());
    assert_eq!(alone.verdict, Verdict::Regressed, "{}", alone.sentence);
    let together = decide(&noisy(vec![steady(), story(Some("doc-1"))]), &Policy::default());
    assert_ne!(together.verdict, Verdict::Regressed, "{}", together.sentence);
    let metric = &together.metrics[0];
    assert_eq!((metric.n_cases, metric.n_units), (72, 61));
    // One unit of three passes: the new one is the worst in one of three relabellings.
    let p = metric.noise.unwrap().p_drop;
    assert!((p - 1.0 / 3.0).abs() < 0.03, "{p}");
    assert!(
        together.notes.iter().any(|note| note.starts_with("72 cases share 61 clusters")),
        "{:?}",
        together.notes
    );
}

#[test]
fn a_first_pass_of_several_samples_is_one_look() {
    let policy = Policy { samples: 3, ..Policy::default() };
    let (decision, asked) = walk(suite(60, (5, 5), Vec::new()), &policy, |_| Ok(true));
    assert_eq!((asked.len(), decision.look, decision.draws.main), (180, 3, 180));
    assert_eq!(decision.metrics[0].estimate.unwrap().k, (3, 3));
}
