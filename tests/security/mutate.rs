//! Mutations of seeds: the same sequence in every run, so that a failure comes again.

/// Makes inputs out of seeds.
pub(crate) struct Mutator<'s> {
    seeds: &'s [Vec<u8>],
    state: u64,
    input: Vec<u8>,
}

/// Values at which arithmetic turns over.
const EDGES: [u64; 10] = [
    0,
    1,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
];

impl<'s> Mutator<'s> {
    /// Starts the sequence.
    pub(crate) fn new(seeds: &'s [Vec<u8>]) -> Self {
        Mutator { seeds, state: 0x9e37_79b9_7f4a_7c15, input: Vec::new() }
    }

    /// xorshift64: a number below `bound`, which must not be 0.
    fn below(&mut self, bound: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state % bound as u64) as usize
    }

    /// The next input: a seed with one to four changes.
    pub(crate) fn next(&mut self) -> &[u8] {
        let seed = self.below(self.seeds.len());
        self.input.clone_from(&self.seeds[seed]);
        for _ in 0..=self.below(4) {
            self.change();
        }
        &self.input
    }

    fn change(&mut self) {
        if self.input.is_empty() {
            self.input.push(0);
        }
        let length = self.input.len();
        let at = self.below(length);
        match self.below(7) {
            0 => self.input[at] ^= 1 << self.below(8),
            1 => self.input[at] = self.below(256) as u8,
            2 => self.input.truncate(at),
            3 => {
                let byte = self.below(256) as u8;
                self.input.insert(at, byte);
            }
            4 => {
                let end = (at + 1 + self.below(16)).min(length);
                self.input.drain(at..end);
            }
            5 => {
                // A number at the edge of its type, as lengths and counts are written in captures.
                let edge = EDGES[self.below(EDGES.len())].to_le_bytes();
                let width = [1, 2, 4, 8][self.below(4)].min(length - at);
                self.input[at..at + width].copy_from_slice(&edge[..width]);
            }
            _ => {
                // A piece of another seed: grammar meets grammar.
                let other = &self.seeds[self.below(self.seeds.len())];
                let from = self.below(other.len().max(1)).min(other.len());
                let to = (from + 1 + self.below(64)).min(other.len());
                self.input.splice(at..at, other[from..to].iter().copied());
            }
        }
    }
}
