//! Recommendations, as whoever calls gets them.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::Refusal;
use crate::store::{self, Neighbours, Place};

/// How many items are told where nobody asks for another number.
const MOST: usize = 10;

type Query = HashMap<String, String>;

fn most(query: &Query) -> Result<usize, Refusal> {
    let Some(text) = query.get("most") else {
        return Ok(MOST);
    };
    match text.parse() {
        Ok(most @ 1..=20) => Ok(most),
        _ => Err(Refusal::wrong("`most` is a number from 1 to 20")),
    }
}

/// Items for a customer. Who is not known gets what is popular: in the segment that the caller names, else with everybody.
pub fn customer(customer: &str, query: &Query) -> Result<Value, Refusal> {
    let most = most(query)?;
    let segment = query.get("segment").map(String::as_str).unwrap_or_default();
    let keys = [
        store::of_customer(customer),
        store::of_segment(segment),
        store::EVERYBODY.to_owned(),
    ];
    let found =
        store::read::<Vec<Place>>(&keys)?
            .into_iter()
            .zip(["history", "segment", "everybody"]);
    let found = found
        .into_iter()
        .find_map(|(places, basis)| Some((places?, basis)));
    let Some((places, basis)) = found else {
        return Err(Refusal::later(
            "nothing is published yet; run the workflow `recommendations`",
        ));
    };
    let items = with_titles(&places, most, query)?;
    Ok(json!({ "customer": customer, "basis": basis, "items": items }))
}

/// What is like an item.
pub fn item(item: &str, query: &Query) -> Result<Value, Refusal> {
    let most = most(query)?;
    let Some(found) = store::read_one::<Neighbours>(store::of_item(item))? else {
        return Err(Refusal(
            404,
            format!("there is no item `{item}` in what was published last"),
        ));
    };
    let similar = with_titles(&found.similar, most, query)?;
    let title = found.item.title.of(language(query));
    Ok(
        json!({ "item": item, "title": title, "category": found.item.category, "new": found.new, "similar": similar }),
    )
}

fn language(query: &Query) -> &str {
    query.get("language").map_or("en", String::as_str)
}

fn with_titles(places: &[Place], most: usize, query: &Query) -> Result<Vec<Value>, Refusal> {
    let places = places.get(..most).unwrap_or(places);
    let ids = places
        .iter()
        .flat_map(|place| [Some(&place.item), place.because.as_ref()])
        .flatten();
    let keys: Vec<String> = ids.map(|id| store::of_item(id)).collect();
    let known: HashMap<String, Neighbours> = store::read::<Neighbours>(&keys)?
        .into_iter()
        .flatten()
        .map(|found| (found.item.id.clone(), found))
        .collect();
    let title = |id: &str| {
        known
            .get(id)
            .map(|found| found.item.title.of(language(query)))
    };
    let one = |place: &Place| {
        let found = known.get(&place.item);
        let mut told = json!({
            "item": place.item,
            "title": title(&place.item),
            "category": found.map(|found| &found.item.category),
            "new": found.map(|found| found.new),
            "score": (place.score * 1000.0).round() / 1000.0,
        });
        if let (Some(because), Some(told)) = (&place.because, told.as_object_mut()) {
            told.insert(
                "like".into(),
                json!({ "item": because, "title": title(because) }),
            );
        }
        told
    };
    Ok(places.iter().map(one).collect())
}
