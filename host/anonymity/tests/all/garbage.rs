//! Whatever comes in, an answer comes out.

use proptest::prelude::*;
use serde_json::json;
use steward_anonymity::Spec;

use crate::run_bytes;

/// Text that is nearly a table: separators, quotes, line ends, a few names, and bytes that are no text.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let part = prop::sample::select(vec![
        &b"zip"[..],
        b"s",
        b"81667",
        b"2024-01-31",
        b",",
        b";",
        b"\n",
        b"\r\n",
        b"\r",
        b"\"",
        b"*",
        b"",
        b"\xff",
        b"\xef\xbb\xbf",
        "年龄".as_bytes(),
        b"\0",
        b"-1e308",
        b" ",
        b"NaN",
    ]);
    let garbage = prop::collection::vec(part, 0..60).prop_map(|parts| parts.concat());
    prop_oneof![
        garbage.clone(),
        garbage.prop_map(|garbage| [&b"zip,s\n81667,a\n"[..], &garbage].concat()),
    ]
}

proptest! {
    #[test]
    fn nothing_panics(table in nearly(), file in nearly(), population in prop::option::of(nearly()), kind in 0..5) {
        let hierarchy = match kind {
            0 => json!({"kind": "file", "file": "zip"}),
            1 => json!({"kind": "mask", "side": "left", "hidden": [1, 3]}),
            2 => json!({"kind": "intervals", "widths": [1, 5], "bottom": -10, "top": 1e9}),
            3 => json!({"kind": "date", "units": ["month", "decade"]}),
            _ => json!(null),
        };
        let spec = json!({
            "columns": [{"name": "zip", "role": "quasi-identifying", "hierarchy": hierarchy}, {"name": "s", "role": "sensitive"}],
            "models": [
                {"model": "k-anonymity", "k": 2},
                {"model": "t-closeness", "column": "s", "t": 0.9, "distance": {"hierarchical": {"hierarchy": {"kind": "mask"}}}},
            ],
            "suppression_limit": 1,
        });
        let spec: Spec = serde_json::from_value(spec).unwrap();
        if let Ok((csv, report)) = run_bytes(&spec, &table, population.as_deref(), &mut |_| Ok(file.clone())) {
            prop_assert!(report.k == 0 || report.k >= 2);
            let rows = csv::Reader::from_reader(csv.as_bytes()).into_records().count() as u64;
            prop_assert_eq!(rows, report.rows);
        }
    }
}
