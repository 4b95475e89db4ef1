//! Label Studio's files, in and out.

use serde_json::{Value, json};
use steward_labels::agreement::{Level, alpha};
use steward_labels::label_studio::{
    Annotation, FileOptions, Id, OffsetUnit, Region, Span, Task, choices, export, ground_truth,
    import,
};
use steward_labels::{Annotations, LabelsError};

/// A task as Label Studio 1.x exports it, with everything that is not ours to understand.
fn exported() -> Value {
    json!([{
        "id": 25,
        "data": {"text": "😀 王小明在𠮷野家。\nGreat ramen!", "meta": {"source": "app"}},
        "created_at": "2026-03-09T21:52:49.513742Z",
        "project": 83,
        "file_upload": "reviews.json",
        "annotations": [
            {
                "id": 1001,
                "completed_by": {"id": 10, "email": "ann@example.com", "first_name": ""},
                "created_at": "2026-03-09T22:16:08.728353Z",
                "was_cancelled": false,
                "ground_truth": true,
                "lead_time": 4.288,
                "result": [
                    {
                        "id": "Dx_aB91ISN", "from_name": "sentiment", "to_name": "text", "type": "choices",
                        "origin": "manual", "value": {"choices": ["positive"]}
                    },
                    {
                        "id": "a", "from_name": "label", "to_name": "text", "type": "labels", "origin": "manual",
                        "value": {"start": 2, "end": 5, "text": "王小明", "labels": ["PER"], "score": 0.9}
                    },
                    {
                        "id": "b", "from_name": "label", "to_name": "text", "type": "labels",
                        "value": {"start": 6, "end": 16, "text": "𠮷野家。\\nGreat", "labels": ["ORG", "MISC"]}
                    },
                    {
                        "id": "c", "from_name": "tag", "to_name": "img", "type": "rectanglelabels",
                        "value": {"height": 10.458911419423693, "x": 50.8, "rectanglelabels": ["Moonwalker"]}
                    },
                    {"from_id": "a", "to_id": "b", "type": "relation", "direction": "right"}
                ]
            },
            {"id": 1002, "completed_by": 11, "was_cancelled": true, "ground_truth": false, "result": []},
            {
                "id": 1003, "completed_by": 12, "was_cancelled": false, "ground_truth": false,
                "result": [{
                    "from_name": "sentiment", "to_name": "text", "type": "choices", "value": {"choices": ["negative"]}
                }]
            }
        ],
        "predictions": [{
            "id": 7, "model_version": "ner@1.2.0~int8", "score": 0.75, "created_ago": "3 hours",
            "result": [{
                "from_name": "label", "to_name": "text", "type": "labels",
                "value": {"start": 2, "end": 5, "labels": ["PER"]}
            }]
        }]
    }])
}

fn spans(task: &Task) -> Vec<(usize, usize)> {
    let annotations = task.annotations.iter().flat_map(|a| &a.result);
    let all = annotations.chain(task.predictions.iter().flat_map(|p| &p.result));
    let span = |region: &Region| match region {
        Region::Span(Span { start, end, .. }) => Some((*start, *end)),
        _ => None,
    };
    all.filter_map(span).collect()
}

fn read(json: &Value, unit: OffsetUnit) -> steward_labels::label_studio::Imported {
    let options = FileOptions {
        unit,
        ..FileOptions::default()
    };
    import(&json.to_string(), &options).unwrap()
}

#[test]
fn what_comes_in_goes_out() {
    let file = exported();
    let imported = read(&file, OffsetUnit::Detect);
    assert_eq!((imported.tasks.len(), imported.rejected.len()), (1, 0));
    assert_eq!(
        (imported.converted, imported.misquoted, imported.unchecked),
        (0, 0, 0)
    );
    let out = export(&imported.tasks, &FileOptions::default()).unwrap();
    let out: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(out, file);

    let task = &imported.tasks[0];
    assert_eq!(task.id, Some(Id::Number(25)));
    assert_eq!(spans(task), [(2, 5), (6, 16), (2, 5)]);
    let prediction = &task.predictions[0];
    assert_eq!(prediction.model_version.as_deref(), Some("ner@1.2.0~int8"));
    let kinds: Vec<bool> = task.annotations[0]
        .result
        .iter()
        .map(|region| matches!(region, Region::Other(_)))
        .collect();
    assert_eq!(kinds, [false, false, false, true, true]);
}

#[test]
fn utf16_units_become_code_points() {
    // Two characters of the text take two units each.
    let mut file = exported();
    let result = &mut file[0]["annotations"][0]["result"];
    (result[1]["value"]["start"], result[1]["value"]["end"]) = (json!(3), json!(6));
    (result[2]["value"]["start"], result[2]["value"]["end"]) = (json!(7), json!(18));
    // The words say which unit it is. The prediction quotes none, and is in code points.
    let detected = read(&file, OffsetUnit::Detect);
    assert_eq!(spans(&detected.tasks[0]), [(2, 5), (6, 16), (2, 5)]);
    assert_eq!((detected.converted, detected.misquoted), (2, 0));
    // Told that they are code points, it says that the words are others.
    let told = read(&file, OffsetUnit::CodePoints);
    assert_eq!(spans(&told.tasks[0]), [(3, 6), (7, 18), (2, 5)]);
    assert_eq!((told.converted, told.misquoted), (0, 2));

    let value = &mut file[0]["predictions"][0]["result"][0]["value"];
    (value["start"], value["end"]) = (json!(3), json!(6));
    let told = read(&file, OffsetUnit::Utf16);
    assert_eq!(spans(&told.tasks[0]), [(2, 5), (6, 16), (2, 5)]);
    // And back.
    let options = FileOptions {
        unit: OffsetUnit::Utf16,
        ..FileOptions::default()
    };
    let out: Value = serde_json::from_str(&export(&told.tasks, &options).unwrap()).unwrap();
    assert_eq!(out, file);
    // Half of an emoji is nothing.
    file[0]["predictions"][0]["result"][0]["value"]["start"] = json!(1);
    let rejected = read(&file, OffsetUnit::Utf16).rejected;
    assert!(
        rejected[0].reason.contains("from 1 to 6"),
        "{}",
        rejected[0].reason
    );
}

#[test]
fn one_broken_task_does_not_stop_the_others() {
    let span = |start: Value, end: Value| json!({"from_name": "l", "to_name": "text", "type": "labels", "value": {"start": start, "end": end, "labels": []}});
    let task =
        |result: Value| json!({"data": {"text": "abc"}, "annotations": [{"result": [result]}]});
    let broken = [
        (task(span(json!(1), json!(4))), "from 1 to 4 is not within"),
        (task(span(json!(2), json!(1))), "from 2 to 1"),
        (task(span(json!(-1), json!(1))), "from -1 to 1"),
        (task(span(json!(0), json!(u64::MAX >> 1))), "not within"),
        (task(json!("no result")), "is no object"),
        (json!({"annotations": []}), "data"),
        (json!({"data": []}), "map"),
        (json!(7), ""),
    ];
    let mut file: Vec<Value> = broken.iter().map(|(task, _)| task.clone()).collect();
    let good = task(span(json!(0), json!(3)));
    file.insert(3, good);
    // Seconds of a sound, and a place in HTML: kept as they come.
    file.push(task(span(json!(0.5), json!(9.25))));
    file.push(task(span(
        json!("/p[1]/text()[1]"),
        json!("/p[1]/text()[1]"),
    )));
    let imported = read(&json!(file), OffsetUnit::Detect);
    assert_eq!(imported.tasks.len(), 3);
    assert_eq!(spans(&imported.tasks[0]), [(0, 3)]);
    for (rejected, (task, reason)) in imported.rejected.iter().zip(&broken) {
        assert_eq!(&rejected.task, task);
        assert!(rejected.reason.contains(reason), "{}", rejected.reason);
    }
    let places: Vec<usize> = imported.rejected.iter().map(|r| r.index).collect();
    assert_eq!(places, [0, 1, 2, 4, 5, 6, 7, 8]);
    for bad in ["", "[", "null", "[{}", "\"\\ud800\"", "[1]]"] {
        let refused = import(bad, &FileOptions::default());
        assert!(matches!(refused, Err(LabelsError::Invalid(_))), "{bad}");
    }
    let deep = "[".repeat(100_000);
    assert!(import(&deep, &FileOptions::default()).is_err());
    assert_eq!(
        import("\u{feff}[]", &FileOptions::default()).unwrap().tasks,
        []
    );
}

#[test]
fn a_text_of_another_name_is_found_or_told() {
    let file = |data: Value| {
        let value = json!({"start": 1, "end": 2, "text": "x", "labels": ["A"]});
        let region = json!({"from_name": "l", "to_name": "t", "type": "labels", "value": value});
        json!([{"data": data, "annotations": [{"result": [region]}]}])
    };
    let only = read(&file(json!({"body": "😀x", "n": 1})), OffsetUnit::Detect);
    assert_eq!((only.unchecked, only.misquoted), (0, 0));
    let two = file(json!({"body": "😀x", "title": "yy"}));
    let unclear = read(&two, OffsetUnit::Detect);
    assert_eq!(unclear.unchecked, 1);
    let options = FileOptions {
        unit: OffsetUnit::Utf16,
        ..FileOptions::default()
    };
    assert!(export(&unclear.tasks, &options).is_err());
    let text_of = [("t".to_owned(), "title".to_owned())].into();
    let told = FileOptions { text_of, ..options };
    let imported = import(&two.to_string(), &told).unwrap();
    assert_eq!((imported.unchecked, imported.misquoted), (0, 1));
}

#[test]
fn choices_become_votes_and_ground_truth_gold() {
    let tasks = read(&exported(), OffsetUnit::Detect).tasks;
    let votes = choices(&tasks, "sentiment").unwrap();
    let said: Vec<_> = votes
        .iter()
        .map(|v| (v.annotator.as_str(), v.label.as_str()))
        .collect();
    assert_eq!(said, [("ann@example.com", "positive"), ("12", "negative")]);
    assert_eq!(ground_truth(&tasks, "sentiment").unwrap()["25"], "positive");
    assert!(choices(&tasks, "other").unwrap().is_empty());
    let annotations = Annotations::new(votes).unwrap();
    assert!(alpha(&annotations, Level::Nominal).unwrap() <= 0.0);

    // The same person twice is seen when votes are counted, and several labels are no vote.
    let data = json!({"text": "好"}).as_object().unwrap().clone();
    let mut task = Task::new(None, data);
    for label in ["positive", "negative"] {
        let choice = Region::choice("sentiment", "text", label);
        task.annotations.push(Annotation::by("陈", vec![choice]));
    }
    let twice = choices(&[task.clone()], "sentiment").unwrap();
    assert!(matches!(
        Annotations::new(twice),
        Err(LabelsError::Twice { .. })
    ));
    for annotation in &mut task.annotations {
        annotation.ground_truth = true;
    }
    assert!(ground_truth(&[task.clone()], "sentiment").is_err());
    let both = task.annotations.pop().unwrap().result;
    task.annotations[0].result.extend(both);
    assert!(choices(&[task], "sentiment").is_err());
}
