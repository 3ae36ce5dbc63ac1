//! Alerts: from a rule that was true for an event to the line that is printed.

mod template;

pub use template::{CONTAINER_INFO, NOT_AVAILABLE, Template, TemplateError, TemplateErrorKind};
