//! Whether a call is one that the model can answer, before ONNX Runtime sees anything of it.

use std::collections::HashSet;

use super::infer::MAX_INPUT_BYTES;
use super::signature::{Port, Signature, fits};
use super::tensor::{Tensor, TensorData, elements};
use crate::error::InferenceError;

/// The most names of a model that a message lists.
const LISTED: usize = 20;
/// The most characters of a caller's word that a message repeats.
const EXCERPT: usize = 64;

fn refuse<T>(reason: String) -> Result<T, InferenceError> {
    Err(InferenceError::InvalidInput(reason))
}

/// Refuses inputs that are not those of the model. `kept` are the inputs that the host fills in itself.
pub(super) fn inputs(
    signature: &Signature,
    given: &[Tensor],
    kept: &[&str],
    non_finite: bool,
) -> Result<(), InferenceError> {
    let mut seen = HashSet::with_capacity(given.len());
    let mut bytes = 0_usize;
    for tensor in given {
        let name = excerpt(&tensor.name);
        let Some(port) = signature.input(&tensor.name) else {
            let known = listed(&signature.inputs);
            return refuse(format!("the model has no input `{name}`; it has {known}"));
        };
        if kept.contains(&tensor.name.as_str()) {
            return refuse(format!(
                "the input `{name}` is a state, which the host keeps for the sequence; leave it out"
            ));
        }
        if !seen.insert(tensor.name.as_str()) {
            return refuse(format!("the input `{name}` is given twice"));
        }
        input(port, tensor, non_finite)?;
        bytes = bytes.saturating_add(tensor.data.bytes());
    }
    if bytes > MAX_INPUT_BYTES {
        return refuse(format!(
            "the inputs have {bytes} bytes together, more than the limit of {MAX_INPUT_BYTES} for one call"
        ));
    }
    let missing =
        |port: &&Port| !seen.contains(port.name.as_str()) && !kept.contains(&port.name.as_str());
    match signature.inputs.iter().find(missing) {
        Some(port) => refuse(format!(
            "the input `{}` is missing; it is {} of the shape {:?}",
            port.name, port.element, port.shape
        )),
        None => Ok(()),
    }
}

fn input(port: &Port, tensor: &Tensor, non_finite: bool) -> Result<(), InferenceError> {
    let (name, shape) = (&port.name, &tensor.shape);
    let (expected, found) = (port.element, tensor.data.element_type());
    if expected != found {
        return refuse(format!(
            "the input `{name}` is {found}; the model takes {expected}"
        ));
    }
    // A shape of the right number of sides is short enough to be shown.
    if shape.len() != port.shape.len() {
        return refuse(format!(
            "the input `{name}` has {} sides; the model takes {} of the shape {:?}, where -1 is any size",
            shape.len(),
            port.shape.len(),
            port.shape
        ));
    }
    let Some(count) = elements(shape) else {
        return refuse(format!(
            "the input `{name}` has the shape {shape:?}, which no tensor has: a side is negative, or there are more \
             elements than can be counted"
        ));
    };
    if !fits(shape, &port.shape) {
        return refuse(format!(
            "the input `{name}` has the shape {shape:?}; the model takes {:?}, where -1 is any size",
            port.shape
        ));
    }
    if count != tensor.data.len() {
        return refuse(format!(
            "the input `{name}` has {} elements; its shape {shape:?} asks for {count}",
            tensor.data.len()
        ));
    }
    if let TensorData::String(texts) = &tensor.data
        && let Some(index) = texts.iter().position(|text| text.contains('\0'))
    {
        return refuse(format!(
            "element {index} of the input `{name}` holds a zero byte, which ONNX Runtime takes for its end"
        ));
    }
    if !non_finite && let Some(index) = tensor.data.first_non_finite() {
        return refuse(format!(
            "element {index} of the input `{name}` is not a finite number; a model that takes such numbers says \
             `allow_non_finite = true` in its configuration"
        ));
    }
    Ok(())
}

/// The outputs to compute, in the caller's order; without a wish all but the states that the host keeps.
pub(super) fn outputs<'a>(
    signature: &'a Signature,
    wanted: Option<&[String]>,
    kept: &[&str],
) -> Result<Vec<&'a Port>, InferenceError> {
    let Some(wanted) = wanted else {
        let shown = |port: &&Port| !kept.contains(&port.name.as_str());
        return Ok(signature.outputs.iter().filter(shown).collect());
    };
    if wanted.is_empty() {
        return refuse("the list of outputs is empty; leave it out for all".into());
    }
    let mut seen = HashSet::with_capacity(wanted.len());
    let find = |name: &'_ String| {
        let short = excerpt(name);
        if !seen.insert(name.clone()) {
            return refuse(format!("the output `{short}` is asked for twice"));
        }
        let Some(port) = signature.output(name) else {
            let known = listed(&signature.outputs);
            return refuse(format!("the model has no output `{short}`; it has {known}"));
        };
        Ok(port)
    };
    wanted.iter().map(find).collect()
}

fn listed(ports: &[Port]) -> String {
    let names: Vec<String> = ports
        .iter()
        .take(LISTED)
        .map(|port| format!("`{}`", port.name))
        .collect();
    let more = if ports.len() > LISTED {
        " and more"
    } else {
        ""
    };
    format!("{}{more}", names.join(", "))
}

pub(super) fn excerpt(name: &str) -> String {
    match name.char_indices().nth(EXCERPT) {
        None => name.to_owned(),
        Some((end, _)) => format!("{}…", &name[..end]),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tensor::ElementType;
    use super::*;

    fn signature() -> Signature {
        Signature {
            inputs: vec![
                Port::new("x", ElementType::F32, vec![-1, 3]),
                Port::new("texts", ElementType::String, vec![-1]),
            ],
            outputs: vec![
                Port::new("y", ElementType::F32, vec![-1]),
                Port::new("state", ElementType::F32, vec![2]),
            ],
            ..Signature::default()
        }
    }

    fn x(shape: &[i64], count: usize) -> Tensor {
        Tensor::new("x", shape.to_vec(), TensorData::F32(vec![0.5; count]))
    }

    fn texts(text: &str) -> Tensor {
        Tensor::new("texts", vec![1], TensorData::String(vec![text.into()]))
    }

    fn check(given: &[Tensor]) -> String {
        inputs(&signature(), given, &[], false)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn what_does_not_fit_is_named() {
        inputs(&signature(), &[x(&[2, 3], 6), texts("好")], &[], false).unwrap();
        inputs(&signature(), &[x(&[0, 3], 0), texts("")], &[], false).unwrap();
        let cases = [
            (vec![x(&[2, 3], 6)], "`texts` is missing"),
            (vec![x(&[2, 3], 6), x(&[2, 3], 6)], "given twice"),
            (
                vec![Tensor::new("z".repeat(99), vec![], TensorData::U8(vec![1]))],
                "z…`; it has `x`, `texts`",
            ),
            (
                vec![Tensor::new("x", vec![1, 3], TensorData::F64(vec![0.0; 3]))],
                "is f64; the model takes f32",
            ),
            (vec![x(&[6], 6)], "has 1 sides; the model takes 2"),
            (
                vec![x(&[2, 4], 8)],
                "the shape [2, 4]; the model takes [-1, 3]",
            ),
            (vec![x(&[-2, 3], 6)], "no tensor has"),
            (vec![x(&[i64::MAX, 3], 6)], "no tensor has"),
            (
                vec![x(&[2, 3], 5)],
                "has 5 elements; its shape [2, 3] asks for 6",
            ),
            (vec![x(&[2, 3], 6), texts("a\0b")], "zero byte"),
        ];
        for (given, expected) in cases {
            let found = check(&given);
            assert!(found.contains(expected), "{found}");
        }
    }

    #[test]
    fn numbers_that_are_none_pass_only_where_they_may() {
        let nan = [
            Tensor::new("x", vec![1, 3], TensorData::F32(vec![0.0, f32::NAN, 1.0])),
            texts(""),
        ];
        assert!(check(&nan).contains("element 1 of the input `x` is not a finite number"));
        inputs(&signature(), &nan, &[], true).unwrap();
    }

    #[test]
    fn a_call_has_so_many_bytes() {
        let rows = MAX_INPUT_BYTES / 12 + 1;
        let found = check(&[x(&[rows as i64, 3], rows * 3), texts("")]);
        assert!(found.contains(&MAX_INPUT_BYTES.to_string()), "{found}");
    }

    #[test]
    fn states_that_the_host_keeps_are_not_sent_nor_shown() {
        let given = [x(&[2, 3], 6), texts("")];
        let error = inputs(&signature(), &given, &["x"], false).unwrap_err();
        assert!(error.to_string().contains("leave it out"), "{error}");
        inputs(&signature(), &given[1..], &["x"], false).unwrap();
        let signature = signature();
        let names = |wanted: Option<&[String]>| {
            let ports = outputs(&signature, wanted, &["state"])?;
            Ok::<_, InferenceError>(
                ports
                    .iter()
                    .map(|port| port.name.clone())
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(names(None).unwrap(), ["y"]);
        let both = ["state".to_owned(), "y".to_owned()];
        assert_eq!(names(Some(&both)).unwrap(), both);
        for (wanted, expected) in [
            (vec![], "leave it out"),
            (vec!["y".to_owned(), "y".to_owned()], "twice"),
            (vec!["q".to_owned()], "it has `y`, `state`"),
        ] {
            let error = names(Some(&wanted)).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    proptest! {
        #[test]
        fn what_passes_has_as_many_elements_as_its_shape(
            shape in prop::collection::vec(-1i64..5, 0..4), count in 0usize..20,
        ) {
            let given = [x(&shape, count), texts("")];
            if inputs(&signature(), &given, &[], false).is_ok() {
                prop_assert!(shape.len() == 2 && shape[1] == 3 && shape[0] * 3 == count as i64);
            }
        }
    }
}
