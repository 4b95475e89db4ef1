//! What makes no sense is refused by name, with the line and the next step.

use serde_json::{Value, json};
use steward_anonymity::{AnonymityError, Inputs, Limits, Spec, anonymize, assess};

use crate::{run, run_bytes};

fn job(models: Value) -> Value {
    json!({
        "columns": [
            {"name": "name", "role": "identifying"},
            {"name": "zip", "role": "quasi-identifying", "hierarchy": {"kind": "mask"}},
            {"name": "illness", "role": "sensitive"}
        ],
        "models": models
    })
}

fn simple() -> Value {
    job(json!([{"model": "k-anonymity", "k": 2}]))
}

const TABLE: &str = "name,zip,illness\nAnn,81667,flu\nBob,81675,flu\nEve,81925,asthma\n";

fn refused(spec: &Value, table: &str) -> String {
    run(spec, table, None).unwrap_err().to_string()
}

fn contains(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{message}` does not say `{part}`");
    }
}

#[test]
fn tables_that_are_none() {
    let spec = simple();
    contains(
        &refused(&spec, "name,zip,illness\nAnn,81667\n"),
        &["table, line 2", "2 cells", "3"],
    );
    contains(
        &refused(&spec, "name,zip,zip,illness\n"),
        &["line 1", "names `zip` twice"],
    );
    contains(&refused(&spec, ""), &["table", "empty"]);
    contains(&refused(&spec, "name,zip,illness\n"), &["no rows"]);
    contains(
        &refused(&spec, "name,illness\nAnn,flu\n"),
        &["no column `zip`"],
    );
    contains(
        &refused(&spec, "name,zip,illness,age\nAnn,8,flu,3\n"),
        &["`age` without a role", "identifying"],
    );
    contains(
        &refused(&spec, "name;zip;illness\nAnn;81667;flu\n"),
        &["`name;zip;illness` without a role"],
    );
}

#[test]
fn bytes_that_are_no_utf_8_are_named_by_line() {
    let spec: Spec = serde_json::from_value(simple()).unwrap();
    let bytes = |bytes: &[u8]| {
        run_bytes(&spec, bytes, None, &mut |_| {
            Err(std::io::ErrorKind::NotFound.into())
        })
    };
    let latin1 = b"name,zip,illness\nAnn,81667,flu\nJos\xe9,81675,flu\n";
    contains(
        &bytes(latin1).unwrap_err().to_string(),
        &["table, line 3", "UTF-8"],
    );
    // GB 18030, as spreadsheets in China save it.
    let gbk = b"name,zip,illness\n\xcd\xf5\xb7\xbc,100000,flu\n";
    contains(
        &bytes(gbk).unwrap_err().to_string(),
        &["table, line 2", "UTF-8"],
    );
    let utf16: Vec<u8> = "\u{feff}name,zip\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    contains(
        &bytes(&utf16).unwrap_err().to_string(),
        &["table, line 1", "UTF-8"],
    );
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_name() {
    let (csv, _) = run(&simple(), &format!("\u{feff}{TABLE}"), None).unwrap();
    assert!(csv.starts_with("zip,illness\n"), "{csv}");
}

#[test]
fn more_than_there_is() {
    contains(
        &refused(&job(json!([{"model": "k-anonymity", "k": 4}])), TABLE),
        &["`k` is 4", "3 rows"],
    );
    let l = |model: Value| refused(&job(json!([model])), TABLE);
    let distinct = l(json!({"model": "distinct-l-diversity", "column": "illness", "l": 3}));
    contains(&distinct, &["`l` is 3", "`illness` has 2 different values"]);
    contains(
        &l(json!({"model": "entropy-l-diversity", "column": "illness", "l": 2.5})),
        &["2 different values"],
    );
    contains(
        &l(json!({"model": "recursive-cl-diversity", "column": "illness", "l": 3, "c": 2})),
        &["2 different"],
    );
    let far = l(json!({"model": "distinct-l-diversity", "column": "zip", "l": 2}));
    contains(&far, &["`zip`", "no `sensitive` column"]);
}

#[test]
fn models_that_compare_with_a_population_need_one() {
    let spec = job(json!([{"model": "k-map", "k": 2}]));
    contains(&refused(&spec, TABLE), &["k-map", "population"]);
    let lacks = run(&spec, TABLE, Some("zip\n81667\n81675\n81111\n")).unwrap_err();
    contains(&lacks.to_string(), &["population", "1 of the table's rows"]);
    let other = run(&spec, TABLE, Some("plz\n81667\n")).unwrap_err();
    contains(&other.to_string(), &["the population has no column `zip`"]);
    assert!(run(&spec, TABLE, Some("zip\n81667\n81675\n81925\n81999\n")).is_ok());
}

#[test]
fn numbers_that_make_no_sense() {
    for model in [
        json!({"model": "k-anonymity", "k": 1}),
        json!({"model": "k-map", "k": 0}),
        json!({"model": "distinct-l-diversity", "column": "illness", "l": 1}),
        json!({"model": "entropy-l-diversity", "column": "illness", "l": 1.0}),
        json!({"model": "recursive-cl-diversity", "column": "illness", "c": 0, "l": 2}),
        json!({"model": "t-closeness", "column": "illness", "t": 1.5, "distance": "equal"}),
        json!({"model": "beta-likeness", "column": "illness", "beta": -1}),
        json!({"model": "delta-presence", "min": 0.5, "max": 0.1}),
        json!({"model": "average-risk", "risk": 0}),
        json!({"model": "sample-uniqueness", "share": 2}),
    ] {
        let name = model["model"].as_str().unwrap().to_owned();
        contains(
            &refused(&job(json!([model])), TABLE),
            &["the job is not valid", &name],
        );
    }
    for (key, value) in [
        ("suppression_limit", json!(-0.1)),
        ("suppression_limit", json!(1.1)),
        ("risk_threshold", json!(0)),
        ("delimiter", json!("，")),
        ("delimiter", json!("\"")),
        ("models", json!([])),
        ("metric", json!({"kind": "loss", "suppression_weight": 1.5})),
    ] {
        let mut spec = simple();
        spec[key] = value;
        assert!(
            matches!(run(&spec, TABLE, None), Err(AnonymityError::Spec(_))),
            "{spec}"
        );
    }
}

#[test]
fn columns_that_make_no_sense() {
    let changed = |column: usize, key: &str, value: Value| {
        let mut spec = simple();
        spec["columns"][column][key] = value;
        refused(&spec, TABLE)
    };
    contains(
        &changed(1, "role", json!("insensitive")),
        &["`zip`", "hierarchy"],
    );
    contains(
        &changed(2, "name", json!("zip")),
        &["`zip` is described twice"],
    );
    contains(
        &changed(1, "min_level", json!(6)),
        &["`zip`", "levels 6 to 5", "0 to 5"],
    );
    contains(
        &changed(1, "max_level", json!(9)),
        &["`zip`", "levels 0 to 9"],
    );
    contains(&changed(1, "weight", json!(0)), &["`zip`", "weight"]);
    let mut none = simple();
    none["columns"][1] = json!({"name": "zip", "role": "insensitive"});
    contains(
        &refused(&none, TABLE),
        &["no column is `quasi-identifying`"],
    );
}

#[test]
fn hierarchies_that_are_none_are_refused_by_column() {
    let file = |text: &'static [u8]| {
        let mut spec = simple();
        spec["columns"][1]["hierarchy"] = json!({"kind": "file", "file": "zip.csv"});
        let spec: Spec = serde_json::from_value(spec).unwrap();
        assert_eq!(spec.files().collect::<Vec<_>>(), ["zip.csv"]);
        run_bytes(&spec, TABLE.as_bytes(), None, &mut |name| {
            assert_eq!(name, "zip.csv");
            Ok(text.to_vec())
        })
        .map_err(|error| error.to_string())
    };
    let cycle = file(b"81667;816;81667\n81675;816;81667\n81925;819;8\n").unwrap_err();
    contains(
        &cycle,
        &[
            "hierarchy of `zip`",
            "cycle: `81667` \u{2192} `816` \u{2192} `81667`",
        ],
    );
    contains(
        &file(b"81667;816;*\n81675;816;*\n").unwrap_err(),
        &["table, line 4", "`zip`", "`81925`", "add it"],
    );
    contains(
        &file(b"81667;816;*\n81675;*\n").unwrap_err(),
        &["zip.csv, line 2", "2 cells"],
    );
    contains(
        &file(b"81667;816;*\n\xff;*;*\n").unwrap_err(),
        &["zip.csv, line 2", "UTF-8"],
    );
    contains(&file(b"").unwrap_err(), &["hierarchy of `zip`", "empty"]);
    assert!(file("81667;816;*\n81675;816;*\n81925;819;*\n没有;无;*\n".as_bytes()).is_ok());

    let inline = |rows: Value| {
        let mut spec = simple();
        spec["columns"][1]["hierarchy"] = json!({"kind": "rows", "rows": rows});
        refused(&spec, TABLE)
    };
    contains(
        &inline(json!([["81667", "*"], ["81675"]])),
        &["`zip`", "`81675` has 1 levels", "2"],
    );
    let mut missing = simple();
    missing["columns"][1]["hierarchy"] = json!({"kind": "file", "file": "../secret"});
    contains(
        &refused(&missing, TABLE),
        &["hierarchy of `zip`", "`../secret` could not be read"],
    );
}

#[test]
fn values_that_fit_no_built_hierarchy_are_named_by_line() {
    let with = |hierarchy: Value| {
        let mut spec = simple();
        spec["columns"][1]["hierarchy"] = hierarchy;
        spec
    };
    let table = "name,zip,illness\nAnn,8,flu\nBob,,flu\nEve,unknown,asthma\n";
    let intervals = with(json!({"kind": "intervals", "widths": [10]}));
    contains(
        &refused(&intervals, table),
        &["table, line 4", "`zip`", "`unknown`", "no number"],
    );
    let dates = with(json!({"kind": "date", "units": ["year"]}));
    contains(
        &refused(&dates, "name,zip,illness\nAnn,2023-02-30,flu\n"),
        &["line 2", "no date"],
    );
    // An empty cell says nothing and is no reason to refuse a table.
    let blank = "name,zip,illness\nAnn,8,flu\nBob,,flu\nEve,,asthma\nJoe,9,flu\n";
    let (csv, _) = run(&intervals, blank, None).unwrap();
    assert_eq!(
        csv,
        "zip,illness\n\"[0, 10)\",flu\n,flu\n,asthma\n\"[0, 10)\",flu\n"
    );
}

#[test]
fn unknown_fields_are_refused() {
    for (pointer, key) in [
        ("", "colums"),
        ("/columns/1", "rol"),
        ("/models/0", "kk"),
        ("/columns/1/hierarchy", "hide"),
    ] {
        let mut spec = simple();
        spec.pointer_mut(pointer).unwrap()[key] = json!(1);
        let error = serde_json::from_value::<Spec>(spec)
            .unwrap_err()
            .to_string();
        assert!(error.contains(key), "{error}");
    }
}

#[test]
fn what_is_too_large_is_refused() {
    let spec: Spec = serde_json::from_value(simple()).unwrap();
    let with = |limits: Limits| {
        let inputs = Inputs {
            table: &mut TABLE.as_bytes(),
            population: None,
            files: &mut |_| Err(std::io::ErrorKind::NotFound.into()),
        };
        assess(&spec, inputs, &limits).map_err(|error| error.to_string())
    };
    let limits = Limits::default;
    let size = TABLE.len() as u64;
    assert!(
        with(Limits {
            file_bytes: size,
            ..limits()
        })
        .is_ok()
    );
    contains(
        &with(Limits {
            file_bytes: size - 1,
            ..limits()
        })
        .unwrap_err(),
        &["bytes of the table"],
    );
    contains(
        &with(Limits {
            rows: 2,
            ..limits()
        })
        .unwrap_err(),
        &["rows of the table", "limit of 2"],
    );
    contains(
        &with(Limits {
            columns: 2,
            ..limits()
        })
        .unwrap_err(),
        &["columns of the table"],
    );
    contains(
        &with(Limits {
            cell_bytes: 5,
            ..limits()
        })
        .unwrap_err(),
        &["bytes of a cell", "line 1"],
    );
    contains(
        &with(Limits {
            record_bytes: 13,
            ..limits()
        })
        .unwrap_err(),
        &["bytes of a record", "line 1"],
    );
    contains(
        &with(Limits {
            hierarchy_values: 2,
            ..limits()
        })
        .unwrap_err(),
        &["values of the hierarchy of `zip`"],
    );
    contains(
        &with(Limits {
            hierarchy_levels: 5,
            ..limits()
        })
        .unwrap_err(),
        &["levels of the hierarchy of `zip`"],
    );
}

#[test]
fn what_cannot_be_reached_is_said() {
    let mut spec = simple();
    spec["columns"][1]["hierarchy"] = json!({"kind": "keep"});
    contains(
        &refused(&spec, TABLE),
        &["0 of 3 rows", "suppression_limit"],
    );
    spec["suppression_limit"] = json!(1);
    let (csv, report) = run(&spec, TABLE, None).unwrap();
    assert_eq!(csv, "zip,illness\n*,*\n*,*\n*,*\n");
    assert_eq!((report.k, report.classes, report.suppressed), (0, 0, 3));
}

#[test]
fn a_writer_that_fails_is_said() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
    }
    let spec: Spec = serde_json::from_value(simple()).unwrap();
    let inputs = Inputs {
        table: &mut TABLE.as_bytes(),
        population: None,
        files: &mut |_| Err(std::io::ErrorKind::NotFound.into()),
    };
    let (released, _) = anonymize(&spec, inputs, &Limits::default(), &mut |_| {
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    assert!(matches!(
        released.write_csv(Full),
        Err(AnonymityError::Write(_))
    ));
}

#[test]
fn an_order_must_have_each_value_once() {
    let order = |order: Value| {
        let model = json!({"model": "t-closeness", "column": "illness", "t": 1, "distance": {"ordered": {"order": order}}});
        run(&job(json!([model])), TABLE, None).map_err(|error| error.to_string())
    };
    assert!(order(json!(["flu", "cold", "asthma"])).is_ok());
    contains(
        &order(json!(["flu", "cold"])).unwrap_err(),
        &["`illness` lacks the value `asthma`"],
    );
    contains(
        &order(json!(["flu", "asthma", "flu"])).unwrap_err(),
        &["`illness` has twice the value `flu`"],
    );
}
