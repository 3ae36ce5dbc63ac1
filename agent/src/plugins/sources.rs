//! Which plugins there are, and which of them make a source of events together: the one that produces the events, and those
//! that extract from them, parse them or put asynchronous events between them.

use std::collections::BTreeSet;

use super::info::Info;
use super::process::{ProcessError, describe};
use super::settings::{Settings, SettingsError};
use crate::config::Config;
use crate::k8s::audit;
use crate::rules::{Plugin, SYSCALL, Version};

/// The plugins of a configuration, asked what they are.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// All of them, in load order.
    pub plugins: Vec<Member>,
    /// The sources of events that they make.
    pub sources: Vec<Source>,
    /// Those that see system calls: none, unless `saker.plugins.system_calls` is on.
    pub calls: Vec<Member>,
}

/// A plugin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// How it is loaded.
    pub settings: Settings,
    /// What it says of itself.
    pub info: Info,
}

/// A source of events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// What rules say in `source:`.
    pub name: String,
    /// The number that its events carry.
    pub id: u32,
    /// Its plugins; the first produces the events.
    pub members: Vec<Member>,
}

/// A plugin cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// As it is configured.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// It is of no use.
    #[error("cannot load plugin {library}: {error}")]
    Process {
        /// Its library.
        library: String,
        /// Why.
        error: ProcessError,
    },
    /// Something of it is there already.
    #[error("cannot load plugin {library}: {problem}")]
    Conflict {
        /// Its library.
        library: String,
        /// What.
        problem: String,
    },
}

impl Loaded {
    /// Has each plugin of a configuration say what it is, in a process that ends then.
    ///
    /// # Errors
    /// If one cannot be loaded.
    pub fn of(config: &Config) -> Result<Loaded, LoadError> {
        let mut plugins = Vec::new();
        for settings in Settings::all(config)? {
            let library = settings.library.display().to_string();
            let info = describe(&settings).map_err(|error| LoadError::Process { library, error })?;
            plugins.push(Member { settings, info });
        }
        let audited = config.has_plugin(audit::K8SAUDIT);
        if let Some((library, problem)) = conflict(&plugins, audited) {
            return Err(LoadError::Conflict { library, problem });
        }
        let sources = sources(&plugins);
        let on = config.saker.plugins.system_calls;
        let calls = plugins.iter().filter(|plugin| on && sees_calls(&plugin.info)).cloned().collect();
        let loaded = Loaded { plugins, sources, calls };
        loaded.warn();
        Ok(loaded)
    }

    /// What rule files can require.
    pub fn required(&self) -> impl Iterator<Item = Plugin> {
        self.plugins.iter().map(|plugin| Plugin {
            name: plugin.info.name.clone(),
            // It was read when the plugin was loaded.
            version: Version::parse(&plugin.info.version).unwrap_or_default(),
            provides: {
                let source = plugin.info.source.iter().map(|source| &source.name);
                let fields = plugin.info.extract.iter().flat_map(|extract| &extract.fields);
                source.chain(fields.map(|field| &field.name)).cloned().collect()
            },
        })
    }
}

/// The first plugin that cannot be there beside those before it, and why.
fn conflict(plugins: &[Member], audited: bool) -> Option<(String, String)> {
    let (mut names, mut sources, mut ids) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    plugins.iter().find_map(|plugin| {
        let problem = if !names.insert(plugin.info.name.as_str()) {
            format!("a plugin with the name '{}' is loaded already", plugin.info.name)
        } else {
            let source = plugin.info.source.as_ref()?;
            if source.name.is_empty() || source.name == SYSCALL {
                "it produces events of system calls, which come from the driver here".to_owned()
            } else if !sources.insert(source.name.as_str()) || audited && source.name == audit::SOURCE {
                format!("another plugin has the event source '{}' already", source.name)
            } else if !ids.insert(source.id) {
                format!("another plugin has the id {} already", source.id)
            } else {
                return None;
            }
        };
        Some((plugin.settings.library.display().to_string(), problem))
    })
}

fn sources(plugins: &[Member]) -> Vec<Source> {
    let producers = plugins.iter().filter_map(|plugin| Some((plugin, plugin.info.source.as_ref()?)));
    let source = |(producer, source): (&Member, &super::info::EventSource)| {
        let others = plugins.iter().filter(|other| *other != producer && serves(&other.info, &source.name));
        let members = [producer].into_iter().chain(others).cloned().collect();
        Source { name: source.name.clone(), id: source.id, members }
    };
    producers.map(source).collect()
}

/// Whether a plugin does something with events of a source.
fn serves(info: &Info, source: &str) -> bool {
    info.extract.as_ref().is_some_and(|extract| extract.sources.take(source))
        || info.parse.as_ref().is_some_and(|sources| sources.take(source))
        || info.asynchronous.as_ref().is_some_and(|asynchronous| asynchronous.sources.take(source))
}

/// Whether a plugin extracts fields from system calls, or parses them.
fn sees_calls(info: &Info) -> bool {
    info.extract.as_ref().is_some_and(|extract| extract.sources.take(SYSCALL))
        || info.parse.as_ref().is_some_and(|sources| sources.take(SYSCALL))
}

impl Loaded {
    /// Says what of the plugins has no effect.
    fn warn(&self) {
        for plugin in &self.plugins {
            let (name, info) = (&plugin.info.name, &plugin.info);
            let shown = self.calls.contains(plugin);
            if sees_calls(info) && !shown {
                tracing::warn!(
                    "plugin {name}: it takes events of system calls, which are not shown to plugins: for rules of source \
                     '{SYSCALL}' its fields do not exist. 'saker.plugins.system_calls: true' shows them; then each event on \
                     which a rule or an output needs one of its fields waits for its process, which takes about {QUESTION}, and \
                     each that it parses is copied to it"
                );
            }
            if info.asynchronous.as_ref().is_some_and(|events| events.sources.take(SYSCALL)) {
                tracing::warn!("plugin {name}: its asynchronous events are not put between system calls");
            }
            if info.listens {
                tracing::warn!("plugin {name}: it is not called when a capture begins and ends");
            }
            if !shown && !self.sources.iter().any(|source| source.members.contains(plugin)) {
                tracing::warn!(
                    "plugin {name}: it has no source of events, and none that is loaded has events for it"
                );
            }
        }
    }
}

/// What a question to a plugin costs, as docs/plugins.md says.
const QUESTION: &str = "8 µs";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::info::{Asynchronous, EventSource, Extract, Sources};
    use super::*;

    /// A plugin with this source, if it has a name, that extracts from these.
    fn plugin(name: &str, source: Option<(u32, &str)>, extracts: Option<&[&str]>) -> Member {
        let sources = |names: &[&str]| Sources(names.iter().map(|&name| name.to_owned()).collect());
        Member {
            settings: Settings {
                name: name.to_owned(),
                library: format!("/lib/{name}.so").into(),
                init: String::new(),
                open: String::new(),
                timeout: Duration::ZERO,
                restarts: 0,
                pause: Duration::ZERO,
            },
            info: Info {
                name: name.to_owned(),
                source: source.map(|(id, name)| EventSource { id, name: name.to_owned() }),
                extract: extracts.map(|names| Extract { sources: sources(names), fields: Vec::new() }),
                ..Info::default()
            },
        }
    }

    fn told(sources: &[Source]) -> String {
        let members = |source: &Source| {
            let names: Vec<&str> = source.members.iter().map(|member| &*member.info.name).collect();
            format!("{} ({}): {}", source.name, source.id, names.join(", "))
        };
        sources.iter().map(members).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn plugins_make_a_source_together() {
        let mut ticker = plugin("ticker", None, None);
        let names = vec!["tick".to_owned()];
        ticker.info.asynchronous = Some(Asynchronous { sources: Sources::default(), names });
        let plugins = [
            plugin("any", None, Some(&[])),
            plugin("one", Some((1, "a")), Some(&["a"])),
            plugin("of_b", None, Some(&["b"])),
            plugin("two", Some((2, "b")), None),
            plugin("calls", None, Some(&["syscall"])),
            ticker,
        ];
        assert_eq!(told(&sources(&plugins)), "a (1): one, any, ticker; b (2): two, any, of_b, ticker");
        let seeing = plugins.iter().filter(|plugin| sees_calls(&plugin.info));
        assert_eq!(seeing.map(|plugin| &*plugin.info.name).collect::<Vec<_>>(), ["any", "calls"]);
    }

    #[test]
    fn what_is_there_already_is_refused() {
        let first = || plugin("first", Some((1, "a")), None);
        let refused =
            |second: Member, audited| conflict(&[first(), second], audited).map(|(_, problem)| problem);
        let told: Vec<String> = [
            (plugin("first", None, Some(&[])), false),
            (plugin("x", Some((2, "a")), None), false),
            (plugin("x", Some((1, "b")), None), false),
            (plugin("x", Some((0, "")), None), false),
            (plugin("x", Some((3, "syscall")), None), false),
            (plugin("x", Some((3, "k8s_audit")), None), true),
            (plugin("x", Some((3, "k8s_audit")), None), false),
        ]
        .into_iter()
        .map(|(second, audited)| refused(second, audited).unwrap_or_else(|| "it is fine".to_owned()))
        .collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        a plugin with the name 'first' is loaded already
        another plugin has the event source 'a' already
        another plugin has the id 1 already
        it produces events of system calls, which come from the driver here
        it produces events of system calls, which come from the driver here
        another plugin has the event source 'k8s_audit' already
        it is fine
        ");
    }
}
