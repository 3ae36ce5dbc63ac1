//! The outputs together.
