//! The gate below another harness: `cargo run -p llmx-gate --example own_harness`.
//!
//! The harness keeps what was accepted (here five answers to each of 60 questions, as pass or fail), asks its
//! application (here a function that is right in a stated share of all answers), and scores. The gate says which answers
//! it wants next, and decides.
#![expect(clippy::print_stdout, reason = "an example prints what it found")]

use llmx_gate::stats::rng::Rng;
use llmx_gate::{Decision, DrawRequest, Planner, Policy, SampleScores, Step, recorded};

/// Accepted samples per question.
const SAMPLES: usize = 5;

/// Questions of the suite.
const CASES: usize = 60;

fn main() {
    for (what, share) in [("the prompt that was accepted", 0.9), ("a prompt that lost a section", 0.6)] {
        let decision = run(share, &mut Rng::from_text(what));
        println!("{what}, right in {share} of all answers");
        println!("  {}", decision.sentence);
        println!("  answers asked for: {}", decision.draws.main + decision.draws.confirm);
    }
}

/// One run of the suite.
fn run(share: f64, rng: &mut Rng) -> Decision {
    let mut accepted = Rng::from_text("accepted");
    let before = (0..CASES).map(|case| {
        let passes = (0..SAMPLES).map(|_| accepted.uniform() < 0.9).collect();
        (format!("question {case}"), passes)
    });
    let mut seen = recorded(before);
    let mut planner = Planner::new(Policy { fail_fast: true, ..Policy::default() });
    loop {
        let wanted = match planner.next(&seen) {
            Step::Decide(decision) => return *decision,
            Step::Draw(wanted) => wanted,
        };
        for request in &wanted {
            let answer = ask(request, share, rng);
            if let Some(case) = seen.cases.iter_mut().find(|case| case.id == request.case) {
                case.put(request, request.index as usize, answer);
            }
            if planner.may_stop(&seen) {
                break;
            }
        }
    }
}

/// Ask the application and score its answer; an error where it could not be had.
fn ask(_request: &DrawRequest, share: f64, rng: &mut Rng) -> Result<SampleScores, String> {
    Ok(SampleScores::of(rng.uniform() < share))
}
