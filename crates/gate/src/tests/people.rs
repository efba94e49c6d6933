//! A judge's metric and what people said about the same answers.

use super::*;

const JUDGE: &str = "judge_mean";

/// A hundred cases that the judge scored 0.8 before; 40 of them, the first ones, were labelled on both sides. The judge
/// sees a change of `judge`, people one of `people`, both with a little noise (half a point on average).
fn labelled(judge: f64, people: f64) -> Observations {
    let cases = (0..100).map(|i| {
        let noise = [-0.05, 0.05, 0.0, 0.02][i % 4];
        let mut case =
            with_metric(case(&format!("c-{i}"), (5, 5), Some(true)), JUDGE, 0.8, 0.8 + judge + noise);
        case.labelled = (i < 40).then_some(LabelledChange { people: people - noise, judge: judge + noise });
        case
    });
    noisy(vec![cases.collect()])
}

fn on_judge() -> Policy {
    Policy { primary: JUDGE.to_owned(), ..Policy::default() }
}

#[test]
fn judge_and_people_must_point_the_same_way() {
    for (judge, people, verdict, biased) in [
        (-0.15, -0.15, Verdict::Regressed, false),
        (-0.15, 0.0, Verdict::Inconclusive, true),
        (-0.15, 0.15, Verdict::Inconclusive, true),
        (0.15, 0.15, Verdict::Improved, false),
        (0.15, 0.0, Verdict::Improved, false),
        // The judge likes the new style, people do not.
        (0.15, -0.15, Verdict::Inconclusive, true),
        (0.0, -0.15, Verdict::Inconclusive, true),
        (0.0, 0.0, Verdict::Improved, false),
    ] {
        let observations = labelled(judge, people);
        for observations in [observations.clone(), Observations { deterministic: true, ..observations }] {
            let decision = decide(&observations, &on_judge());
            assert_eq!(decision.verdict, verdict, "{judge} {people}: {}", decision.sentence);
            assert_eq!(
                matches!(decision.reason, Some(Reason::JudgeBias { pairs: 40, .. })),
                biased,
                "{judge} {people}: {}",
                decision.sentence
            );
            if biased {
                assert_eq!(decision.outcome(&on_judge()), Outcome::CouldNotTell);
                let says = "inconclusive: judge bias; the judge says judge_mean";
                assert!(decision.sentence.starts_with(says), "{}", decision.sentence);
            }
        }
    }
}

#[test]
fn few_labels_and_other_metrics_are_left_alone() {
    let mut observations = labelled(-0.15, 0.15);
    for case in observations.cases.iter_mut().skip(19) {
        case.labelled = None;
    }
    assert_eq!(decide(&observations, &on_judge()).verdict, Verdict::Regressed);
    // A drop of another metric is no matter of the judge's.
    let mut observations = labelled(0.15, -0.15);
    observations.cases = observations.cases.into_iter().map(|c| with_metric(c, "f1", 0.8, 0.4)).collect();
    let policy = Policy { primary: "f1".to_owned(), also: vec![JUDGE.to_owned()], ..Policy::default() };
    let decision = decide(&observations, &policy);
    assert_eq!(decision.verdict, Verdict::Regressed, "{}", decision.sentence);
    // Every case labelled: the labels speak alone.
    let mut observations = labelled(-0.15, 0.15);
    observations.cases.truncate(40);
    assert_eq!(decide(&observations, &on_judge()).verdict, Verdict::Inconclusive);
}

#[test]
fn labels_of_answers_that_did_not_change_take_nothing_back() {
    // Forty answers are the accepted ones, and labelled; the other sixty got worse, and nobody labelled them.
    let mut observations = labelled(-0.4, -0.4);
    for (i, case) in observations.cases.iter_mut().enumerate() {
        if i < 40 {
            *case = with_metric(case.clone(), JUDGE, 0.8, 0.8);
            case.unchanged = true;
            case.labelled = Some(LabelledChange { people: 0.0, judge: 0.0 });
        }
    }
    let decision = decide(&observations, &on_judge());
    assert_eq!(decision.verdict, Verdict::Regressed, "{}", decision.sentence);
}
