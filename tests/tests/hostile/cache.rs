//! Who can write into the folder of compiled components must not get the host to run what they
//! wrote: compiled code is native code.

use std::path::{Path, PathBuf};

use serde_json::json;
use steward_tests::Server;
use steward_tests::guest::{KEEPS_EVERYTHING, cleaner, manifest};

/// The compiled components below this folder, and nothing else of it.
fn compiled(data: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for lane in std::fs::read_dir(data.join("cache")).unwrap() {
        let lane = lane.unwrap().path();
        if lane.is_dir() {
            files.extend(std::fs::read_dir(lane).unwrap().map(|f| f.unwrap().path()));
        }
    }
    files.sort();
    files
}

/// A cleaner whose every call is refused with `unavailable`.
const REFUSES: &str = r#"
    (i32.store8 (i32.const 1024) (i32.const 1))
    (i32.store8 (i32.const 1028) (i32.const 2))
    (i32.store (i32.const 1032) (i32.const 2048))
    (i32.store (i32.const 1036) (i32.const 0))
    (i32.const 1024)"#;

#[test]
fn a_poisoned_cache_is_never_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start_on(folder.path(), &[]);
    for (name, body) in [("keeps", KEEPS_EVERYTHING), ("refuses", REFUSES)] {
        server
            .publish(&manifest(name, "1.0.0", "cleaner", ""), cleaner(body))
            .ok();
        server.deploy(name, name, "1.0.0", json!({})).ok();
    }
    server.kill();
    let files = compiled(folder.path());
    let [one, other] = files.as_slice() else {
        panic!("{files:?}");
    };
    let (first, second) = (std::fs::read(one).unwrap(), std::fs::read(other).unwrap());
    let middle = first.len() / 2;
    let flipped = {
        let mut bytes = first.clone();
        bytes[middle] ^= 1;
        bytes
    };
    let resealed = [&second[..32], &first[32..]].concat();
    let written = |bytes: &[u8]| std::fs::write(one, bytes).unwrap();
    let linked = |to: &Path| {
        std::fs::remove_file(one).unwrap();
        std::os::unix::fs::symlink(to, one).unwrap();
    };
    type Poison<'a> = (&'static str, Box<dyn Fn() + 'a>);
    let poisons: Vec<Poison<'_>> = vec![
        ("a flipped bit", Box::new(|| written(&flipped))),
        ("cut short", Box::new(|| written(&first[..middle]))),
        ("empty", Box::new(|| written(&[]))),
        ("another component's code", Box::new(|| written(&second))),
        ("another component's seal", Box::new(|| written(&resealed))),
        ("no seal", Box::new(|| written(&first[32..]))),
        (
            "a link to another component's code",
            Box::new(|| linked(other)),
        ),
        (
            "a link to a file without end",
            Box::new(|| linked(Path::new("/dev/zero"))),
        ),
        (
            "a pipe that nobody writes to",
            Box::new(|| {
                std::fs::remove_file(one).unwrap();
                nix::unistd::mkfifo(one, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
            }),
        ),
        (
            "a folder",
            Box::new(|| {
                std::fs::remove_file(one).unwrap();
                std::fs::create_dir(one).unwrap();
            }),
        ),
    ];
    for (what, poison) in &poisons {
        poison();
        let mut server = Server::start_on(folder.path(), &[]);
        assert_eq!(server.call("keeps", &["a"]).ok(), json!(["kept"]), "{what}");
        server
            .call("refuses", &["a"])
            .problem(503, "guest-unavailable");
        server.kill();
        // For the next one.
        if one.is_dir() {
            std::fs::remove_dir(one).unwrap();
        } else {
            let _ = std::fs::remove_file(one);
        }
        written(&first);
    }
}
