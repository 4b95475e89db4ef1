//! A step that creates, moves, comments or finds issues; `action` says which.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use steward_sdk::log;
use steward_sdk::step::{Context, Description, Error, Step};

use crate::client::Client;
use crate::text::document;
use crate::webhook::is_key;

/// Issues of one page of a search.
const PAGE: u32 = 100;
/// The most issues of one search.
const MAX_ISSUES: u32 = 1000;

/// The payload.
#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    /// Creates an issue.
    Create {
        /// Key of the project.
        project: String,
        /// Name of the type of issue, as `Task`.
        issue_type: String,
        /// One line.
        summary: String,
        /// Lines of text.
        description: Option<String>,
        /// Labels; they hold no spaces.
        #[serde(default)]
        labels: Vec<String>,
        /// Fields beside these, as Jira names them.
        #[serde(default)]
        fields: Map<String, Value>,
    },
    /// Moves an issue through its workflow.
    Transition {
        /// Key of the issue.
        issue: String,
        /// The name of the transition, or of the status that it leads to.
        to: String,
    },
    /// Comments an issue.
    Comment {
        /// Key of the issue.
        issue: String,
        /// Lines of text.
        text: String,
    },
    /// Finds issues.
    Search {
        /// A bounded query, as `project = SHOP AND status = Open`.
        jql: String,
        /// Fields to return.
        #[serde(default)]
        fields: Vec<String>,
        /// At most so many.
        limit: Option<u32>,
    },
}

/// The answer.
#[derive(Debug, Default, Serialize)]
pub struct Done {
    /// Key of the issue.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// Id of what was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The status that the issue has now.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// Issues that were found.
    #[serde(skip_serializing_if = "Option::is_none")]
    issues: Option<Vec<Value>>,
    /// Whether these are all.
    #[serde(skip_serializing_if = "Option::is_none")]
    complete: Option<bool>,
}

/// The step.
pub struct Issue {
    client: Client,
}

impl Step for Issue {
    type Input = Action;
    type Output = Done;

    fn describe() -> Description {
        let key = json!({"type": "string", "pattern": "^[A-Z][A-Z0-9_]{0,59}-[0-9]{1,12}$"});
        let text = json!({"type": "string", "minLength": 1, "maxLength": 30000});
        let action = |name: &str, required: &[&str], properties: Value| {
            let mut properties = properties;
            properties["action"] = json!({"const": name});
            let required: Vec<&str> = ["action"].iter().chain(required).copied().collect();
            json!({"type": "object", "required": required, "properties": properties, "additionalProperties": false})
        };
        let input = json!({
            "oneOf": [
                action("create", &["project", "issue_type", "summary"], json!({
                    "project": {"type": "string", "pattern": "^[A-Z][A-Z0-9_]{0,59}$"},
                    "issue_type": {"type": "string", "minLength": 1, "maxLength": 60},
                    "summary": {"type": "string", "minLength": 1, "maxLength": 255},
                    "description": text,
                    "labels": {"type": "array", "maxItems": 50, "items": {"type": "string", "maxLength": 255, "pattern": "^\\S+$"}},
                    "fields": {"type": "object", "maxProperties": 100},
                })),
                action("transition", &["issue", "to"], json!({
                    "issue": key, "to": {"type": "string", "minLength": 1, "maxLength": 100},
                })),
                action("comment", &["issue", "text"], json!({"issue": key, "text": text})),
                action("search", &["jql"], json!({
                    "jql": {"type": "string", "minLength": 1, "maxLength": 10000},
                    "fields": {"type": "array", "maxItems": 50, "items": {"type": "string", "maxLength": 100}},
                    "limit": {"type": "integer", "minimum": 1, "maximum": MAX_ISSUES},
                })),
            ]
        });
        let output = json!({
            "type": "object",
            "properties": {
                "key": {"type": "string"},
                "id": {"type": "string"},
                "status": {"type": "string"},
                "issues": {"type": "array", "items": {
                    "type": "object",
                    "required": ["key", "id", "fields"],
                    "properties": {"key": {"type": "string"}, "id": {"type": "string"}, "fields": {"type": "object"}}
                }},
                "complete": {"type": "boolean"}
            },
            "additionalProperties": false
        });
        Description {
            name: "jira-issue".into(),
            summary: "Creates, moves, comments or finds issues of Jira Cloud".into(),
            input_schema: input.to_string(),
            output_schema: output.to_string(),
        }
    }

    fn new() -> Result<Self, Error> {
        Ok(Self {
            client: Client::new()?,
        })
    }

    fn run(&self, context: &Context, action: Action) -> Result<Done, Error> {
        let done = match action {
            Action::Create {
                project,
                issue_type,
                summary,
                description,
                labels,
                fields,
            } => {
                let mut all = fields;
                all.insert("project".into(), json!({"key": project}));
                all.insert("issuetype".into(), json!({"name": issue_type}));
                all.insert("summary".into(), json!(summary));
                if let Some(text) = description {
                    all.insert("description".into(), document(&text));
                }
                self.create(context, &project, labels, all)
            }
            Action::Transition { issue, to } => self.transition(&issue, &to),
            Action::Comment { issue, text } => {
                let path = format!("issue/{}/comment", checked(&issue)?);
                let said = self.client.post(&path, &json!({"body": document(&text)}))?;
                Ok(Done {
                    id: text_of(&said, "id"),
                    key: Some(issue),
                    ..Done::default()
                })
            }
            Action::Search { jql, fields, limit } => {
                self.search(&jql, &fields, limit.unwrap_or(PAGE))
            }
        }?;
        log::info!(run = context.run_id, attempt = context.attempt; "asked Jira");
        Ok(done)
    }
}

impl Issue {
    /// Creates an issue that carries a label made of the step's key, unless there is one: an attempt whose answer was lost is
    /// found and not made again, also after a crash that forgot how many attempts there were.
    fn create(
        &self,
        context: &Context,
        project: &str,
        mut labels: Vec<String>,
        mut fields: Map<String, Value>,
    ) -> Result<Done, Error> {
        let mark = hex::encode(&Sha256::digest(context.idempotency_key.as_bytes())[..8]);
        let mark = format!("steward-{mark}");
        let jql = format!("project = \"{project}\" AND labels = \"{mark}\"");
        let found = self.search(&jql, &["summary".to_owned()], 1)?;
        if let Some(issue) = found.issues.as_deref().and_then(<[Value]>::first) {
            return Ok(Done {
                key: text_of(issue, "key"),
                id: text_of(issue, "id"),
                ..Done::default()
            });
        }
        labels.push(mark);
        fields.insert("labels".into(), json!(labels));
        let said = self.client.post("issue", &json!({ "fields": fields }))?;
        match (text_of(&said, "key"), text_of(&said, "id")) {
            (Some(key), id) => Ok(Done {
                key: Some(key),
                id,
                ..Done::default()
            }),
            _ => Err(Error::Other("Jira's answer names no issue".into())),
        }
    }

    fn transition(&self, issue: &str, to: &str) -> Result<Done, Error> {
        let path = format!("issue/{}/transitions", checked(issue)?);
        let said = self.client.get(&path)?;
        let offered = said["transitions"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let same = |name: &Value| {
            name.as_str()
                .is_some_and(|name| name.eq_ignore_ascii_case(to))
        };
        let fits = |t: &&Value| same(&t["name"]) || same(&t["to"]["name"]);
        let done = |status: Option<String>| Done {
            key: Some(issue.to_owned()),
            status,
            ..Done::default()
        };
        let Some(transition) = offered.iter().find(fits) else {
            // An attempt whose answer was lost may have moved it already.
            let now = self.client.get(&format!("issue/{issue}?fields=status"))?;
            let status = &now["fields"]["status"]["name"];
            if same(status) {
                return Ok(done(status.as_str().map(str::to_owned)));
            }
            let names: Vec<&str> = offered
                .iter()
                .filter_map(|t| t["name"].as_str())
                .take(20)
                .collect();
            return Err(Error::InvalidInput(format!(
                "{issue} has no transition `{to}` now; it has: {}",
                names.join(", ")
            )));
        };
        self.client
            .post(&path, &json!({"transition": {"id": transition["id"]}}))?;
        Ok(done(transition["to"]["name"].as_str().map(str::to_owned)))
    }

    /// Pages of the search that names the next page by a token.
    fn search(&self, jql: &str, fields: &[String], limit: u32) -> Result<Done, Error> {
        let limit = limit.clamp(1, MAX_ISSUES);
        let fields = match fields {
            [] => vec!["summary".to_owned(), "status".to_owned()],
            named => named.to_vec(),
        };
        let (mut issues, mut token): (Vec<Value>, Option<String>) = (Vec::new(), None);
        loop {
            let left = limit.saturating_sub(u32::try_from(issues.len()).unwrap_or(u32::MAX));
            let mut question = json!({"jql": jql, "fields": fields, "maxResults": left.min(PAGE)});
            if let Some(token) = &token {
                question["nextPageToken"] = json!(token);
            }
            let page = self.client.post("search/jql", &question)?;
            let Some(found) = page["issues"].as_array() else {
                return Err(Error::Other("Jira's answer has no issues".into()));
            };
            issues.extend(found.iter().take(left as usize).map(
                |issue| json!({"key": issue["key"], "id": issue["id"], "fields": issue["fields"]}),
            ));
            let next = text_of(&page, "nextPageToken").filter(|_| page["isLast"] != true);
            let full = issues.len() >= limit as usize;
            // A page that is empty, or that names itself, would be asked for without end.
            let stuck = next.is_some() && (found.is_empty() || next == token);
            if next.is_none() || full || stuck {
                let complete = next.is_none();
                return Ok(Done {
                    issues: Some(issues),
                    complete: Some(complete),
                    ..Done::default()
                });
            }
            token = next;
        }
    }
}

/// A key that goes into a path.
fn checked(key: &str) -> Result<&str, Error> {
    match is_key(key) {
        true => Ok(key),
        false => Err(Error::InvalidInput(
            "`issue` is no key of an issue, as SHOP-7".into(),
        )),
    }
}

fn text_of(value: &Value, name: &str) -> Option<String> {
    value[name].as_str().map(str::to_owned)
}
