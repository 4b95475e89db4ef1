//! How much memory files take that are made to take much: counted where it is asked for.
#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use steward_formats::{Bounds, DiffSpec, Format, Given, Source, diff, export, import};

/// The memory that is held, and the most that was.
struct Counting;
static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn more(bytes: usize) {
    let held = HELD.fetch_add(bytes, Relaxed) + bytes;
    MOST.fetch_max(held, Relaxed);
}

// SAFETY: everything is done by the allocator of the system; beside it there are only counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        more(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        more(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        more(size);
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most memory that work takes beyond what is held before.
fn taken<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.load(Relaxed);
    MOST.store(before, Relaxed);
    let done = work();
    (done, MOST.load(Relaxed) - before)
}

const MIB: usize = 1 << 20;

fn small() -> Bounds {
    Bounds {
        row_bytes: MIB,
        columns: 1000,
        footer_bytes: MIB,
        page_bytes: 4 * MIB,
        open_bytes: 16 * MIB,
        list_values: 256 * 1024,
    }
}

fn import_file(path: &std::path::Path, bounds: &Bounds) -> bool {
    let source = Source::File(path.to_owned());
    let mut sink = std::io::sink();
    let mut rejects = std::io::sink();
    import(
        source,
        None,
        &Given::default(),
        bounds,
        1 << 28,
        &mut sink,
        &mut rejects,
    )
    .is_ok()
}

/// One test: the counts are of the whole process.
#[test]
fn memory_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows");

    // Rows that pack well: lists, groups, dictionaries, long texts.
    let rows: String = (0..5000)
        .map(|n| {
            let long = "长".repeat(if n % 1000 == 0 { 100_000 } else { 3 });
            format!(
                "{{\"id\":{n},\"t\":\"{long}\",\"l\":[1,2,{}],\"s\":{{\"a\":\"{}\"}},\"f\":1.5}}\n",
                n % 2,
                n % 3
            )
        })
        .collect();
    std::fs::write(&path, &rows).unwrap();
    let mut good = Vec::new();
    export(&path, Format::Parquet, &mut good, &Bounds::default()).unwrap();

    let bad = folder.path().join("bad");
    let mut draw = 7_u64;
    let mut next = || {
        draw = draw
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (draw >> 33) as usize
    };
    let mut read = 0;
    std::fs::write(&bad, &good).unwrap();
    assert!(import_file(&bad, &small()));
    for turn in 0..600 {
        let mut bytes = good.clone();
        for _ in 0..1 + next() % 4 {
            // The footer, heads of pages and what is in them.
            let at = match turn % 2 {
                0 => bytes.len() - 9 - next() % 1200_usize.min(bytes.len() - 20),
                _ => 4 + next() % (bytes.len() - 12),
            };
            bytes[at] = [0, 0x7F, 0xFF, (next() & 0xFF) as u8][next() % 4];
        }
        std::fs::write(&bad, &bytes).unwrap();
        let (good, memory) = taken(|| import_file(&bad, &small()));
        read += usize::from(good);
        assert!(memory < 128 * MIB, "{turn}: {memory}");
    }
    assert!(read > 0, "some changes harm nothing");

    // A line of 200 MB, in every format of text.
    for start in ["{\"t\":\"", "a,b\n1,\"", "a\tb\n1\t"] {
        let mut file = std::fs::File::create(&bad).unwrap();
        file.write_all(start.as_bytes()).unwrap();
        let piece = vec![b'x'; MIB];
        for _ in 0..200 {
            file.write_all(&piece).unwrap();
        }
        drop(file);
        let (_, memory) = taken(|| import_file(&bad, &small()));
        assert!(memory < 24 * MIB, "{start}: {memory}");
    }

    // Tens of bytes for each row that is compared, whatever the rows are.
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    let count = 200_000;
    for (path, changed) in [(&old, 3), (&new, 5)] {
        let rows = (0..count).map(|n| {
            format!(
                "{{\"id\":\"row-{n}\",\"text\":\"{}\"}}\n",
                if n % changed == 0 { "x" } else { "y" }
            )
        });
        std::fs::write(path, rows.collect::<String>()).unwrap();
    }
    let (found, memory) = taken(|| diff(&old, &new, &DiffSpec::default()).unwrap());
    assert_eq!(found.unchanged + found.changed, count);
    let each = memory as u64 / count;
    println!("{each} bytes a row");
    assert!(each < 80, "{each} bytes a row");
}
