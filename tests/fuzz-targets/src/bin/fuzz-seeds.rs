//! Writes the seeds of every target into folders of the targets' names under the one given.

use std::fs;
use std::io;
use std::path::PathBuf;

use fuzz_targets::{TARGETS, seeds};

fn main() -> io::Result<()> {
    let root = PathBuf::from(std::env::args_os().nth(1).unwrap_or_default());
    for (target, _) in TARGETS {
        let folder = root.join(target);
        fs::create_dir_all(&folder)?;
        for (n, seed) in seeds(target).iter().enumerate() {
            fs::write(folder.join(format!("seed-{n}")), seed)?;
        }
    }
    Ok(())
}
