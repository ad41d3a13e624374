//! A policy of many rules.

use core::fmt::Write as _;

/// Rules of a large policy.
pub(crate) const RULES: u32 = 10_000;
/// One rule in so many is a route; the others say what may be routed.
const ROUTES_EACH: u32 = 10;

/// The sections `routes` and `forward` of `count` rules, all different, between the interfaces
/// `outside` and `inside`. Policies of another `edition` differ in every rule.
pub(crate) fn rules(count: u32, edition: u32) -> String {
    let (mut routes, mut forward) = (String::new(), String::new());
    for number in 0..count {
        let [_, _, high, low] = number.to_be_bytes();
        // Writing to a string does not fail.
        let _ = if number % ROUTES_EACH == 0 {
            let next = 101 + edition % 100;
            writeln!(
                routes,
                "  - {{ to: 10.{high}.{low}.0/24, via: 198.51.100.{next} }}"
            )
        } else {
            let port = 1_024 + edition % 1_000;
            writeln!(
                forward,
                "  - {{ from: outside, to: inside, source: 10.{high}.{low}.0/24, \
                 destination: 172.16.{low}.0/24, protocol: udp, ports: {port}-{} }}",
                port + 1_000
            )
        };
    }
    if count == 0 {
        return String::new();
    }
    format!("routes:\n{routes}forward:\n{forward}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_rules_as_asked_for_and_no_two_are_equal() {
        let text = rules(RULES, 1);
        let mut lines: Vec<_> = text.lines().filter(|line| line.contains('{')).collect();
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), RULES as usize);
        assert_ne!(text, rules(RULES, 2));
    }
}
