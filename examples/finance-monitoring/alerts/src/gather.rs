//! Which hours can be closed, and the headlines that they have.
//!
//! A feed appends headlines as they come and says now and then until when it has sent everything (a watermark). Hours before that
//! are closed one after the other from the last one on, never one twice. What else a feed may do:
//!
//! - it says the same watermark again, or an earlier one: nothing is closed;
//! - its clock jumps ahead: hours behind the last headline are not closed, so that the next headline still has an hour to come to;
//! - it stands still for days: hours in which there was no feed are left out, since they were not quiet;
//! - a headline comes after its hour was closed: it is not counted, and how many there were is written down.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use steward_sdk::events::{self, Event, Filter};
use steward_sdk::step::Error;

use crate::companies::Companies;
use crate::hours::Hour;
use crate::record::{History, Record};
use crate::watch::{Headline, SAME_NEWS, fingerprint};

/// The type of the event of a headline; its data is an object with `text`.
pub const HEADLINE: &str = "com.example.news.headline";
/// The type of the event of an hour that was closed; its data is a [`Record`].
pub const HOUR: &str = "com.example.finance.hour";

const PAGE: u32 = 1000;
/// Headlines that are looked at in one run: a model takes 4,096 texts in one call. Of an hour that alone has more, the first
/// count.
const MOST: usize = 2000;
const MAX_CHARS: usize = 500;
/// So many hours back late headlines are looked for.
const LATE: i64 = 48;
/// Without a headline for longer than this, the feed stood still.
const STILL: i64 = 48;

/// What can be closed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gathered {
    /// The first hour.
    pub from: Option<Hour>,
    /// The hour behind the last one.
    pub until: Option<Hour>,
    /// Headlines that name a company that is watched, each text once.
    pub headlines: Vec<Headline>,
    /// How many of the hours' headlines name none, say nothing or were there already.
    pub others: u64,
    /// How many came after their hour was closed.
    pub late: u64,
    /// The highest number in the log that was looked at.
    pub seq: u64,
    /// Whether there are further hours to close.
    pub more: bool,
}

/// What an event of a headline holds, of what is read.
#[derive(Deserialize)]
struct Data {
    text: String,
}

/// The hours that were closed so far. A record that cannot be read is left out: that hour is a gap.
pub fn history() -> Result<History, Error> {
    let (mut history, mut after) = (History::default(), 0);
    loop {
        let page = events::query(&Filter::types(HOUR).after(after).limit(PAGE))?;
        let Some(last) = page.last() else {
            return Ok(history);
        };
        after = last.seq;
        for event in &page {
            let data = event.data.as_deref().unwrap_or_default();
            if let Ok(record) = serde_json::from_slice::<Record>(data) {
                history.put(record);
            }
        }
    }
}

/// Gathers what can be closed before `watermark`, at most `window` hours.
pub fn gather(companies: &Companies, watermark: Hour, window: i64) -> Result<Gathered, Error> {
    let history = history()?;
    let mut gathered = Gathered {
        from: None,
        until: None,
        headlines: vec![],
        others: 0,
        late: 0,
        seq: history.seq(),
        more: false,
    };
    let next = history.last().map(|hour| hour.plus(1));
    let begin = next.unwrap_or(Hour::new(0).unwrap_or(watermark));
    let Some(first) = first_at_or_after(begin, watermark)? else {
        return Ok(gathered);
    };
    let mut from = match next {
        Some(next) if first.number() - next.number() <= STILL => next,
        _ => first,
    };
    let mut window = window.max(1);
    let (until, mut found) = loop {
        let until = from.plus(window).min(watermark);
        let found = between(from, until, MOST + 1)?;
        if found.is_empty() && until < watermark {
            // Hours without a headline, before the one that was found.
            from = until;
            continue;
        }
        if found.len() <= MOST || window == 1 {
            break (until, found);
        }
        window /= 2;
    };
    found.truncate(MOST);
    // Hours that were skipped just now are closed as quiet ones, with the others.
    let from = match next {
        Some(next) if from.number() - next.number() <= STILL => next,
        _ => from,
    };
    let last = found.iter().filter_map(|e| Hour::of(e.time)).max();
    let Some(last) = last else {
        return Ok(gathered);
    };
    let more = until < watermark && first_at_or_after(until, watermark)?.is_some();
    let until = if more { until } else { last.plus(1).min(until) };
    if let Some(next) = next {
        let since = next.plus(-LATE).microseconds();
        let filter = Filter::types(HEADLINE)
            .since(since)
            .until(next.microseconds())
            .after(history.seq())
            .limit(PAGE);
        let late = events::query(&filter)?;
        gathered.late = late.len() as u64;
        gathered.seq = late.iter().map(|e| e.seq).fold(gathered.seq, u64::max);
    }
    let mut seen: HashSet<String> = history
        .since(from.plus(-SAME_NEWS))
        .flat_map(|record| record.seen.iter().cloned())
        .collect();
    let mut fresh: Vec<(Headline, String)> = found
        .iter()
        .filter_map(|e| headline(companies, e))
        .collect();
    // In the order of time, so that of two the earlier one counts.
    fresh.sort_by_key(|(headline, _)| headline.hour);
    fresh.retain(|(_, print)| seen.insert(print.clone()));
    gathered.others = (found.len() - fresh.len()) as u64;
    gathered.seq = found.iter().map(|e| e.seq).fold(gathered.seq, u64::max);
    gathered.headlines = fresh.into_iter().map(|(headline, _)| headline).collect();
    (gathered.from, gathered.until, gathered.more) = (Some(from), Some(until), more);
    Ok(gathered)
}

/// The earliest hour that has a headline, of the first page of the log: feeds send in the order of time, more or less.
fn first_at_or_after(begin: Hour, watermark: Hour) -> Result<Option<Hour>, Error> {
    let found = between(begin, watermark, PAGE as usize)?;
    Ok(found.iter().filter_map(|e| Hour::of(e.time)).min())
}

fn between(from: Hour, until: Hour, most: usize) -> Result<Vec<Event>, Error> {
    let (mut found, mut after) = (Vec::new(), 0);
    while from < until && found.len() < most {
        let filter = Filter::types(HEADLINE)
            .since(from.microseconds())
            .until(until.microseconds());
        let page = events::query(&filter.after(after).limit(PAGE))?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        found.extend(page);
    }
    Ok(found)
}

fn headline(companies: &Companies, event: &Event) -> Option<(Headline, String)> {
    let data: Data = serde_json::from_slice(event.data.as_deref()?).ok()?;
    let text: String = data.text.trim().chars().take(MAX_CHARS).collect();
    let named = companies.named(&text);
    let headline = Headline {
        hour: Hour::of(event.time)?,
        companies: named,
        text,
    };
    let print = fingerprint(&headline.text);
    (!headline.companies.is_empty()).then_some((headline, print))
}
