//! Which of two answers a judge prefers, for people and for programs.

use serde_json::{Value, json};

use super::words::count;
use crate::eval::judge::pairwise::{Outcome, Pairwise};

/// Ids shown of one kind.
pub(crate) const MAX_IDS: usize = 12;

/// The comparison as JSON.
#[must_use]
pub fn json(found: &Pairwise) -> Value {
    let counted = found.both_orders();
    json!({
        "suite": found.suite,
        "model": found.model,
        "judge": found.judge.0,
        "judge_declares": found.judge.1,
        "prompts": { "accepted": found.prompts.0, "now": found.prompts.1 },
        "same": found.same,
        "candidate": counted.candidate,
        "baseline": counted.baseline,
        "ties": counted.ties,
        "first": counted.first,
        "second": counted.second,
        "preference": counted.preference(),
        "p_candidate_worse": counted.p_candidate_worse(),
        "inconsistency": counted.inconsistency(),
        "p_position_bias": counted.p_position_bias(),
        "not_relied_upon": found.distrust(),
        "pairs": found.pairs,
        "missing": found.missing.iter().map(|(case, why)| json!({ "case": case, "why": why })).collect::<Vec<_>>(),
    })
}

/// The comparison for people.
#[must_use]
pub fn text(found: &Pairwise) -> Vec<String> {
    let counted = found.both_orders();
    let (judge, declares) = &found.judge;
    let mut out = vec![
        format!(
            "{} on {}: judge {judge} ({declares}) on {}, in both orders",
            found.suite,
            found.model,
            count(found.pairs.len(), "pair")
        ),
        format!(
            "  {} against the accepted {}; {} the same answer and were not asked about",
            found.prompts.1,
            found.prompts.0,
            if found.same == 1 { "1 case has".to_owned() } else { format!("{} cases have", found.same) }
        ),
    ];
    if let (Some(preference), Some(inconsistency)) = (counted.preference(), counted.inconsistency()) {
        out.push(format!(
            "  prefers today's {}, the accepted {}, neither {}; with the order changes {} (first {}, second {})",
            counted.candidate,
            counted.baseline,
            counted.ties,
            counted.first + counted.second,
            counted.first,
            counted.second
        ));
        out.push(format!(
            "  today's answers win {:.0}% (ties and changed ones count half), and the winner changes with the order in {:.0}%",
            100.0 * preference,
            100.0 * inconsistency
        ));
        out.push(format!(
            "  were neither better, chance alone would prefer the accepted ones as often in {:.2}% of such comparisons",
            100.0 * counted.p_candidate_worse()
        ));
    }
    let named = |outcome: Outcome, what: &str| {
        let ids: Vec<&str> = found
            .pairs
            .iter()
            .filter(|pair| pair.outcome == outcome)
            .map(|pair| pair.case.as_str())
            .collect();
        ids_line(what, &ids)
    };
    out.extend(named(Outcome::Baseline, "the accepted answer is preferred"));
    out.extend(named(Outcome::Candidate, "today's answer is preferred"));
    out.extend(found.missing.iter().take(MAX_IDS).map(|(case, why)| format!("  {case}: no word: {why}")));
    out.push(match found.distrust() {
        Some(why) => format!("  do not rely on it: {why}"),
        None => "  informs, and fails nothing".to_owned(),
    });
    out
}

/// Ids of one kind, the first of them; none where there are none.
#[must_use]
pub(crate) fn ids_line(name: &str, ids: &[&str]) -> Option<String> {
    let more = if ids.len() > MAX_IDS { format!(" and {} more", ids.len() - MAX_IDS) } else { String::new() };
    let shown: Vec<&str> = ids.iter().take(MAX_IDS).copied().collect();
    (!ids.is_empty()).then(|| format!("  {name} ({}): {}{more}", ids.len(), shown.join(", ")))
}
