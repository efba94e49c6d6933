//! Known answers: every statistic against values that other programs computed.
//!
//! Reads `tests/vectors`, or the folder that `GATE_VECTORS` names: a fuller set may hold files whose
//! arithmetic is not built yet, and exactly those are listed here.
#![expect(clippy::unwrap_used, clippy::panic, reason = "readers of vector files are helpers of a test")]

use llm_experiments::gate::{
    Candidate, CaseObservation, Comparability, Observations, Policy, SampleScores, Step, next,
};
use llm_experiments::stats::relabel::{self, BinaryCase, RealCase};
use llm_experiments::stats::rng::Rng;
use llm_experiments::stats::{interval, mde, min_cases, multiplicity, proportion, signflip};
use serde_json::{Value, json};

/// Files of the full set whose statistics belong to later stages of the gate.
const NOT_BUILT_YET: [&str; 10] = [
    "agreement",
    "betting",
    "canary_sr",
    "case_tests",
    "confirm_plan",
    "eprocess_binary",
    "eprocess_real",
    "judge_correction",
    "krippendorff_missing",
    "position_bias",
];

/// The files of the default folder: one that disappears must not go unnoticed.
const EXPECTED: usize = 10;

#[test]
fn vectors_agree() {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors");
    #[expect(clippy::disallowed_methods, reason = "a test switch, read nowhere else")]
    let elsewhere = std::env::var("GATE_VECTORS").ok();
    let folder = elsewhere.as_deref().unwrap_or(own);
    let mut problems = Vec::new();
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "json") {
            continue;
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if elsewhere.is_some() && NOT_BUILT_YET.contains(&name.as_str()) {
            continue;
        }
        files += 1;
        let file: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        check_file(&name, &file, &mut problems);
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    assert_eq!(files, EXPECTED, "files checked in {folder}");
}

fn check_file(name: &str, file: &Value, problems: &mut Vec<String>) {
    let Some(compute) = computer(name) else {
        problems.push(format!("{name}: no code for this file"));
        return;
    };
    assert_eq!(file["schema"], 1, "{name}");
    let tolerance = (file["abs_tol"].as_f64().unwrap(), file["rel_tol"].as_f64().unwrap());
    for (index, case) in file["cases"].as_array().unwrap().iter().enumerate() {
        let got = compute(&case["input"], &case["expect"]);
        for (key, expected) in case["expect"].as_object().unwrap() {
            match got.get(key) {
                None if NOT_COMPUTED.contains(&key.as_str()) => {}
                Some(value) if agrees(value, expected, tolerance) => {}
                other => problems.push(format!("{name}[{index}] {key}: got {other:?}, expected {expected}")),
            }
        }
    }
}

/// The e-value form of multiplicity comes with the e-processes.
const NOT_COMPUTED: [&str; 1] = ["ebh_reject"];

fn agrees(got: &Value, expected: &Value, (abs, rel): (f64, f64)) -> bool {
    match (got, expected) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| agrees(a, b, (abs, rel)))
        }
        (Value::Number(a), Value::Number(b)) if a.is_f64() || b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= abs + rel * b.abs()
        }
        _ => got == expected,
    }
}

type Compute = fn(&Value, &Value) -> Value;

fn computer(name: &str) -> Option<Compute> {
    Some(match name {
        "clustered" => clustered,
        "gate_look" => gate_look,
        "mcnemar_exact" => mcnemar_exact,
        "mde" => mde_file,
        "min_cases" => min_cases_file,
        "multiplicity" => multiplicity_file,
        "proportion_ci" => proportion_ci,
        "relabel_exact" => relabel_exact,
        "relabel_real" => relabel_real,
        "signflip_exact" => signflip_exact,
        _ => return None,
    })
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn count(value: &Value) -> u32 {
    u32::try_from(value.as_u64().unwrap()).unwrap()
}

fn counts(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(count).collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn clustered(input: &Value, _: &Value) -> Value {
    let values = numbers(&input["values"]);
    let clusters: Vec<usize> = counts(&input["clusters"]).iter().map(|c| *c as usize).collect();
    let (mean, se) = interval::clustered(&values, Some(&clusters)).unwrap();
    let plus2 = interval::plus_two(&values, Some(&clusters));
    json!({
        "mean": mean, "clustered_se": se, "plus2_mean": plus2.mean, "plus2_se": plus2.se,
        "plus2_df": plus2.df, "plus2_lower95": plus2.lower95, "plus2_ci95": plus2.ci95,
    })
}

fn mcnemar_exact(input: &Value, _: &Value) -> Value {
    let p = signflip::mcnemar(input["losses"].as_u64().unwrap(), input["wins"].as_u64().unwrap());
    let two_sided = (2.0 * p.p_drop.min(p.p_rise)).min(1.0);
    json!({ "p_drop": p.p_drop, "p_rise": p.p_rise, "p_two_sided": two_sided })
}

fn mde_file(input: &Value, _: &Value) -> Value {
    let design = mde::Design {
        n: input["n"].as_u64().unwrap(),
        kb: number(&input["kb"]),
        k: number(&input["k"]),
        alpha: number(&input["alpha"]),
        power: number(&input["power"]),
        baseline_mean: number(&input["baseline_mean"]),
        within_case_variance: number(&input["within_case_variance"]),
    };
    json!({ "mde": mde::minimum_detectable_effect(&design) })
}

fn min_cases_file(input: &Value, _: &Value) -> Value {
    let fewest = min_cases::min_cases(number(&input["margin"]), number(&input["alpha"]));
    json!({ "min_cases_for_pass_if_nothing_changes": fewest })
}

fn multiplicity_file(input: &Value, _: &Value) -> Value {
    let alpha = number(&input["alpha"]);
    let Some(p) = input.get("p").map(numbers) else { return json!({}) };
    let hypotheses: Vec<(f64, f64)> = p.iter().map(|p| (*p, 1.0)).collect();
    let holm = multiplicity::weighted_holm(&hypotheses, alpha);
    let bh = multiplicity::benjamini_hochberg(&p);
    json!({
        "holm_adjusted": holm.iter().map(|h| h.adjusted).collect::<Vec<_>>(),
        "holm_reject": holm.iter().map(|h| h.reject).collect::<Vec<_>>(),
        "bh_reject": bh.iter().map(|p| *p <= alpha).collect::<Vec<_>>(),
        "bh_adjusted": bh,
    })
}

fn proportion_ci(input: &Value, _: &Value) -> Value {
    let (successes, n) = (input["successes"].as_u64().unwrap(), input["n"].as_u64().unwrap());
    let confidence = number(&input["confidence"]);
    json!({
        "wilson": proportion::wilson(successes, n, confidence),
        "clopper_pearson": proportion::clopper_pearson(successes, n, confidence),
    })
}

fn relabel_exact(input: &Value, _: &Value) -> Value {
    let columns = ["kb", "sb", "kc", "sc"].map(|key| counts(&input[key]));
    let [kb, sb, kc, sc] = &columns;
    let cases: Vec<BinaryCase> =
        (0..kb.len()).map(|i| BinaryCase::new(kb[i], sb[i], kc[i], sc[i]).unwrap()).collect();
    let test = relabel::exact(&cases).unwrap();
    json!({ "p_drop": test.p_drop, "p_rise": test.p_rise, "effect": test.effect, "noise_sd": test.noise_sd })
}

/// The vectors count every relabelling; drawing may miss that by its own sampling error.
fn relabel_real(input: &Value, expect: &Value) -> Value {
    let side = |key: &str| input[key].as_array().unwrap().iter().map(numbers).collect::<Vec<_>>();
    let cases: Vec<RealCase> = side("baseline")
        .into_iter()
        .zip(side("candidate"))
        .map(|(b, c)| RealCase::new(b, c).unwrap())
        .collect();
    let test = relabel::real(&cases, relabel::DRAWS, &mut Rng::from_text("vectors"));
    let expected = number(&expect["p_drop"]);
    let draws = f64::from(relabel::DRAWS);
    let slack = 4.0 * (expected * (1.0 - expected) / draws).sqrt() + 1.0 / draws;
    let close = (test.p_drop - expected).abs() <= slack;
    json!({ "p_drop": if close { expected } else { test.p_drop }, "effect": test.effect })
}

fn signflip_exact(input: &Value, _: &Value) -> Value {
    let units: Vec<i64> = input["units"].as_array().unwrap().iter().map(|u| u.as_i64().unwrap()).collect();
    let p = signflip::exact(&units).unwrap();
    json!({ "p_drop": p.p_drop, "p_rise": p.p_rise })
}

/// One look, through the planner itself.
fn gate_look(input: &Value, _: &Value) -> Value {
    let (kb, k) = (count(&input["kb"]), count(&input["k"]));
    let samples = |passes: u32, of: u32| (0..of).map(|i| SampleScores::of(i < passes)).collect::<Vec<_>>();
    let cases = counts(&input["sb"])
        .into_iter()
        .zip(counts(&input["sc"]))
        .enumerate()
        .map(|(i, (sb, sc))| CaseObservation {
            baseline: samples(sb, kb),
            candidate: Candidate::Drawn(samples(sc, k)),
            ..CaseObservation::new(format!("c{i}"), Comparability::Comparable)
        })
        .collect();
    let policy = Policy {
        alpha: 5.0 * number(&input["alpha_look"]),
        margin: number(&input["margin"]),
        ..Policy::default()
    };
    let Step::Decide(decision) = next(&Observations { cases, ..Observations::default() }, &policy) else {
        panic!("every case was drawn, so the planner decides");
    };
    let primary = &decision.metrics[0];
    let noise = primary.noise.as_ref().unwrap();
    json!({
        "p_drop": noise.p_drop, "p_rise": noise.p_rise, "noise_sd": noise.noise_sd,
        "lower95": noise.lower95, "lost_guard": noise.lost_guard,
        "effect": primary.estimate.as_ref().unwrap().effect,
        "verdict": decision.verdict,
    })
}
