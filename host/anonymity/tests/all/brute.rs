//! Models and metrics a second time, from their definitions, over all combinations of levels and without any shortcut.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// A small table: quasi-identifying columns, one sensitive column, and for each quasi-identifying column its hierarchy
/// as rows of labels.
#[derive(Debug, Clone)]
pub struct Small {
    pub rows: Vec<(Vec<usize>, usize)>,
    pub hierarchies: Vec<Vec<Vec<String>>>,
}

/// Everything that a combination of levels and a suppression of classes gives.
pub struct Node {
    pub levels: Vec<usize>,
    /// The rows of each class.
    pub classes: Vec<Vec<usize>>,
    pub kept: Vec<bool>,
    pub loss: f64,
}

impl Small {
    pub fn csv(&self) -> String {
        let mut csv = String::new();
        for column in 0..self.hierarchies.len() {
            csv += &format!("q{column},");
        }
        csv += "s\n";
        for (values, sensitive) in &self.rows {
            for (column, value) in values.iter().enumerate() {
                csv += &format!("{},", self.hierarchies[column][*value][0]);
            }
            csv += &format!("s{sensitive}\n");
        }
        csv
    }

    pub fn columns(&self) -> Vec<Value> {
        let mut columns: Vec<Value> = (0..self.hierarchies.len())
            .map(|column| {
                serde_json::json!({"name": format!("q{column}"), "role": "quasi-identifying",
                    "hierarchy": {"kind": "rows", "rows": self.hierarchies[column]}})
            })
            .collect();
        columns.push(serde_json::json!({"name": "s", "role": "sensitive"}));
        columns
    }

    fn label(&self, column: usize, value: usize, level: usize) -> &str {
        &self.hierarchies[column][value][level]
    }

    /// How many values of the hierarchy have this label.
    fn below(&self, column: usize, label: &str, level: usize) -> f64 {
        self.hierarchies[column]
            .iter()
            .filter(|row| row[level] == label)
            .count() as f64
    }

    fn combinations(&self) -> Vec<Vec<usize>> {
        let mut all = vec![vec![]];
        for hierarchy in &self.hierarchies {
            let levels = hierarchy[0].len();
            all = all
                .into_iter()
                .flat_map(|start: Vec<usize>| {
                    (0..levels).map(move |level| [start.clone(), vec![level]].concat())
                })
                .collect();
        }
        all
    }

    /// All combinations that satisfy the models.
    pub fn solutions(&self, models: &[Value], metric: &Value, limit: f64) -> Vec<Node> {
        let all = self.combinations().into_iter();
        all.filter_map(|levels| self.node(levels, models, metric, limit))
            .collect()
    }

    fn node(
        &self,
        levels: Vec<usize>,
        models: &[Value],
        metric: &Value,
        limit: f64,
    ) -> Option<Node> {
        let mut groups: BTreeMap<Vec<&str>, Vec<usize>> = BTreeMap::new();
        for (row, (values, _)) in self.rows.iter().enumerate() {
            let labels = values
                .iter()
                .enumerate()
                .map(|(column, &value)| self.label(column, value, levels[column]));
            groups.entry(labels.collect()).or_default().push(row);
        }
        let classes: Vec<Vec<usize>> = groups.into_values().collect();
        let kept: Vec<bool> = classes
            .iter()
            .map(|class| models.iter().all(|model| self.holds(model, class)))
            .collect();
        let gone: usize = classes
            .iter()
            .zip(&kept)
            .filter(|(_, kept)| !**kept)
            .map(|(class, _)| class.len())
            .sum();
        if gone as f64 > limit * self.rows.len() as f64 + 1e-9 {
            return None;
        }
        let mut node = Node {
            levels,
            classes,
            kept,
            loss: 0.0,
        };
        node.loss = self.loss(&node, metric);
        Some(node)
    }

    fn shares(&self, rows: &[usize]) -> BTreeMap<usize, f64> {
        let mut shares = BTreeMap::new();
        for &row in rows {
            *shares.entry(self.rows[row].1).or_default() += 1.0 / rows.len() as f64;
        }
        shares
    }

    pub fn holds(&self, model: &Value, class: &[usize]) -> bool {
        let of = |key: &str| model[key].as_f64().unwrap();
        let shares = self.shares(class);
        let everybody: Vec<usize> = (0..self.rows.len()).collect();
        let table = self.shares(&everybody);
        match model["model"].as_str().unwrap() {
            "k-anonymity" => class.len() as f64 >= of("k"),
            "distinct-l-diversity" => shares.len() as f64 >= of("l"),
            "entropy-l-diversity" => {
                let entropy: f64 = shares.values().map(|share| -share * share.ln()).sum();
                entropy >= of("l").ln() - 1e-9
            }
            "recursive-cl-diversity" => {
                let mut sorted: Vec<f64> = shares.values().copied().collect();
                sorted.sort_by(|a, b| b.total_cmp(a));
                let rare: f64 = sorted.iter().skip(of("l") as usize - 1).sum();
                sorted[0] < of("c") * rare - 1e-9
            }
            "t-closeness" => {
                let difference = |value: &usize| shares.get(value).unwrap_or(&0.0) - table[value];
                let distance = if model["distance"] == "equal" {
                    table
                        .keys()
                        .map(|value| difference(value).abs())
                        .sum::<f64>()
                        / 2.0
                } else {
                    let values: Vec<&usize> = table.keys().collect();
                    let gaps = (1..values.len()).map(|gap| {
                        values[..gap]
                            .iter()
                            .map(|value| difference(value))
                            .sum::<f64>()
                    });
                    gaps.map(f64::abs).sum::<f64>() / (values.len().max(2) - 1) as f64
                };
                distance <= of("t") + 1e-9
            }
            "beta-likeness" => shares.iter().all(|(value, share)| {
                let of_table = table[value];
                let bound = if model["enhanced"] == true {
                    of("beta").min(-of_table.ln())
                } else {
                    of("beta")
                };
                (share - of_table) / of_table <= bound + 1e-9
            }),
            other => panic!("{other}"),
        }
    }

    fn loss(&self, node: &Node, metric: &Value) -> f64 {
        let weight = metric["suppression_weight"].as_f64().unwrap_or(0.5);
        let g = if weight <= 0.5 {
            1.0
        } else {
            2.0 - 2.0 * weight
        };
        let s = if weight >= 0.5 { 1.0 } else { 2.0 * weight };
        let all = self.rows.len() as f64;
        let gone: Vec<usize> = node
            .classes
            .iter()
            .zip(&node.kept)
            .filter(|(_, kept)| !**kept)
            .flat_map(|(class, _)| class.clone())
            .collect();
        let is_gone: BTreeSet<usize> = gone.iter().copied().collect();
        let ignore = metric["ignore_suppression"] == true;
        let each = |column: usize| -> f64 {
            let level = node.levels[column];
            let label = |row: usize| self.label(column, self.rows[row].0[column], level);
            let values = self.hierarchies[column].len() as f64;
            match metric["kind"].as_str().unwrap() {
                "loss" => {
                    let cell = |row: usize| {
                        let share = self.below(column, label(row), level) / values;
                        if is_gone.contains(&row) {
                            share + s * (1.0 - share)
                        } else {
                            g * share
                        }
                    };
                    let sum: f64 = (0..self.rows.len()).map(cell).sum();
                    let least = g * all / values;
                    if all > least {
                        ((sum - least) / (all - least)).max(0.0)
                    } else {
                        0.0
                    }
                }
                "non-uniform-entropy" => {
                    let count = |same: &dyn Fn(usize) -> bool| {
                        (0..self.rows.len()).filter(|row| same(*row)).count() as f64
                    };
                    let bits = |row: usize| {
                        let value = self.rows[row].0[column];
                        let with_value = count(&|other| self.rows[other].0[column] == value);
                        let with_label = count(&|other| label(other) == label(row));
                        (with_label / with_value).log2()
                    };
                    let lost: f64 = (0..self.rows.len()).map(bits).sum();
                    let hidden = |row: &usize| {
                        let same = gone
                            .iter()
                            .filter(|other| label(**other) == label(*row))
                            .count() as f64;
                        (gone.len() as f64 / same).log2()
                    };
                    g * lost
                        + if ignore {
                            0.0
                        } else {
                            s * gone.iter().map(hidden).sum::<f64>()
                        }
                }
                "precision" => {
                    let level =
                        level as f64 / (self.hierarchies[column][0].len() - 1).max(1) as f64;
                    let gone = gone.len() as f64;
                    if ignore {
                        g * level
                    } else {
                        ((all - gone) * level * g + gone * s) / all
                    }
                }
                "height" => level as f64,
                other => panic!("{other}"),
            }
        };
        let kept = || node.classes.iter().zip(&node.kept);
        match metric["kind"].as_str().unwrap() {
            "average-class-size" => {
                let released = kept().filter(|(_, kept)| **kept).count() as f64;
                all / (released * s + if gone.is_empty() { 0.0 } else { g })
            }
            "discernibility" => kept()
                .map(|(class, kept)| {
                    let size = class.len() as f64;
                    if *kept || ignore {
                        size * size
                    } else {
                        size * all
                    }
                })
                .sum(),
            "ambiguity" => (0..self.rows.len())
                .map(|row| {
                    (0..self.hierarchies.len())
                        .map(|column| {
                            let level = node.levels[column];
                            let label = self.label(column, self.rows[row].0[column], level);
                            if is_gone.contains(&row) {
                                self.hierarchies[column].len() as f64
                            } else {
                                self.below(column, label, level)
                            }
                        })
                        .product::<f64>()
                })
                .sum(),
            _ => {
                let losses: Vec<f64> = (0..self.hierarchies.len()).map(each).collect();
                let many = losses.len() as f64;
                match metric["aggregate"].as_str().unwrap() {
                    "sum" => losses.iter().sum(),
                    "arithmetic-mean" => losses.iter().sum::<f64>() / many,
                    "geometric-mean" => {
                        losses
                            .iter()
                            .map(|loss| loss + 1.0)
                            .product::<f64>()
                            .powf(1.0 / many)
                            - 1.0
                    }
                    "maximum" => losses.iter().copied().fold(0.0, f64::max),
                    other => panic!("{other}"),
                }
            }
        }
    }
}
