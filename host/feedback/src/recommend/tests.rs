use super::*;

/// Two tastes: users of one have the items of one, but for one item each.
fn tastes() -> (Interactions, Interactions) {
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for user in 0..20 {
        for item in 0..8 {
            let triple = (format!("u{user}"), format!("i{}", user % 2 * 8 + item), 1.0);
            if item == user / 2 % 8 {
                test.push(triple)
            } else {
                train.push(triple)
            }
        }
    }
    let of = |rows: &[(String, String, f64)]| {
        Interactions::new(rows.iter().map(|(u, i, v)| (u.as_str(), i.as_str(), *v))).unwrap()
    };
    (of(&train), of(&test))
}

fn all() -> [Recommender; 6] {
    let knn = |similarity| {
        Recommender::ItemKnn(ItemKnn {
            similarity,
            ..ItemKnn::default()
        })
    };
    let als = Als {
        factors: 4,
        ..Als::default()
    };
    [
        knn(Similarity::Cosine),
        knn(Similarity::TfIdf),
        knn(Similarity::Bm25),
        Recommender::Als(als),
        Recommender::Als(Als { cg_steps: 0, ..als }),
        Recommender::Bpr(Bpr {
            factors: 4,
            learning_rate: 0.1,
            iterations: 200,
            ..Bpr::default()
        }),
    ]
}

#[test]
fn every_model_finds_the_item_that_its_taste_lacks() {
    let (train, test) = tastes();
    let popular = Recommender::Popularity.fit(&train).unwrap();
    let popular = evaluate(&popular, &train, &test, 1).unwrap();
    for recommender in all() {
        let model = recommender.fit(&train).unwrap();
        let quality = evaluate(&model, &train, &test, 1).unwrap();
        assert!(quality.ndcg > 0.99, "{recommender:?}: {quality:?}");
        assert!(quality.ndcg > popular.ndcg);
        assert_eq!(quality.users, 20);
    }
}

#[test]
fn the_same_seed_gives_the_same_and_what_one_has_is_not_recommended() {
    let (train, _) = tastes();
    for recommender in all() {
        let rank = || recommender.fit(&train).unwrap().recommend(&train, 3, 5);
        let ranked = rank();
        assert_eq!(ranked, rank());
        for (item, _) in &ranked {
            assert!(train.of_user(3).all(|(has, _)| has != *item));
        }
        assert!(ranked.is_sorted_by(|a, b| a.1 >= b.1));
    }
}

#[test]
fn measures_are_those_of_the_definition() {
    let triples = |rows: &[(&'static str, &'static str)]| {
        Interactions::new(rows.iter().map(|(u, i)| (*u, *i, 1.0))).unwrap()
    };
    // Popularity ranks b (2), then c and d (1 each) for x, who has a.
    let train = triples(&[("x", "a"), ("y", "b"), ("z", "b"), ("y", "c"), ("z", "d")]);
    let model = Recommender::Popularity.fit(&train).unwrap();
    assert_eq!(
        model.recommend(&train, 0, 9),
        [(1, 2.0), (2, 1.0), (3, 1.0)]
    );
    let test = triples(&[("x", "c"), ("x", "new"), ("nobody", "a")]);
    let quality = evaluate(&model, &train, &test, 2).unwrap();
    assert_eq!(
        (
            quality.users,
            quality.precision,
            quality.recall,
            quality.map
        ),
        (1, 0.5, 0.5, 0.25)
    );
    let second = 1.0 / 3f64.log2();
    assert!((quality.ndcg - second / (1.0 + second)).abs() < 1e-12);
    assert!(evaluate(&model, &train, &triples(&[("nobody", "a")]), 2).is_err());
    assert!(evaluate(&model, &train, &test, 0).is_err());
}

#[test]
fn settings_and_values_that_are_none_are_refused() {
    let (train, _) = tastes();
    for wrong in [
        Recommender::ItemKnn(ItemKnn {
            neighbours: 0,
            ..ItemKnn::default()
        }),
        Recommender::ItemKnn(ItemKnn {
            b: 2.0,
            ..ItemKnn::default()
        }),
        Recommender::Als(Als {
            factors: 0,
            ..Als::default()
        }),
        Recommender::Als(Als {
            alpha: 0.0,
            ..Als::default()
        }),
        Recommender::Als(Als {
            regularization: f64::NAN,
            ..Als::default()
        }),
        Recommender::Bpr(Bpr {
            learning_rate: -1.0,
            ..Bpr::default()
        }),
        Recommender::Bpr(Bpr {
            iterations: 0,
            ..Bpr::default()
        }),
    ] {
        assert!(wrong.fit(&train).is_err(), "{wrong:?}");
    }
    // More factors than there is to tell, and nothing that holds them back.
    let thin = Interactions::new([("a", "x", 1.0)]).unwrap();
    let exact = Als {
        factors: 3,
        regularization: 0.0,
        cg_steps: 0,
        ..Als::default()
    };
    assert!(
        exact
            .fit(&thin)
            .unwrap_err()
            .to_string()
            .contains("regularization")
    );
    for value in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(Interactions::new([("a", "x", value)]).is_err());
    }
    let empty = Interactions::new([]).unwrap();
    for recommender in all() {
        assert!(
            recommender
                .fit(&empty)
                .unwrap()
                .recommend(&empty, 0, 5)
                .is_empty()
        );
    }
}
