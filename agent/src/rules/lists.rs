//! Lists in conditions. Falco replaces the name of a list by its items in the text of the condition, before that is
//! parsed: wherever the name stands between blanks, parentheses, commas or `=`, list by list in the order of their
//! definition, so that what one list brings in, a later one may replace again.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

/// The longest condition that lists may make.
const MAX_EXPANDED: usize = 8 << 20;

/// How much text the lists of a rule set may put into conditions.
const MAX_INSERTED: usize = 64 << 20;

/// How much text may be gone through for it.
const MAX_SEARCHED: usize = 512 << 20;

/// A list ready for use: items that are names of earlier lists are replaced by the items of those, once.
#[derive(Clone, Debug)]
pub(super) struct CompiledList {
    /// Its name.
    pub name: String,
    /// Its items.
    pub items: Vec<String>,
    /// Whether anything refers to it.
    pub used: bool,
}

/// One replacement within a text.
#[derive(Clone, Copy, Debug)]
struct Edit {
    /// Where what was replaced began, in the text before.
    start: usize,
    removed: usize,
    inserted: usize,
    /// Where the name of the list stood, in the text before.
    name: usize,
}

/// A condition whose lists are replaced.
#[derive(Clone, Debug)]
pub(super) struct Expanded {
    pub text: String,
    /// The lists that were put in: indexes.
    pub lists: Vec<u32>,
    edits: Vec<Edit>,
}

impl Expanded {
    /// Whether any list was replaced.
    pub(super) fn is_changed(&self) -> bool {
        !self.edits.is_empty()
    }

    /// Where in the text before all replacements byte `at` comes from; within a list's items, the list's name.
    pub(super) fn origin(&self, at: usize) -> usize {
        self.edits.iter().rev().fold(at, |at, edit| {
            if at < edit.start {
                at
            } else if at >= edit.start + edit.inserted {
                at - edit.inserted + edit.removed
            } else {
                edit.name
            }
        })
    }
}

/// The lists, and how to find out quickly which of them a condition mentions.
#[derive(Clone, Debug, Default)]
pub(super) struct Lists {
    /// In the order of definition.
    pub all: Vec<CompiledList>,
    by_name: FxHashMap<String, u32>,
    /// Lists whose names contain delimiters: a condition has no such word, so it must be searched for them.
    odd: Vec<u32>,
    inserted: usize,
    searched: usize,
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn is_delimiter(byte: u8) -> bool {
    is_blank(byte) || matches!(byte, b'(' | b')' | b',' | b'=')
}

/// An item as it is put into a condition: in quotes if it contains a blank and has none yet. Falco does no more than
/// that, which breaks items that contain quotes or other signs of the language; `exact` makes a literal of anything.
pub(super) fn quote_item(item: &str, exact: bool) -> Cow<'_, str> {
    let quoted = item.starts_with(['"', '\'']);
    if exact {
        return exact_item(item);
    }
    if item.contains(' ') && !quoted { Cow::Owned(format!("\"{item}\"")) } else { Cow::Borrowed(item) }
}

/// An item as a literal: as it is if it reads as one, else in quotes and escaped.
fn exact_item(item: &str) -> Cow<'_, str> {
    if is_bare(item) || is_quoted(item) {
        return Cow::Borrowed(item);
    }
    if !item.starts_with(['"', '\'']) {
        let quoted = format!("\"{item}\"");
        if is_quoted(&quoted) {
            return Cow::Owned(quoted);
        }
    }
    let mut literal = String::with_capacity(item.len() + 2);
    literal.push('"');
    for c in item.chars() {
        if matches!(c, '"' | '\\') {
            literal.push('\\');
        }
        literal.push(c);
    }
    literal.push('"');
    Cow::Owned(literal)
}

fn is_bare(item: &str) -> bool {
    !item.is_empty()
        && !item.bytes().any(|byte| byte.is_ascii_whitespace() || byte == 0x0b || b"()\"'=,".contains(&byte))
}

/// Whether a text is one string in quotes, with escapes that the language knows.
fn is_quoted(item: &str) -> bool {
    let bytes = item.as_bytes();
    let Some((&quote, rest)) = bytes.split_first() else { return false };
    let mut at = 0;
    while let Some(&byte) = rest.get(at) {
        match byte {
            b'\\' => match rest.get(at + 1) {
                Some(&next) if next == quote || b"bfnrt\\/ ".contains(&next) => at += 2,
                _ => return false,
            },
            _ if byte == quote => return matches!(quote, b'"' | b'\'') && at + 1 == rest.len(),
            _ => at += 1,
        }
    }
    false
}

impl Lists {
    pub(super) fn new(all: Vec<CompiledList>) -> Self {
        let mut lists = Lists::default();
        for (index, list) in all.iter().enumerate() {
            if list.name.bytes().any(is_delimiter) {
                lists.odd.push(index as u32);
            } else {
                lists.by_name.insert(list.name.clone(), index as u32);
            }
        }
        lists.all = all;
        lists
    }

    /// Which lists a text can mention, sorted.
    fn mentioned(&self, text: &str, after: Option<u32>, found: &mut Vec<u32>) {
        if self.all.is_empty() {
            return;
        }
        let words = text.as_bytes().split(|&byte| is_delimiter(byte)).filter(|word| !word.is_empty());
        for word in words {
            let Ok(word) = std::str::from_utf8(word) else { continue };
            if let Some(&list) = self.by_name.get(word)
                && after.is_none_or(|after| list > after)
            {
                found.push(list);
            }
        }
        // Half of such a name may stand in `text`, half beside it: the turn of the list will tell.
        found.extend(self.odd.iter().copied().filter(|&list| after.is_none_or(|after| list > after)));
        found.sort_unstable();
        found.dedup();
    }

    /// Replaces the lists in a condition. `Err` if the text grows beyond [`MAX_EXPANDED`], or
    /// all texts together beyond what makes sense.
    pub(super) fn expand(&mut self, text: &str, exact: bool) -> Result<Expanded, TooLong> {
        let mut expanded = Expanded { text: text.to_owned(), lists: Vec::new(), edits: Vec::new() };
        let mut todo = Vec::new();
        self.mentioned(text, None, &mut todo);
        while !todo.is_empty() {
            let index = todo.remove(0);
            let list = &self.all[index as usize];
            if list.name.is_empty() {
                continue;
            }
            let items: Vec<_> = list.items.iter().map(|item| quote_item(item, exact)).collect();
            let items = items.join(", ");
            self.searched += expanded.text.len() + items.len();
            let edits = expanded.edits.len();
            let used = replace(&mut expanded, &list.name, &items)?;
            self.inserted += (expanded.edits.len() - edits) * items.len();
            if self.inserted > MAX_INSERTED || self.searched > MAX_SEARCHED {
                return Err(TooLong::All);
            }
            if !used {
                continue;
            }
            expanded.lists.push(index);
            // Its items may be the names of lists whose turn is still to come.
            self.mentioned(&items, Some(index), &mut todo);
        }
        Ok(expanded)
    }
}

/// Lists make too much of conditions.
#[derive(Debug, thiserror::Error)]
pub(super) enum TooLong {
    #[error("Lists make the condition longer than {MAX_EXPANDED} bytes")]
    Condition,
    #[error("Lists put more than {MAX_INSERTED} bytes into conditions")]
    All,
}

/// Replaces a name wherever it stands as a word; whether it did so.
fn replace(expanded: &mut Expanded, name: &str, items: &str) -> Result<bool, TooLong> {
    let finder = memchr::memmem::Finder::new(name);
    let mut used = false;
    // What is finished, and the rest of the text that is still to be looked at. Falco builds a new string for each
    // replacement and looks for the next name one byte behind it; `skip` keeps to that.
    let text = std::mem::take(&mut expanded.text);
    let bytes = text.as_bytes();
    let mut done = String::with_capacity(text.len() + items.len());
    let mut rest = 0;
    let mut skip = 0;
    let mut edits = Vec::new();
    while let Some(found) = bytes.get(rest + skip..).and_then(|tail| finder.find(tail)) {
        let at = rest + skip + found;
        let end = at + name.len();
        let before = match at.checked_sub(1) {
            // What stands before the rest is the blank behind the items that were put in last.
            Some(before) if before >= rest => is_delimiter(bytes[before]),
            _ => true,
        };
        if !before || bytes.get(end).is_some_and(|&byte| !is_delimiter(byte)) {
            skip = at - rest + 1;
            continue;
        }
        let mut start = at;
        while start > rest && is_blank(bytes[start - 1]) {
            start -= 1;
        }
        let mut end = end;
        while bytes.get(end).is_some_and(|&byte| is_blank(byte)) {
            end += 1;
        }
        let mut removed_before = 0;
        if start == rest && done.ends_with(' ') {
            // Only the blank that was put in last stands between.
            let trimmed = done.trim_end_matches(is_blank_char).len();
            removed_before = done.len() - trimmed;
            done.truncate(trimmed);
        }
        let mut comma = 0;
        if items.is_empty() {
            let previous = if start > rest { Some(bytes[start - 1]) } else { done.bytes().next_back() };
            if previous == Some(b',') {
                comma = 1;
            } else if bytes.get(end) == Some(&b',') {
                end += 1;
            }
        }
        if comma == 1 && start > rest {
            start -= 1;
            comma = 0;
        } else if comma == 1 {
            done.pop();
        }
        done.push_str(&text[rest..start]);
        let begin = done.len();
        if begin > 0 {
            done.push(' ');
        }
        done.push_str(items);
        done.push(' ');
        if done.len() + bytes.len() - end > MAX_EXPANDED {
            return Err(TooLong::Condition);
        }
        edits.push(Edit {
            start: begin,
            removed: end - start + removed_before + comma,
            inserted: done.len() - begin,
            name: begin + removed_before + comma + (at - start),
        });
        used = true;
        rest = end;
        // The next search begins one byte behind the blank at a text's beginning, right at the rest elsewhere.
        skip = usize::from(begin == 0);
    }
    if used {
        done.push_str(&text[rest..]);
        expanded.text = done;
        expanded.edits.extend(edits);
    } else {
        expanded.text = text;
    }
    Ok(used)
}

fn is_blank_char(c: char) -> bool {
    u8::try_from(c).is_ok_and(is_blank)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lists(all: &[(&str, &[&str])]) -> Lists {
        let list = |(name, items): &(&str, &[&str])| CompiledList {
            name: (*name).to_owned(),
            items: items.iter().map(|&item| item.to_owned()).collect(),
            used: false,
        };
        Lists::new(all.iter().map(list).collect())
    }

    fn expanded(all: &[(&str, &[&str])], text: &str) -> String {
        lists(all).expand(text, false).unwrap().text
    }

    /// A name with a blank can come about by what another list puts beside the rest of it.
    #[test]
    fn a_name_may_span_what_was_put_in() {
        assert_eq!(expanded(&[("bb", &["a"]), ("a b", &[])], "bb b,"), " ");
    }

    #[test]
    fn names_are_replaced_where_they_are_words() {
        let l: (&str, &[&str]) = ("l", &["a", "b c", "\"d e\""]);
        assert_eq!(expanded(&[l], "x in (l)"), "x in ( a, \"b c\", \"d e\" )");
        assert_eq!(expanded(&[l], "x in ( l , ll, 'l')"), "x in ( a, \"b c\", \"d e\" , ll, 'l')");
        assert_eq!(expanded(&[l], "l=l"), "a, \"b c\", \"d e\" = a, \"b c\", \"d e\" ");
        assert_eq!(expanded(&[l], "x.l[l]"), "x.l[l]");
    }

    #[test]
    fn an_empty_list_takes_a_comma_with_it() {
        let l: (&str, &[&str]) = ("l", &[]);
        assert_eq!(expanded(&[l], "x in (a, l)"), "x in (a  )");
        assert_eq!(expanded(&[l], "x in (l, a)"), "x in (   a)");
        assert_eq!(expanded(&[l], "x in (l)"), "x in (  )");
        assert_eq!(expanded(&[l], "(a, l, l, b)"), "(a    , b)");
    }

    #[test]
    fn later_lists_replace_what_earlier_ones_bring_in() {
        assert_eq!(expanded(&[("a", &["b"]), ("b", &["x"])], "(a)"), "( x )");
        assert_eq!(expanded(&[("b", &["x"]), ("a", &["b"])], "(a)"), "( b )");
        let expanded =
            lists(&[("a", &["b c"]), ("b c", &["x"]), ("d", &[])]).expand("(a, b c)", false).unwrap();
        assert_eq!(expanded.text, "( \"b c\" , x )");
        assert_eq!(expanded.lists, [0, 1]);
    }

    #[test]
    fn places_are_found_again() {
        let mut lists = lists(&[("l", &["aaa", "m"]), ("m", &["bbb"]), ("e", &[])]);
        let text = "x in (l, e) and y = z";
        let expanded = lists.expand(text, false).unwrap();
        let origin = |word: &str| expanded.origin(expanded.text.find(word).unwrap());
        assert_eq!(origin("x"), 0);
        assert_eq!(origin("aaa"), 6);
        assert_eq!(origin("bbb"), 6);
        assert_eq!(&text[origin("and")..][..3], "and");
        assert_eq!(&text[origin("z")..], "z");
    }

    #[test]
    fn literals_stand_for_themselves() {
        let cases = [
            ("a", "a"),
            ("a b", "\"a b\""),
            ("'a b'", "'a b'"),
            ("a\"b", "\"a\\\"b\""),
            ("k=v", "\"k=v\""),
            ("a,b", "\"a,b\""),
            (r"C:\Program Files", r#""C:\\Program Files""#),
            (r"a\nb c", r#""a\nb c""#),
            ("\"", "\"\\\"\""),
            ("", "\"\""),
        ];
        for (item, literal) in cases {
            assert_eq!(quote_item(item, true), literal, "{item}");
            let condition = format!("proc.name = {literal}");
            assert!(saker_filter::parse(&condition, 10).is_ok(), "{condition}");
        }
    }

    #[test]
    fn bombs_are_refused() {
        let names: Vec<String> = (0..64).map(|i| format!("l{i}")).collect();
        let items: Vec<[&str; 2]> = (0..63).map(|i| [names[i + 1].as_str(); 2]).collect();
        let all: Vec<(&str, &[&str])> = (0..63).map(|i| (names[i].as_str(), items[i].as_slice())).collect();
        assert!(lists(&all).expand("(l0)", false).is_err());
    }

    /// The replacement as it is described: one name after the other, always in the whole text.
    fn naive(lists: &[(String, Vec<String>)], text: &str) -> String {
        let mut text = text.to_owned();
        for (name, items) in lists {
            let items = items.join(", ");
            let mut from = 0;
            while let Some(found) = text.get(from..).and_then(|rest| rest.find(name.as_str())) {
                let (mut start, mut end) = (from + found, from + found + name.len());
                from = start + 1;
                let bytes = text.as_bytes();
                if start > 0 && !is_delimiter(bytes[start - 1])
                    || end < bytes.len() && !is_delimiter(bytes[end])
                {
                    continue;
                }
                while start > 0 && is_blank(bytes[start - 1]) {
                    start -= 1;
                }
                while end < bytes.len() && is_blank(bytes[end]) {
                    end += 1;
                }
                if items.is_empty() && start > 0 && bytes[start - 1] == b',' {
                    start -= 1;
                } else if items.is_empty() && end < bytes.len() && bytes[end] == b',' {
                    end += 1;
                }
                let lead = if start > 0 { " " } else { "" };
                text = format!("{}{lead}{items} {}", &text[..start], &text[end..]);
                from = start + items.len() + 2;
            }
        }
        text
    }

    proptest! {
        #[test]
        fn replacement_is_that_of_the_description(
            lists in prop::collection::vec(("[ab]{1,2}|a b|a,", prop::collection::vec("[abc]|ab", 0..3)), 0..4),
            text in "[abc ,()=]{0,24}",
        ) {
            let mut named: Vec<(String, Vec<String>)> = Vec::new();
            for (name, items) in lists {
                if named.iter().all(|(other, _)| *other != name) {
                    named.push((name, items));
                }
            }
            let compiled = named.iter().map(|(name, items)| CompiledList {
                name: name.clone(),
                items: items.clone(),
                used: false,
            });
            let expanded = Lists::new(compiled.collect()).expand(&text, false).unwrap();
            prop_assert_eq!(&expanded.text, &naive(&named, &text));
            for at in 0..=expanded.text.len() {
                prop_assert!(expanded.origin(at) <= text.len());
            }
        }
    }
}
