//! Name and value pairs in JUnit.
//!
//! `junit-10.xsd` has `<properties>` on a test suite only, and the XML crate does not write them: they are put into what
//! it wrote. A test case's own pairs are `[[PROPERTY|name=value]]` lines in its `system-out`, which several readers
//! collect.

use junit_report::TestSuite;

use super::sanitize;

/// Name and value pairs.
pub(super) type Properties = Vec<(String, String)>;

/// `[[PROPERTY|name=value]]`, one a line. `]]` would end a line's value early.
pub(super) fn lines(properties: &[(String, String)]) -> String {
    let one = |text: &str| sanitize::line(text).replace("]]", "] ]");
    let shown = properties
        .iter()
        .map(|(name, value)| format!("[[PROPERTY|{}={}]]", one(name).replace(['|', '='], "_"), one(value)));
    shown.collect::<Vec<_>>().join("\n")
}

/// The document with each suite's `<properties>`, in the order of the suites.
pub(super) fn insert(xml: &str, of_suites: &[Properties]) -> String {
    let mut suites = of_suites.iter();
    each_tag(xml, |tag| {
        let properties = if tag.starts_with(SUITE) { suites.next()? } else { return None };
        match (properties.is_empty(), tag.strip_suffix("/>")) {
            (true, _) => None,
            // A suite without a test.
            (false, Some(open)) => Some(format!("{open}>{}</testsuite>", element(properties))),
            (false, None) => Some(format!("{tag}{}", element(properties))),
        }
    })
}

/// The document with the counts that the XML crate leaves out: `skipped` of each suite, and the sums and time of all suites.
/// `junit-10.xsd` has no `skipped` on `<testsuites>`.
pub(super) fn count(xml: &str, of_suites: &[TestSuite]) -> String {
    let sum = |each: fn(&TestSuite) -> usize| of_suites.iter().map(each).sum::<usize>();
    let mut suites = of_suites.iter();
    each_tag(xml, |tag| {
        if let Some(rest) = tag.strip_prefix(SUITES) {
            let (tests, errors, failures) =
                (sum(TestSuite::tests), sum(TestSuite::errors), sum(TestSuite::failures));
            // Some readers fail on a root without a time.
            let seconds = of_suites.iter().map(TestSuite::time).sum::<time::Duration>().as_seconds_f64();
            return Some(format!(
                "{SUITES} tests=\"{tests}\" errors=\"{errors}\" failures=\"{failures}\" time=\"{seconds}\"{rest}"
            ));
        }
        let suite = if tag.starts_with(SUITE) { suites.next()? } else { return None };
        // A quotation mark inside a value is escaped, so this is the attribute itself.
        Some(tag.replacen(" hostname=\"", &format!(" skipped=\"{}\" hostname=\"", suite.skipped()), 1))
    })
}

const SUITE: &str = "<testsuite ";
const SUITES: &str = "<testsuites";

/// The document with some of its tags replaced. Text of models is in CDATA and may contain anything; it is left alone.
fn each_tag(xml: &str, mut replaced: impl FnMut(&str) -> Option<String>) -> String {
    const CDATA: (&str, &str) = ("<![CDATA[", "]]>");
    let mut out = String::with_capacity(xml.len());
    let mut rest = xml;
    // Outside CDATA and inside attributes `<` is escaped.
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        let is_text = tag.starts_with(CDATA.0);
        let end = if is_text { CDATA.1 } else { ">" };
        let length = tag.find(end).map_or(tag.len(), |at| at + end.len());
        let (tag, after) = tag.split_at(length);
        rest = after;
        match replaced(tag).filter(|_| !is_text) {
            Some(new) => out.push_str(&new),
            None => out.push_str(tag),
        }
    }
    out.push_str(rest);
    out
}

fn element(properties: &[(String, String)]) -> String {
    let one = |(name, value): &(String, String)| {
        format!("<property name=\"{}\" value=\"{}\"/>", attribute(name), attribute(value))
    };
    format!("<properties>{}</properties>", properties.iter().map(one).collect::<String>())
}

fn attribute(text: &str) -> String {
    let text = sanitize::line(text);
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn properties_are_one_line_each() {
        let given = [pair("a|b", "x]]>\ny]] z\u{1b}[0m")];
        assert_eq!(lines(&given), "[[PROPERTY|a_b=x] ] > y] ] z]]");
    }

    #[test]
    fn they_are_in_their_suite_whatever_a_model_wrote() {
        let xml = "<testsuites><testsuite id=\"0\"><testcase><failure><![CDATA[<testsuite id=\"1\">]]></failure>\
                   </testcase></testsuite><testsuite id=\"1\"/></testsuites>";
        let given = [vec![pair("a", "1 < 2 & \"3\"")], vec![pair("b", "2")]];
        assert_eq!(
            insert(xml, &given),
            "<testsuites><testsuite id=\"0\"><properties><property name=\"a\" value=\"1 &lt; 2 &amp; &quot;3&quot;\"/>\
             </properties><testcase><failure><![CDATA[<testsuite id=\"1\">]]></failure></testcase></testsuite>\
             <testsuite id=\"1\"><properties><property name=\"b\" value=\"2\"/></properties></testsuite></testsuites>"
        );
        assert_eq!(insert(xml, &[]), xml);
    }
}
