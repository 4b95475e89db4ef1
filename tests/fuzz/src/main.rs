//! `make fuzz`: runs the targets for a while, and says where it kept what they fail at.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use steward_fuzz::{Runner, TARGETS};

fn main() -> ExitCode {
    let mut seconds = 60;
    let mut wanted = None;
    let mut seed = SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(1, |since| since.as_secs());
    let mut file = None;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let value = args.next().unwrap_or_default();
        match (arg.as_str(), value.parse()) {
            ("--seconds", Ok(n)) => seconds = n,
            ("--seed", Ok(n)) => seed = n,
            ("--target", _) => wanted = Some(value),
            ("--input", _) => file = Some(PathBuf::from(value)),
            _ => {
                eprintln!("steward-fuzz [--seconds N] [--target NAME] [--seed N] [--input FILE]");
                return ExitCode::FAILURE;
            }
        }
    }
    let targets: Vec<_> = TARGETS
        .iter()
        .filter(|target| wanted.as_deref().is_none_or(|name| name == target.name))
        .collect();
    if targets.is_empty() {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!("no such target; there are {}", names.join(", "));
        return ExitCode::FAILURE;
    }
    if let Some(file) = file {
        // One input again, as it was kept.
        match std::fs::read(&file) {
            Ok(input) => targets.iter().for_each(|target| (target.read)(&input)),
            Err(error) => eprintln!("{}: {error}", file.display()),
        }
        return ExitCode::SUCCESS;
    }
    let folder = PathBuf::from("target/fuzz");
    if let Err(error) = std::fs::create_dir_all(&folder) {
        eprintln!("{}: {error}", folder.display());
        return ExitCode::FAILURE;
    }
    let time = Duration::from_secs(seconds) / targets.len() as u32;
    let mut failed = false;
    for target in targets {
        let runner = Runner {
            target,
            seed,
            folder: &folder,
        };
        let (tried, findings) = runner.run(u64::MAX, time);
        println!(
            "{}: {tried} inputs of the seed {seed}, {} findings",
            target.name,
            findings.len()
        );
        for finding in findings {
            failed = true;
            println!("  {}: {}", finding.file.display(), finding.what);
        }
    }
    match failed {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}
