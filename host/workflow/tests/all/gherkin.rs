//! As much of Gherkin as the features of the specification use: scenarios of steps, and steps with a text of YAML.

/// One scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    pub name: String,
    pub steps: Vec<Step>,
}

/// One step: its text without the keyword, and what stands between `"""` below it.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub text: String,
    pub document: Option<String>,
}

/// The scenarios of a feature.
pub fn scenarios(feature: &str) -> Vec<Scenario> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    let mut lines = feature.lines();
    while let Some(line) = lines.next() {
        let trimmed = line.trim();
        if let Some(name) = trimmed.strip_prefix("Scenario:") {
            scenarios.push(Scenario {
                name: name.trim().to_owned(),
                steps: Vec::new(),
            });
            continue;
        }
        let Some(scenario) = scenarios.last_mut() else {
            continue;
        };
        if trimmed.starts_with("\"\"\"") {
            let indent = line.len() - line.trim_start().len();
            let mut document = String::new();
            for line in lines.by_ref().take_while(|line| !line.trim().starts_with("\"\"\"")) {
                document.push_str(line.get(indent..).unwrap_or_default());
                document.push('\n');
            }
            scenario.steps.last_mut().expect("a document belongs to a step").document = Some(document);
            continue;
        }
        if let Some((_, text)) = trimmed.split_once(' ').filter(|(word, _)| ["Given", "When", "Then", "And"].contains(word)) {
            // The specification writes `And given` as well.
            let text = text.strip_prefix("given ").unwrap_or(text).trim().to_owned();
            scenario.steps.push(Step { text, document: None });
        }
    }
    scenarios
}

#[test]
fn scenarios_are_read() {
    let read = scenarios("Feature: x\n  Scenario: one\n    Given a thing:\n    \"\"\"yaml\n    a:\n      b: 1\n    \"\"\"\n    And given more\n  Scenario: two\n    When it runs\n");
    assert_eq!(read.len(), 2);
    assert_eq!(read[0].steps[0].document.as_deref(), Some("a:\n  b: 1\n"));
    assert_eq!(read[0].steps[1].text, "more");
    assert_eq!(read[1].name, "two");
}
