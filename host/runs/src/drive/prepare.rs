//! How a run comes into memory: its machine is made from its journal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use steward_registry::RegistryError;
use steward_registry::workflows::{Run, RunWrite, TakenRun};
use steward_workflow::{Error, ErrorKind, Status};
use tokio::task::JoinSet;

use super::{Drive, Left, ended_with};
use crate::held::Handle;
use crate::stand::{Settled, Stand};
use crate::trace::RunSpan;
use crate::writer::Written;
use crate::{Runs, schedule};

impl Runs {
    /// Does what a run waits for, until it leaves memory.
    pub(crate) async fn drive(&self, taken: TakenRun, handle: &Handle) -> Left {
        if taken.has_mail {
            handle.wake();
        }
        match self.prepared(taken.run).await {
            Ok(Ok(mut drive)) => match drive.go(taken.request, handle).await {
                Ok(left) => left,
                Err(error) => {
                    tracing::warn!(run = %drive.run.id, %error, "a run cannot go on now; it is tried again");
                    Left::GiveBack
                }
            },
            Ok(Err(left)) => left,
            Err(error) => {
                tracing::warn!(%error, "a run cannot be read now; it is tried again");
                Left::GiveBack
            }
        }
    }

    /// Reads what is known of a run. One that cannot run at all has ended with that.
    async fn prepared(&self, mut run: Run) -> Result<Result<Drive<'_>, Left>, RegistryError> {
        let registry = self.registry();
        let (tenant, name) = (run.tenant.clone(), run.workflow.clone());
        let begun = async {
            let definition = self.definition(&tenant, &name, &run.version).await?;
            let settled: Option<Settled> = serde_json::from_value(run.pins.clone()).ok();
            let (settled, new) = match settled {
                Some(settled) => (settled, false),
                None => (
                    Settled::now(self.pins(&tenant, &name, &definition).await?),
                    true,
                ),
            };
            Ok::<_, Error>((definition, settled, new))
        }
        .await;
        let workflow = registry.workflow(&tenant, &name).await?;
        let journal = registry.journal(&tenant, run.id, 0, usize::MAX).await?;
        let input = std::mem::take(&mut run.input);
        let mut write = RunWrite::of(run.id, tenant.clone());
        let stood = match begun {
            // What cannot be told now may be told later.
            Err(error) if error.is(ErrorKind::Runtime) => {
                tracing::warn!(run = %run.id, %error, "a run cannot begin now; it is tried again");
                return Ok(Err(Left::GiveBack));
            }
            Ok((definition, settled, new)) => {
                if new {
                    write.pins = serde_json::to_value(&settled).ok();
                }
                Stand::of(&definition, run.id, input, &settled, &journal)
                    .map(|stand| (settled, stand))
            }
            Err(error) => Err(error),
        };
        match stood {
            Ok((settled, stand)) => Ok(Ok(Drive {
                runs: self,
                grants: workflow.settings.grants,
                settled: Arc::new(settled),
                stand,
                write,
                listening: BTreeSet::new(),
                pausing: false,
                children: BTreeMap::new(),
                flying: BTreeMap::new(),
                flights: JoinSet::new(),
                span: RunSpan::of(&run, self.telemetry()),
                run: Arc::new(run),
            })),
            Err(error) => {
                let status = Status::Faulted {
                    error: error.clone(),
                };
                write.change = ended_with(&status);
                let definition = self.definition(&tenant, &name, &run.version).await;
                write.next_at = definition.ok().as_ref().and_then(schedule::behind_an_end);
                Ok(Err(match self.write(write).await {
                    Written::Done => {
                        let span = RunSpan::of(&run, self.telemetry());
                        self.tell(span.context, || span.told(&run, Some(&error)));
                        self.has_ended(&run);
                        Left::Written
                    }
                    Written::Lost => Left::Lost,
                    Written::Unknown => Left::GiveBack,
                }))
            }
        }
    }
}
