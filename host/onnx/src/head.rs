//! Heads: layers that turn the vector of a text into a number for each label, alone or behind the model that makes the
//! vector.

use crate::array::tensor;
use crate::elem::Elem;
use crate::error::OnnxError;
use crate::graph::{Names, drop_unread, int_attribute, node, uses};
use crate::limits::Limits;
use crate::model::Model;
use crate::proto::{
    AttributeProto, DimensionProto, DimensionValue, GraphProto, ModelProto, NodeProto,
    OperatorSetIdProto, TensorShapeProto, TensorType, TypeProto, TypeValue, ValueInfoProto,
};

/// The operator set of a head that is written alone.
const OPSET: i64 = 17;
/// The format that goes with it.
const IR: i64 = 8;
/// `Where`, `Greater` of integers and `Max` with broadcasting are there from this operator set on.
const OLDEST: i64 = 9;
/// From here on `ReduceSum` takes its axes as an input.
const SUM_BY_INPUT: i64 = 13;
/// From here on the other reductions do too.
const REDUCE_BY_INPUT: i64 = 18;

/// One layer: numbers times weights plus bias. Between two layers what is negative becomes 0 (`Relu`).
#[derive(Debug, Clone, PartialEq)]
pub struct Affine {
    /// `[inputs, outputs]`, one row after the other.
    pub weights: Vec<f32>,
    /// One for each output.
    pub bias: Vec<f32>,
}

/// The vectors that a model gives, and what becomes of them before a head sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pooled {
    /// The output that holds them.
    pub output: String,
    /// How the vectors of the tokens become one; none where the output holds one for each text.
    pub tokens: Option<TokenPooling>,
    /// Whether they are scaled to length 1.
    pub normalize: bool,
}

/// How the vectors of tokens become that of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenPooling {
    /// The mean of those that `attention_mask` names; of all where the model takes no mask.
    Mean,
    /// The first.
    First,
}

/// Characters that a head weighs beside the vector: the tokens of a text that have a place count 1/√n each, n being how
/// many there are in the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Characters {
    /// The place of each token by its number; `weights` has a row for each place, and none for the place behind the last.
    pub places: Vec<i64>,
    /// `[places, outputs of the first layer]`, one row after the other.
    pub weights: Vec<f32>,
    /// The highest token that the model itself knows.
    pub highest: i64,
    /// What the model reads in the place of a higher one.
    pub unknown: i64,
}

/// A head alone: takes `embedding` (texts × numbers) and gives `probabilities` (texts × labels).
///
/// # Errors
/// [`OnnxError::Graph`] where the layers do not fit each other.
pub fn head_alone(layers: &[Affine], dimensions: usize) -> Result<Model, OnnxError> {
    let mut build = Build::new(GraphProto::default(), OPSET);
    build.graph.name = Some("head".into());
    build.graph.input = vec![declared("embedding", dimensions)];
    let labels = build.layers(layers, dimensions, "embedding".into(), None)?;
    let (scores, labels) = labels;
    build.push(
        "Softmax",
        vec![scores],
        "probabilities",
        vec![int_attribute("axis", -1)],
    );
    build.graph.output = vec![declared("probabilities", labels)];
    let model = Model {
        proto: ModelProto {
            ir_version: Some(IR),
            producer_name: Some("steward".into()),
            opset_import: vec![OperatorSetIdProto {
                domain: None,
                version: Some(OPSET),
            }],
            graph: build.graph,
            ..ModelProto::default()
        },
        limits: Limits::default(),
    };
    model.check()?;
    Ok(model)
}

/// A model with a head behind it: takes what the model takes and gives `logits` (texts × labels), and nothing else.
///
/// The weights of the model stay as they are. `dimensions` is how many numbers its vectors have.
///
/// # Errors
/// [`OnnxError::Graph`] where the model has no such output, no input `input_ids`, an operator set before 9, or where the
/// layers do not fit.
pub fn join_head(
    model: &Model,
    pooled: &Pooled,
    dimensions: usize,
    layers: &[Affine],
    characters: Option<&Characters>,
) -> Result<Model, OnnxError> {
    let mut joined = model.clone();
    let opset = joined.opset();
    if opset < OLDEST {
        return Err(OnnxError::graph(format!(
            "it is of the operator set {opset}; a head needs {OLDEST} or later: export the model anew"
        )));
    }
    if !joined
        .graph()
        .output
        .iter()
        .any(|o| o.name() == pooled.output)
    {
        return Err(OnnxError::graph(format!(
            "it gives no output `{}`",
            pooled.output
        )));
    }
    let inputs: Vec<String> = joined
        .inputs()
        .into_iter()
        .map(|input| input.name)
        .collect();
    let before = uses(joined.graph());
    let mut build = Build::new(std::mem::take(joined.graph_mut()), opset);
    let mask = inputs.iter().any(|input| input == "attention_mask");
    let mask = mask.then(|| build.cast("attention_mask"));
    let beside = characters
        .map(|characters| build.characters(characters, layers, mask.as_deref(), &inputs))
        .transpose()?;
    let vector = build.pool(pooled, mask.as_deref());
    let (scores, labels) = build.layers(layers, dimensions, vector, beside)?;
    let logits = build.names.fresh("logits".into());
    build.push("Identity", vec![scores], &logits, Vec::new());
    build.graph.output = vec![declared(&logits, labels)];
    drop_unread(&mut build.graph, &before);
    *joined.graph_mut() = build.graph;
    joined.check()?;
    Ok(joined)
}

/// A graph that grows.
struct Build {
    graph: GraphProto,
    names: Names,
    opset: i64,
}

/// What is added to what the first layer gives.
type Beside = String;

impl Build {
    fn new(graph: GraphProto, opset: i64) -> Self {
        let names = Names::of(&graph);
        Self {
            graph,
            names,
            opset,
        }
    }

    /// A node whose output has this very name.
    fn push(
        &mut self,
        op: &str,
        input: Vec<String>,
        output: &str,
        attributes: Vec<AttributeProto>,
    ) {
        let name = self.names.fresh(format!("head/{op}"));
        let mut made = node(op, name, input, vec![output.to_owned()]);
        made.attribute = attributes;
        self.graph.node.push(made);
    }

    /// A node, and the name of what it gives.
    fn node(&mut self, op: &str, input: Vec<String>, attributes: Vec<AttributeProto>) -> String {
        let output = self.names.fresh(format!("head/{op}_output"));
        self.push(op, input, &output, attributes);
        output
    }

    fn floats(&mut self, what: &str, dims: &[usize], values: &[f32]) -> String {
        let raw = values.iter().flat_map(|value| value.to_le_bytes());
        self.weight(what, Elem::F32, dims, raw.collect())
    }

    fn numbers(&mut self, what: &str, dims: &[usize], values: &[i64]) -> String {
        let raw = values.iter().flat_map(|value| value.to_le_bytes());
        self.weight(what, Elem::I64, dims, raw.collect())
    }

    fn weight(&mut self, what: &str, elem: Elem, dims: &[usize], raw: Vec<u8>) -> String {
        let name = self.names.fresh(format!("head/{what}"));
        self.graph.initializer.push(tensor(&name, elem, dims, raw));
        name
    }

    fn cast(&mut self, what: &str) -> String {
        let to = int_attribute("to", i64::from(Elem::F32.0));
        self.node("Cast", vec![what.to_owned()], vec![to])
    }

    /// `[texts, tokens]` × `[texts, tokens, numbers]`: the sum over the tokens of each text, `[texts, numbers]`.
    fn weighted_sum(&mut self, weights: &str, vectors: &str) -> String {
        let shape = self.numbers("row_shape", &[3], &[0, 1, -1]);
        let rows = self.node("Reshape", vec![weights.to_owned(), shape], Vec::new());
        let sums = self.node("MatMul", vec![rows, vectors.to_owned()], Vec::new());
        let shape = self.numbers("vector_shape", &[2], &[0, -1]);
        self.node("Reshape", vec![sums, shape], Vec::new())
    }

    /// A reduction along the side 1. The axes became an input with an operator set of their own for `ReduceSum`.
    fn reduce(&mut self, op: &str, what: &str, keep: bool) -> String {
        let by_input = match op {
            "ReduceSum" => SUM_BY_INPUT,
            _ => REDUCE_BY_INPUT,
        };
        let mut input = vec![what.to_owned()];
        let mut attributes = vec![int_attribute("keepdims", i64::from(keep))];
        if self.opset >= by_input {
            input.push(self.numbers("axes", &[1], &[1]));
        } else {
            attributes.push(AttributeProto {
                name: Some("axes".into()),
                r#type: Some(7),
                ints: vec![1],
                ..AttributeProto::default()
            });
        }
        self.node(op, input, attributes)
    }

    /// The larger of a value and a number.
    fn at_least(&mut self, what: String, least: f32) -> String {
        let least = self.floats("least", &[1], &[least]);
        self.node("Max", vec![what, least], Vec::new())
    }

    /// The vector of each text, as the engine makes it.
    fn pool(&mut self, pooled: &Pooled, mask: Option<&str>) -> String {
        let output = pooled.output.as_str();
        let vector = match (pooled.tokens, mask) {
            (None, _) => output.to_owned(),
            (Some(TokenPooling::First), _) => {
                let first = self.numbers("first", &[], &[0]);
                let input = vec![output.to_owned(), first];
                self.node("Gather", input, vec![int_attribute("axis", 1)])
            }
            (Some(TokenPooling::Mean), None) => self.reduce("ReduceMean", output, false),
            (Some(TokenPooling::Mean), Some(mask)) => {
                let sum = self.weighted_sum(mask, output);
                let count = self.reduce("ReduceSum", mask, true);
                self.node("Div", vec![sum, count], Vec::new())
            }
        };
        if !pooled.normalize {
            return vector;
        }
        let length = self.reduce("ReduceL2", &vector, true);
        // The zero vector has no direction and stays.
        let length = self.at_least(length, f32::MIN_POSITIVE);
        self.node("Div", vec![vector, length], Vec::new())
    }

    /// What the characters of each text add to the first layer, `[texts, outputs]`. From here on the model reads its
    /// token for what it does not know in the place of every token that is the head's alone.
    fn characters(
        &mut self,
        characters: &Characters,
        layers: &[Affine],
        mask: Option<&str>,
        inputs: &[String],
    ) -> Result<Beside, OnnxError> {
        const IDS: &str = "input_ids";
        if !inputs.iter().any(|input| input == IDS) {
            return Err(OnnxError::graph("it has no input `input_ids`"));
        }
        let outputs = layers.first().map_or(0, |layer| layer.bias.len());
        let count = characters.weights.len() / outputs.max(1);
        let fits = outputs > 0 && count * outputs == characters.weights.len();
        let last = i64::try_from(count).unwrap_or(i64::MAX);
        if !fits
            || characters
                .places
                .iter()
                .any(|place| !(0..=last).contains(place))
        {
            return Err(OnnxError::graph(
                "the characters of the head do not fit its first layer",
            ));
        }
        let own = std::mem::take(&mut self.graph.node);
        let to = int_attribute("to", i64::from(Elem::I64.0));
        let ids = self.node("Cast", vec![IDS.to_owned()], vec![to]);
        let highest = self.numbers("highest", &[], &[characters.highest]);
        let foreign = self.node("Greater", vec![ids.clone(), highest], Vec::new());
        let unknown = self.numbers("unknown", &[], &[characters.unknown]);
        let input = vec![foreign, unknown, ids.clone()];
        let known = self.node("Where", input, Vec::new());
        let elem = self.graph.input.iter().find(|input| input.name() == IDS);
        let elem = elem.and_then(elem_of).unwrap_or(Elem::I64);
        let known = match elem {
            Elem::I64 => known,
            other => {
                let to = int_attribute("to", i64::from(other.0));
                self.node("Cast", vec![known], vec![to])
            }
        };
        let renamed = own.into_iter().map(|mut node| {
            rename(&mut node, IDS, &known);
            node
        });
        self.graph.node.extend(renamed.collect::<Vec<_>>());

        let places = self.numbers("places", &[characters.places.len()], &characters.places);
        let places = self.node("Gather", vec![places, ids], Vec::new());
        let mut weights = characters.weights.clone();
        weights.extend(std::iter::repeat_n(0.0, outputs));
        let weights = self.floats("character_weights", &[count + 1, outputs], &weights);
        let rows = self.node("Gather", vec![weights, places.clone()], Vec::new());
        let mut ones = vec![1.0; count];
        ones.push(0.0);
        let ones = self.floats("counted", &[count + 1], &ones);
        let mut counted = self.node("Gather", vec![ones, places], Vec::new());
        if let Some(mask) = mask {
            counted = self.node("Mul", vec![counted, mask.to_owned()], Vec::new());
        }
        let sum = self.weighted_sum(&counted, &rows);
        let count = self.reduce("ReduceSum", &counted, true);
        let count = self.at_least(count, 1.0);
        let root = self.node("Sqrt", vec![count], Vec::new());
        Ok(self.node("Div", vec![sum, root], Vec::new()))
    }

    /// The layers one after the other: the name of what the last gives, and how many labels there are.
    fn layers(
        &mut self,
        layers: &[Affine],
        dimensions: usize,
        mut value: String,
        mut beside: Option<Beside>,
    ) -> Result<(String, usize), OnnxError> {
        let mut width = dimensions;
        for (place, layer) in layers.iter().enumerate() {
            let outputs = layer.bias.len();
            if outputs == 0 || width == 0 || layer.weights.len() != width * outputs {
                return Err(OnnxError::graph(format!(
                    "layer {place} of the head has {} weights for {width} numbers and {outputs} outputs",
                    layer.weights.len()
                )));
            }
            let weights = self.floats("weights", &[width, outputs], &layer.weights);
            let bias = self.floats("bias", &[outputs], &layer.bias);
            value = self.node("Gemm", vec![value, weights, bias], Vec::new());
            if let Some(beside) = beside.take() {
                value = self.node("Add", vec![value, beside], Vec::new());
            }
            if place + 1 < layers.len() {
                value = self.node("Relu", vec![value], Vec::new());
            }
            width = outputs;
        }
        if layers.is_empty() {
            return Err(OnnxError::graph("the head has no layer"));
        }
        Ok((value, width))
    }
}

/// Lets a node, and what lies inside of it, read another value.
fn rename(node: &mut NodeProto, from: &str, to: &str) {
    for name in node.input.iter_mut().filter(|name| *name == from) {
        *name = to.to_owned();
    }
    let inner = node.attribute.iter_mut();
    for graph in inner.flat_map(|attribute| {
        attribute
            .g
            .as_deref_mut()
            .into_iter()
            .chain(&mut attribute.graphs)
    }) {
        // What a subgraph calls by the same name is its own.
        let own = graph.input.iter().any(|input| input.name() == from)
            || graph.initializer.iter().any(|tensor| tensor.name() == from);
        if !own {
            graph
                .node
                .iter_mut()
                .for_each(|node| rename(node, from, to));
        }
    }
}

fn elem_of(info: &ValueInfoProto) -> Option<Elem> {
    match info.r#type.as_ref()?.value.as_ref()? {
        TypeValue::Tensor(tensor) => Some(Elem(tensor.elem_type())),
        _ => None,
    }
}

/// `[texts, size]` of fp32.
fn declared(name: &str, size: usize) -> ValueInfoProto {
    let dim = |value| DimensionProto {
        value: Some(value),
        ..DimensionProto::default()
    };
    let size = i64::try_from(size).unwrap_or(i64::MAX);
    let texts = DimensionValue::Param("texts".into());
    let shape = TensorShapeProto {
        dim: vec![dim(texts), dim(DimensionValue::Value(size))],
    };
    let tensor = TensorType {
        elem_type: Some(Elem::F32.0),
        shape: Some(shape),
    };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto {
            value: Some(TypeValue::Tensor(tensor)),
            ..TypeProto::default()
        }),
        ..ValueInfoProto::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, quantize};

    fn affine(inputs: usize, outputs: usize) -> Affine {
        Affine {
            weights: vec![0.5; inputs * outputs],
            bias: vec![0.0; outputs],
        }
    }

    #[test]
    fn a_head_alone_is_a_whole_model() {
        let model = head_alone(&[affine(4, 3), affine(3, 2)], 4).unwrap();
        let read = Model::parse(&model.encode()).unwrap();
        assert_eq!(read, model);
        let operators: Vec<_> = read.operators().into_keys().collect();
        assert_eq!(operators, ["Gemm", "Relu", "Softmax"]);
        assert_eq!(read.inputs()[0].name, "embedding");
        assert_eq!(read.outputs()[0].name, "probabilities");
    }

    #[test]
    fn layers_that_do_not_fit_are_refused() {
        for layers in [
            vec![],
            vec![affine(4, 3), affine(2, 2)],
            vec![affine(3, 2)],
            vec![affine(4, 0)],
        ] {
            let error = head_alone(&layers, 4).unwrap_err().to_string();
            assert!(error.contains("head"), "{error}");
        }
    }

    /// A model that gives `hidden` for `input_ids`, by looking them up.
    fn lookup(opset: i64) -> Model {
        let mut build = Build::new(GraphProto::default(), opset);
        let ids = |name: &str| {
            let mut info = declared(name, 1);
            if let Some(TypeValue::Tensor(tensor)) =
                info.r#type.as_mut().and_then(|kind| kind.value.as_mut())
            {
                tensor.elem_type = Some(Elem::I64.0);
            }
            info
        };
        build.graph.input = vec![ids("input_ids"), ids("attention_mask")];
        let table = build.floats("table", &[3, 2], &[0.0; 6]);
        build.push(
            "Gather",
            vec![table, "input_ids".into()],
            "hidden",
            Vec::new(),
        );
        build.graph.output = vec![declared("hidden", 2)];
        let mut model = head_alone(&[affine(1, 1)], 1).unwrap();
        model.proto.opset_import[0].version = Some(opset);
        *model.graph_mut() = build.graph;
        model
    }

    fn pooled(output: &str) -> Pooled {
        Pooled {
            output: output.into(),
            tokens: Some(TokenPooling::Mean),
            normalize: true,
        }
    }

    #[test]
    fn a_joined_model_gives_logits_alone_and_reads_what_it_knows() {
        for opset in [9, 13, 18] {
            let characters = Characters {
                places: vec![1, 1, 1, 0],
                weights: vec![0.1, 0.2],
                highest: 2,
                unknown: 0,
            };
            let base = lookup(opset);
            let joined = join_head(
                &base,
                &pooled("hidden"),
                2,
                &[affine(2, 2)],
                Some(&characters),
            )
            .unwrap();
            let read = Model::parse(&joined.encode()).unwrap();
            assert_eq!(read.outputs()[0].name, "logits");
            let lookup = read
                .graph()
                .node
                .iter()
                .find(|node| node.output[0] == "hidden");
            assert_ne!(lookup.unwrap().input[1], "input_ids");
        }
    }

    #[test]
    fn a_joined_model_can_be_made_smaller_as_any_other() {
        let characters = Characters {
            places: vec![0, 1, 2, 0],
            weights: vec![0.1; 64],
            highest: 2,
            unknown: 0,
        };
        let layers = [affine(2, 32), affine(32, 3)];
        let joined = join_head(
            &lookup(17),
            &pooled("hidden"),
            2,
            &layers,
            Some(&characters),
        )
        .unwrap();
        for options in [Options::int8(), Options::fp16()] {
            let (smaller, _) = quantize(&joined, &options).unwrap();
            smaller.check().unwrap();
            assert_eq!(smaller.outputs()[0].name, "logits");
        }
    }

    #[test]
    fn what_cannot_be_joined_is_refused() {
        let layers = [affine(2, 2)];
        let refused = |model: &Model, pooled: &Pooled, characters: Option<&Characters>| {
            let joined = join_head(model, pooled, 2, &layers, characters);
            joined.unwrap_err().to_string()
        };
        let old = refused(&lookup(8), &pooled("hidden"), None);
        assert!(old.contains("operator set 8"), "{old}");
        let other = refused(&lookup(17), &pooled("pooler"), None);
        assert!(other.contains("`pooler`"), "{other}");
        let wild = Characters {
            places: vec![7],
            weights: vec![0.0, 0.0],
            highest: 0,
            unknown: 0,
        };
        let wild = refused(&lookup(17), &pooled("hidden"), Some(&wild));
        assert!(wild.contains("characters"), "{wild}");
    }
}
