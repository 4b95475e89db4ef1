//! An anonymizer plugin as a step.

use async_trait::async_trait;
use steward_functions::Anonymizer;

use super::open::{documents, step_error};
use super::{Document, Effect, Finding, Span, Step, StepAbout, StepError};

pub(super) struct Anonymize {
    pub about: StepAbout,
    pub anonymizer: Anonymizer,
}

#[async_trait]
impl Step for Anonymize {
    fn about(&self) -> &StepAbout {
        &self.about
    }

    async fn run(&self, batch: &[Document]) -> Result<Vec<Effect>, StepError> {
        // No policy: that of the function's configuration, else the plugin's own.
        let treated = self
            .anonymizer
            .anonymize(&documents(batch), None)
            .await
            .map_err(step_error)?;
        Ok(treated
            .into_iter()
            .map(|text| Effect::Anonymized {
                text: text.text,
                findings: text
                    .replacements
                    .into_iter()
                    .map(|r| Finding {
                        entity: r.finding.entity,
                        span: Span {
                            start: r.finding.span.start,
                            end: r.finding.span.end,
                        },
                        new_span: Span {
                            start: r.new_span.start,
                            end: r.new_span.end,
                        },
                    })
                    .collect(),
            })
            .collect())
    }
}
