//! Where what is parsed comes from: from a place in the text that the parser saw back to the place in a file.

use std::rc::Rc;

use saker_filter::Span;
use saker_filter::diagnostic::position;

use super::codes::ItemKind;
use super::exceptions::Excepted;
use super::finding::{Finding, InCondition, Spot};
use super::items::{MacroInfo, RuleInfo, Text};
use super::lists::Expanded;
use super::source::{Place, Source};

/// A text that was parsed.
#[derive(Debug)]
pub(super) struct Origin {
    /// What the parser saw.
    pub expanded: Expanded,
    /// The condition as it was written.
    pub condition: Rc<Text>,
    /// The same with exceptions around it, before lists were replaced.
    pub excepted: Excepted,
}

/// All texts that were parsed, by the number that spans have.
#[derive(Debug, Default)]
pub(super) struct Origins(Vec<Origin>);

impl Origins {
    /// The number of the text that is added next.
    pub(super) fn next(&self) -> u32 {
        self.0.len() as u32
    }

    pub(super) fn add(&mut self, origin: Origin) {
        self.0.push(origin);
    }

    pub(super) fn get(&self, number: u32) -> Option<&Origin> {
        self.0.get(number as usize)
    }

    /// Gives a finding its place in a condition, in Falco's terms and in the file's. `shown` is the condition that
    /// Falco shows with it.
    pub(super) fn place(&self, finding: &mut Finding, shown: &str, span: Span, at: u32, sources: &[Source]) {
        let Some(origin) = self.get(span.source) else { return };
        let (line, column) = position(&origin.expanded.text, at);
        finding.condition = Some(InCondition {
            text: shown.to_owned(),
            offset: at as usize,
            line: line as usize,
            column: column as usize,
        });
        let start = origin.place_of(span.start as usize, sources);
        let end = origin.place_of((span.end as usize).max(span.start as usize + 1) - 1, sources);
        finding.place = start;
        finding.width = match start.file == end.file && end.at >= start.at {
            true => end.at - start.at + 1,
            false => 1,
        };
    }
}

impl Origin {
    /// Where the exception stands that byte `at` of what was parsed belongs to.
    pub(super) fn exception_of(&self, at: usize) -> Option<Place> {
        let written = self.expanded.origin(at);
        self.excepted.parts.iter().rev().find(|(start, _)| *start <= written).map(|(_, place)| *place)
    }

    /// Where byte `at` of what was parsed stands in a file.
    pub(super) fn place_of(&self, at: usize, sources: &[Source]) -> Place {
        let written = self.expanded.origin(at);
        if let Some(place) = self.exception_of(at) {
            return place;
        }
        locate(&self.condition, written.saturating_sub(self.excepted.start), sources)
    }
}

/// Where byte `at` of a text stands in its file.
pub(super) fn locate(text: &Text, at: usize, sources: &[Source]) -> Place {
    let (place, value, offset) = text.part(at);
    match sources.get(place.file as usize) {
        Some(source) => Place { file: place.file, at: source.locate(place.at, value, offset) },
        None => place,
    }
}

/// What a condition belongs to: how findings name it.
#[derive(Clone, Copy)]
pub(super) enum Owner<'c> {
    Macro(&'c MacroInfo),
    Rule(&'c RuleInfo),
}

impl<'c> Owner<'c> {
    /// The condition as written.
    pub(super) fn condition(self) -> &'c Rc<Text> {
        match self {
            Owner::Macro(info) => &info.condition,
            Owner::Rule(info) => &info.condition,
        }
    }

    /// The chain of locations to the item.
    pub(super) fn trail(self) -> Vec<Spot> {
        match self {
            Owner::Macro(info) => item_trail(ItemKind::Macro, &info.name, info.place),
            Owner::Rule(info) => item_trail(ItemKind::Rule, &info.name, info.place),
        }
    }

    /// The chain of locations to its condition.
    pub(super) fn condition_trail(self) -> Vec<Spot> {
        let kind = match self {
            Owner::Macro(_) => ItemKind::MacroCondition,
            Owner::Rule(_) => ItemKind::RuleCondition,
        };
        let mut trail = self.trail();
        trail.push(Spot { kind, name: String::new(), place: self.condition().place });
        trail
    }
}

/// The chain of locations to an item of a file.
pub(super) fn item_trail(kind: ItemKind, name: &str, place: Place) -> Vec<Spot> {
    let file = Place { file: place.file, at: 0 };
    vec![
        Spot { kind: ItemKind::RulesContent, name: String::new(), place: file },
        Spot { kind, name: name.to_owned(), place },
    ]
}
