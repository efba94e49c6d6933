//! A strict walk over JUnit XML: well-formed, and only what `junit-10.xsd` allows.
//!
//! The rules are written down here from the schema that Jenkins' xUnit plugin validates with: which element may stand
//! in which, which attributes it may and must have, and the form of a suite's time. Entities other than the five of
//! XML, comments and processing instructions are refused, as the reports have none.

/// Allowed children, allowed attributes, required attributes.
type Rule = (&'static [&'static str], &'static [&'static str], &'static [&'static str]);

fn rule(element: &str) -> Rule {
    match element {
        "" => (&["testsuites"], &[], &[]),
        "testsuites" => (&["testsuite"], &["name", "time", "tests", "failures", "errors"], &[]),
        "testsuite" => (
            &["testsuite", "properties", "testcase", "system-out", "system-err"],
            &[
                "name",
                "tests",
                "failures",
                "errors",
                "group",
                "time",
                "skipped",
                "timestamp",
                "hostname",
                "id",
                "package",
                "file",
                "log",
                "url",
                "version",
            ],
            &["name", "tests", "failures", "errors"],
        ),
        "testcase" => (
            &["skipped", "error", "failure", "system-out", "system-err"],
            &["name", "time", "classname", "group"],
            &["name"],
        ),
        "failure" | "error" | "skipped" => (&[], &["type", "message"], &[]),
        "properties" => (&["property"], &[], &[]),
        "property" => (&[], &["name", "value"], &["name", "value"]),
        "system-out" | "system-err" => (&[], &[], &[]),
        other => panic!("unexpected element <{other}>"),
    }
}

/// Elements whose content is text; elsewhere only white space may stand between elements.
fn holds_text(element: &str) -> bool {
    matches!(element, "failure" | "error" | "skipped" | "system-out" | "system-err")
}

/// What one test case says: class, name, the element of its result (or `ok`) and all of its text.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) class: String,
    pub(crate) name: String,
    pub(crate) result: String,
    pub(crate) text: String,
}

/// Walk over `xml`, panic on the first thing that is not allowed, and return the test cases.
pub(crate) fn check(xml: &str) -> Vec<Found> {
    let bad = xml.chars().find(|c| {
        !matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
    });
    assert_eq!(bad, None, "a character outside XML 1.0");
    let mut rest =
        xml.strip_prefix("<?xml version=\"1.0\" encoding=\"utf-8\"?>").expect("an XML declaration");
    let mut open: Vec<String> = Vec::new();
    let mut found: Vec<Found> = Vec::new();
    let mut counts = Vec::new();
    let mut totals = Default::default();
    while !rest.is_empty() {
        let here = open.last().map_or("", String::as_str);
        if let Some(from) = rest.strip_prefix("<![CDATA[") {
            assert!(holds_text(here), "text in <{here}>");
            let (text, after) = from.split_once("]]>").expect("an end of CDATA");
            if let Some(case) = found.last_mut() {
                case.text.push_str(text);
            }
            rest = after;
        } else if let Some(from) = rest.strip_prefix("</") {
            let (name, after) = from.split_once('>').expect("an end of a tag");
            assert_eq!(Some(name), open.pop().as_deref());
            rest = after;
        } else if let Some(from) = rest.strip_prefix('<') {
            let (tag, after) = tag(from);
            let (name, attributes, is_empty) = tag;
            assert!(rule(here).0.contains(&name), "<{name}> in <{here}>");
            check_attributes(name, &attributes);
            let value = |wanted: &str| {
                attributes.iter().find(|(n, _)| *n == wanted).map(|(_, v)| v.clone()).unwrap_or_default()
            };
            let counted = || ["tests", "failures", "errors", "skipped"].map(value);
            match name {
                "testsuites" => totals = counted(),
                "testsuite" => counts.push((found.len(), counted())),
                "testcase" => found.push(Found {
                    class: value("classname"),
                    name: value("name"),
                    result: "ok".to_owned(),
                    text: String::new(),
                }),
                "failure" | "error" | "skipped" => {
                    let case = found.last_mut().expect("a test case around a result");
                    assert_eq!(case.result, "ok", "two results");
                    case.result = name.to_owned();
                    case.text.push_str(&value("message"));
                }
                _ => {}
            }
            if !is_empty {
                open.push(name.to_owned());
            }
            rest = after;
        } else {
            let end = rest.find('<').unwrap_or(rest.len());
            assert_eq!(rest[..end].trim(), "", "text outside CDATA");
            rest = &rest[end..];
        }
    }
    assert!(open.is_empty(), "not closed: {open:?}");
    check_counts(&found, &counts, &totals);
    check_names(&found);
    found
}

/// Name, attributes, and whether the element is empty.
type Tag<'a> = (&'a str, Vec<(&'a str, String)>, bool);

/// The tag at the start of `text` (after `<`), and what follows it.
fn tag(text: &str) -> (Tag<'_>, &str) {
    let end = text.find([' ', '>', '/']).expect("a name");
    let (name, mut rest) = text.split_at(end);
    let mut attributes: Vec<(&str, String)> = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("/>") {
            return ((name, attributes, true), after);
        }
        if let Some(after) = rest.strip_prefix('>') {
            return ((name, attributes, false), after);
        }
        let (attribute, from) = rest.split_once("=\"").expect("an attribute");
        let (value, after) = from.split_once('"').expect("an end of a value");
        assert!(!value.contains(['<', '\n', '\t']), "raw character in {attribute}={value:?}");
        assert!(attributes.iter().all(|(n, _)| *n != attribute), "{attribute} twice");
        attributes.push((attribute, unescape(value)));
        rest = after;
    }
}

fn unescape(value: &str) -> String {
    for part in value.split('&').skip(1) {
        let entity = part.split_once(';').map(|(entity, _)| entity);
        assert!(matches!(entity, Some("lt" | "gt" | "amp" | "quot" | "apos")), "entity in {value:?}");
    }
    value
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}

fn check_attributes(element: &str, attributes: &[(&str, String)]) {
    let (_, allowed, required) = rule(element);
    for (name, value) in attributes {
        assert!(allowed.contains(name), "{name} on <{element}>");
        if element.starts_with("testsuite") && *name == "time" {
            let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
            assert!(whole.chars().chain(decimals.chars()).all(|c| c.is_ascii_digit()), "time {value}");
            assert!(decimals.len() <= 3, "time {value}");
        }
    }
    for name in required {
        assert!(attributes.iter().any(|(n, _)| n == name), "no {name} on <{element}>");
    }
}

fn check_counts(found: &[Found], counts: &[(usize, [String; 4])], totals: &[String; 4]) {
    let of = |cases: &[Found]| {
        let of = |result: &str| cases.iter().filter(|case| case.result == result).count().to_string();
        [cases.len().to_string(), of("failure"), of("error"), of("skipped")]
    };
    for (n, (start, given)) in counts.iter().enumerate() {
        let end = counts.get(n + 1).map_or(found.len(), |next| next.0);
        assert_eq!(given, &of(&found[*start..end]));
    }
    // The schema has no `skipped` for all suites together.
    assert_eq!(totals[..3], of(found)[..3]);
}

fn check_names(found: &[Found]) {
    let mut names: Vec<(&str, &str)> =
        found.iter().map(|case| (case.class.as_str(), case.name.as_str())).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all, "a name occurs twice");
}
