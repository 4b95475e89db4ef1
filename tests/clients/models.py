"""Real clients of the model protocols, unchanged, against a running host.

    models.py ADDRESS KEY READER     ADDRESS is host:port, KEY may use models, READER may only look

The host has `minilm` 1.0.0 (embeddings, with the variant `int8`) and `rampart` 1.0.0 (entities).
"""

import json
import sys
import urllib.request

import numpy as np
import openai
import tritonclient.grpc as grpc
import tritonclient.http as rest
from tritonclient.utils import InferenceServerException

address, key, reader = sys.argv[1:]
TEXTS = ["The parcel arrived two days late.", "包裹晚到了两天。", "refund"]
headers = lambda: {"authorization": f"Bearer {key}"}  # the HTTP client adds its own to what it is given


def cosine(a, b):
    return float(np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b))


def refused(kind, call, fragment):
    try:
        call()
    except kind as error:
        assert fragment in str(error), error
    else:
        raise AssertionError(f"not refused: {fragment}")


# --- OpenAI -------------------------------------------------------------------------------------------

client = openai.OpenAI(base_url=f"http://{address}/v1", api_key=key, max_retries=0)
assert [model.id for model in client.models.list()] == ["minilm"]
vectors = {}
for format in ("float", "base64", None):
    asked = {} if format is None else {"encoding_format": format}
    answer = client.embeddings.create(model="minilm", input=TEXTS, **asked)
    assert [item.index for item in answer.data] == [0, 1, 2]
    assert answer.usage.prompt_tokens > 10
    if format != "base64":
        vectors[format] = np.array([item.embedding for item in answer.data], dtype=np.float32)
assert np.abs(vectors["float"] - vectors[None]).max() < 1e-4
expected = vectors["float"]
assert expected.shape == (3, 384) and np.allclose(np.linalg.norm(expected, axis=1), 1, atol=1e-5)
short = client.embeddings.create(model="minilm", input=TEXTS[0], dimensions=64).data[0].embedding
assert len(short) == 64 and cosine(short, expected[0][:64]) > 0.9999
small = client.embeddings.create(model="minilm@1.0.0~int8", input=TEXTS).data
assert all(0.97 < cosine(item.embedding, row) < 0.99999 for item, row in zip(small, expected))
create = client.embeddings.create
refused(openai.NotFoundError, lambda: create(model="nobody", input="x"), "nobody")
refused(openai.BadRequestError, lambda: create(model="rampart", input="x"), "classify-tokens")
refused(openai.BadRequestError, lambda: create(model="minilm", input="x", dimensions=385), "384")
refused(openai.BadRequestError, lambda: create(model="minilm", input=[1, 99999]), "highest of this model is 30521")
stranger = openai.OpenAI(base_url=f"http://{address}/v1", api_key="stw_no", max_retries=0)
refused(openai.AuthenticationError, lambda: stranger.models.list(), "stw_")


# --- The tokenizer of a model, and texts that come as its tokens ----------------------------------------


def ask(path, body):
    request = urllib.request.Request(f"http://{address}{path}", json.dumps(body).encode(), headers())
    request.add_header("content-type", "application/json")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


cut = ask("/v2/models/minilm/tokenize", {"texts": TEXTS})["results"]
assert cut[0]["tokens"][:3] == ["[CLS]", "the", "parcel"] and cut[0]["offsets"][:3] == [[0, 0], [0, 3], [4, 10]]
assert cut[1]["offsets"][1] == [0, 1]
given = create(model="minilm", input=[text["ids"] for text in cut]).data
assert all(cosine(item.embedding, row) > 0.9999 for item, row in zip(given, expected))
back = ask("/v2/models/minilm/decode", {"ids": [text["ids"] for text in cut]})["texts"]
assert back[0] == TEXTS[0].lower() and back[2] == TEXTS[2], back
pairs = [["Where is my parcel?", "My package has not arrived"], ["Where is my parcel?", "I like the green shirt"]]
scored = ask("/api/v1/models/minilm/score-pairs", {"pairs": pairs})
assert scored["scores"][0]["score"] > 0.5 > scored["scores"][1]["score"] + 0.2, scored
long = ask("/api/v1/models/minilm/embed", {"texts": ["word " * 1000, "好"]})
assert long["truncated"] == 1 and len(long["embeddings"]) == 2


# --- Open Inference Protocol, REST and gRPC -------------------------------------------------------------

plain = rest.InferenceServerClient(address)
remote = grpc.InferenceServerClient(address)
assert plain.is_server_live() and plain.is_server_ready()
assert remote.is_server_live() and remote.is_server_ready()
assert plain.get_server_metadata()["name"] == remote.get_server_metadata().name == "steward"


def text_input(module, texts):
    tensor = module.InferInput("text", [len(texts)], "BYTES")
    tensor.set_data_from_numpy(np.array([text.encode() for text in texts], dtype=object))
    return tensor


for client, module in ((plain, rest), (remote, grpc)):
    asked = dict(headers=headers())
    assert client.is_model_ready("minilm", **asked)
    assert client.is_model_ready("minilm", "1.0.0", headers=headers())
    about = client.get_model_metadata("minilm", headers=headers())
    if module is grpc:
        shape = [list(output.shape) for output in about.outputs]
    else:
        shape = [output["shape"] for output in about["outputs"]]
    assert shape == [[-1, 384]], shape
    client.get_model_config("minilm", headers=headers())

    answer = client.infer("minilm", [text_input(module, TEXTS)], headers=headers(), request_id="7")
    given = answer.as_numpy("embedding")
    assert given.shape == (3, 384) and np.abs(given - expected).max() < 1e-4
    answer = client.infer("minilm~int8", [text_input(module, TEXTS)], "1.0.0", headers=headers())
    assert cosine(answer.as_numpy("embedding")[0], expected[0]) > 0.97

    texts = ["My name is Anna Schmidt and I live in Berlin", "nothing"]
    found = client.infer("rampart", [text_input(module, texts)], headers=headers()).as_numpy("entities")
    entities = json.loads(found[0])
    assert any("Anna" in texts[0][entity["start"] : entity["end"]] for entity in entities), entities
    assert json.loads(found[1]) == []

    client.load_model("minilm", headers=headers())
    client.unload_model("minilm", headers=headers())
    client.infer("minilm", [text_input(module, ["again"])], headers=headers())

    wrong = module.InferInput("tokens", [1], "INT64")
    wrong.set_data_from_numpy(np.array([1], dtype=np.int64))
    infer = lambda model, tensor, key=key: client.infer(
        model, [tensor], headers={"authorization": f"Bearer {key}"}
    )
    refused(InferenceServerException, lambda: infer("minilm", wrong), "its input is `text`")
    typed = module.InferInput("text", [1], "INT64")
    typed.set_data_from_numpy(np.array([1], dtype=np.int64))
    refused(InferenceServerException, lambda: infer("minilm", typed), "BYTES is needed")
    cube = module.InferInput("text", [1, 1, 1], "BYTES")
    cube.set_data_from_numpy(np.array([[[b"x"]]], dtype=object))
    refused(InferenceServerException, lambda: infer("minilm", cube), "it must be [n]")
    binary = module.InferInput("text", [1], "BYTES")
    binary.set_data_from_numpy(np.array([b"\xff\xfe"], dtype=object))
    refused(InferenceServerException, lambda: infer("minilm", binary), "not UTF-8")
    good = text_input(module, ["x"])
    refused(InferenceServerException, lambda: infer("nobody", good), "nobody")
    refused(InferenceServerException, lambda: client.infer("minilm", [good]), "send a key")
    refused(InferenceServerException, lambda: infer("minilm", good, reader), "viewer")
    refused(InferenceServerException, lambda: infer("minilm", good, "stw_no"), "stw_")
    refused(
        InferenceServerException,
        lambda: client.load_model("minilm", headers={"authorization": f"Bearer {reader}"}),
        "viewer",
    )
index = plain.get_model_repository_index(headers=headers())
assert sorted(model["name"] for model in index) == ["minilm", "rampart"]
print("every client was served")
