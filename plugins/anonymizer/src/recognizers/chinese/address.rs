//! Chinese addresses: places of the administrative divisions, then roads, villages and estates,
//! then numbers of houses, floors and rooms.
//!
//! A place alone says where something is (`LOCATION`); with a road, a house or a room it leads to
//! somebody's door (`CN_ADDRESS`).

use crate::bloom::{CharSet, FirstChars};
use crate::entity::Entity;
use crate::lexicon::{LONGEST, PLACES, SHORT_PLACES};
use crate::recognizers::Sink;
use crate::text::is_han;

/// The last characters of names of places.
const ENDS: FirstChars = FirstChars::of(&["省", "市", "区", "县", "旗", "州", "盟", "區", "縣"]);

/// What ends a part of an address, the longest first.
const PARTS: [&str; 60] = [
    "开发区",
    "高新区",
    "工业区",
    "工业园",
    "科技园",
    "产业园",
    "街道",
    "大街",
    "大道",
    "胡同",
    "新村",
    "社区",
    "小区",
    "花园",
    "公寓",
    "大厦",
    "广场",
    "家园",
    "单元",
    "号楼",
    "号院",
    "新区",
    "片区",
    "园区",
    "公馆",
    "别墅",
    "宿舍",
    "中心",
    "商城",
    "大楼",
    "号",
    "镇",
    "乡",
    "村",
    "庄",
    "路",
    "街",
    "巷",
    "弄",
    "里",
    "道",
    "苑",
    "园",
    "城",
    "府",
    "院",
    "栋",
    "幢",
    "座",
    "楼",
    "层",
    "室",
    "房",
    "组",
    "队",
    "號",
    "棟",
    "樓",
    "區",
    "段",
];

/// Parts that are numbered: only behind a number or a letter.
const NUMBERED: [&str; 19] = [
    "号", "号楼", "号院", "栋", "幢", "座", "楼", "层", "室", "房", "组", "队", "单元", "号", "號",
    "棟", "樓", "弄", "段",
];

/// Parts that lead to a door.
const DETAILS: [&str; 31] = [
    "号", "号楼", "号院", "栋", "幢", "座", "楼", "层", "室", "房", "单元", "弄", "號", "棟", "樓",
    "小区", "花园", "公寓", "大厦", "家园", "公馆", "别墅", "宿舍", "苑", "村", "新村", "路", "街",
    "大街", "大道", "胡同",
];

/// Words that no name of a road or an estate holds.
static OTHER_WORDS: CharSet =
    CharSet::of("的了是在及我你您他她它们这那哪没不也都就很吗呢吧啊从去到往想要请把被让给对为");

/// The longest part of an address, in characters.
const MAX_PART: usize = 14;

/// The most parts.
const MAX_PARTS: usize = 12;

pub fn scan(chars: &[char], sink: &mut Sink<'_>) {
    let mut at = 0;
    // Nothing reaches back behind the last address.
    let mut free = 0;
    while at < chars.len() {
        let end = if ENDS.may_begin(chars[at]) {
            place_before(chars, free, at).map(|start| (start, at + 1, 1))
        } else {
            road_before(chars, free, at).map(|start| (start, at, 0))
        };
        let Some((start, end, places)) = end else {
            at += 1;
            continue;
        };
        let address = Address::read(chars, free, start, end, places);
        if let Some((entity, score)) = address.judge() {
            sink.found(entity, address.start, address.end, score);
            free = address.end;
        }
        at = address.end.max(at + 1);
    }
}

/// The start of the longest name of a place that ends with the character at `last`.
fn place_before(chars: &[char], free: usize, last: usize) -> Option<usize> {
    let reach = chars[free..last]
        .iter()
        .rev()
        .take(LONGEST - 1)
        .take_while(|c| is_han(**c))
        .count();
    (1..=reach)
        .rev()
        .map(|length| last - length)
        .find(|start| PLACES.contains(&chars[*start..=last]))
}

/// The start of the name of a road whose number begins at `at`: `建国路88号`.
fn road_before(chars: &[char], free: usize, at: usize) -> Option<usize> {
    if !chars[at].is_ascii_digit() || at < free + 2 || chars[at - 1].is_ascii_digit() {
        return None;
    }
    if !matches!(
        chars[at - 1],
        '路' | '街' | '道' | '巷' | '弄' | '村' | '园' | '苑' | '区' | '厦' | '寓' | '同'
    ) {
        return None;
    }
    let name = chars[free..at - 1]
        .iter()
        .rev()
        .take(7)
        .take_while(|c| is_han(**c) && !OTHER_WORDS.contains(**c))
        .count();
    // `家住`, `位于`, `寄到` and their like stand before the name.
    let start = at - 1 - name;
    let verb = chars[start..at]
        .iter()
        .rposition(|c| matches!(c, '住' | '于' | '址' | '寄' | '至'));
    let start = verb.map_or(start, |i| start + i + 1);
    let house = chars[at..]
        .iter()
        .take(6)
        .take_while(|c| c.is_ascii_digit() || **c == '-')
        .count();
    let unit = chars
        .get(at + house)
        .is_some_and(|c| matches!(c, '号' | '號' | '弄' | '栋' | '幢' | '座'));
    (start + 2 <= at && unit).then_some(start)
}

/// What was read of an address.
struct Address {
    start: usize,
    end: usize,
    /// How many names of places.
    places: usize,
    /// How many parts that lead to a door.
    details: usize,
    /// Whether there is a number of a house or a room.
    number: bool,
}

impl Address {
    /// Reads on from a place or a road.
    fn read(chars: &[char], free: usize, start: usize, end: usize, places: usize) -> Self {
        let road = usize::from(places == 0);
        let mut address = Self {
            start: province_before(chars, free, start),
            end,
            places,
            details: road,
            number: false,
        };
        address.places += usize::from(address.start < start);
        for _ in 0..MAX_PARTS {
            if let Some(end) = next_place(chars, address.end) {
                address.end = end;
                address.places += 1;
                continue;
            }
            let Some(part) = next_part(chars, address.end) else {
                break;
            };
            address.end = part.end;
            address.details += usize::from(part.detail);
            address.number |= part.numbered;
        }
        // A number at the end: `2单元301`.
        if address.number || address.details > 0 {
            let tail = chars[address.end..]
                .iter()
                .take(6)
                .take_while(|c| c.is_ascii_alphanumeric() || **c == '-')
                .count();
            let ends = chars
                .get(address.end + tail)
                .is_none_or(|c| !c.is_ascii_alphanumeric());
            let room = chars[address.end..address.end + tail]
                .iter()
                .any(char::is_ascii_digit);
            if address.number && ends && room && tail >= 2 {
                address.end += tail;
            }
        }
        address
    }

    fn judge(&self) -> Option<(Entity, f32)> {
        match (self.places, self.details, self.number) {
            (1.., 1.., true) => Some((Entity::CN_ADDRESS, 0.9)),
            (2.., 1.., false) => Some((Entity::CN_ADDRESS, 0.7)),
            (0, 1.., true) => Some((Entity::CN_ADDRESS, 0.65)),
            (1, 1.., false) => Some((Entity::CN_ADDRESS, 0.45)),
            (2.., 0, _) => Some((Entity::LOCATION, 0.45)),
            (1, 0, _) => Some((Entity::LOCATION, 0.4)),
            _ => None,
        }
    }
}

/// The start of a short name that stands before a place: `广东深圳市`.
fn province_before(chars: &[char], free: usize, mut start: usize) -> usize {
    for _ in 0..2 {
        let short = (2..=4)
            .rev()
            .filter_map(|length| start.checked_sub(length))
            .find(|first| *first >= free && SHORT_PLACES.contains(&chars[*first..start]));
        match short {
            Some(first) => start = first,
            None => break,
        }
    }
    start
}

/// The end of a name of a place that begins at `at`.
fn next_place(chars: &[char], at: usize) -> Option<usize> {
    let reach = chars[at..]
        .iter()
        .take(LONGEST)
        .take_while(|c| is_han(**c))
        .count();
    (2..=reach)
        .filter(|length| ENDS.may_begin(chars[at + length - 1]))
        .map(|length| at + length)
        .filter(|end| PLACES.contains(&chars[at..*end]))
        .max()
}

struct Part {
    end: usize,
    detail: bool,
    numbered: bool,
}

/// The part that begins at `at`: up to the first of the words that end one.
fn next_part(chars: &[char], at: usize) -> Option<Part> {
    let mut end = at;
    while end < at + MAX_PART {
        let &c = chars.get(end)?;
        let inside = is_han(c) || c.is_ascii_alphanumeric() || c == '-' && end > at;
        if !inside || OTHER_WORDS.contains(c) {
            return None;
        }
        let word = PARTS
            .iter()
            .filter(|word| super::is_at(chars, end, word))
            .max_by_key(|w| w.len());
        if let Some(word) = word {
            let behind = end + word.chars().count();
            let numbered = NUMBERED.contains(word);
            let number = end > at && is_number(chars[end - 1]);
            if numbered && number || !numbered && end > at {
                // `朝阳路` and not `朝阳` and `路`; `人民路街道` is one part.
                let longer = next_word(chars, behind);
                let detail = DETAILS.contains(word);
                return Some(Part {
                    end: longer.unwrap_or(behind),
                    detail,
                    numbered,
                });
            }
        }
        end += 1;
    }
    None
}

/// The end of a word that continues a part at once: `村` behind `新`, `街道` behind `路`.
fn next_word(chars: &[char], at: usize) -> Option<usize> {
    super::is_at(chars, at, "街道").then_some(at + 2)
}

fn is_number(c: char) -> bool {
    c.is_ascii_alphanumeric() || "一二三四五六七八九十百零〇甲乙丙丁东西南北".contains(c)
}

#[cfg(test)]
mod tests {
    use crate::entity::Entity;
    use crate::recognizers::found;

    fn addresses(text: &str) -> Vec<String> {
        let all = found(super::scan, text, 0.5).into_iter();
        all.filter(|(entity, _)| *entity == Entity::CN_ADDRESS)
            .map(|(_, text)| text)
            .collect()
    }

    #[test]
    fn from_the_province_to_the_room() {
        for address in [
            "北京市朝阳区建国路88号",
            "广东省深圳市南山区科技园南路18号A座1201室",
            "上海市浦东新区张江镇碧波路690号2号楼301室",
            "江苏南京市鼓楼区中山路1号",
            "浙江省杭州市西湖区文三路",
            "四川省成都市武侯区天府大道中段1号3单元1502",
            "山东省青岛市市南区和平路7号院2号楼",
        ] {
            assert_eq!(addresses(&format!("地址：{address}，谢谢")), [address]);
            assert_eq!(addresses(&format!("我住在{address}。")), [address]);
        }
    }

    #[test]
    fn a_road_and_a_number_without_a_place() {
        assert_eq!(addresses("家住人民路12号3栋"), ["人民路12号3栋"]);
    }

    #[test]
    fn places_alone_are_locations() {
        let all = found(super::scan, "他去过广东省深圳市和北京市", 0.3);
        assert_eq!(
            all,
            [
                (Entity::LOCATION, "广东省深圳市".into()),
                (Entity::LOCATION, "北京市".into())
            ]
        );
    }

    #[test]
    fn other_texts_have_none() {
        for text in [
            "道路千万条",
            "这条路有88号文件",
            "城市发展",
            "开发区域",
            "订单号20240102",
            "第3号楼盘",
        ] {
            assert_eq!(addresses(text), [""; 0], "{text}");
        }
    }
}
