//! A fixed share of the inputs of a fixed seed, for every target.

use std::time::Duration;

use steward_fuzz::{Rng, Runner, TARGETS};

#[test]
fn a_share_of_every_target_finds_nothing() {
    let folder = std::env::temp_dir().join("steward-fuzz");
    std::fs::create_dir_all(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
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
