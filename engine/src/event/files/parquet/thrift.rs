//! Thrift's compact protocol, as much of it as Parquet's metadata take to be written
//! (thrift.apache.org, doc/specs/thrift-compact-protocol.md).

/// Types of fields and of the elements of lists.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Type {
    True = 1,
    False = 2,
    I8 = 3,
    I32 = 5,
    I64 = 6,
    Binary = 8,
    List = 9,
    Struct = 12,
}

/// A struct that is being written: its fields, in ascending order.
pub(super) struct Struct<'a> {
    out: &'a mut Vec<u8>,
    last: u8,
}

/// Writes a struct.
pub(super) fn write(out: &mut Vec<u8>, fill: impl FnOnce(&mut Struct<'_>)) {
    fill(&mut Struct { out, last: 0 });
    out.push(0);
}

impl Struct<'_> {
    pub(super) fn flag(&mut self, id: u8, yes: bool) {
        self.field(id, if yes { Type::True } else { Type::False });
    }

    pub(super) fn i8(&mut self, id: u8, value: i8) {
        self.field(id, Type::I8);
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn i32(&mut self, id: u8, value: i32) {
        self.field(id, Type::I32);
        zigzag(self.out, value.into());
    }

    pub(super) fn i64(&mut self, id: u8, value: i64) {
        self.field(id, Type::I64);
        zigzag(self.out, value);
    }

    pub(super) fn text(&mut self, id: u8, text: &str) {
        self.field(id, Type::Binary);
        binary(self.out, text);
    }

    pub(super) fn nested(&mut self, id: u8, fill: impl FnOnce(&mut Struct<'_>)) {
        self.field(id, Type::Struct);
        write(self.out, fill);
    }

    /// A list of structs.
    pub(super) fn structs<T>(
        &mut self,
        id: u8,
        items: impl ExactSizeIterator<Item = T>,
        mut fill: impl FnMut(&mut Struct<'_>, T),
    ) {
        self.list(id, Type::Struct, items.len());
        for item in items {
            write(self.out, |one| fill(one, item));
        }
    }

    pub(super) fn i32s(&mut self, id: u8, values: &[i32]) {
        self.list(id, Type::I32, values.len());
        for &value in values {
            zigzag(self.out, value.into());
        }
    }

    pub(super) fn texts(&mut self, id: u8, texts: &[&str]) {
        self.list(id, Type::Binary, texts.len());
        for text in texts {
            binary(self.out, text);
        }
    }

    fn list(&mut self, id: u8, of: Type, len: usize) {
        self.field(id, Type::List);
        if len < 15 {
            self.out.push((len as u8) << 4 | of as u8);
        } else {
            self.out.push(0xf0 | of as u8);
            varint(self.out, len as u64);
        }
    }

    fn field(&mut self, id: u8, of: Type) {
        // Parquet's structs have no gaps of 16 and more, which would be written otherwise.
        let step = id - self.last;
        assert!((1..16).contains(&step), "field {id} after {}", self.last);
        self.out.push(step << 4 | of as u8);
        self.last = id;
    }
}

fn binary(out: &mut Vec<u8>, text: &str) {
    varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn zigzag(out: &mut Vec<u8>, value: i64) {
    varint(out, (value << 1 ^ value >> 63).cast_unsigned());
}

/// Seven bits a byte, the lowest first.
pub(super) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_struct_is_written_as_the_specification_says() {
        let mut out = Vec::new();
        write(&mut out, |fields| {
            fields.i32(1, -1);
            fields.i64(3, 300);
            fields.text(4, "ab");
            fields.flag(5, true);
            fields.nested(6, |inner| inner.i8(10, -2));
            fields.i32s(7, &[1; 15]);
            fields.texts(8, &["x"]);
        });
        let mut expected = vec![
            0x15, 1, // delta 1, i32, zigzag(-1)
            0x26, 0xd8, 0x04, // delta 2, i64, zigzag(300) = 600
            0x18, 2, b'a', b'b', // binary
            0x11, // true, without a value
            0x1c, 0xa3, 0xfe, 0, // struct { field 10: i8 }
            0x19, 0xf5, 15, // a list of fifteen i32
        ];
        expected.extend([2; 15]);
        expected.extend([0x19, 0x18, 1, b'x', 0]);
        assert_eq!(out, expected);
    }
}
