//! As much of XML as an SVG of ours has.

/// An element of a well-formed document, or a text in it.
#[derive(Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) text: String,
}

impl Element {
    pub(crate) fn get(&self, name: &str) -> &str {
        let found = self.attributes.iter().find(|(its_name, _)| its_name == name);
        found.map_or("", |(_, value)| value)
    }

    pub(crate) fn number(&self, name: &str) -> f64 {
        self.get(name).parse().unwrap()
    }
}

/// All elements, in the order in which they begin. Fails if the document is not well-formed.
pub(crate) fn elements(xml: &str) -> Vec<Element> {
    let (mut found, mut open): (Vec<Element>, Vec<usize>) = Default::default();
    let mut rest = xml.trim_end();
    while let Some((text, after)) = rest.split_once('<') {
        if let Some(at) = open.last() {
            found[*at].text += &unescaped(text);
        } else {
            assert!(text.is_empty(), "text outside the root: {text:?}");
        }
        let (tag, after) = after.split_once('>').unwrap();
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            let closed = open.pop().unwrap();
            assert_eq!(found[closed].name, name);
            continue;
        }
        assert!(!open.is_empty() || found.is_empty(), "a second root: {tag}");
        let (tag, is_closed) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        found.push(element(tag));
        if !is_closed {
            open.push(found.len() - 1);
        }
    }
    assert!(open.is_empty() && rest.is_empty(), "not closed: {open:?} {rest:?}");
    found
}

fn element(tag: &str) -> Element {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "{name:?}");
    let mut attributes = vec![];
    while let Some((name, after)) = rest.trim_start().split_once("=\"") {
        assert!(name.chars().all(|c| c.is_ascii_alphabetic() || c == '-'), "{name:?}");
        let (value, after) = after.split_once('"').unwrap();
        assert!(attributes.iter().all(|(its_name, _)| its_name != name), "twice: {name}");
        attributes.push((name.to_owned(), unescaped(value)));
        rest = after;
    }
    assert!(rest.trim().is_empty(), "{rest:?}");
    Element { name: name.to_owned(), attributes, text: String::new() }
}

fn unescaped(text: &str) -> String {
    let forbidden = |c: char| c == '>' || (c.is_control() && c != '\n') || c == '\u{ffff}';
    assert!(!text.contains(forbidden), "{text:?}");
    let mut parts = text.split('&');
    let mut plain = parts.next().unwrap().to_owned();
    for part in parts {
        let (entity, after) = part.split_once(';').unwrap();
        let names = [("amp", "&"), ("lt", "<"), ("gt", ">"), ("quot", "\"")];
        plain += names.iter().find(|(name, _)| *name == entity).unwrap().1;
        plain += after;
    }
    plain
}
