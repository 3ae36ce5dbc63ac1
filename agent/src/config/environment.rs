//! Variables in scalars: `${NAME}` is the environment's value, `$${NAME}` the text `${NAME}`.

/// Replaces the variables of a text by what `value` says of them; those without a value by nothing. What a value brings
/// along is not looked at again.
pub(super) fn expand(text: &str, mut value: impl FnMut(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('$') {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        let (escaped, braced) = match from.strip_prefix("$$") {
            Some(after) => (true, after.strip_prefix('{')),
            None => (false, from[1..].strip_prefix('{')),
        };
        match braced.and_then(|braced| braced.split_once('}')) {
            Some((name, after)) => {
                if escaped {
                    out.extend(["${", name, "}"]);
                } else if let Some(value) = value(name) {
                    out.push_str(&value);
                }
                rest = after;
            }
            None => {
                out.push('$');
                rest = &from[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_expand() {
        let value = |name: &str| match name {
            "A" => Some("one".to_owned()),
            "LOOP" => Some("${LOOP}".to_owned()),
            _ => None,
        };
        let text = "<${A}> $${A} ${NO} $5 ${LOOP} $$${A} $A ${";
        assert_eq!(expand(text, value), "<one> ${A}  $5 ${LOOP} $${A} $A ${");
    }
}
