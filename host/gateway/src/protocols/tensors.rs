//! Models of tensors.

use bytes::Bytes;
use steward_inference::{Sequence, Tensor as Input, TensorData};
use steward_models::{Answered, OpenModel};
use steward_protocols::{Data, Error, InferRequest, Output, Parameter, Parameters, Tensor};

use super::Answer;
use super::failure::failed;

/// Runs the model on the tensors of the request, in a sequence if the request names one.
pub(super) async fn infer(
    model: &OpenModel,
    request: InferRequest,
) -> Result<Answered<Answer>, Error> {
    let sequence = sequence(&request.parameters)?;
    let wanted: Vec<String> = request
        .outputs
        .into_iter()
        .map(|output| output.name)
        .collect();
    let wanted = (!wanted.is_empty()).then_some(wanted.as_slice());
    let inputs = request
        .inputs
        .into_iter()
        .map(input)
        .collect::<Result<Vec<_>, _>>()?;
    let answer = match &sequence {
        Some(sequence) => model.infer_in_sequence(sequence, inputs, wanted).await,
        None => model.infer(inputs, wanted).await,
    };
    let labels = &model.config().labels;
    let output = |tensor: Input| {
        let last = tensor.shape.last().copied().unwrap_or(0);
        let named = !labels.is_empty() && usize::try_from(last) == Ok(labels.len());
        Ok(Output {
            tensor: Tensor::new(tensor.name, tensor.shape, data(tensor.data))?,
            labels: if named {
                labels.as_slice().into()
            } else {
                Default::default()
            },
        })
    };
    let answered = answer.map_err(failed)?;
    let outputs = answered.value.into_iter().map(output);
    Ok(Answered {
        value: Answer {
            outputs: outputs.collect::<Result<_, Error>>()?,
            parameters: Parameters::new(),
        },
        by: answered.by,
    })
}

/// The sequence that a request belongs to, as Triton's clients say it. No name, an empty one and 0 are none.
fn sequence(parameters: &Parameters) -> Result<Option<Sequence>, Error> {
    let id = match parameters.get("sequence_id") {
        None => return Ok(None),
        Some(Parameter::String(id)) => id.clone(),
        Some(number) => match number.as_u64() {
            Some(0) => return Ok(None),
            Some(number) => number.to_string(),
            None => {
                return Err(Error::invalid(
                    "the parameter `sequence_id` must be a text or a number that is not negative",
                ));
            }
        },
    };
    if id.is_empty() {
        return Ok(None);
    }
    let flag = |name: &str| match parameters.get(name) {
        None => Ok(false),
        Some(value) => value
            .as_bool()
            .ok_or_else(|| Error::invalid(format!("the parameter `{name}` must be true or false"))),
    };
    Ok(Some(Sequence {
        id,
        start: flag("sequence_start")?,
        end: flag("sequence_end")?,
    }))
}

fn input(tensor: Tensor) -> Result<Input, Error> {
    let (name, shape, data) = tensor.into_parts();
    let data = match data {
        Data::Bool(values) => TensorData::Bool(values),
        Data::Uint8(values) => TensorData::U8(values),
        Data::Uint16(values) => TensorData::U16(values),
        Data::Uint32(values) => TensorData::U32(values),
        Data::Uint64(values) => TensorData::U64(values),
        Data::Int8(values) => TensorData::I8(values),
        Data::Int16(values) => TensorData::I16(values),
        Data::Int32(values) => TensorData::I32(values),
        Data::Int64(values) => TensorData::I64(values),
        Data::Fp16(values) => TensorData::F16(values),
        Data::Bf16(values) => TensorData::Bf16(values),
        Data::Fp32(values) => TensorData::F32(values),
        Data::Fp64(values) => TensorData::F64(values),
        Data::Bytes(values) => TensorData::String(texts(&name, &values)?),
    };
    Ok(Input::new(name, shape, data))
}

fn texts(name: &str, values: &[Bytes]) -> Result<Vec<String>, Error> {
    let text = |(index, bytes): (usize, &Bytes)| {
        let text = std::str::from_utf8(bytes);
        text.map(str::to_owned).map_err(|_| {
            let name: String = name.chars().take(80).collect();
            Error::invalid(format!(
                "element {index} of the input `{name}` is not UTF-8"
            ))
        })
    };
    values.iter().enumerate().map(text).collect()
}

fn data(data: TensorData) -> Data {
    match data {
        TensorData::Bool(values) => Data::Bool(values),
        TensorData::U8(values) => Data::Uint8(values),
        TensorData::U16(values) => Data::Uint16(values),
        TensorData::U32(values) => Data::Uint32(values),
        TensorData::U64(values) => Data::Uint64(values),
        TensorData::I8(values) => Data::Int8(values),
        TensorData::I16(values) => Data::Int16(values),
        TensorData::I32(values) => Data::Int32(values),
        TensorData::I64(values) => Data::Int64(values),
        TensorData::F16(values) => Data::Fp16(values),
        TensorData::Bf16(values) => Data::Bf16(values),
        TensorData::F32(values) => Data::Fp32(values),
        TensorData::F64(values) => Data::Fp64(values),
        TensorData::String(values) => Data::Bytes(values.into_iter().map(Bytes::from).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(given: &[(&str, Parameter)]) -> Parameters {
        given
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect()
    }

    #[test]
    fn a_sequence_is_named_by_a_text_or_a_number() {
        let of = |id: Parameter| {
            let start = ("sequence_start", Parameter::Bool(true));
            sequence(&parameters(&[("sequence_id", id), start]))
        };
        for (id, name) in [
            (Parameter::Int(7), "7"),
            (Parameter::Uint(u64::MAX), "18446744073709551615"),
            (Parameter::String("说话".into()), "说话"),
        ] {
            let found = of(id).unwrap().unwrap();
            assert_eq!(
                (found.id.as_str(), found.start, found.end),
                (name, true, false)
            );
        }
        for none in [Parameter::Int(0), Parameter::String(String::new())] {
            assert_eq!(of(none).unwrap(), None);
        }
        assert_eq!(sequence(&Parameters::new()).unwrap(), None);
        assert!(of(Parameter::Int(-1)).is_err());
        assert!(of(Parameter::Bool(true)).is_err());
        let odd = parameters(&[
            ("sequence_id", Parameter::Int(1)),
            ("sequence_end", Parameter::Int(1)),
        ]);
        assert!(
            sequence(&odd)
                .unwrap_err()
                .message()
                .contains("true or false")
        );
    }

    #[test]
    fn data_goes_there_and_back() {
        for given in [
            Data::from(vec![true]),
            Data::from(vec![1_u8]),
            Data::from(vec![1_i64]),
            Data::from(vec![0.5_f32]),
            Data::Bytes(vec![Bytes::from("好")]),
        ] {
            let tensor = Tensor::new("x", vec![1], given.clone()).unwrap();
            assert_eq!(data(input(tensor).unwrap().data), given);
        }
        let broken = Tensor::new("x", vec![1], Data::Bytes(vec![Bytes::from_static(b"\xff")]));
        assert!(
            input(broken.unwrap())
                .unwrap_err()
                .message()
                .contains("not UTF-8")
        );
    }
}
