//! Alerts: from a rule that was true for an event to the line that is printed.

mod append;
mod line;
mod summary;
mod template;

pub use append::append_output;
pub use line::{Line, LineCompiler, LineError, RuleLabels};
pub(crate) use line::{push_printable, push_string};
pub use summary::Summary;
pub use template::{
    CONTAINER_INFO, NOT_AVAILABLE, Template, TemplateError, TemplateErrorKind, json_value, text_value,
};
