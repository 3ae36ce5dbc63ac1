//! Reads a test file: YAML, compared with the table of keys, to cases.

use std::fmt;

use super::form::{self, PROTOCOLS};
use super::value::{Given, Raw, integer};
use crate::rules::Source;
use crate::rules::source::Place;
use crate::rules::yaml::{self, Node};

/// The largest test file that is read, in bytes.
pub const MAX_FILE: u64 = 16 << 20;

/// The most processes, descriptors or events of one case.
const MAX_PARTS: usize = 1000;

/// What is wrong with a test file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    pub(super) place: Place,
    /// What it is and what to do.
    pub message: String,
}

impl Problem {
    /// `file:line:column: message`, counted from 1, then the line with a caret below.
    pub fn render(&self, source: &Source) -> String {
        let position = source.position(self.place.at);
        let (line, column) = (position.line + 1, position.column + 1);
        let mut out = format!("{}:{line}:{column}: {}", source.name(), self.message);
        let text = source.line_at(self.place.at);
        // A line of a megabyte helps nobody.
        if !text.trim().is_empty() && text.len() <= 200 {
            let shown: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let indent = text.get(..position.column).map_or(0, |before| before.chars().count());
            out.push_str(&format!("\n  | {shown}\n  | {}^", " ".repeat(indent)));
        }
        out
    }
}

/// A test file that was read.
#[derive(Debug)]
pub struct TestFile {
    /// Its text.
    pub source: Source,
    /// The rule files that it names, as written; empty for the one beside it.
    pub rules: Vec<String>,
    /// Its cases, in order.
    pub cases: Vec<Case>,
}

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    pub(super) place: Place,
    /// The rule that is meant.
    pub rule: String,
    pub(super) rule_place: Place,
    /// What happens, in words; empty if nobody said.
    pub title: String,
    /// Whether the rule must answer.
    pub expect: Expect,
    /// What its output must contain.
    pub output: Option<String>,
    pub(super) story: Story,
}

/// Whether a rule must answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expect {
    /// At least once.
    Alert,
    /// Not once.
    Silence,
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Expect::Alert => "alert",
            Expect::Silence => "silence",
        })
    }
}

/// What happens.
#[derive(Clone, Debug)]
pub(super) enum Story {
    Script(Box<Script>),
    Recording {
        file: String,
        place: Place,
        /// The numbers of events that must alert.
        events: Vec<u64>,
    },
}

/// Processes and what they do.
#[derive(Clone, Debug)]
pub(super) struct Script {
    pub container: Option<Container>,
    pub processes: Vec<Process>,
    pub events: Vec<Action>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Container {
    pub id: Option<String>,
    pub name: Option<String>,
    pub image: Option<String>,
    pub flags: Vec<&'static str>,
    pub mounts: Vec<String>,
    pub labels: Vec<String>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Process {
    pub place: Place,
    pub name: Option<String>,
    pub exe: Option<String>,
    pub argv0: Option<String>,
    pub args: Vec<String>,
    pub cwd: Option<String>,
    pub env: Option<Vec<String>>,
    pub user: Option<Identity>,
    pub group: Option<Identity>,
    pub login: Option<Identity>,
    pub tty: Option<u32>,
    pub pid: Option<i64>,
    pub session: bool,
    pub host: bool,
    pub flags: Vec<String>,
    pub capabilities: Option<Vec<String>>,
    pub fds: Vec<Open>,
}

/// A user or a group.
#[derive(Clone, Debug, Default)]
pub(super) struct Identity {
    pub id: u32,
    pub name: Option<String>,
    pub home: Option<String>,
    pub shell: Option<String>,
}

/// Something that a process has open.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub place: Place,
    pub fd: i64,
    /// The key that says what it is, and its value.
    pub what: Option<(&'static str, String)>,
    pub from: Option<String>,
    pub to: Option<String>,
    pub proto: &'static str,
    pub flags: Option<String>,
}

/// Something that a process does.
#[derive(Clone, Debug)]
pub(super) struct Action {
    pub place: Place,
    pub kind: String,
    pub kind_place: Place,
    pub by: Option<(Place, String)>,
    pub scene: bool,
    /// Keys that are no parameters, but `type`, `by` and `scene`.
    pub helpers: Vec<(&'static str, Given)>,
    /// Parameters by name, with the place of the name.
    pub params: Vec<(Place, String, Given)>,
}

impl Case {
    /// Whether it describes what happens, and needs no recording.
    pub fn is_scripted(&self) -> bool {
        matches!(self.story, Story::Script(_))
    }
}

impl TestFile {
    /// Reads a test file. `name` is how problems call it; `file` numbers its text among others.
    ///
    /// # Errors
    /// All problems that were found, with the text that they speak of.
    pub fn read(name: &str, bytes: &[u8]) -> Result<TestFile, (Source, Vec<Problem>)> {
        let source = Source::new(name, String::from_utf8_lossy(bytes));
        let problem = |at, message: String| Problem { place: Place { file: 0, at }, message };
        if std::str::from_utf8(bytes).is_err() {
            let problems = vec![problem(0, "the file is not UTF-8".to_owned())];
            return Err((source, problems));
        }
        let documents = match yaml::parse(source.text()) {
            Ok(documents) => documents,
            Err(error) => return Err((source, vec![problem(error.at, error.message)])),
        };
        let [document] = documents.as_slice() else {
            let message = match documents.len() {
                0 => "the file is empty: it needs 'tests'".to_owned(),
                _ => "a test file has one document".to_owned(),
            };
            let at = documents.get(1).map_or(0, |second| second.at);
            return Err((source, vec![problem(at, message)]));
        };
        let mut problems = form::validate(document, 0);
        if !problems.is_empty() {
            return Err((source, problems));
        }
        let mut reader = Reader { problems: Vec::new() };
        let rules = document.get("rules").map(|node| texts(node)).unwrap_or_default();
        let tests = document.get("tests").and_then(|node| node.items()).unwrap_or_default();
        let cases: Vec<Case> = tests.iter().map(|node| reader.case(node)).collect();
        problems = reader.problems;
        if cases.is_empty() {
            let at = document.get("tests").map_or(0, |node| node.at);
            problems.push(problem(at, "no test: 'tests' is an empty list".to_owned()));
        }
        if problems.is_empty() { Ok(TestFile { source, rules, cases }) } else { Err((source, problems)) }
    }
}

/// Reads nodes whose keys and shapes are those of the table.
struct Reader {
    problems: Vec<Problem>,
}

fn place(node: &Node) -> Place {
    Place { file: 0, at: node.at }
}

fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key).map(|value| value.scalar().unwrap_or_default().to_owned())
}

fn texts(node: &Node) -> Vec<String> {
    node.items().unwrap_or_default().iter().map(|item| item.scalar().unwrap_or_default().to_owned()).collect()
}

fn flag(node: &Node, key: &str) -> bool {
    node.get(key).and_then(|value| value.scalar()) == Some("true")
}

fn list<'n>(node: &'n Node, key: &str) -> &'n [yaml::NodeRef] {
    node.get(key).and_then(|value| value.items()).unwrap_or_default()
}

fn protocol(node: &Node) -> Option<&'static str> {
    let text = node.get("proto")?.scalar()?;
    PROTOCOLS.iter().find(|known| **known == text).copied()
}

impl Reader {
    fn fail(&mut self, node: &Node, message: impl Into<String>) {
        self.problems.push(Problem { place: place(node), message: message.into() });
    }

    /// A number that fits, or a problem.
    fn number<T: TryFrom<i128>>(&mut self, node: &Node, key: &str) -> Option<T> {
        let value = node.get(key)?;
        let number = value.scalar().and_then(integer).and_then(|number| T::try_from(number).ok());
        if number.is_none() {
            self.fail(value, format!("'{key}' is out of range"));
        }
        number
    }

    fn bounded<'n>(&mut self, node: &'n Node, key: &str) -> &'n [yaml::NodeRef] {
        let items = list(node, key);
        if items.len() > MAX_PARTS {
            self.fail(node, format!("more than {MAX_PARTS} '{key}' in one case"));
            return &[];
        }
        items
    }

    fn case(&mut self, node: &Node) -> Case {
        let rule = node.get("rule");
        let expect = match node.get("expect").and_then(|value| value.scalar()) {
            Some("silence") => Expect::Silence,
            _ => Expect::Alert,
        };
        let output = text(node, "output");
        if output.is_some() && expect == Expect::Silence {
            self.fail(node, "'output' and 'expect: silence' contradict each other");
        }
        let story = match node.get("capture") {
            Some(capture) => self.recording(node, capture, expect),
            None => self.script(node),
        };
        Case {
            place: place(node),
            rule: text(node, "rule").unwrap_or_default(),
            rule_place: rule.map_or(place(node), |rule| place(rule)),
            title: text(node, "case").unwrap_or_default(),
            expect,
            output,
            story,
        }
    }

    fn recording(&mut self, node: &Node, capture: &Node, expect: Expect) -> Story {
        for key in ["processes", "container"] {
            if let Some(value) = node.get(key) {
                self.fail(value, format!("'{key}' and 'capture' cannot stand together"));
            }
        }
        let mut events = Vec::new();
        for event in list(node, "events") {
            match event.scalar().and_then(integer).and_then(|number| u64::try_from(number).ok()) {
                Some(number) => events.push(number),
                None => self.fail(event, "with 'capture', events are numbers of events"),
            }
        }
        if let (Some(events), Expect::Silence) = (node.get("events"), expect) {
            self.fail(events, "'events' are those that must alert: they contradict 'expect: silence'");
        }
        Story::Recording {
            file: capture.scalar().unwrap_or_default().to_owned(),
            place: place(capture),
            events,
        }
    }

    fn script(&mut self, node: &Node) -> Story {
        let container = node.get("container").map(|value| self.container(value));
        let processes: Vec<Process> =
            self.bounded(node, "processes").iter().map(|item| self.process(item)).collect();
        let events: Vec<Action> = self.bounded(node, "events").iter().map(|item| self.action(item)).collect();
        if processes.is_empty() {
            self.fail(node, "a case needs 'processes' and 'events', or a 'capture'");
        } else if events.is_empty() {
            self.fail(node, "a case needs 'events': what the last process does");
        } else if events.iter().all(|event| event.scene) {
            self.fail(node, "all events of the case are 'scene': one must be the action");
        }
        Story::Script(Box::new(Script { container, processes, events }))
    }

    fn container(&mut self, node: &Node) -> Container {
        let id = node.get("id");
        if let Some(id) = id {
            let text = id.scalar().unwrap_or_default();
            let hexadecimal = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            if !(12..=64).contains(&text.len()) || !hexadecimal {
                self.fail(id, "the id of a container has 12 to 64 hexadecimal digits (quote it: digits alone read as a number)");
            }
        }
        for (key, separator) in [("mounts", ':'), ("labels", '=')] {
            for item in list(node, key) {
                if !item.scalar().is_some_and(|text| text.contains(separator)) {
                    self.fail(item, format!("each of '{key}' has a '{separator}' in it"));
                }
            }
        }
        let flags = ["privileged", "host_network", "host_pid", "host_ipc"];
        Container {
            id: text(node, "id"),
            name: text(node, "name"),
            image: text(node, "image"),
            flags: flags.into_iter().filter(|key| flag(node, key)).collect(),
            mounts: node.get("mounts").map(|value| texts(value)).unwrap_or_default(),
            labels: node.get("labels").map(|value| texts(value)).unwrap_or_default(),
        }
    }

    fn process(&mut self, node: &Node) -> Process {
        if node.get("name").is_none() && node.get("exe").is_none() {
            self.fail(node, "a process needs 'name' or 'exe'");
        }
        if let Some(exe) = node.get("exe") {
            let path = exe.scalar().unwrap_or_default();
            if !path.starts_with('/') && !path.starts_with("memfd:") {
                self.fail(exe, "'exe' is a path from the root, or memfd:NAME");
            }
        }
        if let Some(pid) = node.get("pid")
            && !pid.scalar().and_then(integer).is_some_and(|pid| (2..1 << 22).contains(&pid))
        {
            self.fail(pid, "a pid lies between 2 and 4194303");
        }
        let fds = self.bounded(node, "fds").iter().map(|item| self.open(item)).collect();
        Process {
            place: place(node),
            name: text(node, "name"),
            exe: text(node, "exe"),
            argv0: text(node, "argv0"),
            args: node.get("args").map(|value| texts(value)).unwrap_or_default(),
            cwd: text(node, "cwd"),
            env: node.get("env").map(|value| texts(value)),
            user: node.get("user").map(|value| self.identity(value, "uid")),
            group: node.get("group").map(|value| self.identity(value, "gid")),
            login: node.get("login").map(|value| self.identity(value, "uid")),
            tty: self.number(node, "tty"),
            pid: self.number(node, "pid"),
            session: flag(node, "session"),
            host: flag(node, "host"),
            flags: node.get("flags").map(|value| texts(value)).unwrap_or_default(),
            capabilities: node.get("capabilities").map(|value| texts(value)),
            fds,
        }
    }

    fn identity(&mut self, node: &Node, key: &str) -> Identity {
        // -1 is how an unset login shows.
        let id = match node.get(key).and_then(|value| value.scalar()) {
            Some("-1") => u32::MAX,
            _ => self.number(node, key).unwrap_or_default(),
        };
        Identity { id, name: text(node, "name"), home: text(node, "home"), shell: text(node, "shell") }
    }

    fn open(&mut self, node: &Node) -> Open {
        let kinds = ["file", "directory", "pipe", "memfd", "unix", "listen"];
        let mut given: Vec<(&'static str, String)> =
            kinds.into_iter().filter_map(|key| Some((key, text(node, key)?))).collect();
        let (from, to) = (text(node, "from"), text(node, "to"));
        let connected = from.is_some() || to.is_some();
        if given.len() + usize::from(connected) != 1 {
            self.fail(node, "a descriptor is one of 'file', 'directory', 'pipe', 'memfd', 'unix', 'listen', or 'to' with 'from'");
        }
        Open {
            place: place(node),
            fd: self.number(node, "fd").unwrap_or_default(),
            what: given.pop(),
            from,
            to,
            proto: protocol(node).unwrap_or("tcp"),
            flags: text(node, "flags"),
        }
    }

    fn action(&mut self, node: &Node) -> Action {
        if node.scalar().is_some() {
            self.fail(node, "an event is a mapping with a 'type'; numbers of events need a 'capture'");
        }
        let mut helpers = Vec::new();
        let mut params = Vec::new();
        for (key, value) in node.entries() {
            let given = Given { place: place(value), value: raw(value) };
            let name = key.scalar().unwrap_or_default();
            match HELPERS.iter().find(|helper| **helper == name) {
                Some(helper) => helpers.push((*helper, given)),
                None if matches!(name, "type" | "by" | "scene") => {}
                None => params.push((place(key), name.to_owned(), given)),
            }
        }
        let kind = node.get("type");
        Action {
            place: place(node),
            kind: text(node, "type").unwrap_or_default(),
            kind_place: kind.map_or(place(node), |kind| place(kind)),
            by: node.get("by").map(|by| (place(by), by.scalar().unwrap_or_default().to_owned())),
            scene: flag(node, "scene"),
            helpers,
            params,
        }
    }
}

/// Keys of an event that are no parameters.
const HELPERS: [&str; 9] = ["result", "from", "to", "at", "proto", "file", "child", "realpath", "io_uring"];

fn raw(node: &Node) -> Raw {
    if node.is_null() {
        Raw::Null
    } else if let Some(text) = node.scalar() {
        Raw::Text(text.to_owned())
    } else {
        Raw::List(texts(node))
    }
}
