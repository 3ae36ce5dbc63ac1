//! The keys of a test file, as a table: what it is read by, what its JSON schema and its documentation are made of.

use serde_json::{Map, Value, json};

use super::file::Problem;
use crate::rules::source::Place;
use crate::rules::yaml::Node;
use crate::spell::hint;

/// What a value must be.
pub(super) enum Form {
    /// A scalar.
    Text,
    /// A whole number, decimal, hexadecimal (`0x`) or octal (`0`).
    Number,
    /// `true` or `false`.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A sequence.
    List(&'static Form),
    /// A mapping.
    Keys(&'static Keys),
}

/// The keys of a mapping.
pub(super) struct Keys {
    pub known: &'static [Key],
    pub required: &'static [&'static str],
    /// What other keys mean; without it there must be none.
    pub others: Option<&'static str>,
}

/// A key.
pub(super) struct Key {
    pub name: &'static str,
    pub form: Form,
    pub doc: &'static str,
}

const fn key(name: &'static str, form: Form, doc: &'static str) -> Key {
    Key { name, form, doc }
}

/// A test file.
pub(super) static FILE: Form = Form::Keys(&Keys {
    known: &[
        key(
            "rules",
            Form::List(&Form::Text),
            "Rule files in load order, relative to this file; without it NAME.yaml beside NAME.test.yaml.",
        ),
        key("tests", Form::List(&TEST), "The cases."),
    ],
    required: &["tests"],
    others: None,
});

static TEST: Form = Form::Keys(&Keys {
    known: &[
        key("rule", Form::Text, "The name of the rule that is meant."),
        key("case", Form::Text, "What happens, in a few words."),
        key("expect", Form::Word(EXPECTATIONS), "Whether the rule answers; `alert` if it is left out."),
        key("output", Form::Text, "A text that the output of an alert must contain."),
        key(
            "container",
            Form::Keys(&CONTAINER),
            "The container that the processes are in; the host without it.",
        ),
        key(
            "processes",
            Form::List(&PROCESS),
            "From the outermost ancestor to the actor, which is the last.",
        ),
        key(
            "events",
            Form::List(&EVENT),
            "What happens, in order; with `capture`: the numbers of events that must alert.",
        ),
        key("capture", Form::Text, "A recording to run instead, relative to this file."),
    ],
    required: &["rule"],
    others: None,
});

/// What a case can expect.
pub(super) const EXPECTATIONS: &[&str] = &["alert", "silence"];

static CONTAINER: Keys = Keys {
    known: &[
        key("id", Form::Text, "Its id, 12 to 64 hexadecimal digits."),
        key("name", Form::Text, "Its name."),
        key("image", Form::Text, "Its image, as `repository:tag`."),
        key("privileged", Form::Flag, "Whether it has all privileges."),
        key("host_network", Form::Flag, "Whether it is in the host's network namespace."),
        key("host_pid", Form::Flag, "Whether it is in the host's pid namespace."),
        key("host_ipc", Form::Flag, "Whether it is in the host's ipc namespace."),
        key("mounts", Form::List(&Form::Text), "Its mounts, each as `source:destination[:ro]`."),
        key("labels", Form::List(&Form::Text), "Its labels, each as `name=value`."),
    ],
    required: &[],
    others: None,
};

static PROCESS: Form = Form::Keys(&Keys {
    known: &[
        key(
            "name",
            Form::Text,
            "Its name; that of the executable if it is left out. The kernel keeps 15 bytes.",
        ),
        key("exe", Form::Text, "The path of its executable; /usr/bin/NAME if it is left out."),
        key("argv0", Form::Text, "What it was called as (`proc.exe`); its name if it is left out."),
        key("args", Form::List(&Form::Text), "Its arguments, without the first; none if they are left out."),
        key("cwd", Form::Text, "Its working directory; that of the process before, in the end `/`."),
        key(
            "env",
            Form::List(&Form::Text),
            "Its environment, each as `NAME=value`; that of the process before.",
        ),
        key("user", Form::Keys(&USER), "Whom it runs as; as the process before, in the end root."),
        key("group", Form::Keys(&GROUP), "Its group; as the process before, in the end root."),
        key("login", Form::Keys(&USER), "Who logged in; as the process before, in the end nobody."),
        key("tty", Form::Number, "Its terminal; that of the process before, in the end none (0)."),
        key("pid", Form::Number, "Its id."),
        key("session", Form::Flag, "Whether it leads a session; the outermost one does."),
        key("host", Form::Flag, "Whether it is on the host although the case is about a container."),
        key("flags", Form::List(&Form::Word(PROCESS_FLAGS)), "What is special about its executable."),
        key(
            "capabilities",
            Form::List(&Form::Text),
            "Its capabilities; those that are usual for its user if they are left out.",
        ),
        key("fds", Form::List(&FD), "What it has open, and with it those behind it."),
    ],
    required: &[],
    others: None,
});

/// The flags of executables.
pub(super) const PROCESS_FLAGS: &[&str] =
    &["exe_writable", "exe_upper_layer", "exe_lower_layer", "exe_from_memfd"];

static USER: Keys = Keys {
    known: &[
        key("uid", Form::Number, "Its number."),
        key("name", Form::Text, "Its name; `root` for 0."),
        key("home", Form::Text, "Its home directory."),
        key("shell", Form::Text, "Its login shell."),
    ],
    required: &["uid"],
    others: None,
};

static GROUP: Keys = Keys {
    known: &[key("gid", Form::Number, "Its number."), key("name", Form::Text, "Its name; `root` for 0.")],
    required: &["gid"],
    others: None,
};

static FD: Form = Form::Keys(&Keys {
    known: &[
        key("fd", Form::Number, "The descriptor."),
        key("file", Form::Text, "It is this file."),
        key("directory", Form::Text, "It is this directory."),
        key("pipe", Form::Text, "It is a pipe of this name."),
        key("memfd", Form::Text, "It is a memfd of this name."),
        key("unix", Form::Text, "It is a unix socket of this path."),
        key("from", Form::Text, "It is a socket: the client's end, `address:port`."),
        key("to", Form::Text, "It is a socket: the server's end, `address:port`."),
        key("listen", Form::Text, "It is a socket that listens at this `address:port`."),
        key("proto", Form::Word(PROTOCOLS), "The protocol of the socket; `tcp` if it is left out."),
        key("flags", Form::Text, "How the file is open, e.g. `O_WRONLY`."),
    ],
    required: &["fd"],
    others: None,
});

/// The protocols of sockets.
pub(super) const PROTOCOLS: &[&str] = &["tcp", "udp", "icmp"];

static EVENT: Form = Form::Keys(&Keys {
    known: &[
        key("type", Form::Text, "The event, as `evt.type` names it."),
        key(
            "by",
            Form::Text,
            "Who does it: the name of one of the processes; the last one if it is left out.",
        ),
        key("scene", Form::Flag, "It only leads up to the action: an alert for it does not count."),
        key("result", Form::Text, "What the call returns: a number, or an error as `ENOENT`."),
        key("from", Form::Text, "Sockets: the client's end, `address:port`."),
        key("to", Form::Text, "Sockets: the server's end, `address:port`, or `unix:PATH`."),
        key("at", Form::Text, "Sockets: the own address of a bind, `address:port`, or `unix:PATH`."),
        key("proto", Form::Word(PROTOCOLS), "Sockets: the protocol; `tcp` if it is left out."),
        key("file", Form::Text, "The descriptor that the call uses is this file, opened before."),
        key(
            "realpath",
            Form::Text,
            "The file that the kernel found behind the name (`saker.fd.realpath`, `saker.proc.realexe`).",
        ),
        key("io_uring", Form::Flag, "The call was made through io_uring."),
        key("child", Form::Number, "Clones: the id of the child."),
    ],
    required: &["type"],
    others: Some("a parameter of the event, as `saker events` lists them"),
});

/// The table as a JSON schema for test files.
pub fn json_schema() -> Value {
    let mut schema = FILE.json();
    schema["$schema"] = "http://json-schema.org/draft-06/schema#".into();
    schema["title"] = "Test file of rules".into();
    // With a capture, events are numbers.
    let events = &mut schema["properties"]["tests"]["items"]["properties"]["events"]["items"];
    let scripted = events.take();
    *events = json!({ "anyOf": [scripted, { "type": "integer" }] });
    schema
}

/// The table as Markdown: a section for each kind of mapping, for the documentation.
pub fn markdown() -> String {
    let mut out = String::new();
    let forms = [
        ("The file", &FILE),
        ("A test", &TEST),
        ("A process", &PROCESS),
        ("A descriptor", &FD),
        ("An event", &EVENT),
    ];
    for (title, form) in forms {
        let Form::Keys(keys) = form else { continue };
        section(title, keys, &mut out);
    }
    section("A container", &CONTAINER, &mut out);
    section("A user", &USER, &mut out);
    section("A group", &GROUP, &mut out);
    out
}

fn section(title: &str, keys: &Keys, out: &mut String) {
    use std::fmt::Write as _;

    let _ = writeln!(out, "### {title}\n\n| Key | Value | Meaning |\n|---|---|---|");
    for key in keys.known {
        let must = if keys.required.contains(&key.name) { " (required)" } else { "" };
        let _ = writeln!(out, "| `{}` | {} | {}{must} |", key.name, key.form.word(), key.doc);
    }
    if let Some(others) = keys.others {
        let _ = writeln!(out, "| any other | | {others} |");
    }
    out.push('\n');
}

impl Form {
    fn word(&self) -> String {
        match self {
            Form::Text => "text".to_owned(),
            Form::Number => "number".to_owned(),
            Form::Flag => "`true`, `false`".to_owned(),
            Form::Word(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
            Form::List(item) => format!("list of {}", item.word()),
            Form::Keys(_) => "mapping".to_owned(),
        }
    }

    fn json(&self) -> Value {
        match self {
            Form::Text => json!({ "type": ["string", "number", "boolean", "null"] }),
            Form::Number => json!({ "type": ["integer", "string"] }),
            Form::Flag => json!({ "type": "boolean" }),
            Form::Word(words) => json!({ "type": "string", "enum": words }),
            Form::List(item) => json!({ "type": "array", "items": item.json() }),
            Form::Keys(keys) => {
                let properties: Map<String, Value> = keys
                    .known
                    .iter()
                    .map(|key| {
                        let mut form = key.form.json();
                        form["description"] = key.doc.into();
                        (key.name.to_owned(), form)
                    })
                    .collect();
                json!({
                    "type": "object",
                    "properties": properties,
                    "required": keys.required,
                    "additionalProperties": keys.others.is_some(),
                })
            }
        }
    }
}

/// The most problems of a file that are told.
const MAX_PROBLEMS: usize = 50;

/// The most values that are looked at: aliases make few bytes many values.
const MAX_VISITS: usize = 200_000;

/// Compares a document with the table.
pub(super) fn validate(document: &Node, file: u32) -> Vec<Problem> {
    let mut check = Check { file, problems: Vec::new(), visits: 0 };
    check.value(&FILE, document, "the file");
    check.problems
}

struct Check {
    file: u32,
    problems: Vec<Problem>,
    visits: usize,
}

impl Check {
    fn fail(&mut self, node: &Node, message: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem { place: Place { file: self.file, at: node.at }, message });
        }
    }

    fn value(&mut self, form: &'static Form, node: &Node, what: &str) {
        self.visits += 1;
        if self.visits > MAX_VISITS {
            if self.visits == MAX_VISITS + 1 {
                self.fail(node, format!("more than {MAX_VISITS} values"));
            }
            return;
        }
        match form {
            Form::Text if node.scalar().is_none() && !node.is_null() => {
                self.fail(node, format!("'{what}' must be a text"));
            }
            Form::Number if node.scalar().and_then(super::value::integer).is_none() => {
                self.fail(node, format!("'{what}' must be a number"));
            }
            Form::Flag if !matches!(node.scalar(), Some("true" | "false")) => {
                self.fail(node, format!("'{what}' must be true or false"));
            }
            Form::Word(words) => match node.scalar() {
                Some(text) if words.contains(&text) => {}
                Some(text) => {
                    let hint = hint(text, words.iter().copied());
                    self.fail(
                        node,
                        format!("'{what}' must be one of {}, not '{text}'{hint}", words.join(", ")),
                    );
                }
                None => self.fail(node, format!("'{what}' must be one of {}", words.join(", "))),
            },
            Form::List(item) => match node.items() {
                // `events` of a capture are numbers; who reads them knows.
                Some(items) if what == "events" => {
                    for child in items.iter().filter(|child| child.scalar().is_none()) {
                        self.value(item, child, "an event");
                    }
                }
                Some(items) => items.iter().for_each(|child| self.value(item, child, what)),
                None => self.fail(node, format!("'{what}' must be a list")),
            },
            Form::Keys(keys) if node.is_map() => self.keys(keys, node, what),
            Form::Keys(_) => self.fail(node, format!("'{what}' must be a mapping of keys")),
            _ => {}
        }
    }

    fn keys(&mut self, keys: &'static Keys, node: &Node, what: &str) {
        let mut seen: Vec<&str> = Vec::new();
        for (name, child) in node.entries() {
            let Some(text) = name.scalar() else {
                self.fail(name, "a key must be a text".to_owned());
                continue;
            };
            if seen.contains(&text) {
                self.fail(name, format!("key '{text}' again"));
            }
            seen.push(text);
            match keys.known.iter().find(|key| key.name == text) {
                Some(key) => self.value(&key.form, child, key.name),
                None if keys.others.is_some() => {}
                None => {
                    let known = keys.known.iter().map(|key| key.name);
                    let hint = hint(text, known);
                    self.fail(name, format!("unknown key '{text}'{hint}"));
                }
            }
        }
        for required in keys.required {
            if !seen.contains(required) {
                self.fail(node, format!("'{required}' is missing in '{what}'"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_that_of_the_table() {
        let schema = json_schema();
        let test = &schema["properties"]["tests"]["items"];
        assert_eq!(test["properties"]["expect"]["enum"], json!(["alert", "silence"]));
        assert_eq!(test["additionalProperties"], false);
        let event = &test["properties"]["events"]["items"]["anyOf"];
        assert_eq!(event[0]["additionalProperties"], true);
        assert_eq!(event[1]["type"], "integer");
        assert_eq!(schema["required"], json!(["tests"]));
    }

    #[test]
    fn no_key_stands_twice() {
        for line in markdown().split("### ") {
            let mut names: Vec<&str> =
                line.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "{line}");
        }
    }
}
