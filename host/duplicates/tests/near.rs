//! Near duplicates and meanings as a whole, beside what comparing each with each finds.
#![allow(
    clippy::unwrap_used,
    reason = "a failed assumption in a test should stop that test"
)]

use proptest::prelude::*;
use steward_duplicates::{DuplicatesError, Found, Near, Semantic, Signer, Space, shingles};

fn space(bytes: usize) -> Space {
    let dir = std::env::temp_dir();
    Space { dir, bytes }
}

fn near(texts: &[String], similarity: f64, bytes: usize, rank: impl Fn(usize) -> f64) -> Found {
    let signer = Signer::default();
    let mut near = Near::new(similarity, Signer::VALUES, &space(bytes)).unwrap();
    for (row, text) in texts.iter().enumerate() {
        let set = shingles(text);
        near.push(&set, &signer.signature(&set), rank(row)).unwrap();
    }
    near.finish().unwrap()
}

fn jaccard(a: &[u32], b: &[u32]) -> f64 {
    let common = a.iter().filter(|x| b.binary_search(x).is_ok()).count();
    common as f64 / (a.len() + b.len() - common).max(1) as f64
}

/// The cluster of each row, by comparing each with each.
fn by_hand(alike: impl Fn(usize, usize) -> bool, rows: usize) -> Vec<usize> {
    let mut cluster: Vec<usize> = (0..rows).collect();
    for a in 0..rows {
        for b in 0..a {
            if alike(a, b) && cluster[a] != cluster[b] {
                let (root, below) = (cluster[a].min(cluster[b]), cluster[a].max(cluster[b]));
                cluster
                    .iter_mut()
                    .filter(|c| **c == below)
                    .for_each(|c| *c = root);
            }
        }
    }
    cluster
}

fn clusters(found: &Found, rows: usize) -> Vec<usize> {
    let mut cluster: Vec<usize> = (0..rows).collect();
    for one in &found.clusters {
        cluster[one.kept as usize] = one.cluster as usize;
    }
    for one in &found.duplicates {
        cluster[one.row as usize] = one.cluster as usize;
    }
    cluster
}

/// Texts of both languages in families: within one, some words differ.
fn texts(count: usize, seed: u64) -> Vec<String> {
    let mut seed = seed;
    let mut below = |n: u64| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % n
    };
    let word = |n: u64, chinese: bool| match chinese {
        true => char::from_u32(0x4E00 + n as u32).unwrap().to_string(),
        false => format!("w{n} "),
    };
    let mut texts = Vec::new();
    while texts.len() < count {
        let chinese = below(2) == 0;
        let words: Vec<u64> = (0..20 + below(150)).map(|_| below(3000)).collect();
        for _ in 0..1 + below(4) {
            let mut words = words.clone();
            let places = words.len() as u64;
            for _ in 0..below(1 + places / 30) {
                words[below(places) as usize] = below(3000);
            }
            texts.push(words.iter().map(|&n| word(n, chinese)).collect());
        }
    }
    texts
}

#[test]
fn the_clusters_are_those_of_comparing_each_with_each() {
    let texts = texts(1500, 3);
    let sets: Vec<Vec<u32>> = texts.iter().map(|text| shingles(text)).collect();
    for similarity in [0.5, 0.8, 0.95, 1.0] {
        let found = near(&texts, similarity, 1 << 24, |_| 0.0);
        let alike = |a: usize, b: usize| jaccard(&sets[a], &sets[b]) >= similarity;
        let (ours, all) = (clusters(&found, texts.len()), by_hand(alike, texts.len()));
        // What is put together is together by hand: nothing is decided by a sketch.
        for row in 0..texts.len() {
            assert_eq!(all[row], all[ours[row]]);
        }
        let missed = (0..texts.len())
            .filter(|&row| all[row] != row && ours[row] == row)
            .count();
        let there = (0..texts.len()).filter(|&row| all[row] != row).count();
        assert!(
            there > 100 && (missed as f64) < 0.02 * there as f64,
            "{missed} of {there} at {similarity}"
        );
        for one in &found.duplicates {
            let exact = jaccard(&sets[one.row as usize], &sets[one.kept as usize]);
            assert!((one.similarity - exact).abs() < 1e-12);
        }
        // The least memory gives the same.
        assert!(
            near(&texts, similarity, 4096, |_| 0.0) == found,
            "{similarity}"
        );
    }
}

#[test]
fn a_hundred_thousand_equal_texts_are_one_cluster_at_once() {
    let mut texts =
        vec!["the same words stand in each of these texts, all of them".to_owned(); 100_000];
    texts[70_000]
        .push_str(" and this one says something more, so that it is longer than the others");
    let found = near(&texts, 0.8, 1 << 22, |row| texts[row].len() as f64);
    assert_eq!((found.duplicates.len(), found.clusters.len()), (99_998, 1));
    assert_eq!(found.clusters[0].kept, 0);
    assert!(found.work.compared < 10, "{:?}", found.work);
    assert!(
        found
            .duplicates
            .iter()
            .all(|one| one.kept == 0 && one.similarity == 1.0)
    );
}

#[test]
fn a_template_with_different_numbers_is_not_compared_each_with_each() {
    let words: String = (0..150).map(|n| format!("word{n} ")).collect();
    let texts: Vec<String> = (0..20_000).map(|n| format!("{words} order {n}")).collect();
    let found = near(&texts, 0.8, 1 << 22, |_| 0.0);
    assert_eq!(found.duplicates.len(), 19_999);
    assert!(found.work.compared < 60_000, "{:?}", found.work);
}

#[test]
fn a_band_of_rows_that_are_not_alike_is_not_compared_to_its_end() {
    let mut near = Near::new(0.8, 128, &space(1 << 22)).unwrap();
    // Signatures that say nothing, as of a plugin that is broken.
    for row in 0..1500 {
        near.push(&[row], &[0; 128], 0.0).unwrap();
    }
    let found = near.finish().unwrap();
    assert_eq!(found.duplicates, []);
    assert!(found.work.cut_short > 0 && found.work.compared <= 16 * 1500 * 1000);
}

#[test]
fn texts_without_words_and_texts_of_few() {
    let texts = [
        "",
        "。。。",
        "",
        "好",
        "好！",
        "OK",
        "ok.",
        "三个字",
        "三个字吗",
    ]
    .map(str::to_owned);
    let found = near(&texts, 0.8, 1 << 20, |_| 0.0);
    let rows: Vec<_> = found
        .duplicates
        .iter()
        .map(|one| (one.row, one.kept))
        .collect();
    assert_eq!(rows, [(4, 3), (6, 5)]);
    assert_eq!(found.work.rows, 6);
}

#[test]
fn what_contradicts_itself_is_refused() {
    for bad in [f64::NAN, 0.0, -1.0, 1.1] {
        assert!(Near::new(bad, 128, &space(1)).is_err(), "{bad}");
        assert!(Semantic::new(bad, 3, &space(1)).is_err(), "{bad}");
    }
    assert!(Near::new(0.2, 4, &space(1)).is_err());
    let mut near = Near::new(0.8, 128, &space(1)).unwrap();
    let wrong = near.push(&[1], &[0; 64], 0.0).unwrap_err();
    assert!(matches!(wrong, DuplicatesError::Invalid(_)), "{wrong}");
    assert!(Semantic::new(0.9, 0, &space(1)).is_err());
    let mut semantic = Semantic::new(0.9, 3, &space(1)).unwrap();
    let wrong = semantic.push(&[1.0; 4], 0.0).unwrap_err().to_string();
    assert!(wrong.contains("4 numbers, and others have 3"), "{wrong}");
    for nothing in [[f32::NAN, 0.0, 0.0], [f32::INFINITY, 0.0, 0.0], [0.0; 3]] {
        assert!(!semantic.push(&nothing, 0.0).unwrap());
    }
    assert!(semantic.push(&[1.0, 0.0, 0.0], 0.0).unwrap());
    assert!(semantic.push(&[9.0, 0.1, 0.0], 1.0).unwrap());
    let found = semantic.finish().unwrap();
    assert_eq!((found.duplicates[0].row, found.duplicates[0].kept), (3, 4));
}

#[test]
fn vectors_are_found_by_their_cosine() {
    let mut seed = 5u64;
    let mut number = || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    let mut vectors: Vec<Vec<f32>> = Vec::new();
    for n in 0..800 {
        let one: Vec<f32> = (0..96).map(|_| number()).collect();
        // From far too different to nearly equal; the lengths differ.
        let noise = 0.1 + 0.5 * (n % 10) as f32 / 10.0;
        vectors.push(one.iter().map(|x| 3.0 * (x + noise * number())).collect());
        vectors.push(one);
    }
    let cosine = |a: usize, b: usize| {
        let dot =
            |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        let (a, b) = (&vectors[a], &vectors[b]);
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    };
    for similarity in [0.9, 0.95, 1.0] {
        let find = |bytes| {
            let mut semantic = Semantic::new(similarity, 96, &space(bytes)).unwrap();
            for vector in &vectors {
                semantic.push(vector, 0.0).unwrap();
            }
            semantic.finish().unwrap()
        };
        let found = find(1 << 24);
        assert!(find(4096) == found, "{similarity}");
        assert!(found.duplicates.iter().all(|one| {
            let exact = cosine(one.row as usize, one.kept as usize);
            (exact - one.similarity).abs() < 1e-5
        }));
        let all = by_hand(|a, b| cosine(a, b) >= similarity, vectors.len());
        let there = (0..vectors.len()).filter(|&row| all[row] != row).count();
        let share = found.duplicates.len() as f64 / there.max(1) as f64;
        assert!(
            there == 0 || (0.95..=1.0).contains(&share),
            "{share} at {similarity}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_order_of_the_texts_does_not_count(seed in any::<u64>(), by in 0usize..100) {
        let texts = texts(100, seed);
        let mut turned = texts.clone();
        turned.rotate_left(by);
        // The longest stays, whoever comes first; equal lengths are told apart by what they say.
        let rank = |texts: &[String], row: usize| {
            let text = &texts[row];
            // Where a byte stands counts: two characters of Chinese may well have bytes of the same sum.
            let said = text.bytes().fold(0_u32, |said, byte| said.wrapping_mul(31).wrapping_add(byte.into()));
            text.len() as f64 + f64::from(said) / (f64::from(u32::MAX) + 1.0)
        };
        let kept = |texts: &[String]| {
            let found = near(texts, 0.7, 1 << 20, |row| rank(texts, row));
            let dropped: Vec<u32> = found.duplicates.iter().map(|one| one.row).collect();
            let stays = |row: &usize| !dropped.contains(&(*row as u32));
            let mut kept: Vec<String> = (0..texts.len()).filter(stays).map(|row| texts[row].clone()).collect();
            kept.sort();
            kept
        };
        prop_assert_eq!(kept(&texts), kept(&turned));
    }
}
