//! Counting by hand.

use super::*;

fn guard(name: &str, part: Part, gates: bool) -> Guard {
    Guard { name: name.to_owned(), part, fails: gates, gated: false, embedded: part == Part::Judge }
}

fn mutant(kind: Kind, at: Option<&str>, outcome: Outcome, by: &[usize]) -> MutantSeen {
    MutantSeen {
        kind,
        at: at.map(str::to_owned),
        seen: Seen { outcome, by: by.to_vec(), not_asked: Vec::new(), failed: None },
        excerpts: Some(("before".to_owned(), "after".to_owned())),
    }
}

/// Two cases; guards 0 and 1 are checks, 2 informs, 3 is an embedded judge.
fn field() -> Field {
    let case = |id: &str, mutants| CaseSeen {
        id: id.to_owned(),
        slices: BTreeMap::from([("kind".to_owned(), vec!["a".to_owned(), id.to_owned()])]),
        mutants,
        ..CaseSeen::default()
    };
    Field {
        suite: "s".to_owned(),
        model: "m".to_owned(),
        guards: vec![
            guard("one", Part::Check, true),
            guard("two", Part::Check, true),
            guard("three", Part::Metric, false),
            guard("judge j", Part::Judge, true),
        ],
        slices: vec!["kind".to_owned()],
        cases: vec![
            case(
                "c-1",
                vec![
                    mutant(Kind::Empty, None, Outcome::Noticed, &[0, 3]),
                    mutant(Kind::NumberOff, Some("/x"), Outcome::Noticed, &[3]),
                    mutant(Kind::NumberOff, Some("/y"), Outcome::Survived, &[2]),
                    mutant(Kind::Fenced, None, Outcome::Equal, &[]),
                ],
            ),
            case(
                "c-2",
                vec![
                    mutant(Kind::NumberOff, Some("/y"), Outcome::Survived, &[]),
                    mutant(Kind::Swapped, None, Outcome::Survived, &[]),
                ],
            ),
        ],
        ..Field::default()
    }
}

#[test]
fn counts_by_hand() {
    let found = table(&field());
    let counts =
        |planted, noticed, survived, equal| Counts { planted, noticed, survived, not_assessed: 0, equal };
    assert_eq!(found.total, counts(5, 2, 3, 1));
    assert_eq!(found.score, Some(0.4));
    // Without the judge the number at /x survives.
    assert_eq!(found.score_without_judge, Some(0.2));
    assert_eq!(found.ci95, None, "two cases are too few");
    assert_eq!(found.unguarded, ["c-2"]);
    let row = |kind| found.faults.iter().find(|row| row.fault == kind).unwrap();
    assert_eq!((row(Kind::NumberOff).counts, row(Kind::NumberOff).not_applicable), (counts(3, 1, 2, 0), 0));
    assert_eq!((row(Kind::Empty).counts, row(Kind::Empty).not_applicable), (counts(1, 1, 0, 0), 1));
    assert_eq!((row(Kind::Stale).counts, row(Kind::Stale).not_applicable), (Counts::default(), 2));
    assert_eq!(found.faults.len(), Kind::ALL.len());
    let place = &found.places[0];
    assert_eq!((place.fault, place.at.as_deref(), place.counts.survived), (Kind::NumberOff, Some("/y"), 2));
    let slices: Vec<_> =
        found.slices.iter().map(|row| (row.value.as_str(), row.cases, row.counts.planted)).collect();
    assert_eq!(slices, [("a", 2, 5), ("c-1", 1, 3), ("c-2", 1, 2)]);
}

#[test]
fn guards_by_hand() {
    let found = table(&field());
    let row = |at: usize| {
        let row: &GuardRow = &found.guards[at];
        (row.sees, row.only_it, row.gates)
    };
    assert_eq!(row(0), (1, 0, true), "the judge sees the same");
    assert_eq!(row(1), (0, 0, true));
    assert_eq!(row(2), (1, 1, false), "the survivor that it would notice if it gated");
    assert_eq!(row(3), (2, 1, true));
    assert_eq!(found.guards[3].only_it_faults, BTreeMap::from([("number_off", 1)]));
}

#[test]
fn the_worst_survivor_comes_first_and_speaks_for_those_alike() {
    let found = table(&field());
    let told: Vec<_> = found.survivors.iter().map(|s| (s.fault, s.case.as_str(), s.alike)).collect();
    assert_eq!(told, [(Kind::Swapped, "c-2", 1), (Kind::NumberOff, "c-1", 2)]);
}

#[test]
fn nothing_assessed_has_no_score() {
    let mut field = field();
    field.cases.iter_mut().flat_map(|case| &mut case.mutants).for_each(|mutant| {
        mutant.seen =
            Seen { outcome: Outcome::NotAssessed, by: Vec::new(), not_asked: vec![3], failed: None };
    });
    let found = table(&field);
    assert_eq!((found.score, found.total.not_assessed, found.perhaps_noticed), (None, 6, 0));
    assert_eq!((found.guards[3].not_asked, found.unguarded.len()), (6, 0));
    assert_eq!(table(&Field::default()).score, None);
}

#[test]
fn an_interval_takes_cases_and_both_fates() {
    let mut field = field();
    let of = |i: usize, outcome| CaseSeen {
        id: i.to_string(),
        cluster: None,
        mutants: vec![mutant(Kind::Empty, None, outcome, &[])],
        ..CaseSeen::default()
    };
    let half = |i: usize| of(i, if i.is_multiple_of(2) { Outcome::Noticed } else { Outcome::Survived });
    field.cases = (0..40).map(half).collect();
    let [low, high] = table(&field).ci95.unwrap();
    // Of 40 even coins the middle 95% lie within about 15 points of a half.
    assert!((0.30..0.40).contains(&low) && (0.60..0.70).contains(&high), "{low} {high}");
    // Twenty clusters of two alike: as many cases, less to go by.
    for (i, case) in field.cases.iter_mut().enumerate() {
        *case = half(i / 2);
        case.cluster = Some(format!("story {}", i / 2));
    }
    let [wide_low, wide_high] = table(&field).ci95.unwrap();
    assert!(wide_high - wide_low > high - low, "{wide_low} {wide_high}");
    field.cases.truncate(38);
    assert_eq!(table(&field).ci95, None, "nineteen clusters");
    field.cases = (0..40).map(|i| of(i, Outcome::Noticed)).collect();
    assert_eq!(table(&field).ci95, None, "no spread shown is not certainty");
}
