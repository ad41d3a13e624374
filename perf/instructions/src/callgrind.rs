//! Runs a case under callgrind and reads what it counted.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::{fs, io};

use crate::CountError;
use crate::baseline::Stages;
use crate::case::Case;
use crate::path::BURSTS;
use crate::stage::{MARKER, STAGES};

/// Instructions a packet, by stage.
pub(crate) fn count(case: &Case) -> Result<Stages, CountError> {
    let folder = std::env::temp_dir().join(format!("perf-instructions-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|e| CountError::Io("folder for dumps", e))?;
    let counted = run(case, &folder).and_then(|()| read(&folder, case.burst));
    fs::remove_dir_all(&folder).map_err(|e| CountError::Io("folder for dumps", e))?;
    counted
}

fn run(case: &Case, folder: &Path) -> Result<(), CountError> {
    let program = std::env::current_exe().map_err(|e| CountError::Io("this program", e))?;
    let output = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}/dump", folder.display()))
        .arg(format!("--dump-before=*{MARKER}*"))
        .arg(program)
        .args(["measured", case.name])
        .output();
    let output = output.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => CountError::NoValgrind,
        _ => CountError::Io("valgrind", error),
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(CountError::Callgrind(said))
}

/// Adds up the dumps of bursts of so many packets, by the stage that ended with each.
fn read(folder: &Path, burst: usize) -> Result<Stages, CountError> {
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(|e| CountError::Io("folder for dumps", e))? {
        let path = entry
            .map_err(|e| CountError::Io("folder for dumps", e))?
            .path();
        let text = fs::read(&path).map_err(|e| CountError::Io("dump", e))?;
        if let Some((stage, instructions)) = dump(&String::from_utf8_lossy(&text)) {
            *sums.entry(stage).or_default() += instructions;
        }
    }
    let packets = u64::try_from(BURSTS * burst).unwrap_or(u64::MAX);
    let mut stages = Stages::new();
    for stage in STAGES {
        let sum = sums.get(stage).copied();
        let sum = sum.ok_or_else(|| CountError::Callgrind(format!("no count of {stage}")))?;
        stages.insert(stage.to_owned(), (sum + packets / 2) / packets);
    }
    Ok(stages)
}

/// The stage that a dump was triggered by, and the instructions since the dump before.
fn dump(text: &str) -> Option<(String, u64)> {
    let line = |prefix: &str| text.lines().find_map(|line| line.strip_prefix(prefix));
    let trigger = line("desc: Trigger: --dump-before=")?;
    let (_, stage) = trigger.split_once(MARKER)?;
    let stage = stage.split(|c: char| !c.is_ascii_alphabetic()).next()?;
    let totals = line("totals: ").or_else(|| line("summary: "))?;
    Some((stage.to_owned(), totals.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dumps_name_the_stage_and_the_instructions() {
        let text = "# callgrind format\nversion: 1\npart: 3\n\
                    desc: Trigger: --dump-before=perf_instructions::stage::ended_admit\n\
                    positions: line\nevents: Ir\nsummary: 4711\n\nfn=(1)\n12 5\n\ntotals: 4711\n";
        assert_eq!(dump(text), Some(("admit".to_owned(), 4_711)));
        assert_eq!(
            dump("desc: Trigger: Program termination\ntotals: 5\n"),
            None
        );
    }
}
