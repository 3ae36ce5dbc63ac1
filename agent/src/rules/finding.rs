//! Findings: errors and warnings with their code, Falco's chain of locations, and the place in the file for people.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::codes::{ErrorCode, ItemKind, WarningCode};
use super::source::{Place, Position, Source};

/// An error or a warning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Code {
    /// The file is refused.
    Error(ErrorCode),
    /// It is loaded all the same.
    Warning(WarningCode),
}

impl Code {
    /// The name, e.g. `LOAD_ERR_VALIDATE`.
    pub fn code(self) -> &'static str {
        match self {
            Code::Error(code) => code.code(),
            Code::Warning(code) => code.code(),
        }
    }
}

/// One location of the chain that leads to a finding: the file, the item, the part of the item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Spot {
    /// What it is.
    pub kind: ItemKind,
    /// Its name, empty if it has none.
    pub name: String,
    /// Where it is.
    pub place: Place,
}

/// A place within a condition as Falco's parser sees it: lists replaced, exceptions appended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct InCondition {
    /// The condition.
    pub text: String,
    /// Bytes from its beginning.
    pub offset: usize,
    /// Falco's line and column, from 1; 0 when Falco gives none.
    pub line: usize,
    pub column: usize,
}

/// Something that was found while loading.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Which.
    pub code: Code,
    /// What exactly: Falco's text where Falco has one.
    pub message: String,
    /// From the file to the innermost item.
    pub(crate) trail: Vec<Spot>,
    /// The place within a condition that follows the trail.
    pub(crate) condition: Option<InCondition>,
    /// Where people should look.
    pub(crate) place: Place,
    /// How many bytes there are meant, at least 1.
    pub(crate) width: usize,
}

/// What fails does so with a finding. It is boxed, since it is rare and large.
pub(crate) type Fallible<T> = Result<T, Box<Finding>>;

/// A location as Falco prints it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Location {
    /// Falco's word for what it is, e.g. `rule condition`.
    pub item_type: &'static str,
    /// Its name, empty if it has none.
    pub item_name: String,
    /// The file, or the beginning of the condition in quotes.
    pub name: String,
    /// Where.
    pub position: Position,
}

impl Finding {
    pub(crate) fn new(code: Code, message: impl Into<String>, trail: Vec<Spot>) -> Self {
        let place = trail.last().map(|spot| spot.place).unwrap_or_default();
        Finding { code, message: message.into(), trail, condition: None, place, width: 1 }
    }

    pub(crate) fn error(code: ErrorCode, message: impl Into<String>, trail: Vec<Spot>) -> Box<Self> {
        Box::new(Finding::new(Code::Error(code), message, trail))
    }

    /// The chain of locations, outermost first.
    pub fn locations(&self, sources: &[Source]) -> Vec<Location> {
        let mut locations: Vec<Location> = Vec::with_capacity(self.trail.len() + 1);
        for spot in &self.trail {
            let source = sources.get(spot.place.file as usize);
            locations.push(Location {
                item_type: spot.kind.text(),
                item_name: spot.name.clone(),
                name: source.map(|source| source.name().to_owned()).unwrap_or_default(),
                position: source.map(|source| source.position(spot.place.at)).unwrap_or_default(),
            });
        }
        if let Some(condition) = &self.condition {
            // Falco adds the place within the condition to that of the item, whatever lines the item has in the file.
            let outer = locations.last().map(|location| location.position).unwrap_or_default();
            locations.push(Location {
                item_type: ItemKind::ConditionExpression.text(),
                item_name: String::new(),
                name: condition.title(),
                position: Position {
                    offset: outer.offset + condition.offset,
                    line: outer.line + condition.line,
                    column: outer.column + condition.column,
                },
            });
        }
        locations
    }

    /// The innermost location that has a name (the outermost if none has): what a finding is about.
    pub fn item(&self) -> (ItemKind, &str) {
        let named = self.trail.iter().rev().find(|spot| !spot.name.is_empty());
        // Without a name the innermost item of the file says most.
        let spot = named.or(self.trail.last());
        spot.map_or((ItemKind::RulesContent, ""), |spot| (spot.kind, spot.name.as_str()))
    }

    /// As an entry of `errors` or `warnings` of a load result.
    pub fn json(&self, sources: &[Source]) -> Value {
        let locations = self.locations(sources);
        let snippet = self.snippet(&locations, sources);
        let locations: Vec<Value> = locations
            .into_iter()
            .map(|location| {
                json!({
                    "item_type": location.item_type,
                    "item_name": location.item_name,
                    "position": {
                        "name": location.name,
                        "line": location.position.line,
                        "column": location.position.column,
                        "offset": location.position.offset,
                    },
                })
            })
            .collect();
        json!({
            "code": self.code.code(),
            "codedesc": match self.code {
                Code::Error(code) => code.title(),
                Code::Warning(code) => code.help(),
            },
            "message": self.message,
            "context": { "locations": locations, "snippet": snippet },
        })
    }

    /// As Falco prints it for people: the chain of locations, the snippet, code and message.
    pub(crate) fn verbose(&self, sources: &[Source]) -> String {
        use std::fmt::Write as _;

        let locations = self.locations(sources);
        let mut out = String::new();
        for (index, location) in locations.iter().enumerate() {
            out.push_str(if index == 0 { "In " } else { "    " });
            out.push_str(location.item_type);
            if !location.item_name.is_empty() {
                let _ = write!(out, " '{}'", one_line(&location.item_name));
            }
            let Position { line, column, .. } = location.position;
            let _ = writeln!(out, ": ({}:{line}:{column})", location.name);
        }
        let snippet = self.snippet(&locations, sources);
        let title = match self.code {
            Code::Error(code) => code.title(),
            Code::Warning(code) => code.title(),
        };
        let _ = writeln!(
            out,
            "------\n{snippet}------\n{} ({title}): {}",
            self.code.code(),
            one_line(&self.message)
        );
        out
    }

    /// Falco's snippet: the line around the innermost location, cut to a width, and a caret below.
    fn snippet(&self, locations: &[Location], sources: &[Source]) -> String {
        let text = match &self.condition {
            Some(condition) => condition.text.as_str(),
            None => self
                .trail
                .last()
                .and_then(|spot| sources.get(spot.place.file as usize))
                .map(Source::text)
                .unwrap_or_default(),
        };
        let offset = match &self.condition {
            Some(condition) => condition.offset,
            None => locations.last().map_or(0, |location| location.position.offset),
        };
        snippet(text, offset).unwrap_or_else(|| "<No context available>\n".to_owned())
    }

    /// For people: what is wrong, `file:line:column` counted from 1, the line, and a caret below.
    pub fn render(&self, sources: &[Source]) -> String {
        use std::fmt::Write as _;

        let mut out = match self.code {
            Code::Error(code) => format!("error[{}]: {}\n", code.code(), one_line(&self.message)),
            Code::Warning(code) => format!("warning[{}]: {}\n", code.code(), one_line(&self.message)),
        };
        let Some(source) = sources.get(self.place.file as usize) else { return out };
        let position = source.position(self.place.at);
        let about: Vec<String> = self
            .trail
            .iter()
            .filter(|spot| !spot.name.is_empty() && spot.kind != ItemKind::ValueFor)
            .map(|spot| format!("{} '{}'", spot.kind.text(), one_line(&spot.name)))
            .collect();
        let _ = write!(out, "  --> {}:{}:{}", source.name(), position.line + 1, position.column + 1);
        let _ = match about.is_empty() {
            true => writeln!(out),
            false => writeln!(out, " ({})", about.join(", ")),
        };
        let line = source.line_at(self.place.at);
        if line.trim().is_empty() {
            return out;
        }
        let number = (position.line + 1).to_string();
        let gutter = " ".repeat(number.len());
        let (shown, caret) = window(line, position.column);
        let room = shown.chars().count().saturating_sub(caret).max(1);
        let carets = "^".repeat(self.width.clamp(1, room));
        let _ = writeln!(out, "{gutter} |\n{number} | {shown}\n{gutter} | {}{carets}", " ".repeat(caret));
        out
    }
}

/// A text as one line: what is quoted from a rule file cannot begin another, nor move a cursor.
fn one_line(text: &str) -> Cow<'_, str> {
    let odd = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if !text.contains(odd) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match odd(character) {
            true => out.extend(character.escape_default()),
            false => out.push(character),
        }
    }
    Cow::Owned(out)
}

impl InCondition {
    /// The beginning of the condition in quotes, which stands where others name a file.
    fn title(&self) -> String {
        const LENGTH: usize = 20;
        let bytes = self.text.as_bytes();
        let (shown, dots) = if bytes.len() > LENGTH { (&bytes[..LENGTH - 3], "...") } else { (bytes, "") };
        let shown = String::from_utf8_lossy(shown).replace(['\n', '\r'], " ");
        format!("\"{shown}{dots}\"")
    }
}

/// How much of a line Falco shows on either side.
const SNIPPET_SIDE: usize = 80;

fn snippet(text: &str, offset: usize) -> Option<String> {
    let bytes = text.as_bytes();
    if bytes.is_empty() {
        return None;
    }
    // A position may be past the end of the text, or at the end of a line.
    let mut at = offset.min(bytes.len());
    while at > 0 && (at >= bytes.len() || bytes[at] == b'\n') {
        at -= 1;
    }
    let mut from = at;
    while from > 0 && bytes[from] != b'\n' && at - from < SNIPPET_SIDE {
        from -= 1;
    }
    let mut to = at;
    while to < bytes.len() - 1 && bytes[to] != b'\n' && to - at < SNIPPET_SIDE {
        to += 1;
    }
    let (cut_left, cut_right) = (at - from >= SNIPPET_SIDE, to - at >= SNIPPET_SIDE);
    if bytes[from] == b'\n' {
        from += 1;
    }
    if bytes[to] == b'\n' {
        to = to.saturating_sub(1);
    }
    let mut shown = bytes.get(from..=to).filter(|shown| !shown.is_empty())?.to_vec();
    if cut_left && shown.len() >= 3 {
        shown[..3].fill(b'.');
    }
    if cut_right && shown.len() >= 3 {
        let end = shown.len();
        shown[end - 3..].fill(b'.');
    }
    let mut out = String::from_utf8_lossy(&shown).into_owned();
    out.push('\n');
    if at.saturating_sub(from) <= shown.len() {
        out.push_str(&" ".repeat(at.saturating_sub(from)));
        out.push_str("^\n");
    }
    Some(out)
}

/// The part of a line around byte `column` that is worth showing, and how many characters stand before it there.
fn window(line: &str, column: usize) -> (String, usize) {
    const SIDE: usize = 70;
    let column = line.floor_char_boundary(column.min(line.len()));
    let from = if column > SIDE { line.floor_char_boundary(column - SIDE) } else { 0 };
    let to = line.floor_char_boundary((column + SIDE).min(line.len()));
    let clean =
        |text: &str| -> String { text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect() };
    let lead = if from > 0 { "…" } else { "" };
    let tail = if to < line.len() { "…" } else { "" };
    let before = format!("{lead}{}", clean(&line[from..column]));
    let caret = before.chars().count();
    (format!("{before}{}{tail}", clean(&line[column..to])), caret)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(at: usize) -> (Finding, [Source; 1]) {
        let source = Source::new("f.yaml", "- rule: r\n  desc: d\n");
        let spot = |kind, name: &str, at| Spot { kind, name: name.to_owned(), place: Place { file: 0, at } };
        let trail = vec![
            spot(ItemKind::RulesContent, "", 0),
            spot(ItemKind::Rule, "r", 2),
            spot(ItemKind::ValueFor, "desc", at),
        ];
        (*Finding::error(ErrorCode::YamlValidate, "No.", trail), [source])
    }

    #[test]
    fn people_see_the_line_and_a_caret() {
        let (finding, sources) = finding(18);
        insta::assert_snapshot!(finding.render(&sources), @r"
        error[LOAD_ERR_YAML_VALIDATE]: No.
          --> f.yaml:2:9 (rule 'r')
          |
        2 |   desc: d
          |         ^
        ");
        assert_eq!(finding.item(), (ItemKind::ValueFor, "desc"));
    }

    #[test]
    fn tools_see_falcos_locations() {
        let (finding, sources) = finding(18);
        let json = finding.json(&sources);
        assert_eq!(json["context"]["locations"][1]["item_name"], "r");
        assert_eq!(json["context"]["locations"][2]["position"]["column"], 8);
        assert_eq!(json["context"]["snippet"], "  desc: d\n        ^\n");
        assert_eq!(json["codedesc"], "Error validating internal structure of YAML file");
    }

    #[test]
    fn snippets_survive_any_position() {
        assert_eq!(snippet("", 3), None);
        assert_eq!(snippet("a", 99).as_deref(), Some("a\n^\n"));
        assert_eq!(snippet("\n", 0), None);
        let long = "x".repeat(500);
        let shown = snippet(&long, 250).unwrap();
        assert!(shown.starts_with("...x") && shown.lines().next().unwrap().ends_with("x..."));
        for offset in 0..8 {
            let _ = snippet("a\n\nb\r\n", offset);
        }
        let (shown, caret) = window(&"é".repeat(200), 201);
        assert_eq!(shown.chars().nth(caret), Some('é'));
    }

    #[test]
    fn a_condition_is_named_by_its_beginning() {
        let title = |text: &str| InCondition { text: text.to_owned(), offset: 0, line: 1, column: 1 }.title();
        assert_eq!(title("evt.num=1"), "\"evt.num=1\"");
        assert_eq!(title("evt.type=open\nor evt.type=close"), "\"evt.type=open or ...\"");
    }
}
