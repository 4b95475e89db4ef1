//! Writes small ONNX files: just enough of the format, by hand, to ask one question of the crate at a time.

/// Element types of the format.
#[derive(Clone, Copy)]
pub enum Kind {
    F32 = 1,
    U8 = 2,
    I8 = 3,
    U16 = 4,
    I16 = 5,
    I32 = 6,
    I64 = 7,
    String = 8,
    Bool = 9,
    F16 = 10,
    F64 = 11,
    U32 = 12,
    U64 = 13,
    Bf16 = 16,
}

/// A side of a shape: a number, or open under a name.
#[derive(Clone, Copy)]
pub enum Side {
    Open(&'static str),
    Fixed(u64),
}

/// Rows and tokens, both open.
pub const TEXTS: &[Side] = &[Side::Open("batch"), Side::Open("sequence")];

#[derive(Default)]
pub struct Graph {
    nodes: Message,
}

impl Graph {
    pub fn input(mut self, name: &str, kind: Kind, shape: &[Side]) -> Self {
        self.nodes.message(11, &value(name, kind, shape));
        self
    }

    pub fn output(mut self, name: &str, kind: Kind, shape: &[Side]) -> Self {
        self.nodes.message(12, &value(name, kind, shape));
        self
    }

    pub fn floats(self, name: &str, shape: &[u64], numbers: &[f32]) -> Self {
        let bytes: Vec<u8> = numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        self.constant(name, Kind::F32, shape, &bytes)
    }

    pub fn integers(self, name: &str, numbers: &[i64]) -> Self {
        let bytes: Vec<u8> = numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        self.constant(name, Kind::I64, &[numbers.len() as u64], &bytes)
    }

    fn constant(mut self, name: &str, kind: Kind, shape: &[u64], bytes: &[u8]) -> Self {
        let mut tensor = Message::default();
        shape.iter().for_each(|&side| tensor.number(1, side));
        tensor.number(2, kind as u64);
        tensor.bytes(8, name.as_bytes());
        tensor.bytes(9, bytes);
        self.nodes.message(5, &tensor);
        self
    }

    /// A constant of fp32 whose numbers are in another file.
    pub fn elsewhere(mut self, name: &str, shape: &[u64], path: &str) -> Self {
        let (mut tensor, mut place) = (Message::default(), Message::default());
        place.bytes(1, b"location");
        place.bytes(2, path.as_bytes());
        shape.iter().for_each(|&side| tensor.number(1, side));
        tensor.number(2, Kind::F32 as u64);
        tensor.bytes(8, name.as_bytes());
        tensor.message(13, &place);
        tensor.number(14, 1);
        self.nodes.message(5, &tensor);
        self
    }

    /// A node; `attributes` are integers.
    pub fn node(
        mut self,
        operator: &str,
        inputs: &[&str],
        output: &str,
        attributes: &[(&str, u64)],
    ) -> Self {
        let mut node = Message::default();
        inputs
            .iter()
            .for_each(|input| node.bytes(1, input.as_bytes()));
        node.bytes(2, output.as_bytes());
        node.bytes(4, operator.as_bytes());
        for (name, number) in attributes {
            let mut attribute = Message::default();
            attribute.bytes(1, name.as_bytes());
            attribute.number(3, *number);
            attribute.number(20, 2);
            node.message(5, &attribute);
        }
        self.nodes.message(1, &node);
        self
    }

    pub fn build(mut self) -> Vec<u8> {
        self.nodes.bytes(2, b"small");
        let (mut operators, mut about) = (Message::default(), Message::default());
        operators.number(2, 17);
        about.bytes(1, b"dictionary");
        about.bytes(2, "甲\n乙".as_bytes());
        let mut model = Message::default();
        model.number(1, 8);
        model.message(7, &self.nodes);
        model.message(8, &operators);
        model.message(14, &about);
        model.0
    }
}

fn value(name: &str, kind: Kind, shape: &[Side]) -> Message {
    let mut sides = Message::default();
    for side in shape {
        let mut dimension = Message::default();
        match side {
            Side::Open(name) => dimension.bytes(2, name.as_bytes()),
            Side::Fixed(length) => dimension.number(1, *length),
        }
        sides.message(1, &dimension);
    }
    let (mut tensor, mut kinds, mut value) =
        (Message::default(), Message::default(), Message::default());
    tensor.number(1, kind as u64);
    tensor.message(2, &sides);
    kinds.message(1, &tensor);
    value.bytes(1, name.as_bytes());
    value.message(2, &kinds);
    value
}

/// A message of Protocol Buffers.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut number: u64) {
        while number > 0x7f {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn number(&mut self, field: u64, number: u64) {
        self.varint(field << 3);
        self.varint(number);
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn message(&mut self, field: u64, message: &Message) {
        self.bytes(field, &message.0);
    }
}
