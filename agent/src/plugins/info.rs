//! What a plugin says of itself: name, versions, capabilities and fields. The host reads it from the library.

use saker_filter::Type;
use serde::{Deserialize, Serialize};

use crate::rules::Version;

/// What a plugin says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Info {
    /// Its name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// What it is for.
    pub description: String,
    /// Who made it.
    pub contact: String,
    /// The version of the plugin API that it was built for.
    pub api_version: String,
    /// Whether it wants a JSON document as `init_config`: its schema.
    pub init_schema: Option<String>,
    /// The events that it produces, if it does.
    pub source: Option<EventSource>,
    /// The fields that it extracts, if it does.
    pub extract: Option<Extract>,
    /// The sources whose events it wants to see, if it does.
    pub parse: Option<Sources>,
    /// The asynchronous events that it puts between others, if it does.
    pub asynchronous: Option<Asynchronous>,
    /// Whether it wants to be called for as long as there is a capture.
    pub listens: bool,
}

/// Events that a plugin produces.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EventSource {
    /// The number that its events carry; 0 if they are those of system calls.
    pub id: u32,
    /// What rules say in `source:`; empty for those of system calls.
    pub name: String,
}

/// Sources whose events a plugin takes.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Sources(pub Vec<String>);

/// Fields that a plugin extracts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Extract {
    /// From whose events.
    pub sources: Sources,
    /// The fields.
    pub fields: Vec<FieldInfo>,
}

/// Asynchronous events of a plugin.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Asynchronous {
    /// Between whose events they are put.
    pub sources: Sources,
    /// What they can be called.
    pub names: Vec<String>,
}

/// A field that a plugin extracts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FieldInfo {
    /// Its full name.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// Whether it has several values.
    pub list: bool,
    /// Its argument.
    pub argument: Argument,
    /// What it means.
    pub description: String,
    /// Whether outputs should show it if they show what is suggested.
    pub suggested: bool,
}

/// The argument of a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Argument {
    /// It must be there.
    pub required: bool,
    /// It is a number.
    pub index: bool,
    /// It is a text.
    pub key: bool,
}

/// The type of a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Kind {
    String,
    Uint64,
    Bool,
    RelTime,
    AbsTime,
    IpAddr,
    IpNet,
}

impl Kind {
    /// Its number in the plugin API.
    pub fn number(self) -> u32 {
        match self {
            Kind::Uint64 => 8,
            Kind::String => 9,
            Kind::RelTime => 20,
            Kind::AbsTime => 21,
            Kind::Bool => 25,
            Kind::IpAddr => 40,
            Kind::IpNet => 41,
        }
    }

    /// The type that conditions see.
    pub fn value_type(self) -> Type {
        match self {
            Kind::String => Type::Str,
            Kind::Uint64 => Type::U64,
            Kind::Bool => Type::Bool,
            Kind::RelTime => Type::RelTime,
            Kind::AbsTime => Type::AbsTime,
            Kind::IpAddr => Type::Ip,
            Kind::IpNet => Type::Net,
        }
    }
}

impl Info {
    /// Checks what the host of a plugin says that it is: the host is not trusted.
    ///
    /// # Errors
    /// What makes no sense.
    pub fn check(&self) -> Result<(), InfoError> {
        let Info { name, version, description, contact, api_version, source, extract, asynchronous, .. } =
            self;
        let fields = extract.as_ref().map(|extract| &extract.fields[..]).unwrap_or_default();
        let known = [name, version, description, contact, api_version].into_iter();
        let named = source.iter().map(|source| &source.name);
        let described = fields.iter().flat_map(|field| [&field.name, &field.description]);
        let events = asynchronous.iter().flat_map(|asynchronous| &asynchronous.names);
        let mut texts = known.chain(named).chain(described).chain(events);
        // Fields may be described on several lines.
        let odd = |text: &&String| text.chars().any(|char| char.is_control() && !matches!(char, '\n' | '\t'));
        if let Some(text) = texts.find(odd) {
            return Err(InfoError::Name(format!("a text with control characters: {text:?}")));
        }
        if name.is_empty() || fields.len() > MAX_FIELDS {
            return Err(InfoError::Name("no name, or too many fields".to_owned()));
        }
        match Version::parse(version) {
            Some(_) => Ok(()),
            None => Err(InfoError::Version("get_version", version.clone())),
        }
    }
}

impl Sources {
    /// Whether events of a source are among them. A plugin that names none takes all.
    pub fn take(&self, source: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|one| one == source)
    }
}

/// What makes no sense in what a plugin says.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InfoError {
    /// Not the JSON that the API asks for.
    #[error("{0} returned no usable JSON: {1}")]
    Json(&'static str, String),
    /// A field that cannot be.
    #[error("get_fields: the field '{0}' {1}")]
    Field(String, &'static str),
    /// No version.
    #[error("{0} is no version (MAJOR.MINOR.PATCH): '{1}'")]
    Version(&'static str, String),
    /// A name is missing or reserved.
    #[error("{0}")]
    Name(String),
}

/// The most fields of a plugin.
const MAX_FIELDS: usize = 4096;

/// The list of fields as plugins write it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    name: String,
    r#type: Kind,
    #[serde(default)]
    is_list: bool,
    arg: Option<WrittenArgument>,
    #[serde(default)]
    desc: String,
    #[serde(default)]
    add_output: bool,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct WrittenArgument {
    is_required: bool,
    is_index: bool,
    is_key: bool,
}

/// Reads the list of fields of a plugin.
///
/// # Errors
/// If it is not what the API asks for.
pub fn fields(json: &[u8]) -> Result<Vec<FieldInfo>, InfoError> {
    let written: Vec<Written> =
        serde_json::from_slice(json).map_err(|error| InfoError::Json("get_fields", error.to_string()))?;
    if written.len() > MAX_FIELDS {
        return Err(InfoError::Json("get_fields", format!("more than {MAX_FIELDS} fields")));
    }
    let checked = written.into_iter().map(|field| {
        let arg = field.arg.unwrap_or_default();
        let argument = Argument { required: arg.is_required, index: arg.is_index, key: arg.is_key };
        if field.name.is_empty() || field.name.contains(['[', ']', '\0']) {
            return Err(InfoError::Field(field.name, "has no usable name"));
        }
        if argument.required && !argument.index && !argument.key {
            return Err(InfoError::Field(
                field.name,
                "requires an argument and does not say whether it is an index or a key",
            ));
        }
        Ok(FieldInfo {
            name: field.name,
            kind: field.r#type,
            list: field.is_list,
            argument,
            description: field.desc,
            suggested: field.add_output,
        })
    });
    checked.collect()
}

/// Reads a list of names, as of sources; nothing is an empty one.
///
/// # Errors
/// If it is not what the API asks for.
pub fn names(function: &'static str, json: &[u8]) -> Result<Vec<String>, InfoError> {
    if json.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<String> =
        serde_json::from_slice(json).map_err(|error| InfoError::Json(function, error.to_string()))?;
    Ok(names.into_iter().filter(|name| !name.is_empty()).collect())
}

/// Reads what a plugin suggests to open its source with: values and what they mean. Nothing is an empty list.
///
/// # Errors
/// If it is not what the API asks for.
pub fn open_params(json: &[u8]) -> Result<Vec<(String, String)>, InfoError> {
    #[derive(Deserialize)]
    struct Param {
        value: String,
        #[serde(default)]
        desc: String,
    }
    if json.is_empty() {
        return Ok(Vec::new());
    }
    let params: Vec<Param> = serde_json::from_slice(json)
        .map_err(|error| InfoError::Json("list_open_params", error.to_string()))?;
    Ok(params.into_iter().map(|param| (param.value, param.desc)).collect())
}

/// The plugin API that is spoken: every plugin for this major version, and this or a lower minor one.
pub const API: Version = Version::new(3, 12, 0);

/// Checks the API version that a plugin was built for.
///
/// # Errors
/// If it is no version, or not served.
pub fn check_api(required: &str) -> Result<(), ApiError> {
    let Some(version) = Version::parse(required) else {
        return Err(ApiError::Unreadable(required.to_owned()));
    };
    match API.satisfies(version) {
        true => Ok(()),
        false => Err(ApiError::NotServed(version)),
    }
}

/// A plugin was built for an API that is not served.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ApiError {
    /// It does not say for which in the form of a version.
    #[error("plugin provided an invalid required API version: '{0}'")]
    Unreadable(String),
    /// For another.
    #[error("plugin required API version '{0}' not compatible with the API version '{API}' here")]
    NotServed(Version),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_or_refused() {
        let read = |json: &str| match fields(json.as_bytes()) {
            Ok(fields) => {
                format!("{:?}", fields.iter().map(|f| (&*f.name, f.kind, f.list)).collect::<Vec<_>>())
            }
            Err(error) => error.to_string(),
        };
        let told: Vec<String> = [
            r#"[{"name":"a.b","type":"string","desc":"d"},{"name":"c","type":"ipnet","isList":true,"addOutput":true}]"#,
            "[]",
            r#"[{"name":"","type":"string"}]"#,
            r#"[{"name":"a[b]","type":"string"}]"#,
            r#"[{"name":"a","type":"string","arg":{"isRequired":true}}]"#,
        ]
        .iter()
        .map(|json| read(json))
        .collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        [("a.b", String, false), ("c", IpNet, true)]
        []
        get_fields: the field '' has no usable name
        get_fields: the field 'a[b]' has no usable name
        get_fields: the field 'a' requires an argument and does not say whether it is an index or a key
        "#);
        assert!(fields(br#"[{"name":"a","type":"float"}]"#).is_err());
        assert!(fields(b"{}").is_err() && fields(b"").is_err());
    }

    #[test]
    fn the_api_is_that_of_falco() {
        for (required, served) in
            [("3.0.0", true), ("3.11.0", true), ("3.13.0", false), ("2.0.0", false), ("4.0.0", false)]
        {
            assert_eq!(check_api(required).is_ok(), served, "{required}");
        }
        assert!(matches!(check_api("three"), Err(ApiError::Unreadable(_))));
    }
}
