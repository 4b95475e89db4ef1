//! The companies that are watched, and where a headline names one: in Chinese, in English, by its ticker.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use serde::{Deserialize, Serialize};

const MAX_COMPANIES: usize = 2000;
const MAX_TERMS: usize = 20_000;

/// A name in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

/// A company as the configuration has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Company {
    /// What it is called in events: `borealis`.
    pub id: String,
    /// Its name in both languages.
    pub name: Name,
    /// As exchanges call it: found in capitals only, since `JADE` is the company and `jade` is none.
    #[serde(default)]
    pub tickers: Vec<String>,
    /// Further names, of either language.
    #[serde(default)]
    pub aliases: Vec<String>,
}

/// All that are watched, ready to be looked for.
#[derive(Debug)]
pub struct Companies {
    list: Vec<Company>,
    names: AhoCorasick,
    tickers: AhoCorasick,
    /// Which company each term of the two is about.
    name_of: Vec<usize>,
    ticker_of: Vec<usize>,
}

impl Companies {
    /// Reads the list.
    ///
    /// # Errors
    /// Which entry is wrong, and how.
    pub fn read(json: &str) -> Result<Self, String> {
        let list: Vec<Company> = serde_json::from_str(json).map_err(|e| e.to_string())?;
        if list.is_empty() || list.len() > MAX_COMPANIES {
            return Err(format!(
                "there are 1 to {MAX_COMPANIES} companies, not {}",
                list.len()
            ));
        }
        let mut ids: Vec<&str> = list.iter().map(|c| c.id.as_str()).collect();
        ids.sort_unstable();
        if let Some(twice) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("`{}` is there twice", twice[0]));
        }
        let (mut names, mut name_of, mut tickers, mut ticker_of) = (vec![], vec![], vec![], vec![]);
        for (place, company) in list.iter().enumerate() {
            let terms = company
                .aliases
                .iter()
                .chain([&company.name.en, &company.name.zh]);
            for term in terms {
                names.push(plain(term));
                name_of.push(place);
            }
            for ticker in &company.tickers {
                tickers.push(plain(ticker));
                ticker_of.push(place);
            }
            let id = &company.id;
            if id.is_empty()
                || id.len() > 63
                || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            {
                return Err(format!("`{id}`: an id is 1 to 63 of a-z, 0-9 and hyphens"));
            }
        }
        if let Some(short) = names.iter().chain(&tickers).find(|t| t.chars().count() < 2) {
            return Err(format!(
                "`{short}` would be found everywhere: a name has 2 characters at least"
            ));
        }
        if names.len() + tickers.len() > MAX_TERMS {
            return Err(format!("there are more than {MAX_TERMS} names"));
        }
        let automaton = |terms: &[String], any_case| {
            AhoCorasickBuilder::new()
                .match_kind(MatchKind::Standard)
                .ascii_case_insensitive(any_case)
                .build(terms)
                .map_err(|e| e.to_string())
        };
        Ok(Self {
            names: automaton(&names, true)?,
            tickers: automaton(&tickers, false)?,
            name_of,
            ticker_of,
            list,
        })
    }

    /// The company with this id.
    pub fn get(&self, id: &str) -> Option<&Company> {
        self.list.iter().find(|c| c.id == id)
    }

    /// In the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &Company> {
        self.list.iter()
    }

    /// The ids of the companies that a headline names, each once, in the order of the configuration. Of names that lie within
    /// each other the longest counts: `Harbor Bank Securities` is not `Harbor Bank`.
    pub fn named(&self, text: &str) -> Vec<String> {
        let text = plain(text);
        let found = |automaton: &AhoCorasick, of: &[usize]| -> Vec<(usize, usize, usize)> {
            let all = automaton.find_overlapping_iter(&text);
            let whole = all.filter(|m| stands_alone(&text, m.start(), m.end()));
            whole
                .filter_map(|m| Some((m.start(), m.end(), *of.get(m.pattern().as_usize())?)))
                .collect()
        };
        let mut all = found(&self.names, &self.name_of);
        all.extend(found(&self.tickers, &self.ticker_of));
        all.sort_unstable_by_key(|&(start, end, place)| (start, std::cmp::Reverse(end), place));
        let (mut places, mut behind) = (Vec::new(), 0);
        for (start, end, place) in all {
            if start >= behind {
                places.push(place);
                behind = end;
            }
        }
        places.sort_unstable();
        places.dedup();
        places
            .into_iter()
            .filter_map(|p| Some(self.list.get(p)?.id.clone()))
            .collect()
    }
}

/// Full-width letters, digits and signs as the usual ones.
pub(crate) fn plain(text: &str) -> String {
    let half = |c: char| match c {
        '\u{3000}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        other => other,
    };
    text.chars().map(half).collect()
}

/// Whether a match is no part of a longer word. Chinese has no boundaries of words: any place is one.
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let (before, inside, after) = (&text[..start], &text[start..end], &text[end..]);
    let begun = word(before.chars().next_back()) && word(inside.chars().next());
    let goes_on = word(inside.chars().next_back()) && word(after.chars().next());
    !begun && !goes_on
}

#[cfg(test)]
mod tests {
    use super::*;

    fn companies() -> Companies {
        Companies::read(include_str!("../../data/companies.json")).unwrap()
    }

    #[test]
    fn a_company_is_found_in_both_languages_and_by_its_ticker() {
        let companies = companies();
        for text in [
            "Borealis Semiconductor beats forecasts",
            "shares of BOREALIS SEMI fall",
            "北辰半导体净利润大增",
            "今日，北辰芯片（688901.SH）停牌",
            "ＢＲＬＳ up 3%",
            "Borealis's chief leaves",
        ] {
            assert_eq!(companies.named(text), ["borealis"], "{text}");
        }
        assert_eq!(
            companies.named("Willow Pharma与玉峰矿业互派代表团"),
            ["jade-peak", "willow"]
        );
        for text in [
            "a ring of jade",
            "Borealisation of the forest",
            "Quartz Telecom falls",
            "",
            "BRLSX",
        ] {
            assert_eq!(companies.named(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn of_names_within_each_other_the_longest_counts() {
        let companies = companies();
        assert_eq!(
            companies.named("Harbor Bank Securities is fined"),
            ["harbor-securities"]
        );
        assert_eq!(companies.named("海港银行证券被罚"), ["harbor-securities"]);
        assert_eq!(
            companies.named("Harbor Bank Secures a loan"),
            ["harbor-bank"]
        );
        assert_eq!(
            companies.named("海港银行与海港证券"),
            ["harbor-bank", "harbor-securities"]
        );
    }

    #[test]
    fn a_list_that_cannot_be_watched_is_refused() {
        let one = |id: &str, alias: &str| {
            format!(r#"[{{"id":"{id}","name":{{"en":"A B","zh":"甲乙"}},"aliases":["{alias}"]}}]"#)
        };
        assert!(Companies::read(&one("a", "A Bee")).is_ok());
        for wrong in [
            "",
            "[]",
            "{}",
            &one("", "ab"),
            &one("a b", "ab"),
            &one("a", "x"),
            r#"[{"id":"a"}]"#,
        ] {
            assert!(Companies::read(wrong).is_err(), "{wrong}");
        }
        let twice = one("a", "ab").replace("}]", &format!("}},{}", &one("a", "cd")[1..]));
        assert!(Companies::read(&twice).unwrap_err().contains("twice"));
    }
}
