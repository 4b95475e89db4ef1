//! A fixed share of the inputs of a fixed seed, for every target.

use std::time::Duration;

use steward_fuzz::{Rng, Runner, TARGETS};

#[test]
fn a_share_of_every_target_finds_nothing() {
    // A folder of its own, for others may run the same; it stays where something is found, or where the process ends.
    let folder = tempfile::Builder::new().prefix("steward-fuzz-").tempdir();
    let folder = folder.expect("a temporary folder").keep();
    for target in TARGETS {
        let runner = Runner {
            target,
            seed: 2024,
            folder: &folder,
        };
        let start = std::time::Instant::now();
        // The time bounds a machine that is busy; the share is what is meant.
        let (tried, findings) = runner.run(target.share, Duration::from_secs(10));
        println!("{}: {tried} inputs in {:?}", target.name, start.elapsed());
        assert!(tried > 0);
        assert!(findings.is_empty(), "{findings:#?}");
    }
    std::fs::remove_dir_all(&folder).expect("the folder is there");
}

#[test]
fn a_seed_gives_the_same_inputs_every_time() {
    for target in TARGETS {
        let corpus = (target.corpus)();
        let inputs = |seed| -> Vec<Vec<u8>> {
            let mut rng = Rng::new(seed);
            (0..20).map(|_| (target.input)(&mut rng, &corpus)).collect()
        };
        assert_eq!(inputs(7), inputs(7), "{}", target.name);
        assert_ne!(inputs(7), inputs(8), "{}", target.name);
    }
}
