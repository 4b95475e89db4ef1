//! Posts a message to Slack: [`steward_slack::message`] as a component.

steward_sdk::export_step!(steward_slack::message::Post);
