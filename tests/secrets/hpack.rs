//! Decodes header blocks of HTTP/2 on the wire (RFC 7541), as far as a client's requests need it.

use std::fmt;

/// How a field was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// As a reference into a table: the value is known to both sides.
    Indexed,
    /// The value is in full, and added to the table.
    ThenIndexed,
    /// The value is in full, but not added to the table.
    NotIndexed,
    /// The value is in full, and every proxy must write it in full too: the prefix is `0001`.
    NeverIndexed,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) written: Written,
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({:?})", self.name, self.value, self.written)
    }
}

/// The decoder of one connection, with its dynamic table, newest entry first.
#[derive(Default)]
pub(crate) struct Decoder {
    pub(crate) table: Vec<(String, String)>,
}

impl Decoder {
    pub(crate) fn decode(&mut self, block: &[u8]) -> Vec<Field> {
        let mut rest = block;
        let mut fields = vec![];
        while let Some(&first) = rest.first() {
            let written = match first {
                0x80.. => Written::Indexed,
                0x40.. => Written::ThenIndexed,
                0x20.. => {
                    integer(&mut rest, 5); // the table's size
                    continue;
                }
                0x10.. => Written::NeverIndexed,
                _ => Written::NotIndexed,
            };
            let (name, value) = match written {
                Written::Indexed => self.entry(integer(&mut rest, 7)),
                Written::ThenIndexed => self.literal(&mut rest, 6),
                _ => self.literal(&mut rest, 4),
            };
            if written == Written::ThenIndexed {
                self.table.insert(0, (name.clone(), value.clone()));
            }
            fields.push(Field { name, value, written });
        }
        fields
    }

    fn literal(&self, rest: &mut &[u8], prefix: u32) -> (String, String) {
        let name = match integer(rest, prefix) {
            0 => string(rest),
            index => self.entry(index).0,
        };
        (name, string(rest))
    }

    fn entry(&self, index: usize) -> (String, String) {
        match index {
            // Only this entry of the static table matters here.
            23 => ("authorization".to_owned(), String::new()),
            0..=61 => (format!("static {index}"), String::new()),
            _ => self.table[index - 62].clone(),
        }
    }
}

/// Section 5.1.
fn integer(rest: &mut &[u8], prefix: u32) -> usize {
    let mask = (1_usize << prefix) - 1;
    let mut value = usize::from(byte(rest)) & mask;
    if value == mask {
        for shift in (0..).step_by(7) {
            let next = usize::from(byte(rest));
            value += (next & 0x7f) << shift;
            if next < 0x80 {
                break;
            }
        }
    }
    value
}

fn byte(rest: &mut &[u8]) -> u8 {
    let (first, others) = rest.split_first().unwrap();
    *rest = others;
    *first
}

/// Section 5.2.
fn string(rest: &mut &[u8]) -> String {
    let huffman = rest[0] >= 0x80;
    let length = integer(rest, 7);
    let (text, others) = rest.split_at(length);
    *rest = others;
    match huffman {
        true => unpacked(text),
        false => String::from_utf8(text.to_vec()).unwrap(),
    }
}

/// The Huffman codes of appendix B with up to eight bits: their length, the first code, and their
/// characters.
const CODES: [(u32, u32, &str); 4] = [
    (5, 0, "012aceiost"),
    (6, 20, " %-./3456789=A_bdfghlmnpru"),
    (7, 92, ":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"),
    (8, 248, "&*,;XZ"),
];

fn unpacked(packed: &[u8]) -> String {
    let bits = packed.iter().flat_map(|byte| (0..8).rev().map(move |n| u32::from(byte >> n & 1)));
    let mut text = String::new();
    let (mut code, mut length) = (0, 0);
    for bit in bits {
        (code, length) = (code << 1 | bit, length + 1);
        let found = CODES.iter().find_map(|(bits, first, letters)| {
            let index = code.checked_sub(*first).filter(|_| *bits == length)?;
            letters.chars().nth(index as usize)
        });
        if let Some(letter) = found {
            text.push(letter);
            (code, length) = (0, 0);
        } else if length == 8 && code != 255 {
            panic!("a character that this test does not know");
        } else if length > 8 {
            // Longer codes begin with eight ones. A URL or a media type may contain one.
            text.push('?');
            return text;
        }
    }
    text // the rest is padding: ones
}

#[test]
fn the_examples_of_the_rfc_are_read() {
    let hex = |text: &str| -> Vec<u8> {
        let digit = |n: usize| u8::from_str_radix(&text[n..n + 2], 16).unwrap();
        (0..text.len()).step_by(2).map(digit).collect()
    };
    // Sections C.2.3 (never indexed), C.4.1 and C.4.3.
    let field = |block: &str| Decoder::default().decode(&hex(block));
    let never = &field("100870617373776f726406736563726574")[0];
    assert_eq!(format!("{never:?}"), "password: secret (NeverIndexed)");
    let first = field("828684418cf1e3c2e5f23a6ba0ab90f4ff");
    assert_eq!(first[3].value, "www.example.com");
    let third = field("408825a849e95ba97d7f8925a849e95bb8e8b4bf");
    assert_eq!(format!("{:?}", third[0]), "custom-key: custom-value (ThenIndexed)");
    let padded = field("1008706173732d776f7206736563726574"); // a name with a dash
    assert_eq!(padded[0].name, "pass-wor");
    assert_eq!(integer(&mut &[0x1f, 0x9a, 0x0a][..], 5), 1_337, "section C.1.2");
}
