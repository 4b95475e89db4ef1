//! Asks about a dataset what the path says, and answers what it got in JSON: `/orders/count/0.1`,
//! `/orders/sum/amount/100/0.1`, `/orders/budget`.

use serde_json::{Value, json};
use steward_sdk::privacy::{self, Bins, Clamped, Error, Loss, Measure, Query, Question, Release, Spend, Table};
use wstd::http::{Body, Request, Response};

/// What customers pay is between 0 and this.
const MOST: f64 = 100.0;

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, wstd::http::Error> {
    steward_sdk::panic::log_panics();
    let path: Vec<&str> = request.uri().path().trim_start_matches('/').split('/').collect();
    let answer = answer(&path).unwrap_or_else(refused);
    Ok(Response::new(Body::from_json(&answer)?))
}

fn answer(path: &[&str]) -> Result<Value, Error> {
    let (dataset, path) = path.split_first().expect("a dataset");
    let dataset = privacy::open(dataset)?;
    let number = |text: &&str| text.parse::<f64>().expect("a number");
    let epsilon = |text: &&str| Spend::epsilon(number(text));
    let keys = || ["北京", "Ulm"].map(String::from).to_vec();
    let query = match path {
        ["budget"] => {
            let budget = dataset.budget()?;
            return Ok(json!({
                "snapshot": dataset.snapshot(),
                "accounting": format!("{:?}", budget.accounting),
                "limit": told(budget.limit),
                "left": told(budget.left),
            }));
        }
        ["count", spent] => Query::count(epsilon(spent)).rows_per_unit(2),
        ["count-and-panic", spent] => {
            let answer = dataset.ask(&Query::count(epsilon(spent)))?;
            panic!("after {:?}", answer.number());
        }
        ["count-and-hang", spent] => {
            dataset.ask(&Query::count(epsilon(spent)))?;
            loop {
                std::hint::black_box(());
            }
        }
        ["sum", column, upper, spent] => Query::sum(column, 0.0, number(upper), epsilon(spent)),
        ["mean", column, spent] => Query::mean(column, 0.0, MOST, epsilon(spent)),
        ["median", column, spent] => Query::quantile(column, 0.0, MOST, 0.5, epsilon(spent)),
        ["cities", spent] => Query::histogram("city", Bins::Keys(keys()), epsilon(spent)),
        ["ranges", spent] => Query::histogram("amount", Bins::Edges(vec![0.0, 50.0, MOST]), epsilon(spent)),
        ["most", spent] => Query::top_k("city", 1, keys(), epsilon(spent)),
        ["table", spent, delta] => {
            let table = Table {
                by: vec!["city".into()],
                groups: None,
                measures: vec![Measure::Mean(Clamped::new("amount", 0.0, MOST))],
            };
            Query::new(Question::Table(table), epsilon(spent).with_delta(number(delta)))
        }
        // Asks, each time something else, until it is told that too little is left.
        ["everything", first, spent] => {
            let mut answered = 0;
            loop {
                let upper = number(first) + f64::from(answered);
                match dataset.ask(&Query::sum("amount", 0.0, upper, epsilon(spent))) {
                    Ok(_) => answered += 1,
                    Err(Error::OverBudget(short)) => {
                        return Ok(json!({ "answered": answered, "left": told(short.left) }));
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        // What no well-meaning plugin sends.
        ["garbage"] => {
            let garbage = [
                Query::count(Spend::epsilon(f64::NEG_INFINITY)),
                Query::count(Spend::epsilon(1e300)),
                Query::count(Spend::epsilon(0.1).with_delta(f64::NAN)),
                Query::count(Spend::rho(0.1)),
                Query::sum("amount", f64::NAN, f64::NAN, Spend::epsilon(0.1)),
                Query::sum("amount", f64::NEG_INFINITY, f64::INFINITY, Spend::epsilon(0.1)),
                Query::quantile("amount", 0.0, 1.0, f64::NAN, Spend::epsilon(0.1)),
                Query::histogram("amount", Bins::Edges(vec![f64::NAN; 3]), Spend::epsilon(0.1)),
                Query::histogram("city", Bins::Keys(vec!["x".repeat(1 << 20); 4]), Spend::epsilon(0.1)),
                Query::top_k("\u{0}", u32::MAX, [""; 0], Spend::epsilon(0.1)),
                Query::count(Spend::epsilon(0.1)).rows_per_unit(0),
                Query::count(Spend::epsilon(0.1)).groups_per_unit(u32::MAX),
            ];
            let cases = garbage.iter().map(|query| match dataset.ask(query) {
                Ok(_) => json!("answered"),
                Err(error) => refused(error)["error"].clone(),
            });
            return Ok(cases.collect());
        }
        other => panic!("nobody asks {other:?}"),
    };
    let answer = dataset.ask(&query)?;
    let release = match &answer.release {
        Release::Number(number) => json!({ "value": number.value, "error": number.error }),
        Release::Ranking(keys) => json!(keys),
        Release::Table(table) => {
            let groups = table.groups.iter().map(|group| json!([group.key, group.values]));
            json!({ "measures": table.measures, "errors": table.errors, "groups": groups.collect::<Value>() })
        }
    };
    Ok(json!({
        "release": release,
        "repeated": answer.repeated,
        "cost": told(answer.cost),
        "left": told(answer.left),
    }))
}

fn told(loss: Loss) -> Value {
    json!([loss.amount, loss.delta])
}

fn refused(error: Error) -> Value {
    let (case, message) = match error {
        Error::NoSuch(message) => ("no-such", message),
        Error::Denied(message) => ("denied", message),
        Error::OverBudget(short) => {
            return json!({ "error": "over-budget", "message": short.message, "left": told(short.left) });
        }
        Error::InvalidInput(message) => ("invalid-input", message),
        Error::Unavailable(message) => ("unavailable", message),
        Error::Other(message) => ("other", message),
    };
    json!({ "error": case, "message": message })
}
