//! What the reader makes of a file and the collector keeps: lists, macros, rules and requirements, as they were
//! written, with the places that findings about them need.

use std::rc::Rc;

use super::source::Place;
use super::version::Version;
use crate::config::Priority;

/// A text that may have been put together from several scalars (by `append`).
#[derive(Clone, Debug)]
pub(crate) struct Text {
    /// The whole.
    pub text: String,
    /// Where Falco says that it stands: where the first definition stands.
    pub place: Place,
    /// The scalars: the offset in `text` at which each begins, and where it stands.
    pub parts: Vec<(usize, Place)>,
}

impl Text {
    pub(crate) fn new(text: impl Into<String>, place: Place) -> Self {
        Text { text: text.into(), place, parts: vec![(0, place)] }
    }

    /// Appends another text after a blank.
    pub(crate) fn append(&mut self, other: &Text) {
        self.text.push(' ');
        let start = self.text.len();
        self.text.push_str(&other.text);
        self.parts.extend(other.parts.iter().map(|(at, place)| (start + at, *place)));
    }

    /// Takes another text, but stays where it is as far as Falco's locations go.
    pub(crate) fn replace(&mut self, other: &Text) {
        self.text.clone_from(&other.text);
        self.parts.clone_from(&other.parts);
    }

    /// The scalar that byte `offset` comes from: where it stands, its value, and the offset within that.
    pub(crate) fn part(&self, offset: usize) -> (Place, &str, usize) {
        let index = self.parts.partition_point(|(start, _)| *start <= offset).saturating_sub(1);
        let Some(&(start, place)) = self.parts.get(index) else { return (self.place, "", 0) };
        // The blank that joins two parts belongs to neither.
        let end = self.parts.get(index + 1).map_or(self.text.len(), |(next, _)| next - 1);
        let value = self.text.get(start..end).unwrap_or_default();
        (place, value, (offset - start).min(value.len()))
    }
}

/// Where an item stands in the order of definitions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Order {
    /// When it was first defined; a redefinition keeps it.
    pub index: usize,
    /// When it was last touched: it sees what has a lower index.
    pub visibility: usize,
}

/// A list.
#[derive(Clone, Debug)]
pub(crate) struct ListInfo {
    pub name: String,
    pub items: Vec<String>,
    pub place: Place,
    pub order: Order,
}

/// A macro.
#[derive(Clone, Debug)]
pub(crate) struct MacroInfo {
    pub name: String,
    pub condition: Rc<Text>,
    pub place: Place,
    pub order: Order,
}

/// A rule.
#[derive(Clone, Debug)]
pub(crate) struct RuleInfo {
    pub name: String,
    pub condition: Rc<Text>,
    pub output: Text,
    pub description: String,
    pub priority: Priority,
    pub source: String,
    /// Nothing that is loaded has this source: the rule is kept so that it can be appended to, and never compiled.
    pub unknown_source: bool,
    /// Sorted, each once.
    pub tags: Vec<String>,
    pub exceptions: Vec<ExceptionInfo>,
    pub enabled: bool,
    pub warn_evttypes: bool,
    pub skip_if_unknown_filter: bool,
    pub capture: bool,
    pub capture_duration: u32,
    pub place: Place,
    pub order: Order,
}

/// A change to a rule: what `override` or `append` name. `None` leaves a property as it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleUpdate {
    pub name: String,
    /// Given although it cannot be changed: it must be that of the rule.
    pub source: Option<String>,
    pub condition: Option<Text>,
    pub output: Option<Text>,
    pub description: Option<String>,
    pub priority: Option<Priority>,
    pub tags: Option<Vec<String>>,
    pub exceptions: Option<Vec<ExceptionInfo>>,
    pub enabled: Option<bool>,
    pub warn_evttypes: Option<bool>,
    pub skip_if_unknown_filter: Option<bool>,
    pub capture: Option<bool>,
    pub capture_duration: Option<u32>,
}

impl RuleUpdate {
    pub(crate) fn is_empty(&self) -> bool {
        self.condition.is_none()
            && self.output.is_none()
            && self.description.is_none()
            && self.priority.is_none()
            && self.tags.is_none()
            && self.exceptions.is_none()
            && self.enabled.is_none()
            && self.warn_evttypes.is_none()
            && self.skip_if_unknown_filter.is_none()
            && self.capture.is_none()
            && self.capture_duration.is_none()
    }
}

/// A part of an exception: each of them may be one text or a list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) enum Entry {
    /// Not given, or neither text nor list.
    #[default]
    Absent,
    Text(String),
    List(Vec<Entry>),
}

impl Entry {
    /// Whether there is something in it.
    pub(crate) fn is_given(&self) -> bool {
        match self {
            Entry::Absent => false,
            Entry::Text(text) => !text.is_empty(),
            Entry::List(items) => !items.is_empty(),
        }
    }

    /// The text, empty for anything else.
    pub(crate) fn text(&self) -> &str {
        match self {
            Entry::Text(text) => text,
            _ => "",
        }
    }

    /// The items of a list, none for anything else.
    pub(crate) fn items(&self) -> &[Entry] {
        match self {
            Entry::List(items) => items,
            _ => &[],
        }
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self, Entry::List(_))
    }
}

/// An exception of a rule.
#[derive(Clone, Debug)]
pub(crate) struct ExceptionInfo {
    pub name: String,
    pub fields: Entry,
    pub comps: Entry,
    pub values: Vec<Entry>,
    pub place: Place,
    /// The rule item that it was written in: its name and place.
    pub rule: (String, Place),
}

/// A requirement: one of these plugins in at least this version.
#[derive(Clone, Debug)]
pub(crate) struct PluginRequirement {
    /// Names and versions as they were written; the first is the plugin, the others are alternatives.
    pub alternatives: Vec<(String, String)>,
    pub place: Place,
}

/// The versions that a file requires.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requirements {
    /// The highest required engine version.
    pub engine: Version,
    pub plugins: Vec<PluginRequirement>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appended_texts_know_their_parts() {
        let place = |at| Place { file: 0, at };
        let mut text = Text::new("a=b", place(10));
        text.append(&Text::new("and c", place(50)));
        assert_eq!(text.text, "a=b and c");
        assert_eq!(text.part(2), (place(10), "a=b", 2));
        assert_eq!(text.part(3), (place(10), "a=b", 3));
        assert_eq!(text.part(8), (place(50), "and c", 4));
        assert_eq!(text.part(99), (place(50), "and c", 5));
        text.replace(&Text::new("x", place(90)));
        assert_eq!((text.place, text.part(0)), (place(10), (place(90), "x", 0)));
    }
}
