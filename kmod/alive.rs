// SPDX-License-Identifier: GPL-2.0
//! How the probe looks at the kernel's objects: through [`Alive`], which says that an object cannot be freed under it, field
//! by field with [`get!`], because anything may change while it is looked at.

use core::ptr::NonNull;

/// An object of the kernel that stays allocated while this value is in use.
///
/// # Invariants
///
/// The object is kept by one of: it is the current task or what only the current task can let go of; a reference that the
/// recorder holds until the record is written; RCU, because it is freed after a grace period and preemption is off (since 5.0 a
/// stretch without preemption is an RCU reader).
pub(crate) struct Alive<T>(NonNull<T>);

impl<T> Clone for Alive<T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Alive<T> {}

impl<T> Alive<T> {
    /// Takes a pointer that the kernel gave.
    ///
    /// # Safety
    ///
    /// It is null or fulfils the invariant of the type.
    #[inline(always)]
    pub(crate) unsafe fn new(object: *const T) -> Option<Self> {
        // INVARIANT: what the caller promises.
        NonNull::new(object.cast_mut()).map(Self)
    }

    /// The pointer.
    #[inline(always)]
    pub(crate) fn as_ptr(self) -> *mut T {
        self.0.as_ptr()
    }

    /// Where a field is that has no name in the bindings.
    ///
    /// # Safety
    ///
    /// `offset` is the kernel's own `offsetof` of a field of type `F` in `T`.
    #[inline(always)]
    pub(crate) unsafe fn field<F>(self, offset: usize) -> *mut F {
        // SAFETY: the field is inside of the object, by the caller's promise.
        unsafe { self.as_ptr().byte_add(offset) }.cast()
    }

    /// Reads a field that has no name in the bindings.
    ///
    /// # Safety
    ///
    /// As for [`Alive::field`].
    #[inline(always)]
    pub(crate) unsafe fn read<F: Copy>(self, offset: usize) -> F {
        // SAFETY: what the caller promises.
        let field: *mut F = unsafe { self.field(offset) };
        // SAFETY: the object is allocated, by the type's invariant.
        unsafe { field.read_volatile() }
    }
}

/// Reads a field of an [`Alive`] object, once: `get!(task, signal)`.
macro_rules! get {
    ($object:expr, $($field:tt)+) => {{
        let object = $object.as_ptr();
        // SAFETY: the object is allocated, by the invariant of `Alive`. The read is volatile, because others may write.
        #[allow(unused_unsafe)]
        let value = unsafe { (&raw const (*object).$($field)+).read_volatile() };
        value
    }};
}
pub(crate) use get;
