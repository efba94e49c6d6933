//! Text and sections of a PDF.

use std::path::Path;

use super::document::{Block, Section, numbered};
use crate::config::Problem;

/// Letters below which a page has no text: a scan.
const LEAST_LETTERS: usize = 20;

/// Lines at the top and at the bottom of a page that may be its header and footer.
const MARGIN_LINES: usize = 2;

/// The text of each page, from the cache or from the file.
///
/// # Errors
/// A PDF that is broken, encrypted or has no text; a program that was built without PDF.
pub fn pages(root: &Path, file: &str, bytes: &[u8]) -> Result<Vec<String>, Problem> {
    let pages = extracted::pages(root, bytes).map_err(|message| {
        Problem::of_file(file, message).hint("print it to PDF again, or write the document as Markdown")
    })?;
    let letters = |page: &String| page.chars().filter(|c| c.is_alphabetic()).count();
    if pages.iter().all(|page| letters(page) < LEAST_LETTERS) {
        let problem = Problem::of_file(file, "has no text: it is a scan, or its pages are pictures");
        return Err(problem.hint("run character recognition on it, or write the document as Markdown"));
    }
    Ok(pages)
}

/// Numbered sections: a line `3.1 System sweep` begins one where its number follows the one before it.
#[must_use]
pub fn sections(pages: &[String]) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut above: Vec<(usize, String)> = Vec::new();
    for (page, lines) in (1..).zip(bodies(pages)) {
        let mut text = String::new();
        for line in lines {
            let heading = numbered(&line).filter(|(_, title)| {
                title.starts_with(char::is_uppercase) && !title.ends_with('.') && title.len() < 90
            });
            let last = sections.last().map(|section| section.number.clone());
            match heading.filter(|(number, _)| follows(last.as_deref(), number)) {
                Some((number, title)) => {
                    close(&mut sections, &mut text, page);
                    let level = number.split('.').count();
                    above.retain(|(known, _)| *known < level);
                    above.push((level, title.to_owned()));
                    let titles = above.iter().map(|(_, title)| title.clone()).collect();
                    sections.push(Section { number: number.to_owned(), titles, blocks: Vec::new() });
                }
                None => append(&mut text, &line),
            }
        }
        close(&mut sections, &mut text, page);
    }
    sections
}

fn close(sections: &mut [Section], text: &mut String, page: u32) {
    let text = std::mem::take(text);
    if let Some(section) = sections.last_mut().filter(|_| !text.trim().is_empty()) {
        section.blocks.push(Block { text, page: Some(page) });
    }
}

/// Words cut at a line's end are put together again.
fn append(text: &mut String, line: &str) {
    let cut = text.ends_with('-')
        && text.chars().rev().nth(1).is_some_and(char::is_alphabetic)
        && line.starts_with(char::is_lowercase);
    if cut {
        text.pop();
    } else if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(line);
}

/// The number comes right after the last one: its next sibling, its first child, or the next of one that it stands in.
fn follows(last: Option<&str>, number: &str) -> bool {
    let parse = |text: &str| {
        text.split('.').map(str::parse::<u32>).collect::<Result<Vec<u32>, _>>().unwrap_or_default()
    };
    let number = parse(number);
    let Some(last) = last.map(parse) else { return matches!(number.as_slice(), [0 | 1]) };
    let child = [last.as_slice(), &[1]].concat();
    let next = (1..=last.len()).filter_map(|length| {
        let mut next = last.get(..length)?.to_vec();
        *next.last_mut()? += 1;
        Some(next)
    });
    number == child || next.into_iter().any(|next| next == number)
}

/// Lines of each page without what stands at the same edge of most pages, letters as they are typed.
fn bodies(pages: &[String]) -> Vec<Vec<String>> {
    let pages: Vec<Vec<String>> = pages.iter().map(|page| lines(page)).collect();
    let shape =
        |line: &str| line.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect::<String>();
    let repeated = |line: &str| {
        let at_edge = |page: &Vec<String>| {
            let edge = page.iter().take(MARGIN_LINES).chain(page.iter().rev().take(MARGIN_LINES));
            edge.into_iter().any(|other| shape(other) == shape(line))
        };
        pages.len() > 1 && 2 * pages.iter().filter(|page| at_edge(page)).count() > pages.len()
    };
    let body = |page: &Vec<String>| {
        let edge = |at: usize| at < MARGIN_LINES || at + MARGIN_LINES >= page.len();
        let kept = page.iter().enumerate().filter(|(at, line)| !(edge(*at) && repeated(line)));
        kept.map(|(_, line)| line.clone()).collect()
    };
    pages.iter().map(body).collect()
}

fn lines(page: &str) -> Vec<String> {
    let typed = |line: &str| {
        let line = line.replace('\u{fb00}', "ff").replace('\u{fb01}', "fi").replace('\u{fb02}', "fl");
        line.replace('\u{fb03}', "ffi").replace('\u{fb04}', "ffl").replace('\u{a0}', " ")
    };
    let lines = page.lines().map(|line| typed(line).split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect()
}

#[cfg(feature = "pdf")]
mod extracted {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::path::{Path, PathBuf};
    use std::sync::Once;

    use serde::{Deserialize, Serialize};

    use crate::files;
    use crate::json::sha256_hex;

    /// Raised when the same PDF would give another text.
    const VERSION: u32 = 1;

    /// Larger files are books: nobody wants them in a prompt.
    const MOST_BYTES: usize = 50_000_000;

    /// Name of the thread that reads a PDF.
    const READER: &str = "pdf-reader";

    /// Panics of that thread are told as problems of the file; all others go where they went.
    fn quiet() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                if std::thread::current().name() != Some(READER) {
                    before(panic);
                }
            }));
        });
    }

    #[derive(Serialize, Deserialize)]
    struct Kept {
        version: u32,
        pages: Vec<String>,
    }

    /// Text by the file's own hash. A cache that cannot be read or written costs time and nothing else.
    pub(super) fn pages(root: &Path, bytes: &[u8]) -> Result<Vec<String>, String> {
        if bytes.len() > MOST_BYTES {
            return Err(format!(
                "has {} MB, expected {} at most",
                bytes.len() / 1_000_000,
                MOST_BYTES / 1_000_000
            ));
        }
        let file = cache(root).join(format!("{}.json", sha256_hex(bytes)));
        let kept = files::read(&file).ok().and_then(|kept| serde_json::from_slice::<Kept>(&kept).ok());
        if let Some(kept) = kept.filter(|kept| kept.version == VERSION) {
            return Ok(kept.pages);
        }
        let pages = extract(bytes)?;
        let kept = Kept { version: VERSION, pages: pages.clone() };
        if let Ok(text) = serde_json::to_vec(&kept) {
            let _ = std::fs::create_dir_all(cache(root));
            let _ = files::atomic_write(&file, &text);
        }
        Ok(pages)
    }

    fn cache(root: &Path) -> PathBuf {
        root.join(super::CACHE)
    }

    fn extract(bytes: &[u8]) -> Result<Vec<String>, String> {
        // A library that reads what anybody may have written, and panics at what it does not know: on a thread of its own,
        // about which nothing is printed.
        quiet();
        let bytes = bytes.to_vec();
        let worker = std::thread::Builder::new().name(READER.to_owned()).stack_size(16 << 20);
        let read =
            move || catch_unwind(AssertUnwindSafe(|| pdf_extract::extract_text_from_mem_by_pages(&bytes)));
        let handle = worker.spawn(read).map_err(|error| format!("cannot be read: {error}"))?;
        match handle.join() {
            Ok(Ok(Ok(pages))) => Ok(pages),
            Ok(Ok(Err(error))) => Err(format!("is broken or encrypted: {error}")),
            Ok(Err(_)) | Err(_) => {
                Err("cannot be read: it is broken, or uses an encoding that is not known".to_owned())
            }
        }
    }
}

/// Folder of extracted texts, relative to the project root; it may be removed at any time.
#[cfg(feature = "pdf")]
const CACHE: &str = "reports/.cache/kb";

#[cfg(not(feature = "pdf"))]
mod extracted {
    use std::path::Path;

    pub(super) fn pages(_: &Path, _: &[u8]) -> Result<Vec<String>, String> {
        Err("this program was built without PDF (feature `pdf`)".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(lines: &[&str]) -> String {
        lines.join("\n")
    }

    #[test]
    fn sections_pages_headers_and_cut_words() {
        let pages = [
            page(&[
                "Fibre test   rev 2",
                "1 Scope",
                "This is about \u{fb01}bre and about con-",
                "nectors.",
                "2 Limits",
                "2 pairs are usual.",
                "Page 1 of 3",
            ]),
            page(&[
                "Fibre test   rev 2",
                "Loss is 0.5 dB.",
                "2.1 Table",
                "1.40 Fits nowhere",
                "7 Jumps ahead",
                "Page 2 of 3",
            ]),
            page(&["Fibre test   rev 2", "3 End", "Done.", "Page 3 of 3"]),
        ];
        let sections = sections(&pages);
        let line = |section: &Section| {
            let blocks = section.blocks.iter().map(|block| format!("{:?} {}", block.page, block.text));
            format!(
                "{} {}: {}",
                section.number,
                section.titles.join(" > "),
                blocks.collect::<Vec<_>>().join(" | ")
            )
        };
        assert_eq!(
            sections.iter().map(line).collect::<Vec<_>>(),
            [
                "1 Scope: Some(1) This is about fibre and about connectors.",
                "2 Limits: Some(1) 2 pairs are usual. | Some(2) Loss is 0.5 dB.",
                "2.1 Limits > Table: Some(2) 1.40 Fits nowhere 7 Jumps ahead",
                "3 End: Some(3) Done.",
            ]
        );
    }

    #[test]
    fn numbers_follow_each_other() {
        for (last, number, expected) in [
            (None, "1", true),
            (None, "2", false),
            (Some("1"), "2", true),
            (Some("1"), "1.1", true),
            (Some("1.9"), "1.10", true),
            (Some("1.2.3"), "2", true),
            (Some("1"), "3", false),
            (Some("2.1"), "2.1", false),
        ] {
            assert_eq!(follows(last, number), expected, "{last:?} {number}");
        }
    }
}
