//! Which plugins are loaded, from where and with what: `plugins` and `load_plugins` of the configuration.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use serde_yaml::Value as Yaml;

use crate::config::{CONTAINER, Config, Plugin, typed};
use crate::k8s::audit;

/// Where libraries are whose path does not begin at the root.
pub const DIRECTORY: &str = "/usr/share/falco/plugins";

/// The plugins that are built in: what an entry of these names says is for them.
const BUILT_IN: [&str; 3] = [CONTAINER, audit::K8SAUDIT, audit::JSON];

/// A plugin that is to be loaded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// What the configuration calls it.
    pub name: String,
    /// Its library.
    pub library: PathBuf,
    /// What it is initialised with.
    pub init: String,
    /// What it opens its source with.
    pub open: String,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How often it is begun again after it failed.
    pub restarts: u32,
    /// How long it is waited before the first time; each time twice as long.
    pub pause: Duration,
}

/// A plugin cannot be loaded as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Its library would be somewhere else.
    #[error(
        "plugins: '{name}': library_path '{path}' leaves {DIRECTORY}; \
         name a library there, or one by its full path"
    )]
    Outside {
        /// The plugin.
        name: String,
        /// What was given.
        path: String,
    },
    /// `init_config` is no text and no mapping.
    #[error("plugins: '{name}': init_config: {problem}")]
    Init {
        /// The plugin.
        name: String,
        /// What is wrong.
        problem: String,
    },
}

impl Settings {
    /// The plugins that a configuration loads, in its order, without those that are built in.
    ///
    /// # Errors
    /// What is wrong with one.
    pub fn all(config: &Config) -> Result<Vec<Settings>, SettingsError> {
        let wanted = |name: &String| config.plugins.iter().find(|plugin| plugin.name == *name);
        let loaded: Vec<&Plugin> = match &config.load_plugins {
            Some(names) => names.iter().filter_map(wanted).collect(),
            None => config.plugins.iter().collect(),
        };
        let foreign = loaded.into_iter().filter(|plugin| !BUILT_IN.contains(&plugin.name.as_str()));
        foreign.map(|plugin| Settings::of(plugin, config)).collect()
    }

    fn of(plugin: &Plugin, config: &Config) -> Result<Settings, SettingsError> {
        let limits = &config.saker.plugins;
        Ok(Settings {
            name: plugin.name.clone(),
            library: library(plugin)?,
            init: init(plugin)?,
            open: plugin.open_params.clone().unwrap_or_default(),
            timeout: Duration::from_millis(limits.timeout_ms.into()),
            restarts: limits.max_restarts,
            pause: Duration::from_millis(limits.restart_wait_ms.into()),
        })
    }
}

fn library(plugin: &Plugin) -> Result<PathBuf, SettingsError> {
    let path = &plugin.library_path;
    if path.is_absolute() {
        return Ok(path.clone());
    }
    let mut depth = 0i32;
    for component in path.components() {
        depth += match component {
            Component::ParentDir => -1,
            Component::Normal(_) => 1,
            _ => 0,
        };
        if depth < 0 {
            return Err(SettingsError::Outside {
                name: plugin.name.clone(),
                path: path.display().to_string(),
            });
        }
    }
    Ok(Path::new(DIRECTORY).join(path))
}

/// A text as it is, a mapping as JSON.
fn init(plugin: &Plugin) -> Result<String, SettingsError> {
    let refused = |problem: String| SettingsError::Init { name: plugin.name.clone(), problem };
    match &plugin.init_config {
        None | Some(Yaml::Null) => Ok(String::new()),
        Some(Yaml::String(text)) => Ok(text.clone()),
        Some(mapping @ Yaml::Mapping(_)) => {
            serde_json::to_string(&typed(mapping)).map_err(|error| refused(error.to_string()))
        }
        Some(_) => Err(refused("expected a text or a mapping".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(options: &[&str]) -> String {
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        match Settings::all(&Config::from_options(&options).unwrap()) {
            Ok(all) => {
                let shown = |one: Settings| {
                    format!("{} {} {:?} {:?}", one.name, one.library.display(), one.init, one.open)
                };
                all.into_iter().map(shown).collect::<Vec<_>>().join("; ")
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn plugins_are_those_of_the_configuration_that_are_not_built_in() {
        let plugins = "plugins=[{name: a, library_path: liba.so, init_config: {n: 7, s: x, l: [true]}}, \
                       {name: k8saudit, library_path: l, open_params: 'file:///x'}, \
                       {name: b, library_path: /opt/b.so, init_config: ' raw', open_params: p}]";
        insta::assert_snapshot!(all(&[plugins]), @r#"a /usr/share/falco/plugins/liba.so "{\"n\":7,\"s\":\"x\",\"l\":[true]}" ""; b /opt/b.so " raw" "p""#);
        insta::assert_snapshot!(all(&[plugins, "load_plugins=[b]"]), @r#"b /opt/b.so " raw" "p""#);
        insta::assert_snapshot!(all(&[plugins, "load_plugins=[b, a]"]), @r#"b /opt/b.so " raw" "p"; a /usr/share/falco/plugins/liba.so "{\"n\":7,\"s\":\"x\",\"l\":[true]}" """#);
        assert_eq!(all(&[plugins, "load_plugins=[]"]), "");
    }

    #[test]
    fn a_library_of_the_directory_stays_in_it() {
        for (path, refused) in [("x/../../y.so", true), ("../y.so", true), ("x/../y.so", false)] {
            let told = all(&[&format!("plugins=[{{name: a, library_path: '{path}'}}]")]);
            assert_eq!(told.contains("leaves /usr/share/falco/plugins"), refused, "{told}");
        }
    }
}
