"""Descriptions and invites once more, written from docs/protocol.md alone: what Brigade makes must
be understood here, and what is made here by Brigade.

Python has no Ed25519: the openssl program signs and checks.
"""

import base64
import hashlib
import pathlib
import subprocess
import tempfile

VARINT, BYTES = 0, 2  # Protobuf's wire types that are in use here
PUBLIC_KEY_INFO = bytes.fromhex("302a300506032b6570032100")  # an Ed25519 key in DER, before the key


def to_varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def from_varint(data, at):
    number = shift = 0
    while True:
        number |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return number, at


def encode(fields):
    """[(number, int or bytes)] as a message."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += to_varint(number << 3 | VARINT) + to_varint(value)
        else:
            out += to_varint(number << 3 | BYTES) + to_varint(len(value)) + value
    return out


def decode(data):
    fields, at = [], 0
    while at < len(data):
        tag, at = from_varint(data, at)
        if tag & 7 == VARINT:
            value, at = from_varint(data, at)
        else:
            assert tag & 7 == BYTES, tag
            size, at = from_varint(data, at)
            value, at = data[at:at + size], at + size
        fields.append((tag >> 3, value))
    return fields


def signed_bytes(name, content):
    return b"brigade " + name.encode() + b"\0" + content


def openssl(*arguments, **files):
    """Runs it with each of `files` written to a file that {name} in an argument stands for."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: pathlib.Path(folder, name) for name in files}
        for name, data in files.items():
            paths[name].write_bytes(data)
        return subprocess.run(["openssl", *(a.format(**paths) for a in arguments)],
                              capture_output=True, check=False)


def sign(pem, name, content):
    """The statement, with the private key in `pem`."""
    done = openssl("pkeyutl", "-sign", "-rawin", "-inkey", "{key}", "-in", "{said}",
                   key=pem, said=signed_bytes(name, content))
    assert done.returncode == 0, done.stderr
    return encode([(1, content), (2, done.stdout)])


def public_key(pem):
    done = openssl("pkey", "-in", "{key}", "-pubout", "-outform", "DER", key=pem)
    assert done.stdout.startswith(PUBLIC_KEY_INFO), done.stderr
    return done.stdout[len(PUBLIC_KEY_INFO):]


def is_signed_by(key, name, content, signature):
    done = openssl("pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", "{key}",
                   "-in", "{said}", "-sigfile", "{signature}", key=PUBLIC_KEY_INFO + key,
                   said=signed_bytes(name, content), signature=signature)
    return done.returncode == 0


def read_statement(name, data):
    """The content's fields, its signature found good."""
    (one, content), (two, signature) = decode(data)
    assert (one, two, len(signature)) == (1, 2, 64)
    fields = decode(content)
    assert is_signed_by(dict(fields)[1], name, content, signature)
    return fields


def swarm_id(key, nonce):
    return hashlib.sha256(b"brigade swarm id v1\0" + key + nonce).digest()


def to_line(statement):
    whole = statement + hashlib.sha256(statement).digest()[:4]
    return "brigade1-" + base64.urlsafe_b64encode(whole).decode().rstrip("=")


def from_line(line):
    text = "".join(line.split())
    assert text.startswith("brigade1-")
    text = text[len("brigade1-"):]
    whole = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    assert hashlib.sha256(whole[:-4]).digest()[:4] == whole[-4:]
    return whole[:-4]
