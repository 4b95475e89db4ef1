//! What is published: in a bucket of keys and values, so that an answer costs a look-up.

use std::collections::HashMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Refusal;

mod bindings {
    wit_bindgen::generate!({
        path: "../../../host/capabilities/wit/keyvalue-draft2",
        world: "wasi:keyvalue/imports",
        generate_all,
    });
}

use bindings::wasi::keyvalue::{batch, store};

const BUCKET: &str = "recommendations";
/// How many keys are written at a time: the host takes 1,000.
const AT_A_TIME: usize = 500;

/// What there is, and up to which event it was made of.
#[derive(Serialize, Deserialize)]
pub struct Published {
    pub through: u64,
    /// The categories of the catalogue, and its items, by which statistics are asked: they tell nothing of customers.
    pub categories: Vec<String>,
    pub items: Vec<String>,
}

/// An item that is recommended.
#[derive(Serialize, Deserialize)]
pub struct Place {
    pub item: String,
    pub score: f64,
    /// The item of the customer that is most like it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// An item, and those that are like it.
#[derive(Serialize, Deserialize)]
pub struct Neighbours {
    pub item: steward_recommendation::shop::Item,
    /// Whether nobody had to do with it yet.
    pub new: bool,
    pub similar: Vec<Place>,
}

pub const PUBLISHED: &str = "published";
pub const EVERYBODY: &str = "everybody";

pub fn of_customer(customer: &str) -> String {
    format!("customer/{customer}")
}

pub fn of_segment(segment: &str) -> String {
    format!("segment/{segment}")
}

pub fn of_item(item: &str) -> String {
    format!("item/{item}")
}

fn failed(error: store::Error) -> Refusal {
    match error {
        store::Error::NoSuchStore | store::Error::AccessDenied => Refusal(
            500,
            format!(
                "the bucket `{BUCKET}` is not granted; deploy with `--grant keyvalue={BUCKET}`"
            ),
        ),
        store::Error::Other(why) => Refusal::later(why),
    }
}

/// What is written under each of the keys, in their order.
pub fn read<T: DeserializeOwned>(keys: &[String]) -> Result<Vec<Option<T>>, Refusal> {
    let bucket = store::open(BUCKET).map_err(failed)?;
    let found = batch::get_many(&bucket, keys).map_err(failed)?;
    let found: HashMap<String, Option<Vec<u8>>> = found.into_iter().collect();
    let one = |key: &String| {
        found
            .get(key)?
            .as_ref()
            .and_then(|bytes| serde_json::from_slice(bytes).ok())
    };
    Ok(keys.iter().map(one).collect())
}

/// What is written under a key.
pub fn read_one<T: DeserializeOwned>(key: String) -> Result<Option<T>, Refusal> {
    Ok(read(&[key])?.into_iter().next().flatten())
}

/// Values to be written.
#[derive(Default)]
pub struct Writer(Vec<(String, Vec<u8>)>);

impl Writer {
    pub fn put(&mut self, key: String, value: &impl Serialize) -> Result<(), Refusal> {
        let bytes = serde_json::to_vec(value).map_err(|error| Refusal(500, error.to_string()))?;
        self.0.push((key, bytes));
        Ok(())
    }

    /// Writes in the order in which values were put: the last one stands for all.
    pub fn write(self) -> Result<(), Refusal> {
        let bucket = store::open(BUCKET).map_err(failed)?;
        for some in self.0.chunks(AT_A_TIME) {
            batch::set_many(&bucket, some).map_err(failed)?;
        }
        Ok(())
    }
}
