//! Registered models, opened by name, and their life: deployed, tried, judged, promoted, rolled back.
//!
//! HTTP, guests and jobs come through [`Models::open`] alike. What is opened with a version is that
//! version. What is opened by its bare name follows the deployment of the model: a stable version, a
//! candidate that answers a share of the calls, a shadow that computes a share of them again.
//! [`Models::supervise`] keeps what is deployed in memory and rolls back what passes its bounds.
//!
//! The rule that everything here keeps: a call that the stable version would have answered is
//! answered, whatever a candidate, a shadow, a deployment or a roll back does.
#![deny(missing_docs)]

mod answer;
mod deploy;
mod error;
mod evaluate;
mod figures;
mod files;
mod gates;
mod judge;
mod line;
mod metering;
mod models;
mod open_model;
mod parts;
mod question;
mod record;
mod route;
mod shadow;
mod snapshot;
mod status;
mod sticky;
mod supervise;
mod target;
mod variants;
mod watch;

pub use error::{GateFailure, ModelError};
pub use evaluate::{
    Evaluation, EvaluationReport, EvaluationRow, LabelMetrics, LabelledSpan, MAX_EVALUATION_ROWS,
    label_metrics, macro_f1,
};
pub use figures::{ModelFigures, TargetFigures};
pub use files::{MODEL_FILE, TOKENIZER_FILE};
pub use judge::Comparison;
pub use models::{Models, Named, Resolved};
pub use open_model::{Answered, OpenModel};
pub use status::{DeploymentStatus, TargetStatus, TrialStatus};
pub use sticky::place_of_key;
pub use watch::TargetDrift;
