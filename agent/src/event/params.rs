//! The parameters of an event: borrowed from a record, or put together here.

/// The most parameters that an event can have (`PPM_MAX_EVENT_PARAMS`).
pub const MAX_PARAMS: usize = 32;

/// The parameters of a record: the values, one after the other, and where each begins and ends.
#[derive(Clone, Copy, Debug, Default)]
pub struct Params<'e> {
    data: &'e [u8],
    offsets: &'e [u32],
}

impl<'e> Params<'e> {
    /// From the values and their offsets: parameter `n` is `data[offsets[n]..offsets[n + 1]]`, so there is one offset more
    /// than there are parameters. A parameter whose offsets make no sense is missing.
    pub fn new(data: &'e [u8], offsets: &'e [u32]) -> Self {
        Params { data, offsets }
    }

    /// The bytes of parameter `index`.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&'e [u8]> {
        // The greater index first: for a constant one the other check is left out.
        let (end, start) = (*self.offsets.get(index.wrapping_add(1))?, *self.offsets.get(index)?);
        self.data.get(start as usize..end as usize)
    }

    /// How many there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends the values to others, and their offsets, which are one more than there are parameters.
    pub fn append_to(&self, data: &mut Vec<u8>, offsets: &mut Vec<u32>) {
        // No batch of events comes near four GiB.
        let end = |data: &Vec<u8>| u32::try_from(data.len()).unwrap_or(u32::MAX);
        offsets.push(end(data));
        for index in 0..self.len() {
            data.extend_from_slice(self.get(index).unwrap_or_default());
            offsets.push(end(data));
        }
    }
}

/// Parameters put together one by one, for events that are made here.
#[derive(Clone, Debug)]
pub struct ParamsBuf {
    data: Vec<u8>,
    offsets: [u32; MAX_PARAMS + 1],
    count: usize,
}

impl Default for ParamsBuf {
    fn default() -> Self {
        ParamsBuf { data: Vec::new(), offsets: [0; MAX_PARAMS + 1], count: 0 }
    }
}

impl ParamsBuf {
    /// From the values.
    pub fn of(values: &[&[u8]]) -> Self {
        let mut params = ParamsBuf::default();
        values.iter().for_each(|value| params.push(value));
        params
    }

    /// Adds a parameter. What is beyond [`MAX_PARAMS`] is left out.
    pub fn push(&mut self, value: &[u8]) {
        self.extend(value);
        self.close();
    }

    /// Adds bytes to the parameter that [`ParamsBuf::close`] will end.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.data.extend_from_slice(bytes);
    }

    /// Makes a parameter of the bytes since the last.
    pub fn close(&mut self) {
        let end = u32::try_from(self.data.len());
        if let (Some(offset), Ok(end)) = (self.offsets.get_mut(self.count + 1), end) {
            *offset = end;
            self.count += 1;
        }
    }

    /// Makes them the same as others.
    pub fn copy(&mut self, params: &Params<'_>) {
        self.clear();
        let offsets = params.offsets.get(..params.offsets.len().min(MAX_PARAMS + 1)).unwrap_or_default();
        let end = offsets.last().map_or(0, |&end| end as usize);
        // The offsets of a source were checked; those of a caller may be anything.
        match (params.data.get(..end), self.offsets.get_mut(..offsets.len())) {
            (Some(data), Some(own)) if offsets.first() == Some(&0) && offsets.is_sorted() => {
                self.data.extend_from_slice(data);
                own.copy_from_slice(offsets);
                self.count = params.len().min(MAX_PARAMS);
            }
            _ => (0..params.len()).for_each(|index| self.push(params.get(index).unwrap_or_default())),
        }
    }

    /// Forgets all, keeping the memory.
    pub fn clear(&mut self) {
        self.data.clear();
        self.count = 0;
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How much memory they hold on to, in bytes.
    pub fn capacity(&self) -> usize {
        self.data.capacity()
    }

    /// The parameters.
    pub fn params(&self) -> Params<'_> {
        Params::new(&self.data, &self.offsets[..=self.count])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_bounded() {
        let params = ParamsBuf::of(&[b"a", b"", b"bc"]);
        let params = params.params();
        assert_eq!(
            (params.len(), params.get(0), params.get(1), params.get(2), params.get(3)),
            (3, Some(&b"a"[..]), Some(&b""[..]), Some(&b"bc"[..]), None)
        );
        // Offsets that make no sense: behind the data, or backwards.
        let params = Params::new(b"abc", &[0, 4, 2, 1]);
        assert_eq!((params.len(), params.get(0), params.get(1), params.get(2)), (3, None, None, None));
        assert_eq!((Params::default().len(), Params::default().get(0)), (0, None));
        let mut copy = ParamsBuf::of(&[b"old"]);
        copy.copy(&params);
        assert_eq!((copy.len(), copy.params().get(0)), (3, Some(&b""[..])));
        copy.copy(&Params::new(b"abc", &[0, 1, 3]));
        assert_eq!((copy.len(), copy.params().get(1)), (2, Some(&b"bc"[..])));
        copy.copy(&Params::default());
        assert_eq!((copy.len(), copy.params().get(0)), (0, None));
        let mut many = ParamsBuf::default();
        (0..100).for_each(|_| many.push(b"x"));
        assert_eq!((many.len(), many.params().len()), (MAX_PARAMS, MAX_PARAMS));
    }
}
