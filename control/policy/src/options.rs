//! An application's own options. Their tables say what each takes, so that they are read and told
//! of like all other keys; what they mean only the application's crate knows, which gets them
//! through serde.

mod de;
mod mistake;
mod phone_proxy;

pub(crate) use de::Options;

use registry::{AppConfig, AppOptions};

use crate::document::{Document, Entry, Findings, NodeId};
use crate::finding::Problem;
use crate::section::{Key, Need, Section, Value, entries};

/// The options of one application.
#[derive(Debug)]
pub(crate) struct OptionSet {
    /// The application's name.
    pub(crate) name: &'static str,
    /// Its options.
    pub(crate) section: &'static Section,
    /// Reads each of them, noting what is wrong.
    read: &'static [fn(NodeId, &mut Findings<'_>)],
}

/// Those of every application.
pub(crate) const APPLICATIONS: &[&OptionSet] = &[&phone_proxy::OPTIONS];

fn read_as<T: Value>(node: NodeId, findings: &mut Findings<'_>) {
    T::read(node, findings);
}

/// Declares the options of an application, each with what holds when it is left out: a text in
/// the words of the file, or nothing for an empty list.
macro_rules! options {
    (
        $(#[doc = $doc:literal])*
        $name:ident, $app:literal {
            $( $(#[doc = $key_doc:literal])* $key:ident: $ty:ty $(= $default:literal)?; )*
        }
    ) => {
        $(#[doc = $doc])*
        pub(crate) static $name: $crate::options::OptionSet = $crate::options::OptionSet {
            name: $app,
            section: &$crate::section::Section {
                doc: &[$($doc),*],
                keys: &[$( $crate::section::Key {
                    name: stringify!($key),
                    doc: &[$($key_doc),*],
                    kind: <$ty as $crate::section::Value>::KIND,
                    need: options!(@need $($default)?),
                } ),*],
            },
            read: &[$( $crate::options::read_as::<$ty> ),*],
        };
    };
    (@need) => { $crate::section::Need::Nested };
    (@need $default:literal) => { $crate::section::Need::Default($default) };
}

use options;

/// The octets that the application called `app` reads its options from.
pub(crate) fn encode(findings: &mut Findings<'_>, app: &str, options: Option<NodeId>) -> Vec<u8> {
    let Some((set, node)) = find(app).zip(options) else {
        let defaults = AppOptions::default_of(app).and_then(|raw| raw.check().ok());
        return defaults.map_or_else(Vec::new, |config| AppConfig::encode(&config));
    };
    let (good, wrong) = read(findings, set, node);
    let options = Options {
        doc: findings.doc,
        node,
        entries: &good,
    };
    let raw = match AppOptions::deserialize(app, options) {
        Some(Ok(raw)) => raw,
        Some(Err(mistake)) => {
            mistake.tell(findings, node);
            return Vec::new();
        }
        None => return Vec::new(),
    };
    match raw.check() {
        Ok(config) => AppConfig::encode(&config),
        Err(mut list) => {
            list.retain(|finding| !wrong.iter().any(|name| is_about(finding, name)));
            tell_all(findings, set, node, &list);
            Vec::new()
        }
    }
}

/// The table of the application called `app`.
pub(crate) fn find(app: &str) -> Option<&'static OptionSet> {
    APPLICATIONS.iter().copied().find(|set| set.name == app)
}

/// Reads the options at `node` by the table alone.
#[cfg(test)]
pub(crate) fn read_only(findings: &mut Findings<'_>, app: &str, node: NodeId) {
    let set = find(app).unwrap();
    read(findings, set, node);
}

/// The options at `node` that read, and the names of those that do not, which are noted.
fn read<'d>(
    findings: &mut Findings<'d>,
    set: &'static OptionSet,
    node: NodeId,
) -> (Vec<Entry>, Vec<&'static str>) {
    let entries: &'d [Entry] = entries(findings, node, set.section).unwrap_or(&[]);
    let (mut good, mut wrong) = (Vec::new(), Vec::new());
    for (Key { name, .. }, read) in set.section.keys.iter().zip(set.read) {
        let Some(entry) = entries.iter().find(|entry| &*entry.key == *name) else {
            continue;
        };
        let before = findings.errors();
        read(entry.value, findings);
        if findings.errors() == before && !findings.doc.has_refused(entry.value) {
            good.push(entry.clone());
        } else {
            wrong.push(*name);
        }
    }
    (good, wrong)
}

/// Whether a finding is of the option called `name`, or holds another one against it: then it is
/// named in quotes.
fn is_about(finding: &registry::Finding, name: &str) -> bool {
    let problem = finding.problem.to_string();
    finding.option == name || problem.contains(&format!("'{name}'"))
}

/// Tells what the application found; of an option that is left out, one thing.
fn tell_all(
    findings: &mut Findings<'_>,
    set: &'static OptionSet,
    node: NodeId,
    list: &[registry::Finding],
) {
    let mut told = Vec::new();
    for finding in list {
        if let Some(value) = findings.doc.child(node, finding.option) {
            let at = place_of(findings.doc, value, finding.entry);
            findings.error(at, Problem::BadValue, finding.problem.to_string());
        } else if !told.contains(&finding.option) {
            told.push(finding.option);
            tell_left_out(findings, set, node, finding);
        }
    }
}

fn place_of(doc: &Document, value: NodeId, entry: Option<usize>) -> NodeId {
    let item = entry.and_then(|at| doc.items(value).get(at));
    item.copied().unwrap_or(value)
}

/// Tells that the default of an option does not go with what is written.
fn tell_left_out(
    findings: &mut Findings<'_>,
    set: &'static OptionSet,
    node: NodeId,
    finding: &registry::Finding,
) {
    let key = set
        .section
        .keys
        .iter()
        .find(|key| key.name == finding.option);
    let default = match key.map(|key| key.need) {
        Some(Need::Default(default)) => default,
        _ => "empty",
    };
    let message = format!("left out, it is {default}: {}", finding.problem);
    let place = findings.doc.place(node);
    findings
        .error_at_key(node, finding.option, place, Problem::BadValue, message)
        .fix(format!("give '{}' too", finding.option));
}
