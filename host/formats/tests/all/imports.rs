//! Files that people have.

use steward_formats::{Bounds, Format, Given};

use crate::{read, read_with};

fn codes(read: &crate::Read) -> Vec<(u64, String)> {
    read.rejects
        .iter()
        .map(|r| {
            (
                r["line"].as_u64().unwrap(),
                r["code"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

#[test]
fn lines_of_json_are_kept_as_they_stand_and_others_are_rejected() {
    let data = b"\xEF\xBB\xBF{\"a\": 1.0}\r\n\nnothing\n{\"t\":\"\\ud800\"}\n{\"t\":\"\xFF\"}\n[1]\n{\"b\":2}";
    let found = read(data, "x.jsonl").unwrap();
    assert_eq!(found.rows, "{\"a\": 1.0}\n{\"b\":2}\n");
    let expected = [
        (3, "not-json"),
        (4, "lone-surrogate"),
        (5, "not-utf-8"),
        (6, "not-an-object"),
    ];
    assert_eq!(codes(&found), expected.map(|(n, c)| (n, c.to_owned())));
    assert_eq!(found.rejects[2]["base64"], "eyJ0Ijoi/yJ9");
    assert_eq!(
        found.about.first_reject.as_deref(),
        Some("line 3: not JSON: expected ident at column 2")
    );
    assert_eq!(found.about.bytes, data.len() as u64);
}

#[test]
fn a_line_over_the_bound_is_rejected_and_costs_no_memory() {
    let long = format!("{{\"t\":\"{}\"}}", "长".repeat(17 << 20));
    let data = format!("{{\"t\":1}}\n{long}\n{{\"t\":2}}\n");
    let found = read(data.as_bytes(), "x.jsonl").unwrap();
    assert_eq!(
        (found.about.rows, codes(&found)),
        (2, vec![(2, "line-too-long".to_owned())])
    );
    let raw = found.rejects[0]["raw"].as_str().unwrap();
    assert!(raw.len() <= 512 && raw.starts_with("{\"t\":\"长"));
    let csv = format!(
        "t\n1\n{}\n\"{}\n2\n",
        "x".repeat(50 << 20),
        "y\n".repeat(10 << 20)
    );
    let found = read(csv.as_bytes(), "x.csv").unwrap();
    assert_eq!(
        codes(&found),
        [
            (3, "line-too-long".to_owned()),
            (4, "unclosed-quote".to_owned())
        ]
    );
    assert_eq!(found.about.rows, 1 + (10 << 20) - 1 + 1);
}

#[test]
fn utf_16_of_a_spreadsheet() {
    let text = "编号\t文本\r\n007\t\"你好，\r\n世界\"\r\n8\t\u{1F600}\r\n";
    let mut data = vec![0xFF, 0xFE];
    data.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    // Half of a pair of surrogates.
    data.extend(b"9\0\t\0\x3D\xD8\r\0\n\0");
    let found = read(&data, "export.txt").unwrap();
    assert_eq!(
        (found.about.format, found.about.encoding),
        (Format::Tsv, Some("UTF-16LE"))
    );
    assert_eq!(
        found.rows,
        "{\"编号\":\"007\",\"文本\":\"你好，\\r\\n世界\"}\n{\"编号\":\"8\",\"文本\":\"\u{1F600}\"}\n"
    );
    assert_eq!(codes(&found), [(5, "not-decodable".to_owned())]);
}

#[test]
fn an_encoding_can_be_said_and_what_is_none_of_it_is_rejected() {
    let given = Given {
        encoding: Some("gb18030".parse().unwrap()),
        ..Given::default()
    };
    let data = b"id,t\n1,\xC4\xE3\xBA\xC3\n2,\xFF\xFF\n";
    let found = read_with(data, "x.csv", &given, &Bounds::default()).unwrap();
    assert_eq!(found.rows, "{\"id\":\"1\",\"t\":\"你好\"}\n");
    assert_eq!(codes(&found), [(3, "not-decodable".to_owned())]);
    assert_eq!(found.rejects[0]["base64"], "Miz//w==");
}

#[test]
fn what_is_something_else_is_named() {
    for (data, name, says) in [
        (&b"PK\x03\x04\x14\0"[..], "x.csv", "workbook"),
        (b"\x1f\x8b\x08\0", "x.jsonl", "gunzip"),
        (b"a,\xE9t\xE9\n1,2\n", "x.csv", "not UTF-8"),
    ] {
        let error = read(data, name).err().unwrap().to_string();
        assert!(error.contains(says), "{error}");
    }
}
