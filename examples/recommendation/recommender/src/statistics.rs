//! Statistics about customers, told with noise as far as a budget goes.

use serde_json::{Value, json};
use steward_sdk::privacy::{self, Bins, Error, Query, Release, Spend};

use crate::Refusal;
use crate::store::{self, Published};

const DATASET: &str = "shop-interactions";
/// In how many categories a customer counts; noise grows with it.
const CATEGORIES: u32 = 3;

/// The questions are these alone, so that a caller cannot spend the budget on others. Their keys are those of the catalogue.
fn question(name: &str) -> Result<(&'static str, Query), Refusal> {
    let published = || -> Result<Published, Refusal> {
        let found = store::read_one(store::PUBLISHED.into())?;
        found.ok_or_else(|| {
            Refusal::later("nothing is published yet; run the workflow `recommendations`")
        })
    };
    Ok(match name {
        "categories" => (
            "customers that had to do with a category",
            Query::histogram(
                "category",
                Bins::Keys(published()?.categories),
                Spend::epsilon(0.5),
            )
            .groups_per_unit(CATEGORIES),
        ),
        "segments" => (
            "customers of a segment",
            Query::histogram(
                "segment",
                Bins::Keys(vec!["cn".into(), "eu".into()]),
                Spend::epsilon(0.25),
            ),
        ),
        "favourites" => (
            "the items of most customers, first to last",
            Query::top_k("item", 3, published()?.items, Spend::epsilon(0.5)),
        ),
        other => {
            return Err(Refusal(
                404,
                format!(
                    "there is no statistic `{other}`: there are categories, segments and favourites"
                ),
            ));
        }
    })
}

pub fn tell(name: &str) -> Result<Value, Refusal> {
    let (what, query) = question(name)?;
    let dataset = privacy::open(DATASET).map_err(refused)?;
    let answer = dataset.ask(&query).map_err(refused)?;
    let told = match &answer.release {
        Release::Number(number) => json!(number.value),
        Release::Ranking(keys) => json!(keys),
        Release::Table(table) => {
            let one = |group: &privacy::Group| {
                Some((group.key.first()?.clone(), json!(group.values.first()?)))
            };
            Value::Object(table.groups.iter().filter_map(one).collect())
        }
    };
    let within = match &answer.release {
        Release::Table(table) => table.errors.first().copied().flatten(),
        Release::Number(number) => number.error,
        Release::Ranking(_) => None,
    };
    Ok(json!({
        "statistic": name, "what": what, "value": told,
        // In 95 of 100 cases.
        "within": within,
        "paid": answer.cost.amount, "repeated": answer.repeated, "left": answer.left.amount,
    }))
}

fn refused(error: Error) -> Refusal {
    match error {
        Error::OverBudget(short) => Refusal(
            402,
            format!("the privacy budget is spent: {}", short.message),
        ),
        Error::InvalidInput(why) => Refusal::wrong(why),
        Error::Unavailable(why) => Refusal::later(why),
        Error::NoSuch(why) | Error::Denied(why) | Error::Other(why) => Refusal(500, why),
    }
}
