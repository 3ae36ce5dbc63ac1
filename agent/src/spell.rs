//! What was probably meant by a name that does not exist, for whoever reads names that people wrote.

/// The known name that is nearest to `name`, if one is near enough to be a slip of the finger.
fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // Longer texts are no names, and comparing them takes long.
    if name.len() > 64 {
        return None;
    }
    let close = known.into_iter().map(|other| (edit_distance(name, other, u8::eq_ignore_ascii_case), other));
    let (distance, other) = close.min_by_key(|&(distance, _)| distance)?;
    (distance <= 1 + other.len().min(name.len()) / 4).then_some(other)
}

/// ` (did you mean 'X'?)`, or nothing.
pub(crate) fn hint<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    nearest(name, known).map(|other| format!(" (did you mean '{other}'?)")).unwrap_or_default()
}

/// How many letters must be added, removed or replaced by one that is not the same.
pub(crate) fn edit_distance(a: &str, b: &str, same: impl Fn(&u8, &u8) -> bool) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(!same(left, right));
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_other_words_are_not() {
        let known = ["processes", "events", "expect"];
        assert_eq!(nearest("proceses", known), Some("processes"));
        assert_eq!(nearest("EXPECT", known), Some("expect"));
        assert_eq!(nearest("container", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(hint("event", known), " (did you mean 'events'?)");
    }
}
