//! What can be found while loading: the 7 error codes, the 15 warning codes, and the kinds of items that a finding
//! can be about. Names are Falco's; they are what tools match on.

/// One table per kind of finding: variant, Falco's code, Falco's short text, a sentence for `codedesc`.
macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($variant:ident $code:literal $title:literal $help:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[allow(missing_docs)]
        pub enum $name { $($variant,)* }

        impl $name {
            /// All of them, in Falco's order.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The name, e.g. `LOAD_ERR_VALIDATE`.
            pub fn code(self) -> &'static str {
                match self { $($name::$variant => $code,)* }
            }

            /// The short text that Falco prints in parentheses behind the name.
            pub fn title(self) -> &'static str {
                match self { $($name::$variant => $title,)* }
            }

            /// What it means and what to do, in a sentence.
            pub fn help(self) -> &'static str {
                match self { $($name::$variant => $help,)* }
            }
        }
    };
}

codes! {
    /// Why a rule file is refused.
    ErrorCode {
        FileRead "LOAD_ERR_FILE_READ" "File read error" "The file cannot be read.";
        YamlParse "LOAD_ERR_YAML_PARSE" "YAML parse error" "The text is no YAML.";
        YamlValidate "LOAD_ERR_YAML_VALIDATE" "Error validating internal structure of YAML file"
            "The YAML is sound, but an item has not the shape that it must have.";
        CompileCondition "LOAD_ERR_COMPILE_CONDITION" "Error compiling condition"
            "A condition is not one that can be evaluated.";
        CompileOutput "LOAD_ERR_COMPILE_OUTPUT" "Error compiling output"
            "An output template is not one that can be printed.";
        Validate "LOAD_ERR_VALIDATE" "Error validating rule/macro/list/exception objects"
            "An item contradicts itself, other items, or this version.";
        Extension "LOAD_ERR_EXTENSION" "Error in extension item" "An extension refuses one of its items.";
    }
}

codes! {
    /// What is odd about a rule file that is loaded all the same.
    WarningCode {
        UnknownSource "LOAD_UNKNOWN_SOURCE" "Unknown event source"
            "Nothing that is loaded produces events of this source; the rule is left out.";
        UnsafeNaCheck "LOAD_UNSAFE_NA_CHECK" "Unsafe <NA> comparison in condition"
            "Whether a field has a value is better asked with `exists` than by comparing it with <NA>.";
        NoEvttype "LOAD_NO_EVTTYPE" "Condition has no event-type restriction"
            "The rule is tried on too many events; restrict it with `evt.type`.";
        UnknownFilter "LOAD_UNKNOWN_FILTER" "Unknown field or event-type in condition or output"
            "The rule names something unknown and asks to be left out then (skip-if-unknown-filter).";
        UnusedMacro "LOAD_UNUSED_MACRO" "Unused macro" "No rule and no other macro uses it.";
        UnusedList "LOAD_UNUSED_LIST" "Unused list" "No rule, macro or other list uses it.";
        UnknownItem "LOAD_UNKNOWN_ITEM" "Unknown rules file item"
            "The item is neither rule, macro, list nor a requirement; it is ignored.";
        DeprecatedItem "LOAD_DEPRECATED_ITEM" "Used deprecated item" "This will stop working one day.";
        Extension "LOAD_WARNING_EXTENSION" "Warning in extension item" "An extension warns of one of its items.";
        AppendNoValues "LOAD_APPEND_NO_VALUES" "Overriding/appending with no values"
            "The exception adds no values.";
        ExceptionNameNotUnique "LOAD_EXCEPTION_NAME_NOT_UNIQUE" "Multiple exceptions defined with the same name"
            "Two exceptions of a rule have the same name.";
        InvalidMacroName "LOAD_INVALID_MACRO_NAME" "Invalid macro name"
            "A condition cannot refer to a macro of this name.";
        InvalidListName "LOAD_INVALID_LIST_NAME" "Invalid list name"
            "A condition cannot refer to a list of this name.";
        CompileCondition "LOAD_COMPILE_CONDITION" "Warning in rule condition"
            "The condition is valid, but probably not what was meant, or dear.";
        UnknownKey "LOAD_UNKNOWN_KEY" "Unknown key in item definition"
            "Probably misspelled, or in the wrong kind of item.";
    }
}

macro_rules! item_kinds {
    ($($variant:ident $text:literal;)*) => {
        /// What a location names.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[allow(missing_docs)]
        pub enum ItemKind { $($variant,)* }

        impl ItemKind {
            /// Falco's word for it.
            pub fn text(self) -> &'static str {
                match self { $(ItemKind::$variant => $text,)* }
            }
        }
    };
}

item_kinds! {
    ValueFor "value for";
    Exceptions "exceptions";
    Exception "exception";
    ExceptionValues "exception values";
    ExceptionValue "exception value";
    RulesContent "rules content";
    RulesContentItem "rules content item";
    RequiredEngineVersion "required_engine_version";
    RequiredPluginVersions "required plugin versions";
    RequiredPluginVersionsEntry "required plugin versions entry";
    RequiredPluginVersionsAlternative "required plugin versions alternative";
    List "list";
    ListItem "list item";
    Macro "macro";
    MacroCondition "macro condition";
    Rule "rule";
    RuleCondition "rule condition";
    ConditionExpression "condition expression";
    RuleOutput "rule output";
    RulePriority "rule priority";
    Override "overrides";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_seven_errors_and_fifteen_warnings() {
        assert_eq!(ErrorCode::ALL.len(), 7);
        assert_eq!(WarningCode::ALL.len(), 15);
        assert!(ErrorCode::ALL.iter().all(|code| code.code().starts_with("LOAD_ERR_")));
    }
}
