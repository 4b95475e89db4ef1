//! Parquet files that are cut, damaged, or made to do harm: each is refused with a reason or read, and none takes much.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use steward_formats::{Bounds, Format};

use crate::{read, read_with, write};

fn good() -> Vec<u8> {
    let rows: String = (0..2000)
        .map(|n| format!("{{\"id\":{n},\"text\":\"消息 {}\",\"l\":[{n},null],\"s\":{{\"a\":\"{}\",\"b\":[]}},\"f\":{}.5}}\n", n % 7, n % 3, n))
        .collect();
    write(&rows, Format::Parquet).unwrap()
}

#[test]
fn a_file_that_is_cut_anywhere_is_refused_whole() {
    let file = good();
    for at in (0..file.len())
        .step_by(file.len() / 60)
        .chain([file.len() - 1, 4, 8, 12])
    {
        let error = read(&file[..at], "x.parquet").err().unwrap().to_string();
        let says = if at < 4 {
            "begin with PAR1"
        } else {
            "cut short"
        };
        assert!(error.contains(says), "{at}: {error}");
    }
}

#[test]
fn a_footer_that_lies_is_not_believed() {
    let file = good();
    let size = file.len();
    let with_length = |length: u32| {
        let mut bad = file.clone();
        bad[size - 8..size - 4].copy_from_slice(&length.to_le_bytes());
        bad
    };
    let error = |bytes: &[u8], bounds: &Bounds| {
        read_with(bytes, "x", &Default::default(), bounds)
            .err()
            .unwrap()
            .to_string()
    };
    let usual = Bounds::default();
    assert!(error(&with_length(u32::MAX), &usual).contains("longer than the file"));
    assert!(error(&with_length(3), &usual).contains("footer"));
    let small = Bounds {
        footer_bytes: 100,
        ..usual
    };
    assert!(error(&file, &small).contains("bytes of the footer"));
    let small = Bounds {
        columns: 3,
        ..usual
    };
    assert!(error(&file, &small).contains("at most 3"));
    let small = Bounds {
        page_bytes: 50,
        ..usual
    };
    assert!(error(&file, &small).contains("at most 50"));
    let small = Bounds {
        open_bytes: 1000,
        ..usual
    };
    assert!(error(&file, &small).contains("open at the same time"));
    let small = Bounds {
        list_values: 1000,
        ..usual
    };
    assert!(error(&file, &small).contains("values of lists"));
    let small = Bounds {
        row_bytes: 70,
        ..usual
    };
    let found = read_with(&file, "x", &Default::default(), &small).unwrap();
    assert!(found.about.rejected["line-too-long"] > 0 && found.about.rows > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn changed_bytes_never_stop_the_reader_for_long(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 1..6)) {
        let file = FILE.with(Clone::clone);
        let mut bad = file.clone();
        for (at, byte, in_footer) in changes {
            // Half of the changes go into the last part, where the footer is.
            let from = if in_footer { bad.len() - 1500 } else { 4 };
            let at = from + at.index(bad.len() - 8 - from);
            bad[at] = byte;
        }
        let began = Instant::now();
        let small = Bounds { page_bytes: 1 << 20, open_bytes: 1 << 24, list_values: 1 << 18, ..Bounds::default() };
        let _ = read_with(&bad, "x.parquet", &Default::default(), &small);
        prop_assert!(began.elapsed() < Duration::from_secs(20));
    }
}

thread_local! {
    static FILE: Vec<u8> = good();
}
