//! A plugin of which only the first function is ever called: the one that says for which API it was built.

use std::ffi::{CStr, c_char};

const VERSION: &CStr = c"2.0.0";

/// The API that it asks for.
// SAFETY: no other function has this name; it is the one that the loader looks for.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_get_required_api_version() -> *const c_char {
    VERSION.as_ptr()
}
