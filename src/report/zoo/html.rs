//! The comparison as one page: no script, nothing from outside, light and dark.

use super::{plot, words};
use crate::report::sanitize;
use crate::report::words::percent;
use crate::zoo::Zoo;
use crate::zoo::figures::Mean;
use crate::zoo::report::{Model, Verdict};

/// The whole page.
#[must_use]
pub fn html(zoo: &Zoo) -> String {
    let title = format!("Models compared: {}", zoo.suite);
    let mut out = vec![
        "<!DOCTYPE html>".to_owned(),
        "<html lang=\"en\">".to_owned(),
        "<head>".to_owned(),
        "<meta charset=\"utf-8\">".to_owned(),
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">".to_owned(),
        "<meta name=\"color-scheme\" content=\"light dark\">".to_owned(),
        format!("<title>{}</title>", escape(&title)),
        format!("<style>\n{STYLE}{}</style>", dark()),
        "</head>".to_owned(),
        "<body>".to_owned(),
        "<main>".to_owned(),
        format!("<h1>{}</h1>", escape(&title)),
        format!("<p class=\"answer{}\">{}</p>", open(zoo), escape(&words::answer(zoo))),
        format!("<p>{}</p>", escape(&words::subject(zoo))),
    ];
    out.extend(notes(zoo));
    out.extend(picture(zoo));
    out.extend(models(zoo));
    out.extend(matrix("Metrics", "metric", &super::metric_rows(zoo), zoo));
    out.extend(slices(zoo));
    out.extend(failures(zoo));
    out.push("<h2>How to read this</h2>".to_owned());
    out.extend(words::reading(zoo).iter().map(|line| format!("<p>{}</p>", escape(line))));
    out.push(
        "<p>Good enough: shown to be less than the margin below every model that may be the best. Ruled out: some other is \
         shown to be better by more than the margin. Open: the cases do not tell.</p>"
            .to_owned(),
    );
    out.extend(["</main>", "</body>", "</html>", ""].map(str::to_owned));
    out.join("\n")
}

/// A second class, where nobody is named.
fn open(zoo: &Zoo) -> &'static str {
    match zoo.answer.verdict {
        Verdict::Cheapest | Verdict::GoodEnough => "",
        Verdict::NoPrice | Verdict::CannotTell | Verdict::NothingToCompare => " open",
    }
}

/// Text as text: nothing in it is markup, and it is on one line.
fn escape(text: &str) -> String {
    let clean: String = sanitize::clean(text).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut out = String::with_capacity(clean.len());
    for c in clean.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

fn notes(zoo: &Zoo) -> Vec<String> {
    let warnings = words::warnings(zoo);
    if warnings.is_empty() && zoo.notes.is_empty() {
        return Vec::new();
    }
    let mut out = vec!["<ul class=\"notes\">".to_owned()];
    out.extend(warnings.iter().map(|text| format!("<li><strong>{}</strong></li>", escape(text))));
    out.extend(zoo.notes.iter().map(|text| format!("<li>{}</li>", escape(text))));
    out.push("</ul>".to_owned());
    out
}

fn picture(zoo: &Zoo) -> Vec<String> {
    let Some(svg) = plot::svg(zoo) else {
        return vec![
            "<p class=\"muted\">No picture: it needs two models with a result and a known price.</p>"
                .to_owned(),
        ];
    };
    let place = |model: &Model| {
        format!(
            "{}: {}, {} USD per 1,000 cases",
            model.alias,
            words::quality(model),
            words::usd_per_1000(model)
        )
    };
    let told: Vec<String> = zoo.models.iter().map(place).collect();
    let unpriced: Vec<&str> = zoo
        .models
        .iter()
        .filter(|model| model.cost.usd_per_answer.is_none() && !model.left_out)
        .map(|model| model.alias.as_str())
        .collect();
    let mut caption = "Dots are means with their 95% intervals; the stairs are the front: what lies below them is dearer and \
                       no better than something on them, by the means of this sample."
        .to_owned();
    if !unpriced.is_empty() {
        caption
            .push_str(&format!(" Not in the picture, as their price is unknown: {}.", unpriced.join(", ")));
    }
    vec![
        "<figure>".to_owned(),
        format!(
            "<div class=\"plot\" role=\"img\" aria-label=\"Quality against cost. {}\">",
            escape(&told.join("; "))
        ),
        svg.trim_end().to_owned(),
        "</div>".to_owned(),
        format!("<figcaption>{}</figcaption>", escape(&caption)),
        "</figure>".to_owned(),
    ]
}

fn models(zoo: &Zoo) -> Vec<String> {
    let head = [
        "model",
        "quality (95% CI)",
        "to the best here (95% CI)",
        "USD per 1,000 cases",
        "ms p50 / p95 / p99",
        "failed",
        "",
    ];
    let row = |model: &Model| {
        let mut name = escape(&model.alias);
        if model.rules {
            name.push_str(" <small>rules, illustrative</small>");
        } else if model.embedded {
            name.push_str(" <small>embedded, not an LLM</small>");
        }
        if model.on_front {
            name.push_str(" <small class=\"front\">front</small>");
        }
        let cells = [
            words::quality(model),
            words::behind(model),
            words::usd_per_1000(model),
            words::latency(model),
            words::failures(model),
            words::standing(zoo, model),
        ];
        let cells: String = cells.iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect();
        let class = if zoo.answer.named.as_ref() == Some(&model.alias) { " class=\"named\"" } else { "" };
        format!("<tr{class}><th scope=\"row\">{name}</th>{cells}</tr>")
    };
    let mut out = vec!["<h2>Models</h2>".to_owned()];
    out.push("<div class=\"models\">".to_owned());
    out.extend(table(&head.map(str::to_owned), zoo.models.iter().map(row)));
    out.push("</div>".to_owned());
    out
}

fn table(head: &[String], rows: impl Iterator<Item = String>) -> Vec<String> {
    let cells: String = head.iter().map(|cell| format!("<th scope=\"col\">{}</th>", escape(cell))).collect();
    let start = [
        "<div class=\"wide\"><table>".to_owned(),
        format!("<thead><tr>{cells}</tr></thead>"),
        "<tbody>".to_owned(),
    ];
    start.into_iter().chain(rows).chain(["</tbody>".to_owned(), "</table></div>".to_owned()]).collect()
}

fn matrix(title: &str, corner: &str, rows: &[super::Row], zoo: &Zoo) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let mut out = vec![format!("<h2>{}</h2>", escape(title))];
    out.extend(cells(corner, rows, zoo));
    out
}

fn cells(corner: &str, rows: &[super::Row], zoo: &Zoo) -> Vec<String> {
    let head: Vec<String> = std::iter::once(corner.to_owned())
        .chain(zoo.models.iter().map(|model| model.alias.clone()))
        .collect();
    let row = |(name, cells): &super::Row| {
        let cells: String = cells.iter().map(figure).collect();
        format!("<tr><th scope=\"row\">{}</th>{cells}</tr>", escape(name))
    };
    table(&head, rows.iter().map(row))
}

/// The interval below its mean: many models stand beside each other.
fn figure(mean: &Option<Mean>) -> String {
    match mean {
        Some(mean) => format!(
            "<td>{}<br><small>{}</small></td>",
            escape(&percent(mean.mean)),
            escape(&words::interval(mean))
        ),
        None => "<td>-</td>".to_owned(),
    }
}

/// The deciding metric open, the others to be opened.
fn slices(zoo: &Zoo) -> Vec<String> {
    let mut names: Vec<&String> = Vec::new();
    for figure in zoo.models.iter().flat_map(|model| &model.figures).filter(|figure| figure.slice.is_some()) {
        if !names.contains(&&figure.metric) {
            names.push(&figure.metric);
        }
    }
    names.sort_by_key(|name| **name != zoo.metric);
    let mut out = Vec::new();
    for name in names {
        let open = if *name == zoo.metric { " open" } else { "" };
        out.push(format!("<details{open}><summary>{}</summary>", escape(name)));
        out.extend(cells("slice", &super::slice_rows(zoo, name), zoo));
        out.push("</details>".to_owned());
    }
    if !out.is_empty() {
        out.insert(0, "<h2>Slices</h2>".to_owned());
    }
    out
}

fn failures(zoo: &Zoo) -> Vec<String> {
    let lines: Vec<String> = zoo
        .models
        .iter()
        .flat_map(|model| {
            model.failures.examples.iter().map(|(case, why)| {
                format!("<li>{} {}: {}</li>", escape(&model.alias), escape(case), escape(why))
            })
        })
        .collect();
    if lines.is_empty() {
        return lines;
    }
    let head = ["<h2>Without an answer, the first of each model</h2>", "<ul>"].map(str::to_owned);
    head.into_iter().chain(lines).chain(["</ul>".to_owned()]).collect()
}

/// The picture's colours where people read in the dark.
fn dark() -> String {
    let rule = |(light, dark): &(&str, &str)| {
        format!(
            "  svg [fill=\"{light}\"] {{ fill: {dark}; }}\n  svg [stroke=\"{light}\"] {{ stroke: {dark}; }}\n"
        )
    };
    let rules: String = plot::COLORS.iter().map(rule).collect();
    format!("@media (prefers-color-scheme: dark) {{\n{rules}}}\n")
}

const STYLE: &str = "\
:root { color-scheme: light dark; --page: #ffffff; --ink: #1f2328; --muted: #59636e; --line: #d8dee4; --good: #0b7a3e; --soft: #f3f6f9; --front: #1a5fb4; }
@media (prefers-color-scheme: dark) {
  :root { --page: #0d1117; --ink: #e6edf3; --muted: #9da7b3; --line: #30363d; --good: #4ac26b; --soft: #161b22; --front: #6cb6ff; }
}
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1000px; margin: 0 auto; padding: 24px; }
h1 { font-size: 24px; margin: 0 0 12px; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 28px 0 8px; }
.answer { font-size: 18px; border-left: 4px solid var(--good); background: var(--soft); padding: 10px 14px; margin: 0 0 12px; overflow-wrap: anywhere; }
.answer.open { border-color: var(--muted); }
.notes { padding-left: 20px; }
.muted, figcaption, small { color: var(--muted); }
figure { margin: 16px 0; }
.plot svg { display: block; width: 100%; height: auto; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 5px 12px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; font-weight: normal; }
td, tbody th { white-space: nowrap; }
.models td:last-child { white-space: normal; min-width: 150px; }
td small { margin: 0; }
thead th { color: var(--muted); }
tr.named th, tr.named td { color: var(--good); font-weight: 600; }
small { font-size: 12px; margin-left: 6px; }
small.front { color: var(--front); }
summary { cursor: pointer; margin: 8px 0; }
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_text() {
        assert_eq!(escape("<a href='x'>&\n\"\u{1b}[1m"), "&lt;a href=&#39;x&#39;&gt;&amp; &quot;");
    }
}
