//! One comparison as text, Markdown and HTML; and what hostile names do to the page.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use llm_experiments::report::zoo::{html, markdown, text};
use llm_experiments::zoo::{Answered, CaseKnown, Field, ModelSeen, Scored, Terms, Zoo, assess};

const TERMS: Terms = Terms { margin: 0.05, alpha: 0.05, max_missing: 0.10 };

/// Four hundred cases, of which each model gets those right whose number times 37 modulo 400 is below a bound.
fn field(models: &[(&str, usize, Option<f64>)]) -> Field {
    let case = |i: usize| CaseKnown {
        id: format!("c-{i}"),
        cluster: None,
        slices: BTreeMap::from([("kind".to_owned(), vec![["form", "letter"][i % 2].to_owned()])]),
    };
    let seen = |(at, (alias, right, usd)): (usize, &(&str, usize, Option<f64>))| ModelSeen {
        alias: (*alias).to_owned(),
        declares: String::new(),
        embedded: false,
        rules: false,
        cases: (0..400)
            .map(|i| {
                let score = f64::from(u8::from((i * 37 + 91 * at) % 400 < *right));
                let metrics = BTreeMap::from([("right".to_owned(), score)]);
                let latency_ms = Some(100.0 + i as f64);
                vec![Answered::Scored(Scored { metrics, usd: *usd, latency_ms, cut: None })]
            })
            .collect(),
    };
    Field {
        suite: "letters".to_owned(),
        prompt: "prompt_v002.txt".to_owned(),
        dataset: "data/letters.jsonl".to_owned(),
        metric: "right".to_owned(),
        metrics: vec![("right".to_owned(), false)],
        slices: vec!["kind".to_owned()],
        samples: 1,
        cases: (0..400).map(case).collect(),
        models: models.iter().enumerate().map(seen).collect(),
        notes: vec!["a note".to_owned()],
    }
}

fn zoo() -> Zoo {
    let mut field = field(&[
        ("large", 384, Some(0.012)),
        ("middle", 380, Some(0.003)),
        ("small", 368, Some(0.001)),
        ("tiny", 300, Some(0.0)),
        ("secret", 382, None),
    ]);
    // Three answers of the middle one never came.
    for (at, kind) in [(0, "timed out"), (7, "timed out"), (9, "server error")] {
        field.models[1].cases[at] = vec![Answered::Missing {
            kind: kind.to_owned(),
            reason: format!("middle: {kind}: no luck"),
            usd: None,
            latency_ms: None,
        }];
    }
    assess(&field, TERMS)
}

#[test]
fn text_and_markdown() {
    let zoo = zoo();
    assert_snapshot!("zoo_text", text(&zoo).join("\n"));
    assert_snapshot!("zoo_markdown", markdown(&zoo));
    // By hand: 384, 300 of 400; half of the times from 100 to 499 are at most 299, 95 in 100 at most 479.
    let text = text(&zoo).join("\n");
    for part in [
        "96.0% (",
        "75.0% (",
        "12.00",
        "0 (free)",
        "unknown",
        "299 / 479 / 495",
        "0.8%: 1 server error, 2 timed out",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}

/// Every tag of the page is closed in its turn, and every attribute is quoted.
fn check_markup(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.find('>').unwrap();
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        let name = tag.split_whitespace().next().unwrap().trim_end_matches('/');
        assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "</{name}>");
        } else if !(tag.ends_with('/') || ["!DOCTYPE", "meta", "br"].contains(&name)) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn the_page_is_whole_and_needs_nothing_from_outside() {
    let page = html(&zoo());
    check_markup(&page);
    // The name of the SVG name space is no address.
    let page = page.replace("http://www.w3.org/2000/svg", "");
    for word in ["http:", "https:", "//", "<script", "@import", "url(", "<link", "<img", "src="] {
        assert!(!page.contains(word), "{word}");
    }
    for part in [
        "<svg",
        "prefers-color-scheme: dark",
        "USD per 1,000 cases",
        "5 points below the best here",
        "secret",
    ] {
        assert!(page.contains(part), "{part}");
    }
    // Every model with a price has its name in the picture.
    let svg = &page[page.find("<svg").unwrap()..page.find("</svg>").unwrap()];
    for name in ["large", "middle", "small", "tiny"] {
        assert!(svg.contains(&format!("\n{name}\n")), "{name} in\n{svg}");
    }
    assert!(!svg.contains("secret"));
    // No colour that the dark page leaves as it is.
    for attribute in ["fill=\"#", "stroke=\"#"] {
        for color in svg.split(attribute).skip(1).map(|rest| &rest[..6]) {
            assert!(page.contains(&format!("[{attribute}{color}\"]")), "{attribute}{color}");
        }
    }
}

#[test]
fn names_are_only_names() {
    let hostile = "<img src=x onerror=\"alert('&')\">\u{1b}[31m\n|`*";
    let mut field = field(&[(hostile, 384, Some(0.012)), ("small", 368, Some(0.001))]);
    field.models[1].declares = hostile.to_owned();
    field.models[1].embedded = true;
    field.notes = vec![hostile.to_owned()];
    field.cases[0].slices.insert("kind".to_owned(), vec![hostile.to_owned()]);
    field.models[0].cases[3] = vec![Answered::Missing {
        kind: hostile.to_owned(),
        reason: hostile.to_owned(),
        usd: None,
        latency_ms: None,
    }];
    let zoo = assess(&field, TERMS);
    let page = html(&zoo);
    check_markup(&page);
    assert!(!page.contains("<img") && !page.contains('\u{1b}'));
    let table = markdown(&zoo);
    assert!(!table.contains("<img") && !table.contains('\u{1b}'));
    let rows: Vec<&str> =
        table.lines().filter(|line| line.contains("onerror") && line.starts_with("| ")).collect();
    assert!(rows.iter().all(|row| row.replace("\\|", "").matches('|').count() <= 8), "{rows:?}");
    assert!(text(&zoo).iter().all(|line| !line.contains(['\u{1b}', '\n'])));
}

#[test]
fn labels_do_not_cover_each_other() {
    // Twelve models in one spot.
    let names: Vec<String> = (0..12).map(|i| format!("model-number-{i}")).collect();
    let models: Vec<(&str, usize, Option<f64>)> = names
        .iter()
        .enumerate()
        .map(|(i, name)| (name.as_str(), 380 + i / 3, Some(0.003 + 0.00001 * i as f64)))
        .collect();
    let page = html(&assess(&field(&models), TERMS));
    let number = |tag: &str, name: &str| {
        let rest = &tag[tag.find(&format!(" {name}=\"")).unwrap() + name.len() + 3..];
        rest[..rest.find('"').unwrap()].parse::<f64>().unwrap()
    };
    let boxes: Vec<[f64; 4]> = page
        .split("<text ")
        .skip(1)
        .filter(|text| text.contains("\nmodel-number-"))
        .map(|text| {
            let tag = format!(" {}", &text[..text.find('>').unwrap()]);
            // At least as wide as letters of six pixels.
            let width = 6.0 * text.lines().nth(1).unwrap().len() as f64;
            let x = number(&tag, "x") - if tag.contains("\"end\"") { width } else { 0.0 };
            [x, x + width, number(&tag, "y") - 6.0, number(&tag, "y") + 6.0]
        })
        .collect();
    assert_eq!(boxes.len(), 12);
    for (i, a) in boxes.iter().enumerate() {
        for b in &boxes[..i] {
            assert!(a[1] <= b[0] || b[1] <= a[0] || a[3] <= b[2] || b[3] <= a[2], "{a:?} {b:?}");
        }
    }
}
