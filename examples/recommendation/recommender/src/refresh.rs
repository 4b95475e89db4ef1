//! What the workflow asks: collect, measure, publish.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Deserialize;
use serde_json::{Value, json};
use steward_recommendation::blend::{Blend, Candidates};
use steward_recommendation::cold::popular;
use steward_recommendation::measure::{new_customers, new_items, quality};
use steward_recommendation::shop::{EVENT_TYPES, History, Shop};
use steward_recommendation::vectors::Vectors;
use steward_sdk::events::{self, Filter};
use steward_sdk::{config, inference, log};

use crate::Refusal;
use crate::store::{self, Neighbours, Place, Published, Writer};

const MODEL: &str = "minilm";
/// Texts of one call of the model.
const TEXTS: usize = 256;
/// Events of one page.
const PAGE: u32 = 1000;
/// The most events of which recommendations are made.
const MAX_EVENTS: usize = 500_000;
/// How many items of a customer, of a segment and beside an item are kept.
const KEPT: usize = 20;

/// What recommenders gave: by their names, one list for each customer.
#[derive(Deserialize)]
struct Given {
    /// Up to which event they knew the shop.
    through: u64,
    lists: HashMap<String, Vec<Vec<Scored>>>,
}

/// By recommender and customer: items with their scores, best first.
type Lists<'a> = BTreeMap<&'a str, HashMap<usize, Candidates>>;

#[derive(Deserialize)]
struct Scored {
    item: String,
    score: f64,
}

impl Given {
    fn read(body: &[u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(body).map_err(|error| Refusal::wrong(error.to_string()))
    }

    /// Each list with the places of its items; one for each customer, or it is refused.
    fn places(&self, shop: &Shop, customers: &[usize]) -> Result<Lists<'_>, Refusal> {
        let mut all = Lists::new();
        for (name, lists) in &self.lists {
            if lists.len() != customers.len() {
                let (lists, customers) = (lists.len(), customers.len());
                return Err(Refusal::wrong(format!(
                    "`{name}` has {lists} lists for {customers} customers"
                )));
            }
            let known = |list: &Vec<Scored>| -> Candidates {
                let known = list.iter().filter(|scored| scored.score.is_finite());
                known
                    .filter_map(|scored| Some((shop.item(&scored.item)?, scored.score)))
                    .collect()
            };
            all.insert(
                name,
                customers
                    .iter()
                    .copied()
                    .zip(lists.iter().map(known))
                    .collect(),
            );
        }
        Ok(all)
    }
}

/// Reads the shop out of the log, up to an event or to the end, and says up to which.
fn read_shop(through: Option<u64>) -> Result<(Shop, u64), Refusal> {
    let mut shop = Shop::default();
    let (mut after, mut taken) = (0, 0);
    loop {
        let page = events::query(&Filter::types(EVENT_TYPES).after(after).limit(PAGE));
        let page = page.map_err(|error| match error {
            events::Error::Denied(why) => Refusal(500, why),
            events::Error::InvalidInput(why) => Refusal::wrong(why),
            events::Error::Unavailable(why) | events::Error::Other(why) => Refusal::later(why),
        })?;
        let before = after;
        for event in page {
            if through.is_some_and(|through| event.seq > through) {
                return Ok((shop.settled(), after));
            }
            after = event.seq;
            taken += 1;
            let (subject, data) = (
                event.subject.unwrap_or_default(),
                event.data.unwrap_or_default(),
            );
            shop.take(&event.event_type, &subject, event.time, &data);
        }
        if after == before {
            return Ok((shop.settled(), after));
        }
        if taken > MAX_EVENTS {
            return Err(Refusal(
                500,
                format!("there are more than {MAX_EVENTS} events of the shop"),
            ));
        }
    }
}

fn vectors(shop: &Shop) -> Result<Vectors, Refusal> {
    let texts: Vec<String> = shop.items().iter().map(|item| item.text()).collect();
    let model = inference::open(MODEL)?;
    let mut found = Vec::with_capacity(texts.len());
    for texts in texts.chunks(TEXTS) {
        found.extend(model.embed(texts)?);
    }
    Vectors::new(found, texts.len()).map_err(|why| Refusal(500, why))
}

fn embedding_weight() -> Result<f64, Refusal> {
    let weight: f64 = config::parse_or("embedding_weight", 0.25)?;
    match (0.0..=1.0).contains(&weight) {
        true => Ok(weight),
        false => Err(Refusal(
            500,
            format!("`embedding_weight = {weight}`: it lies between 0 and 1"),
        )),
    }
}

/// The recommenders whose candidates are ranked anew: all but what is popular, which says nothing of a customer.
fn candidates(lists: &Lists<'_>, customer: usize) -> Vec<Candidates> {
    let personal = lists.iter().filter(|(name, _)| **name != "popularity");
    personal
        .filter_map(|(_, of)| of.get(&customer).cloned())
        .collect()
}

/// What the recommenders learn from: all interactions, and those without the last item of each customer.
pub fn collect() -> Result<Value, Refusal> {
    let (shop, through) = read_shop(None)?;
    let (known, held_out) = shop.leave_last_out();
    if held_out.is_empty() {
        return Err(Refusal::wrong(
            "no customer has had to do with three items yet; send events of the types com.example.shop.item.listed, .viewed and .bought",
        ));
    }
    log::info!(items = shop.items().len(), customers = shop.customers().len(), skipped = shop.skipped(); "read the shop");
    Ok(json!({
        "through": through,
        "skipped": shop.skipped(),
        "interactions": shop.history().interactions(),
        "customers": shop.customers(),
        "train": known.interactions(),
        "held_out_customers": held_out.keys().filter_map(|customer| shop.customers().get(*customer)).collect::<Vec<_>>(),
        "held_out": held_out.iter().filter_map(|(customer, item)| {
            Some(json!({ "user": shop.customers().get(*customer)?, "item": shop.items().get(*item)?.id, "value": 1.0 }))
        }).collect::<Vec<_>>(),
    }))
}

/// How good each recommender is, and the ranking that is made of them.
pub fn measure(body: &[u8]) -> Result<Value, Refusal> {
    let given = Given::read(body)?;
    let (shop, through) = read_shop(Some(given.through))?;
    let (known, held_out) = shop.leave_last_out();
    let customers: Vec<usize> = held_out.keys().copied().collect();
    let lists = given.places(&shop, &customers)?;
    let vectors = vectors(&shop)?;
    let items = shop.items().len();
    let mut measured = BTreeMap::new();
    for (name, of) in &lists {
        let of = of
            .iter()
            .map(|(customer, list)| (*customer, list.iter().map(|(item, _)| *item).collect()));
        measured.insert((*name).to_owned(), quality(&of.collect(), &held_out, items));
    }
    let blend = Blend::new(&known, &vectors, embedding_weight()?);
    let ranked = customers.iter().map(|customer| {
        let ranked = blend.rank(*customer, &candidates(&lists, *customer), KEPT);
        (
            *customer,
            ranked.into_iter().map(|ranked| ranked.item).collect(),
        )
    });
    measured.insert(
        "ranked_by_texts".into(),
        quality(&ranked.collect(), &held_out, items),
    );
    let (segment, everybody) = new_customers(&shop.history());
    Ok(json!({
        "through": through,
        "customers": held_out.len(),
        "rankings": measured,
        "new_customers": { "segment": segment, "everybody": everybody },
        "new_items": new_items(&shop, &vectors),
    }))
}

/// Ranks for every customer, and writes down what is asked for.
pub fn publish(body: &[u8]) -> Result<Value, Refusal> {
    let given = Given::read(body)?;
    let (shop, through) = read_shop(Some(given.through))?;
    let customers: Vec<usize> = (0..shop.customers().len()).collect();
    let lists = given.places(&shop, &customers)?;
    let (history, vectors) = (shop.history(), vectors(&shop)?);
    let blend = Blend::new(&history, &vectors, embedding_weight()?);
    let mut writer = Writer::default();
    let id = |item: usize| shop.items().get(item).map(|item| item.id.clone());
    let place = |(item, score, because): (usize, f64, Option<usize>)| {
        Some(Place {
            item: id(item)?,
            score,
            because: because.and_then(id),
        })
    };
    for (customer, name) in shop.customers().iter().enumerate() {
        let ranked = blend.rank(customer, &candidates(&lists, customer), KEPT);
        let ranked = ranked
            .into_iter()
            .map(|ranked| (ranked.item, ranked.score, ranked.because));
        writer.put(
            store::of_customer(name),
            &ranked.filter_map(place).collect::<Vec<_>>(),
        )?;
    }
    let new = write_cold(&mut writer, &history, &vectors, place)?;
    let categories: BTreeSet<String> = shop
        .items()
        .iter()
        .map(|item| item.category.clone())
        .collect();
    let items = shop.items().iter().map(|item| item.id.clone()).collect();
    let published = Published {
        through,
        categories: categories.into_iter().collect(),
        items,
    };
    writer.put(store::PUBLISHED.into(), &published)?;
    writer.write()?;
    Ok(
        json!({ "through": through, "customers": shop.customers().len(), "items": shop.items().len(), "new_items": new }),
    )
}

/// What new customers get, and what is like each item. How many items are new.
fn write_cold(
    writer: &mut Writer,
    history: &History<'_>,
    vectors: &Vectors,
    place: impl Fn((usize, f64, Option<usize>)) -> Option<Place>,
) -> Result<usize, Refusal> {
    let shop = history.shop();
    let segments: BTreeSet<&str> = (0..shop.customers().len())
        .map(|customer| shop.segment(customer))
        .collect();
    for segment in segments.into_iter().filter(|segment| !segment.is_empty()) {
        writer.put(
            store::of_segment(segment),
            &favourites(history, segment, &place),
        )?;
    }
    writer.put(store::EVERYBODY.into(), &favourites(history, "", &place))?;
    let customers = history.customers_of_items();
    let mut all_new = 0;
    for (at, item) in shop.items().iter().enumerate() {
        let new = customers.get(at).is_some_and(|count| *count == 0);
        all_new += usize::from(new);
        let near = vectors.nearest(at, |_| true, KEPT).into_iter();
        let similar = near
            .filter_map(|(other, likeness)| place((other, likeness, None)))
            .collect();
        writer.put(
            store::of_item(&item.id),
            &Neighbours {
                item: item.clone(),
                new,
                similar,
            },
        )?;
    }
    Ok(all_new)
}

fn favourites(
    history: &History<'_>,
    segment: &str,
    place: &impl Fn((usize, f64, Option<usize>)) -> Option<Place>,
) -> Vec<Place> {
    let (_, found) = popular(history, segment, None, KEPT);
    found
        .into_iter()
        .filter_map(|(item, count)| place((item, f64::from(count), None)))
        .collect()
}
