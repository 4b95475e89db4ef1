//! How a team delivers: the four measures of DORA. No type of this subject has a person.

use steward_sdk::team::{DeliveryReport, Deployment, Error, Note, Window};

use crate::flow::{days, span};
use crate::notes::{at_most, named, note, shown};
use crate::statistics::{percentiles, wilson};

const MAX_DEPLOYMENTS: usize = 50_000;
const MAX_CHANGES: usize = 200_000;
/// Under so many deployments a share says little.
const FEW: usize = 10;

/// The measures of the deployments within a window.
///
/// # Errors
/// `invalid-input` for a window without time, or a deployment without a name.
pub fn report(deployments: &[Deployment], window: Window) -> Result<DeliveryReport, Error> {
    at_most("deployments", deployments.len(), MAX_DEPLOYMENTS)?;
    let changes = deployments
        .iter()
        .map(|deployment| deployment.changes.len());
    at_most("changes", changes.sum(), MAX_CHANGES)?;
    let days = days(&window)?;
    if let Some(bad) = deployments
        .iter()
        .find(|deployment| !named(&deployment.name))
    {
        return Err(Error::InvalidInput(format!(
            "a deployment is called `{}`; a name has 1 to 200 characters on one line",
            shown(&bad.name)
        )));
    }
    let mut reasons = Vec::new();
    let mut lead_times = Vec::new();
    let mut restored = Vec::new();
    let mut unrestored = Vec::new();
    let mut failed = 0;
    let inside = deployments.iter();
    let inside: Vec<&Deployment> = inside
        .filter(|deployment| (window.since..window.until).contains(&deployment.at))
        .collect();
    for deployment in &inside {
        let name = shown(&deployment.name);
        for change in &deployment.changes {
            if *change > deployment.at {
                reasons.push(later(&name));
            } else {
                lead_times.push(span(*change, deployment.at) * 24.0);
            }
        }
        if !deployment.failed {
            if deployment.restored_at.is_some() {
                reasons.push(note(
                    "restored-without-failure",
                    format!("`{name}` was restored and did not fail: it counts as no failure"),
                    format!("「{name}」标有恢复时间但没有失败，不计为失败"),
                ));
            }
            continue;
        }
        failed += 1;
        match deployment.restored_at {
            None => unrestored.push(deployment.name.clone()),
            Some(at) if at < deployment.at => reasons.push(note(
                "restored-before",
                format!("`{name}` was restored before it was deployed: its time does not count"),
                format!("「{name}」的恢复时间早于部署时间，不计入"),
            )),
            Some(at) => restored.push(span(deployment.at, at) * 24.0),
        }
    }
    if inside.len() < FEW {
        reasons.push(note(
            "few",
            format!(
                "{} deployments are few: the shares are uncertain, as their intervals show",
                inside.len()
            ),
            format!(
                "只有 {} 次部署，数量较少：比率并不确定，见其区间",
                inside.len()
            ),
        ));
    }
    Ok(DeliveryReport {
        deployments: u32::try_from(inside.len()).unwrap_or(u32::MAX),
        frequency: inside.len() as f64 / days,
        lead_time: percentiles(lead_times),
        change_failure_rate: wilson(failed, inside.len()),
        time_to_restore: percentiles(restored),
        unrestored,
        reasons,
    })
}

fn later(name: &str) -> Note {
    note(
        "change-after-deployment",
        format!("a change of `{name}` is younger than its deployment: it does not count"),
        format!("「{name}」中有变更晚于部署时间，不计入"),
    )
}
