//! A look at bytes before they are parsed: a Git LFS pointer, UTF-16 and the like, named with their cause and the fix.

use std::fmt;

/// Bytes that are not UTF-8 text, or text in place of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// The kind of file, as a lowercase fragment.
    pub message: String,
    /// How to get the text that was meant.
    pub hint: String,
    /// 1-based line, where one is to blame.
    pub line: Option<usize>,
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.hint)
    }
}

/// First lines of files that Git keeps in place of the content: the start, the program, the command that fetches.
const POINTERS: [(&str, &str, &str); 4] = [
    ("version https://git-lfs.github.com/spec/", "Git LFS", "git lfs pull"),
    ("version https://hawser.github.com/spec/", "Git LFS", "git lfs pull"),
    ("/annex/objects/", "git-annex", "git annex get"),
    (".git/annex/objects/", "git-annex", "git annex get"),
];

/// Pointers are a few lines; a longer text is about pointers.
const LONGEST_POINTER: usize = 1024;

/// First bytes of files that are not text at all.
const BINARY: [(&[u8], &str); 8] = [
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"\x1f\x8b", "gzip data"),
    (b"\x28\xb5\x2f\xfd", "Zstandard data"),
    (b"BZh", "bzip2 data"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"%PDF-", "a PDF document"),
];

/// The characters 0x80 to 0x9F of Windows-1252; a NUL where it has none. All others are those of Latin-1.
const WINDOWS_1252: [char; 32] = [
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0', '‘', '’', '“',
    '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];

/// UTF-8 text without its byte order mark.
///
/// # Errors
/// The bytes are something else.
pub fn decode(bytes: Vec<u8>) -> Result<String, Foreign> {
    check(&bytes)?;
    let mut text = String::from_utf8(bytes).map_err(|error| not_utf8(error.as_bytes()))?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

/// The same of borrowed bytes.
///
/// # Errors
/// As [`decode`].
pub fn as_text(bytes: &[u8]) -> Result<&str, Foreign> {
    check(bytes)?;
    let text = std::str::from_utf8(bytes).map_err(|_| not_utf8(bytes))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Judges the first bytes of a file, without looking whether all of it is UTF-8.
///
/// # Errors
/// A pointer, another encoding, or no text at all.
pub fn check(start: &[u8]) -> Result<(), Foreign> {
    let foreign = |message: String, hint: String| Err(Foreign { message, hint, line: None });
    if start.len() < LONGEST_POINTER {
        for (begin, program, command) in POINTERS {
            if start.starts_with(begin.as_bytes()) {
                let message = format!("a {program} pointer, not the file itself");
                return foreign(message, format!("fetch the content with `{command}`"));
            }
        }
    }
    if let Some(name) = other_unicode(start) {
        return foreign(
            format!("expected UTF-8 text, found {name}"),
            format!("save it as UTF-8, in Excel as `CSV UTF-8`; or run `iconv -f {name} -t UTF-8`"),
        );
    }
    if let Some((_, what)) = BINARY.iter().find(|(magic, _)| start.starts_with(magic)) {
        return foreign(format!("expected UTF-8 text, found {what}"), "export it as text first".to_owned());
    }
    Ok(())
}

/// UTF-16 or UTF-32, by the byte order mark or, without one, by where the zero bytes of Latin letters are.
fn other_unicode(start: &[u8]) -> Option<&'static str> {
    match start {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Some("UTF-16"),
        _ => {}
    }
    let zeros = |odd: usize| {
        let bytes = start.iter().take(64).skip(odd).step_by(2);
        bytes.clone().count() >= 4 && bytes.filter(|byte| **byte != 0).count() == 0
    };
    match (zeros(1), zeros(0)) {
        (true, false) => Some("UTF-16LE"),
        (false, true) => Some("UTF-16BE"),
        _ => None,
    }
}

/// Names the line and the first byte that is not UTF-8; most such files are Windows-1252, as Excel saves plain CSV.
#[must_use]
pub fn not_utf8(bytes: &[u8]) -> Foreign {
    let valid = std::str::from_utf8(bytes).err().map_or(bytes.len(), |error| error.valid_up_to());
    let (good, rest) = bytes.split_at(valid);
    let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
    let byte = rest.first().copied().unwrap_or_default();
    // A file of Windows-1252 has none of the five bytes that it leaves out, and no control characters.
    let is_text =
        rest.iter().all(|byte| latin(*byte).is_some_and(|c| !c.is_control() || "\t\r\n".contains(c)));
    match latin(byte).filter(|_| is_text) {
        Some(shown) => Foreign {
            message: format!(
                "expected UTF-8 text, found Windows-1252 (line {line}: byte 0x{byte:02X} is `{shown}` there)"
            ),
            hint: "save it as UTF-8, in Excel as `CSV UTF-8`; or run `iconv -f WINDOWS-1252 -t UTF-8`"
                .to_owned(),
            line: Some(line),
        },
        None => Foreign {
            message: format!("expected UTF-8 text, found the byte 0x{byte:02X} on line {line}"),
            hint: "save it as UTF-8".to_owned(),
            line: Some(line),
        },
    }
}

/// A byte of Windows-1252.
fn latin(byte: u8) -> Option<char> {
    match byte.checked_sub(0x80) {
        Some(at) => match WINDOWS_1252.get(usize::from(at)) {
            Some('\0') => None,
            Some(found) => Some(*found),
            None => Some(char::from(byte)),
        },
        None => Some(char::from(byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: &[u8]) -> String {
        assert_eq!(as_text(bytes).unwrap_err(), decode(bytes.to_vec()).unwrap_err());
        as_text(bytes).unwrap_err().to_string()
    }

    #[test]
    fn text_loses_its_byte_order_mark_and_nothing_else() {
        for text in
            ["", "a", "grün\r\n", "%PDF", "version https://git-lfs.github.com is a site", "\0", "a\0b\0"]
        {
            assert_eq!(decode(text.as_bytes().to_vec()).unwrap(), text);
            assert_eq!(as_text(&[b"\xef\xbb\xbf", text.as_bytes()].concat()).unwrap(), text);
        }
        // A document about pointers is not one.
        let about = format!("version https://git-lfs.github.com/spec/v1\n{}", "words ".repeat(300));
        assert_eq!(as_text(about.as_bytes()).unwrap(), about);
    }

    #[test]
    fn pointers_are_named_with_the_command_that_fetches() {
        let lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12345\n";
        assert_eq!(
            found(lfs),
            "a Git LFS pointer, not the file itself (fetch the content with `git lfs pull`)"
        );
        assert!(found(b"/annex/objects/SHA256E-s5--ab.jsonl\n").contains("`git annex get`"));
    }

    #[test]
    fn other_encodings_are_named() {
        let wide = |text: &str, little: bool| -> Vec<u8> {
            let bytes = |unit: u16| if little { unit.to_le_bytes() } else { unit.to_be_bytes() };
            text.encode_utf16().flat_map(bytes).collect()
        };
        assert!(found(&wide("\u{feff}id,input", true)).starts_with("expected UTF-8 text, found UTF-16 ("));
        assert!(found(&wide("\u{feff}id,input", false)).contains("found UTF-16 ("));
        assert!(found(&wide("id,input", true)).contains("iconv -f UTF-16LE -t UTF-8"));
        assert!(found(&wide("id,input", false)).contains("found UTF-16BE"));
        assert!(found(b"\xff\xfe\0\0i\0\0\0").contains("found UTF-32"));
        assert!(found(b"PK\x03\x04rest").contains("an Excel workbook"));
        assert!(found(b"\x1f\x8b\x08").contains("gzip data"));
    }

    #[test]
    fn windows_1252_is_named_with_its_line_and_letter() {
        assert!(
            found(b"id\na\xe9b\n").contains("found Windows-1252 (line 2: byte 0xE9 is `é` there) (save it")
        );
        assert!(found(b"\x80 100").contains("line 1: byte 0x80 is `€` there"));
        // A byte that Windows-1252 has not, and a control character: some other encoding, or no text.
        assert!(found(b"a\n\n\x81").contains("found the byte 0x81 on line 3 (save it as UTF-8)"));
        assert!(found(b"\xe9\x01").contains("found the byte 0xE9 on line 1"));
    }
}
