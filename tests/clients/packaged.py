"""Models out of packages, as they were pushed, asked over the Open Inference Protocol with what they are made for.

    packaged.py ADDRESS KEY     ADDRESS is host:port

The host has `magika`, `silero-vad`, `rapidocr-det`, `rapidocr-rec` and `rapidocr-cls`, each 1.0.0.
"""

import io
import os
import sys

import numpy as np
import tritonclient.grpc as grpc
import tritonclient.http as rest
from PIL import Image, ImageDraw, ImageFont
from tritonclient.utils import InferenceServerException

address, key = sys.argv[1:]
plain = rest.InferenceServerClient(address)
remote = grpc.InferenceServerClient(address)
headers = lambda: {"authorization": f"Bearer {key}"}  # the HTTP client adds its own to what it is given
KINDS = {"float32": "FP32", "int32": "INT32", "int64": "INT64"}


def infer(client, model, outputs=None, sequence=None, **inputs):
    """The outputs of a model by name; `sequence` are a name, whether it starts and whether it ends."""
    module = rest if client is plain else grpc
    tensors = []
    for name, array in inputs.items():
        tensor = module.InferInput(name, list(array.shape), KINDS[array.dtype.name])
        tensor.set_data_from_numpy(array)
        tensors.append(tensor)
    wanted = outputs and [module.InferRequestedOutput(name) for name in outputs]
    about = {}
    if sequence:
        name, start, end = sequence
        about = dict(sequence_id=name, sequence_start=start, sequence_end=end)
    answer = client.infer(model, tensors, outputs=wanted, headers=headers(), **about)
    given = answer.get_response()
    names = [out["name"] for out in given["outputs"]] if client is plain else [out.name for out in given.outputs]
    return {name: answer.as_numpy(name) for name in names}


def refused(call, fragment):
    try:
        call()
    except InferenceServerException as error:
        assert fragment in str(error), error
    else:
        raise AssertionError(f"not refused: {fragment}")


def about(model):
    """What the model says it takes and gives, the same over REST and gRPC."""
    given = plain.get_model_metadata(model, headers=headers())
    other = remote.get_model_metadata(model, headers=headers())
    ports = lambda ports: [(port["name"], port["datatype"], port["shape"]) for port in ports]
    same = lambda ports: [(port.name, port.datatype, list(port.shape)) for port in ports]
    assert ports(given["inputs"]) == same(other.inputs) and ports(given["outputs"]) == same(other.outputs)
    return ports(given["inputs"]), ports(given["outputs"])


def parameters(model):
    config = plain.get_model_config(model, headers=headers())
    return {name: value["string_value"] for name, value in config["parameters"].items()}


# --- magika: what kind of file this is -------------------------------------------------------------------

assert about("magika") == ([("bytes", "INT32", [-1, 2048])], [("target_label", "FP32", [-1, 214])])


def ends_of(content):
    """Magika's features: 1,024 bytes of each end without the white space there, filled up with 256."""
    first, last = content[:4096].lstrip()[:1024], content[-4096:].rstrip()[-1024:]
    return [*first, *[256] * (1024 - len(first)), *[256] * (1024 - len(last)), *last]


picture = io.BytesIO()
Image.effect_noise((64, 64), 50).save(picture, "png")
python = "".join(
    f'def greet_{n}(name: str) -> str:\n    """打招呼。"""\n    return f"hello {{name}} {n}"\n\n\n' for n in range(20)
)
page = "<!DOCTYPE html>\n<html><head><title>你好</title></head>\n<body>" + "<p>hello</p>\n" * 40 + "</body></html>\n"
files = {"python": python.encode(), "html": page.encode(), "png": picture.getvalue()}
rows = np.array([ends_of(content) for content in files.values()], dtype=np.int32)
for client in (plain, remote):
    # Triton's classification extension: the server names the best classes.
    module = rest if client is plain else grpc
    tensor = module.InferInput("bytes", list(rows.shape), "INT32")
    tensor.set_data_from_numpy(rows)
    best = module.InferRequestedOutput("target_label", class_count=1)
    answer = client.infer("magika", [tensor], outputs=[best], headers=headers()).as_numpy("target_label")
    named = [row[0].decode().split(":") for row in answer]
    assert [label for _, _, label in named] == list(files), named
    assert all(float(score) > 0.6 for score, _, _ in named), named
    scores = infer(client, "magika", bytes=rows)["target_label"]
    assert scores.shape == (3, 214) and np.allclose(scores.sum(axis=1), 1, atol=1e-3)
refused(lambda: infer(plain, "magika", bytes=rows[:, :100]), "[-1, 2048]")
refused(lambda: infer(remote, "magika", bytes=rows.astype(np.int64)), "takes i32")


# --- silero-vad: where somebody speaks ---------------------------------------------------------------------

RATE, CHUNK, CONTEXT = 16000, 512, 64
inputs, outputs = about("silero-vad")
assert ("state", "FP32", [2, -1, 128]) in inputs and ("sr", "INT64", []) in inputs
assert "stateN" in [name for name, _, _ in outputs]


def resonance(source, frequency, width):
    """What a hollow of the mouth makes of a sound."""
    radius = np.exp(-np.pi * width / RATE)
    a, b = 2 * radius * np.cos(2 * np.pi * frequency / RATE), -radius * radius
    given, last, before = np.zeros_like(source), 0.0, 0.0
    for at, value in enumerate(source):
        last, before = (1 - radius) * value + a * last + b * before, last
        given[at] = last
    return given


def speech(seconds):
    """Vowels of a low voice, one after the other: pulses of the vocal cords through three formants each."""
    noise, sound = np.random.default_rng(0), []
    vowels = [(730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410)]
    for number in range(int(seconds / 0.23) + 1):
        length = int(0.18 * RATE)
        time = np.arange(length)
        pitch = 120 + 25 * np.sin(6 * np.pi * time / RATE + number) + noise.normal() * 4
        pulses = (np.diff(np.floor(np.cumsum(pitch) / RATE), prepend=0) > 0).astype(float)
        pulses = np.diff(np.convolve(pulses, np.hanning(40), "same")[:length], prepend=0)
        formants = zip(vowels[number % len(vowels)], (80, 100, 150), (1, 0.6, 0.3))
        vowel = sum(share * resonance(pulses, frequency, width) for frequency, width, share in formants)
        sound += [vowel * np.minimum(1, np.minimum(time, length - time) / (0.03 * RATE)), noise.normal(size=800) * 0.02 * np.hanning(800)]
    sound = np.concatenate(sound)[: int(seconds * RATE)]
    return (sound / np.abs(sound).max() / 2).astype(np.float32)


def chunks(sound):
    """Pieces of the length that the model reads, each behind the end of the one before."""
    context = np.zeros(CONTEXT, dtype=np.float32)
    for start in range(0, len(sound) - CHUNK + 1, CHUNK):
        piece = sound[start : start + CHUNK]
        yield np.concatenate([context, piece])[None]
        context = piece[-CONTEXT:]


def by_hand(client, sound):
    """Probabilities, where the client carries the state."""
    state, rate = np.zeros((2, 1, 128), dtype=np.float32), np.array(RATE, dtype=np.int64)
    for chunk in chunks(sound):
        answer = infer(client, "silero-vad", input=chunk, sr=rate, state=state)
        state = answer["stateN"]
        yield float(answer["output"][0, 0])


def by_host(client, sound, sequence):
    """Probabilities, where the host keeps the state of the sequence."""
    pieces, rate = list(chunks(sound)), np.array(RATE, dtype=np.int64)
    for number, chunk in enumerate(pieces):
        place = (sequence, number == 0, number == len(pieces) - 1)
        answer = infer(client, "silero-vad", sequence=place, input=chunk, sr=rate)
        assert list(answer) == ["output"], list(answer)
        yield float(answer["output"][0, 0])


spoken, silent = speech(1.5), np.zeros(RATE, dtype=np.float32)
for client, name in ((plain, 7), (remote, 7), (plain, "说话"), (remote, "说话")):
    kept, carried = list(by_host(client, spoken, name)), list(by_hand(client, spoken))
    assert np.abs(np.array(kept) - np.array(carried)).max() < 1e-5
    assert np.mean(kept[10:]) > 0.7, kept
    assert max(by_host(client, silent, name)) < 0.2
    chunk, rate = next(chunks(silent)), np.array(RATE, dtype=np.int64)
    lost = lambda: infer(client, "silero-vad", sequence=(name, False, False), input=chunk, sr=rate)
    refused(lost, "sequence_start")
noise = np.full((1, 576), np.nan, dtype=np.float32)
start = ("nan", True, True)
refused(lambda: infer(plain, "silero-vad", sequence=start, input=noise, sr=rate), "not a finite number")


# --- rapidocr: what is written ------------------------------------------------------------------------------

import cvttf_NotoSansCJK_Regular as noto  # noqa: E402 (a font with Chinese characters)

font = ImageFont.truetype(os.path.join(noto.__path__[0], "NotoSansCJKtc-Regular.otf"), 40)


def written(text, size, at=(12, 0)):
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).text(at, text, fill="black", font=font)
    return image


def pixels(image):
    """Channels first, from -1 to 1."""
    array = np.asarray(image, dtype=np.float32).transpose(2, 0, 1)
    return np.ascontiguousarray(array[None] / 127.5 - 1)


def line(text, width=None):
    """A line of text, as wide as it is, 48 pixels high."""
    length = int(font.getlength(text)) + 24
    image = written(text, (length, 60)).resize((length * 48 // 60, 48), Image.Resampling.BILINEAR)
    if width is None:
        return image
    wide = Image.new("RGB", (width, 48), "white")
    wide.paste(image, (0, 0))
    return wide


characters = ["", *parameters("rapidocr-rec")["metadata.character"].split("\n"), " "]


def read(client, image):
    """The best character of each column, repetitions and blanks left out (CTC)."""
    (columns,) = infer(client, "rapidocr-rec", x=pixels(image)).values()
    assert columns.shape[2] == 6625
    best = columns[0].argmax(axis=1)
    return "".join(
        characters[number] for at, number in enumerate(best) if number and (at == 0 or best[at - 1] != number)
    )


for client in (plain, remote):
    assert read(client, line("Steward 2025")).replace(" ", "") == "Steward2025"
    assert read(client, line("人工智能模型")) == "人工智能模型"

# A page with one line: the model marks where it is and nowhere else.
page = written("Hello 你好 world", (640, 320), at=(150, 120))
(marked,) = infer(plain, "rapidocr-det", x=pixels(page)).values()
assert marked.shape == (1, 1, 320, 640)
rows, columns = np.nonzero(marked[0, 0] > 0.3)
truth = ImageDraw.Draw(page).textbbox((150, 120), "Hello 你好 world", font=font)
box = (columns.min(), rows.min(), columns.max(), rows.max())
assert all(abs(found - true) < 25 for found, true in zip(box, truth)), (box, truth)
(empty,) = infer(plain, "rapidocr-det", x=pixels(Image.new("RGB", (640, 320), "white"))).values()
assert empty.max() < 0.3

# Which way up a line is.
for text in ("Hello world", "人工智能"):
    upright = line(text).crop((0, 0, 192, 48)) if line(text).width > 192 else line(text, 192)
    for image, label in ((upright, "0"), (upright.rotate(180), "180")):
        (scores,) = infer(remote, "rapidocr-cls", x=pixels(image)).values()
        assert ["0", "180"][int(scores[0].argmax())] == label, (text, label, scores)
print("every model answered")
