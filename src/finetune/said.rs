//! What an input says: its words, whatever its form.

use serde_json::Value;
use unicode_segmentation::UnicodeSegmentation;

use crate::json::canonical;

/// The words of an input, in an order that its form does not decide.
///
/// Of an object only the values count, in the order of their keys, so that other keys, another order, other escapes and
/// another way to write a number make no other input; text that is itself a JSON object or list is read as one.
///
/// Words are runs of letters and digits in lower case, a number with its sign and its point.
#[must_use]
pub fn words(input: &Value) -> Vec<String> {
    let mut all = Vec::new();
    gather(input, &mut all, 0);
    if all.is_empty() {
        // Nothing but signs: they are all that it says.
        all.push(canonical(input));
    }
    all
}

/// JSON inside text is looked into this often.
const DEEPEST: usize = 4;

fn gather(value: &Value, all: &mut Vec<String>, depth: usize) {
    match value {
        Value::Null => {}
        Value::Bool(yes) => all.push(yes.to_string()),
        Value::Number(number) => {
            all.push(number.as_f64().map_or_else(|| number.to_string(), |x| x.to_string()));
        }
        Value::String(text) => match inner(text, depth) {
            Some(inner) => gather(&inner, all, depth + 1),
            None => all.extend(words_of(text).into_iter().flat_map(parts)),
        },
        Value::Array(items) => items.iter().for_each(|item| gather(item, all, depth)),
        Value::Object(fields) => {
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            fields.into_iter().for_each(|(_, value)| gather(value, all, depth));
        }
    }
}

fn inner(text: &str, depth: usize) -> Option<Value> {
    let trimmed = text.trim();
    if depth >= DEEPEST || !trimmed.starts_with(['{', '[']) {
        return None;
    }
    serde_json::from_str(trimmed).ok()
}

/// A run without spaces of a script that writes none, sign by sign.
fn parts(word: String) -> Vec<String> {
    if word.is_ascii() { vec![word] } else { word.unicode_words().map(str::to_owned).collect() }
}

fn words_of(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.to_lowercase().chars().collect();
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for (at, c) in chars.iter().enumerate() {
        let next_is_digit = chars.get(at + 1).is_some_and(char::is_ascii_digit);
        let inside_number =
            matches!(c, '.' | ',') && word.ends_with(|c: char| c.is_ascii_digit()) && next_is_digit;
        let sign = *c == '-' && word.is_empty() && next_is_digit;
        if c.is_alphanumeric() || inside_number || sign {
            word.push(*c);
        } else if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_keep_their_numbers() {
        assert_eq!(
            words(&json!("PIM: -97.5 dBm (2x43), o.k. 1,000 a-b")),
            ["pim", "-97.5", "dbm", "2x43", "o", "k", "1,000", "a", "b"]
        );
        assert_eq!(words(&json!("测量值 größer")), ["测", "量", "值", "größer"]);
        assert_ne!(words(&json!("?")), words(&json!("!")), "signs are all that these say");
    }

    #[test]
    fn the_form_of_an_input_says_nothing() {
        let plain = words(&json!({ "note": "Loss is 17.5 dB", "b": [1, true, null], "loss": 2.5 }));
        assert_eq!(plain, ["1", "true", "2.5", "loss", "is", "17.5", "db"]);
        let texts = [
            r#"{"loss": 2.50, "note": "Loss\u0020is 17.5 dB", "b": [1, true]}"#,
            r#"{"loss": 25e-1, "note": "loss is\n17.5 dB", "b": ["1", "TRUE"]}"#,
        ];
        for text in texts {
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(words(&value), plain, "{text}");
            assert_eq!(words(&Value::String(text.to_owned())), plain, "as text: {text}");
        }
        let renamed = words(&json!({ "a": [1, true], "l": 2.5, "text": "loss is 17.5 dB" }));
        assert_eq!(renamed, plain);
    }
}
