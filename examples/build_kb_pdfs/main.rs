//! Render some documents of the example's knowledge base to PDF, with what real papers have: a header and a footer on every
//! page, tables and lists that break over a page, a page of two columns, words cut at the end of a line, ligatures, and a
//! figure whose key number stands only in its caption.
//!
//! ```console
//! $ cargo run --example build_kb_pdfs            # writes data/kb/*.pdf and *.pdf.yml
//! $ cargo run --example build_kb_pdfs -- --check # fails when they are not what would be written
//! ```

use std::error::Error;
use std::path::Path;

use llm_experiments::files::{atomic_write, read};
use lopdf::content::{Content, Operation};
use lopdf::{Document, Object, Stream, dictionary};

/// Documents that are kept as PDF, the lines of their pages (a table and a list break over a page by that), and whether
/// they are set in two columns.
const DOCUMENTS: [(&str, usize, bool); 4] =
    [("KB-05", 13, false), ("KB-07", 14, false), ("KB-09", 20, false), ("KB-14", 14, true)];

const WIDTH: usize = 84;
const COLUMN: usize = 38;

fn main() -> Result<(), Box<dyn Error>> {
    let check = std::env::args().any(|argument| argument == "--check");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, rows, columns) in DOCUMENTS {
        let text = std::fs::read_to_string(root.join(format!("examples/build_kb_pdfs/{name}.md")))?;
        let (front, body) = text
            .strip_prefix("---\n")
            .and_then(|rest| rest.split_once("---\n"))
            .ok_or("expected front matter")?;
        for (file, bytes) in [
            (format!("data/kb/{name}.pdf"), pdf(name, front, body, (rows, columns))?),
            (format!("data/kb/{name}.pdf.yml"), front.as_bytes().to_vec()),
        ] {
            if check {
                if read(&root.join(&file)).ok().as_deref() != Some(&bytes[..]) {
                    return Err(format!("{file} is not what would be written").into());
                }
            } else {
                atomic_write(&root.join(&file), &bytes)?;
            }
        }
    }
    Ok(())
}

/// One line of a page.
enum Line {
    Text(String),
    Heading(String),
    Figure(String),
}

/// Lines of the body, wrapped.
fn lines(body: &str, width: usize) -> Vec<Line> {
    let mut out = Vec::new();
    for block in body.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        if let Some(heading) = block.strip_prefix('#') {
            out.push(Line::Heading(heading.trim_start_matches('#').trim().to_owned()));
        } else if let Some(caption) = block.strip_prefix("![") {
            let (name, caption) = caption.split_once("](").unwrap_or((caption, ""));
            out.push(Line::Figure(format!("{name}. {}", caption.trim_end_matches(')'))));
        } else if block.starts_with('|') {
            let rows = block.lines().filter(|row| !row.starts_with("|---"));
            let cells =
                |row: &str| row.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>().join("    ");
            out.extend(rows.map(|row| Line::Text(cells(row))));
        } else if block.starts_with("- ") {
            out.extend(block.lines().map(|item| Line::Text(item.to_owned())));
        } else {
            out.extend(wrapped(block, width).into_iter().map(Line::Text));
        }
    }
    out
}

/// Words on lines of at most `width` signs; a long word is cut where a line ends.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split_whitespace() {
        let room = width.saturating_sub(line.len() + 1);
        if word.len() <= room {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
            continue;
        }
        let cut = room.saturating_sub(1);
        let may_cut = word.len() >= 10
            && cut >= 4
            && cut + 4 <= word.len()
            && word.bytes().all(|b| b.is_ascii_lowercase());
        let (before, after) = if may_cut { word.split_at(cut) } else { ("", word) };
        if may_cut {
            line.push_str(&format!(" {before}-"));
        }
        lines.push(std::mem::replace(&mut line, after.to_owned()));
    }
    lines.push(line);
    lines
}

fn pdf(
    name: &str,
    front: &str,
    body: &str,
    (rows, columns): (usize, bool),
) -> Result<Vec<u8>, Box<dyn Error>> {
    let field = |key: &str| {
        let line = front.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        line.trim_matches([':', ' ', '"']).to_owned()
    };
    // Pages of lines with their place; a page of columns is filled left first.
    let mut pages: Vec<Vec<(f32, f32, Line)>> = Vec::new();
    let (lines, per_page) =
        if columns { (lines(body, COLUMN), 2 * rows) } else { (lines(body, WIDTH), rows) };
    for (at, line) in lines.into_iter().enumerate() {
        if at % per_page == 0 {
            pages.push(Vec::new());
        }
        let on_page = at % per_page;
        let (column, row) = (on_page / rows, on_page % rows);
        if let Some(page) = pages.last_mut() {
            page.push((60.0 + 250.0 * column as f32, 750.0 - 20.0 * row as f32, line));
        }
    }
    let mut doc = Document::with_version("1.5");
    let tree = doc.new_object_id();
    let font = doc.add_object(dictionary! {
        "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica", "Encoding" => "MacRomanEncoding",
    });
    let resources = doc.add_object(dictionary! { "Font" => dictionary! { "F1" => font } });
    let count = pages.len();
    let mut kids: Vec<Object> = Vec::new();
    for (number, page) in (1..).zip(pages) {
        let mut operations = Vec::new();
        text(&mut operations, 60.0, 790.0, 9, &format!("{name}  {}", field("title")));
        for (x, y, line) in page {
            match line {
                Line::Text(line) => text(&mut operations, x, y, 10, &line),
                Line::Heading(line) => text(&mut operations, x, y, 13, &line),
                Line::Figure(caption) => {
                    let sizes = [x, y + 4.0, 200.0, 12.0].map(Object::Real);
                    operations.push(Operation::new("re", sizes.to_vec()));
                    operations.push(Operation::new("S", vec![]));
                    text(&mut operations, x, y - 8.0, 9, &caption);
                }
            }
        }
        let footer = format!(
            "revision {}, effective {}     page {number} of {count}",
            field("revision"),
            field("effective")
        );
        text(&mut operations, 60.0, 40.0, 9, &footer);
        let content = doc.add_object(Stream::new(dictionary! {}, Content { operations }.encode()?));
        kids.push(
            doc.add_object(dictionary! {
                "Type" => "Page", "Parent" => tree, "Contents" => content, "Resources" => resources,
                "MediaBox" => [0, 0, 595, 842].map(Object::Integer).to_vec(),
            })
            .into(),
        );
    }
    let pages = dictionary! { "Type" => "Pages", "Count" => i64::try_from(kids.len())?, "Kids" => kids };
    doc.objects.insert(tree, Object::Dictionary(pages));
    let catalog = doc.add_object(dictionary! { "Type" => "Catalog", "Pages" => tree });
    doc.trailer.set("Root", catalog);
    let mut bytes = Vec::new();
    doc.save_to(&mut bytes)?;
    Ok(bytes)
}

/// A line of text, with the ligatures of a real font.
fn text(operations: &mut Vec<Operation>, x: f32, y: f32, size: i64, text: &str) {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        // The places of fi and fl in that encoding.
        let (byte, length) = match rest.get(..2) {
            Some("fi") => (0xDE, 2),
            Some("fl") => (0xDF, 2),
            _ => (u8::try_from(first).unwrap_or(b'?'), first.len_utf8()),
        };
        bytes.push(byte);
        rest = rest.get(length..).unwrap_or_default();
    }
    operations.push(Operation::new("BT", vec![]));
    operations.push(Operation::new("Tf", vec!["F1".into(), size.into()]));
    operations.push(Operation::new("Td", vec![x.into(), y.into()]));
    operations.push(Operation::new("Tj", vec![Object::string_literal(bytes)]));
    operations.push(Operation::new("ET", vec![]));
}
