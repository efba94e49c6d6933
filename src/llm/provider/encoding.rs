//! Compressed answers. Requests ask for none, but some gateways compress all the same.

use std::borrow::Cow;
use std::io::{ErrorKind, Read};

use bytes::Bytes;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use reqwest::header::{CONTENT_ENCODING, HeaderMap};

use super::fault::{Fault, cut};
use crate::llm::Failure;

/// Encodings of one answer, at most.
const MOST: usize = 4;
/// Characters kept of an encoding's name.
const MAX_NAME: usize = 40;
/// The first bytes of gzip, with which no JSON begins.
const GZIP: &[u8] = b"\x1f\x8b";

/// Decompresses a body to at most `max` bytes.
pub(super) fn decoded(headers: &HeaderMap, body: Bytes, max: usize) -> Result<Bytes, Fault> {
    let named = headers.get_all(CONTENT_ENCODING).iter();
    let named: Vec<Cow<'_, str>> = named.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    let names = named.iter().flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase());
    let mut encodings: Vec<String> =
        names.filter(|name| !["", "identity"].contains(&name.as_str())).collect();
    if encodings.is_empty() && body.starts_with(GZIP) {
        encodings.push("gzip".to_owned());
    }
    if encodings.len() > MOST {
        return Err(unknown(&encodings.join(", ")));
    }
    // The last one was applied last.
    encodings.iter().rev().try_fold(body, |body, encoding| one(encoding, body, max))
}

fn one(encoding: &str, body: Bytes, max: usize) -> Result<Bytes, Fault> {
    let input = body.as_ref();
    let read = match encoding {
        // Some gateways decompress the body and leave the header.
        "gzip" | "x-gzip" if !input.starts_with(GZIP) => return Ok(body),
        "deflate" if is_text(input) => return Ok(body),
        "gzip" | "x-gzip" => bounded(MultiGzDecoder::new(input), max),
        "deflate" if is_zlib(input) => bounded(ZlibDecoder::new(input), max),
        "deflate" => bounded(DeflateDecoder::new(input), max),
        other => return Err(unknown(other)),
    };
    match read {
        Ok(Some(read)) => Ok(read.into()),
        Ok(None) => Err(Fault::new(
            Failure::Malformed,
            format!("an answer of more than {max} bytes after decompression ({encoding})"),
        )),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(Fault::new(
            Failure::Malformed,
            format!("the {encoding} answer broke off after {} bytes", input.len()),
        )),
        Err(error) => {
            let what = format!("the answer is marked as {encoding} and cannot be decompressed: {error}");
            Err(Fault::new(Failure::Malformed, what))
        }
    }
}

/// Nothing where it is more than `max` bytes.
fn bounded(from: impl Read, max: usize) -> std::io::Result<Option<Vec<u8>>> {
    let mut read = Vec::new();
    from.take(max as u64 + 1).read_to_end(&mut read)?;
    Ok((read.len() <= max).then_some(read))
}

/// Begins like JSON or a web page.
fn is_text(body: &[u8]) -> bool {
    body.trim_ascii_start().first().is_none_or(|first| b"{[<".contains(first)) && !is_zlib(body)
}

/// The two bytes in front of a zlib stream.
fn is_zlib(body: &[u8]) -> bool {
    let Some(&[method, flags]) = body.get(..2) else { return false };
    method & 0x0f == 8 && (u16::from(method) << 8 | u16::from(flags)) % 31 == 0
}

/// Another try meets the same encoding.
fn unknown(encoding: &str) -> Fault {
    let what = format!(
        "the answer has the content encoding `{}`: expected gzip, deflate or none. hint: turn off compression in the \
         gateway in front of the model",
        cut(encoding, MAX_NAME)
    );
    Fault::new(Failure::Misconfigured, what)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use reqwest::header::HeaderValue;

    use super::*;

    const TEXT: &[u8] = br#"{"a":"b"}"#;
    const MAX: usize = 1000;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn deflate(text: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn read(encodings: &[&str], body: Vec<u8>) -> Result<Bytes, Fault> {
        let mut headers = HeaderMap::new();
        for encoding in encodings {
            headers.append(CONTENT_ENCODING, HeaderValue::from_str(encoding).unwrap());
        }
        decoded(&headers, body.into(), MAX)
    }

    #[test]
    fn encodings_are_undone() {
        let members = [gzip(&TEXT[..4]), gzip(&TEXT[4..])].concat();
        for (encodings, body) in [
            (&[][..], TEXT.to_vec()),
            (&["identity"], TEXT.to_vec()),
            (&["gzip"], gzip(TEXT)),
            (&["X-GZIP"], gzip(TEXT)),
            (&["gzip"], members),
            (&["deflate"], zlib(TEXT)),
            (&["deflate"], deflate(TEXT)),
            (&["deflate, gzip"], gzip(&zlib(TEXT))),
            (&["deflate", "identity, gzip"], gzip(&zlib(TEXT))),
            // The header and the body disagree.
            (&[], gzip(TEXT)),
            (&["gzip"], TEXT.to_vec()),
            (&["deflate"], TEXT.to_vec()),
        ] {
            assert_eq!(read(encodings, body).unwrap(), TEXT, "{encodings:?}");
        }
        assert_eq!(read(&["gzip"], Vec::new()).unwrap(), "");
        assert_eq!(read(&["deflate"], b"<html>".to_vec()).unwrap(), "<html>");
    }

    #[test]
    fn what_cannot_be_undone_is_named() {
        let bomb = gzip(&vec![b' '; MAX + 1]);
        let whole = gzip(TEXT);
        for (encoding, body, failure, says) in [
            (
                "br",
                TEXT.to_vec(),
                Failure::Misconfigured,
                "the answer has the content encoding `br`: expected",
            ),
            (
                "zstd",
                TEXT.to_vec(),
                Failure::Misconfigured,
                "the answer has the content encoding `zstd`: expected",
            ),
            (
                "gzip,gzip,gzip,gzip,gzip",
                TEXT.to_vec(),
                Failure::Misconfigured,
                "the answer has the content encoding `gzip, gzip,",
            ),
            ("gzip", bomb, Failure::Malformed, "an answer of more than 1000 bytes after decompression"),
            ("gzip", whole[..15].to_vec(), Failure::Malformed, "the gzip answer broke off after 15 bytes"),
            (
                "gzip",
                [GZIP, b"<html>sign in</html>"].concat(),
                Failure::Malformed,
                "the answer is marked as gzip and cannot",
            ),
        ] {
            let fault = read(&[encoding], body).unwrap_err();
            assert_eq!(fault.failure, failure, "{encoding}");
            assert!(fault.message.starts_with(says), "{}", fault.message);
        }
        assert_eq!(read(&["gzip"], gzip(&[b' '; MAX])).unwrap().len(), MAX);
    }
}
