//! Names that one part of the file gives and another uses.

use core::cell::Cell;
use std::collections::HashMap;

use crate::document::{Findings, NodeId};
use crate::finding::{Problem, nearest};
use crate::section::{At, List};
use crate::value::Name;

/// Entries that an index of the policy image can name.
const ENTRIES_MAX: usize = 1 << 16;

/// The names of one list, by position.
#[derive(Debug)]
pub(crate) struct Names<'r> {
    /// What an entry is called in messages, such as `interface`.
    what: &'static str,
    by_name: HashMap<&'r str, u16>,
    entries: Vec<(NodeId, Cell<bool>)>,
    /// Some of the list was refused unread, so that a name may well be there.
    patchy: bool,
}

impl<'r> Names<'r> {
    /// Takes the names of a list, noting those given twice.
    pub(crate) fn collect<T>(
        findings: &mut Findings<'_>,
        what: &'static str,
        list: &'r At<List<T>>,
        name_of: impl Fn(&'r T) -> Option<&'r At<Name>>,
    ) -> Self {
        let mut names = Self {
            what,
            by_name: HashMap::new(),
            entries: Vec::new(),
            patchy: findings.doc.is_patchy(list.node),
        };
        if list.len() > ENTRIES_MAX {
            let message = format!("{} entries, expected at most {ENTRIES_MAX}", list.len());
            findings.error(list.node, Problem::TooLarge, message);
            return names;
        }
        for (index, item) in list.iter().enumerate() {
            let name = name_of(&item.value);
            let node = name.map_or(item.node, |name| name.node);
            names.entries.push((node, Cell::new(false)));
            let (Some(name), Ok(index)) = (name, u16::try_from(index)) else {
                continue;
            };
            if let Some(first) = names.by_name.insert(&name.0, index) {
                let line = names.line_of(findings, first);
                let message = format!("name of the {what} on line {line} too");
                findings.error(name.node, Problem::DuplicateName, message);
            }
        }
        names
    }

    /// Index of the entry with that name; `None`, noted, when there is none.
    pub(crate) fn resolve(&self, findings: &mut Findings<'_>, name: &At<Name>) -> Option<u16> {
        if let Some(&index) = self.by_name.get(&*name.0) {
            if let Some((_, used)) = self.entries.get(usize::from(index)) {
                used.set(true);
            }
            return Some(index);
        }
        if self.patchy {
            return None;
        }
        let mut known = Vec::new();
        if !findings.is_full() {
            known.extend(self.by_name.keys().copied());
            known.sort_unstable();
        }
        let message = format!("no {} is called '{}'", self.what, name.0);
        let fix = nearest(&name.0, known).map(|name| format!("write '{name}'"));
        findings
            .error(name.node, Problem::UnknownName, message)
            .fix_if(fix);
        None
    }

    /// The same where no name was given.
    pub(crate) fn resolve_if(
        &self,
        findings: &mut Findings<'_>,
        name: Option<&At<Name>>,
    ) -> Option<u16> {
        name.and_then(|name| self.resolve(findings, name))
    }

    /// Warns of entries that nothing named.
    pub(crate) fn warn_unused(&self, findings: &mut Findings<'_>) {
        for (node, used) in &self.entries {
            if !used.get() {
                let message = format!("no part of the configuration uses this {}", self.what);
                findings.warning(*node, Problem::Unused, message);
            }
        }
    }

    fn line_of(&self, findings: &Findings<'_>, index: u16) -> u32 {
        self.entries
            .get(usize::from(index))
            .map_or(0, |(node, _)| findings.doc.place(*node).line)
    }
}
