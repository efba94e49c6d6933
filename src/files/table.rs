//! CSV as spreadsheets write it: separated by commas, semicolons or tabs, with either line ends, with empty rows and
//! columns. Every row knows the line of the file that it begins on.

use std::collections::{HashSet, VecDeque};
use std::io::{self, BufRead, BufReader, Read};

use super::text;

/// Most columns of a table: more of them are another kind of data.
pub const MOST_COLUMNS: usize = 1_000;

/// Most bytes of one row. A quotation mark that is not closed would make a row of the rest of the file.
pub const MOST_ROW_BYTES: usize = 16 << 20;

/// A table: its columns, then its rows.
pub struct Table<R: Read> {
    reader: csv::Reader<Lines<R>>,
    header: Vec<String>,
    raw: csv::ByteRecord,
    ended: bool,
}

/// A row: its cells, in the order of [`Table::columns`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// 1-based line of the file.
    pub line: usize,
    /// Text of the cells, line ends as LF.
    pub cells: Vec<String>,
}

/// A row, or a header, that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// 1-based line of the file.
    pub line: usize,
    /// The problem, as a lowercase fragment.
    pub message: String,
}

impl<R: Read> Table<R> {
    /// Read the header.
    ///
    /// # Errors
    /// The stream fails, or its first row is not a header: the inner error.
    pub fn open(stream: R) -> io::Result<Result<Self, BadRow>> {
        let mut lines = Lines::new(stream);
        let separator = lines.separator()?;
        lines.quotes.separator = separator;
        let reader = csv::ReaderBuilder::new()
            .delimiter(separator)
            .has_headers(false)
            .flexible(true)
            .from_reader(lines);
        let mut table = Self { reader, header: Vec::new(), raw: csv::ByteRecord::new(), ended: false };
        let header = match table.next_row()? {
            None => {
                return Ok(Err(BadRow {
                    line: 1,
                    message: "expected a row of column names, found none".into(),
                }));
            }
            Some(Err(bad)) => return Ok(Err(bad)),
            Some(Ok(row)) => row,
        };
        let bad = |message: String| Ok(Err(BadRow { line: header.line, message }));
        if header.cells.len() > MOST_COLUMNS {
            return bad(format!("expected at most {MOST_COLUMNS} columns, found {}", header.cells.len()));
        }
        let names = header.cells.iter().map(|name| name.trim());
        let mut seen = HashSet::new();
        if let Some(twice) = names.clone().find(|name| !name.is_empty() && !seen.insert(*name)) {
            return bad(format!("column `{twice}` is there twice"));
        }
        table.header = names.map(str::to_owned).collect();
        Ok(Ok(table))
    }

    /// Names of the columns; spreadsheets leave columns without a name and, mostly, without cells.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.header
    }

    /// The next row that is not empty; after an error of the stream there are none.
    pub fn next_row_of_cells(&mut self) -> Option<io::Result<Result<Row, BadRow>>> {
        loop {
            if self.ended {
                return None;
            }
            let row = match self.next_row() {
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
                Ok(None) => {
                    self.ended = true;
                    return None;
                }
                Ok(Some(row)) => row,
            };
            match row {
                Err(bad) => return Some(Ok(Err(bad))),
                Ok(row) if row.cells.iter().all(|cell| cell.trim().is_empty()) => {}
                Ok(row) => return Some(Ok(self.fitted(row))),
            }
        }
    }

    /// A row with one cell for each column: spreadsheets write empty cells behind the last one.
    fn fitted(&self, mut row: Row) -> Result<Row, BadRow> {
        let (found, wanted) = (row.cells.len(), self.header.len());
        let extra = row.cells.get(wanted..).unwrap_or_default();
        if found < wanted || extra.iter().any(|cell| !cell.trim().is_empty()) {
            let message = format!("has {found} cells, and the header has {wanted}");
            return Err(BadRow { line: row.line, message });
        }
        row.cells.truncate(wanted);
        Ok(row)
    }

    /// The next row as it is; `None` at the end.
    fn next_row(&mut self) -> io::Result<Option<Result<Row, BadRow>>> {
        self.reader.get_mut().row_bytes = 0;
        // Without equal lengths and UTF-8 asked of it, the reader fails with the stream alone.
        let is_row =
            self.reader.read_byte_record(&mut self.raw).map_err(|error| match error.into_kind() {
                csv::ErrorKind::Io(error) => error,
                other => io::Error::other(format!("{other:?}")),
            })?;
        if !is_row {
            return Ok(None);
        }
        // Behind the row, since the reader skips empty lines before it without counting them to it.
        let after = usize::try_from(self.reader.position().line()).unwrap_or(usize::MAX);
        let inside: usize =
            self.raw.iter().map(|cell| cell.iter().filter(|byte| **byte == b'\n').count()).sum();
        let end = self.reader.position().byte();
        if let Some(line) = self.reader.get_mut().tail_before(end) {
            let message =
                "text follows the closing quotation mark of a cell: is a mark missing, or not doubled?";
            return Ok(Some(Err(BadRow { line, message: message.to_owned() })));
        }
        if self.is_open_at_the_end() {
            let line = after.saturating_sub(inside).max(1);
            let message = "a cell that begins with a quotation mark has no closing one".to_owned();
            return Ok(Some(Err(BadRow { line, message })));
        }
        let line = after.saturating_sub(inside + 1).max(1);
        let mut cells = Vec::with_capacity(self.raw.len());
        for cell in &self.raw {
            match std::str::from_utf8(cell) {
                Ok(cell) => cells.push(cell.to_owned()),
                Err(_) => {
                    let foreign = text::not_utf8(cell);
                    let message = foreign.to_string().replace("(line 1: byte", "(byte");
                    return Ok(Some(Err(BadRow { line, message })));
                }
            }
        }
        Ok(Some(Ok(Row { line, cells })))
    }

    /// The row goes on to the end of the stream, since a quotation mark was not closed: the line end that every stream
    /// has belongs to its last cell.
    fn is_open_at_the_end(&self) -> bool {
        let lines = self.reader.get_ref();
        lines.ended
            && lines.last_of_text != b'"'
            && self.reader.position().byte() == lines.bytes
            && self.raw.iter().next_back().is_some_and(|cell| cell.ends_with(b"\n"))
    }
}

/// A stream with LF for every CRLF, without a byte order mark, and with a line end behind its last line.
struct Lines<R: Read> {
    inner: BufReader<R>,
    /// Bytes that are not from the stream come first: a CR that turned out to be none of a line end.
    next: Option<u8>,
    last: u8,
    /// The last byte that is not a line end.
    last_of_text: u8,
    row_bytes: usize,
    /// Bytes handed out so far.
    bytes: u64,
    ended: bool,
    quotes: Quotes,
}

/// Where a reader of CSV is in a cell. The parser takes text behind a closing mark as part of the cell, and so the rows
/// up to the next mark.
struct Quotes {
    separator: u8,
    at: Place,
    line: usize,
    /// Offset and line of each text behind a closing mark.
    tails: VecDeque<(u64, usize)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Start,
    Plain,
    Quoted,
    /// Behind a mark that closes the cell, or is the first of a doubled one.
    Closed,
}

impl Quotes {
    fn take(&mut self, byte: u8, offset: u64) {
        let ends = byte == self.separator || byte == b'\n';
        self.at = match (self.at, byte) {
            (Place::Start, b'"') | (Place::Closed, b'"') => Place::Quoted,
            (Place::Quoted, b'"') => Place::Closed,
            (Place::Quoted, _) => Place::Quoted,
            _ if ends => Place::Start,
            (Place::Closed, _) => {
                // The end of a row that is wrong is not known.
                if self.tails.len() < 100 {
                    self.tails.push_back((offset, self.line));
                }
                Place::Plain
            }
            _ => Place::Plain,
        };
        self.line += usize::from(byte == b'\n');
    }
}

impl<R: Read> Lines<R> {
    fn new(stream: R) -> Self {
        Self {
            inner: BufReader::with_capacity(1 << 16, stream),
            next: None,
            last: b'\n',
            last_of_text: b'\n',
            row_bytes: 0,
            bytes: 0,
            ended: false,
            quotes: Quotes { separator: b',', at: Place::Start, line: 1, tails: VecDeque::new() },
        }
    }

    /// The separator of columns: the one of `,`, `;` and tab that the first row has most of, or the one that Excel
    /// names on a line `sep=;` of its own.
    fn separator(&mut self) -> io::Result<u8> {
        let start = self.inner.fill_buf()?;
        text::check(start)
            .map_err(|foreign| io::Error::new(io::ErrorKind::InvalidData, foreign.to_string()))?;
        let mark = if start.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let lines = start.get(mark..).unwrap_or_default().split(|byte| *byte == b'\n');
        let first = lines.map(<[u8]>::trim_ascii_end).find(|line| !line.is_empty()).unwrap_or_default();
        let told = first.strip_prefix(b"sep=").and_then(|told| told.first().copied());
        let mut counts = SEPARATORS.map(|separator| (separator, 0_usize));
        let mut quoted = false;
        for byte in first {
            quoted ^= *byte == b'"';
            for (separator, count) in &mut counts {
                *count += usize::from(separator == byte && !quoted);
            }
        }
        let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
        let found = counts.iter().find(|(_, count)| *count == most).map_or(b',', |(separator, _)| *separator);
        self.inner.consume(mark);
        if told.is_some() {
            self.inner.skip_until(b'\n')?;
            // An empty line in its place: those after it keep their numbers.
            self.next = Some(b'\n');
        }
        Ok(told.unwrap_or(found))
    }

    /// The line of the first text behind a closing mark before this offset; it and the others before it are forgotten.
    fn tail_before(&mut self, offset: u64) -> Option<usize> {
        let first = self.quotes.tails.front().filter(|(at, _)| *at < offset).map(|(_, line)| *line);
        while self.quotes.tails.front().is_some_and(|(at, _)| *at < offset) {
            self.quotes.tails.pop_front();
        }
        first
    }

    /// One byte of the stream; CRLF is one byte.
    fn byte(&mut self) -> io::Result<Option<u8>> {
        let Some(byte) = self.inner.fill_buf()?.first().copied() else {
            return Ok(None);
        };
        self.inner.consume(1);
        if byte == b'\r' && self.inner.fill_buf()?.first() == Some(&b'\n') {
            self.inner.consume(1);
            return Ok(Some(b'\n'));
        }
        Ok(Some(byte))
    }
}

/// Of two that are there equally often, the first one is meant.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut written = 0;
        for place in out.iter_mut() {
            let byte = match self.next.take() {
                Some(byte) => Some(byte),
                None => self.byte()?,
            };
            *place = match byte {
                Some(byte) => byte,
                None if self.last == b'\n' => {
                    self.ended = true;
                    break;
                }
                None => b'\n',
            };
            self.quotes.take(*place, self.bytes + written as u64);
            (self.last, written) = (*place, written + 1);
            if *place != b'\n' {
                self.last_of_text = *place;
            }
        }
        self.row_bytes += written;
        self.bytes += written as u64;
        if self.row_bytes > MOST_ROW_BYTES {
            let message =
                format!("a row has more than {MOST_ROW_BYTES} bytes: is a quotation mark not closed?");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<String> {
        let mut table = match Table::open(text) {
            Ok(Ok(table)) => table,
            Ok(Err(bad)) => return vec![format!("{} ! {}", bad.line, bad.message)],
            Err(error) => return vec![format!("!! {error}")],
        };
        let mut all = vec![table.columns().join("|")];
        while let Some(row) = table.next_row_of_cells() {
            all.push(match row {
                Ok(Ok(row)) => format!("{} {}", row.line, row.cells.join("|")),
                Ok(Err(bad)) => format!("{} ! {}", bad.line, bad.message),
                Err(error) => format!("!! {error}"),
            });
        }
        all
    }

    #[test]
    fn a_quotation_mark_that_is_not_closed_is_named_with_its_line() {
        let says = "! a cell that begins with a quotation mark has no closing one";
        assert_eq!(read(b"a,b\n1,2\n\"3,4\n5,6\n"), ["a|b", "2 1|2", &format!("3 {says}")]);
        assert_eq!(read(b"a,b\n1,2\n3,\"4\n5,6"), ["a|b", "2 1|2", &format!("3 {says}")]);
        assert_eq!(read(b"\"a,b\n1,2\n"), [format!("1 {says}")]);
        // Closed ones, also behind a line end of their own.
        assert_eq!(read(b"a,b\n1,\"2\n\"\n"), ["a|b", "2 1|2\n"]);
        assert_eq!(read(b"a,b\n1,\"2\n\""), ["a|b", "2 1|2\n"]);
        assert_eq!(read(b"a,b\n1,\"2\n\"\n\n\n"), ["a|b", "2 1|2\n"]);
        // A mark that closes too late takes no row away without a word.
        let tail = "! text follows the closing quotation mark of a cell: is a mark missing, or not doubled?";
        assert_eq!(read(b"a,b\n1,\"x\n2,\"y\"\n3,z\n")[..2], ["a|b".to_owned(), format!("3 {tail}")]);
        assert_eq!(read(b"a,b\n1,\"q\" r\n3,\"z\"\"s\"\n"), ["a|b", &format!("2 {tail}"), "3 3|z\"s"]);
        // A mark inside a cell is a mark.
        assert_eq!(read(b"a,b\n1,2\" wide\n3,4\n"), ["a|b", "2 1|2\" wide", "3 3|4"]);
    }

    #[test]
    fn separators_are_found_and_read() {
        for text in ["a,b\n1,2\n", "a;b\n1;2\n", "a\tb\n1\t2", "\u{feff}a;b\r\n1;2\r\n"] {
            assert_eq!(read(text.as_bytes()), ["a|b", "2 1|2"], "{text:?}");
        }
        // As many of both: the comma. Those inside quotation marks are part of a name.
        assert_eq!(read(b"a;b,c\n1,2\n"), ["a;b|c", "2 1|2"]);
        assert_eq!(read(b"\"a,b,c\";d\n1;2\n"), ["a,b,c|d", "2 1|2"]);
        assert_eq!(read(b"sep=;\r\na;b,c,d\r\n1;2\r\n"), ["a|b,c,d", "3 1|2"]);
    }

    #[test]
    fn rows_know_their_lines_whatever_the_line_ends() {
        let text = "a,b\n1,2\n\n\n3,\"x\ny\"\n,\n4,5,\n\n6\n7,8";
        let want = ["a|b", "2 1|2", "5 3|x\ny", "8 4|5", "10 ! has 1 cells, and the header has 2", "11 7|8"];
        assert_eq!(read(text.as_bytes()), want);
        assert_eq!(read(text.replace('\n', "\r\n").as_bytes()), want);
        assert_eq!(read(format!("\n\n{text}").as_bytes())[1], "4 1|2");
        // A CR of its own is part of a cell.
        assert_eq!(read(b"a,b\n\"x\ry\",2\n"), ["a|b", "2 x\ry|2"]);
    }

    #[test]
    fn bad_tables_are_named() {
        assert_eq!(read(b""), ["1 ! expected a row of column names, found none"]);
        assert_eq!(read(b"\n a,b, a\n"), ["2 ! column `a` is there twice"]);
        let wide = vec!["x"; MOST_COLUMNS + 1].join(",");
        assert_eq!(read(wide.as_bytes()), ["1 ! expected at most 1000 columns, found 1001"]);
        assert_eq!(
            read(b"a,b\n1,caf\xe9\n2,3\n"),
            [
                "a|b",
                "2 ! expected UTF-8 text, found Windows-1252 (byte 0xE9 is `é` there) (save it as UTF-8, in Excel as \
                 `CSV UTF-8`; or run `iconv -f WINDOWS-1252 -t UTF-8`)",
                "3 2|3"
            ]
        );
        assert!(read(b"version https://git-lfs.github.com/spec/v1\n")[0].starts_with("!! a Git LFS pointer"));
        let open = format!("a,b\n1,\"{}\n2,3\n", "x".repeat(MOST_ROW_BYTES + (1 << 16)));
        assert!(read(open.as_bytes())[1].ends_with("is a quotation mark not closed?"));
    }
}
