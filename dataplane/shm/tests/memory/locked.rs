//! Locked memory, as the kernel sees it.

use shm::LockedBytes;

use crate::mapping;

#[test]
fn secret_is_locked_and_not_dumped() {
    let secret = LockedBytes::new(b"not for the disk").unwrap();
    assert_eq!(secret.as_slice(), b"not for the disk");
    let flags = mapping(secret.as_slice().as_ptr()).unwrap();
    let flags = flags
        .lines()
        .find(|line| line.starts_with("VmFlags:"))
        .unwrap();
    // "lo": locked, "dd": not dumped.
    assert!(flags.contains(" lo") && flags.contains(" dd"), "{flags}");
}

#[test]
fn large_and_empty_secrets_are_kept_whole() {
    let large: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    assert_eq!(LockedBytes::new(&large).unwrap().as_slice(), large);
    assert!(LockedBytes::new(&[]).unwrap().as_slice().is_empty());
}

#[test]
fn secret_shows_only_its_length() {
    let shown = format!("{:?}", LockedBytes::new(b"hunter2").unwrap());
    assert!(shown.contains('7') && !shown.contains("hunter2"));
}

#[test]
fn threads_may_share_a_secret() {
    let secret = LockedBytes::new(b"shared").unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(secret.as_slice(), b"shared"));
    });
    std::thread::spawn(move || drop(secret)).join().unwrap();
}
