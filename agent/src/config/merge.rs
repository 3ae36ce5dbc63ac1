//! Merging a further configuration file into the one so far: whole top-level keys, as Falco does. The keys below `saker:` count as
//! top-level ones: a file that sets one of them leaves the others alone.

use super::model::Strategy;
use super::tree::{Entry, Node, Value};

/// Under this key are those that Falco does not have.
const OWN: &str = "saker";

fn both_mappings(one: &Node, other: &Node) -> bool {
    [one, other].iter().all(|node| matches!(node.value, Value::Mapping(_)))
}

/// Merges the keys of `further`.
pub(super) fn merge(root: &mut Node, further: Node, strategy: Strategy) {
    let Value::Mapping(further) = further.value else { return };
    if matches!(root.value, Value::Null) {
        root.value = Value::Mapping(Vec::new());
    }
    let Value::Mapping(entries) = &mut root.value else { return };
    for entry in further {
        match entries.iter_mut().find(|known| known.name == entry.name) {
            None => entries.push(entry),
            Some(known) if *entry.name == *OWN && both_mappings(&known.node, &entry.node) => {
                merge(&mut known.node, entry.node, strategy);
            }
            Some(known) => join(known, entry, strategy),
        }
    }
}

fn join(known: &mut Entry, further: Entry, strategy: Strategy) {
    let absent = matches!(known.node.value, Value::Null);
    match (strategy, further.node.value) {
        (Strategy::AddOnly, _) if !absent => {}
        (Strategy::Append, Value::Sequence(mut more)) if !absent => {
            let mut elements = known.node.elements().to_vec();
            elements.append(&mut more);
            known.node.value = Value::Sequence(elements);
        }
        (_, value) => *known = Entry { node: Node { at: further.node.at, value }, ..further },
    }
}
