"""A text as token files by characters, as the daemon reads them."""
import ctypes
import ctypes.util
import json
import struct


def write_tokens(file, ids, vocabulary):
    data = struct.pack(f"<{len(ids)}H", *ids)
    library = ctypes.CDLL(ctypes.util.find_library("xxhash") or "libxxhash.so.0")
    library.XXH3_64bits.restype = ctypes.c_uint64
    library.XXH3_64bits.argtypes = (ctypes.c_char_p, ctypes.c_size_t)
    file.write_bytes(data)
    manifest = {"format": 1, "dtype": "uint16", "tokens": len(ids), "vocabulary": vocabulary,
                "tokenizer": "characters", "bytes_of_text": len(ids),
                "xxh3": f"{library.XXH3_64bits(data, len(data)):016x}"}
    file.with_name(file.name + ".json").write_text(json.dumps(manifest), encoding="utf-8")


def prepare(text, folder):
    """FOLDER/train.bin, the first 90 %, and FOLDER/val.bin; the number of different characters."""
    folder.mkdir(parents=True, exist_ok=True)
    content = text.read_text(encoding="utf-8")
    characters = sorted(set(content))
    index = {character: i for i, character in enumerate(characters)}
    ids = [index[character] for character in content]
    cut = len(ids) * 9 // 10
    write_tokens(folder / "train.bin", ids[:cut], len(characters))
    write_tokens(folder / "val.bin", ids[cut:], len(characters))
    return len(characters)
