//! Asks Jira Cloud: [`steward_jira::issue`] as a component.

steward_sdk::export_step!(steward_jira::issue::Issue);
