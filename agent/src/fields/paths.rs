//! Paths as Falco puts them together: lexically, from what a call was given and the directory it started in.

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

/// Longer paths are not put together.
const LONGEST: usize = 1024;

/// `path` seen from the directory `base` (which should end in a slash): `.`, `..` and double slashes are resolved
/// within `path`, a slash at the end is dropped. An absolute path stands for itself.
pub(super) fn join<'e>(arena: &'e Bump, base: &[u8], path: &[u8]) -> &'e [u8] {
    let path = path.split(|&byte| byte == 0).next().unwrap_or_default();
    if base.len() + path.len() + 1 > LONGEST {
        return b"/PATH_TOO_LONG";
    }
    let mut out = BumpVec::with_capacity_in(base.len() + path.len(), arena);
    if !path.is_empty() && path[0] != b'/' {
        out.extend_from_slice_copy(base);
    }
    let mut rest = path;
    while let [first, tail @ ..] = rest {
        let at_start = out.last().is_none_or(|&last| last == b'/');
        rest = match (first, tail) {
            (b'.', [b'.', b'/', tail @ ..]) if at_start => {
                to_parent(&mut out);
                tail
            }
            (b'.', [b'.']) if at_start => {
                to_parent(&mut out);
                &[]
            }
            (b'.', [b'/', tail @ ..]) if at_start => tail,
            (b'.', []) if at_start => &[],
            (b'/', _) if out.last() == Some(&b'/') => tail,
            (byte, _) => {
                out.push(*byte);
                tail
            }
        };
    }
    if out.len() > 1 && out.last() == Some(&b'/') {
        out.pop();
    }
    out.into_bump_slice()
}

/// Cuts off the last component, leaving the slash before it; the root stays.
fn to_parent(out: &mut BumpVec<'_, u8>) {
    if out.len() <= 1 {
        return;
    }
    out.pop();
    while out.len() > 1 && out.last() != Some(&b'/') {
        out.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_and_slashes_are_resolved() {
        let cases: [(&[u8], &[u8], &[u8]); 10] = [
            (b"/a/", b"b", b"/a/b"),
            (b"/a/", b"../b", b"/b"),
            (b"/a/", b"../../../b/.", b"/b"),
            (b"/a/", b"./b//c/", b"/a/b/c"),
            (b"/a/", b"/x/../y", b"/y"),
            (b"/a/", b"", b""),
            (b"/a/", b"..", b"/"),
            (b"/a/", b"...", b"/a/..."),
            (b"/a/", b".hidden", b"/a/.hidden"),
            (b".", b"/", b"/"),
        ];
        let arena = Bump::new();
        for (base, path, joined) in cases {
            assert_eq!(join(&arena, base, path), joined, "{}", String::from_utf8_lossy(path));
        }
        assert_eq!(join(&arena, b"/", &[b'x'; 2000]), b"/PATH_TOO_LONG");
    }
}
