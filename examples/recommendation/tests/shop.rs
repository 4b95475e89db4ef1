//! The shop of the example, ranked by the arithmetic of `plugins/feedback`. Texts are compared by their words here, in the
//! place of a model.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;
use steward_feedback::recommend::{
    self, Als, Interactions, ItemKnn, Model, Recommender, Similarity,
};
use steward_recommendation::blend::{Blend, Candidates};
use steward_recommendation::cold::popular;
use steward_recommendation::measure::{Quality, new_customers, new_items, quality};
use steward_recommendation::shop::{History, Shop};
use steward_recommendation::vectors::Vectors;

/// As in the workflow.
const CANDIDATES: usize = 40;
const EMBEDDING_WEIGHT: f64 = 0.25;

fn shop() -> Shop {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/data/shop.py");
    let told = Command::new("python3")
        .args([script, "events"])
        .output()
        .unwrap();
    assert!(told.status.success(), "{told:?}");
    let mut shop = Shop::default();
    for line in String::from_utf8(told.stdout).unwrap().lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        // Times of one form are in order as texts.
        let at: String = text("time").chars().filter(char::is_ascii_digit).collect();
        shop.take(
            &text("type"),
            &text("subject"),
            at.parse().unwrap(),
            event["data"].to_string().as_bytes(),
        );
    }
    shop.settled()
}

/// Vectors of the words of each text.
fn by_words(shop: &Shop) -> Vectors {
    let words = |item: &steward_recommendation::shop::Item| -> BTreeSet<String> {
        let text = format!("{} {}", item.text(), item.category).to_lowercase();
        text.split(|c: char| !c.is_alphanumeric())
            .filter(|word| word.len() > 3)
            .map(str::to_owned)
            .collect()
    };
    let all: BTreeSet<String> = shop.items().iter().flat_map(words).collect();
    let vector = |item| {
        let own = words(item);
        let length = (own.len() as f32).sqrt();
        all.iter()
            .map(|word| {
                if own.contains(word) {
                    1.0 / length
                } else {
                    0.0
                }
            })
            .collect()
    };
    Vectors::new(
        shop.items().iter().map(vector).collect(),
        shop.items().len(),
    )
    .unwrap()
}

struct Fitted {
    table: Interactions,
    model: Model,
}

impl Fitted {
    fn of(history: &History<'_>, recommender: &Recommender) -> Self {
        let known = history.interactions();
        let table = Interactions::new(
            known
                .iter()
                .map(|did| (did.user.as_str(), did.item.as_str(), did.value)),
        )
        .unwrap();
        let model = recommender.fit(&table).unwrap();
        Self { table, model }
    }

    fn best(&self, shop: &Shop, customer: usize, most: usize) -> Vec<(usize, f64)> {
        let user = self.table.user(&shop.customers()[customer]).unwrap();
        let ranked = self.model.recommend(&self.table, user, most);
        ranked
            .into_iter()
            .map(|(item, score)| (shop.item(&self.table.items()[item]).unwrap(), score))
            .collect()
    }
}

#[test]
fn what_is_in_the_shop_is_found() {
    let shop = shop();
    assert_eq!(
        (shop.items().len(), shop.customers().len(), shop.skipped()),
        (104, 240, 0)
    );
    let vectors = by_words(&shop);
    let (known, held_out) = shop.leave_last_out();
    assert_eq!(held_out.len(), 240);
    let knn = Recommender::ItemKnn(ItemKnn {
        similarity: Similarity::Cosine,
        neighbours: 20,
        ..ItemKnn::default()
    });
    let als = Recommender::Als(Als {
        factors: 16,
        regularization: 0.1,
        alpha: 5.0,
        iterations: 15,
        cg_steps: 3,
        seed: 7,
    });
    let fitted: BTreeMap<&str, Fitted> = [
        ("popularity", Recommender::Popularity),
        ("item-knn", knn),
        ("als", als),
    ]
    .map(|(name, recommender)| (name, Fitted::of(&known, &recommender)))
    .into();
    let measured = |of: &dyn Fn(usize) -> Vec<usize>| -> Quality {
        let rankings = held_out
            .keys()
            .map(|customer| (*customer, of(*customer)))
            .collect();
        quality(&rankings, &held_out, shop.items().len())
    };
    let alone = |name: &str| {
        measured(&|customer| {
            fitted[name]
                .best(&shop, customer, 10)
                .into_iter()
                .map(|(item, _)| item)
                .collect()
        })
    };
    let blend = Blend::new(&known, &vectors, EMBEDDING_WEIGHT);
    let candidates = |customer: usize| -> Vec<Candidates> {
        ["item-knn", "als"]
            .map(|name| fitted[name].best(&shop, customer, CANDIDATES))
            .to_vec()
    };
    let ranked = measured(&|customer| {
        blend
            .rank(customer, &candidates(customer), 10)
            .into_iter()
            .map(|ranked| ranked.item)
            .collect()
    });
    let popularity = alone("popularity");
    for (name, quality) in [
        ("popularity", popularity),
        ("item-knn", alone("item-knn")),
        ("als", alone("als")),
        ("ranked", ranked),
    ] {
        println!(
            "{name:12} ndcg {:.3} recall {:.3} coverage {:.3}",
            quality.ndcg, quality.recall, quality.coverage
        );
        assert!(
            name == "popularity" || quality.ndcg > 1.8 * popularity.ndcg,
            "{name}: {quality:?}, popularity {popularity:?}"
        );
    }
    assert!(
        ranked.coverage > alone("als").coverage,
        "new items are shown too"
    );

    // Our measure is that of the library.
    let test: Vec<(String, String)> = held_out
        .iter()
        .map(|(customer, item)| {
            (
                shop.customers()[*customer].clone(),
                shop.items()[*item].id.clone(),
            )
        })
        .collect();
    let test = Interactions::new(
        test.iter()
            .map(|(user, item)| (user.as_str(), item.as_str(), 1.0)),
    )
    .unwrap();
    let theirs =
        recommend::evaluate(&fitted["als"].model, &fitted["als"].table, &test, 10).unwrap();
    assert!(
        (theirs.ndcg - alone("als").ndcg).abs() < 1e-12
            && (theirs.recall - alone("als").recall).abs() < 1e-12
    );

    let (segment, everybody) = new_customers(&shop.history());
    println!(
        "new customers: segment {:.3}, everybody {:.3}",
        segment.recall, everybody.recall
    );
    assert!(segment.recall > 1.2 * everybody.recall);
    assert!(!popular(&known, "cn", None, 10).1.is_empty());
    let items = new_items(&shop, &vectors);
    println!("new items: {items:?}");
    assert!(items.same_category > 0.5 && items.by_chance < 0.15);
}
