//! Known answers: every statistic against values that other programs computed.
//!
//! Reads `tests/vectors`, or the folder that `GATE_VECTORS` names. A file without code for it is a failure.
#![expect(clippy::unwrap_used, reason = "readers of vector files are helpers of a test")]

use llmx_gate::stats::agreement::{self, Metric, Weights};
use llmx_gate::stats::case_test::{ConfirmPlan, boschloo_less, fisher_less};
use llmx_gate::stats::eprocess::{self, Martingale};
use llmx_gate::stats::judge::{Confusion, prediction_powered, rogan_gladen};
use llmx_gate::stats::pairwise::BothOrders;
use llmx_gate::stats::relabel::{self, BinaryCase, RealCase};
use llmx_gate::stats::rng::Rng;
use llmx_gate::stats::shiryaev_roberts::{Detector, log_factor_failures};
use llmx_gate::stats::{betting, interval, mde, min_cases, multiplicity, proportion, signflip};
use llmx_gate::{Candidate, CaseObservation, Comparability, Observations, Policy, SampleScores, settle};
use serde_json::{Value, json};

/// The files of the default folder: one that disappears must not go unnoticed.
const EXPECTED: usize = 20;

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
                Some(value) if agrees(value, expected, tolerance) => {}
                other => problems.push(format!("{name}[{index}] {key}: got {other:?}, expected {expected}")),
            }
        }
    }
}

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
        "agreement" => agreement_file,
        "betting" => betting_file,
        "canary_sr" => canary_sr,
        "case_tests" => case_tests,
        "clustered" => clustered,
        "confirm_plan" => confirm_plan,
        "eprocess_binary" => eprocess_binary,
        "eprocess_real" => eprocess_real,
        "gate_look" => gate_look,
        "judge_correction" => judge_correction,
        "krippendorff_missing" => krippendorff_missing,
        "mcnemar_exact" => mcnemar_exact,
        "mde" => mde_file,
        "min_cases" => min_cases_file,
        "multiplicity" => multiplicity_file,
        "position_bias" => position_bias,
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
    if let Some(e) = input.get("e").map(numbers) {
        return json!({ "ebh_reject": multiplicity::e_bh(&e, alpha) });
    }
    let p = numbers(&input["p"]);
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
        // One look, after all of them.
        samples: k,
        looks: Vec::new(),
        ..Policy::default()
    };
    let decision = settle(&Observations { cases, ..Observations::default() }, &policy);
    let primary = &decision.metrics[0];
    let noise = primary.noise.as_ref().unwrap();
    json!({
        "p_drop": noise.p_drop, "p_rise": noise.p_rise, "noise_sd": noise.noise_sd,
        "lower95": noise.lower95, "lost_guard": noise.lost_guard,
        "effect": primary.estimate.as_ref().unwrap().effect,
        "verdict": decision.verdict,
    })
}

fn agreement_file(input: &Value, _: &Value) -> Value {
    let (human, judge) = (counts(&input["human"]), counts(&input["judge"]));
    let categories = counts(&input["categories"]);
    let place = |label: &u32| categories.iter().position(|c| c == label).unwrap();
    let pairs: Vec<(usize, usize)> = human.iter().zip(&judge).map(|(h, j)| (place(h), place(j))).collect();
    let kappa = |weights| agreement::kappa(&pairs, categories.len(), weights);
    let units: Vec<Vec<f64>> =
        human.iter().zip(&judge).map(|(h, j)| vec![f64::from(*h), f64::from(*j)]).collect();
    let mut found = alphas(&units);
    found["kappa"] = json!(kappa(Weights::Nominal));
    found["kappa_linear"] = json!(kappa(Weights::Linear));
    found["kappa_quadratic"] = json!(kappa(Weights::Quadratic));
    found["agreement"] = json!(agreement::share(&pairs));
    found
}

fn krippendorff_missing(input: &Value, _: &Value) -> Value {
    let raters = input["raters"].as_array().unwrap();
    let items = raters[0].as_array().unwrap().len();
    let units: Vec<Vec<f64>> =
        (0..items).map(|i| raters.iter().filter_map(|rater| rater[i].as_f64()).collect()).collect();
    alphas(&units)
}

fn alphas(units: &[Vec<f64>]) -> Value {
    json!({
        "alpha_nominal": agreement::alpha(units, Metric::Nominal),
        "alpha_ordinal": agreement::alpha(units, Metric::Ordinal),
        "alpha_interval": agreement::alpha(units, Metric::Interval),
    })
}

fn betting_file(input: &Value, _: &Value) -> Value {
    let (d, m, lambdas) = (numbers(&input["d"]), number(&input["m"]), numbers(&input["lambdas"]));
    json!({
        "log_e_drop": betting::log_e_drop(&d, m, &lambdas),
        "log_e_rise": betting::log_e_rise(&d, m, &lambdas),
    })
}

fn canary_sr(input: &Value, _: &Value) -> Value {
    let (n, r0, rates) = (count(&input["n"]), number(&input["r0"]), numbers(&input["r1"]));
    let mut detector = Detector::new(rates.len());
    let levels: Vec<f64> = counts(&input["failures_by_day"])
        .into_iter()
        .map(|failures| {
            detector.push(rates.iter().map(|r1| log_factor_failures(failures, n, r0, *r1)));
            detector.level()
        })
        .collect();
    let alarm = levels.iter().position(|level| *level >= number(&input["threshold"]));
    json!({ "alarm_day": alarm.map(|day| day + 1), "m_first_10": levels.iter().take(10).collect::<Vec<_>>() })
}

fn case_tests(input: &Value, _: &Value) -> Value {
    let [kb, sb, m, sc] = ["kb", "sb", "m", "sc"].map(|key| count(&input[key]));
    json!({ "fisher_less": fisher_less(kb, sb, m, sc), "boschloo_less": boschloo_less(kb, sb, m, sc) })
}

fn confirm_plan(input: &Value, _: &Value) -> Value {
    let (kb, m_max) = (count(&input["kb"]), count(&input["m_max"]));
    let plan = ConfirmPlan::new(kb, number(&input["alpha_case"]) / number(&input["n_cases"]), m_max);
    let limit = |sb: u32| plan.as_ref().map(|plan| plan.limit(sb).map_or(-1, i64::from));
    json!({
        "confirmable": plan.is_some(),
        "m": plan.as_ref().map(|plan| plan.m),
        "max_passes_when_all_passed": limit(kb),
        "max_passes_when_one_missed": limit(kb - 1),
    })
}

fn eprocess_binary(input: &Value, _: &Value) -> Value {
    let (kb, kc, psi) = (count(&input["kb"]), count(&input["kc"]), numbers(&input["psi"]));
    let mut martingale = Martingale::new(psi.len());
    let log_e: Vec<f64> = counts(&input["sb"])
        .into_iter()
        .zip(counts(&input["sc"]))
        .map(|(sb, sc)| {
            let case = BinaryCase::new(kb, sb, kc, sc).unwrap();
            martingale.push(psi.iter().map(|psi| eprocess::log_factor(&case, *psi)));
            martingale.log_e()
        })
        .collect();
    json!({ "log_e": log_e })
}

fn eprocess_real(input: &Value, _: &Value) -> Value {
    let case = RealCase::new(numbers(&input["baseline"]), numbers(&input["candidate"])).unwrap();
    let factors: Vec<f64> =
        numbers(&input["theta"]).iter().map(|theta| eprocess::log_factor_real(&case, *theta)).collect();
    let mut martingale = Martingale::new(factors.len());
    martingale.push(factors.clone());
    json!({ "log_factor": factors, "log_e": martingale.log_e() })
}

fn judge_correction(input: &Value, _: &Value) -> Value {
    let side = |key: &str| numbers(&input[key]);
    let (human, judge, unlabelled) =
        (side("human_labelled"), side("judge_labelled"), side("judge_unlabelled"));
    let pairs: Vec<(bool, bool)> = human.iter().zip(&judge).map(|(h, j)| (*h > 0.5, *j > 0.5)).collect();
    let confusion = Confusion::of(&pairs);
    let (sensitivity, specificity) = (confusion.sensitivity().unwrap(), confusion.specificity().unwrap());
    let judged = unlabelled.iter().sum::<f64>() / unlabelled.len() as f64;
    let labelled: Vec<(f64, f64)> = human.into_iter().zip(judge).collect();
    let corrected = prediction_powered(&labelled, &unlabelled).unwrap();
    json!({
        "sensitivity": sensitivity,
        "specificity": specificity,
        "rogan_gladen": rogan_gladen(judged, sensitivity, specificity),
        "ppi_lambda": corrected.lambda,
        "ppi_estimate": corrected.estimate,
        "ppi_se": corrected.se,
        "ppi_ci95": corrected.ci95,
    })
}

fn position_bias(input: &Value, _: &Value) -> Value {
    let count = |key: &str| input[key].as_u64().unwrap();
    let pairs = BothOrders {
        first: count("both_orders_first_won"),
        second: count("both_orders_second_won"),
        candidate: count("candidate_won_both"),
        baseline: count("baseline_won_both"),
        ties: 0,
    };
    json!({
        "p_position_bias": pairs.p_position_bias(),
        "inconsistency_rate": pairs.inconsistency(),
        "candidate_preference": pairs.preference(),
        "p_candidate_worse": pairs.p_candidate_worse(),
    })
}
