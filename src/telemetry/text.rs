//! JSON text written by hand: a service writes a line and two spans for every request, and a serializer that looks at
//! every byte of every name costs more than making the span.

/// JSON text that grows.
#[derive(Debug, Default)]
pub(super) struct Text(Vec<u8>);

impl Text {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Text that is JSON already.
    pub(super) fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// A name in quotes that has nothing to escape.
    pub(super) fn name(&mut self, name: &str) {
        self.0.push(b'"');
        self.raw(name);
        self.0.push(b'"');
    }

    /// A text in quotes. Most have nothing to escape, which is found out many bytes at a time.
    pub(super) fn string(&mut self, text: &str) {
        let must_escape = |byte: u8| (byte < 0x20) | (byte == b'"') | (byte == b'\\');
        if text.bytes().fold(false, |found, byte| found | must_escape(byte)) {
            // Nothing fails to be written into memory.
            let _ = serde_json::to_writer(&mut self.0, text);
        } else {
            self.name(text);
        }
    }

    /// A whole number.
    pub(super) fn number(&mut self, mut number: u64) {
        let mut digits = [0; 20];
        let mut from = digits.len();
        for (at, digit) in digits.iter_mut().enumerate().rev() {
            // The remainder is below 10.
            *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
            number /= 10;
            from = at;
            if number == 0 {
                break;
            }
        }
        self.0.extend_from_slice(digits.get(from..).unwrap_or_default());
    }

    /// A negative number as well.
    pub(super) fn signed(&mut self, number: i64) {
        if number < 0 {
            self.0.push(b'-');
        }
        self.number(number.unsigned_abs());
    }

    /// A number that JSON can say.
    pub(super) fn double(&mut self, number: f64) {
        // Nothing fails to be written into memory.
        let _ = serde_json::to_writer(&mut self.0, &number);
    }

    /// Hexadecimal digits of bytes.
    pub(super) fn hex(&mut self, bytes: &[u8]) {
        let digit = |four: u8| if four < 10 { b'0' + four } else { b'a' + four - 10 };
        self.0.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
    }

    /// A list.
    pub(super) fn list<T>(&mut self, all: impl Iterator<Item = T>, write: impl Fn(&mut Self, T)) {
        self.0.push(b'[');
        for (at, one) in all.enumerate() {
            if at > 0 {
                self.0.push(b',');
            }
            write(self, one);
        }
        self.0.push(b']');
    }
}

/// Members of an object, whose names need no escaping.
pub(super) struct Members(Text);

impl Members {
    pub(super) fn new(bytes: usize) -> Self {
        let mut text = Text::with_capacity(bytes);
        text.raw("{");
        Self(text)
    }

    /// The whole object, on a line of its own.
    pub(super) fn line(mut self) -> Vec<u8> {
        self.0.raw("}\n");
        self.0.into_bytes()
    }

    fn name(&mut self, name: &str) {
        self.0.raw(if self.0.0.len() > 1 { "," } else { "" });
        self.0.name(name);
        self.0.raw(":");
    }

    pub(super) fn string(&mut self, name: &str, text: &str) {
        self.name(name);
        self.0.string(text);
    }

    /// A text, or null.
    pub(super) fn optional(&mut self, name: &str, text: Option<&str>) {
        match text {
            Some(text) => self.string(name, text),
            None => self.null(name),
        }
    }

    pub(super) fn number(&mut self, name: &str, number: u64) {
        self.name(name);
        self.0.number(number);
    }

    /// A number with decimals; null where JSON has no word for it.
    pub(super) fn double(&mut self, name: &str, number: f64) {
        self.name(name);
        self.0.double(number);
    }

    pub(super) fn null(&mut self, name: &str) {
        self.name(name);
        self.0.raw("null");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl Fn(&mut Text)) -> String {
        let mut text = Text::default();
        write(&mut text);
        String::from_utf8(text.into_bytes()).unwrap()
    }

    #[test]
    fn writes_what_a_serializer_writes() {
        for one in ["", "plain/text_1 ü \u{7f}", "\"", "\\", "a\nb\u{1f}", "\u{2028}"] {
            assert_eq!(text(|out| out.string(one)), serde_json::to_string(one).unwrap());
        }
        for one in [0, 7, 10, 4096, u64::MAX] {
            assert_eq!(text(|out| out.number(one)), one.to_string());
        }
        for one in [0, -1, i64::MIN, i64::MAX] {
            assert_eq!(text(|out| out.signed(one)), one.to_string());
        }
        assert_eq!(text(|out| out.hex(&[0, 0x9a, 0xbf, 0xc0])), "009abfc0");
        assert_eq!(text(|out| out.list([1, 2].into_iter(), Text::number)), "[1,2]");
        let mut members = Members::new(0);
        members.string("a", "x");
        members.optional("b", None);
        members.number("c", 3);
        members.double("d", f64::NAN);
        assert_eq!(members.line(), b"{\"a\":\"x\",\"b\":null,\"c\":3,\"d\":null}\n");
    }
}
