//! Editing the prompt changes the answer, or is refused by name.

use super::*;

#[test]
fn a_changed_number_moves_the_limit() {
    for (kind, from, to, want) in [
        ("pim", "<= -97 dBm", "<= -110 dBm", "PIM_LIMIT confirmed"),
        ("pim", "<= -97 dBm", "<= -110 dBm, review up to -100 dBm", "PIM_LIMIT suspected"),
        ("pim", "43 dBm +- 0.5 dB", "46 dBm +- 0.5 dB", "TEST_SETUP confirmed"),
        ("pim", "from -140 dBm to", "from -104.2 dBm to", "DQ_IMPLAUSIBLE confirmed"),
        ("pim", "in use by >= 10 dB", "in use by >= 30 dB", "TEST_SETUP confirmed"),
        ("sweep", ">= 15.5 dB, review from 14.0 dB", ">= 21 dB, review from 19 dB", "SWP_RL_LIMIT suspected"),
        ("sweep", ">= 15.5 dB, review from 14.0 dB", ">= 21 dB", "SWP_RL_LIMIT confirmed"),
        ("sweep", "<= 8 h earlier", "<= 0.5 h earlier", "CAL_INVALID confirmed"),
        ("fiber", "UPC <= -50 dB, review", "UPC <= -55 dB, review", "FIB_OPTICAL suspected"),
        ("drive", "attempts >= 20,", "attempts >= 100,", "DOC_MISSING confirmed"),
        ("closeout", "position <= 100 m", "position <= 5 m", "DOC_ID_MISMATCH confirmed"),
        ("closeout", "from -57 V to -46 V", "from -54 V to -46 V", "INS_WORKMANSHIP suspected"),
    ] {
        assert_eq!(PROMPT.matches(from).count(), 1, "{from}");
        assert_eq!(issues(&ask(&PROMPT.replace(from, to), &clean(kind))), [want], "{to}");
    }
}

#[test]
fn dropping_a_section_silences_its_tests() {
    let start = PROMPT.find("## PIM limits").unwrap();
    let end = PROMPT.find("## Antenna alignment limits").unwrap();
    let without = PROMPT.replace(&PROMPT[start..end], "");
    let bad = edited(clean("pim"), &[("/measurements/static_max", "-60.0")]);
    assert_eq!(ask(PROMPT, &bad)["verdict"], "fail");
    assert_eq!(ask(&without, &bad)["verdict"], "pass");
    assert_eq!(ask("Reply in JSON.\n{input_data}", &bad)["verdict"], "pass");
}

#[test]
fn an_unreadable_rule_is_an_error_for_every_record() {
    let broken = PROMPT.replace("<= -97 dBm", "as low as reasonable");
    for kind in ["pim", "sweep"] {
        let error = answer(&render(&broken, &clean(kind))).unwrap_err();
        assert!(error.contains("rule P1 on line") && error.contains("as low as reasonable"), "{error}");
    }
}

#[test]
fn answers_in_json_only_when_asked() {
    let bad = edited(clean("pim"), &[("/measurements/static_max", "-89.60")]);
    let plain = answer(&render("P1: PIM <= -97 dBm\n{input_data}", &bad)).unwrap();
    assert!(plain.starts_with("Record RF-100105: fail; PIM_LIMIT confirmed by P1"), "{plain}");
    assert!(plain.ends_with("not an LLM)."), "{plain}");
    let json = answer(&render("P1: PIM <= -97 dBm\nAnswer in JSON.\n{input_data}", &bad)).unwrap();
    let keys: Vec<String> =
        serde_json::from_str::<serde_json::Map<_, _>>(&json).unwrap().into_iter().map(|(k, _)| k).collect();
    assert_eq!(keys, ["record_id", "verdict", "confidence", "issues", "summary"]);
    assert!(json.starts_with("{\n  \"record_id\""), "{json}");
}

#[test]
fn number_text_is_quoted_as_written() {
    let text = pretty(&clean("pim").to_string()).replace("-104.1", "-9.0e1");
    let got = answer(&PROMPT.replace("{input_data}", &wrap("input_data", &text))).unwrap();
    assert!(got.contains("\"quote\": \"-9.0e1\""), "{got}");
}
