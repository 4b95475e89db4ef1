//! Closes hours: counts their headlines, judges them, and says what is out of the ordinary, once.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

use crate::companies::{Companies, Company, Name};
use crate::detect::{Direction, Finding, Kind, Thresholds, judge};
use crate::explain;
use crate::hours::Hour;
use crate::record::{Count, History, Record, Told};

/// Headlines that are kept of a company and an hour, to be told with an alert, and their longest.
const TOP: usize = 3;
const TOP_CHARS: usize = 160;
/// For so long the same text is the same news.
pub const SAME_NEWS: i64 = 24;

/// A headline that names companies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Headline {
    /// The hour that it is of.
    pub hour: Hour,
    /// The text.
    pub text: String,
    /// Which companies.
    pub companies: Vec<String>,
}

/// What the watch goes by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// From which scores on.
    pub thresholds: Thresholds,
    /// So many ordinary hours end what an alert is about.
    pub quiet_hours: i64,
}

/// How the headlines were read from the log.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Read {
    /// How many came after their hour was closed.
    pub late: u64,
    /// The highest number in the log.
    pub seq: u64,
}

/// Something out of the ordinary.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alert {
    /// `COMPANY/KIND/HOUR`: the same for whoever counts again.
    pub id: String,
    /// The id of the company.
    pub company: String,
    /// Its name.
    pub name: Name,
    /// The last hour that it is about.
    pub hour: Hour,
    /// What was found.
    #[serde(flatten)]
    pub finding: Finding,
    /// The headlines that drive it.
    pub drivers: Vec<Driver>,
    /// All of this in words, in English and in Chinese.
    pub text: Name,
}

/// A headline that drives an alert.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Driver {
    /// The text.
    pub text: String,
    /// Its tone, from -1 to 1.
    pub tone: f64,
}

/// Closes the hours from `from` on and before `until`, with their headlines and the tone of each, and answers with the records
/// and the alerts. Headlines of other hours, and tones that are no numbers, are left out.
///
/// What the history has of these hours already is counted anew: closing the same hours again comes to the same.
pub fn close(
    history: &mut History,
    companies: &Companies,
    settings: Settings,
    (from, until): (Hour, Hour),
    headlines: &[(Headline, f64)],
    read: Read,
) -> (Vec<Record>, Vec<Alert>) {
    history.until(from);
    let (mut records, mut alerts) = (Vec::new(), Vec::new());
    let mut seen: HashSet<String> = HashSet::new();
    for record in history.since(from.plus(-SAME_NEWS)) {
        seen.extend(record.seen.iter().cloned());
    }
    let mut by_hour: BTreeMap<Hour, Vec<&(Headline, f64)>> = BTreeMap::new();
    for one in headlines.iter().filter(|(_, tone)| tone.is_finite()) {
        by_hour.entry(one.0.hour).or_default().push(one);
    }
    let mut hour = from;
    while hour < until {
        let mut record = Record {
            hour,
            companies: BTreeMap::new(),
            seen: Vec::new(),
            unusual: BTreeSet::new(),
            late: if hour == from { read.late } else { 0 },
            seq: read.seq,
        };
        for (headline, tone) in by_hour.remove(&hour).unwrap_or_default() {
            let print = fingerprint(&headline.text);
            if !seen.insert(print.clone()) {
                continue;
            }
            record.seen.push(print);
            for company in &headline.companies {
                count(
                    record.companies.entry(company.clone()).or_default(),
                    &headline.text,
                    *tone,
                );
            }
        }
        history.put(record.clone());
        for company in companies.iter() {
            for finding in found(history, company, settings.thresholds) {
                let about = about(company, &finding);
                let since = hour.plus(-settings.quiet_hours.clamp(1, 1000));
                let known = history
                    .since(since)
                    .any(|earlier| earlier.hour < hour && earlier.unusual.contains(&about));
                record.unusual.insert(about);
                if !known {
                    alerts.push(alert(history, company, hour, finding));
                }
            }
        }
        history.until(hour);
        history.put(record.clone());
        records.push(record);
        let next = hour.plus(1);
        if next == hour {
            break;
        }
        hour = next;
    }
    (records, alerts)
}

fn found(history: &History, company: &Company, thresholds: Thresholds) -> Vec<Finding> {
    let series = history.series(&company.id);
    series.map_or_else(Vec::new, |(first, cells)| judge(first, &cells, thresholds))
}

fn about(company: &Company, finding: &Finding) -> String {
    let kind = match finding.kind {
        Kind::Volume => "volume",
        Kind::Tone => "tone",
    };
    let direction = match finding.direction {
        Direction::Up => "up",
        Direction::Down => "down",
    };
    format!("{}/{kind}/{direction}", company.id)
}

/// Adds a headline. What stands out most is kept: the strongest tone, and of equals the first.
fn count(count: &mut Count, text: &str, tone: f64) {
    let tone = tone.clamp(-1.0, 1.0);
    count.count = count.count.saturating_add(1);
    count.tone += tone;
    let short = text.chars().take(TOP_CHARS).collect();
    // Three digits are enough to read, and the log is read again each hour.
    count.top.push((short, (tone * 1000.0).round() / 1000.0));
    count.top.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    // The strongest of each side: an alert about bad news is not explained by good ones.
    let mut sides = [0; 2];
    count.top.retain(|(_, tone)| {
        let side = &mut sides[usize::from(*tone < 0.0)];
        *side += 1;
        *side <= TOP
    });
}

fn alert(history: &History, company: &Company, hour: Hour, finding: Finding) -> Alert {
    let first = hour.plus(1 - finding.hours as i64);
    let counts = history
        .since(first)
        .filter_map(|r| r.companies.get(&company.id));
    // What the log holds may be anything.
    let mut top: Vec<&Told> = counts
        .flat_map(|c| &c.top)
        .filter(|(_, tone)| tone.abs() <= 1.0)
        .collect();
    let towards = |tone: f64| match (finding.kind, finding.direction) {
        (Kind::Volume, _) => tone.abs(),
        (Kind::Tone, Direction::Up) => tone,
        (Kind::Tone, Direction::Down) => -tone,
    };
    top.sort_by(|a, b| towards(b.1).total_cmp(&towards(a.1)));
    let drivers: Vec<Driver> = top
        .into_iter()
        .take(TOP)
        .map(|(text, tone)| Driver {
            text: text.clone(),
            tone: *tone,
        })
        .collect();
    let kind = if finding.kind == Kind::Volume {
        "volume"
    } else {
        "tone"
    };
    let text = explain::text(company, hour, &finding, &drivers);
    Alert {
        id: format!("{}/{kind}/{hour}", company.id),
        company: company.id.clone(),
        name: company.name.clone(),
        hour,
        finding,
        drivers,
        text,
    }
}

/// What two texts share that say the same. Of the letters and digits alone: case, width and punctuation do not make another
/// text. FNV-1a, in 16 hexadecimal digits.
pub fn fingerprint(text: &str) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let plain = crate::companies::plain(text).to_lowercase();
    for c in plain.chars().filter(|c| c.is_alphanumeric()) {
        let mut bytes = [0; 4];
        for byte in c.encode_utf8(&mut bytes).bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}
