//! Sets of event ids: what a rule can depend on, and the index of rules by event.

/// The most event ids that a set can hold.
pub const MAX_EVENTS: usize = 512;

/// A set of event ids.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct EventSet([u64; MAX_EVENTS / 64]);

impl EventSet {
    /// The empty set.
    pub const EMPTY: EventSet = EventSet([0; MAX_EVENTS / 64]);

    /// Adds an id; ids beyond [`MAX_EVENTS`] are ignored.
    pub fn insert(&mut self, id: u16) {
        if let Some(word) = self.0.get_mut(usize::from(id) / 64) {
            *word |= 1 << (id % 64);
        }
    }

    /// Whether the id is in the set.
    pub fn contains(&self, id: u16) -> bool {
        self.0.get(usize::from(id) / 64).is_some_and(|word| word >> (id % 64) & 1 == 1)
    }

    /// Ids in both.
    pub fn intersection(&self, other: &EventSet) -> EventSet {
        EventSet(std::array::from_fn(|i| self.0[i] & other.0[i]))
    }

    /// Ids in either.
    pub fn union(&self, other: &EventSet) -> EventSet {
        EventSet(std::array::from_fn(|i| self.0[i] | other.0[i]))
    }

    /// Ids in this set but not in the other.
    pub fn difference(&self, other: &EventSet) -> EventSet {
        EventSet(std::array::from_fn(|i| self.0[i] & !other.0[i]))
    }

    /// How many ids there are.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The ids, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        (0..MAX_EVENTS as u16).filter(|&id| self.contains(id))
    }
}

impl FromIterator<u16> for EventSet {
    fn from_iter<I: IntoIterator<Item = u16>>(ids: I) -> Self {
        let mut set = EventSet::EMPTY;
        ids.into_iter().for_each(|id| set.insert(id));
        set
    }
}
