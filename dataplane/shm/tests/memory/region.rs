//! Regions as two processes see them.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use shm::{Region, ShmError};

/// A directory that goes away with its test.
struct Dir(PathBuf);

impl Dir {
    fn new(test: &str) -> Self {
        let path = env::temp_dir().join(format!("ucproxy-shm-{}-{test}", std::process::id()));
        // Of a run that was killed and had the same number.
        fs::remove_dir_all(&path).ok();
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn region(&self) -> PathBuf {
        self.0.join("region")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn publish(path: &Path, words: usize) -> Region {
    Region::create(path, words).unwrap().publish().unwrap()
}

#[test]
fn both_sides_see_each_others_words() {
    let dir = Dir::new("both");
    let ours = publish(&dir.region(), 1_000);
    let theirs = Region::open(&dir.region()).unwrap();
    assert_eq!((ours.words().len(), theirs.words().len()), (1_000, 1_000));
    ours.words()[999].store(7, Release);
    assert_eq!(theirs.words()[999].load(Acquire), 7);
    theirs.words()[0].fetch_add(3, Relaxed);
    assert_eq!(ours.words()[0].load(Relaxed), 3);
}

#[test]
fn read_only_side_sees_changes_and_makes_none() {
    let dir = Dir::new("read-only");
    let ours = publish(&dir.region(), 2_048);
    let reader = Region::open_read_only(&dir.region()).unwrap();
    for value in 1..100 {
        ours.words()[5].store(value, Release);
        assert_eq!(reader.words()[5].load(Acquire), value);
    }
    reader.words()[1_500].store(1, Relaxed);
    assert_eq!(ours.words()[1_500].load(Relaxed), 0);
    ours.words()[6].store(9, Release);
    assert_eq!(reader.words()[6].load(Acquire), 9);
}

#[test]
fn region_appears_when_published_and_not_before() {
    let dir = Dir::new("published");
    let region = Region::create(&dir.region(), 8).unwrap();
    assert!(matches!(
        Region::open(&dir.region()),
        Err(ShmError::Open(_))
    ));
    let region = region.publish().unwrap();
    assert_eq!(dir.names(), ["region"]);
    let metadata = fs::metadata(dir.region()).unwrap();
    assert_eq!((metadata.mode() & 0o7777, metadata.len()), (0o600, 64));
    assert!(!region.replaced());
}

#[test]
fn unpublished_region_leaves_nothing_behind() {
    let dir = Dir::new("unpublished");
    let words = Region::create(&dir.region(), 8).unwrap().words();
    assert!(dir.names().is_empty());
    words[0].store(1, Relaxed);
}

#[test]
fn failed_publication_leaves_nothing_behind() {
    let dir = Dir::new("failed");
    fs::create_dir(dir.region()).unwrap();
    let region = Region::create(&dir.region(), 8).unwrap();
    assert!(matches!(region.publish(), Err(ShmError::Publish(_))));
    assert_eq!(dir.names(), ["region"]);
}

#[test]
fn leftover_of_a_dead_process_does_not_hinder() {
    let dir = Dir::new("leftover");
    let leftover = dir.0.join(format!(".region.{}", std::process::id()));
    fs::write(&leftover, "stale").unwrap();
    let region = publish(&dir.region(), 8);
    assert!(region.words().iter().all(|word| word.load(Relaxed) == 0));
    assert_eq!(dir.names(), ["region"]);
}

#[test]
fn new_region_replaces_the_old_one_whose_readers_go_on() {
    let dir = Dir::new("replaced");
    let old = publish(&dir.region(), 8);
    let reader = Region::open_read_only(&dir.region()).unwrap();
    old.words()[0].store(1, Relaxed);
    let new = publish(&dir.region(), 16);
    assert!(reader.replaced() && old.replaced() && !new.replaced());
    assert_eq!(reader.words()[0].load(Relaxed), 1);
    assert_eq!(
        Region::open(&dir.region()).unwrap().words()[0].load(Relaxed),
        0
    );
    fs::remove_file(dir.region()).unwrap();
    assert!(new.replaced());
}

#[test]
fn released_words_read_as_zeroes() {
    let dir = Dir::new("released");
    let ours = publish(&dir.region(), 1 << 20);
    let theirs = Region::open(&dir.region()).unwrap();
    let words = theirs.words();
    words[77].store(5, Relaxed);
    theirs.release().unwrap();
    assert!(words.iter().all(|word| word.load(Relaxed) == 0));
    words[77].store(6, Relaxed);
    assert_eq!(ours.words()[77].load(Relaxed), 5);
}

#[test]
fn impossible_sizes_are_refused() {
    let dir = Dir::new("sizes");
    for words in [0, usize::MAX, usize::MAX / 8, (16 << 30) / 8 + 1] {
        assert!(matches!(
            Region::create(&dir.region(), words),
            Err(ShmError::Size(_))
        ));
    }
    assert!(dir.names().is_empty());
    for size in [0, 7, 4_097, (16 << 30) + 8] {
        let file = fs::File::create(dir.region()).unwrap();
        file.set_len(size).unwrap();
        fs::set_permissions(dir.region(), Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(Region::open(&dir.region()), Err(ShmError::Size(s)) if s == size));
    }
}

#[test]
fn files_that_others_could_touch_are_refused() {
    let dir = Dir::new("trust");
    publish(&dir.region(), 8);
    for mode in [0o640, 0o606, 0o4600, 0o400] {
        fs::set_permissions(dir.region(), Permissions::from_mode(mode)).unwrap();
        let refused = Region::open_read_only(&dir.region());
        assert!(matches!(refused, Err(ShmError::Mode(m)) if m == mode));
    }
    fs::set_permissions(dir.region(), Permissions::from_mode(0o600)).unwrap();
    // Only root can give a file away, and only root could then open it.
    if chown(dir.region(), Some(65_534), None).is_ok() {
        let refused = Region::open(&dir.region());
        assert!(matches!(
            refused,
            Err(ShmError::Owner { owner: 65_534, .. })
        ));
    }
}

#[test]
fn links_directories_and_pipes_are_refused() {
    let dir = Dir::new("kinds");
    publish(&dir.0.join("real"), 8);
    symlink(dir.0.join("real"), dir.region()).unwrap();
    assert!(matches!(
        Region::open(&dir.region()),
        Err(ShmError::Open(_))
    ));
    assert!(matches!(
        Region::open_read_only(&dir.0),
        Err(ShmError::NotAFile)
    ));
    let pipe = dir.0.join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    assert!(matches!(
        Region::open_read_only(&pipe),
        Err(ShmError::NotAFile)
    ));
    assert!(matches!(
        Region::open(&dir.0.join("absent")),
        Err(ShmError::Open(_))
    ));
}

#[test]
fn path_without_a_name_is_refused() {
    assert!(matches!(
        Region::create(Path::new("/"), 8),
        Err(ShmError::Create(_))
    ));
}
