//! A labeller of somebody else: two labelling functions in code, and aggregation by who comes first. `breaks` names a
//! promise of the world that it does not keep.

use std::collections::BTreeMap;

use steward_sdk::labeller::{
    Annotation, Document, Error, Known, Labeller, LabellingFunction, Measure, Number, Verdict, Vote,
};
use steward_sdk::config;

struct Votes {
    breaks: String,
}

impl Labeller for Votes {
    fn new() -> Result<Self, Error> {
        Ok(Self { breaks: config::get("breaks")?.unwrap_or_default() })
    }

    fn functions(&self) -> Result<Vec<LabellingFunction>, Error> {
        let function = |name: &str, label: &str| LabellingFunction {
            name: name.into(),
            labels: vec![label.into()],
        };
        Ok(match self.breaks.as_str() {
            "no-functions" => Vec::new(),
            "names" => vec![function("money", "billing"), function("money", "bug")],
            "labels" => vec![function("money", "billing"), function("weather", "天气")],
            _ => vec![function("money", "billing"), function("crash", "bug")],
        })
    }

    fn propose(&self, batch: Vec<Document>) -> Result<Vec<Vec<Option<Vote>>>, Error> {
        let vote = |text: &str, words: [&str; 2], label: &str| {
            words.iter().any(|word| text.contains(word)).then(|| Vote { label: label.into(), confidence: 0.75 })
        };
        let mut rows: Vec<Vec<Option<Vote>>> = batch
            .iter()
            .map(|document| {
                let text = document.text.to_lowercase();
                vec![vote(&text, ["invoice", "发票"], "billing"), vote(&text, ["crash", "崩"], "bug")]
            })
            .collect();
        let first = rows.first_mut();
        match (self.breaks.as_str(), first) {
            ("rows", _) => drop(rows.pop()),
            ("few", Some(first)) => drop(first.pop()),
            ("nan", Some(first)) => first[0] = Some(Vote { label: "billing".into(), confidence: f32::NAN }),
            ("sure", Some(first)) => first[0] = Some(Vote { label: "billing".into(), confidence: 1.5 }),
            ("foreign", Some(first)) => first[0] = Some(Vote { label: "bug".into(), confidence: 1.0 }),
            ("silent", _) => rows.iter_mut().flatten().for_each(|vote| *vote = None),
            ("traps", _) => panic!("told to"),
            ("refuses", _) => return Err(Error::InvalidInput("told to refuse".into())),
            _ => {}
        }
        Ok(rows)
    }

    /// What the annotator whose name comes first says, holds.
    fn aggregate(&self, annotations: Vec<Annotation>, _: Vec<String>, _: Vec<Known>) -> Result<Vec<Verdict>, Error> {
        let mut first: BTreeMap<String, Annotation> = BTreeMap::new();
        for said in annotations {
            let before = first.get(&said.task).is_none_or(|before| said.annotator < before.annotator);
            if before {
                first.insert(said.task.clone(), said);
            }
        }
        if self.breaks == "leaves-out" {
            first.pop_first();
        }
        let verdict = |said: Annotation| Verdict {
            task: said.task,
            label: (self.breaks != "undecided").then_some(said.label),
            confidence: if self.breaks == "nan" { f64::NAN } else { 0.5 },
            tied: Vec::new(),
        };
        Ok(first.into_values().map(verdict).collect())
    }

    fn agreement(&self, annotations: Vec<Annotation>, _: Vec<String>) -> Result<Vec<Measure>, Error> {
        let count = Number::Value(annotations.len() as f64);
        Ok(vec![Measure { name: "annotations".into(), number: count }])
    }
}

steward_sdk::export_labeller!(Votes);
