//! How fast files of each format are read and written, and what a comparison takes:
//! `cargo run --release -p steward-formats --example measure -- 1000000`, with another number of rows.
#![allow(clippy::unwrap_used, reason = "it stops where something fails")]

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::time::Instant;

use steward_formats::{Bounds, DiffSpec, Format, Given, Source, diff, export, import};

/// The most memory that the process had, in kB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn main() {
    let count: u64 = std::env::args()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(1_000_000);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (name, every) in [("rows.jsonl", 7), ("other.jsonl", 10)] {
        let mut file = BufWriter::new(File::create(path(name)).unwrap());
        for n in 0..count {
            let text = if n % every == 0 {
                "物流很慢，客服态度不好"
            } else {
                "the parcel came on time, thank you"
            };
            writeln!(
                file,
                "{{\"id\":\"m-{n}\",\"text\":\"{text} {}\",\"stars\":{},\"tags\":[\"a\",\"b\"]}}",
                n % 1000,
                n % 5
            )
            .unwrap();
        }
        file.flush().unwrap();
    }
    println!("{count} rows");
    let began = Instant::now();
    let found = diff(
        &path("rows.jsonl"),
        &path("other.jsonl"),
        &DiffSpec::default(),
    )
    .unwrap();
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "diff     {:>9.0} rows/s of both, {} changed, {} bytes of memory at most for each row of one",
        2.0 * count as f64 / seconds,
        found.changed,
        peak() * 1024 / count
    );
    for format in Format::ALL {
        let name = path(&format!("out.{}", format.as_str()));
        let began = Instant::now();
        let mut out = BufWriter::new(File::create(&name).unwrap());
        export(&path("rows.jsonl"), format, &mut out, &Bounds::default()).unwrap();
        out.flush().unwrap();
        drop(out);
        let wrote = began.elapsed().as_secs_f64();
        let size = std::fs::metadata(&name).unwrap().len();
        let began = Instant::now();
        let (mut rows, mut rejects) = (
            BufWriter::new(File::create(path("in.jsonl")).unwrap()),
            std::io::sink(),
        );
        let source = Source::File(name.clone());
        let read = import(
            source,
            Some(&name),
            &Given::default(),
            &Bounds::default(),
            u64::MAX,
            &mut rows,
            &mut rejects,
        );
        rows.flush().unwrap();
        assert_eq!(read.unwrap().rows, count);
        let read = began.elapsed().as_secs_f64();
        println!(
            "{:<8} {:>9.0} rows/s written, {:>9.0} rows/s read, {} MB",
            format.as_str(),
            count as f64 / wrote,
            count as f64 / read,
            size / 1_000_000
        );
    }
}
