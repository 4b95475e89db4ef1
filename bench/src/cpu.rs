//! The time of one core, which other processes cannot stretch.

use std::time::Instant;

use nix::time::{ClockId, clock_gettime};

/// At least so many seconds are measured.
const SECONDS: f64 = 3.0;

/// How often `work` is done in a second of the time of all threads of this process, and of wall time.
///
/// # Errors
/// Whatever the work or the clock finds.
pub async fn rate<F: Future<Output = anyhow::Result<()>>>(
    mut work: impl FnMut() -> F,
) -> anyhow::Result<(f64, f64)> {
    work().await?;
    let (start, cpu) = (Instant::now(), seconds()?);
    let mut count = 0.0;
    while start.elapsed().as_secs_f64() < SECONDS {
        work().await?;
        count += 1.0;
    }
    Ok((
        count / (seconds()? - cpu),
        count / start.elapsed().as_secs_f64(),
    ))
}

/// The CPU time of this process so far, in seconds.
fn seconds() -> anyhow::Result<f64> {
    let time = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?;
    Ok(time.tv_sec() as f64 + time.tv_nsec() as f64 / 1e9)
}
