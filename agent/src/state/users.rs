//! Users and groups: names for the numbers, per container.

use rustc_hash::FxHashMap;

use super::thread::Bytes;

/// The most users, and the most groups, that are kept in all.
const LIMIT: usize = 65_536;

/// A user of the host or of a container.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
    pub name: Bytes,
    pub home: Bytes,
    pub shell: Bytes,
}

/// A group of the host or of a container.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub struct Group {
    pub gid: u32,
    pub name: Bytes,
}

/// Users and groups by (container, number). The container of the host is the empty string.
#[derive(Debug, Default)]
pub struct Users {
    users: FxHashMap<Bytes, FxHashMap<u32, User>>,
    groups: FxHashMap<Bytes, FxHashMap<u32, Group>>,
    user_count: usize,
    group_count: usize,
}

impl Users {
    /// A user, if known.
    pub fn user(&self, container: &[u8], uid: u32) -> Option<&User> {
        self.users.get(container)?.get(&uid)
    }

    /// A group, if known.
    pub fn group(&self, container: &[u8], gid: u32) -> Option<&Group> {
        self.groups.get(container)?.get(&gid)
    }

    /// Adds or replaces a user; false if there is no room.
    pub(super) fn add_user(&mut self, container: &[u8], user: User) -> bool {
        if self.user_count >= LIMIT && self.user(container, user.uid).is_none() {
            return false;
        }
        let old = self.users.entry(container.into()).or_default().insert(user.uid, user);
        self.user_count += usize::from(old.is_none());
        true
    }

    /// Adds or replaces a group; false if there is no room.
    pub(super) fn add_group(&mut self, container: &[u8], group: Group) -> bool {
        if self.group_count >= LIMIT && self.group(container, group.gid).is_none() {
            return false;
        }
        let old = self.groups.entry(container.into()).or_default().insert(group.gid, group);
        self.group_count += usize::from(old.is_none());
        true
    }

    pub(super) fn remove_user(&mut self, container: &[u8], uid: u32) {
        let old = self.users.get_mut(container).and_then(|users| users.remove(&uid));
        self.user_count -= usize::from(old.is_some());
    }

    pub(super) fn remove_group(&mut self, container: &[u8], gid: u32) {
        let old = self.groups.get_mut(container).and_then(|groups| groups.remove(&gid));
        self.group_count -= usize::from(old.is_some());
    }
}
