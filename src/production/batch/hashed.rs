//! The hash of inputs while they are read.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::json::hex;

/// A reader that knows the hash of all that was read, line ends as LF: a checkout with CRLF is the same input.
pub struct Hashed<R> {
    inner: R,
    so_far: Arc<Mutex<LfSha256>>,
}

/// The hash of what a [`Hashed`] reader has read so far.
#[derive(Clone)]
pub struct ReadSoFar(Arc<Mutex<LfSha256>>);

/// SHA-256 with LF for every CRLF.
#[derive(Clone, Default)]
struct LfSha256 {
    sha256: Sha256,
    /// The last byte is a CR, whose line end may follow.
    held: bool,
}

impl LfSha256 {
    fn update(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\r') {
            if self.held && !piece.starts_with(b"\n") {
                self.sha256.update(b"\r");
            }
            self.held = piece.ends_with(b"\r");
            self.sha256.update(piece.strip_suffix(b"\r").unwrap_or(piece));
        }
    }

    fn finish(mut self) -> String {
        if self.held {
            self.sha256.update(b"\r");
        }
        hex(&self.sha256.finalize())
    }
}

impl<R: Read> Hashed<R> {
    /// Read through it.
    pub fn new(inner: R) -> (Self, ReadSoFar) {
        let so_far = Arc::new(Mutex::new(LfSha256::default()));
        (Self { inner, so_far: Arc::clone(&so_far) }, ReadSoFar(so_far))
    }
}

impl ReadSoFar {
    /// In hexadecimal digits.
    #[must_use]
    pub fn sha256(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone().finish()
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        self.so_far.lock().unwrap_or_else(PoisonError::into_inner).update(bytes);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufRead as _;

    use super::*;

    #[test]
    fn the_hash_does_not_depend_on_line_ends_or_pieces() {
        let hash = |text: &str, piece: usize| {
            let (hashed, so_far) = Hashed::new(text.as_bytes());
            let mut reader = io::BufReader::with_capacity(piece, hashed);
            reader.read_to_end(&mut Vec::new()).unwrap();
            while !reader.fill_buf().unwrap().is_empty() {}
            so_far.sha256()
        };
        let text = "a\n\nb\rc\n\r";
        let want = crate::json::sha256_hex(text);
        for piece in 1..6 {
            assert_eq!(hash(text, piece), want);
            assert_eq!(hash(&text.replace('\n', "\r\n"), piece), want);
        }
    }
}
