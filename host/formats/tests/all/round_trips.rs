//! What is written is read again as what it was.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use steward_formats::Format;

use crate::{read, write};

/// Rows without fields that are null, since a missing field becomes one.
fn full(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().filter(|(_, v)| !v.is_null());
            let members: Map<String, Value> = members.map(|(n, v)| (n, full(v))).collect();
            match members.is_empty() {
                // A group of which every field is null.
                true => Value::Null,
                false => Value::Object(members),
            }
        }
        Value::Array(items) => Value::Array(items.into_iter().map(full).collect()),
        // A whole number among others may come back with a point.
        Value::Number(n) => n
            .as_f64()
            .filter(|f| f.abs() < 9e15)
            .map_or(Value::Number(n), |f| json!(f)),
        other => other,
    }
}

fn rows_of(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| full(serde_json::from_str(line).unwrap()))
        .map(|v| full(json!({ "r": v })))
        .collect()
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z,;\"\\n\\r\\t ]{0,8}",
        "[你好吗客服𠀀]{0,5}",
        ".{0,6}",
        Just("007".to_owned()),
        Just("NaN".to_owned())
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|f| json!(f)),
        (-1000i32..1000).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-e]", inner, 0..4)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

fn table(of: impl Strategy<Value = Value>) -> impl Strategy<Value = String> {
    let row = proptest::collection::btree_map("[a-d]|列", of, 1..5);
    proptest::collection::vec(row, 1..30).prop_map(|rows| {
        let lines = rows
            .into_iter()
            .map(|row| Value::Object(row.into_iter().collect()).to_string());
        lines.collect::<Vec<_>>().join("\n") + "\n"
    })
}

/// Rows of one kind, which become typed columns and not JSON.
fn typed() -> impl Strategy<Value = String> {
    let row = (
        any::<Option<i64>>(),
        any::<Option<bool>>(),
        proptest::option::of(-1e9f64..1e9),
        proptest::option::of(text()),
        proptest::option::of(proptest::collection::vec(
            proptest::option::of(any::<i32>()),
            0..4,
        )),
        proptest::option::of((
            text(),
            any::<Option<u32>>(),
            proptest::collection::vec(text(), 0..3),
        )),
    );
    proptest::collection::vec(row, 1..300).prop_map(|rows| {
        let lines = rows.into_iter().map(|(i, b, f, t, l, s)| {
            let s = s.map(|(t, n, l)| json!({"t": t, "n": n, "l": l}));
            json!({"i": i, "b": b, "f": f, "t": t, "l": l, "s": s}).to_string()
        });
        lines.collect::<Vec<_>>().join("\n") + "\n"
    })
}

fn by_parquet(rows: &str) -> String {
    let parquet = write(rows, Format::Parquet).unwrap();
    let back = read(&parquet, "x").unwrap();
    assert_eq!(
        (back.about.format, back.about.rejects()),
        (Format::Parquet, 0),
        "{:?}",
        back.rejects
    );
    back.rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_rows_by_parquet(rows in table(value())) {
        prop_assert_eq!(rows_of(&by_parquet(&rows)), rows_of(&rows));
    }

    #[test]
    fn rows_of_one_kind_by_parquet(rows in typed()) {
        prop_assert_eq!(rows_of(&by_parquet(&rows)), rows_of(&rows));
    }

    #[test]
    fn texts_by_csv_and_tsv(rows in table(text().prop_map(Value::from))) {
        for (format, name) in [(Format::Csv, "x.csv"), (Format::Tsv, "x.tsv")] {
            let bytes = write(&rows, format).unwrap();
            let back = read(&bytes, name).unwrap();
            prop_assert_eq!(back.about.rejects(), 0);
            // A field that is missing comes back as an empty text.
            let lines = |text: &str| -> Vec<Map<String, Value>> {
                let rows = text.lines().map(|line| serde_json::from_str::<Map<String, Value>>(line).unwrap());
                rows.map(|row| row.into_iter().filter(|(_, v)| v != "").collect()).collect()
            };
            prop_assert_eq!(lines(&back.rows), lines(&rows));
        }
    }
}

#[test]
fn every_digit_survives() {
    let rows = concat!(
        r#"{"big":9007199254740993,"un":18446744073709551615,"dec":"x","f":0.1,"mix":1,"deep":{"a":[1,{"b":null}]}}"#,
        "\n",
        r#"{"big":-9223372036854775808,"un":0,"dec":12345678901234567890.12345,"f":-2.5e-300,"mix":"eins","deep":{"a":[]}}"#,
        "\n",
    );
    let back = by_parquet(rows);
    for literal in [
        "9007199254740993",
        "-9223372036854775808",
        "18446744073709551615",
        "12345678901234567890.12345",
        "-2.5e-300",
    ] {
        assert!(back.contains(literal), "{literal}: {back}");
    }
    assert_eq!(rows_of(&back), rows_of(rows));
    let csv = String::from_utf8(write(rows, Format::Csv).unwrap()).unwrap();
    assert!(csv.starts_with("big,un,dec,f,mix,deep\r\n9007199254740993,18446744073709551615,x,0.1,1,\"{\"\"a\"\":[1,"), "{csv}");
}

#[test]
fn many_rows_take_several_row_groups() {
    let rows: String = (0..150_000)
        .map(|n| {
            format!(
                "{{\"id\":{n},\"text\":\"消息 {}\",\"l\":[{n},1]}}\n",
                n % 97
            )
        })
        .collect();
    assert_eq!(by_parquet(&rows), rows);
}

#[test]
fn what_cannot_be_a_table_is_refused_with_the_row() {
    for format in [Format::Csv, Format::Parquet] {
        for (rows, row) in [
            ("{\"a\":1}\n[1]\n", "row 2"),
            ("{\"a\":1,\"a\":2}\n", "row 1"),
            ("{\"a\":1}\n\n{\"a\":", "row 2"),
        ] {
            let error = write(rows, format).unwrap_err().to_string();
            assert!(error.contains(row), "{format}: {error}");
        }
        let wide: String = (0..5000).map(|n| format!("{{\"c{n}\":1}}\n")).collect();
        assert!(
            write(&wide, format)
                .unwrap_err()
                .to_string()
                .contains("4096")
        );
    }
    assert_eq!(write("", Format::Csv).unwrap(), b"");
    let empty = write("", Format::Parquet).unwrap();
    assert_eq!(read(&empty, "x").unwrap().about.rows, 0);
}
