//! `llmx kb` on the example's documents and on broken ones.

use serde_json::Value;

use crate::world::World;

/// Terms of retrieval that are promised on the questions that were held out.
const RECALL_AT_5: f64 = 0.9;

fn json(world: &World, args: &[&str]) -> Value {
    let ran = world.run(&[args, &["--format", "json"]].concat()).exits(0);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// A floor for questions of somebody who knew neither the search nor its questions: below it something has broken.
const BLIND_RECALL_AT_5: f64 = 0.7;

#[cfg(all(feature = "rf-qaqc", feature = "pdf"))]
#[test]
fn a_strangers_questions_are_found_less_often_and_never_in_what_does_not_hold() {
    let world = World::example();
    let found = json(&world, &["kb", "eval", "--questions", "data/kb_blind_questions.jsonl"]);
    assert_eq!((&found["answerable"]["questions"], &found["negatives"]["of"]), (&52.into(), &26.into()));
    let recall = found["answerable"]["recall"]["5"]["mean"].as_f64().unwrap();
    assert!(recall >= BLIND_RECALL_AT_5, "{recall}");
    assert!(found["negatives"]["abstained"].as_u64() > Some(0), "{}", found["negatives"]);
    let text = found["questions"].to_string();
    assert!(!text.contains("KB-13#") && !text.contains("KB-17#"));
    world.run(&["kb", "eval", "--questions", "none.jsonl"]).exits(2).says(&["none.jsonl: cannot be read"]);
}

#[cfg(all(feature = "rf-qaqc", feature = "pdf"))]
#[test]
fn held_out_questions_find_what_they_need() {
    let world = World::example();
    let found = json(&world, &["kb", "eval", "--split", "held-out"]);
    let quality = &found["answerable"];
    assert!(quality["questions"].as_u64().unwrap() >= 25, "{quality}");
    assert!(quality["recall"]["5"]["mean"].as_f64().unwrap() >= RECALL_AT_5, "{quality}");
    assert!(
        quality["mrr"].as_f64().unwrap() >= 0.75 && quality["ndcg10"].as_f64().unwrap() >= 0.75,
        "{quality}"
    );
    // Questions without an answer: most are left without a passage, and few that have one are.
    let share = |count: &Value| count["abstained"].as_f64().unwrap() / count["of"].as_f64().unwrap();
    let all = json(&world, &["kb", "eval", "--split", "all"]);
    assert!(
        share(&all["negatives"]) >= 0.7 && share(&all["lost"]) <= 0.1,
        "{} {}",
        all["negatives"],
        all["lost"]
    );
    for question in all["questions"].as_array().unwrap() {
        for place in question["places"].as_array().unwrap() {
            let place = place.as_str().unwrap();
            assert!(!place.starts_with("KB-13#") && !place.starts_with("KB-17#"), "{question}");
        }
    }
    // What docs/kb.md shows.
    world.run(&["kb", "search", "may I use a 2 watt tester"]).exits(0).says(&["1. KB-02 section 4.3"]);
    world.run(&["kb", "eval"]).exits(0).says(&[
        "held out: 32 questions",
        "recall@5 95% CI",
        "abstained from",
    ]);
}

#[cfg(all(feature = "rf-qaqc", feature = "pdf"))]
#[test]
fn documents_that_do_not_hold_never_answer_even_to_their_own_words() {
    let world = World::example();
    for file in ["data/kb/KB-13.md", "data/kb/KB-17.md"] {
        for line in world.read(file).lines().filter(|line| line.len() > 40) {
            let found = json(&world, &["kb", "search", line, "-k", "20"]);
            let hits = found["retrieved"]["hits"].as_array().unwrap();
            let ids: Vec<&str> = hits.iter().map(|hit| hit["passage"]["doc_id"].as_str().unwrap()).collect();
            assert!(!ids.contains(&"KB-13") && !ids.contains(&"KB-17"), "{line}: {ids:?}");
        }
    }
    world.run(&["kb", "search", "PIM limit with the antenna"]).exits(0).says(&[
        "KB-02 section 3.1 (rev 4)",
        "never used: KB-13 (superseded by KB-01), KB-17 (external: not trusted)",
    ]);
    world.run(&["kb", "search", "who won the football match"]).exits(0).says(&[
        "abstained: the best passage scores 0.00, below the threshold of 1.80, and has 0% of the question",
    ]);
}

#[cfg(all(feature = "rf-qaqc", feature = "pdf"))]
#[test]
fn a_pdf_gives_pages_and_its_text_is_read_once() {
    let world = World::example();
    let search = ["kb", "search", "10GBASE-LR receive window"];
    // The figure's caption is the only place of that number; the table runs over the end of a page.
    let found = json(&world, &search);
    let first = &found["retrieved"]["hits"][0]["passage"];
    assert_eq!((first["id"].as_str(), first["page"].as_u64()), (Some("KB-05#2.4"), Some(2)), "{first}");
    assert!(first["text"].as_str().unwrap().contains("about -14.4 to +0.5 dBm"), "{first}");
    world
        .run(&["kb", "search", "serial labels of radios photo"])
        .exits(0)
        .says(&["KB-07 section 2.2 (rev 2, page 1)"]);
    let cached = |world: &World| std::fs::read_dir(world.path("reports/.cache/kb")).unwrap().count();
    assert_eq!(cached(&world), 4);
    // A damaged entry is made anew, a removed cache too.
    for entry in std::fs::read_dir(world.path("reports/.cache/kb")).unwrap() {
        llm_experiments::files::atomic_write(&entry.unwrap().path(), b"{").unwrap();
    }
    world.run(&search).exits(0).says(&["page 2"]);
    std::fs::remove_dir_all(world.path("reports/.cache")).unwrap();
    world.run(&search).exits(0).says(&["page 2"]);
    assert_eq!(cached(&world), 4);
}

/// A PDF of one page without text.
fn scanned() -> String {
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R >>",
        "<< /Length 20 >>\nstream\n100 100 200 200 re S\nendstream",
    ];
    let (mut text, mut places) = ("%PDF-1.4\n".to_owned(), Vec::new());
    for (number, object) in (1..).zip(objects) {
        places.push(text.len());
        text.push_str(&format!("{number} 0 obj\n{object}\nendobj\n"));
    }
    let start = text.len();
    text.push_str("xref\n0 5\n0000000000 65535 f \n");
    places.iter().for_each(|place| text.push_str(&format!("{place:010} 00000 n \n")));
    text + &format!("trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n")
}

#[cfg(feature = "pdf")]
#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_found() {
    let world = World::tiny();
    let front = |id: &str| {
        format!("doc_id: {id}\ntitle: About {id}\nrevision: \"1\"\neffective: 2026-01-01\ntrust: internal\n")
    };
    let good = format!("---\n{}---\n## 1 Limits\n\nThe grounding limit is five ohm.\n", front("GOOD"));
    world.write("data/kb/good.md", &good);
    world.write("data/kb/scan.pdf", &scanned());
    world.write("data/kb/scan.pdf.yml", &front("SCAN"));
    world.write("data/kb/broken.pdf", "%PDF-1.7\nnothing that follows is one");
    world.write("data/kb/broken.pdf.yml", &front("BROKEN"));
    world.write("data/kb/alone.pdf", &scanned());
    world.write("data/kb/wrong.md", "---\ndoc_id: W\ntitel: x\n---\n## 1 A\n\nx\n");
    let ran = world.run(&["kb", "search", "grounding limit"]).exits(2).says(&[
        "GOOD section 1 (rev 1)",
        "data/kb/scan.pdf: has no text: it is a scan",
        "run character recognition on it",
        "data/kb/broken.pdf: ",
        "data/kb/alone.pdf.yml: cannot be read",
        "data/kb/wrong.md:3:1: `titel`: unknown",
    ]);
    assert!(!ran.text().contains("panicked"), "{}", ran.text());
    // A task whose prompt lacks a document is not run.
    world.write("prompts/tiny.txt", "Say the colour.\n{kb_context}\n{input_data}\n");
    world.run(&["eval"]).exits(2).says(&["data/kb/scan.pdf: has no text"]);
    for file in ["scan.pdf", "scan.pdf.yml", "broken.pdf", "broken.pdf.yml", "alone.pdf", "wrong.md"] {
        world.remove(&format!("data/kb/{file}"));
    }
    world.run(&["kb", "search", "grounding limit"]).exits(0);
    world.run(&["eval"]).exits(0);
    world.remove("data/kb/good.md");
    world.run(&["kb", "search", "grounding limit"]).exits(2).says(&["no document can be used"]);
}

#[test]
fn wrong_questions_and_wrong_settings_are_told_by_line() {
    let world = World::tiny();
    let front = "---\ndoc_id: A\ntitle: T\nrevision: \"1\"\neffective: 2026-01-01\ntrust: internal\n---\n";
    world.write("data/kb/a.md", &format!("{front}## 1 Limits\n\nThe limit is five.\n"));
    world
        .run(&["kb", "eval"])
        .exits(2)
        .says(&["data/kb_questions.jsonl: cannot be read: there is no such file"]);
    let line = |id: &str, kind: &str, cites: &str| {
        format!(
            "{{\"id\": \"{id}\", \"question\": \"limit?\", \"answer\": \"5\", \"type\": \"{kind}\", \"cites\": {cites}, \"split\": \"tuning\"}}\n"
        )
    };
    let wrong = [
        line("q1", "lookup", "[[\"A#2\"]]"),
        line("q1", "negative", "[[\"A#1\"]]"),
        line("q2", "lookup", "[[]]"),
        "{}\n".to_owned(),
    ];
    world.write("data/kb_questions.jsonl", &wrong.concat());
    world.run(&["kb", "eval", "--split", "all"]).exits(2).says(&[
        "data/kb_questions.jsonl:1: question `q1` cites `A#2`, which no document in use has",
        "data/kb_questions.jsonl:2: question `q1` is there twice",
        "data/kb_questions.jsonl:2: question `q1`: `negative` questions cite nothing",
        "data/kb_questions.jsonl:3: question `q2` has an empty group of places",
        "data/kb_questions.jsonl:4: is no question: missing field `id`",
    ]);
    // Some editors put a mark in front.
    world.write("data/kb_questions.jsonl", &format!("\u{feff}{}", line("q1", "lookup", "[[\"A#1\"]]")));
    world.run(&["kb", "search", "limit", "-k", "0"]).exits(2).says(&["0 is not in 1..=65535"]);
    world.run(&["kb", "eval", "--split", "tuning"]).exits(0).says(&["100.0%"]);
    world.run(&["kb", "eval"]).exits(2).says(&["has no question of this split"]);
    world.write(
        "config/kb.yml",
        "passages: 0\nmin_score: -1\nquery: [note]\nsynonyms:\n  - [photo]\n  - [photo, as built]\n",
    );
    world.run(&["kb", "search", "limit"]).exits(2).says(&[
        "config/kb.yml:1:1: `passages`: expected 1 or more",
        "config/kb.yml:2:1: `min_score`: expected 0 or more",
        "config/kb.yml:3:1: `query`: expected a JSON pointer: `/note`, found `note`",
        "config/kb.yml:5:5: `synonyms[0]`: expected two words or more with one meaning",
        "config/kb.yml:6:5: `synonyms[1]`: expected single words, found `as built`",
    ]);
    for folder in ["", "../elsewhere", "/etc", "data/../.."] {
        world.write("config/kb.yml", &format!("folder: \"{folder}\"\n"));
        world.run(&["kb", "search", "limit"]).exits(2).says(&[&format!(
            "config/kb.yml:1:1: `folder`: expected a folder of the project, found `{folder}`"
        )]);
    }
}
