//! What the knowledge base found, for people.

use crate::kb::Kb;
use crate::kb::explanation::{Cause, Explanation};
use crate::kb::index::Retrieved;
use crate::kb::metrics::recall_at;
use crate::kb::questions::{Count, Measured, NEGATIVE, Quality, RANKS};
use crate::report::sanitize;
use crate::report::words::count;

/// Characters shown of a passage.
const SHOWN: usize = 300;

/// Most lines of one list.
const MOST: usize = 20;

/// The passages of one question.
#[must_use]
pub fn found(kb: &Kb, found: &Retrieved, min_score: f64) -> Vec<String> {
    let mut out = Vec::new();
    if found.abstained {
        out.push(format!(
            "abstained: the best passage scores {:.2}, below the threshold of {min_score:.2}, and has {:.0}% of the question",
            found.score,
            100.0 * found.share
        ));
    }
    for (rank, hit) in (1..).zip(&found.hits) {
        let passage = &hit.passage;
        out.push(format!("{rank}. {}  score {:.2}", passage.citation(), hit.score));
        out.push(format!("   {}", sanitize::line(&passage.title)));
        let text: String = passage.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let short: String = text.chars().take(SHOWN).collect();
        let more = if short.len() < text.len() { "..." } else { "" };
        out.push(format!("   {}{more}", sanitize::line(&short)));
    }
    let excluded: Vec<String> =
        kb.excluded().iter().map(|out| format!("{} ({})", out.doc_id, sanitize::line(&out.reason))).collect();
    if !excluded.is_empty() {
        out.push(format!("never used: {}", excluded.join(", ")));
    }
    out
}

/// Retrieval over questions.
#[must_use]
pub fn measured(kb: &Kb, measured: &Measured, split: &str) -> Vec<String> {
    let passages = kb.index().passages().len();
    let mut out = vec![format!(
        "{split}: {} over {} in {}",
        count(measured.questions.len(), "question"),
        count(passages, "passage"),
        count(kb.documents().len(), "document")
    )];
    let head: Vec<String> = RANKS.iter().map(|k| format!("{:>9}", format!("recall@{k}"))).collect();
    out.push(format!("{:<10} {:>5} {} {:>6} {:>8}", "type", "n", head.join(" "), "MRR", "nDCG@10"));
    let row = |name: &str, quality: &Quality| {
        let recall: Vec<String> =
            quality.recall.values().map(|recall| format!("{:>8.1}%", 100.0 * recall.mean)).collect();
        format!(
            "{name:<10} {:>5} {} {:>6.3} {:>8.3}",
            quality.questions,
            recall.join(" "),
            quality.mrr,
            quality.ndcg10
        )
    };
    out.extend(measured.by_type.iter().map(|(kind, quality)| row(&sanitize::line(kind), quality)));
    out.push(row("all", &measured.answerable));
    if let Some(recall) = measured.answerable.recall.get(&5) {
        let [low, high] = recall.ci95;
        out.push(format!("recall@5 95% CI {:.1}..{:.1}%", 100.0 * low, 100.0 * high));
    }
    let share = |what: &str, found: &Count| {
        let ci = found.ci95.map_or(String::new(), |[low, high]| {
            format!(" (95% CI {:.0}..{:.0}%)", 100.0 * low, 100.0 * high)
        });
        format!("abstained from {} of {} {what}{ci}", found.abstained, count(found.of, "question"))
    };
    out.push(share("without an answer", &measured.negatives));
    out.push(share("with one", &measured.lost));
    let missed: Vec<String> = measured
        .questions
        .iter()
        .filter(|found| found.kind != NEGATIVE)
        .filter_map(|found| {
            let places: Vec<&str> = found.places.iter().map(String::as_str).collect();
            (recall_at(&places, &found.cites, 5) < 1.0).then(|| {
                let needs: Vec<String> = found.cites.iter().map(|group| group.join(" or ")).collect();
                let top = places.get(..places.len().min(5)).unwrap_or_default().join(", ");
                let question = sanitize::line(&found.question);
                format!("  {}: {question}\n    needs {}; found {top}", found.id, needs.join(" and "))
            })
        })
        .collect();
    if !missed.is_empty() {
        out.push(format!("not whole within the first 5: {}", missed.len()));
        out.extend(missed.iter().take(MOST).cloned());
    }
    out
}

/// What came between the cases of a run and their answers.
#[must_use]
pub fn explained(found: &Explanation) -> Vec<String> {
    let mut out = vec![format!(
        "run {}, {} on {}: {} that name what they need",
        found.run,
        found.suite,
        found.model,
        count(found.cases.len(), "case")
    )];
    for (cause, what) in [
        (Cause::Answered, "pass, with what they need in the prompt"),
        (Cause::AnsweredWithout, "pass without it: known anyway, or guessed"),
        (Cause::RetrievalMissed, "fail, and retrieval missed what they need"),
        (Cause::ModelIgnored, "fail, and the model ignored what was in its prompt"),
    ] {
        let of: Vec<_> = found.cases.iter().filter(|case| case.cause == cause).collect();
        out.push(format!("{:>5} {what}", of.len()));
        if matches!(cause, Cause::RetrievalMissed | Cause::ModelIgnored) {
            out.extend(of.iter().take(MOST).map(|case| {
                let needs: Vec<String> = case.needs.iter().map(|group| group.join(" or ")).collect();
                let found = if case.found.is_empty() { "nothing".to_owned() } else { case.found.join(", ") };
                sanitize::line(&format!("      {}: needs {}; found {found}", case.case, needs.join(" and ")))
            }));
        }
    }
    out
}
