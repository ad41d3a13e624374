//! Shared and locked memory and the heap, as the kernel and other processes see it.

#[cfg(test)]
mod heap;
#[cfg(test)]
mod locked;
#[cfg(test)]
mod region;

/// What `/proc` says about the mapping that `at` lies in.
#[cfg(test)]
fn mapping(at: *const u8) -> Option<String> {
    let at = at.addr();
    let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let mut lines = maps.lines().peekable();
    while let Some(line) = lines.next() {
        let range = line.split(' ').next().unwrap().split_once('-');
        let Some((from, to)) = range else { continue };
        let [from, to] = [from, to].map(|bound| usize::from_str_radix(bound, 16).unwrap());
        if (from..to).contains(&at) {
            let rest: Vec<_> = lines.take_while(|line| !line.contains('-')).collect();
            return Some(rest.join("\n"));
        }
    }
    None
}
