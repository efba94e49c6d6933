//! Measures of likeness against answers worked out by hand, or given by whoever defined the measure.

use super::*;

#[test]
fn levenshtein() {
    table(&[
        // The textbook's three edits: k to s, e to i, a g more; of seven characters.
        ("levenshtein: { value: sitting }", "kitten", 4.0 / 7.0, "3 of 7 characters differ"),
        ("levenshtein: { value: Sunday }", "Saturday", 5.0 / 8.0, "3 of 8"),
        ("levenshtein: { value: '' }", "", 1.0, ""),
        ("levenshtein: { value: '' }", "ab", 0.0, "2 of 2"),
        ("levenshtein: { value: ab }", "", 0.0, "2 of 2"),
        // Characters, not bytes; letters' case counts.
        ("levenshtein: { value: Straße }", "Strasse", 5.0 / 7.0, "2 of 7"),
        ("levenshtein: { value: añb }", "anb", 2.0 / 3.0, "1 of 3"),
        ("levenshtein: { value: A }", "a", 0.0, "1 of 1"),
        ("levenshtein: { value: aaa }", "aa", 2.0 / 3.0, "1 of 3"),
        ("levenshtein: { expected: /verdict }", "fails", 0.8, "1 of 5"),
        // The nearest of several values.
        ("levenshtein: { path: /issues/*/t, value: twos }", ISSUES, 0.75, "1 of 4"),
        ("levenshtein: { path: /n, value: 3.0 }", ISSUES, 1.0, ""),
        ("levenshtein: { value: sitting, not: true }", "kitten", 3.0 / 7.0, "holds to 0.57"),
        ("levenshtein: { path: /a, value: x }", "no", 0.0, "not JSON"),
    ]);
    assert!(run("levenshtein: { value: sitting, min: 0.55 }", "kitten").unwrap().passed);
    assert!(!run("levenshtein: { value: sitting, min: 0.6 }", "kitten").unwrap().passed);
}

/// C.-Y. Lin, ROUGE, 2004, section 3.1: S1 is the reference, S2, S3 and S4 are candidates.
#[test]
fn rouge_as_its_paper_says() {
    let s1 = "police killed the gunman";
    let check = |variant: &str| format!("rouge: {{ value: {s1}, variant: {variant} }}");
    table(&[
        // "S2 has a ROUGE-L score of 3/4 = 0.75 and S3 has a score of 2/4 = 0.5, with beta = 1."
        (&check("l"), "police kill the gunman", 0.75, "ROUGE-L 0.750: 3 in common, 4 found, 4 wanted"),
        (&check("l"), "the gunman kill police", 0.5, "2 in common"),
        // "ROUGE-2 would give S2 and S3 the same": one pair of three, "the gunman".
        (&check("2"), "police kill the gunman", 1.0 / 3.0, "ROUGE-2 0.333: 1 in common, 3 found, 3 wanted"),
        (&check("2"), "the gunman kill police", 1.0 / 3.0, "1 in common"),
        // "S4 ... its ROUGE-L is the same as S3's, and ROUGE-2 would prefer it": two pairs of three.
        (&check("l"), "the gunman police killed", 0.5, "2 in common"),
        (&check("2"), "the gunman police killed", 2.0 / 3.0, "2 in common"),
        (&check("1"), "police kill the gunman", 0.75, "ROUGE-1 0.750: 3 in common"),
    ]);
}

#[test]
fn rouge() {
    table(&[
        // A word counts as often as both have it: 2 of "the"; 2*2/(7+6).
        (
            "rouge: { value: the cat is on the mat, variant: 1 }",
            "the the the the the the the",
            4.0 / 13.0,
            "2 in common, 7 found, 6 wanted",
        ),
        // Case and punctuation do not count.
        ("rouge: { value: 'The END, at last', variant: l }", "the end at (last).", 1.0, ""),
        // `can't`, `3.5` and each of two ideographs are words: 1 of 2, 1 of 2, 1 of 2.
        ("rouge: { value: can't stop, variant: 1 }", "can't go", 0.5, "1 in common, 2 found, 2 wanted"),
        ("rouge: { value: 3.5 dB, variant: 1 }", "3.5 m", 0.5, "1 in common"),
        ("rouge: { value: 合格, variant: 1 }", "合理", 0.5, "1 in common, 2 found, 2 wanted"),
        // Without a word, or without a pair.
        ("rouge: { value: '', variant: 1 }", "...", 1.0, ""),
        ("rouge: { value: '', variant: l }", "a", 0.0, "0 in common"),
        ("rouge: { value: cat, variant: 2 }", "cat", 1.0, ""),
        ("rouge: { value: cat, variant: 2 }", "dog", 0.0, "0 in common, 0 found, 0 wanted"),
        ("rouge: { path: /issues/*/t, value: one beta, variant: l }", ISSUES, 0.5, "1 in common"),
        ("rouge: { expected: /verdict, variant: 1, not: true }", "pass", 1.0, ""),
    ]);
}

#[test]
fn bleu() {
    // Papineni et al., 2002, example 2: "the" counts twice, so p1 = 2/7. With one added to both counts p2 = 1/7,
    // p3 = 1/6, p4 = 1/5; the text is longer than the reference, so nothing is taken off.
    let clipped = (2.0_f64 / 7.0 / 7.0 / 6.0 / 5.0).powf(0.25);
    // 3 of 4 words, (1+1)/(3+1) pairs, (0+1)/(2+1) triples, (0+1)/(1+1) quadruples.
    let one_word_off = (3.0_f64 / 4.0 * 0.5 / 3.0 * 0.5).powf(0.25);
    // All that is there is right, and half of the reference is missing: e^(1 - 4/2).
    let short = (-1.0_f64).exp();
    table(&[
        ("bleu: { value: The cat is on the mat. }", "the the the the the the the", clipped, "7 words found"),
        ("bleu: { value: police killed the gunman }", "police kill the gunman", one_word_off, "BLEU 0.5"),
        (
            "bleu: { value: police killed the gunman }",
            "Police killed",
            short,
            "BLEU 0.368: 2 words found, 4 wanted",
        ),
        ("bleu: { value: police killed the gunman }", "POLICE killed the gunman!", 1.0, ""),
        ("bleu: { value: police }", "thief", 0.0, "BLEU 0.000"),
        ("bleu: { value: '' }", "", 1.0, ""),
        ("bleu: { value: '' }", "a", 0.0, "1 words found, 0 wanted"),
        ("bleu: { value: a }", "", 0.0, "0 words found, 1 wanted"),
        ("bleu: { path: /issues/*/t, value: two }", ISSUES, 1.0, ""),
    ]);
}

#[test]
fn what_would_take_too_long_is_not_compared() {
    // A million characters that have nothing in common, and as many words.
    let (a, b) = ("a".repeat(1_000_000), "b".repeat(1_000_000));
    let (many_a, many_b) = ("a ".repeat(100_000), "b ".repeat(100_000));
    for (check, text, wanted, why) in [
        ("levenshtein", &a, &b, "1000000 characters against 1000000 are too many to compare"),
        ("rouge l", &many_a, &many_b, "100000 words against 100000 are too many to compare"),
    ] {
        let mut args = json!({ "value": wanted });
        let kind = check.split(' ').next().unwrap();
        if kind == "rouge" {
            args["variant"] = "l".into();
        }
        let error = run(&json!({ kind: args }).to_string(), text).unwrap_err();
        assert!(error.starts_with(&format!("check `{check}` could not run: {why}")), "{error}");
        assert!(error.contains("compare a part, with `path`"), "{error}");
    }
    // Long texts that are nearly equal are no work, nor is a long one against a short one, nor counting.
    let near = format!("{a}x{a}");
    let check = json!({ "levenshtein": { "value": format!("{a}y{a}"), "min": 0.999 } }).to_string();
    assert!(run(&check, &near).unwrap().passed);
    assert!(run("levenshtein: { value: a }", &a).unwrap().score < 1e-5);
    for kind in ["rouge: { value: c, variant: 1 }", "rouge: { value: c d, variant: 2 }", "bleu: { value: c }"]
    {
        assert!(run(kind, &many_a).unwrap().score < 1e-9, "{kind}");
    }
}
