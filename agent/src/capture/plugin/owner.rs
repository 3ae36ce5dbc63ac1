//! What a plugin knows its owner by, and what it calls: its log, and asynchronous events.

use std::collections::VecDeque;
use std::ffi::c_char;
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use falco_plugin_api::{
    PLUGIN_MAX_ERRLEN, ss_plugin_event, ss_plugin_log_severity, ss_plugin_owner_t, ss_plugin_rc,
    ss_plugin_rc_SS_PLUGIN_FAILURE, ss_plugin_rc_SS_PLUGIN_SUCCESS,
};

use super::library::bytes;
use crate::alerts::now;
use crate::plugins::info::Info;
use crate::plugins::raw::{HEADER, MAX_EVENT, RawEvent};

/// How many asynchronous events may wait.
const MAX_WAITING: usize = 1 << 14;

/// What a plugin knows its owner by: it lives at one address for as long as the plugin.
pub(super) struct Owner {
    name: String,
    /// The names that its asynchronous events can have.
    names: Vec<String>,
    /// The number that events of the source carry.
    id: AtomicU32,
    waiting: Mutex<VecDeque<RawEvent>>,
    refused: AtomicU64,
}

impl Owner {
    /// The owner of a plugin.
    pub(super) fn of(info: &Info) -> Box<Owner> {
        Box::new(Owner {
            name: info.name.clone(),
            names: info.asynchronous.iter().flat_map(|asynchronous| asynchronous.names.clone()).collect(),
            id: AtomicU32::new(0),
            waiting: Mutex::default(),
            refused: AtomicU64::new(0),
        })
    }

    /// What the plugin is told that its owner is. It must live as long as the plugin.
    pub(super) fn address(&self) -> *mut ss_plugin_owner_t {
        ptr::from_ref(self).cast_mut().cast()
    }

    /// Which number events of the source carry.
    pub(super) fn set_id(&self, id: u32) {
        self.id.store(id, Ordering::Relaxed);
    }

    /// The asynchronous events that have come, in their order, and how many were refused since the last time.
    pub(super) fn take(&self) -> (Vec<RawEvent>, u64) {
        let events = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect();
        (events, self.refused.swap(0, Ordering::Relaxed))
    }
}

/// The bytes of an event that a plugin points at.
pub(super) fn copy(event: *const ss_plugin_event) -> Option<Vec<u8>> {
    if event.is_null() {
        return None;
    }
    // SAFETY: by the API a whole header stands there, wherever it begins.
    let length = unsafe { event.read_unaligned() }.len as usize;
    if !(HEADER..=MAX_EVENT).contains(&length) {
        return None;
    }
    // SAFETY: by the API as many bytes stand there as the header says.
    Some(unsafe { std::slice::from_raw_parts(event.cast::<u8>(), length) }.to_vec())
}

/// What a plugin logs goes where the process's errors go, with its severity before it.
pub(super) unsafe extern "C-unwind" fn log(
    owner: *mut ss_plugin_owner_t,
    component: *const c_char,
    message: *const c_char,
    severity: ss_plugin_log_severity,
) {
    // SAFETY: a plugin passes the owner that it was initialised with, which lives as long as it.
    let owner: Option<&Owner> = unsafe { owner.cast::<Owner>().as_ref() };
    let component = bytes(component);
    let component = String::from_utf8_lossy(&component);
    let named = match (&*component, owner) {
        ("", Some(owner)) => &owner.name,
        (component, _) => component,
    };
    eprintln!("<{severity}>{named}: {}", String::from_utf8_lossy(&bytes(message)));
}

/// Takes an asynchronous event from a thread of the plugin.
pub(super) unsafe extern "C-unwind" fn take_asynchronous(
    owner: *mut ss_plugin_owner_t,
    event: *const ss_plugin_event,
    error: *mut c_char,
) -> ss_plugin_rc {
    // SAFETY: a plugin passes the owner that was set with this function, which lives as long as it.
    let owner: Option<&Owner> = unsafe { owner.cast::<Owner>().as_ref() };
    let Some(owner) = owner else { return ss_plugin_rc_SS_PLUGIN_FAILURE };
    let refused = match copy(event)
        .map(|bytes| RawEvent::asynchronous(bytes, owner.id.load(Ordering::Relaxed), now()))
    {
        Some(Ok(event)) if owner.names.iter().any(|name| name.as_bytes() == event.name()) => {
            let mut waiting = owner.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.len() < MAX_WAITING {
                waiting.push_back(event);
                return ss_plugin_rc_SS_PLUGIN_SUCCESS;
            }
            "too many asynchronous events wait".to_owned()
        }
        Some(Ok(event)) => {
            format!(
                "the plugin has not said that its asynchronous events can be called '{}'",
                String::from_utf8_lossy(event.name())
            )
        }
        Some(Err(error)) => format!("no asynchronous event: {error}"),
        None => "no asynchronous event".to_owned(),
    };
    owner.refused.fetch_add(1, Ordering::Relaxed);
    if !error.is_null() {
        let mut text = refused.into_bytes();
        text.truncate(PLUGIN_MAX_ERRLEN as usize - 1);
        text.push(0);
        // SAFETY: by the API there is room for PLUGIN_MAX_ERRLEN bytes; the text is not longer.
        unsafe { ptr::copy_nonoverlapping(text.as_ptr(), error.cast::<u8>(), text.len()) };
    }
    ss_plugin_rc_SS_PLUGIN_FAILURE
}
