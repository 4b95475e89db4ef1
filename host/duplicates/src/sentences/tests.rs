use proptest::prelude::*;

use super::*;

fn treated(
    texts: &[&str],
    passage: usize,
    min_characters: usize,
    bytes: usize,
) -> Vec<Option<Treated>> {
    let spec = SentencesSpec {
        passage,
        min_characters,
    };
    let space = Space {
        dir: std::env::temp_dir(),
        bytes,
    };
    let mut sentences = Sentences::new(spec, &space).unwrap();
    for text in texts {
        sentences.push(text).unwrap();
    }
    let mut passages = sentences.finish().unwrap();
    texts
        .iter()
        .map(|text| passages.treat(text).unwrap())
        .collect()
}

#[test]
fn a_passage_that_stood_before_is_removed_and_its_place_is_told() {
    let texts = [
        "请勿回复此邮件。如有问题请联系客服。祝您生活愉快！",
        "您的订单已发货。预计周三送达。请勿回复此邮件。如有问题请联系客服。祝您生活愉快！",
        "Hello. All rights reserved. Do not copy. Ask us first. Bye now.",
        "All RIGHTS reserved!  Do not copy, ask us first.",
        "Something new. All rights reserved. Do not copy. Ask us first.",
    ];
    let answers = treated(&texts, 3, 0, 1 << 20);
    assert_eq!(answers[0], None);
    let second = answers[1].as_ref().unwrap();
    assert_eq!(second.text, "您的订单已发货。预计周三送达。");
    assert_eq!(
        second.removed,
        [Removed {
            start: 15,
            end: 40,
            first: 0
        }]
    );
    assert_eq!((&answers[2], &answers[3]), (&None, &None));
    let last = answers[4].as_ref().unwrap();
    assert_eq!(
        (last.text.as_str(), last.removed[0].first),
        ("Something new.", 2)
    );
    // Too short to be worth it.
    assert_eq!(treated(&texts, 3, 100, 1 << 20), vec![None; 5]);
}

#[test]
fn a_text_that_repeats_itself_keeps_one() {
    let line = "Buy now. Best price. Call us. ";
    let text = line.repeat(5);
    let answers = treated(&[&text, line, ""], 3, 0, 1 << 20);
    assert_eq!(answers[0].as_ref().unwrap().text, line.trim());
    assert_eq!(answers[1].as_ref().unwrap().text, "");
    assert_eq!(answers[2], None);
}

proptest! {
    #[test]
    fn what_was_removed_stands_before_and_files_change_nothing(
        texts in proptest::collection::vec(proptest::collection::vec(0usize..6, 0..8), 0..12),
        passage in 1usize..4,
    ) {
        let words = ["Eins zwei.", "三个字。", "Four!", "五\n", "Six? ", "Seven… "];
        let texts: Vec<String> = texts
            .iter()
            .map(|text| text.iter().map(|&n| format!("{} ", words[n])).collect())
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let answers = treated(&texts, passage, 0, 1 << 20);
        prop_assert_eq!(&answers, &treated(&texts, passage, 0, 64));
        let of = |text: &str| -> Vec<String> {
            with_words(text).map(|s| s.text.trim().to_owned()).collect()
        };
        let mut standing = Vec::new();
        for (text, answer) in texts.iter().zip(&answers) {
            let left = answer.as_ref().map_or(*text, |treated| treated.text.as_str());
            standing.extend(of(left));
            prop_assert!(of(text).iter().all(|sentence| standing.contains(sentence)));
            if let Some(treated) = answer {
                let characters: Vec<char> = text.chars().collect();
                for removed in &treated.removed {
                    let part: String = characters[removed.start..removed.end].iter().collect();
                    prop_assert!(of(&part).len() >= passage);
                }
            }
        }
    }
}
