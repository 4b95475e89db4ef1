//! What people do, by the log of events: who goes through steps, who comes back, by which way.
//!
//! The log is read here, and a deployed function of the world `feedback` computes, as for everything that feedback means. It
//! gets numbers in the place of people. Numbers of few people are not told.

mod given;
mod hidden;
mod log;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use steward_registry::{EventPattern, Name, TenantId};

use self::given::known;
use self::hidden::{is_told, told};
use self::log::{Happened, Log};
use super::Feedback;
use super::understand::broken;
use crate::DataError;

pub use given::{EventsWhich, FunnelGiven, PathsGiven, RetentionGiven, RetentionKind};

/// A day in milliseconds.
const DAY_MS: i64 = 86_400_000;
/// The most cohorts times days of an answer.
const MOST_CELLS: i64 = 40_000;

/// A step, as the function tells it.
#[derive(Deserialize)]
struct Step {
    name: String,
    people: u64,
    of_first: f64,
    of_previous: f64,
    median_ms: Option<i64>,
}

/// A day, as the function tells it.
#[derive(Deserialize)]
struct Day {
    day: u32,
    eligible: u64,
    people: u64,
}

/// A cohort, as the function tells it.
#[derive(Deserialize)]
struct Cohort {
    start: i64,
    size: u64,
    days: Vec<Day>,
}

/// A retention, as the function tells it.
#[derive(Deserialize)]
struct Retained {
    overall: Vec<Day>,
    cohorts: Vec<Cohort>,
}

/// A path, as the function tells it.
#[derive(Deserialize)]
struct Path {
    steps: Vec<String>,
    people: u64,
    count: u64,
}

impl Feedback {
    /// How many people go through the steps, in their order.
    ///
    /// # Errors
    /// [`DataError::Invalid`] for steps that the log does not have, times that hold nothing, a window that is none, and more
    /// events or people than one question takes; [`DataError::Function`] where the function is not there, fails or refuses;
    /// [`DataError::Registry`].
    pub async fn funnel(&self, tenant: &TenantId, given: FunnelGiven) -> Result<Value, DataError> {
        within("steps", given.steps.len() as i64, 2, 50)?;
        if given.window_ms.is_some_and(|window| window < 1) {
            return Err(DataError::Invalid(
                "`window_ms` is below 1: nobody takes two steps in no time; a day has 86400000 milliseconds, and without a window \
                 people have all the time that there is"
                    .into(),
            ));
        }
        let which = given.which.checked(Timestamp::now())?;
        if !given.strict && !which.types.is_empty() {
            return Err(DataError::Invalid(
                "`types` says what may not come between two steps: it goes with `strict`".into(),
            ));
        }
        self.is_there(tenant, &given.function)?;
        let _turn = self.turn().await?;
        let log = Log(&self.registry);
        let steps = known(&log, tenant, "steps", &given.steps).await?;
        let types = match given.strict {
            true => beside(&which, steps),
            false => steps,
        };
        let happened = log.read(tenant, &which, types).await?;
        let mut told = about(&given.function, &which, &happened, given.minimum);
        let input = json!({
            "design": { "steps": given.steps, "window_ms": given.window_ms, "strict": given.strict },
            "events": happened.into_list(),
        });
        let answer = self.ask(tenant, &given.function, "funnel", input).await?;
        let steps: Option<Vec<Step>> = serde_json::from_value(answer).ok();
        let steps = steps.filter(|steps| steps.iter().map(|one| &one.name).eq(&given.steps));
        let steps =
            steps.ok_or_else(|| broken(&given.function, "other steps than it was asked"))?;
        told.insert("window_ms".into(), json!(given.window_ms));
        told.insert("strict".into(), json!(given.strict));
        told.insert("steps".into(), steps_told(&steps, given.minimum.into()));
        Ok(Value::Object(told))
    }

    /// How many people come back, by day and by cohort.
    ///
    /// # Errors
    /// Those of [`Feedback::funnel`].
    pub async fn retention(
        &self,
        tenant: &TenantId,
        given: RetentionGiven,
    ) -> Result<Value, DataError> {
        within("days", given.days.into(), 1, 400)?;
        within("cohort_days", given.cohort_days.into(), 1, 400)?;
        let which = given.which.checked(Timestamp::now())?;
        let named = [("start", &given.start), ("back", &given.back)];
        let both = named.iter().all(|(_, name)| name.is_some());
        if both && !which.types.is_empty() {
            return Err(DataError::Invalid(
                "`types` narrows what is not named: leave it out, or `start`, or `back`".into(),
            ));
        }
        self.is_there(tenant, &given.function)?;
        let _turn = self.turn().await?;
        let log = Log(&self.registry);
        let mut types = Vec::new();
        for (field, name) in named {
            types.extend(known(&log, tenant, field, name.as_slice()).await?);
        }
        if !both {
            types = beside(&which, types);
        }
        let happened = log.read(tenant, &which, types).await?;
        if let Some((first, last)) = happened.span() {
            let cohorts = last.saturating_sub(first) / (DAY_MS * i64::from(given.cohort_days)) + 1;
            if cohorts.saturating_mul(given.days.into()) > MOST_CELLS {
                return Err(DataError::Invalid(format!(
                    "up to {cohorts} cohorts with {} days each are more than the {MOST_CELLS} numbers of an answer; narrow the events \
                     by `since`, or take longer cohorts (`cohort_days`) or fewer `days`",
                    given.days
                )));
            }
        }
        let mut told = about(&given.function, &which, &happened, given.minimum);
        let input = json!({
            "design": {
                "start": given.start,
                "back": given.back,
                "returning": given.kind.returning(),
                "day_ms": DAY_MS,
                "days": given.days,
                "until": which.until.map(Timestamp::as_millisecond),
                "cohort_days": given.cohort_days,
            },
            "events": happened.into_list(),
        });
        let answer = self
            .ask(tenant, &given.function, "retention", input)
            .await?;
        let all = |days: &Vec<Day>| days.iter().map(|one| one.day).eq(1..=given.days);
        let found: Option<Retained> = serde_json::from_value(answer).ok();
        let found = found
            .filter(|found| all(&found.overall) && found.cohorts.iter().all(|one| all(&one.days)));
        let found = found.ok_or_else(|| broken(&given.function, "other days than it was asked"))?;
        let minimum = given.minimum.into();
        let overall: Vec<Value> = found
            .overall
            .iter()
            .map(|day| {
                let (eligible, people) =
                    (is_told(day.eligible, minimum), is_told(day.people, minimum));
                day_told(day, eligible, people)
            })
            .collect();
        told.insert("kind".into(), json!(given.kind));
        told.insert("start".into(), json!(given.start));
        told.insert("back".into(), json!(given.back));
        told.insert("cohort_days".into(), json!(given.cohort_days));
        told.insert("overall".into(), json!(overall));
        told.insert("cohorts".into(), cohorts_told(&found.cohorts, minimum));
        Ok(Value::Object(told))
    }

    /// What most people do one after the other.
    ///
    /// # Errors
    /// Those of [`Feedback::funnel`].
    pub async fn paths(&self, tenant: &TenantId, given: PathsGiven) -> Result<Value, DataError> {
        within("length", given.length.into(), 2, 10)?;
        within("pause_ms", given.pause_ms, 1, i64::MAX)?;
        within("most", given.most.into(), 1, 1000)?;
        let which = given.which.checked(Timestamp::now())?;
        self.is_there(tenant, &given.function)?;
        let _turn = self.turn().await?;
        let log = Log(&self.registry);
        let happened = log.read(tenant, &which, which.types.clone()).await?;
        let mut told = about(&given.function, &which, &happened, given.minimum);
        let input = json!({
            "design": { "length": given.length, "pause_ms": given.pause_ms, "most": given.most },
            "events": happened.into_list(),
        });
        let answer = self.ask(tenant, &given.function, "paths", input).await?;
        let paths: Option<Vec<Path>> = serde_json::from_value(answer).ok();
        let paths = paths.filter(|paths| {
            let length = given.length as usize;
            paths.len() <= given.most as usize && paths.iter().all(|one| one.steps.len() == length)
        });
        let paths =
            paths.ok_or_else(|| broken(&given.function, "other paths than it was asked"))?;
        let minimum: u64 = given.minimum.into();
        let found = paths.len();
        let paths: Vec<Value> = paths
            .into_iter()
            .filter(|one| one.people >= minimum)
            .map(|one| json!({ "steps": one.steps, "people": one.people, "count": one.count }))
            .collect();
        told.insert("length".into(), json!(given.length));
        told.insert("pause_ms".into(), json!(given.pause_ms));
        told.insert("hidden".into(), json!(found - paths.len()));
        told.insert("paths".into(), json!(paths));
        Ok(Value::Object(told))
    }

    /// Whether there is such a function: nobody waits for a log to be read for one that is not.
    fn is_there(&self, tenant: &TenantId, function: &Name) -> Result<(), DataError> {
        let found = self.functions.find(tenant.as_str(), function.as_str());
        found.map(drop).map_err(|source| DataError::Function {
            function: function.clone(),
            source,
        })
    }

    /// The turn of one question. The events of each are in memory, so that one is answered at a time.
    async fn turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>, DataError> {
        let turn = self.behaviour.acquire().await;
        turn.map_err(|_| DataError::Invalid("the host is about to stop".into()))
    }
}

/// Whether a number lies within its bounds.
fn within(field: &str, given: i64, least: i64, most: i64) -> Result<(), DataError> {
    if (least..=most).contains(&given) {
        return Ok(());
    }
    Err(DataError::Invalid(match (field, most) {
        ("steps", _) => format!("{given} steps; a funnel has {least} to {most}"),
        (_, i64::MAX) => format!("`{field}` is below {least}"),
        _ => format!("`{field}` is a number from {least} to {most}"),
    }))
}

/// The types that are asked for, with those that are named beside them.
fn beside(which: &EventsWhich, named: Vec<EventPattern>) -> Vec<EventPattern> {
    if which.types.is_empty() {
        return Vec::new();
    }
    let mut types = which.types.clone();
    types.extend(named);
    types
}

/// What every answer says of the events behind it.
fn about(
    function: &Name,
    which: &EventsWhich,
    happened: &Happened,
    minimum: u32,
) -> Map<String, Value> {
    let told = is_told(happened.people(), minimum.into());
    let number = |number: u64| told.then_some(number);
    [
        ("function", json!(function)),
        ("since", json!(which.since)),
        ("until", json!(which.until)),
        ("person", json!(which.person)),
        ("minimum", json!(minimum)),
        ("people", json!(number(happened.people()))),
        ("events", json!(number(happened.events()))),
        ("nameless", json!(happened.nameless())),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}

fn steps_told(steps: &[Step], minimum: u64) -> Value {
    let is_told = |place: usize| {
        let step = steps.get(place);
        step.is_some_and(|step| is_told(step.people, minimum))
    };
    let step = |(place, step): (usize, &Step)| {
        let own = is_told(place);
        let before = is_told(place.saturating_sub(1));
        json!({
            "name": step.name,
            "people": own.then_some(step.people),
            "of_first": (own && is_told(0)).then_some(step.of_first),
            "of_previous": (own && before).then_some(step.of_previous),
            "median_ms": step.median_ms.filter(|_| own),
        })
    };
    steps.iter().enumerate().map(step).collect()
}

/// A day, as far as it is told.
fn day_told(day: &Day, eligible: bool, people: bool) -> Value {
    let share = day.people as f64 / day.eligible as f64;
    json!({
        "day": day.day,
        "eligible": eligible.then_some(day.eligible),
        "people": people.then_some(day.people),
        "share": (eligible && people && day.eligible > 0).then_some(share),
    })
}

fn cohorts_told(cohorts: &[Cohort], minimum: u64) -> Value {
    let counts = |of: &dyn Fn(&Cohort) -> u64| cohorts.iter().map(of).collect::<Vec<u64>>();
    let sizes = told(&counts(&|cohort| cohort.size), minimum);
    let mut days: Vec<Vec<Value>> = cohorts.iter().map(|_| Vec::new()).collect();
    let most = cohorts.iter().map(|cohort| cohort.days.len()).max();
    for place in 0..most.unwrap_or_default() {
        let of =
            |count: &dyn Fn(&Day) -> u64| counts(&|cohort| cohort.days.get(place).map_or(0, count));
        // Beside the number of all people stand those of each cohort: none may be what is left.
        let eligible = told(&of(&|day| day.eligible), minimum);
        let people = told(&of(&|day| day.people), minimum);
        let told = sizes.iter().zip(eligible).zip(people);
        for ((cohort, days), ((size, eligible), people)) in cohorts.iter().zip(&mut days).zip(told)
        {
            if let Some(day) = cohort.days.get(place) {
                let eligible = *size && eligible;
                days.push(day_told(day, eligible, eligible && people));
            }
        }
    }
    let cohort = |((cohort, days), size): ((&Cohort, Vec<Value>), bool)| {
        json!({
            "start": Timestamp::from_millisecond(cohort.start).ok(),
            "size": size.then_some(cohort.size),
            "days": days,
        })
    };
    cohorts.iter().zip(days).zip(sizes).map(cohort).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_few_people_have_no_numbers() {
        let step = |name: &str, people: u64| Step {
            name: name.into(),
            people,
            of_first: people as f64 / 50.0,
            of_previous: 0.5,
            median_ms: Some(5),
        };
        let told = steps_told(&[step("a", 50), step("b", 29), step("c", 0)], 30);
        assert_eq!(
            (&told[0]["people"], &told[0]["of_first"]),
            (&json!(50), &json!(1.0))
        );
        for field in ["people", "of_first", "of_previous", "median_ms"] {
            assert_eq!(told[1][field], Value::Null, "{field}");
        }
        // Nobody is a number, though not of those whose number is hidden.
        assert_eq!(
            (&told[2]["people"], &told[2]["of_first"]),
            (&json!(0), &json!(0.0))
        );
        assert_eq!(told[2]["of_previous"], Value::Null);
    }

    #[test]
    fn cohorts_of_few_people_cannot_be_subtracted() {
        let cohort = |size: u64, people: u64| Cohort {
            start: 0,
            size,
            days: vec![Day {
                day: 1,
                eligible: size,
                people,
            }],
        };
        let told = cohorts_told(&[cohort(12, 4), cohort(40, 35), cohort(90, 50)], 30);
        let sizes: Vec<&Value> = (0..3).map(|n| &told[n]["size"]).collect();
        assert_eq!(sizes, [&Value::Null, &Value::Null, &json!(90)]);
        let day = |n: usize| &told[n]["days"][0];
        assert_eq!(
            (&day(0)["eligible"], &day(1)["people"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(
            (&day(2)["people"], &day(2)["share"]),
            (&json!(50), &json!(50.0 / 90.0))
        );
        let told = cohorts_told(&[cohort(12, 4)], 1);
        assert_eq!(told[0]["days"][0]["people"], 4);
        assert_eq!(told[0]["start"], "1970-01-01T00:00:00Z");
    }
}
