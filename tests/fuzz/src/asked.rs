//! What strangers send to a host that serves models, and how they say who they are.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, Request};
use serde_json::Value;
use steward_identity::{IssuerConfig, Issuers};
use steward_protocols::{
    Backend, DataType, DecodeRequest, EmbedRequest, Embeddings, Error, InferRequest, InferResponse,
    Limits, LoadRequest, ModelConfig, ModelIndex, ModelMetadata, ModelRef, Output, ServerMetadata,
    TensorMetadata, TokenizeRequest, Tokens, UnloadRequest, grpc_with, rest_with,
};
use steward_registry::{Role, TenantId};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt as _;

use crate::messages::parted;
use crate::targets::field;

pub const ASKED_WORDS: &[&str] = &[
    "inference-header-content-length: 0\n\n",
    "inference-header-content-length: ",
    "content-encoding: gzip\n",
    "content-encoding: deflate\n",
    "accept-encoding: gzip\n",
    "grpc-timeout: 1n\n",
    "grpc-encoding: gzip\n",
    "\n",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "null",
    "-1",
    "1e400",
    "18446744073709551616",
    "\"datatype\":",
    "\"BYTES\"",
    "\"FP16\"",
    "\"BOOL\"",
    "\"shape\":",
    "\"data\":",
    "\"binary_data_size\":",
    "\"classification\":",
    "\"parameters\":",
    "\"dimensions\":",
    "\\ud83d",
];

/// A model that answers with what it was asked.
struct Echo;

impl Backend for Echo {
    type Context = ();

    fn server_metadata(&self) -> ServerMetadata {
        ServerMetadata {
            name: "echo".into(),
            version: "1".into(),
        }
    }

    async fn ready(&self) -> bool {
        true
    }

    async fn model_ready(&self, _: &(), _: &ModelRef) -> Result<bool, Error> {
        Ok(true)
    }

    async fn model_metadata(&self, _: &(), model: &ModelRef) -> Result<ModelMetadata, Error> {
        let one = vec![TensorMetadata {
            name: "x".into(),
            datatype: DataType::Fp32,
            shape: vec![-1, 2],
        }];
        Ok(ModelMetadata {
            name: model.name.clone(),
            versions: vec!["1".into()],
            platform: "echo".into(),
            inputs: one.clone(),
            outputs: one,
        })
    }

    async fn model_config(&self, _: &(), _: &ModelRef) -> Result<ModelConfig, Error> {
        Ok(ModelConfig::default())
    }

    async fn infer(&self, _: &(), request: InferRequest) -> Result<InferResponse, Error> {
        Ok(InferResponse {
            model_name: request.model.name,
            model_version: "1".into(),
            parameters: request.parameters,
            outputs: request.inputs.into_iter().map(Output::from).collect(),
        })
    }

    async fn repository_index(&self, _: &()) -> Result<Vec<ModelIndex>, Error> {
        Ok(Vec::new())
    }

    async fn load(&self, _: &(), _: LoadRequest) -> Result<(), Error> {
        Ok(())
    }

    async fn unload(&self, _: &(), _: UnloadRequest) -> Result<(), Error> {
        Ok(())
    }

    async fn embed(&self, _: &(), request: EmbedRequest) -> Result<Embeddings, Error> {
        let (count, dimensions) = (request.input.len(), request.dimensions.unwrap_or(4));
        if dimensions > 16 {
            return Err(Error::invalid("the vectors have 16 numbers"));
        }
        Ok(Embeddings {
            vectors: vec![vec![0.5; dimensions]; count],
            tokens: vec![1; count],
        })
    }

    async fn tokenize(&self, _: &(), request: TokenizeRequest) -> Result<Vec<Tokens>, Error> {
        Ok(vec![Tokens::default(); request.texts.len()])
    }

    async fn decode(&self, _: &(), request: DecodeRequest) -> Result<Vec<String>, Error> {
        Ok(vec![String::new(); request.ids.len()])
    }
}

/// Header fields, an empty line, and a body: of HTTP, or the message of a call of gRPC.
pub fn asked() -> Vec<Vec<u8>> {
    let binary = r#"{"inputs":[{"name":"x","datatype":"INT16","shape":[2],"parameters":{"binary_data_size":4}}],
        "outputs":[{"name":"x","parameters":{"binary_data":true}}]}"#;
    let behind = format!(
        "inference-header-content-length: {}\n\n{binary}abcd",
        binary.len()
    );
    let input = [
        field(1, b"x"),
        field(2, b"INT32"),
        field(3, &[2]),
        field(5, &field(2, &[1, 2])),
    ]
    .concat();
    let call = [field(1, b"m"), field(3, b"id"), field(5, &input)].concat();
    let raw = [
        field(1, b"m"),
        field(
            5,
            &[field(1, b"x"), field(2, b"BYTES"), field(3, &[1])].concat(),
        ),
        field(7, b"\x01\0\0\0a"),
    ]
    .concat();
    let texts = [
        "\n{\"id\":\"1\",\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1,2],\"data\":[0.5,[1]]}]}",
        "\n{\"inputs\":[{\"name\":\"x\",\"datatype\":\"BYTES\",\"shape\":[2],\"data\":[\"a\",\"你好\"]}],\"parameters\":{\"classification\":2}}",
        "inference-header-content-length: 0\n\nabcdefgh",
        "\n{\"texts\":[\"a\",\"b\"],\"add_special_tokens\":false}",
        "\n{\"ids\":[[1,2],[3]]}",
        "\n{\"model\":\"m\",\"input\":[\"a\",\"b\"],\"encoding_format\":\"base64\",\"dimensions\":2}",
        "\n{\"model\":\"m\",\"input\":[[1,2],[3]]}",
        "\n{\"parameters\":{\"config\":\"{}\",\"file:1/model.onnx\":\"AAAA\"}}",
    ];
    let texts = texts.into_iter().map(|text| text.as_bytes().to_vec());
    let calls = [call, raw].map(|message| [&b"\n"[..], &message].concat());
    texts.chain([behind.into_bytes()]).chain(calls).collect()
}

thread_local! {
    static HOST: (Runtime, Router, Issuers) = {
        let limits = Limits { body_bytes: 1 << 20 };
        let router = rest_with(Arc::new(Echo), limits)
            .merge(grpc_with(Arc::new(Echo), limits))
            .layer(axum::Extension(()));
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        (runtime, router, Issuers::default())
    };
}

/// Whatever is sent, each protocol has an answer.
pub fn read_asked(bytes: &[u8]) {
    let (headers, body) = parted(bytes);
    HOST.with(|(runtime, router, _)| {
        let ask = |path: &str, body: Vec<u8>| {
            runtime.block_on(answered(router.clone(), path, headers.clone(), body));
        };
        for path in [
            "/v2/models/m/infer",
            "/v2/models/m/tokenize",
            "/v2/models/m/decode",
            "/v2/repository/models/m/load",
            "/v1/embeddings",
        ] {
            ask(path, body.clone());
        }
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        let framed = [&[0u8][..], &length[..], &body[..]].concat();
        for method in ["ModelInfer", "RepositoryModelLoad"] {
            let path = format!("/inference.GRPCInferenceService/{method}");
            ask(&path, framed.clone());
        }
    });
}

async fn answered(router: Router, path: &str, headers: HeaderMap, body: Vec<u8>) {
    let mut request = Request::post(path).body(Body::from(body)).unwrap();
    *request.headers_mut() = headers;
    let answer = router.oneshot(request).await.unwrap();
    let Ok(answer) = to_bytes(answer.into_body(), 64 << 20).await else {
        return;
    };
    // A panic on another thread is an error here.
    let text = String::from_utf8_lossy(&answer);
    assert!(!text.contains("was cut off"), "{path}: {text}");
}

pub const TOKEN_WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\n",
    ".",
    "null",
    "-1",
    "1e400",
    "\"alg\":\"none\"",
    "\"alg\":\"HS256\"",
    "\"crit\":[\"exp\"]",
    "\"kid\":",
    "\"iss\":",
    "\"aud\":",
    "\"exp\":",
    "\"role\":\"platform\"",
    "\"tenant\":\"other\"",
    "https://",
    "\\u0000",
];

/// The header and the claims of a token on a line each, and its signature; the settings of an issuer.
pub fn tokens() -> Vec<Vec<u8>> {
    [
        "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"a\"}\n\
         {\"iss\":\"https://issuer.example\",\"aud\":[\"steward\"],\"exp\":4102444800,\"sub\":\"x\"}\nsigned",
        "{\"alg\":\"EdDSA\"}\n{\"iss\":\"https://issuer.example\",\"realm_access\":{\"roles\":[\"a\"]}}\n",
        r#"{"name": "i", "issuer": "https://issuer.example", "audience": ["steward"], "role": "viewer"}"#,
        r#"{"name": "i", "issuer": "https://issuer.example", "audience": ["steward"], "role_claim": "r.s",
            "roles": {"a": "invoker"}, "scope_claim": "scp", "scopes": {"b": "function=c"}, "leeway_seconds": 30}"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// Nobody is behind a token of an issuer that nobody configured; and the issuer of a tenant stays within it.
pub fn read_token(bytes: &[u8]) {
    let parts: Vec<String> = bytes
        .splitn(3, |byte| *byte == b'\n')
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .collect();
    let plain = String::from_utf8_lossy(bytes);
    HOST.with(|(runtime, _, issuers)| {
        for token in [&*parts.join("."), &*plain] {
            assert!(runtime.block_on(issuers.authenticate(token)).is_err());
        }
    });
    let tenant: TenantId = "default".parse().unwrap();
    if let Ok(value) = serde_json::from_slice::<Value>(bytes)
        && let Ok(config) = IssuerConfig::of_tenant(&tenant, &value)
    {
        assert_eq!(config.tenant, Some(tenant));
        assert_ne!(config.role, Some(Role::Platform));
    }
}
