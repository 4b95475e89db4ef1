//! Atlassian's document format (developer.atlassian.com/cloud/jira/platform/apis/document/structure), as far as plain text
//! needs it: version 3 of the API takes descriptions and comments in no other form.

use serde_json::{Value, json};

/// A text as a document: one paragraph for each line.
pub fn document(text: &str) -> Value {
    let paragraphs: Vec<Value> = text
        .lines()
        .map(|line| match line.is_empty() {
            // A node of text must not be empty.
            true => json!({"type": "paragraph", "content": []}),
            false => json!({"type": "paragraph", "content": [{"type": "text", "text": line}]}),
        })
        .collect();
    json!({"type": "doc", "version": 1, "content": paragraphs})
}
