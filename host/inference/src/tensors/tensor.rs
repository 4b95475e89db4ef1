//! Tensors: named, shaped, typed.

use std::fmt;

use half::{bf16, f16};
use ort::value::{DynValue, Tensor as Value, TensorElementType};

/// Numbers, truth values or texts under a name.
///
/// ```
/// use steward_inference::{Tensor, TensorData};
///
/// let tensor = Tensor::new("x", vec![2, 1], TensorData::F32(vec![0.25, 0.75]));
/// assert_eq!(tensor.data.len(), 2);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// The name of the input or output.
    pub name: String,
    /// The size of each side; none is a single value.
    pub shape: Vec<i64>,
    /// The elements in row-major order.
    pub data: TensorData,
}

impl Tensor {
    /// A tensor of these parts. What does not fit together is refused by the model that it is given to.
    pub fn new(name: impl Into<String>, shape: Vec<i64>, data: TensorData) -> Self {
        Self {
            name: name.into(),
            shape,
            data,
        }
    }
}

macro_rules! elements {
    ($($variant:ident $element:ty, $name:literal, $ort:ident;)*) => {
        /// The type of a tensor's elements.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ElementType {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
            /// Text in UTF-8.
            String,
        }

        impl ElementType {
            /// What ONNX Runtime's type is here; none for those that nobody can send.
            pub(super) fn of(kind: TensorElementType) -> Option<Self> {
                match kind {
                    $(TensorElementType::$ort => Some(Self::$variant),)*
                    TensorElementType::String => Some(Self::String),
                    _ => None,
                }
            }

            /// The bytes of one element; none for texts, each of which has its own length.
            pub fn size(self) -> Option<usize> {
                match self {
                    $(Self::$variant => Some(size_of::<$element>()),)*
                    Self::String => None,
                }
            }
        }

        impl fmt::Display for ElementType {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self {
                    $(Self::$variant => $name,)*
                    Self::String => "string",
                })
            }
        }

        /// The elements of a tensor in row-major order.
        #[derive(Debug, Clone, PartialEq)]
        pub enum TensorData {
            $(#[doc = concat!("Elements of `", $name, "`.")] $variant(Vec<$element>),)*
            /// Texts. ONNX Runtime takes none with a zero byte in it.
            String(Vec<String>),
        }

        impl TensorData {
            /// The type of the elements.
            pub fn element_type(&self) -> ElementType {
                match self {
                    $(Self::$variant(_) => ElementType::$variant,)*
                    Self::String(_) => ElementType::String,
                }
            }

            /// How many elements there are.
            pub fn len(&self) -> usize {
                match self {
                    $(Self::$variant(values) => values.len(),)*
                    Self::String(values) => values.len(),
                }
            }

            /// So many zeros; none for texts.
            pub(super) fn zeros(kind: ElementType, count: usize) -> Option<Self> {
                match kind {
                    $(ElementType::$variant => Some(Self::$variant(vec![<$element>::default(); count])),)*
                    ElementType::String => None,
                }
            }

            /// What ONNX Runtime takes.
            pub(super) fn into_value(self, shape: Vec<i64>) -> ort::Result<DynValue> {
                Ok(match self {
                    $(Self::$variant(values) => Value::from_array((shape, values))?.into_dyn(),)*
                    Self::String(values) => Value::from_string_array((shape, &*values))?.into_dyn(),
                })
            }

            /// What ONNX Runtime gives.
            pub(super) fn from_value(kind: ElementType, value: &DynValue) -> ort::Result<Self> {
                Ok(match kind {
                    $(ElementType::$variant => Self::$variant(value.try_extract_tensor::<$element>()?.1.to_vec()),)*
                    ElementType::String => Self::String(value.try_extract_strings()?.1),
                })
            }
        }
    };
}

elements! {
    F16 f16, "f16", Float16;
    Bf16 bf16, "bf16", Bfloat16;
    F32 f32, "f32", Float32;
    F64 f64, "f64", Float64;
    I8 i8, "i8", Int8;
    I16 i16, "i16", Int16;
    I32 i32, "i32", Int32;
    I64 i64, "i64", Int64;
    U8 u8, "u8", Uint8;
    U16 u16, "u16", Uint16;
    U32 u32, "u32", Uint32;
    U64 u64, "u64", Uint64;
    Bool bool, "bool", Bool;
}

impl TensorData {
    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes the elements have.
    pub fn bytes(&self) -> usize {
        match self {
            Self::String(texts) => texts
                .iter()
                .map(|text| text.len() + size_of::<String>())
                .sum(),
            other => other.len() * other.element_type().size().unwrap_or(0),
        }
    }

    /// The first element that is infinite or not a number.
    pub(super) fn first_non_finite(&self) -> Option<usize> {
        match self {
            Self::F16(values) => values.iter().position(|value| !value.is_finite()),
            Self::Bf16(values) => values.iter().position(|value| !value.is_finite()),
            Self::F32(values) => values.iter().position(|value| !value.is_finite()),
            Self::F64(values) => values.iter().position(|value| !value.is_finite()),
            _ => None,
        }
    }
}

/// How many elements a shape stands for; none where that is negative or beyond counting.
pub(super) fn elements(shape: &[i64]) -> Option<usize> {
    if shape.iter().any(|&side| side < 0) {
        return None;
    }
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1_usize, |product, &side| {
        product.checked_mul(usize::try_from(side).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_product_overflows() {
        assert_eq!(elements(&[]), Some(1));
        assert_eq!(elements(&[2, 3]), Some(6));
        assert_eq!(elements(&[i64::MAX, i64::MAX]), None);
        assert_eq!(elements(&[i64::MAX, i64::MAX, 0]), Some(0));
        assert_eq!(elements(&[0, -1]), None);
    }

    #[test]
    fn numbers_that_are_none_are_found() {
        assert_eq!(
            TensorData::F32(vec![0.0, f32::NAN]).first_non_finite(),
            Some(1)
        );
        assert_eq!(
            TensorData::F16(vec![f16::INFINITY]).first_non_finite(),
            Some(0)
        );
        assert_eq!(TensorData::I64(vec![i64::MAX]).first_non_finite(), None);
    }
}
