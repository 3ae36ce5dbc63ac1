//! `pmatch`: whether one of a set of paths is a value or one of its parent directories.

use super::glob::Glob;

/// The paths, as a tree of their components. A component may be a pattern.
#[derive(Clone, Debug)]
pub(crate) struct PathTree {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    /// A path ends here; what is below is of no matter.
    end: bool,
    /// Sorted.
    literals: Vec<(Box<[u8]>, usize)>,
    patterns: Vec<(Glob, usize)>,
}

/// The components of a path. Empty ones do not count, so `/etc`, `etc/` and `//etc` are the same.
fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/').filter(|component| !component.is_empty())
}

impl PathTree {
    pub(crate) fn new<'p>(paths: impl IntoIterator<Item = &'p [u8]>) -> Self {
        let mut tree = PathTree { nodes: vec![Node::default()] };
        for path in paths {
            let mut node = 0;
            for component in components(path) {
                node = tree.child(node, component);
            }
            tree.nodes[node].end = true;
        }
        tree
    }

    fn child(&mut self, node: usize, component: &[u8]) -> usize {
        let next = self.nodes.len();
        let parent = &mut self.nodes[node];
        let child = if component.iter().any(|byte| b"?*[".contains(byte)) {
            let pattern = Glob::new(component, false);
            match parent.patterns.iter().find(|(own, _)| *own == pattern) {
                Some((_, child)) => *child,
                None => {
                    parent.patterns.push((pattern, next));
                    next
                }
            }
        } else {
            match parent.literals.binary_search_by(|(own, _)| (**own).cmp(component)) {
                Ok(at) => parent.literals[at].1,
                Err(at) => {
                    parent.literals.insert(at, (component.into(), next));
                    next
                }
            }
        };
        if child == next {
            self.nodes.push(Node::default());
        }
        child
    }

    pub(crate) fn matches(&self, value: &[u8]) -> bool {
        self.matches_below(0, value)
    }

    fn matches_below(&self, mut node: usize, mut value: &[u8]) -> bool {
        loop {
            let here = &self.nodes[node];
            if here.end {
                return true;
            }
            let start = value.iter().position(|&byte| byte != b'/').unwrap_or(value.len());
            let rest = &value[start..];
            let length = memchr::memchr(b'/', rest).unwrap_or(rest.len());
            let (component, behind) = rest.split_at(length);
            if component.is_empty() {
                return false;
            }
            let literal = here.literals.binary_search_by(|(own, _)| (**own).cmp(component)).ok();
            for (pattern, child) in &here.patterns {
                if pattern.matches(component) && self.matches_below(*child, behind) {
                    return true;
                }
            }
            match literal {
                Some(at) => (node, value) = (here.literals[at].1, behind),
                None => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_parents() {
        let tree = PathTree::new([&b"/etc/ssl"[..], b"/usr/*/x", b"/u*r/lib", b"/var/log/"]);
        for value in ["/etc/ssl", "/etc/ssl/a/b", "etc//ssl/", "/usr/lib/x/y", "/usr/lib", "/var/log"] {
            assert!(tree.matches(value.as_bytes()), "{value}");
        }
        for value in ["/etc", "/etc/ssl2", "/usr/bin", "", "/", "/var/logs"] {
            assert!(!tree.matches(value.as_bytes()), "{value}");
        }
        for all in ["/", "", "//"] {
            let tree = PathTree::new([all.as_bytes()]);
            assert!(tree.matches(b"/x") && tree.matches(b"") && tree.matches(b"a b"));
        }
        assert!(!PathTree::new([]).matches(b"/"));
    }
}
