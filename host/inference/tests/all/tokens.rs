//! Token classification, with the Rampart model of personal data.

use steward_inference::Entity;

use crate::support::{model, texts};

fn named(text: &str, entities: &[Entity]) -> Vec<(String, String)> {
    let letters: Vec<char> = text.chars().collect();
    entities
        .iter()
        .map(|entity| {
            let inside = letters[entity.start as usize..entity.end as usize]
                .iter()
                .collect();
            (inside, entity.label.clone())
        })
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(text, label)| ((*text).to_owned(), (*label).to_owned()))
        .collect()
}

#[tokio::test]
async fn personal_data_is_found_where_it_stands() {
    let model = model("rampart").await;
    let batch = texts(&[
        "My name is Sarah Johnson and my email is sarah.johnson@example.com, call me on +1 415 555 0132.",
        "你好😀，my name is Alexander Kowalczyk, email alex@example.org please",
        "I live at 12 Baker Street, Springfield, IL 62704. Passport X1234567.",
        "",
        "Nothing to see here.",
    ]);
    let found = model.classify_tokens(&batch).await.unwrap();
    let expected = [
        pairs(&[
            ("Sarah", "GIVEN_NAME"),
            ("Johnson", "SURNAME"),
            ("sarah.johnson@example.com", "EMAIL"),
            ("+1 415 555 0132", "PHONE"),
        ]),
        pairs(&[
            ("Alexander", "GIVEN_NAME"),
            ("Kowalczyk", "SURNAME"),
            ("alex@example.org", "EMAIL"),
        ]),
        pairs(&[
            ("12", "BUILDING_NUMBER"),
            ("Baker Street", "STREET_NAME"),
            ("Springfield", "CITY"),
            ("IL", "STATE"),
            ("62704", "ZIP_CODE"),
            ("X1234567", "PASSPORT"),
        ]),
        pairs(&[]),
        pairs(&[]),
    ];
    for ((text, found), expected) in batch.iter().zip(&found).zip(expected) {
        assert_eq!(named(text, found), expected);
        assert!(
            found
                .iter()
                .all(|entity| entity.score > 0.5 && entity.score <= 1.0),
            "{found:?}"
        );
    }
}

#[tokio::test]
async fn the_same_text_alone_and_in_a_batch_has_the_same_entities() {
    let model = model("rampart").await;
    let batch: Vec<String> = (0..40)
        .map(|number| {
            format!(
                "{}Write to John Smith at j{number}@example.com",
                "Well, 好的. ".repeat(number % 9)
            )
        })
        .collect();
    let together = model.classify_tokens(&batch).await.unwrap();
    for number in [0, 8, 39] {
        let alone = model
            .classify_tokens(&batch[number..=number])
            .await
            .unwrap();
        assert_eq!(
            named(&batch[number], &together[number]),
            named(&batch[number], &alone[0])
        );
    }
}

#[tokio::test]
async fn a_long_text_is_read_to_its_end() {
    let model = model("rampart").await;
    let filler = "The weather was fine and we went for a walk in the park. ";
    // The name moves over the edge between two windows, one word at a time. Most of the text is behind it, and a
    // second name stands at the very end.
    let text = |words: usize| {
        let (before, shift, after) = (filler.repeat(8), "very ".repeat(words), filler.repeat(30));
        format!("你好😀 {before}{shift}My name is Alexander Kowalczyk. {after}Mary Jones")
    };
    let batch: Vec<String> = (0..20).map(text).collect();
    let found = model.classify_tokens(&batch).await.unwrap();
    for (text, found) in batch.iter().zip(&found) {
        let names: Vec<_> = named(text, found);
        let expected = [
            ("Alexander", "GIVEN_NAME"),
            ("Kowalczyk", "SURNAME"),
            ("Mary", "GIVEN_NAME"),
            ("Jones", "SURNAME"),
        ];
        assert_eq!(names, pairs(&expected));
    }
}
