//! What a single case comes to.

use super::*;
use crate::case::case_verdict;
use crate::confirm::Confirmed;

#[test]
fn case_verdicts() {
    let stable = (5, 5);
    for (baseline, now, deterministic, expected, headline) in [
        (stable, true, false, CaseResult::Ok, "ok: passed in the baseline (5 of 5), passes now"),
        (
            stable,
            false,
            false,
            CaseResult::Unconfirmed { why: "not asked again".to_owned() },
            "unconfirmed: stable in the baseline (5 of 5), fails now (not asked again)",
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
            CaseResult::MaybeFixed { why: "not asked again".to_owned() },
            "passes now: failed in the baseline (0 of 5 passed), not confirmed (not asked again)",
        ),
        (
            (0, 5),
            true,
            true,
            CaseResult::Fixed,
            "fixed: failed in the baseline (0 of 1 passed), passes now; accept locks it in",
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
        let verdict =
            case_verdict(&case("a", baseline, Some(now)), deterministic, false, &Confirmed::Nothing);
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
        let verdict = case_verdict(&case, true, false, &Confirmed::Nothing);
        assert_eq!((verdict.result.clone(), verdict.fails()), (expected, fails), "{}", verdict.headline());
    }
    let judged = case_verdict(&base, true, true, &Confirmed::Nothing);
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
fn an_unchanged_case_that_a_filter_left_out_is_known_all_the_same() {
    let mut cases = many(3, (1, 1), true);
    for case in &mut cases {
        case.unchanged = true;
        case.candidate = Candidate::NotSelected;
    }
    let decision = decide(&certain(vec![cases]), &Policy::default());
    assert_eq!((decision.verdict, decision.reason), (Verdict::Pass, Some(Reason::Identical)));
}
