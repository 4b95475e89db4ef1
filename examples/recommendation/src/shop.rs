//! What happened in a shop, read out of its events.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

/// The types of the events that are read.
pub const EVENT_TYPES: &str = "com.example.shop.item.*";
/// What a look at an item says.
const VIEWED: f64 = 1.0;
/// What a purchase says.
const BOUGHT: f64 = 3.0;
/// The longest name of a customer, a segment or an item, in bytes.
const MAX_NAME: usize = 200;

/// A text in the two languages of the shop.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

impl Words {
    /// In a language; English where it is another than Chinese.
    pub fn of(&self, language: &str) -> &str {
        match language.starts_with("zh") {
            true => &self.zh,
            false => &self.en,
        }
    }
}

/// An item of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its name in events and answers.
    pub id: String,
    /// What kind of thing it is.
    pub category: String,
    /// What it is called.
    pub title: Words,
    /// What it is for.
    pub about: Words,
}

impl Item {
    /// The text that stands for the item before an embedding model.
    ///
    /// English alone: the model of the example knows hardly any Chinese.
    pub fn text(&self) -> String {
        format!("{}. {}", self.title.en, self.about.en)
    }
}

/// How much a customer has to do with an item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interaction {
    /// The customer.
    pub user: String,
    /// The item.
    pub item: String,
    /// The sum of what was done: 1 for each look, 3 for each purchase.
    pub value: f64,
}

/// What is read of the data of an interaction.
#[derive(Deserialize)]
struct Did {
    customer: String,
    #[serde(default)]
    segment: String,
}

/// One thing that happened, by place of customer and item.
#[derive(Debug, Clone, Copy)]
struct Happened {
    customer: usize,
    item: usize,
    at: i64,
    value: f64,
}

/// Items, customers, and what these did, as far as it can be read.
#[derive(Debug, Default)]
pub struct Shop {
    items: Vec<Item>,
    item_places: HashMap<String, usize>,
    customers: Vec<String>,
    customer_places: HashMap<String, usize>,
    /// The segment of each customer, as it was said last; empty where it was never said.
    segments: Vec<String>,
    happened: Vec<Happened>,
    /// Interactions with items that were not listed yet: (customer, item, time, value).
    early: Vec<(usize, String, i64, f64)>,
    skipped: usize,
}

impl Shop {
    /// Takes an event in: its type, its subject (the item), its time in microseconds, its data. What cannot be read is
    /// skipped, and counted: one sender that errs stops nobody else's recommendations.
    pub fn take(&mut self, event_type: &str, subject: &str, at: i64, data: &[u8]) {
        let taken = match event_type.rsplit('.').next() {
            Some("listed") => self.list(subject, data),
            Some("viewed") => self.did(subject, at, data, VIEWED),
            Some("bought") => self.did(subject, at, data, BOUGHT),
            _ => None,
        };
        if taken.is_none() {
            self.skipped += 1;
        }
    }

    fn list(&mut self, subject: &str, data: &[u8]) -> Option<()> {
        let item: Item = serde_json::from_slice(data).ok()?;
        if item.id != subject || !is_name(&item.id) {
            return None;
        }
        match self.item_places.get(&item.id) {
            // Listed again: the last text counts.
            Some(place) => *self.items.get_mut(*place)? = item,
            None => {
                self.item_places.insert(item.id.clone(), self.items.len());
                self.items.push(item);
            }
        }
        Some(())
    }

    fn did(&mut self, item: &str, at: i64, data: &[u8], value: f64) -> Option<()> {
        let did: Did = serde_json::from_slice(data).ok()?;
        if !is_name(&did.customer) || !is_name(item) || did.segment.len() > MAX_NAME {
            return None;
        }
        let customer = match self.customer_places.get(&did.customer) {
            Some(place) => *place,
            None => {
                let place = self.customers.len();
                self.customer_places.insert(did.customer.clone(), place);
                self.customers.push(did.customer);
                self.segments.push(String::new());
                place
            }
        };
        if !did.segment.is_empty() {
            *self.segments.get_mut(customer)? = did.segment;
        }
        self.early.push((customer, item.to_owned(), at, value));
        Some(())
    }

    /// Brings what was taken in into the order of time. What was done with an item that nobody listed is skipped.
    #[must_use]
    pub fn settled(mut self) -> Self {
        for (customer, item, at, value) in std::mem::take(&mut self.early) {
            match self.item_places.get(&item) {
                Some(item) => self.happened.push(Happened {
                    customer,
                    item: *item,
                    at,
                    value,
                }),
                None => self.skipped += 1,
            }
        }
        // Stable: what happened at the same time stays in the order of the log.
        self.happened.sort_by_key(|happened| happened.at);
        self
    }

    /// How many events could not be read.
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// The catalogue, in the order in which items were listed.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The place of an item in the catalogue.
    pub fn item(&self, id: &str) -> Option<usize> {
        self.item_places.get(id).copied()
    }

    /// The customers, in the order in which they first came.
    pub fn customers(&self) -> &[String] {
        &self.customers
    }

    /// The place of a customer.
    pub fn customer(&self, name: &str) -> Option<usize> {
        self.customer_places.get(name).copied()
    }

    /// The segment of a customer; empty where nobody said it.
    pub fn segment(&self, customer: usize) -> &str {
        self.segments.get(customer).map_or("", String::as_str)
    }

    /// All that is known.
    pub fn history(&self) -> History<'_> {
        self.history_of(|_| true)
    }

    /// All but the item with which each customer began last, for customers of three items and more; and those items.
    pub fn leave_last_out(&self) -> (History<'_>, BTreeMap<usize, usize>) {
        let begun = self.begun();
        let long = begun
            .iter()
            .enumerate()
            .filter(|(_, items)| items.len() >= 3);
        let held_out: BTreeMap<usize, usize> = long
            .filter_map(|(customer, items)| Some((customer, *items.last()?)))
            .collect();
        let known = self.history_of(|did| {
            held_out
                .get(&did.customer)
                .is_none_or(|last| *last != did.item)
        });
        (known, held_out)
    }

    /// The item with which each customer began.
    pub fn first_items(&self) -> BTreeMap<usize, usize> {
        let begun = self.begun();
        let first = begun.iter().enumerate();
        first
            .filter_map(|(customer, items)| Some((customer, *items.first()?)))
            .collect()
    }

    /// The items of each customer, in the order in which the customer began with them.
    fn begun(&self) -> Vec<Vec<usize>> {
        let mut begun: Vec<Vec<usize>> = vec![Vec::new(); self.customers.len()];
        let mut seen = HashSet::new();
        for happened in &self.happened {
            if seen.insert((happened.customer, happened.item))
                && let Some(items) = begun.get_mut(happened.customer)
            {
                items.push(happened.item);
            }
        }
        begun
    }

    fn history_of(&self, keep: impl Fn(&Happened) -> bool) -> History<'_> {
        let mut by_customer = vec![BTreeMap::new(); self.customers.len()];
        for happened in self.happened.iter().filter(|happened| keep(happened)) {
            if let Some(items) = by_customer.get_mut(happened.customer) {
                *items.entry(happened.item).or_insert(0.0) += happened.value;
            }
        }
        History {
            shop: self,
            by_customer,
        }
    }
}

fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len())
}

/// What each customer did with which items.
#[derive(Debug)]
pub struct History<'a> {
    shop: &'a Shop,
    by_customer: Vec<BTreeMap<usize, f64>>,
}

impl History<'_> {
    /// The shop.
    pub fn shop(&self) -> &Shop {
        self.shop
    }

    /// What a customer did: how much with each item, by the place of the item.
    pub fn of(&self, customer: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let items = self.by_customer.get(customer);
        items
            .into_iter()
            .flatten()
            .map(|(item, value)| (*item, *value))
    }

    /// Whether a customer had to do with an item.
    pub fn has(&self, customer: usize, item: usize) -> bool {
        let items = self.by_customer.get(customer);
        items.is_some_and(|items| items.contains_key(&item))
    }

    /// How many customers had to do with each item.
    pub fn customers_of_items(&self) -> Vec<u32> {
        self.count(|_| true)
    }

    /// How many of these customers had to do with each item.
    pub fn count(&self, among: impl Fn(usize) -> bool) -> Vec<u32> {
        let mut counts = vec![0; self.shop.items.len()];
        for (_, items) in self
            .by_customer
            .iter()
            .enumerate()
            .filter(|(c, _)| among(*c))
        {
            for item in items.keys() {
                if let Some(count) = counts.get_mut(*item) {
                    *count += 1;
                }
            }
        }
        counts
    }

    /// As a recommender takes it.
    pub fn interactions(&self) -> Vec<Interaction> {
        let named = |(customer, items): (&String, &BTreeMap<usize, f64>)| {
            let one = |(item, value): (&usize, &f64)| {
                Some(Interaction {
                    user: customer.clone(),
                    item: self.shop.items.get(*item)?.id.clone(),
                    value: *value,
                })
            };
            items.iter().filter_map(one).collect::<Vec<_>>()
        };
        let all = self.shop.customers.iter().zip(&self.by_customer);
        all.flat_map(named).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(shop: &mut Shop, id: &str) {
        let item = serde_json::json!({
            "id": id, "category": "tea", "title": { "en": "Green tea", "zh": "绿茶" }, "about": { "en": "Fresh", "zh": "清新" },
        });
        shop.take(
            "com.example.shop.item.listed",
            id,
            0,
            item.to_string().as_bytes(),
        );
    }

    fn did(shop: &mut Shop, what: &str, customer: &str, item: &str, at: i64) {
        let data = serde_json::json!({ "customer": customer, "segment": "cn" }).to_string();
        shop.take(
            &format!("com.example.shop.item.{what}"),
            item,
            at,
            data.as_bytes(),
        );
    }

    #[test]
    fn what_cannot_be_read_stops_nothing() {
        let mut shop = Shop::default();
        // An interaction may come before its item is listed, and both more than once.
        did(&mut shop, "viewed", "小林", "tea-1", 5);
        listed(&mut shop, "tea-1");
        listed(&mut shop, "tea-1");
        did(&mut shop, "bought", "小林", "tea-1", 6);
        for (event_type, subject, data) in [
            ("com.example.shop.item.listed", "tea-2", "{"),
            (
                "com.example.shop.item.listed",
                "tea-2",
                r#"{"id":"tea-3","category":"","title":{"en":"","zh":""},"about":{"en":"","zh":""}}"#,
            ),
            (
                "com.example.shop.item.viewed",
                "tea-1",
                r#"{"customer":""}"#,
            ),
            ("com.example.shop.item.viewed", "", r#"{"customer":"c"}"#),
            (
                "com.example.shop.item.viewed",
                "nowhere",
                r#"{"customer":"小林"}"#,
            ),
            (
                "com.example.shop.item.eaten",
                "tea-1",
                r#"{"customer":"小林"}"#,
            ),
        ] {
            shop.take(event_type, subject, 7, data.as_bytes());
        }
        let shop = shop.settled();
        assert_eq!(
            (shop.items().len(), shop.customers(), shop.skipped()),
            (1, ["小林".to_owned()].as_slice(), 6)
        );
        let history = shop.history();
        assert_eq!(history.of(0).collect::<Vec<_>>(), [(0, 4.0)]);
        assert_eq!(shop.segment(0), "cn");
        assert_eq!(shop.items()[0].title.of("zh-CN"), "绿茶");
    }

    #[test]
    fn the_last_item_of_a_customer_is_held_back_with_all_that_was_done_with_it() {
        let mut shop = Shop::default();
        for id in ["a", "b", "c"] {
            listed(&mut shop, id);
        }
        // By time, not by the order in which they came in. `b` was begun last, whatever followed with `a`.
        did(&mut shop, "bought", "one", "b", 30);
        did(&mut shop, "viewed", "one", "a", 10);
        did(&mut shop, "viewed", "one", "c", 20);
        did(&mut shop, "viewed", "one", "a", 40);
        did(&mut shop, "viewed", "one", "b", 50);
        // Of two items none is held back.
        did(&mut shop, "viewed", "two", "a", 10);
        did(&mut shop, "viewed", "two", "b", 20);
        let shop = shop.settled();
        let (known, held_out) = shop.leave_last_out();
        assert_eq!(held_out, BTreeMap::from([(0, 1)]));
        assert_eq!(shop.first_items(), BTreeMap::from([(0, 0), (1, 0)]));
        assert_eq!(known.of(0).collect::<Vec<_>>(), [(0, 2.0), (2, 1.0)]);
        assert_eq!(known.of(1).count(), 2);
        assert_eq!(known.interactions().len(), 4);
        assert_eq!(known.customers_of_items(), [2, 1, 1]);
    }
}
