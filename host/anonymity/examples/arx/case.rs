//! A case, read from the Java that configures ARX in its test.

use serde_json::{Value, json};

pub struct Case {
    pub name: String,
    pub data: String,
    pub sensitive: Option<String>,
    pub models: Vec<Value>,
    pub metric: Value,
    pub suppression_limit: f64,
    pub rows: Rows,
    pub loss: f64,
    pub levels: Vec<usize>,
}

/// Which rows of the table are protected.
#[derive(PartialEq)]
pub enum Rows {
    All,
    /// The sample that lies beside the table; the table is its population.
    Subset,
    /// So many rows, drawn as ARX's test draws them.
    Random(usize),
}

/// A call of a Java method or constructor: its name and its arguments.
fn call(text: &str) -> Option<(&str, Vec<String>)> {
    let open = text.find('(')?;
    let (mut depth, mut from, mut arguments) = (0, open + 1, Vec::new());
    for (at, char) in text.char_indices().skip_while(|(at, _)| *at < open) {
        match char {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 || depth == 1 && char == ',' {
            arguments.push(text[from..at].trim().to_owned());
            from = at + 1;
        }
        if depth == 0 {
            arguments.retain(|argument| !argument.is_empty());
            return Some((text[..open].trim(), arguments));
        }
    }
    None
}

fn number(text: &str) -> Result<f64, String> {
    text.trim_end_matches(['d', 'D'])
        .parse()
        .map_err(|_| format!("no number: {text}"))
}

fn text(argument: &str) -> String {
    argument.trim_matches('"').to_owned()
}

impl Case {
    /// The case, or why it is not supported.
    pub fn read(fixture: &Value) -> Result<Self, String> {
        let config = fixture["config"].as_str().ok_or("no configuration")?;
        let (_, create) = config
            .strip_prefix("ARXConfiguration.")
            .and_then(call)
            .ok_or_else(|| config.split('(').next().unwrap_or("").to_owned())?;
        let [limit, metric] = create.as_slice() else {
            return Err(config.to_owned());
        };
        if config.contains("setCostBenefitConfiguration") {
            return Err("costs and benefits".into());
        }
        let mut models = Vec::new();
        let mut rows = Rows::All;
        for part in config.split(".addPrivacyModel(").skip(1) {
            let part = part.trim_start_matches("new ");
            let (name, arguments) = call(part).ok_or(part)?;
            if arguments
                .last()
                .is_some_and(|last| last.starts_with("DataSubset"))
            {
                rows = Rows::Subset;
            }
            if let Some(size) = arguments
                .first()
                .and_then(|first| first.strip_prefix("getSubset("))
            {
                rows = Rows::Random(number(size.trim_end_matches(')'))? as usize);
                continue;
            }
            models.push(model(name, &arguments)?);
        }
        let names = models.iter().map(|model| {
            let mut name = model["model"].as_str().unwrap_or("").to_owned();
            for key in ["k", "l", "c", "t", "beta", "min", "max", "risk", "share"] {
                if let Some(value) = model[key].as_f64() {
                    name += &format!(" {value}");
                }
            }
            name
        });
        let levels = fixture["optimal_levels"].as_array().ok_or("no levels")?;
        Ok(Self {
            name: format!("{}, s {limit}", names.collect::<Vec<_>>().join(" + ")),
            data: fixture["data"].as_str().ok_or("no data")?.to_owned(),
            sensitive: fixture["sensitive"].as_str().map(str::to_owned),
            metric: self::metric(metric)?,
            suppression_limit: number(limit)?,
            models,
            rows,
            loss: fixture["information_loss"].as_f64().ok_or("no loss")?,
            levels: levels
                .iter()
                .filter_map(|level| Some(level.as_u64()? as usize))
                .collect(),
        })
    }
}

impl Case {
    /// Whether ARX leaves out the people who look like nobody of the table.
    pub fn is_stricter_here(&self) -> bool {
        let of_size = [
            "k-anonymity",
            "distinct-l-diversity",
            "entropy-l-diversity",
            "recursive-cl-diversity",
        ];
        let names = || {
            self.models
                .iter()
                .filter_map(|model| model["model"].as_str())
        };
        let least = self
            .models
            .iter()
            .any(|model| model["min"].as_f64().is_some_and(|least| least > 0.0));
        least && names().any(|name| of_size.contains(&name))
    }
}

fn model(name: &str, arguments: &[String]) -> Result<Value, String> {
    let whole = |at: usize| {
        arguments
            .get(at)
            .ok_or("too few arguments".to_owned())
            .and_then(|text| number(text))
    };
    let column = || {
        arguments
            .first()
            .map(|first| text(first))
            .unwrap_or_default()
    };
    // A model that compares with an estimated population or a distribution from outside has other arguments.
    let plain = |many: usize| {
        if arguments.len() == many {
            Ok(())
        } else {
            Err(format!("{name} with other arguments"))
        }
    };
    Ok(match name {
        "KAnonymity" => json!({"model": "k-anonymity", "k": whole(0)? as u32}),
        "DistinctLDiversity" => {
            json!({"model": "distinct-l-diversity", "column": column(), "l": whole(1)? as u32})
        }
        "EntropyLDiversity" => {
            let grassberger = arguments
                .get(2)
                .is_some_and(|estimator| estimator.ends_with("GRASSBERGER"));
            let estimator = if grassberger {
                "grassberger"
            } else {
                "shannon"
            };
            json!({"model": "entropy-l-diversity", "column": column(), "l": whole(1)?, "estimator": estimator})
        }
        "RecursiveCLDiversity" => {
            json!({"model": "recursive-cl-diversity", "column": column(), "c": whole(1)?, "l": whole(2)? as u32})
        }
        "EqualDistanceTCloseness" => {
            json!({"model": "t-closeness", "column": column(), "t": whole(1)?, "distance": "equal"})
        }
        "OrderedDistanceTCloseness" => {
            json!({"model": "t-closeness", "column": column(), "t": whole(1)?, "distance": {"ordered": {}}})
        }
        "HierarchicalDistanceTCloseness" => {
            let file = format!("adult_hierarchy_{}.csv", column());
            json!({"model": "t-closeness", "column": column(), "t": whole(1)?,
                "distance": {"hierarchical": {"hierarchy": {"kind": "file", "file": file}}}})
        }
        "BasicBLikeness" => {
            json!({"model": "beta-likeness", "column": column(), "beta": whole(1)?})
        }
        "EnhancedBLikeness" => {
            json!({"model": "beta-likeness", "column": column(), "beta": whole(1)?, "enhanced": true})
        }
        "KMap" => {
            plain(2)?;
            json!({"model": "k-map", "k": whole(0)? as u32})
        }
        "DPresence" => {
            plain(3)?;
            json!({"model": "delta-presence", "min": whole(0)?, "max": whole(1)?})
        }
        "AverageReidentificationRisk" => {
            plain(1)?;
            json!({"model": "average-risk", "risk": whole(0)?})
        }
        "SampleUniqueness" => json!({"model": "sample-uniqueness", "share": whole(0)?}),
        other => return Err(other.to_owned()),
    })
}

fn metric(java: &str) -> Result<Value, String> {
    let (name, arguments) = java.strip_prefix("Metric.").and_then(call).ok_or(java)?;
    let mut aggregate = None;
    let (mut numbers, mut flags) = (Vec::new(), Vec::new());
    for argument in &arguments {
        match argument.rsplit_once("AggregateFunction.") {
            Some((_, function)) => aggregate = Some(function.to_lowercase().replace('_', "-")),
            None if argument == "true" || argument == "false" => flags.push(argument == "true"),
            None => numbers.push(number(argument)?),
        }
    }
    // The first number of a metric that is computed before the search says when that pays, and nothing of the loss.
    let numbers = if name.contains("Precomputed") {
        numbers.split_off(1)
    } else {
        numbers
    };
    let weight = numbers.first().copied().unwrap_or(0.5);
    let ignore = flags.first().copied().unwrap_or(false);
    let mut metric = match name.replace("Precomputed", "").as_str() {
        "createEntropyMetric" => {
            json!({"kind": "non-uniform-entropy", "suppression_weight": weight, "ignore_suppression": ignore})
        }
        "createLossMetric" => json!({"kind": "loss", "suppression_weight": weight}),
        "createPrecisionMetric" => {
            json!({"kind": "precision", "suppression_weight": weight, "ignore_suppression": ignore})
        }
        "createHeightMetric" => json!({"kind": "height"}),
        "createAECSMetric" => json!({"kind": "average-class-size", "suppression_weight": weight}),
        "createDiscernabilityMetric" => {
            json!({"kind": "discernibility", "ignore_suppression": ignore})
        }
        "createAmbiguityMetric" => json!({"kind": "ambiguity"}),
        other => return Err(format!("the metric {other}")),
    };
    if let Some(aggregate) = aggregate {
        metric["aggregate"] = aggregate.into();
    }
    Ok(metric)
}
